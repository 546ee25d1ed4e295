package org.consentry.ui

import android.content.Intent
import android.content.res.ColorStateList
import android.os.Build
import android.os.Bundle
import android.view.Gravity
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.health.Phone
import org.consentry.health.SystemPages

/** What the phone's settings mean for protection, and the way to each of them. */
class HealthTab(screen: MainActivity, parent: ViewGroup, private val model: ConsentryModel) :
    Tab(screen, parent, R.layout.tab_health, R.string.tab_health) {
    private val checks: LinearLayout = view.findViewById(R.id.checks)
    private val toDo: TextView = view.findViewById(R.id.phone_to_do)
    private val limits: FoldHead = view.findViewById(R.id.limits_head)
    private val scroll: ScrollView = view.findViewById(R.id.health_scroll)

    private val coverageCard: View = view.findViewById(R.id.coverage)
    private val timeline: Timeline = view.findViewById(R.id.timeline)

    init {
        view.findViewById<TextView>(R.id.coverage_title).asHeading()
        view.findViewById<View>(R.id.see_gaps).setOnClickListener { screen.openGaps() }
        view.findViewById<TextView>(R.id.phone_title).apply {
            text = screen.getString(R.string.this_phone, Phone.THIS.brand.replaceFirstChar(Char::uppercaseChar))
            asHeading()
        }
        limits.folds(view.findViewById(R.id.limits_text))
    }

    override fun show(state: EngineState) {
        showCoverage(state)
        val remembered = Preferences.of(screen).now ?: Remembered()
        val all = HealthCheck.of(state, screen.facts, Phone.THIS, Build.VERSION.SDK_INT, remembered)
        val count = all.count { it.standing == HealthCheck.Standing.NEEDS_YOU }
        val words = when {
            screen.facts == null -> screen.getString(R.string.checking)
            count == 0 -> screen.getString(R.string.nothing_to_do)
            else -> screen.resources.plural(R.plurals.to_do, count.toLong())
        }
        if (toDo.text.toString() != words) toDo.text = words
        while (checks.childCount > all.size) checks.removeViewAt(checks.childCount - 1)
        while (checks.childCount < all.size) {
            checks.addView(LayoutInflater.from(screen).inflate(R.layout.row_check, checks, false).also(::arrange))
        }
        all.forEachIndexed { index, check ->
            fill(checks.getChildAt(index) as RowFrame, check)
            (checks.getChildAt(index) as RowFrame).place(index == 0, index == all.lastIndex)
        }
    }

    private fun showCoverage(state: EngineState) {
        val coverage = state.coverage
        val isKnown = coverage != null && coverage.percent != null
        coverageCard.isShownHere = isKnown
        if (coverage == null || !isKnown) return
        val days = Timeline.days(coverage, screen.times)
        val open = coverage.gaps.filter { it.isOpen }
        view.findViewById<TextView>(R.id.coverage_title).text = if (open.isEmpty()) {
            screen.resources.plural(R.plurals.no_gaps_in, days.size.toLong())
        } else {
            screen.resources.plural(R.plurals.protected_part, days.size.toLong(), Numbers.percent(coverage.percent ?: 0))
        }
        view.findViewById<TextView>(R.id.coverage_text).apply {
            isShownHere = open.isNotEmpty()
            val isClosed = state.alwaysOn?.lockdown == true
            text = screen.resources.plural(if (isClosed) R.plurals.gaps_closed else R.plurals.gaps_open, open.size.toLong())
        }
        timeline.days = days
        view.findViewById<View>(R.id.see_gaps).isShownHere = coverage.gaps.isNotEmpty()
    }

    override fun scrollToTop() = scroll.smoothScrollTo(0, 0)

    /** With large text the button stands below the words. */
    private fun arrange(row: View) {
        if (!screen.isTextLarge) return
        row.findViewById<LinearLayout>(R.id.row).gravity = Gravity.TOP
        (row.findViewById<View>(R.id.icon).layoutParams as LinearLayout.LayoutParams).topMargin =
            (TOP_DP * row.resources.displayMetrics.density).toInt()
        val end = row.findViewById<View>(R.id.end)
        (end.parent as ViewGroup).removeView(end)
        row.findViewById<LinearLayout>(R.id.texts).addView(
            end,
            LinearLayout.LayoutParams(LinearLayout.LayoutParams.WRAP_CONTENT, LinearLayout.LayoutParams.WRAP_CONTENT)
                .apply { gravity = Gravity.END },
        )
    }

    private fun fill(row: RowFrame, check: HealthCheck) {
        val name = screen.getString(check.name)
        val argument = check.timeMs?.let { screen.times.moment(it) } ?: check.argument
        val state = if (argument == null) screen.getString(check.state) else screen.getString(check.state, argument)
        val (ground, colour) = when (check.standing) {
            HealthCheck.Standing.OK -> R.attr.container to R.attr.onContainer
            HealthCheck.Standing.NEEDS_YOU -> R.attr.attention to R.attr.onAttention
            HealthCheck.Standing.UNKNOWN -> R.attr.high to R.attr.textSecond
        }
        row.findViewById<ImageView>(R.id.icon).apply {
            setImageResource(check.icon)
            backgroundTintList = ColorStateList.valueOf(screen.colour(ground))
            imageTintList = ColorStateList.valueOf(screen.colour(colour))
        }
        row.findViewById<TextView>(R.id.name).text = name
        row.findViewById<TextView>(R.id.second).text = state
        row.findViewById<View>(R.id.row).apply {
            contentDescription = screen.getString(R.string.check_label, name, state)
            isFocusable = false
        }
        row.findViewById<View>(R.id.tick).isShownHere = check.standing == HealthCheck.Standing.OK
        val opens = check.opens
        row.findViewById<Button>(R.id.fix).apply {
            isShownHere = check.standing == HealthCheck.Standing.NEEDS_YOU && opens != null
            setText(if (opens == HealthCheck.Page.PERMISSION) R.string.ask else R.string.fix)
            contentDescription = screen.getString(R.string.fix_label, name)
            setOnClickListener { opens?.let(::open) }
        }
        row.findViewById<Button>(R.id.check).apply {
            isShownHere = check.standing == HealthCheck.Standing.UNKNOWN && opens != null
            setText(R.string.check)
            contentDescription = screen.getString(R.string.check_label, screen.getString(R.string.check), name)
            setOnClickListener { opens?.let(::explain) }
        }
        row.findViewById<View>(R.id.end).isShownHere = check.standing == HealthCheck.Standing.OK || opens != null
    }

    /** Shows how it is done, step by step, where there is more to it than a page. */
    private fun explain(page: HealthCheck.Page) = when (page) {
        HealthCheck.Page.VPN -> screen.openHelp(Help.VPN)
        HealthCheck.Page.BATTERY -> screen.openHelp(Help.BATTERY)
        HealthCheck.Page.AUTOSTART -> screen.openHelp(Help.AUTOSTART)
        HealthCheck.Page.RECENTS -> screen.openHelp(Help.RECENTS)
        else -> open(page)
    }

    private fun open(page: HealthCheck.Page) {
        val pages: List<Intent> = when (page) {
            HealthCheck.Page.PERMISSION -> {
                screen.turnOn()
                return
            }
            HealthCheck.Page.VPN -> SystemPages.vpn
            HealthCheck.Page.RECENTS -> {
                screen.openHelp(Help.RECENTS)
                return
            }
            HealthCheck.Page.AUTOSTART -> SystemPages.autostart(screen)
            HealthCheck.Page.BACKGROUND -> listOf(SystemPages.app(screen))
            HealthCheck.Page.BATTERY -> SystemPages.battery(screen)
            HealthCheck.Page.NOTIFICATIONS -> SystemPages.notifications(screen)
            HealthCheck.Page.PRIVATE_DNS -> SystemPages.privateDns
        }
        screen.openFirst(pages)
    }

    override fun save(out: Bundle) {
        out.putInt(SCROLL, scroll.scrollY)
        out.putBoolean(LIMITS, limits.isOpen)
    }

    override fun restore(saved: Bundle) {
        limits.isOpen = saved.getBoolean(LIMITS)
        scroll.post { scroll.scrollTo(0, saved.getInt(SCROLL)) }
    }

    private companion object {
        const val TOP_DP = 10
        const val SCROLL = "scroll"
        const val LIMITS = "limits"
    }
}
