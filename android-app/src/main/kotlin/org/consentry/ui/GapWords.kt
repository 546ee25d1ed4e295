package org.consentry.ui

import android.content.Context
import org.consentry.R
import org.consentry.engine.Coverage
import org.consentry.engine.Gap
import org.consentry.engine.Gap.Cause

/** Whether the owner should know of it: it came unasked, and the phone was there to leak. */
val Gap.isUnasked: Boolean get() = cause in setOf(Cause.KILLED, Cause.CRASHED, Cause.OTHER_VPN, Cause.UNKNOWN)

/** Whether services could connect in it. */
val Gap.isOpen: Boolean get() = cause != Cause.PHONE_OFF

/** The gaps that reach into the day that begins and ends then, in milliseconds since 1970. */
fun Coverage.gapsIn(fromMs: Long, untilMs: Long): List<Gap> =
    gaps.filter { it.fromMs < untilMs && (it.untilMs ?: Long.MAX_VALUE) > fromMs }

/** Says in plain words when nothing was held back, and why. */
class GapWords(private val context: Context, private val times: Times, private val nowMs: () -> Long) {
    /** Why: `Stopped by the phone`. */
    fun cause(gap: Gap): String = context.getString(
        when (gap.cause) {
            Cause.KILLED -> R.string.gap_killed
            Cause.TURNED_OFF -> R.string.gap_turned_off
            Cause.OTHER_VPN -> R.string.gap_other_vpn
            Cause.PHONE_OFF -> R.string.gap_phone_off
            Cause.UPDATED -> R.string.gap_updated
            Cause.CRASHED -> R.string.gap_crashed
            Cause.UNKNOWN -> R.string.gap_unknown
        },
    )

    /** `02:14 to 06:40` below the head of its day; with the day of its end if that is another. */
    fun span(gap: Gap): String {
        val until = gap.untilMs ?: return clocks(gap)
        val isOneDay = times.dayStart(gap.fromMs) == times.dayStart(until)
        return if (isOneDay) clocks(gap) else context.getString(R.string.from_to, times.clock(gap.fromMs), times.moment(until))
    }

    private fun clocks(gap: Gap): String {
        val until = gap.untilMs ?: return context.getString(R.string.gap_since, times.clock(gap.fromMs))
        return context.getString(R.string.from_to, times.clock(gap.fromMs), times.clock(until))
    }

    /** `4 h 26 min`; of one that lasts, so far. */
    fun length(gap: Gap): String = times.length(((gap.untilMs ?: nowMs()) - gap.fromMs).coerceAtLeast(0))

    /** A line of the log: `02:14 to 06:40 Not protected. The phone stopped Consentry.` */
    fun marker(gap: Gap): String = context.getString(R.string.gap_marker, clocks(gap), cause(gap))

    /** The status card's sentence about a gap that is over. */
    fun afterwards(gap: Gap): String = context.getString(
        when (gap.cause) {
            Cause.KILLED -> R.string.after_killed
            Cause.OTHER_VPN -> R.string.after_other_vpn
            Cause.CRASHED -> R.string.after_crashed
            else -> R.string.after_unknown
        },
        times.clock(gap.fromMs),
        times.clock(gap.untilMs ?: nowMs()),
    )
}
