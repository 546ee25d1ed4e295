package org.consentry.widget

import android.appwidget.AppWidgetManager
import android.graphics.Bitmap
import android.view.View
import android.widget.TextView
import org.consentry.AppRunner
import org.consentry.R
import org.consentry.TestApp
import org.consentry.engine.Protection
import org.consentry.engine.Status
import org.consentry.ui.Pictures
import org.consentry.vpn.Screens
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** The widgets on the home screen. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class)
class WidgetsTest {
    private val app = TestApp.now.also { it.settle() }
    private val manager = AppWidgetManager.getInstance(app)
    private val counts = listOf(12L, 40, 3, 0, 903, 77, 1284)
    private val days = counts.mapIndexed { index, count -> Status.Day("2026-11-${16 + index}", count) }

    private fun put(type: Class<out Widget>, layout: Int): View =
        shadowOf(manager).let { it.getViewFor(it.createWidget(type, layout)) }.also { app.settle() }

    private fun show(protection: Protection) {
        val now = app.engine.state.value
        app.engine.state.set(
            now.copy(protection = protection, status = now.status!!.copy(heldToday = counts.last(), days = days)),
        )
        app.settle()
    }

    private fun View.text(id: Int) = findViewById<TextView>(id).text.toString()

    @Test
    fun `the small one shows today's number, or that it is off`() {
        val widget = put(SmallWidget::class.java, R.layout.widget_small)
        show(Protection.On(0))
        assertEquals("1,284", widget.text(R.id.widget_number))
        assertEquals("held back today", widget.text(R.id.widget_text))
        assertEquals(View.VISIBLE, widget.findViewById<View>(R.id.widget_text).visibility)
        show(Protection.Off)
        assertEquals("Off", widget.text(R.id.widget_number))
        assertEquals(View.GONE, widget.findViewById<View>(R.id.widget_text).visibility)
    }

    @Test
    fun `the large one shows how protection stands, and seven days in words, too`() {
        val widget = put(LargeWidget::class.java, R.layout.widget_large)
        show(Protection.On(0))
        assertEquals("Protection is on", widget.text(R.id.widget_title))
        assertEquals("1,284 today", widget.text(R.id.widget_number))
        // The sixteenth was a Monday.
        assertEquals("Mon", widget.text(R.id.widget_day_1))
        assertEquals("Today", widget.text(R.id.widget_day_7))
        val described = widget.findViewById<View>(R.id.widget_bars).contentDescription.toString()
        assertTrue(described, described.startsWith("Held back in the last 7 days. Monday 12, "))
        assertTrue(described, described.endsWith("today 1,284"))
        show(Protection.AnotherVpn)
        assertEquals("Another VPN is in use", widget.text(R.id.widget_title))
    }

    @Test
    fun `a tap leads to Home`() {
        val widget = put(SmallWidget::class.java, R.layout.widget_small)
        show(Protection.Off)
        widget.findViewById<View>(R.id.widget).performClick()
        val screen = shadowOf(app).nextStartedActivity
        assertEquals(Screens.MAIN, screen.component!!.className)
        assertEquals("home", screen.getStringExtra(Screens.EXTRA_TAB))
    }

    @Test
    @Config(sdk = [35])
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    fun `bars are as high as their days, mirrored where one reads from the right`() {
        val left = WidgetBars(app.resources, counts)
        val today = left.today()
        fun height(bitmap: Bitmap, day: Int): Int {
            val x = (bitmap.width * (day + 0.5) / counts.size).toInt()
            return (0 until bitmap.height).count { bitmap.getPixel(x, it) ushr 24 != 0 }
        }
        assertEquals("the highest fills the place", today.height, height(today, 6))
        assertEquals("the others are not in this picture", 0, height(today, 4))
        val earlier = left.earlier()
        assertEquals(0, height(earlier, 6))
        assertTrue(height(earlier, 4) in (earlier.height * 6 / 10)..(earlier.height * 8 / 10))
        assertTrue("none is a line yet", height(earlier, 3) in 1..8)
    }

    @Test
    @Config(sdk = [35], qualifiers = "ar-ldrtl")
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    fun `today is at the left where one reads from the right`() {
        val today = WidgetBars(app.resources, counts).today()
        assertTrue(today.getPixel(today.width / 14, today.height - 3) ushr 24 != 0)
    }

    @Test
    @Config(sdk = [35])
    @GraphicsMode(GraphicsMode.Mode.NATIVE)
    fun pictures() {
        for ((name, qualifiers) in listOf("light" to "w360dp-xhdpi", "dark" to "+night", "arabic" to "ar-ldrtl-w360dp-xhdpi")) {
            RuntimeEnvironment.setQualifiers(qualifiers)
            val small = put(SmallWidget::class.java, R.layout.widget_small)
            val large = put(LargeWidget::class.java, R.layout.widget_large)
            show(Protection.On(0))
            draw(small, "widget-small-$name", 150, 66)
            draw(large, "widget-large-$name", 328, 140)
        }
    }

    private fun draw(widget: View, name: String, widthDp: Int, heightDp: Int) {
        val density = app.resources.displayMetrics.density
        fun exactly(dp: Int) = View.MeasureSpec.makeMeasureSpec((dp * density).toInt(), View.MeasureSpec.EXACTLY)
        widget.measure(exactly(widthDp), exactly(heightDp))
        widget.layout(0, 0, widget.measuredWidth, widget.measuredHeight)
        Pictures.draw(widget, name)
    }

    @Test
    @Config(sdk = [35], qualifiers = "ar-ldrtl-w360dp-xhdpi")
    fun `it is laid out as its language is written`() {
        for ((type, layout) in listOf(SmallWidget::class.java to R.layout.widget_small, LargeWidget::class.java to R.layout.widget_large)) {
            val widget = put(type, layout)
            show(Protection.On(0))
            assertEquals(View.LAYOUT_DIRECTION_RTL, widget.findViewById<View>(R.id.widget).layoutDirection)
        }
    }

    @Test
    fun `Android asks for them now and then`() {
        val widget = put(LargeWidget::class.java, R.layout.widget_large)
        app.protection.permissionRefused()
        LargeWidget().onUpdate(app, manager, intArrayOf(1))
        app.settle()
        assertEquals("0 today", widget.text(R.id.widget_number))
    }
}
