package org.consentry

import android.content.SharedPreferences
import android.os.Looper
import android.widget.TextView
import java.io.File
import java.util.concurrent.AbstractExecutorService
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit
import org.consentry.engine.Engine
import org.consentry.ui.MainActivity
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** An app whose engine never gets to work, and that notes what the main thread wants of the disk. */
class ColdApp : ConsentryApp() {
    /** What the main thread asked the disk for. */
    val asked = ArrayList<String>()

    /** What the engine was asked to do. */
    val work = ArrayList<Runnable>()

    private val readElsewhere: MutableSet<String> = ConcurrentHashMap.newKeySet()

    override fun newEngine() = Engine(this, object : AbstractExecutorService() {
        override fun execute(command: Runnable) {
            work += command
        }

        override fun shutdown() = Unit

        override fun shutdownNow(): List<Runnable> = emptyList()

        override fun isShutdown() = false

        override fun isTerminated() = false

        override fun awaitTermination(timeout: Long, unit: TimeUnit) = true
    })

    override fun getSharedPreferences(name: String, mode: Int): SharedPreferences {
        // What another thread has read before comes out of memory.
        if (isMain) note("file $name".takeIf { name !in readElsewhere }) else readElsewhere += name
        return super.getSharedPreferences(name, mode)
    }

    override fun getFilesDir(): File = super.getFilesDir().also { if (isMain) note("folder of files") }

    override fun getCacheDir(): File = super.getCacheDir().also { if (isMain) note("cache") }

    override fun getNoBackupFilesDir(): File = super.getNoBackupFilesDir().also { if (isMain) note("state folder") }

    private val isMain: Boolean get() = Looper.myLooper() == Looper.getMainLooper()

    private fun note(what: String?) {
        if (what != null) asked += what
    }
}

/** From the tap on the icon to the first frame. */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(application = ColdApp::class, sdk = [24, 35], qualifiers = "en-rGB-w360dp-h640dp-xhdpi")
class ColdStartTest {
    private val app = RuntimeEnvironment.getApplication() as ColdApp

    @Test
    fun `the first frame waits for no disk and no engine`() {
        val activity = Robolectric.buildActivity(MainActivity::class.java).setup().get()
        assertEquals(activity.getString(R.string.status_starting), activity.findViewById<TextView>(R.id.status_title).text.toString())
        assertEquals(activity.getString(R.string.number_unknown), activity.findViewById<TextView>(R.id.held_number).text.toString())
        assertTrue("the engine is asked, and nobody waits for its answer", app.work.isNotEmpty())
        assertEquals(emptyList<String>(), app.asked)
    }

    @Test
    fun `a disk that the main thread reads is noticed`() {
        app.getSharedPreferences("something", 0)
        assertEquals(listOf("file something"), app.asked)
    }
}
