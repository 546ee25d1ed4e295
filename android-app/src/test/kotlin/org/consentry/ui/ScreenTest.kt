package org.consentry.ui

import android.app.Activity
import android.content.Intent
import android.content.pm.ApplicationInfo
import android.content.pm.PackageInfo
import android.os.Bundle
import android.os.Looper
import android.view.View
import android.widget.ListView
import android.widget.Switch
import android.widget.TextView
import java.util.Locale
import java.util.TimeZone
import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.LockSupport
import org.consentry.R
import org.junit.After
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowBuild

/** A test of screens: with a model of its own, on a small phone. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = FakeApp::class, sdk = [35], qualifiers = "en-rGB-w360dp-h640dp-xhdpi")
abstract class ScreenTest {
    private val zone: TimeZone = TimeZone.getDefault()
    private val locale: Locale = Locale.getDefault()
    private val faults = ArrayList<String>()
    private val controllers = ArrayList<ActivityController<*>>()

    protected val app: FakeApp get() = RuntimeEnvironment.getApplication() as FakeApp
    protected val model: FakeModel get() = app.model

    @Before
    fun begin() {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"))
        ShadowBuild.setManufacturer("Xiaomi")
        ShadowBuild.setBrand("Redmi")
        install("com.xiaomi.xmsf", "Xiaomi service framework")
        install("com.android.mms", "Messaging")
        install("com.miui.systemAdSolution", "msa")
        install("com.mi.globalbrowser", "Mi Browser")
        model.attempts = Scene.attempts
        model.changes = Scene.changes
        remember(Remembered(introduced = true, wallpaperColours = false))
    }

    @After
    fun end() {
        controllers.asReversed().forEach { it.close() }
        idle()
        TimeZone.setDefault(zone)
        Locale.setDefault(locale)
        assertTrue(faults.joinToString("\n", "\n"), faults.isEmpty())
    }

    /** What the app remembers from before. */
    protected fun remember(what: Remembered) {
        await("preferences") { Preferences.of(app).now != null }
        Preferences.of(app).change { what }
        idle()
    }

    private fun install(name: String, label: String) {
        val info = PackageInfo().apply {
            packageName = name
            applicationInfo = ApplicationInfo().apply {
                packageName = name
                this.name = label
                nonLocalizedLabel = label
            }
        }
        shadowOf(app.packageManager).installPackage(info)
    }

    /** Opens a screen and waits until it has nothing left to do. */
    protected fun <T : Activity> open(
        type: Class<T>,
        intent: Intent = Intent(app, type),
        saved: Bundle? = null,
    ): ActivityController<T> {
        val controller = Robolectric.buildActivity(type, intent)
        controllers += controller
        if (saved == null) controller.setup() else controller.setup(saved)
        settle(controller.get())
        return controller
    }

    protected fun openMain(tab: Int = MainActivity.HOME): MainActivity {
        val activity = open(MainActivity::class.java).get()
        if (tab != MainActivity.HOME) activity.showTab(tab)
        settle(activity)
        return activity
    }

    protected fun openService(id: String): ServiceActivity =
        open(ServiceActivity::class.java, org.consentry.vpn.Screens.service(app, id)).get()

    /** Until names and facts have been read, and the screen shows them. */
    protected fun settle(activity: Activity) {
        idle()
        if (activity is MainActivity) await("facts") { activity.facts != null }
        val labels = AppLabels.of(app)
        await("labels") { labels.isIdle }
        idle()
    }

    /** Until the apps have been read. */
    protected fun settleApps(activity: Activity) {
        val list = activity.findViewById<ListView>(R.id.strict_list)
        await("apps") { list.count > 0 }
        settle(activity)
    }

    /** A row of a page, as the owner finds it. */
    protected class ShownRow(val view: View) {
        /** The words below its name. */
        val second: String get() = view.findViewById<TextView>(R.id.second).text.toString()
    }

    /** The row of that name. */
    protected fun Activity.row(name: Int): ShownRow = ShownRow(
        ScreenRules.shown(decor).first { row -> row.id == R.id.row && row.findViewById<TextView>(R.id.name).text == text(name) },
    )

    /** The switch of the row of that name. */
    protected fun Activity.switch(name: Int): Switch = row(name).view.findViewById(R.id.row_switch)

    /** Scrolls a list to a row, and lays it out: Android 7 waits for a frame that a test does not draw. */
    protected fun scroll(list: ListView, position: Int) {
        (list.adapter as ListRows).jump(list, position)
        idle()
        if (list.isLayoutRequested) {
            val exactly = { size: Int -> View.MeasureSpec.makeMeasureSpec(size, View.MeasureSpec.EXACTLY) }
            list.measure(exactly(list.width), exactly(list.height))
            list.layout(list.left, list.top, list.right, list.bottom)
        }
        idle()
    }

    /** Lets so many seconds pass. */
    protected fun pass(seconds: Long) = shadowOf(Looper.getMainLooper()).idleFor(seconds, TimeUnit.SECONDS)

    protected fun idle() = shadowOf(Looper.getMainLooper()).idle()

    protected fun await(what: String, holds: () -> Boolean) {
        val end = System.nanoTime() + 10_000_000_000
        idle()
        while (!holds() && System.nanoTime() < end) {
            LockSupport.parkNanos(1_000_000)
            idle()
        }
        assertTrue("waited for: $what", holds())
    }

    /** Draws what is shown into the folder of pictures, and checks what holds of every screen. */
    protected fun picture(view: View, name: String) {
        Pictures.draw(view, name)
        faults += ScreenRules.faults(view).map { "$name: $it" }
    }

    protected fun <T : View> Activity.view(id: Int): T = findViewById(id)

    protected val Activity.decor: View get() = window.decorView

    protected fun text(id: Int, vararg arguments: Any): String = app.getString(id, *arguments)
}
