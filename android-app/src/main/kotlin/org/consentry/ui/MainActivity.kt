package org.consentry.ui

import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.LinearLayout
import android.window.OnBackInvokedCallback
import android.window.OnBackInvokedDispatcher
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.health.Phone
import org.consentry.health.PhoneFacts
import org.consentry.vpn.Screens

/** Home, Services, Log and Health. */
class MainActivity : Screen() {
    private lateinit var content: ViewGroup
    private lateinit var bar: TabBar
    private val tabs = arrayOfNulls<Tab>(TABS)
    private var shown = HOME
    private var saved: Bundle? = null
    private var back: OnBackInvokedCallback? = null

    /** Beside the lists, where the screen is wide enough. */
    private var pane: DetailPane? = null

    /** Says what was done. */
    lateinit var messages: MessageBar
        private set

    /** Writes the log to a file. */
    lateinit var logExport: LogExport
        private set

    /** What the phone's settings are; null until they have been read. */
    var facts: PhoneFacts? = null
        private set

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        content = findViewById(R.id.content)
        bar = findViewById(R.id.tabs)
        messages = findViewById(R.id.messages)
        logExport = LogExport(this, model, messages)
        savedInstanceState?.let(logExport::restore)
        messages.onChange = {
            backMayHaveChanged()
            messages.post { tabs[shown]?.onMessage(if (messages.isUp) messages.height else 0) }
        }
        bar.add(R.string.tab_home, R.drawable.ic_home)
        bar.add(R.string.tab_services, R.drawable.ic_services)
        bar.add(R.string.tab_log, R.drawable.ic_log)
        bar.add(R.string.tab_health, R.drawable.ic_health)
        bar.onTap = { if (it == shown) tab(it).scrollToTop() else showTab(it) }
        saved = savedInstanceState
        pane = findViewById<ViewGroup?>(R.id.pane)?.let { DetailPane(this, it, content, model) }
        savedInstanceState?.let { pane?.restore(it) }
        showTab(savedInstanceState?.getInt(SHOWN) ?: wanted(intent) ?: HOME)
        pad()
        if (savedInstanceState == null) {
            introduce()
            askTurnOff(intent)
        }
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        wanted(intent)?.let(::showTab)
        askTurnOff(intent)
    }

    /** The tile asks, or another app did. */
    private fun askTurnOff(intent: Intent) {
        val isAsked = intent.getBooleanExtra(Screens.EXTRA_TURN_OFF, false)
        if (isAsked && model.state.value.protection.isActive) (tab(HOME) as HomeTab).turnOff()
    }

    override fun onObserve() {
        whileShown(model.state.observe(::show))
        whileShown(
            labels.observe {
                tabs[shown]?.onLabels()
                pane?.onLabels()
            },
        )
        FileWorkView(this, messages).observe()
        PhoneFacts.read(this) { read ->
            if (isDestroyed) return@read
            facts = read
            val state = model.state.value
            Preferences.of(this).change { before ->
                val after = before.afterReading(read, model.nowMs)
                after.copy(putOff = after.putOff - Advice.over(state, read, after))
            }
            show(state)
        }
    }

    /** What the owner sees of the catalogue for the first time is not new: only what comes later is. */
    private fun firstLook(state: EngineState) = Preferences.of(this).whenRead {
        if (it.knownServices.isEmpty() && state.services.isNotEmpty()) newServicesSeen()
    }

    /** The owner knows all services there are. */
    fun newServicesSeen() {
        val all = model.state.value.services.map { it.id }.toSet()
        Preferences.of(this).change { it.copy(knownServices = all) }
    }

    /** Shows the services that are new in the catalogue. */
    fun showNewServices() {
        showTab(SERVICES)
        (tab(SERVICES) as ServicesTab).showNew()
    }

    /** Shows how to set something, step by step. */
    fun openHelp(help: Help) = startActivity(HelpActivity.intent(this, help))

    private fun show(state: EngineState) {
        firstLook(state)
        tabs[shown]?.show(state)
        pane?.show(state)
        val remembered = Preferences.of(this).now ?: Remembered()
        val toDo = facts?.let { HealthCheck.of(state, it, Phone.THIS, Build.VERSION.SDK_INT, remembered) }.orEmpty()
        bar.badge(HEALTH, toDo.count { it.standing == HealthCheck.Standing.NEEDS_YOU })
    }

    /** Shows a tab. */
    fun showTab(index: Int) {
        val tab = tab(index)
        shown = index
        bar.shown = index
        tabs.forEachIndexed { other, view -> view?.view?.isShownHere = other == index }
        pane?.standBeside(isListShown)
        tab.show(model.state.value)
        backMayHaveChanged()
    }

    /** Shows the log: of one day, by a time that lies in it, or as it was left. */
    fun showLog(ms: Long?) {
        showTab(LOG)
        if (ms != null) (tab(LOG) as LogTab).showDay(ms)
    }

    /** Shows a service beside the list, or on a screen of its own. */
    fun openService(id: String) {
        val pane = pane.takeIf { isListShown } ?: return startActivity(Screens.service(this, id))
        pane.openService(id)
        backMayHaveChanged()
    }

    /** Shows an attempt beside the list, or on a screen of its own. */
    fun openAttempt(entry: LogEntry) {
        val pane = pane.takeIf { isListShown } ?: return startActivity(AttemptActivity.intent(this, entry))
        pane.openAttempt(entry)
        backMayHaveChanged()
    }

    private val isListShown: Boolean get() = shown == SERVICES || shown == LOG

    /** Shows when nothing was held back, and why. */
    fun openGaps() = startActivity(Intent(this, GapsActivity::class.java))

    /** Shows the settings. */
    fun openSettings() = startActivity(Intent(this, SettingsActivity::class.java))

    private fun tab(index: Int): Tab = tabs[index] ?: newTab(index).also { tab ->
        tabs[index] = tab
        // Below the message bar, which stays the last.
        content.addView(tab.view, content.childCount - 1)
        saved?.getBundle(TAB + index)?.let(tab::restore)
    }

    private fun newTab(index: Int): Tab = when (index) {
        SERVICES -> ServicesTab(this, content, model)
        LOG -> LogTab(this, content, model)
        HEALTH -> HealthTab(this, content, model)
        else -> HomeTab(this, content, model)
    }

    private fun pad() {
        val isRail = bar.orientation == LinearLayout.VERTICAL
        Insets.pad(findViewById(R.id.root)) { height, isKeyboard ->
            if (isRail) {
                content.setPadding(0, 0, 0, height)
                findViewById<View?>(R.id.pane)?.setPadding(0, 0, 0, height)
            } else {
                // While something is searched for, the keyboard takes the bar's place.
                bar.isShownHere = !isKeyboard
                bar.setPadding(0, 0, 0, height)
                content.setPadding(0, 0, 0, if (isKeyboard) height else 0)
            }
        }
    }

    private fun introduce() = Preferences.of(this).whenRead {
        if (!it.introduced && !isDestroyed) startActivity(Intent(this, OnboardingActivity::class.java))
    }

    private fun wanted(intent: Intent): Int? = when (intent.getStringExtra(Screens.EXTRA_TAB)) {
        "home" -> HOME
        "services" -> SERVICES
        "log" -> LOG
        "health" -> HEALTH
        else -> null
    }

    private val canGoBack: Boolean
        get() = tabs[shown]?.canGoBack == true || messages.isUp || pane?.isOpen == true || shown != HOME

    /** Back closes a search, then the message, then what stands beside the list, then the tab. */
    private fun goBack() {
        val tab = tabs[shown]
        when {
            tab?.canGoBack == true -> tab.goBack()
            messages.isUp -> messages.hide()
            pane?.isOpen == true -> {
                pane?.close()
                backMayHaveChanged()
            }
            else -> showTab(HOME)
        }
    }

    /** The system asks for back only while there is something to close, so that it can show where back leads otherwise. */
    fun backMayHaveChanged() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU) return
        val dispatcher = onBackInvokedDispatcher
        val registered = back
        if (canGoBack && registered == null) {
            val callback = OnBackInvokedCallback(::goBack)
            dispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, callback)
            back = callback
        } else if (!canGoBack && registered != null) {
            dispatcher.unregisterOnBackInvokedCallback(registered)
            back = null
        }
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (canGoBack) goBack() else super.onBackPressed()
    }

    override fun onDocument(what: Int, file: Uri) {
        if (!logExport.onDocument(what, file)) pane?.onDocument(what, file)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        logExport.save(outState)
        pane?.save(outState)
        outState.putInt(SHOWN, shown)
        for (index in 0 until TABS) {
            // A tab that was not shown since the last time keeps what was saved then.
            val state = tabs[index]?.let { tab -> Bundle().also(tab::save) } ?: saved?.getBundle(TAB + index)
            if (state != null) outState.putBundle(TAB + index, state)
        }
    }

    companion object {
        /** The places of the tabs. */
        const val HOME = 0
        const val SERVICES = 1
        const val LOG = 2
        const val HEALTH = 3
        private const val TABS = 4
        private const val SHOWN = "shown"
        private const val TAB = "tab"
    }
}
