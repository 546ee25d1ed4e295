package org.consentry.ui

import android.content.Intent
import android.os.Bundle
import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.AbsoluteSizeSpan
import android.text.style.ForegroundColorSpan
import android.view.View
import android.widget.Button
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.StoreState
import org.consentry.engine.Term
import org.consentry.vpn.Screens

/** One service: what it does, what stops without it, the owner's consent, and what was seen of it. */
class ServiceActivity : Screen() {
    private lateinit var id: String
    private lateinit var messages: MessageBar
    private lateinit var actions: ConsentActions
    private lateinit var texts: ServiceTexts
    private lateinit var choices: RadioGroup
    private lateinit var sections: ServiceEvidenceView
    private var decisions = Decisions.UNKNOWN
    private var evidence: Evidence? = null
    private var shown: Service? = null
    private var isFilling = false

    /** What a notification asked for and the owner has yet to confirm. */
    private var asked: Term? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_service)
        id = intent.getStringExtra(Screens.EXTRA_SERVICE).orEmpty()
        messages = findViewById(R.id.messages)
        texts = ServiceTexts(this, times)
        actions = ConsentActions(this, model, messages) { shown?.let(::fillConsent) }
        choices = findViewById(R.id.choices)
        sections = ServiceEvidenceView(
            findViewById(R.id.service_column),
            this,
            object : ServiceEvidenceView.Actions {
                override fun forApp(app: String, choice: AppChoice) = chooseForApp(app, choice)
            },
        )
        listOf(R.id.title, R.id.does_head, R.id.without_head, R.id.consent_head).forEach {
            findViewById<TextView>(it).asHeading()
        }
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        findViewById<View>(R.id.share).apply {
            isShownHere = true
            setOnClickListener { shown?.let(::share) }
        }
        choices.setOnCheckedChangeListener { _, choice -> if (!isFilling) choose(choice) }
        Insets.padAll(findViewById(R.id.root), findViewById(R.id.frame))
        if (savedInstanceState == null) asked = wantedTerm(intent)
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        id = intent.getStringExtra(Screens.EXTRA_SERVICE).orEmpty()
        asked = wantedTerm(intent)
        shown = null
        evidence = null
        show(model.state.value)
    }

    private fun wantedTerm(intent: Intent): Term? =
        intent.getStringExtra(Screens.EXTRA_ALLOW_FOR)?.let { name -> Term.entries.find { it.name == name } }

    override fun onObserve() {
        whileShown(model.state.observe(::show))
        whileShown(labels.observe { shown?.let(::fillEvidence) })
    }

    private fun show(state: EngineState) {
        val service = state.service(id)
        findViewById<View>(R.id.service_column).isShownHere = service != null
        EmptyView(findViewById(R.id.service_empty)).apply {
            val store = state.store
            when {
                service != null -> hide()
                store is StoreState.Unreadable -> failed(sentence(store.failure)) { model.open() }
                store == StoreState.Opening || state.services.isEmpty() -> reading(R.string.loading_services)
                else -> nothing(R.drawable.ic_services, getString(R.string.service_gone))
            }
        }
        if (service == null) return
        val before = shown
        shown = service
        fill(service, state)
        if (before != service || evidence == null) read(service)
        asked?.let { term ->
            asked = null
            allow(service, term)
        }
    }

    private fun read(service: Service) {
        model.history(service.id) { read ->
            if (isDestroyed || read !is Outcome.Done) return@history
            decisions = Decisions(read.value)
            shown?.let(::fillConsent)
            shown?.let { sections.showHistory(it, decisions) }
        }
        EvidenceReader(model, service.id) { read ->
            if (isDestroyed) return@EvidenceReader
            evidence = read ?: Evidence.NONE
            shown?.let(::fillEvidence)
        }.read()
    }

    private fun fill(service: Service, state: EngineState) {
        findViewById<TextView>(R.id.title).text = service.name
        findViewById<TextView>(R.id.subtitle).apply {
            isShownHere = true
            text = getString(R.string.run_by, service.vendor, getString(Purpose.of(service.category).text))
        }
        findViewById<TextView>(R.id.does).text = texts.does(service)
        findViewById<TextView>(R.id.without).text = texts.withoutIt(service)
        findViewById<TextView>(R.id.consent_badge).apply {
            text = resources.plural(R.plurals.attempts_in_7_days, service.attempts7Days)
            isShownHere = service.attempts7Days > 0
        }
        showBanner(state)
        showSharing(service, state)
        fillConsent(service)
        fillEvidence(service)
    }

    private fun showBanner(state: EngineState) {
        val note = findViewById<View>(R.id.service_banner)
        val banner = Banner.of(state)
        note.isShownHere = banner != null || state.strictPrivateDns != null
        note.findViewById<TextView>(R.id.note_text).setText(banner?.text ?: R.string.banner_private_dns)
        note.findViewById<Button>(R.id.note_action).apply {
            isShownHere = banner?.action != null
            banner?.action?.let(::setText)
            setOnClickListener { turnOn() }
        }
    }

    private fun showSharing(service: Service, state: EngineState) {
        val others = service.sharesWith.map { state.service(it)?.name ?: it }
        val note = findViewById<View>(R.id.service_shared)
        note.isShownHere = others.isNotEmpty()
        if (others.isNotEmpty()) {
            note.findViewById<TextView>(R.id.note_text).text = getString(R.string.shared_note, words.listed(others))
        }
    }

    private fun fillConsent(service: Service) {
        val decision = decisions.about(service.id, service.isEssential)
        val consent = service.consent
        val end = (consent as? ConsentState.Until)?.untilMs
        val length = (decision as? Decision.Allowed)?.let { Length.of(it.change) }
        // A time that is none of ours (a command may grant any) shows under the nearer of the two.
        val isHour = end != null && (length == Length.HOUR || (length != Length.QUARTER_HOUR && end - model.nowMs > QUARTER_MS))
        val endsAt = end?.let { getString(R.string.ends_at, times.moment(it)) }
        val off = if (consent is ConsentState.ForApps) {
            getString(R.string.some_apps_only)
        } else {
            texts.offLine(service, decision)
        }
        twoLines(R.id.choice_off, R.string.choice_off, off)
        twoLines(R.id.choice_15, R.string.choice_15, endsAt.takeIf { !isHour })
        twoLines(R.id.choice_hour, R.string.choice_hour, endsAt.takeIf { isHour })
        twoLines(R.id.choice_restart, R.string.choice_restart, null)
        twoLines(R.id.choice_on, R.string.choice_on, getString(R.string.choice_on_text))
        isFilling = true
        choices.check(
            when (consent) {
                ConsentState.Off, is ConsentState.ForApps -> R.id.choice_off
                is ConsentState.Until -> if (isHour) R.id.choice_hour else R.id.choice_15
                ConsentState.UntilRestart -> R.id.choice_restart
                ConsentState.On -> R.id.choice_on
            },
        )
        isFilling = false
        val canChoose = model.state.value.store == StoreState.Open
        for (index in 0 until choices.childCount) choices.getChildAt(index).isEnabled = canChoose
    }

    private fun twoLines(id: Int, name: Int, second: String?) {
        val words = SpannableStringBuilder(getString(name))
        if (second != null) {
            words.append('\n')
            val from = words.length
            words.append(second)
            val size = AbsoluteSizeSpan(resources.getDimensionPixelSize(R.dimen.second_text))
            words.setSpan(size, from, words.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
            words.setSpan(ForegroundColorSpan(colour(R.attr.textSecond)), from, words.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        }
        findViewById<RadioButton>(id).text = words
    }

    private fun fillEvidence(service: Service) = sections.show(service, evidence)

    private fun choose(choice: Int) {
        val service = shown ?: return
        if (choice == R.id.choice_off) {
            // What is shown is what holds, until it is done.
            fillConsent(service)
            actions.hold(service) { sayChoice(service, R.string.choice_off) }
            return
        }
        val term = when (choice) {
            R.id.choice_15 -> Term.QUARTER_HOUR
            R.id.choice_hour -> Term.HOUR
            R.id.choice_restart -> Term.RESTART
            else -> Term.FOREVER
        }
        fillConsent(service)
        allow(service, term)
    }

    private fun allow(service: Service, term: Term) = actions.allow(service, term) {
        sayChoice(
            service,
            when (term) {
                Term.QUARTER_HOUR -> R.string.choice_15
                Term.HOUR -> R.string.choice_hour
                Term.RESTART -> R.string.choice_restart
                Term.FOREVER -> R.string.choice_on
            },
        )
    }

    private fun sayChoice(before: Service, choice: Int) =
        actions.say(getString(R.string.choice_applied, before.name, getString(choice)), actions.undoOf(before))

    private fun chooseForApp(app: String, choice: AppChoice) {
        val service = shown ?: return
        val done = { actions.say(getString(R.string.app_applied, service.name, labels.name(app), getString(choice.text)), null) }
        when (choice) {
            AppChoice.ALLOWED -> actions.forApp(service, app, allowed = true, done = done)
            AppChoice.AS_ABOVE -> actions.forApp(service, app, allowed = false, done = done)
        }
    }

    private fun share(service: Service) {
        val text = getString(R.string.share_service, service.name, service.vendor, texts.does(service), texts.withoutIt(service))
        share(text)
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (messages.isUp) messages.hide() else super.onBackPressed()
    }

    private companion object {
        const val QUARTER_MS = 15 * 60_000L
    }
}
