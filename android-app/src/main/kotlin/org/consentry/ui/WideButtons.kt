package org.consentry.ui

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

/** One or two buttons that share the whole width; one below the other where a word would wrap. */
class WideButtons(context: Context, attributes: AttributeSet? = null) : ViewGroup(context, attributes) {
    private val gap = (GAP_DP * resources.displayMetrics.density).toInt()
    private var isStacked = false

    private val shown: List<View> get() = (0 until childCount).map(::getChildAt).filter { it.visibility != GONE }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val all = MeasureSpec.getSize(widthMeasureSpec)
        val width = all - paddingLeft - paddingRight
        val free = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED)
        val share = (width - gap * (shown.size - 1)) / shown.size.coerceAtLeast(1)
        shown.forEach { it.measure(free, free) }
        isStacked = shown.any { it.measuredWidth > share }
        val exact = MeasureSpec.makeMeasureSpec(if (isStacked) width else share, MeasureSpec.EXACTLY)
        shown.forEach { it.measure(exact, free) }
        val height = if (isStacked) {
            shown.sumOf { it.measuredHeight } + gap * (shown.size - 1)
        } else {
            shown.maxOfOrNull { it.measuredHeight } ?: 0
        }
        setMeasuredDimension(all, height + paddingTop + paddingBottom)
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        val isMirrored = layoutDirection == LAYOUT_DIRECTION_RTL
        // Stacked, the main button, which is the last, comes first; side by side it stands at the end.
        val order = if (isStacked || isMirrored) shown.asReversed() else shown
        var x = paddingLeft
        var y = paddingTop
        for (child in order) {
            child.layout(x, y, x + child.measuredWidth, y + child.measuredHeight)
            if (isStacked) y += child.measuredHeight + gap else x += child.measuredWidth + gap
        }
    }

    private companion object {
        const val GAP_DP = 8
    }
}
