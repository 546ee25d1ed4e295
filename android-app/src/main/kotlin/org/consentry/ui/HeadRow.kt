package org.consentry.ui

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.view.ViewGroup

/** A head at the start and a badge at the end; the badge goes below where both do not fit. */
class HeadRow(context: Context, attributes: AttributeSet? = null) : ViewGroup(context, attributes) {
    private val gap = (GAP_DP * resources.displayMetrics.density).toInt()
    private var isStacked = false

    private val head: View get() = getChildAt(0)
    private val badge: View get() = getChildAt(1)

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val width = MeasureSpec.getSize(widthMeasureSpec)
        val most = MeasureSpec.makeMeasureSpec(width, MeasureSpec.AT_MOST)
        val free = MeasureSpec.makeMeasureSpec(0, MeasureSpec.UNSPECIFIED)
        head.measure(most, free)
        if (badge.visibility == GONE) {
            isStacked = false
            setMeasuredDimension(width, head.measuredHeight)
            return
        }
        badge.measure(most, free)
        isStacked = head.measuredWidth + gap + badge.measuredWidth > width
        setMeasuredDimension(
            width,
            if (isStacked) {
                head.measuredHeight + gap / 2 + badge.measuredHeight
            } else {
                maxOf(head.measuredHeight, badge.measuredHeight)
            },
        )
    }

    override fun onLayout(changed: Boolean, left: Int, top: Int, right: Int, bottom: Int) {
        val width = right - left
        val height = bottom - top
        val isMirrored = layoutDirection == LAYOUT_DIRECTION_RTL
        val headTop = if (isStacked) 0 else (height - head.measuredHeight) / 2
        place(head, atStart = !isMirrored, width, headTop)
        if (badge.visibility == GONE) return
        val badgeTop = if (isStacked) height - badge.measuredHeight else (height - badge.measuredHeight) / 2
        place(badge, atStart = isStacked != isMirrored, width, badgeTop)
    }

    private fun place(child: View, atStart: Boolean, width: Int, top: Int) {
        val x = if (atStart) 0 else width - child.measuredWidth
        child.layout(x, top, x + child.measuredWidth, top + child.measuredHeight)
    }

    private companion object {
        const val GAP_DP = 8
    }
}
