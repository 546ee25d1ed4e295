package org.consentry.ui

import android.os.Build
import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher
import org.consentry.R
import org.consentry.engine.Protection

/** What Consentry does, and why Android asks about a VPN. */
class OnboardingActivity : Screen() {
    private class Point(val icon: Int, val title: Int, val text: Int)

    private class Page(val title: Int, val text: Int, val hasPicture: Boolean, val isFirstGreen: Int, val points: List<Point>)

    private val pages = listOf(
        Page(
            R.string.intro_title,
            R.string.intro_text,
            hasPicture = true,
            isFirstGreen = 3,
            listOf(
                Point(R.drawable.ic_check, R.string.intro_decide, R.string.intro_decide_text),
                Point(R.drawable.ic_log, R.string.intro_see, R.string.intro_see_text),
                Point(R.drawable.ic_phone, R.string.intro_stays, R.string.intro_stays_text),
            ),
        ),
        Page(
            R.string.vpn_title,
            R.string.vpn_text,
            hasPicture = false,
            isFirstGreen = 1,
            listOf(
                Point(R.drawable.ic_phone, R.string.vpn_inside, R.string.vpn_inside_text),
                Point(R.drawable.ic_key, R.string.vpn_key, R.string.vpn_key_text),
                Point(R.drawable.ic_info, R.string.vpn_one, R.string.vpn_one_text),
                Point(R.drawable.ic_help, R.string.vpn_blind, R.string.vpn_blind_text),
            ),
        ),
    )

    private var page = 0
    private var back: OnBackInvokedCallback? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_onboarding)
        page = (savedInstanceState?.getInt(EXTRA_PAGE) ?: intent.getIntExtra(EXTRA_PAGE, 0)).coerceIn(pages.indices)
        findViewById<Button>(R.id.previous).setOnClickListener { turn(page - 1) }
        findViewById<Button>(R.id.next).setOnClickListener { if (page < pages.lastIndex) turn(page + 1) else ask() }
        val dots = findViewById<LinearLayout>(R.id.dots)
        repeat(pages.size) { dots.addView(LayoutInflater.from(this).inflate(R.layout.dot, dots, false)) }
        Insets.padAll(findViewById(R.id.root), findViewById(R.id.foot))
        turn(page)
    }

    private fun turn(to: Int) {
        page = to
        val shown = pages[page]
        findViewById<View>(R.id.picture).isShownHere = shown.hasPicture
        findViewById<TextView>(R.id.title).apply {
            setText(shown.title)
            asHeading()
        }
        findViewById<TextView>(R.id.text).setText(shown.text)
        val points = findViewById<LinearLayout>(R.id.points)
        points.removeAllViews()
        shown.points.forEachIndexed { index, point ->
            val row = LayoutInflater.from(this).inflate(R.layout.row_point, points, false)
            row.findViewById<ImageView>(R.id.icon).apply {
                setImageResource(point.icon)
                showAllowed(index < shown.isFirstGreen)
            }
            row.findViewById<TextView>(R.id.name).setText(point.title)
            row.findViewById<TextView>(R.id.second).setText(point.text)
            points.addView(row)
        }
        findViewById<Button>(R.id.previous).isShownHere = page > 0
        findViewById<Button>(R.id.next).setText(if (page < pages.lastIndex) R.string.next else R.string.continue_on)
        val dots = findViewById<LinearLayout>(R.id.dots)
        dots.contentDescription = getString(R.string.page_of, Numbers.of(page + 1), Numbers.of(pages.size))
        for (index in pages.indices) {
            (dots.getChildAt(index) as ImageView).setImageResource(if (index == page) R.drawable.dot_here else R.drawable.dot)
        }
        findViewById<ScrollView>(R.id.scroll).scrollTo(0, 0)
        backMayHaveChanged()
    }

    private fun ask() {
        Preferences.of(this).change { it.copy(introduced = true) }
        if (model.state.value.protection.isActive) {
            finish()
            return
        }
        turnOn()
        // Without a question from Android there is nothing to wait for.
        if (model.state.value.protection.let { it == Protection.Starting || it is Protection.On }) finish()
    }

    override fun onObserve() {
        whileShown(
            model.state.observe {
                if (isAsked && (it.protection.isActive || it.protection == Protection.LockedByAnotherVpn)) finish()
            },
        )
    }

    private val isAsked: Boolean get() = Preferences.of(this).now?.introduced == true && page == pages.lastIndex

    override fun onVpnAnswered(allowed: Boolean) = finish()

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putInt(EXTRA_PAGE, page)
    }

    private fun backMayHaveChanged() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU) return
        val registered = back
        if (page > 0 && registered == null) {
            val callback = OnBackInvokedCallback { turn(page - 1) }
            onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, callback)
            back = callback
        } else if (page == 0 && registered != null) {
            onBackInvokedDispatcher.unregisterOnBackInvokedCallback(registered)
            back = null
        }
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (page > 0) turn(page - 1) else super.onBackPressed()
    }

    companion object {
        /** Which page to begin with. */
        const val EXTRA_PAGE = "page"
    }
}
