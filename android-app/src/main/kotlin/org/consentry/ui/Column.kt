package org.consentry.ui

import android.content.Context
import android.util.AttributeSet
import android.view.Gravity
import android.widget.FrameLayout

/** Holds one child, at most 640 wide, in the middle of what there is. */
class Column(context: Context, attributes: AttributeSet? = null) : FrameLayout(context, attributes) {
    private val most = (MOST_WIDTH_DP * resources.displayMetrics.density).toInt()

    override fun onFinishInflate() {
        super.onFinishInflate()
        for (index in 0 until childCount) (getChildAt(index).layoutParams as LayoutParams).gravity = Gravity.CENTER_HORIZONTAL
    }

    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val side = ((MeasureSpec.getSize(widthMeasureSpec) - most) / 2).coerceAtLeast(0)
        if (side != paddingLeft) setPadding(side, 0, side, 0)
        super.onMeasure(widthMeasureSpec, heightMeasureSpec)
    }

    private companion object {
        const val MOST_WIDTH_DP = 640
    }
}
