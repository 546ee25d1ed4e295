package org.consentry.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.RectF
import android.util.AttributeSet
import android.util.TypedValue
import android.view.View
import org.consentry.R
import org.consentry.engine.Coverage

/** The hours of each of the last days, a row each: when services were held back, and when they could connect. */
class Timeline(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    /** A part of a day, from 0 (its midnight) to 1 (the next). */
    data class Part(val from: Float, val until: Float)

    /**
     * A day.
     *
     * @property name `Thu`
     * @property counted the part that counts: from the first start ever, until now
     * @property words the day for screen readers
     */
    data class Day(val name: String, val counted: Part, val gaps: List<Part>, val words: String)

    private val density = resources.displayMetrics.density
    private val track = paint(R.attr.high)
    private val held = paint(R.attr.bar)
    private val gap = paint(R.attr.attentionAccent)
    private val edge = paint(R.attr.surface)
    private val text = paint(R.attr.textSecond)

    /** What there is to show, oldest first. */
    var days: List<Day> = emptyList()
        set(value) {
            if (field == value) return
            field = value
            contentDescription = value.map { it.words }
                .reduceOrNull { all, next -> context.getString(R.string.timeline_more, all, next) }
            requestLayout()
            invalidate()
        }

    init {
        isFocusable = true
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val wanted = days.size * rowHeight() + axisHeight()
        setMeasuredDimension(MeasureSpec.getSize(widthMeasureSpec), resolveSize(wanted.toInt(), heightMeasureSpec))
    }

    override fun onDraw(canvas: Canvas) {
        val isMirrored = layoutDirection == LAYOUT_DIRECTION_RTL
        text.textSize = sp(NAME_SP)
        text.textAlign = if (isMirrored) Paint.Align.RIGHT else Paint.Align.LEFT
        val names = (days.maxOfOrNull { text.measureText(it.name) } ?: 0f) + NAME_GAP_DP * density
        val (from, until) = names to width.toFloat()
        // The hours run from right to left where the words do.
        val x = { part: Float -> (from + part * (until - from)).let { if (isMirrored) width - it else it } }
        days.forEachIndexed { index, day ->
            val top = index * rowHeight()
            val middle = top + rowHeight() / 2
            canvas.drawText(day.name, if (isMirrored) width.toFloat() else 0f, middle + text.textSize * BASELINE, text)
            bar(canvas, x, middle, Part(0f, 1f), track)
            bar(canvas, x, middle, day.counted, held)
            for (part in day.gaps) {
                val least = part.copy(until = part.until.coerceAtLeast(part.from + LEAST))
                block(canvas, x, middle, least, edge, widened = EDGE_DP * density)
                block(canvas, x, middle, least, gap, widened = 0f)
            }
        }
        val floor = days.size * rowHeight() + axisHeight() - AXIS_BELOW_DP * density
        for ((index, hour) in HOURS.withIndex()) {
            text.textAlign = when (index) {
                0 -> if (isMirrored) Paint.Align.RIGHT else Paint.Align.LEFT
                HOURS.lastIndex -> if (isMirrored) Paint.Align.LEFT else Paint.Align.RIGHT
                else -> Paint.Align.CENTER
            }
            canvas.drawText(Numbers.twoDigits(hour), x(hour / HOURS.last().toFloat()), floor, text)
        }
    }

    private fun bar(canvas: Canvas, x: (Float) -> Float, middle: Float, part: Part, paint: Paint) {
        if (part.until <= part.from) return
        val half = BAR_DP * density / 2
        canvas.drawRoundRect(place(x, middle, part, half, 0f), half, half, paint)
    }

    private fun block(canvas: Canvas, x: (Float) -> Float, middle: Float, part: Part, paint: Paint, widened: Float) =
        canvas.drawRect(place(x, middle, part, BAR_DP * density / 2, widened), paint)

    private fun place(x: (Float) -> Float, middle: Float, part: Part, half: Float, widened: Float): RectF {
        val ends = listOf(x(part.from), x(part.until)).sorted()
        return RectF(ends[0] - widened, middle - half, ends[1] + widened, middle + half)
    }

    private fun rowHeight() = maxOf(ROW_DP * density, sp(NAME_LINE_SP))

    private fun axisHeight() = sp(NAME_LINE_SP) + AXIS_BELOW_DP * density

    private fun sp(size: Float) = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, size, resources.displayMetrics)

    private fun paint(attribute: Int) = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.colour(attribute) }

    /** Makes the days. */
    companion object {
        private const val ROW_DP = 22
        private const val BAR_DP = 10
        private const val EDGE_DP = 2
        private const val NAME_SP = 12f
        private const val NAME_LINE_SP = 16f
        private const val NAME_GAP_DP = 12
        private const val AXIS_BELOW_DP = 6
        private const val BASELINE = 0.35f

        /** Shorter gaps are drawn so long, part of a day, lest they cannot be seen. */
        private const val LEAST = 0.006f
        private const val MOST_DAYS = 7
        private val HOURS = listOf(0, 6, 12, 18, 24)

        /** The last seven days, or those since protection first ran. */
        fun days(coverage: Coverage, times: Times): List<Day> {
            val countedFrom = coverage.countedFromMs ?: return emptyList()
            val starts = generateSequence(times.dayStart(times.now)) { times.dayStart(it - 1) }
                .takeWhile { times.dayEnd(it) > countedFrom }.take(MOST_DAYS).toList().asReversed()
            return starts.map { start -> day(coverage, times, start, countedFrom) }
        }

        private fun day(coverage: Coverage, times: Times, start: Long, countedFrom: Long): Day {
            val end = times.dayEnd(start)
            val part = { fromMs: Long, untilMs: Long ->
                val length = (end - start).toFloat()
                Part(
                    ((fromMs - start) / length).coerceIn(0f, 1f),
                    ((untilMs.coerceAtMost(times.now) - start) / length).coerceIn(0f, 1f),
                )
            }
            val gaps = coverage.gapsIn(maxOf(start, countedFrom), minOf(end, times.now)).filter { it.isOpen }
            return Day(
                if (times.daysAgo(start) == 0) times.todayHead else times.weekdayOf(start),
                part(countedFrom, end),
                gaps.map { part(it.fromMs, it.untilMs ?: times.now) },
                times.dayInWords(start, gaps),
            )
        }
    }
}
