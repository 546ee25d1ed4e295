package org.consentry.ui

import android.content.res.ColorStateList
import android.os.Build
import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.RadioGroup
import android.widget.ScrollView
import android.widget.TextView
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher
import org.consentry.R
import org.consentry.engine.CatalogueTexts
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Service
import org.consentry.engine.Term
import org.consentry.health.Phone
import org.consentry.health.PhoneFacts
import org.consentry.health.SystemPages

/** What Consentry does, what changes today, why Android asks about a VPN, and what keeps it awake. */
class OnboardingActivity : Screen() {
    private lateinit var points: LinearLayout
    private lateinit var rows: PageRows
    private lateinit var choice: RadioGroup
    private lateinit var actions: ConsentActions
    private lateinit var messages: MessageBar
    private var page = 0
    private var goesThroughGroups = false
    private var facts: PhoneFacts? = null

    /** What the page shown was made from: it is made anew only when that has changed. */
    private var made: Any? = null
    private var back: OnBackInvokedCallback? = null

    private val pages: List<IntroPage> get() = IntroPage.all(goesThroughGroups, model.state.value.services)

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_onboarding)
        points = findViewById(R.id.points)
        rows = PageRows(findViewById(R.id.intro_rows))
        choice = findViewById(R.id.begin_choice)
        messages = findViewById(R.id.messages)
        actions = ConsentActions(this, model, messages) { show(model.state.value) }
        goesThroughGroups = savedInstanceState?.getBoolean(GROUPS) ?: false
        page = savedInstanceState?.getInt(EXTRA_PAGE) ?: intent.getIntExtra(EXTRA_PAGE, 0)
        choice.check(if (goesThroughGroups) R.id.begin_groups else R.id.begin_all)
        choice.setOnCheckedChangeListener { _, chosen ->
            goesThroughGroups = chosen == R.id.begin_groups
            show(model.state.value)
        }
        findViewById<Button>(R.id.previous).setOnClickListener { turn(page - 1) }
        findViewById<Button>(R.id.next).setOnClickListener { goOn() }
        Insets.padAll(findViewById(R.id.root), findViewById(R.id.foot))
    }

    override fun onObserve() {
        whileShown(model.state.observe(::show))
        PhoneFacts.read(this) {
            if (isDestroyed) return@read
            facts = it
            show(model.state.value)
        }
    }

    private fun turn(to: Int) {
        page = to
        messages.hide()
        findViewById<ScrollView>(R.id.scroll).scrollTo(0, 0)
        show(model.state.value)
    }

    private fun show(state: EngineState) {
        val pages = pages
        page = page.coerceIn(pages.indices)
        val shown = pages[page]
        val from = listOf(shown, goesThroughGroups, pages.size, facts, state.services.map { it.id to it.consent })
        if (from == made) return
        made = from
        findViewById<View>(R.id.picture).isShownHere = shown == IntroPage.Welcome
        choice.isShownHere = shown == IntroPage.Changes
        rows.clear()
        points.removeAllViews()
        when (shown) {
            IntroPage.Welcome -> say(R.string.intro_title, getString(R.string.intro_text), IntroPoint.WELCOME)
            IntroPage.Changes -> showChanges(state)
            is IntroPage.Group -> showGroup(shown.purpose, state)
            IntroPage.Vpn -> say(R.string.vpn_title, getString(R.string.vpn_text), IntroPoint.VPN)
            IntroPage.Awake -> showAwake()
        }
        rows.place()
        showFoot(pages)
        backMayHaveChanged()
    }

    private fun say(title: Int, words: String, all: List<IntroPoint>) {
        findViewById<TextView>(R.id.title).apply {
            setText(title)
            asHeading()
        }
        findViewById<TextView>(R.id.text).text = words
        for (point in all) {
            val row = LayoutInflater.from(this).inflate(R.layout.row_point, points, false)
            row.findViewById<ImageView>(R.id.icon).apply {
                setImageResource(point.icon)
                showAllowed(point.isGood)
                if (point.isAdvice) {
                    backgroundTintList = ColorStateList.valueOf(colour(R.attr.attention))
                    imageTintList = ColorStateList.valueOf(colour(R.attr.onAttention))
                }
            }
            row.findViewById<TextView>(R.id.name).setText(point.title)
            row.findViewById<TextView>(R.id.second).setText(point.text)
            points.addView(row)
        }
    }

    private fun showChanges(state: EngineState) {
        val held = state.services.count { !it.isEssential }.toLong()
        val words = if (held == 0L) getString(R.string.changes_text) else resources.plural(R.plurals.changes_text_n, held)
        say(R.string.changes_title, words, IntroPoint.changes(Phone.THIS))
        if (!goesThroughGroups) {
            val push = IntroPage.pushServices(state.services, Phone.THIS)
            if (push.isNotEmpty()) rows.head(getString(R.string.changes_allow_now))
            for (service in push) pushSwitch(service, state)
        }
        val needed = state.services.count { it.isEssential }.toLong()
        if (needed > 0) rows.text(resources.plural(R.plurals.changes_needed, needed))
    }

    private fun pushSwitch(service: Service, state: EngineState) {
        val needs = IntroPage.neededBy(service, state.services)
        val row = rows.switch(service.name) { on ->
            if (on) {
                actions.allow(service, Term.FOREVER) { if (needs != null && !needs.isAllowed) allowToo(needs) }
            } else {
                actions.hold(service) {}
            }
        }
        row.isOn = service.isAllowed
        row.second = if (needs != null && service.isAllowed && needs.isAllowed) {
            getString(R.string.changes_also_allows, needs.name)
        } else {
            getString(R.string.changes_push_by, service.vendor)
        }
    }

    /** It was said on the row; whoever agreed to the one agreed to what it needs. */
    private fun allowToo(service: Service) = model.grant(service.id, null, Term.FOREVER) {
        if (it is Outcome.Failed && !isDestroyed) messages.show(sentence(it.failure))
    }

    private fun showGroup(purpose: Purpose, state: EngineState) {
        val services = state.services.filter { !it.isEssential && Purpose.of(it.category) == purpose }
        say(purpose.text, resources.plural(R.plurals.group_text, services.size.toLong()), emptyList())
        for (service in services) {
            val row = rows.switch(service.name) { on ->
                if (on) actions.allow(service, Term.FOREVER) {} else actions.hold(service) {}
            }
            row.isOn = service.isAllowed
            row.second = getString(R.string.group_service, service.vendor, CatalogueTexts.of(this).does(service))
        }
    }

    private fun showAwake() {
        val isXiaomi = Phone.THIS.isXiaomi
        say(
            R.string.awake_title,
            getString(if (isXiaomi) R.string.awake_text else R.string.awake_text_other),
            emptyList(),
        )
        rows.head(getString(R.string.awake_settings))
        if (isXiaomi) {
            awake(R.drawable.ic_restart, R.string.help_autostart, R.string.awake_autostart, facts?.autostart == true) {
                openFirst(SystemPages.autostart(this))
            }
        }
        awake(R.drawable.ic_battery, R.string.awake_battery, R.string.awake_battery_text, facts?.isBatteryFree == true) {
            openFirst(SystemPages.battery(this))
        }
        if (isXiaomi) {
            awake(R.drawable.ic_lock, R.string.help_recents, R.string.awake_recents, isDone = false, R.string.how) {
                startActivity(HelpActivity.intent(this, Help.RECENTS))
            }
        }
        awake(R.drawable.ic_shield, R.string.help_vpn, R.string.awake_vpn, model.state.value.alwaysOn?.lockdown == true) {
            openFirst(SystemPages.vpn)
        }
    }

    private fun awake(icon: Int, name: Int, text: Int, isDone: Boolean, button: Int = R.string.open, run: () -> Unit) {
        val row = rows.fact(getString(name))
        row.second = getString(text)
        row.picture {
            it.setImageResource(icon)
            it.showAllowed(isDone)
        }
        if (isDone) row.tick() else row.button(getString(button), getString(R.string.check_label, getString(button), getString(name)), run)
    }

    private fun showFoot(pages: List<IntroPage>) {
        val isLast = page == pages.lastIndex
        findViewById<Button>(R.id.previous).isShownHere = page > 0 && !isLast
        findViewById<Button>(R.id.next).setText(
            when (pages[page]) {
                IntroPage.Vpn -> R.string.continue_on
                IntroPage.Awake -> R.string.finish
                else -> R.string.next
            },
        )
        val place = getString(R.string.page_of, Numbers.of(page + 1), Numbers.of(pages.size))
        val dots = findViewById<LinearLayout>(R.id.dots)
        val words = findViewById<TextView>(R.id.dots_text)
        // Dots that cannot be counted at a glance say less than numbers.
        val isCountable = pages.size <= MOST_DOTS
        dots.isShownHere = isCountable
        words.isShownHere = !isCountable
        words.text = place
        dots.contentDescription = place
        dots.removeAllViews()
        for (index in pages.indices) {
            val dot = LayoutInflater.from(this).inflate(R.layout.dot, dots, false) as ImageView
            dot.setImageResource(if (index == page) R.drawable.dot_here else R.drawable.dot)
            dots.addView(dot)
        }
    }

    private fun goOn() {
        val pages = pages
        when (pages[page]) {
            IntroPage.Vpn -> ask()
            IntroPage.Awake -> finishIntroduction()
            else -> turn(page + 1)
        }
    }

    /** Android's question, or the next page where there is none. */
    private fun ask() {
        remember()
        if (!model.state.value.protection.isActive) turnOn()
        if (model.state.value.protection.let { it == Protection.Starting || it is Protection.On || it == Protection.LockedByAnotherVpn }) {
            turn(pages.lastIndex)
        }
    }

    // A refusal changes nothing here: Home says what it means.
    override fun onVpnAnswered(allowed: Boolean) = turn(pages.lastIndex)

    /** Notifications are asked for at the end, not in between. */
    override fun onStarted() = Unit

    private fun finishIntroduction() {
        remember()
        askForNotifications()
        finish()
    }

    private fun remember() = Preferences.of(this).change { it.copy(introduced = true) }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putInt(EXTRA_PAGE, page)
        outState.putBoolean(GROUPS, goesThroughGroups)
    }

    /** Whoever goes back from the first page before the end does not want the app now. */
    private val leavesApp: Boolean get() = page == 0 && Preferences.of(this).now?.introduced != true

    private fun goBack() = if (page > 0) turn(page - 1) else finishAffinity()

    private fun backMayHaveChanged() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU) return
        val registered = back
        val isWanted = page > 0 || leavesApp
        if (isWanted && registered == null) {
            val callback = OnBackInvokedCallback(::goBack)
            onBackInvokedDispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, callback)
            back = callback
        } else if (!isWanted && registered != null) {
            onBackInvokedDispatcher.unregisterOnBackInvokedCallback(registered)
            back = null
        }
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (page > 0 || leavesApp) goBack() else super.onBackPressed()
    }

    companion object {
        /** Which page to begin with. */
        const val EXTRA_PAGE = "page"

        /** The page about the VPN, for those who do not go through the groups. */
        const val VPN = 2
        private const val GROUPS = "groups"
        private const val MOST_DOTS = 6
    }
}
