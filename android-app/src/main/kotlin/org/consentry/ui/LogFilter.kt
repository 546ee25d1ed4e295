package org.consentry.ui

import android.os.Bundle
import org.consentry.engine.LogQuery
import org.consentry.engine.Signal

/** From when to when the log is shown. */
sealed interface LogTime {
    data object LastHour : LogTime

    data object Today : LogTime

    data object Week : LogTime

    data object Month : LogTime

    data object All : LogTime

    /** One day, by a time that lies in it. */
    data class Day(val ms: Long) : LogTime
}

/** What of the log is shown; empty sets and texts stand for all. */
data class LogFilter(
    val time: LogTime = LogTime.Week,
    val services: Set<String> = emptySet(),
    val apps: Set<String> = emptySet(),
    val signals: Set<Signal> = emptySet(),
    val search: String = "",
    val showChanges: Boolean = true,
    val showGaps: Boolean = true,
) {
    /** Whether attempts are left out for another reason than their time. */
    val isNarrowed: Boolean
        get() = services.isNotEmpty() || apps.isNotEmpty() || signals.isNotEmpty() || search.isNotBlank()

    /** What to ask the engine for. */
    fun query(times: Times, nowMs: Long): LogQuery = LogQuery(
        services = services,
        apps = apps,
        signals = signals,
        // A clock that stands in 1970 must not ask for a time before.
        sinceMs = since(times, nowMs)?.coerceAtLeast(0),
        untilMs = (time as? LogTime.Day)?.let { times.dayEnd(it.ms).coerceAtLeast(0) },
        search = search.trim().ifEmpty { null },
        limit = PAGE,
    )

    /** Since when; null for all that is kept. */
    fun since(times: Times, nowMs: Long): Long? = when (time) {
        LogTime.LastHour -> nowMs - HOUR_MS
        LogTime.Today -> times.dayStart(nowMs)
        LogTime.Week -> times.dayStart(nowMs - 6 * DAY_MS)
        LogTime.Month -> times.dayStart(nowMs - 29 * DAY_MS)
        LogTime.All -> null
        is LogTime.Day -> times.dayStart(time.ms)
    }

    /** Writes it so that [read] gives it back. */
    fun write(): Bundle = Bundle().apply {
        putString(TIME, when (time) {
            LogTime.LastHour -> "hour"
            LogTime.Today -> "today"
            LogTime.Week -> "week"
            LogTime.Month -> "month"
            LogTime.All -> "all"
            is LogTime.Day -> time.ms.toString()
        })
        putStringArray(SERVICES, services.toTypedArray())
        putStringArray(APPS, apps.toTypedArray())
        putStringArray(SIGNALS, signals.map { it.code }.toTypedArray())
        putString(SEARCH, search)
        putBoolean(CHANGES, showChanges)
        putBoolean(GAPS, showGaps)
    }

    companion object {
        private const val HOUR_MS = 3_600_000L
        private const val DAY_MS = 24 * HOUR_MS
        private const val PAGE = 50
        private const val TIME = "time"
        private const val SERVICES = "services"
        private const val APPS = "apps"
        private const val SIGNALS = "signals"
        private const val SEARCH = "search"
        private const val CHANGES = "changes"
        private const val GAPS = "gaps"

        /** Reads what [write] wrote. */
        fun read(saved: Bundle): LogFilter = LogFilter(
            time = when (val time = saved.getString(TIME)) {
                "hour" -> LogTime.LastHour
                "today" -> LogTime.Today
                "month" -> LogTime.Month
                "all" -> LogTime.All
                else -> time?.toLongOrNull()?.let(LogTime::Day) ?: LogTime.Week
            },
            services = saved.getStringArray(SERVICES).orEmpty().toSet(),
            apps = saved.getStringArray(APPS).orEmpty().toSet(),
            signals = saved.getStringArray(SIGNALS).orEmpty().mapNotNull { code ->
                Signal.entries.find { it.code == code }
            }.toSet(),
            search = saved.getString(SEARCH).orEmpty(),
            showChanges = saved.getBoolean(CHANGES, true),
            showGaps = saved.getBoolean(GAPS, true),
        )
    }
}
