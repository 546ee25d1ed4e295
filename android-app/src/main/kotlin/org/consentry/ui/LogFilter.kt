package org.consentry.ui

import android.os.Bundle
import org.consentry.engine.Attempt
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

/**
 * What of the log is shown; empty sets and texts stand for all.
 *
 * @property named services whose name has the text that was searched for: the engine knows their ids only
 */
data class LogFilter(
    val time: LogTime = LogTime.Week,
    val services: Set<String> = emptySet(),
    val apps: Set<String> = emptySet(),
    val signals: Set<Signal> = emptySet(),
    val search: String = "",
    val showChanges: Boolean = true,
    val named: Set<String> = emptySet(),
) {
    /** Whether attempts are left out for another reason than their time. */
    val isNarrowed: Boolean
        get() = services.isNotEmpty() || apps.isNotEmpty() || signals.isNotEmpty() || search.isNotBlank()

    /** What to ask the engine for. It knows one service, one app, and no service's name; [takes] sees to the rest. */
    fun query(times: Times, nowMs: Long): LogQuery = LogQuery(
        service = services.singleOrNull(),
        app = apps.singleOrNull(),
        // A clock that stands in 1970 must not ask for a time before.
        sinceMs = since(times, nowMs)?.coerceAtLeast(0),
        search = search.trim().ifEmpty { null }.takeIf { named.isEmpty() },
        limit = if (named.isEmpty()) PAGE else LARGE_PAGE,
    )

    /** Whether an attempt is shown. */
    fun takes(attempt: Attempt, times: Times): Boolean =
        (services.isEmpty() || attempt.service in services) &&
            (apps.isEmpty() || attempt.app.orEmpty().split('+').any { it in apps }) &&
            (signals.isEmpty() || attempt.signal in signals) &&
            (named.isEmpty() || attempt.service in named || isFoundIn(attempt)) &&
            (time !is LogTime.Day || times.dayStart(attempt.lastMs) == times.dayStart(time.ms))

    private fun isFoundIn(attempt: Attempt): Boolean =
        listOf(attempt.host, attempt.app, attempt.service).any { it.orEmpty().contains(search.trim(), ignoreCase = true) }

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
    }

    companion object {
        private const val HOUR_MS = 3_600_000L
        private const val DAY_MS = 24 * HOUR_MS
        private const val PAGE = 50

        /** Where most of a page is left out again. */
        private const val LARGE_PAGE = 200
        private const val TIME = "time"
        private const val SERVICES = "services"
        private const val APPS = "apps"
        private const val SIGNALS = "signals"
        private const val SEARCH = "search"
        private const val CHANGES = "changes"

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
        )
    }
}
