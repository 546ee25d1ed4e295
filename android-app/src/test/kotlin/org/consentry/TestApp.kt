package org.consentry

import android.app.ForegroundServiceStartNotAllowedException
import android.content.ComponentName
import android.content.Intent
import android.os.Looper
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.locks.LockSupport
import org.consentry.engine.Engine
import org.consentry.engine.NativeEngine
import org.consentry.vpn.ConsentVpnService
import org.consentry.vpn.TestTunnels
import org.consentry.vpn.TunnelFactory
import org.junit.Assert.assertTrue
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.util.ReflectionHelpers

/** The app with tunnels of the test's, and a way to wait for the engine. */
open class TestApp : ConsentryApp() {
    private val worker = Worker()

    /** Where the service takes its tunnels from. */
    val tunnels = TestTunnels()

    /** Whether Android refuses to start services from the background. */
    var refusesStart = false

    override fun newEngine() = Engine(this, worker)

    override fun tunnels(service: ConsentVpnService): TunnelFactory = tunnels

    override fun startForegroundService(service: Intent): ComponentName? {
        if (refusesStart) throw ForegroundServiceStartNotAllowedException("refused by the test")
        return super.startForegroundService(service)
    }

    override fun startService(service: Intent): ComponentName? {
        check(!refusesStart) { "refused by the test" }
        return super.startService(service)
    }

    override fun onTerminate() {
        super.onTerminate()
        tunnels.close()
        closeEngine()
    }

    /** Closes the engine, and waits until the state folder is free. */
    fun closeEngine() {
        engine.close()
        worker.awaitTermination(10, TimeUnit.SECONDS)
    }

    /** The library's handle. */
    val handle: Long get() = ReflectionHelpers.getField(engine, "handle")

    /** Makes the engine fail at the next new flow. */
    fun strikeEngine() {
        NativeEngine.request(handle, """{"do":"fail","what":"engine"}""")
    }

    /** Until the engine's thread and the main thread have nothing left to do. */
    fun settle() {
        do {
            // The last in its queue: with it everything before is done, and has told the main thread.
            if (!worker.isShutdown) worker.submit {}.get(10, TimeUnit.SECONDS)
            val given = worker.given.get()
            shadowOf(Looper.getMainLooper()).idle()
        } while (worker.given.get() > given)
    }

    /** Until something holds that other threads bring about; fails after ten seconds. */
    fun await(what: String, holds: () -> Boolean) {
        val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10)
        settle()
        while (!holds() && System.nanoTime() < end) {
            LockSupport.parkNanos(1_000_000)
            settle()
        }
        assertTrue("waited for: $what", holds())
    }

    /** The engine's thread, which counts what it is given. */
    private class Worker : ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, LinkedBlockingQueue()) {
        val given = AtomicInteger()

        override fun execute(command: Runnable) {
            given.incrementAndGet()
            super.execute(command)
        }
    }

    companion object {
        /** The app of the running test. */
        val now: TestApp get() = RuntimeEnvironment.getApplication() as TestApp
    }
}
