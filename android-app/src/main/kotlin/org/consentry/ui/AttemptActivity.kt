package org.consentry.ui

import android.content.Context
import android.content.Intent
import android.content.res.ColorStateList
import android.os.Bundle
import android.os.Parcelable
import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
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

/** One attempt: why it was held back, and what it was about to say. */
class AttemptActivity : Screen() {
    private lateinit var attempt: Attempt
    private lateinit var records: List<Attempt>
    private lateinit var messages: MessageBar
    private lateinit var actions: ConsentActions
    private lateinit var details: FoldHead
    private var decisions: Decisions? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_attempt)
        attempt = AttemptBundle.read(intent.getBundleExtra(ATTEMPT) ?: Bundle.EMPTY)
        @Suppress("DEPRECATION") // the typed call came with API 33
        records = intent.getParcelableArrayListExtra<Bundle>(RECORDS).orEmpty().map(AttemptBundle::read)
        messages = findViewById(R.id.messages)
        actions = ConsentActions(this, model, messages) {}
        details = findViewById(R.id.details_head)
        details.folds(findViewById(R.id.details))
        details.isOpen = savedInstanceState?.getBoolean(DETAILS) ?: false
        findViewById<TextView>(R.id.title).setText(R.string.attempt)
        listOf(R.id.title, R.id.headline, R.id.why_head, R.id.say_head).forEach { findViewById<TextView>(it).asHeading() }
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        findViewById<View>(R.id.share).apply {
            isShownHere = true
            setOnClickListener { share() }
        }
        val foot = findViewById<View>(R.id.foot)
        Insets.padAll(findViewById(R.id.root), foot)
    }

    override fun onObserve() {
        whileShown(model.state.observe(::show))
        whileShown(labels.observe { show(model.state.value) })
    }

    private fun show(state: EngineState) {
        val service = attempt.service?.let(state::service)
        if (decisions == null && service != null) read(service.id)
        findViewById<TextView>(R.id.headline).text = if (attempt.count > 1) {
            resources.plural(R.plurals.held_back_times, attempt.count)
        } else {
            getString(R.string.held_back)
        }
        findViewById<TextView>(R.id.headline_text).text = whenAndWho()
        showWhy(service)
        showSaid()
        showDetails()
        showFoot(service)
    }

    private fun read(service: String) = model.history(service) { read ->
        if (!isDestroyed && read is Outcome.Done) {
            decisions = Decisions(read.value)
            showWhy(model.state.value.service(service))
        }
    }

    private fun whenAndWho(): String {
        val app = labels.name(attempt.app)
        val day = times.day(attempt.lastMs)
        val first = times.clock(attempt.firstMs)
        val last = times.clock(attempt.lastMs)
        return if (first == last) {
            getString(R.string.attempt_when_once, app, day, last)
        } else {
            getString(R.string.attempt_when, app, day, first, last)
        }
    }

    private fun showWhy(service: Service?) {
        val steps = WhyChain(this, times, words, labels).of(attempt, service, decisions)
        val group = findViewById<LinearLayout>(R.id.why)
        while (group.childCount < steps.size) {
            group.addView(LayoutInflater.from(this).inflate(R.layout.row_step, group, false))
        }
        steps.forEachIndexed { index, step ->
            val row = group.getChildAt(index)
            row.findViewById<ImageView>(R.id.icon).setImageResource(step.icon)
            row.findViewById<View>(R.id.step_line).visibility = if (index == steps.lastIndex) View.GONE else View.VISIBLE
            row.findViewById<TextView>(R.id.step_head).setText(step.head)
            row.findViewById<TextView>(R.id.name).text = step.title
            row.findViewById<TextView>(R.id.second).text = step.text
            if (step.head == R.string.step_service && service != null) {
                row.setOnClickListener { open(service.id) }
            } else {
                row.isFocusable = false
            }
        }
    }

    private class Said(val icon: Int, val title: String, val text: String, val isPlain: Boolean)

    private fun showSaid() {
        val group = findViewById<LinearLayout>(R.id.said)
        val said = attempt.identifiers.sortedBy(IdentifierKind::of).distinctBy { it.kind to it.form }.map(::said)
            .ifEmpty { listOf(Said(R.drawable.ic_lock, getString(nothingReadable()), "", isPlain = false)) }
        while (group.childCount > said.size) group.removeViewAt(group.childCount - 1)
        while (group.childCount < said.size) {
            group.addView(LayoutInflater.from(this).inflate(R.layout.row_said, group, false))
        }
        said.forEachIndexed { index, item ->
            val row = group.getChildAt(index)
            row.findViewById<ImageView>(R.id.icon).apply {
                setImageResource(item.icon)
                backgroundTintList = ColorStateList.valueOf(colour(if (item.isPlain) R.attr.attention else R.attr.high))
                imageTintList = ColorStateList.valueOf(colour(if (item.isPlain) R.attr.onAttention else R.attr.textSecond))
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
        return Said(kind.icon, getString(kind.text), getString(text), isPlain = identifier.form != "placeholder")
    }

    private fun nothingReadable(): Int = when (attempt.signal) {
        Signal.TLS_SNI, Signal.QUIC_SNI -> R.string.said_encrypted
        Signal.DNS_QUESTION -> R.string.said_look_up
        else -> R.string.said_nothing
    }

    private fun showDetails() {
        val ltr = { text: String? -> text?.let(words::server) }
        val rows = listOfNotNull(
            R.string.detail_protocol to attempt.proto.uppercase(),
            ltr(attempt.host)?.let { R.string.detail_host to it },
            ltr(attempt.address)?.let { R.string.detail_address to it },
            attempt.port?.let { R.string.detail_port to it.toString() },
            ltr(attempt.path)?.let { R.string.detail_path to it },
            R.string.detail_first to getString(R.string.day_at, times.day(attempt.firstMs), times.clock(attempt.firstMs)),
            R.string.detail_last to getString(R.string.day_at, times.day(attempt.lastMs), times.clock(attempt.lastMs)),
            R.string.detail_bytes to Numbers.of(attempt.bytesHeld),
            R.string.detail_rule to attempt.reason,
            attempt.id?.let { R.string.detail_record to it.toString() },
        )
        val group = findViewById<LinearLayout>(R.id.details)
        // The ten-minute records that the row adds up.
        val parts = if (records.size > 1) records else emptyList()
        while (group.childCount > rows.size + parts.size) group.removeViewAt(group.childCount - 1)
        while (group.childCount < rows.size + parts.size) {
            group.addView(LayoutInflater.from(this).inflate(R.layout.row_detail, group, false))
        }
        rows.forEachIndexed { index, (name, value) -> detail(group.getChildAt(index), getString(name), value) }
        parts.forEachIndexed { index, record ->
            detail(
                group.getChildAt(rows.size + index),
                getString(R.string.from_to, times.clock(record.firstMs), times.clock(record.lastMs)),
                resources.plural(R.plurals.attempts, record.count),
            )
        }
    }

    private fun detail(row: View, name: String, value: String) {
        row.findViewById<TextView>(R.id.name).text = name
        row.findViewById<TextView>(R.id.value).text = value
    }

    private fun showFoot(service: Service?) {
        findViewById<View>(R.id.foot).isShownHere = service != null
        if (service == null) return
        findViewById<Button>(R.id.open_service).setOnClickListener { open(service.id) }
        findViewById<Button>(R.id.allow_15).apply {
            isShownHere = !service.isAllowed
            setOnClickListener {
                actions.allow(service, Term.QUARTER_HOUR) {
                    actions.say(getString(R.string.is_allowed_15, service.name), actions.undoOf(service))
                }
            }
        }
    }

    private fun open(service: String) = startActivity(Screens.service(this, service))

    private fun share() {
        val service = attempt.service?.let(model.state.value::service)
        val steps = WhyChain(this, times, words, labels).of(attempt, service, decisions)
        val lines = listOf(findViewById<TextView>(R.id.headline).text, whenAndWho()) + steps.flatMap { listOf(it.title, it.text) }
        share(lines.joinToString("\n"))
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(DETAILS, details.isOpen)
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (messages.isUp) messages.hide() else super.onBackPressed()
    }

    companion object {
        private const val ATTEMPT = "attempt"
        private const val RECORDS = "records"
        private const val DETAILS = "details"

        /** Shows a row of the log. */
        fun intent(context: Context, entry: LogEntry): Intent = Intent(context, AttemptActivity::class.java)
            .putExtra(ATTEMPT, AttemptBundle.write(entry.attempt))
            .putParcelableArrayListExtra(RECORDS, ArrayList<Parcelable>(entry.records.map(AttemptBundle::write)))
    }
}
