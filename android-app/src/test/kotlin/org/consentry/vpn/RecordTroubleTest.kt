package org.consentry.vpn

import java.io.File
import java.io.IOException
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineFailure
import org.consentry.engine.EngineHost
import org.consentry.engine.NativeEngine
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.StoreState
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.annotation.Config

/** A record that cannot be used: said in plain words, with the tunnel closed, and every consent kept. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], shadows = [PhoneVpn::class])
class RecordTroubleTest {
    private val app = TestApp.now as TroubledApp
    private val protection get() = app.engine.state.value.protection
    private val service by lazy { Robolectric.buildService(ConsentVpnService::class.java).create().get() }

    @After
    fun end() {
        PhoneVpn.forget()
        app.onTerminate()
        app.unmount()
    }

    private fun start() {
        service.onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
    }

    private fun <T> outcome(call: ((Outcome<T>) -> Unit) -> Unit): Outcome<T> {
        val outcomes = mutableListOf<Outcome<T>>()
        call { outcomes += it }
        app.settle()
        return outcomes.single()
    }

    private fun assertClosed(kind: EngineFailure.Kind) {
        assumeTrue("this machine lets nobody mount file systems", app.isTroubled)
        app.settle()
        assertEquals(kind, (app.engine.state.value.store as StoreState.Unreadable).failure.kind)
        start()
        val failed = protection as Protection.Failed
        assertEquals(kind, failed.failure.kind)
        assertTrue(failed.failure.text(app), failed.failure.text(app).endsWith("."))
        assertTrue("nothing can connect", failed.closed)
        assertEquals("the tunnel is there, and nobody reads it", 1, app.tunnels.open.size)
        val granted = outcome { app.engine.grant("google.fcm", done = it) }
        assertEquals(kind, (granted as Outcome.Failed).failure.kind)
    }

    /** The same record again, in order: what was decided before the trouble is there, and nothing else. */
    private fun assertNothingLost() {
        app.engine.open()
        app.settle()
        assertEquals(StoreState.Open, app.engine.state.value.store)
        start()
        assertTrue("$protection", protection is Protection.On)
        assertEquals(ConsentState.On, app.engine.state.value.service(DECIDED)!!.consent)
        assertEquals(ConsentState.Off, app.engine.state.value.service("google.fcm")!!.consent)
    }

    @Test
    @Config(application = NewerRecordApp::class)
    fun `written by a newer version`() {
        assertClosed(EngineFailure.Kind.STORE_NEWER)
        (app as NewerRecordApp).makeNewer(by = -1)
        assertNothingLost()
    }

    @Test
    @Config(application = ReadOnlyApp::class)
    fun `on a file system that is read-only`() {
        assertClosed(EngineFailure.Kind.STORE_UNWRITABLE)
        app.remount("rw")
        assertNothingLost()
    }

    @Test
    @Config(application = FullDiskApp::class)
    fun `no room left while it is in use`() {
        assumeTrue("this machine lets nobody mount file systems", app.isTroubled)
        app.settle()
        start()
        assertTrue("$protection", protection is Protection.On)
        val filler = app.fill()
        val undecided = app.engine.state.value.services.filter { it.consent == ConsentState.Off }.map { it.id }
        val granted = mutableSetOf<String>()
        val failure = undecided.firstNotNullOfOrNull { id ->
            val outcome = outcome { app.engine.grant(id, done = it) }
            if (outcome is Outcome.Done) granted += id
            (outcome as? Outcome.Failed)?.failure
        }
        assertEquals(EngineFailure.Kind.DISK_FULL, failure?.kind)
        assertEquals("The phone's storage is full. Free some space, then try again.", failure?.text(app))
        assertEquals("the tunnel stays", 1, app.tunnels.open.size)
        assertTrue(filler.delete())
        app.engine.refresh()
        app.settle()
        val allowed = undecided.filter { app.engine.state.value.service(it)!!.consent == ConsentState.On }.toSet()
        assertEquals("what was said to be allowed, and nothing else", granted, allowed)
        val again = outcome { app.engine.grant(undecided.last(), done = it) }
        assertTrue("$again", again is Outcome.Done)
    }

    /** An app whose record is in trouble before it is opened. */
    abstract class TroubledApp : TestApp() {
        private val folder get() = File(noBackupFilesDir, "state")
        private var isMounted = false

        /** Whether this machine could make the trouble. */
        var isTroubled = false
            private set

        /** The file of the record. */
        val record get() = File(folder, "consentry.redb")

        override fun newEngine() = super.newEngine().also {
            isTroubled = prepare()
        }

        /** Makes the trouble; false if this machine cannot. */
        protected abstract fun prepare(): Boolean

        /** A record in which one service is allowed. */
        protected fun decide() {
            val handle = NativeEngine.open(folder.path, Nobody)
            NativeEngine.request(handle, """{"do":"grant","service":"$DECIDED","app":null,"for":null,"via":"screen"}""")
            NativeEngine.close(handle)
        }

        /** Puts the state folder on a small file system of its own. */
        protected fun mount(): Boolean {
            folder.mkdirs()
            isMounted = TunPhone.isPossible && run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder.path)
            return isMounted
        }

        fun remount(option: String) = run("mount", "-o", "remount,$option", folder.path)

        fun unmount() {
            if (isMounted) run("umount", folder.path)
        }

        /** Leaves no room. */
        fun fill(): File = File(folder, "filler").apply {
            try {
                outputStream().use { out -> while (true) out.write(ByteArray(4096)) }
            } catch (_: IOException) {
                // Full.
            }
        }

        private fun run(vararg command: String) = ProcessBuilder(*command).inheritIO().start().waitFor() == 0
    }

    class NewerRecordApp : TroubledApp() {
        override fun prepare(): Boolean {
            decide()
            makeNewer(by = 1)
            return true
        }

        /** Changes the number of the tables' layout: after its key, eight bytes, the lowest first. */
        fun makeNewer(by: Int) {
            val bytes = record.readBytes()
            val text = String(bytes, Charsets.ISO_8859_1)
            val places = Regex("schema[\\x01-\\x1f]\\x00{7}").findAll(text).map { it.range.first + "schema".length }.toList()
            assertTrue("the record's layout stands in it", places.isNotEmpty())
            places.forEach { bytes[it] = (bytes[it] + by).toByte() }
            record.writeBytes(bytes)
        }
    }

    class ReadOnlyApp : TroubledApp() {
        override fun prepare(): Boolean {
            if (!mount()) return false
            decide()
            return remount("ro")
        }
    }

    class FullDiskApp : TroubledApp() {
        override fun prepare(): Boolean {
            if (!mount()) return false
            decide()
            return true
        }
    }

    /** Hears nothing. */
    private object Nobody : EngineHost {
        override fun protect(socket: Int) = false

        override fun owner(flow: Long, transport: Int, app: String, remote: String) = Unit

        override fun event(event: String) = Unit
    }

    private companion object {
        const val DECIDED = "xiaomi.push"
    }
}
