package org.consentry.ui

import android.content.res.ColorStateList
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ImageView
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentChange.Kind
import org.consentry.engine.Gap

/** The lines of the log. When the last but a few is shown, [more] reads the next page. */
class LogAdapter(
    private val screen: MainActivity,
    private val model: ConsentryModel,
    private val more: () -> Unit,
) : ListRows() {
    private val inflater = LayoutInflater.from(screen)
    private val gap = (GAP_DP * screen.resources.displayMetrics.density).toInt()
    private var items: List<LogItem> = emptyList()
    private val gapWords = GapWords(screen, screen.times) { model.nowMs }
    private var decisions = Decisions.UNKNOWN

    /** Shows these lines. */
    fun fill(next: List<LogItem>, decisions: Decisions) {
        this.decisions = decisions
        if (next == items) return
        items = next
        notifyDataSetChanged()
    }

    override fun getCount(): Int = items.size

    override fun getItem(position: Int): Any = items[position]

    override fun getItemId(position: Int): Long = position.toLong()

    override fun getViewTypeCount(): Int = 5

    override fun getItemViewType(position: Int): Int = when (items[position]) {
        is LogItem.Head -> 0
        is LogItem.Row -> 1
        is LogItem.Marker -> 2
        is LogItem.Foot -> 3
        is LogItem.GapMarker -> 4
    }

    override fun getView(position: Int, old: View?, parent: ViewGroup): View {
        if (position >= items.size - AHEAD && (items.last() as? LogItem.Foot)?.hasMore == true) parent.post(more)
        return when (val item = items[position]) {
            is LogItem.Head -> (old ?: inflater.inflate(R.layout.row_log_head, parent, false)).also { head(it, item) }
            is LogItem.Row -> (old ?: newRow(parent)).also { row(it.tag as AttemptRow, item) }
            is LogItem.Marker -> (old ?: inflater.inflate(R.layout.row_marker, parent, false)).also { marker(it, item.change) }
            is LogItem.GapMarker -> (old ?: newGap(parent)).also { gap(it, item.gap) }
            is LogItem.Foot -> (old ?: inflater.inflate(R.layout.row_log_foot, parent, false)).also { foot(it, item) }
        }
    }

    private fun newRow(parent: ViewGroup): View =
        inflater.inflate(R.layout.row_attempt, parent, false).apply { tag = AttemptRow(this, screen) }

    private fun head(view: View, item: LogItem.Head) {
        view.findViewById<TextView>(R.id.head_day).apply {
            text = screen.times.head(item.dayMs)
            asHeading()
        }
        view.findViewById<TextView>(R.id.head_count).text =
            item.count?.let { screen.resources.plural(R.plurals.attempts, it) }
    }

    private fun row(row: AttemptRow, item: LogItem.Row) {
        val attempt = item.entry.attempt
        row.showInLog(attempt, attempt.service?.let(model.state.value::service)) { screen.openAttempt(item.entry) }
        row.place(item.first, item.last, if (item.last) gap else 0)
    }

    private fun marker(view: View, change: ConsentChange) {
        view.findViewById<ImageView>(R.id.icon).setImageResource(
            when (change.kind) {
                Kind.GRANT, Kind.STRICT_OFF -> R.drawable.ic_check
                Kind.REVOKE, Kind.STRICT_ON -> R.drawable.ic_close
                Kind.EXPIRE -> R.drawable.ic_clock
                Kind.SERVICE_CHANGED, Kind.RESET -> R.drawable.ic_info
            },
        )
        view.findViewById<TextView>(R.id.text).text = words(change)
        val service = change.service
        view.findViewById<View>(R.id.row).apply {
            if (service == null) setOnClickListener(null) else setOnClickListener { screen.openService(service) }
            isClickable = service != null
            isFocusable = true
        }
    }

    private fun newGap(parent: ViewGroup): View = inflater.inflate(R.layout.row_marker, parent, false).apply {
        findViewById<View>(R.id.row).setBackgroundResource(R.drawable.marker_gap)
        findViewById<TextView>(R.id.text).setTextColor(screen.colour(R.attr.onAttention))
        findViewById<ImageView>(R.id.icon).apply {
            setImageResource(R.drawable.ic_warning)
            imageTintList = ColorStateList.valueOf(screen.colour(R.attr.onAttention))
        }
    }

    private fun gap(view: View, gap: Gap) {
        view.findViewById<TextView>(R.id.text).text = gapWords.marker(gap)
        view.findViewById<View>(R.id.row).setOnClickListener { screen.openGaps() }
    }

    private fun words(change: ConsentChange): String {
        val name = when (change.kind) {
            Kind.STRICT_ON, Kind.STRICT_OFF -> screen.labels.name(change.app)
            else -> {
                val service = change.service?.let { model.state.value.service(it)?.shortName ?: it }.orEmpty()
                change.app?.let { screen.getString(R.string.for_app, service, screen.labels.name(it)) } ?: service
            }
        }
        val text = when (change.kind) {
            Kind.GRANT -> when (Length.of(change)) {
                Length.QUARTER_HOUR -> R.string.change_allowed_15
                Length.HOUR -> R.string.change_allowed_hour
                Length.UNTIL_RESTART -> R.string.change_allowed_restart
                Length.ENDLESS, Length.OTHER -> R.string.change_allowed
            }
            Kind.REVOKE -> if (wasKept(change)) R.string.change_kept_blocked else R.string.change_turned_off
            Kind.EXPIRE -> R.string.change_ended
            Kind.STRICT_ON -> R.string.change_strict_on
            Kind.STRICT_OFF -> R.string.change_strict_off
            Kind.SERVICE_CHANGED -> R.string.change_service_changed
            Kind.RESET -> R.string.change_reset
        }
        return screen.getString(text, screen.times.clock(change.timeMs), name)
    }

    /** Whether it was blocked before already. */
    private fun wasKept(change: ConsentChange): Boolean {
        val service = change.service?.takeIf { change.app == null }?.let(model.state.value::service) ?: return false
        return decisions.about(service.id, service.isEssential, change.timeMs) is Decision.KeptBlocked
    }

    private fun foot(view: View, item: LogItem.Foot) {
        view.findViewById<View>(R.id.foot_progress).isShownHere = item.hasMore
        view.findViewById<View>(R.id.foot_text).isShownHere = !item.hasMore
    }

    private companion object {
        const val GAP_DP = 12

        /** So many lines before the end the next page is read. */
        const val AHEAD = 15
    }
}
