package org.consentry.ui

import android.content.res.ColorStateList
import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.Attempt
import org.consentry.engine.EngineState
import org.consentry.engine.Identifier
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.Signal
import org.consentry.engine.Term
import org.consentry.vpn.Screens

/**
 * What an attempt's screen, or the pane beside the list, shows: why it was held back, and what it was about to say.
 *
 * @param view with the views of `attempt_detail`
 * @param head with those of `detail_bar`
 */
class AttemptDetail(
    private val screen: Screen,
    private val view: View,
    private val head: View,
    private val model: ConsentryModel,
    messages: MessageBar,
) {
    private val actions = ConsentActions(screen, model, messages) {}
    private val details: FoldHead = view.findViewById(R.id.details_head)
    private var decisions: Decisions? = null
    private lateinit var attempt: Attempt
    private var records: List<Attempt> = emptyList()

    /** Whether the technical details are unfolded. */
    var showsDetails: Boolean by details::isOpen

    init {
        details.folds(view.findViewById(R.id.details))
        head.findViewById<TextView>(R.id.title).apply {
            setText(R.string.attempt)
            asHeading()
        }
        listOf(R.id.headline, R.id.why_head, R.id.say_head).forEach { view.findViewById<TextView>(it).asHeading() }
        head.findViewById<View>(R.id.share).apply {
            isShownHere = true
            setOnClickListener { share() }
        }
    }

    /** From the next [show] on it is about this row of the log. */
    fun open(attempt: Attempt, records: List<Attempt>) {
        this.attempt = attempt
        this.records = records
        decisions = null
        view.findViewById<ScrollView>(R.id.attempt_scroll).scrollTo(0, 0)
    }

    /** Shows the state; to be called at each change. */
    fun show(state: EngineState) {
        val service = attempt.service?.let(state::service)
        if (decisions == null && service != null) read(service.id)
        view.findViewById<TextView>(R.id.headline).text = if (attempt.count > 1) {
            screen.resources.plural(R.plurals.held_back_times, attempt.count)
        } else {
            screen.getString(R.string.held_back)
        }
        view.findViewById<TextView>(R.id.headline_text).text = whenAndWho()
        showWhy(service)
        showSaid()
        showDetails()
        showFoot(service)
    }

    private fun read(service: String) = model.history(service) { read ->
        if (!screen.isDestroyed && read is Outcome.Done) {
            decisions = Decisions(read.value)
            showWhy(model.state.value.service(service))
        }
    }

    private fun whenAndWho(): String {
        val app = screen.labels.name(attempt.app)
        val day = screen.times.day(attempt.lastMs)
        val first = screen.times.clock(attempt.firstMs)
        val last = screen.times.clock(attempt.lastMs)
        return if (first == last) {
            screen.getString(R.string.attempt_when_once, app, day, last)
        } else {
            screen.getString(R.string.attempt_when, app, day, first, last)
        }
    }

    private fun showWhy(service: Service?) {
        val steps = WhyChain(screen, screen.times, screen.words, screen.labels).of(attempt, service, decisions)
        val group = view.findViewById<LinearLayout>(R.id.why)
        while (group.childCount < steps.size) {
            group.addView(LayoutInflater.from(screen).inflate(R.layout.row_step, group, false))
        }
        steps.forEachIndexed { index, step ->
            val row = group.getChildAt(index)
            row.findViewById<ImageView>(R.id.icon).setImageResource(step.icon)
            row.findViewById<View>(R.id.step_line).visibility = if (index == steps.lastIndex) View.GONE else View.VISIBLE
            row.findViewById<TextView>(R.id.step_head).setText(step.head)
            row.findViewById<TextView>(R.id.name).text = step.title
            row.findViewById<TextView>(R.id.second).text = step.text
            if (step.head == R.string.step_service && service != null) {
                row.setOnClickListener { openService(service.id) }
            } else {
                row.isFocusable = false
            }
        }
    }

    private class Said(val icon: Int, val title: String, val text: String, val isPlain: Boolean)

    private fun showSaid() {
        val group = view.findViewById<LinearLayout>(R.id.said)
        val said = attempt.identifiers.sortedBy(IdentifierKind::of).distinctBy { it.kind to it.form }.map(::said)
            .ifEmpty { listOf(Said(R.drawable.ic_lock, screen.getString(nothingReadable()), "", isPlain = false)) }
        while (group.childCount > said.size) group.removeViewAt(group.childCount - 1)
        while (group.childCount < said.size) {
            group.addView(LayoutInflater.from(screen).inflate(R.layout.row_said, group, false))
        }
        said.forEachIndexed { index, item ->
            val row = group.getChildAt(index)
            row.findViewById<ImageView>(R.id.icon).apply {
                setImageResource(item.icon)
                backgroundTintList = ColorStateList.valueOf(screen.colour(if (item.isPlain) R.attr.attention else R.attr.high))
                imageTintList = ColorStateList.valueOf(screen.colour(if (item.isPlain) R.attr.onAttention else R.attr.textSecond))
            }
            row.findViewById<TextView>(R.id.name).text = item.title
            row.findViewById<TextView>(R.id.second).apply {
                text = item.text
                isShownHere = item.text.isNotEmpty()
            }
        }
    }

    private fun said(identifier: Identifier): Said {
        val kind = IdentifierKind.of(identifier)
        val text = when (identifier.form) {
            "hashed" -> R.string.said_hashed
            "placeholder" -> R.string.said_placeholder
            else -> R.string.said_plain
        }
        return Said(kind.icon, screen.getString(kind.text), screen.getString(text), isPlain = identifier.form != "placeholder")
    }

    private fun nothingReadable(): Int = when (attempt.signal) {
        Signal.TLS_SNI, Signal.QUIC_SNI -> R.string.said_encrypted
        Signal.DNS_QUESTION -> R.string.said_look_up
        else -> R.string.said_nothing
    }

    private fun showDetails() {
        val ltr = { text: String? -> text?.let(screen.words::server) }
        val rows = listOfNotNull(
            R.string.detail_protocol to attempt.proto.uppercase(),
            ltr(attempt.host)?.let { R.string.detail_host to it },
            ltr(attempt.address)?.let { R.string.detail_address to it },
            attempt.port?.let { R.string.detail_port to it.toString() },
            ltr(attempt.path)?.let { R.string.detail_path to it },
            R.string.detail_first to screen.getString(R.string.day_at, screen.times.day(attempt.firstMs), screen.times.clock(attempt.firstMs)),
            R.string.detail_last to screen.getString(R.string.day_at, screen.times.day(attempt.lastMs), screen.times.clock(attempt.lastMs)),
            R.string.detail_bytes to Numbers.of(attempt.bytesHeld),
            R.string.detail_rule to attempt.reason,
            attempt.id?.let { R.string.detail_record to it.toString() },
        )
        val group = view.findViewById<LinearLayout>(R.id.details)
        // The ten-minute records that the row adds up.
        val parts = if (records.size > 1) records else emptyList()
        while (group.childCount > rows.size + parts.size) group.removeViewAt(group.childCount - 1)
        while (group.childCount < rows.size + parts.size) {
            group.addView(LayoutInflater.from(screen).inflate(R.layout.row_detail, group, false))
        }
        rows.forEachIndexed { index, (name, value) -> detail(group.getChildAt(index), screen.getString(name), value) }
        parts.forEachIndexed { index, record ->
            detail(
                group.getChildAt(rows.size + index),
                screen.getString(R.string.from_to, screen.times.clock(record.firstMs), screen.times.clock(record.lastMs)),
                screen.resources.plural(R.plurals.attempts, record.count),
            )
        }
    }

    private fun detail(row: View, name: String, value: String) {
        row.findViewById<TextView>(R.id.name).text = name
        row.findViewById<TextView>(R.id.value).text = value
    }

    private fun showFoot(service: Service?) {
        view.findViewById<View>(R.id.foot).isShownHere = service != null
        if (service == null) return
        view.findViewById<Button>(R.id.open_service).setOnClickListener { openService(service.id) }
        view.findViewById<Button>(R.id.allow_15).apply {
            isShownHere = !service.isAllowed
            setOnClickListener {
                actions.allow(service, Term.QUARTER_HOUR) {
                    actions.say(screen.getString(R.string.is_allowed_15, service.name), actions.undoOf(service))
                }
            }
        }
    }

    private fun openService(service: String) = screen.startActivity(Screens.service(screen, service))

    private fun share() {
        val service = attempt.service?.let(model.state.value::service)
        val steps = WhyChain(screen, screen.times, screen.words, screen.labels).of(attempt, service, decisions)
        val lines = listOf(view.findViewById<TextView>(R.id.headline).text, whenAndWho()) + steps.flatMap { listOf(it.title, it.text) }
        screen.share(lines.joinToString("\n"))
    }
}
