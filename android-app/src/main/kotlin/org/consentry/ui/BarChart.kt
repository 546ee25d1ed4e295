package org.consentry.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.graphics.RectF
import android.graphics.Typeface
import android.os.Bundle
import android.util.AttributeSet
import android.util.TypedValue
import android.view.MotionEvent
import android.view.View
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.Button
import org.consentry.R

/** Seven days side by side, oldest at the start, today at the end. A tap leads to the day's part of the log. */
class BarChart(context: Context, attributes: AttributeSet? = null) : View(context, attributes) {
    /**
     * A day.
     *
     * @property name `Thu`
     * @property longName `Thursday`, for screen readers
     * @property hasGap whether services could connect at times: the count is not all
     */
    data class Day(
        val name: String,
        val longName: String,
        val count: Long,
        val isToday: Boolean,
        val hasGap: Boolean = false,
    )

    private val density = resources.displayMetrics.density
    private val bar = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.colour(R.attr.bar) }
    private val todayBar = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.colour(R.attr.primary) }
    private val gapCap = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = context.colour(R.attr.attentionAccent) }
    private val plain = text(R.attr.textSecond, Typeface.create("sans-serif", Typeface.NORMAL))
    private val strong = text(R.attr.textMain, Typeface.create("sans-serif-medium", Typeface.NORMAL))
    private val path = Path()
    private val corners = FloatArray(8)

    /** Numbers above the bars are too wide from here on; the description keeps them. */
    private val showsCounts = resources.configuration.fontScale < COUNTS_UP_TO

    /** Called with the day that was tapped. */
    var onDay: (Int) -> Unit = {}

    /** Called to show the days as a list. */
    var onList: () -> Unit = {}

    /** What there is to show. */
    var days: List<Day> = emptyList()
        set(value) {
            if (field == value) return
            field = value
            contentDescription = describe()
            invalidate()
        }

    private var touchedX = 0f

    init {
        isClickable = true
        isFocusable = true
        setBackgroundResource(R.drawable.row_plain)
        setOnClickListener { days.indices.lastOrNull()?.let { last -> onDay(dayAt(touchedX) ?: last) } }
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val wanted = top() + BARS_DP * density + bottom()
        setMeasuredDimension(MeasureSpec.getSize(widthMeasureSpec), resolveSize(wanted.toInt(), heightMeasureSpec))
    }

    override fun onDraw(canvas: Canvas) {
        val most = days.maxOfOrNull { it.count }?.coerceAtLeast(1) ?: return
        val gap = GAP_DP * density
        val width = (width - gap * (days.size - 1)) / days.size
        val floor = top() + BARS_DP * density
        val isMirrored = layoutDirection == LAYOUT_DIRECTION_RTL
        for ((index, day) in days.withIndex()) {
            val place = if (isMirrored) days.size - 1 - index else index
            val left = place * (width + gap)
            val height = (BARS_DP * density * day.count / most).coerceAtLeast(LEAST_DP * density)
            roundTop(left, floor - height, left + width, floor)
            canvas.drawPath(path, if (day.isToday) todayBar else bar)
            if (day.hasGap) drawCap(canvas, left, floor - height, left + width)
            val paint = if (day.isToday) strong else plain
            val middle = left + width / 2
            if (showsCounts) {
                paint.textSize = sp(COUNT_SP)
                val cap = if (day.hasGap) (CAP_DP + CAP_GAP_DP) * density else 0f
                canvas.drawText(
                    Numbers.compact(resources, day.count),
                    middle,
                    floor - height - cap - COUNT_GAP_DP * density,
                    paint,
                )
            }
            paint.textSize = nameSize(paint, width + gap)
            canvas.drawText(day.name, middle, floor + sp(NAME_LINE_SP), paint)
        }
    }

    /** The cap of a day with a gap, a little above its bar. */
    private fun drawCap(canvas: Canvas, left: Float, top: Float, right: Float) {
        val bottom = top - CAP_GAP_DP * density
        path.rewind()
        val corner = CAP_DP * density / 2
        path.addRoundRect(RectF(left, bottom - CAP_DP * density, right, bottom), corner, corner, Path.Direction.CW)
        canvas.drawPath(path, gapCap)
    }

    /** The day's names share one size in which the longest fits. */
    private fun nameSize(paint: Paint, room: Float): Float {
        var size = sp(NAME_SP)
        strong.textSize = size
        val widest = days.maxOf { strong.measureText(it.name) }
        if (widest > room) size *= room / widest
        paint.textSize = size
        return size
    }

    private fun roundTop(left: Float, top: Float, right: Float, bottom: Float) {
        val upper = (UPPER_CORNER_DP * density).coerceAtMost((bottom - top) / 2)
        val lower = (LOWER_CORNER_DP * density).coerceAtMost((bottom - top) / 2)
        corners.fill(upper, 0, 4)
        corners.fill(lower, 4, 8)
        path.rewind()
        path.addRoundRect(RectF(left, top, right, bottom), corners, Path.Direction.CW)
    }

    override fun onTouchEvent(event: MotionEvent): Boolean {
        touchedX = event.x
        return super.onTouchEvent(event)
    }

    private fun dayAt(x: Float): Int? {
        if (width == 0 || x <= 0) return null
        val place = (x / width * days.size).toInt().coerceIn(days.indices)
        return if (layoutDirection == LAYOUT_DIRECTION_RTL) days.size - 1 - place else place
    }

    private fun describe(): String {
        val all = days.map {
            context.getString(if (it.hasGap) R.string.chart_day_gap else R.string.chart_day, it.longName, Numbers.of(it.count))
        }
        return context.getString(
            R.string.chart_label,
            all.reduceOrNull { sum, day -> context.getString(R.string.list_more, sum, day) }.orEmpty(),
        )
    }

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        info.className = Button::class.java.name
        info.addAction(
            AccessibilityNodeInfo.AccessibilityAction(R.id.action_show_as_list, context.getString(R.string.chart_as_list)),
        )
        info.addAction(
            AccessibilityNodeInfo.AccessibilityAction(
                AccessibilityNodeInfo.ACTION_CLICK,
                context.getString(R.string.chart_open_log),
            ),
        )
    }

    override fun performAccessibilityAction(action: Int, arguments: Bundle?): Boolean {
        if (action != R.id.action_show_as_list) {
            touchedX = 0f
            return super.performAccessibilityAction(action, arguments)
        }
        onList()
        return true
    }

    private fun top() = (if (showsCounts) sp(COUNT_LINE_SP) else 0f) + (CAP_DP + CAP_GAP_DP) * density

    private fun bottom() = sp(NAME_LINE_SP) + NAME_GAP_DP * density

    private fun sp(size: Float) = TypedValue.applyDimension(TypedValue.COMPLEX_UNIT_SP, size, resources.displayMetrics)

    private fun text(attribute: Int, face: Typeface) = Paint(Paint.ANTI_ALIAS_FLAG).apply {
        color = context.colour(attribute)
        typeface = face
        textAlign = Paint.Align.CENTER
    }

    private companion object {
        const val GAP_DP = 10
        const val BARS_DP = 92
        const val LEAST_DP = 3
        const val UPPER_CORNER_DP = 6
        const val LOWER_CORNER_DP = 2
        const val CAP_DP = 4
        const val CAP_GAP_DP = 2
        const val COUNT_SP = 11f
        const val COUNT_LINE_SP = 18f
        const val COUNT_GAP_DP = 5
        const val NAME_SP = 12f
        const val NAME_LINE_SP = 16f
        const val NAME_GAP_DP = 5
        const val COUNTS_UP_TO = 1.5f
    }
}
