package org.consentry.ui

import org.consentry.engine.Attempt
import org.consentry.engine.ConsentChange
import org.consentry.engine.Gap
import org.consentry.engine.Signal

/**
 * One row of the log: the attempts of one service, app, server and signal within a day.
 *
 * @property attempt all of them as one
 * @property records the ten-minute records, newest first; of very many the newest
 */
data class LogEntry(val attempt: Attempt, val records: List<Attempt>) {
    companion object {
        /** The most records that an entry lists. */
        const val MOST_RECORDS = 50
    }
}

/** One line of the log's list. */
sealed interface LogItem {
    /** A day begins; [dayMs] is its midnight. [count] is null until all of the day has been read. */
    data class Head(val dayMs: Long, val count: Long?) : LogItem

    /** An attempt, and whether it is the first or last of its group. */
    data class Row(val entry: LogEntry, val first: Boolean, val last: Boolean) : LogItem

    /** A change of consent. */
    data class Marker(val change: ConsentChange) : LogItem

    /** A time in which nothing was held back. */
    data class GapMarker(val gap: Gap) : LogItem

    /** The end of the list: more is being read, or that is all. */
    data class Foot(val hasMore: Boolean) : LogItem
}

/**
 * Gathers the pages of the log into rows. Pages come newest first; a row stands where its newest record does.
 *
 * @param dayStart when the day began that a time lies in
 * @param nowMs the wall clock, in milliseconds since 1970
 */
class LogBook(private val dayStart: (Long) -> Long, private val nowMs: () -> Long = { 0 }) {
    private data class Key(val dayMs: Long, val service: String?, val app: String?, val host: String?, val signal: Signal?)

    private val entries = LinkedHashMap<Key, LogEntry>()
    private val seen = HashSet<String>()

    /** How many rows there are. */
    val size: Int get() = entries.size

    /** When the oldest record that was added was last seen; null before the first. */
    var oldestMs: Long? = null
        private set

    /** When the newest record that was added was last seen. */
    var newestMs: Long? = null
        private set

    /** Adds a page. A record that was added before is left out: pages may overlap while new records come in. */
    fun add(records: List<Attempt>) {
        for (record in records) {
            val id = record.id
            if (id != null && !seen.add(id)) continue
            oldestMs = minOf(oldestMs ?: record.lastMs, record.lastMs)
            newestMs = maxOf(newestMs ?: record.lastMs, record.lastMs)
            val key = Key(dayStart(record.lastMs), record.service, record.app, record.host ?: record.address, record.signal)
            entries[key] = entries[key]?.let { merge(it, record) } ?: LogEntry(record, listOf(record))
        }
    }

    /** How many rows of these records are new, or have new attempts. */
    fun newIn(records: List<Attempt>): Int =
        records.filter { it.lastMs > (newestMs ?: 0) }.map { listOf(it.service, it.app, it.host, it.signal) }.distinct().size

    /**
     * The lines of the list.
     *
     * @param changes changes of consent to put between the rows
     * @param gaps gaps to put there; each stands where it ended
     * @param hasMore whether older pages are still to be read
     */
    fun items(changes: List<ConsentChange>, hasMore: Boolean, gaps: List<Gap> = emptyList()): List<LogItem> {
        val rows = entries.values.sortedByDescending { it.attempt.lastMs }
        // Older changes wait until the rows around them have been read.
        val from = if (hasMore) oldestMs ?: Long.MAX_VALUE else Long.MIN_VALUE
        val marks: List<Pair<Long, LogItem>> = changes.map { it.timeMs to LogItem.Marker(it) } +
            gaps.map { (it.untilMs ?: Long.MAX_VALUE) to LogItem.GapMarker(it) }
        val markers = ArrayDeque(marks.filter { it.first >= from }.sortedByDescending { it.first })
        val counts = rows.groupBy { dayStart(it.attempt.lastMs) }.mapValues { (_, all) -> all.sumOf { it.attempt.count } }
        val items = ArrayList<LogItem>()
        val oldestDay = oldestMs?.let(dayStart)
        var day: Long? = null

        fun open(ms: Long) {
            val dayMs = dayStart(ms)
            if (dayMs == day) return
            day = dayMs
            val isRead = !hasMore || dayMs > (oldestDay ?: dayMs)
            items += LogItem.Head(dayMs, if (isRead) counts[dayMs] ?: 0 else null)
        }

        fun mark(until: Long) {
            while (markers.isNotEmpty() && markers.first().first >= until) {
                val (timeMs, marker) = markers.removeFirst()
                // One that lasts belongs to the newest day there is.
                if (timeMs != Long.MAX_VALUE) open(timeMs) else if (day == null) open(nowMs())
                items += marker
            }
        }
        for (entry in rows) {
            mark(entry.attempt.lastMs)
            open(entry.attempt.lastMs)
            items += LogItem.Row(entry, first = false, last = false)
        }
        mark(Long.MIN_VALUE)
        val placed = items.mapIndexed { index, item ->
            if (item !is LogItem.Row) return@mapIndexed item
            item.copy(
                first = items.getOrNull(index - 1) !is LogItem.Row,
                last = items.getOrNull(index + 1) !is LogItem.Row,
            )
        }
        return if (placed.isEmpty()) placed else placed + LogItem.Foot(hasMore)
    }

    private fun merge(entry: LogEntry, record: Attempt): LogEntry {
        val all = entry.attempt
        return LogEntry(
            all.copy(
                id = all.id,
                firstMs = minOf(all.firstMs, record.firstMs),
                lastMs = maxOf(all.lastMs, record.lastMs),
                count = all.count + record.count,
                identifiers = (all.identifiers + record.identifiers).distinct(),
                path = all.path ?: record.path,
                bytesHeld = all.bytesHeld + record.bytesHeld,
            ),
            if (entry.records.size < LogEntry.MOST_RECORDS) entry.records + record else entry.records,
        )
    }
}
