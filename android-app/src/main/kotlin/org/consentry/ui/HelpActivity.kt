package org.consentry.ui

import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.view.LayoutInflater
import android.widget.Button
import android.widget.LinearLayout
import org.consentry.R
import org.consentry.health.Phone
import org.consentry.health.SystemPages

/** Something to be set in the phone's own settings: what for, the steps, and what older versions call it. */
enum class Help(val title: Int, val why: Int, val steps: List<Int>, val older: Int?) {
    AUTOSTART(
        R.string.help_autostart,
        R.string.help_autostart_why,
        listOf(R.string.help_autostart_1, R.string.help_autostart_2, R.string.help_autostart_3),
        R.string.help_autostart_older,
    ),
    BATTERY(
        R.string.help_battery,
        R.string.help_battery_why,
        listOf(R.string.help_battery_1, R.string.help_battery_2, R.string.help_battery_3),
        older = null,
    ),
    RECENTS(
        R.string.help_recents,
        R.string.help_recents_why,
        listOf(R.string.help_recents_1, R.string.help_recents_2, R.string.help_recents_3),
        R.string.help_recents_older,
    ),
    VPN(
        R.string.help_vpn,
        R.string.help_vpn_why,
        listOf(R.string.help_vpn_1, R.string.help_vpn_2, R.string.help_vpn_3),
        older = null,
    ),
    ;

    /** The steps on this phone: other makers than Xiaomi keep to Android's words. */
    fun stepsOn(phone: Phone): List<Int> = if (this == BATTERY && !phone.isXiaomi) {
        listOf(R.string.help_battery_other_1, R.string.help_battery_other_2, R.string.help_battery_other_3)
    } else {
        steps
    }
}

/** How to set something in the phone's settings, step by step, and a way there. */
class HelpActivity : PageScreen(R.string.help_title) {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        val help = Help.entries.find { it.name == intent.getStringExtra(EXTRA_HELP) } ?: Help.VPN
        showTitle(words(help.title))
        rows.text(words(help.why))
        help.stepsOn(Phone.THIS).forEachIndexed { index, step ->
            rows.fact(getString(R.string.help_step, Numbers.of(index + 1), words(step)))
        }
        help.older?.takeIf { Phone.THIS.isXiaomi }?.let { rows.text(words(it)) }
        rows.text(words(R.string.help_names_differ))
        rows.place()
        buttons(help)
    }

    private fun buttons(help: Help) {
        val page = findViewById<LinearLayout>(R.id.page)
        LayoutInflater.from(this).inflate(R.layout.page_buttons, page)
        val pages = when (help) {
            Help.AUTOSTART -> SystemPages.autostart(this)
            Help.BATTERY -> SystemPages.battery(this)
            Help.VPN -> SystemPages.vpn
            Help.RECENTS -> emptyList()
        }
        findViewById<Button>(R.id.page_main).apply {
            isShownHere = pages.isNotEmpty()
            setText(R.string.open_settings)
            setOnClickListener { openFirst(pages) }
        }
        findViewById<Button>(R.id.page_done).apply {
            setText(R.string.it_is_done)
            setOnClickListener {
                Preferences.of(this@HelpActivity).change { said(it, help) }
                finish()
            }
        }
        findViewById<Button>(R.id.page_later).apply {
            setText(R.string.not_now)
            setOnClickListener { finish() }
        }
    }

    /** What the phone tells itself need not be remembered. */
    private fun said(before: Remembered, help: Help): Remembered = when (help) {
        Help.AUTOSTART -> before.copy(autostartDoneMs = model.nowMs)
        Help.RECENTS -> before.copy(recentsDoneMs = model.nowMs)
        Help.BATTERY, Help.VPN -> before
    }

    companion object {
        private const val EXTRA_HELP = "help"

        /** Shows this help. */
        fun intent(context: Context, help: Help): Intent =
            Intent(context, HelpActivity::class.java).putExtra(EXTRA_HELP, help.name)
    }
}
