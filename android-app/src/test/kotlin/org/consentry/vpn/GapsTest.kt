package org.consentry.vpn

import android.app.ActivityManager
import android.app.ApplicationExitInfo
import android.app.NotificationManager
import java.io.File
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.Coverage
import org.consentry.engine.Engine
import org.consentry.engine.FlowOwner
import org.consentry.engine.Gap
import org.consentry.engine.OuterNetwork
import org.consentry.engine.Outcome
import org.consentry.engine.TunnelHost
import org.consentry.health.Exits
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowActivityManager

/** Times in which nothing was held back, and what the owner hears of them. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class GapsTest {
    private val app = TestApp.now.also { it.settle() }
    private val shown = shadowOf(app.getSystemService(NotificationManager::class.java))
    private val next = mutableListOf<Pair<Engine, ThreadPoolExecutor>>()
    private val folder = File(app.noBackupFilesDir, "state")
    private val tunnel = TestTunnel()

    @After
    fun end() {
        PhoneVpn.forget()
        closeNext()
        tunnel.vanish()
        tunnel.close()
    }

    private fun closeNext() {
        for ((engine, worker) in next) {
            engine.close()
            worker.awaitTermination(10, TimeUnit.SECONDS)
        }
        next.clear()
    }

    private fun settle() {
        next.forEach { (_, worker) -> if (!worker.isShutdown) worker.submit {}.get(10, TimeUnit.SECONDS) }
        app.settle()
    }

    /** Protection runs, and then the process is ended at once: its record is as it was just then. */
    private fun runAndDie(): Engine {
        val running = next.lastOrNull()?.first
        if (running == null) {
            Robolectric.buildService(ConsentVpnService::class.java).create().get()
                .onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
            settle()
            stored(app.engine)
        }
        settle()
        val copy = File(app.cacheDir, "as it was").also { it.deleteRecursively() }
        folder.copyRecursively(copy)
        if (running == null) app.closeEngine() else closeNext()
        folder.deleteRecursively()
        copy.copyRecursively(folder)
        val worker = ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, LinkedBlockingQueue())
        return Engine(app, worker).also {
            next += it to worker
            it.open()
            settle()
        }
    }

    /** Protection is there again. */
    private fun start(engine: Engine) {
        engine.start(tunnel.descriptor, TunnelPlan.MTU, OuterNetwork.NONE, Nobody) {}
        stored(engine)
    }

    /** Until the engine's own thread has begun its run, and that stands in the record. */
    private fun stored(engine: Engine) {
        app.await("it runs") { gaps(engine).let { it.percent != null && it.gaps.all { gap -> gap.untilMs != null } } }
        engine.heartbeat()
        settle()
    }

    private fun gaps(engine: Engine): Coverage {
        var read: Outcome<Coverage>? = null
        engine.coverage(0) { read = it }
        settle()
        return (read as Outcome.Done).value
    }

    private fun notice(engine: Engine, atMs: Long = System.currentTimeMillis()): String? {
        GapNotice(app, engine, app.notices, leastMs = 0) { atMs }.protectionRuns()
        settle()
        return shown.getNotification(Notices.GAP_NOTICE_ID)?.let { shadowOf(it).contentTitle.toString() }
    }

    @Test
    fun `without a gap nothing is said`() {
        assertNull("nothing ever ran", gaps(app.engine).percent)
        Robolectric.buildService(ConsentVpnService::class.java).create().get()
            .onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        settle()
        assertEquals(100, gaps(app.engine).percent)
        assertNull(notice(app.engine))
    }

    @Test
    fun `a process that was ended leaves a gap, and the owner hears of it once`() {
        val engine = runAndDie()
        assertNull("it lasts", gaps(engine).gaps.single().untilMs)
        start(engine)
        val gap = gaps(engine).gaps.single()
        assertNotNull(gap.untilMs)
        assertEquals(Gap.Cause.UNKNOWN, gap.cause)
        val said = notice(engine)!!
        assertTrue(said, said.startsWith("Consentry was stopped from "))
        val leadsTo = shadowOf(shown.getNotification(Notices.GAP_NOTICE_ID).contentIntent).savedIntent
        assertEquals("health", leadsTo.getStringExtra(Screens.EXTRA_TAB))
        app.getSystemService(NotificationManager::class.java).cancelAll()
        assertNull("once", notice(engine))
        assertNull("not the next day either", notice(engine, System.currentTimeMillis() + DAY_MS))
    }

    @Test
    fun `another gap on the same day is not told, on another day it is`() {
        val engine = runAndDie()
        start(engine)
        val said = System.currentTimeMillis() - DAY_MS
        assertNotNull(notice(engine, said))
        app.getSystemService(NotificationManager::class.java).cancelAll()
        val again = runAndDie()
        start(again)
        assertEquals(2, gaps(again).gaps.size)
        assertNull(notice(again, said + 60_000))
        assertNotNull(notice(again, said + DAY_MS))
    }

    @Test
    fun `what the owner did is not told`() {
        val engine = runAndDie()
        engine.ended(Gap.Cause.TURNED_OFF)
        start(engine)
        assertEquals(Gap.Cause.TURNED_OFF, gaps(engine).gaps.single().cause)
        assertNull(notice(engine))
    }

    @Test
    @Config(sdk = [35])
    fun `Android remembers how the process ended`() {
        for ((reason, description, cause) in listOf(
            Triple(ApplicationExitInfo.REASON_CRASH, "", Gap.Cause.CRASHED),
            Triple(ApplicationExitInfo.REASON_LOW_MEMORY, "", Gap.Cause.KILLED),
            Triple(ApplicationExitInfo.REASON_USER_REQUESTED, "remove task", Gap.Cause.KILLED),
            Triple(ApplicationExitInfo.REASON_USER_REQUESTED, "stop org.consentry due to from pid 7", Gap.Cause.UNKNOWN),
            Triple(ApplicationExitInfo.REASON_PACKAGE_UPDATED, "", Gap.Cause.UPDATED),
        )) {
            val engine = runAndDie()
            val exit = ShadowActivityManager.ApplicationExitInfoBuilder.newBuilder().setProcessName(app.packageName)
                .setReason(reason).setDescription(description).setTimestamp(System.currentTimeMillis()).build()
            shadowOf(app.getSystemService(ActivityManager::class.java)).addApplicationExitInfo(exit)
            Exits(app, engine).tell()
            settle()
            start(engine)
            val gap = gaps(engine).gaps.last()
            assertEquals("$reason $description", cause, gap.cause)
            assertTrue("known to the moment", gap.isCertain)
        }
    }

    /** Answers for no tunnel. */
    private object Nobody : TunnelHost {
        override fun protect(socket: Int) = true

        override fun ownerOf(transport: Int, app: String, remote: String): FlowOwner = FlowOwner.Unknown

        override fun engineFailed(reason: String) = Unit
    }

    private companion object {
        const val DAY_MS = 24 * 60 * 60 * 1000L
    }
}
