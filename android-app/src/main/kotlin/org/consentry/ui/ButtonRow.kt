package org.consentry.ui

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

/** Buttons side by side at the end; one below the other where they do not fit. */
class ButtonRow(context: Context, attributes: AttributeSet? = null) : ViewGroup(context, attributes) {
    private val gap = (GAP_DP * resources.displayMetrics.density).toInt()
    private var isStacked = false

    private val shown: List<View> get() = (0 until childCount).map(::getChildAt).filter { it.visibility != GONE }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = MeasureSpec.getSize(widthMeasureSpec)
        val most = MeasureSpec.makeMeasureSpec(width, MeasureSpec.AT_MOST)
        val free = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED)
        shown.forEach { it.measure(free, free) }
        val wanted = shown.sumOf { it.measuredWidth } + gap * (shown.size - 1).coerceAtLeast(0)
        isStacked = wanted > width
        val height = if (isStacked) {
            shown.forEach { it.measure(most, free) }
            shown.sumOf { it.measuredHeight } + gap * (shown.size - 1)
        } else {
            shown.maxOfOrNull { it.measuredHeight } ?: 0
        }
        setMeasuredDimension(width, height)
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        val width = right - left
        val isMirrored = layoutDirection == LAYOUT_DIRECTION_RTL
        if (isStacked) {
            // What is done with the last button is the main thing: it comes first.
            var y = 0
            for (child in shown.asReversed()) {
                val x = if (isMirrored) 0 else width - child.measuredWidth
                child.layout(x, y, x + child.measuredWidth, y + child.measuredHeight)
                y += child.measuredHeight + gap
            }
            return
        }
        var used = 0
        for (child in shown.asReversed()) {
            val x = if (isMirrored) used else width - used - child.measuredWidth
            val y = (bottom - top - child.measuredHeight) / 2
            child.layout(x, y, x + child.measuredWidth, y + child.measuredHeight)
            used += child.measuredWidth + gap
        }
    }

    private companion object {
        const val GAP_DP = 8
    }
}
