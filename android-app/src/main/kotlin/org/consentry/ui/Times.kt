package org.consentry.ui

import android.content.Context
import android.icu.text.MeasureFormat
import android.icu.text.SimpleDateFormat
import android.icu.util.Measure
import android.icu.util.MeasureUnit
import android.text.format.DateFormat
import java.util.Calendar
import java.util.Date
import java.util.GregorianCalendar
import java.util.Locale
import org.consentry.R
import org.consentry.engine.Gap

/** Writes times as the phone's owner is used to read them. All times are milliseconds since 1970. */
class Times(private val context: Context, private val nowMs: () -> Long) {
    private val locale: Locale = context.resources.configuration.locales[0]
    private val clockFormat = DateFormat.getTimeFormat(context)
    private val dateFormat = format("dMMM")
    private val dateWithYearFormat = format("dMMMy")
    private val headFormat = format("EEEEdMMMM")
    private val weekdayFormat = SimpleDateFormat("EEE", locale)
    private val longWeekdayFormat = SimpleDateFormat("EEEE", locale)

    /** The wall clock, in milliseconds since 1970. */
    val now: Long get() = nowMs()

    /** `14:31`. */
    fun clock(ms: Long): String = clockFormat.format(Date(ms))

    /** `today`, `yesterday`, `3 May`. */
    fun day(ms: Long): String = when (daysAgo(ms)) {
        0 -> context.getString(R.string.today)
        1 -> context.getString(R.string.yesterday)
        else -> date(ms)
    }

    /** `3 May`; with the year if it is another. */
    fun date(ms: Long): String =
        if (calendar(ms)[Calendar.YEAR] == calendar(nowMs())[Calendar.YEAR]) {
            dateFormat.format(Date(ms))
        } else {
            dateWithYearFormat.format(Date(ms))
        }

    /** `14:31` if that is today, else `3 May`. */
    fun clockOrDay(ms: Long): String = if (daysAgo(ms) == 0) clock(ms) else day(ms)

    /** `14:31` if that is today, else `3 May, 10:12`. */
    fun moment(ms: Long): String =
        if (daysAgo(ms) == 0) clock(ms) else context.getString(R.string.day_at, day(ms), clock(ms))

    /** The head of a day in a list: `Today`, `Yesterday`, `Thursday, 19 November`. */
    fun head(ms: Long): String = when (daysAgo(ms)) {
        0 -> context.getString(R.string.today_head)
        1 -> context.getString(R.string.yesterday_head)
        else -> headFormat.format(Date(ms))
    }

    /** `Thu`, of a day `2026-11-19`; the day itself when it is none. */
    fun weekday(date: String): String = ofDay(date)?.let { weekdayFormat.format(Date(it)) } ?: date

    /** `Thursday`, of a day `2026-11-19`. */
    fun longWeekday(date: String): String = ofDay(date)?.let { longWeekdayFormat.format(Date(it)) } ?: date

    /** `Thu`, of a time. */
    fun weekdayOf(ms: Long): String = weekdayFormat.format(Date(ms))

    /** `Today`. */
    val todayHead: String get() = context.getString(R.string.today_head)

    /** `Monday: protected except 02:14 to 08:57`, of the day that begins then. */
    fun dayInWords(start: Long, gaps: List<Gap>): String {
        val day = if (daysAgo(start) == 0) todayHead else longWeekdayFormat.format(Date(start))
        if (gaps.isEmpty()) return context.getString(R.string.timeline_day, day)
        val spans = gaps.map {
            context.getString(
                R.string.from_to,
                clock(it.fromMs.coerceAtLeast(start)),
                clock((it.untilMs ?: now).coerceAtMost(dayEnd(start))),
            )
        }
        val listed = spans.reduce { all, next -> context.getString(R.string.list_more, all, next) }
        return context.getString(R.string.timeline_day_except, day, listed)
    }

    /** When the day began that [ms] lies in. */
    fun dayStart(ms: Long): Long = calendar(ms).apply {
        set(Calendar.HOUR_OF_DAY, 0)
        set(Calendar.MINUTE, 0)
        set(Calendar.SECOND, 0)
        set(Calendar.MILLISECOND, 0)
    }.timeInMillis

    /** When the day ends that [ms] lies in. */
    fun dayEnd(ms: Long): Long = calendar(dayStart(ms)).apply { add(Calendar.DAY_OF_MONTH, 1) }.timeInMillis

    /** `4 h 26 min`, `2 days`: to the minute, and of days to the hour. */
    fun length(ms: Long): String {
        val minutes = (ms / MINUTE_MS).coerceAtLeast(1).toInt()
        val (days, hours) = minutes / MINUTES_A_DAY to minutes % MINUTES_A_DAY / MINUTES_AN_HOUR
        val parts = listOfNotNull(
            Measure(days, MeasureUnit.DAY).takeIf { days > 0 },
            Measure(hours, MeasureUnit.HOUR).takeIf { hours > 0 },
            Measure(minutes % MINUTES_AN_HOUR, MeasureUnit.MINUTE)
                .takeIf { days == 0 && (hours == 0 || minutes % MINUTES_AN_HOUR > 0) },
        )
        return MeasureFormat.getInstance(locale, MeasureFormat.FormatWidth.SHORT).formatMeasures(*parts.toTypedArray())
    }

    /** How many midnights ago; negative for what lies ahead (the clock was set back). */
    fun daysAgo(ms: Long): Int {
        val days = (dayStart(nowMs()) - dayStart(ms)).toDouble() / DAY_MS
        // A day of 23 or 25 hours is a day.
        return Math.round(days).toInt()
    }

    /** Noon of a day `2026-11-19`: a time that is surely in it. */
    fun ofDay(date: String): Long? {
        val parts = date.split('-').map { it.toIntOrNull() ?: return null }
        if (parts.size != 3) return null
        return GregorianCalendar(parts[0], parts[1] - 1, parts[2], 12, 0).timeInMillis
    }

    private fun calendar(ms: Long): Calendar = GregorianCalendar(locale).apply { timeInMillis = ms }

    /** Some languages name a weekday otherwise where it stands alone: the pattern letters for that are ICU's only. */
    private fun format(skeleton: String) =
        SimpleDateFormat(DateFormat.getBestDateTimePattern(locale, skeleton), locale)

    private companion object {
        const val DAY_MS = 86_400_000.0
        const val MINUTE_MS = 60_000L
        const val MINUTES_AN_HOUR = 60
        const val MINUTES_A_DAY = 24 * 60
    }
}
