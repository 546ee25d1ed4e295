package org.consentry.vpn

import android.content.Context
import org.consentry.engine.Engine
import org.consentry.engine.Gap
import org.consentry.engine.Outcome

/**
 * Tells the owner that the phone had stopped Consentry: once a day at most, each gap once, and only what the owner can help.
 *
 * @param leastMs shorter gaps are not worth a word, in milliseconds
 * @param now the wall clock, in milliseconds since 1970
 */
class GapNotice(
    context: Context,
    private val engine: Engine,
    private val notices: Notices,
    private val leastMs: Long = 60_000,
    private val now: () -> Long = System::currentTimeMillis,
) {
    private val kept by lazy { context.getSharedPreferences("gap_notice", Context.MODE_PRIVATE) }

    /** Protection is there again. */
    fun protectionRuns() {
        val time = now()
        val saidMs = kept.getLong(SAID, 0)
        // A clock that was set back makes nobody silent for long.
        if (time - saidMs in 0 until DAY_MS) return
        engine.coverage(time - DAY_MS) { read ->
            val gaps = (read as? Outcome.Done)?.value?.gaps ?: return@coverage
            val gap = gaps.lastOrNull { it.cause in CAUSES && length(it) >= leastMs } ?: return@coverage
            val untilMs = gap.untilMs ?: return@coverage
            if (untilMs == kept.getLong(TOLD, 0)) return@coverage
            kept.edit().putLong(SAID, time).putLong(TOLD, untilMs).apply()
            notices.gap(gap.fromMs, untilMs)
        }
    }

    private fun length(gap: Gap): Long = gap.untilMs?.let { it - gap.fromMs } ?: 0

    private companion object {
        val CAUSES = setOf(Gap.Cause.KILLED, Gap.Cause.UNKNOWN, Gap.Cause.CRASHED)
        const val DAY_MS = 24 * 60 * 60 * 1000L

        // When it was said, and the end of the gap that it was said about.
        const val SAID = "said"
        const val TOLD = "told"
    }
}
