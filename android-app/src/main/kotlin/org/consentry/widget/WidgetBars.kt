package org.consentry.widget

import android.content.res.Resources
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.view.View

/**
 * Seven days as bars without a colour: the widget's layout tints them, so that they are right in the light and in the dark
 * whenever the home screen changes.
 */
internal class WidgetBars(private val resources: Resources, private val counts: List<Long>) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG).apply { color = Color.WHITE }

    /** All days but today. */
    fun earlier(): Bitmap = draw { it != counts.lastIndex }

    /** Today alone, in the same place. */
    fun today(): Bitmap = draw { it == counts.lastIndex }

    private fun draw(wanted: (Int) -> Boolean): Bitmap {
        val bitmap = Bitmap.createBitmap(WIDTH, HEIGHT, Bitmap.Config.ALPHA_8)
        val most = counts.maxOrNull()?.coerceAtLeast(1) ?: return bitmap
        val canvas = Canvas(bitmap)
        val place = WIDTH.toFloat() / counts.size
        val isMirrored = resources.configuration.layoutDirection == View.LAYOUT_DIRECTION_RTL
        for ((index, count) in counts.withIndex()) {
            if (!wanted(index)) continue
            val left = place * (if (isMirrored) counts.lastIndex - index else index)
            val height = (HEIGHT.toFloat() * count / most).coerceAtLeast(LEAST)
            canvas.drawRoundRect(left + GAP / 2, HEIGHT - height, left + place - GAP / 2, HEIGHT.toFloat(), CORNER, CORNER, paint)
        }
        return bitmap
    }

    private companion object {
        // The picture is stretched to its place: about 2 pixels of an ordinary phone to one of these.
        const val WIDTH = 560
        const val HEIGHT = 128
        const val GAP = 20f
        const val LEAST = 4f
        const val CORNER = 12f
    }
}
