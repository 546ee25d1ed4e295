package org.consentry.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.util.AttributeSet
import android.view.View
import android.widget.FrameLayout
import org.consentry.R

/**
 * A row of a group. The group is one card: its first row has the round corners at the top, its last those at the bottom, and
 * a line between two rows begins where their texts do.
 */
class RowFrame(context: Context, attributes: AttributeSet? = null) : FrameLayout(context, attributes) {
    private val line = Paint().apply { color = context.colour(R.attr.divider) }
    private val lineHeight = resources.displayMetrics.density
    private var background = 0
    private var isLast = true

    private val row: View get() = getChildAt(0)

    init {
        setWillNotDraw(false)
    }

    /** Where in its group the row is; [gap] is the space below it, in pixels. */
    fun place(first: Boolean, last: Boolean, gap: Int = 0) {
        val shape = when {
            first && last -> R.drawable.row_single
            first -> R.drawable.row_top
            last -> R.drawable.row_bottom
            else -> R.drawable.row_middle
        }
        if (shape != background) {
            background = shape
            // A background may bring a padding of its own: keep the row's.
            val (start, top, end, bottom) = listOf(row.paddingStart, row.paddingTop, row.paddingEnd, row.paddingBottom)
            row.setBackgroundResource(shape)
            row.setPaddingRelative(start, top, end, bottom)
        }
        isLast = last
        setPadding(0, 0, 0, gap)
        invalidate()
    }

    override fun dispatchDraw(canvas: Canvas) {
        super.dispatchDraw(canvas)
        if (isLast) return
        val texts = row.findViewById<View?>(R.id.texts) ?: return
        val top = row.bottom - lineHeight
        if (layoutDirection == LAYOUT_DIRECTION_RTL) {
            canvas.drawRect(0f, top, (texts.right).toFloat(), row.bottom.toFloat(), line)
        } else {
            canvas.drawRect(texts.left.toFloat(), top, width.toFloat(), row.bottom.toFloat(), line)
        }
    }
}
