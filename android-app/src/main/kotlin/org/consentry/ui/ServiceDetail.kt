package org.consentry.ui

import android.net.Uri
import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.AbsoluteSizeSpan
import android.text.style.ForegroundColorSpan
import android.view.View
import android.widget.Button
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.ScrollView
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.StoreState
import org.consentry.engine.Term

/**
 * What a service's screen, or the pane beside the list, shows: what it does, what stops without it, the owner's consent, and
 * what was seen of it.
 *
 * @param view with the views of `service_detail`
 * @param head with those of `detail_bar`
 */
class ServiceDetail(
    private val screen: Screen,
    private val view: View,
    private val head: View,
    private val model: ConsentryModel,
    messages: MessageBar,
) {
    private val actions = ConsentActions(screen, model, messages) { shown?.let(::fillConsent) }
    private val texts = ServiceTexts(screen, screen.times)
    private val choices: RadioGroup = view.findViewById(R.id.choices)
    private val receipts = ReceiptExport(screen, model)
    private val sections = ServiceEvidenceView(
        view.findViewById(R.id.service_column),
        screen,
        object : ServiceEvidenceView.Actions {
            override fun forApp(app: String, choice: AppChoice) = chooseForApp(app, choice)
        },
    )

    /** Which service: its id; empty for none. */
    var id: String = ""
        private set
    private var decisions = Decisions.UNKNOWN
    private var evidence: Evidence? = null
    private var shown: Service? = null
    private var isFilling = false

    /** What a notification asked for and the owner has yet to confirm. */
    private var asked: Term? = null

    init {
        listOf(R.id.does_head, R.id.without_head, R.id.consent_head).forEach { view.findViewById<TextView>(it).asHeading() }
        head.findViewById<TextView>(R.id.title).asHeading()
        head.findViewById<View>(R.id.share).apply {
            isShownHere = true
            setOnClickListener { shown?.let(::share) }
        }
        view.findViewById<View>(R.id.export_receipt).setOnClickListener { receipts.ask(id) }
        choices.setOnCheckedChangeListener { _, choice -> if (!isFilling) choose(choice) }
    }

    /**
     * From the next [show] on it is about this service.
     *
     * @param ask whether to allow it so long at once, as a notification asked for
     */
    fun open(id: String, ask: Term? = null) {
        this.id = id
        asked = ask
        shown = null
        evidence = null
        view.findViewById<ScrollView>(R.id.service_scroll).scrollTo(0, 0)
    }

    /** The names of apps are there. */
    fun onLabels() {
        shown?.let(::fillEvidence)
    }

    /** A place for a file was chosen. */
    fun onDocument(what: Int, file: Uri) {
        receipts.onDocument(what, file, id)
    }

    /** Shows the state; to be called at each change. */
    fun show(state: EngineState) {
        val service = state.service(id)
        view.findViewById<View>(R.id.service_column).isShownHere = service != null
        EmptyView(view.findViewById(R.id.service_empty)).apply {
            val store = state.store
            when {
                service != null -> hide()
                store is StoreState.Unreadable -> failed(screen.sentence(store.failure)) { model.open() }
                store == StoreState.Opening || state.services.isEmpty() -> reading(R.string.loading_services)
                else -> nothing(R.drawable.ic_services, screen.getString(R.string.service_gone))
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
            if (screen.isDestroyed || read !is Outcome.Done) return@history
            decisions = Decisions(read.value)
            shown?.let(::fillConsent)
            shown?.let { sections.showHistory(it, decisions) }
        }
        EvidenceReader(model, service.id) { read ->
            if (screen.isDestroyed) return@EvidenceReader
            evidence = read ?: Evidence.NONE
            shown?.let(::fillEvidence)
        }.read()
    }

    private fun fill(service: Service, state: EngineState) {
        head.findViewById<TextView>(R.id.title).text = service.name
        head.findViewById<TextView>(R.id.subtitle).apply {
            isShownHere = true
            val runBy = screen.getString(R.string.run_by, service.vendor, screen.getString(Purpose.of(service.category).text))
            val isNew = Preferences.of(screen).now?.newIn(listOf(service)).orEmpty().isNotEmpty()
            text = if (isNew) screen.getString(R.string.two_parts, screen.getString(R.string.new_badge), runBy) else runBy
        }
        view.findViewById<TextView>(R.id.does).text = texts.does(service)
        view.findViewById<TextView>(R.id.without).text = texts.withoutIt(service)
        view.findViewById<TextView>(R.id.consent_badge).apply {
            text = screen.resources.plural(R.plurals.attempts_in_7_days, service.attempts7Days)
            isShownHere = service.attempts7Days > 0
        }
        showBanner(state)
        showSharing(service, state)
        showChanged(service)
        fillConsent(service)
        fillEvidence(service)
    }

    private fun showBanner(state: EngineState) {
        val note = view.findViewById<View>(R.id.service_banner)
        val banner = Banner.of(state)
        note.isShownHere = banner != null || state.strictPrivateDns != null
        note.findViewById<TextView>(R.id.note_text).setText(banner?.text ?: R.string.banner_private_dns)
        note.findViewById<Button>(R.id.note_action).apply {
            isShownHere = banner?.action != null
            banner?.action?.let(::setText)
            setOnClickListener { screen.turnOn() }
        }
    }

    private fun showSharing(service: Service, state: EngineState) {
        val others = service.sharesWith.map { state.service(it)?.name ?: it }
        val note = view.findViewById<View>(R.id.service_shared)
        note.isShownHere = others.isNotEmpty()
        if (others.isNotEmpty()) {
            note.findViewById<TextView>(R.id.note_text).text = screen.getString(R.string.shared_note, screen.words.listed(others))
        }
    }

    /** Where the service has become more than what was allowed, the new part waits for a new consent. */
    private fun showChanged(service: Service) {
        val note = view.findViewById<View>(R.id.service_changed)
        note.isShownHere = service.isChanged && service.isAllowed
        if (!note.isShownHere) return
        note.findViewById<TextView>(R.id.note_text).text = if (service.newHosts.isEmpty()) {
            screen.getString(R.string.changed_note)
        } else {
            screen.getString(R.string.changed_note_hosts, screen.words.listed(service.newHosts.map(screen.words::server)))
        }
        note.findViewById<Button>(R.id.note_action).apply {
            isShownHere = true
            setText(R.string.allow_again)
            val term = when (service.consent) {
                ConsentState.UntilRestart -> Term.RESTART
                is ConsentState.Until -> Term.QUARTER_HOUR
                else -> Term.FOREVER
            }
            setOnClickListener { allow(service, term) }
        }
    }

    private fun fillConsent(service: Service) {
        val decision = decisions.about(service.id, service.isEssential)
        val consent = service.consent
        val end = (consent as? ConsentState.Until)?.untilMs
        val length = (decision as? Decision.Allowed)?.let { Length.of(it.change) }
        // A time that is none of ours (a command may grant any) shows under the nearer of the two.
        val isHour = end != null && (length == Length.HOUR || (length != Length.QUARTER_HOUR && end - model.nowMs > QUARTER_MS))
        val endsAt = end?.let { screen.getString(R.string.ends_at, screen.times.moment(it)) }
        val off = if (consent is ConsentState.ForApps) {
            screen.getString(R.string.some_apps_only)
        } else {
            texts.offLine(service, decision)
        }
        twoLines(R.id.choice_off, R.string.choice_off, off)
        twoLines(R.id.choice_15, R.string.choice_15, endsAt.takeIf { !isHour })
        twoLines(R.id.choice_hour, R.string.choice_hour, endsAt.takeIf { isHour })
        twoLines(R.id.choice_restart, R.string.choice_restart, null)
        twoLines(R.id.choice_on, R.string.choice_on, screen.getString(R.string.choice_on_text))
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
        val words = SpannableStringBuilder(screen.getString(name))
        if (second != null) {
            words.append('\n')
            val from = words.length
            words.append(second)
            val size = AbsoluteSizeSpan(screen.resources.getDimensionPixelSize(R.dimen.second_text))
            words.setSpan(size, from, words.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
            words.setSpan(ForegroundColorSpan(screen.colour(R.attr.textSecond)), from, words.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        }
        view.findViewById<RadioButton>(id).text = words
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
        actions.say(screen.getString(R.string.choice_applied, before.name, screen.getString(choice)), actions.undoOf(before))

    private fun chooseForApp(app: String, choice: AppChoice) {
        val service = shown ?: return
        val done = { actions.say(screen.getString(R.string.app_applied, service.name, screen.labels.name(app), screen.getString(choice.text)), null) }
        when (choice) {
            AppChoice.ALLOWED -> actions.forApp(service, app, allowed = true, done = done)
            AppChoice.AS_ABOVE -> actions.forApp(service, app, allowed = false, done = done)
        }
    }

    private fun share(service: Service) {
        val text = screen.getString(R.string.share_service, service.name, service.vendor, texts.does(service), texts.withoutIt(service))
        screen.share(text)
    }

    private companion object {
        const val QUARTER_MS = 15 * 60_000L
    }
}
