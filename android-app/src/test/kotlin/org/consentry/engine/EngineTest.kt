package org.consentry.engine

import java.io.File
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import org.consentry.AppRunner
import org.consentry.TestApp
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.annotation.Config

/** Consents and the log through the real engine. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class)
class EngineTest {
    private val app = TestApp.now
    private val engine = app.engine
    private val state get() = engine.state.value
    private val push get() = state.service("xiaomi.push")!!

    /** What comes of a call. */
    private fun <T> outcome(call: ((Outcome<T>) -> Unit) -> Unit): Outcome<T> {
        val outcomes = mutableListOf<Outcome<T>>()
        call { outcomes += it }
        app.settle()
        return outcomes.single()
    }

    private fun <T> done(call: ((Outcome<T>) -> Unit) -> Unit): T = (outcome(call) as Outcome.Done).value

    /** Another engine on the same folder, as after a restart; the second argument opens it. */
    private fun nextEngine(use: (Engine, open: () -> Unit) -> Unit) {
        val worker = ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, LinkedBlockingQueue())
        val next = Engine(app, worker)
        use(next) {
            next.open()
            worker.submit {}.get()
            app.settle()
        }
        next.close()
        worker.awaitTermination(10, TimeUnit.SECONDS)
    }

    private fun failure(call: ((Outcome<*>) -> Unit) -> Unit): EngineFailure.Kind {
        val failed = outcome<Any?> { done -> call { done(it) } } as Outcome.Failed
        assertTrue("plain words", failed.failure.text(app).endsWith("."))
        return failed.failure.kind
    }

    @Test
    fun `the catalogue, with everything that needs consent held back`() {
        assertEquals(StoreState.Opening, state.store)
        app.settle()
        assertEquals(StoreState.Open, state.store)
        assertTrue(state.services.size > 50)
        assertEquals("Xiaomi", push.vendor)
        for (service in state.services) {
            val expected = if (service.standing == Standing.ESSENTIAL) ConsentState.On else ConsentState.Off
            assertEquals(service.id, expected, service.consent)
        }
        assertEquals(0L, state.status?.heldToday)
        assertEquals(7, state.status?.days?.size)
        assertEquals(false, state.status?.running)
    }

    @Test
    fun `a grant is there when it is said to be, and after a restart`() {
        app.settle()
        assertEquals(Granted(emptyList()), done { engine.grant("xiaomi.push", done = it) })
        assertEquals(ConsentState.On, push.consent)
        assertEquals(1, state.status?.allowed)
        app.closeEngine()
        nextEngine { next, open ->
            open()
            assertEquals(ConsentState.On, next.state.value.service("xiaomi.push")?.consent)
        }
    }

    @Test
    fun `every kind of grant, and its end`() {
        app.settle()
        val before = System.currentTimeMillis()
        done { engine.grant("xiaomi.push", term = Term.QUARTER_HOUR, via = Via.NOTIFICATION, done = it) }
        val until = (push.consent as ConsentState.Until).untilMs
        assertTrue("$until", until - before in 14 * 60_000..16 * 60_000)
        done { engine.grant("xiaomi.push", term = Term.RESTART, done = it) }
        assertEquals(ConsentState.UntilRestart, push.consent)
        done { engine.revoke("xiaomi.push", done = it) }
        assertEquals(ConsentState.Off, push.consent)
        done { engine.grant("xiaomi.push", app = "com.android.mms", done = it) }
        assertEquals(ConsentState.ForApps(listOf("com.android.mms")), push.consent)
        done { engine.revoke("xiaomi.push", app = "com.android.mms", done = it) }
        assertEquals(ConsentState.Off, push.consent)
    }

    @Test
    fun `the history names every decision, the latest first`() {
        done { engine.grant("xiaomi.push", term = Term.HOUR, via = Via.NOTIFICATION, done = it) }
        done { engine.revoke("xiaomi.push", via = Via.TILE, done = it) }
        done { engine.grant("google.fcm", done = it) }
        val changes = done { engine.history("xiaomi.push", it) }
        assertEquals(listOf(ConsentChange.Kind.REVOKE, ConsentChange.Kind.GRANT), changes.map { it.kind })
        assertEquals(listOf("tile", "notification"), changes.map { it.via })
        assertTrue(changes[1].end is ConsentChange.End.At)
        assertEquals(3, done { engine.history(done = it) }.size)
    }

    @Test
    fun `a shared server is warned of`() {
        val granted = done { engine.grant("xiaomi.cloud_messaging", done = it) }
        assertEquals(listOf("xiaomi.account"), granted.warns)
        assertEquals("a grant covers one service", ConsentState.Off, state.service("xiaomi.account")?.consent)
    }

    @Test
    fun `mute is no decision`() {
        done { engine.mute("xiaomi.push", on = true, done = it) }
        assertTrue(push.muted)
        assertEquals(ConsentState.Off, push.consent)
        assertEquals(emptyList<ConsentChange>(), done { engine.history("xiaomi.push", it) })
        done { engine.mute("xiaomi.push", on = false, done = it) }
        assertFalse(push.muted)
    }

    @Test
    fun `what the phone needs can be switched off and on`() {
        app.settle()
        val clock = state.services.first { it.standing == Standing.ESSENTIAL }
        done { engine.revoke(clock.id, done = it) }
        assertEquals(ConsentState.Off, state.service(clock.id)?.consent)
        done { engine.grant(clock.id, done = it) }
        assertEquals(ConsentState.On, state.service(clock.id)?.consent)
    }

    @Test
    fun `an empty log`() {
        val page = done { engine.log(LogQuery(services = setOf("xiaomi.push"), search = "chat", sinceMs = 0), it) }
        assertEquals(emptyList<Attempt>(), page.rows)
        assertNull(page.next)
    }

    @Test
    fun `an unknown service changes nothing`() {
        assertEquals(EngineFailure.Kind.UNKNOWN_SERVICE, failure { engine.grant("xiaomi.nosuch", done = it) })
        assertEquals(EngineFailure.Kind.UNKNOWN_SERVICE, failure { engine.revoke("xiaomi.nosuch", done = it) })
        assertEquals(EngineFailure.Kind.UNKNOWN_SERVICE, failure { engine.mute("xiaomi.nosuch", on = true, done = it) })
        assertEquals(emptyList<ConsentChange>(), done { engine.history(done = it) })
    }

    @Test
    fun `JSON of an unknown form is refused at the boundary`() {
        app.settle()
        val bad = listOf(
            "", "{", "[]", "17", "null", """{"do":"dance"}""", """{"do":"grant"}""",
            """{"do":"grant","service":7,"app":null,"for":null,"via":"screen"}""",
            """{"do":"grant","service":"xiaomi.push","app":null,"for":null,"via":"telepathy"}""",
            """{"do":"grant","service":"xiaomi.push","app":null,"for":"sometime","via":"screen"}""",
            """{"do":"log","limit":-1}""", "\u0000", "é".repeat(200_000),
        )
        for (text in bad) {
            val error = assertThrows(text.take(80), EngineException::class.java) { NativeEngine.request(app.handle, text) }
            assertEquals(text.take(80), "bad_request", error.code)
        }
        assertEquals(emptyList<ConsentChange>(), done { engine.history(done = it) })
    }

    @Test
    fun `a handle that never was, or is no more`() {
        for (handle in listOf(0, -1, Long.MAX_VALUE, Long.MIN_VALUE)) {
            val error = assertThrows(EngineException::class.java) { NativeEngine.request(handle, """{"do":"status"}""") }
            assertEquals("closed", error.code)
        }
        app.settle()
        val handle = app.handle
        app.closeEngine()
        for (call in listOf({ NativeEngine.close(handle) }, { NativeEngine.stop(handle) })) {
            assertEquals("closed", assertThrows(EngineException::class.java) { call() }.code)
        }
        assertEquals(EngineFailure.Kind.CLOSED, failure { engine.grant("xiaomi.push", done = it) })
    }

    @Test
    fun `a fault of the engine's is an error, not the end of the app`() {
        app.settle()
        val error = assertThrows(EngineException::class.java) {
            NativeEngine.request(app.handle, """{"do":"fail","what":"request"}""")
        }
        assertEquals(EngineFailure.Kind.PANIC, EngineFailure.of(error).kind)
        done { engine.grant("xiaomi.push", done = it) }
        assertEquals(ConsentState.On, push.consent)
    }

    @Test
    fun `stop without start, and twice`() {
        done { engine.stop(it) }
        done { engine.stop(it) }
    }

    @Test
    fun `a descriptor that is closed, or not a tunnel's`() {
        val host = object : TunnelHost {
            override fun protect(socket: Int) = true

            override fun ownerOf(transport: Int, app: String, remote: String) = FlowOwner.Unknown

            override fun engineFailed(reason: String) = Unit
        }
        for (descriptor in listOf(-1, 1_000_000, 1)) {
            val kind = failure { engine.start(descriptor, 1500, OuterNetwork.NONE, host, it) }
            assertEquals("$descriptor", EngineFailure.Kind.TUN, kind)
        }
    }

    @Test
    fun `calls from several threads`() {
        app.settle()
        val handle = app.handle
        val pool = Executors.newFixedThreadPool(4)
        val ids = state.services.filter { it.standing == Standing.NEEDS_CONSENT }.map { it.id }.take(8)
        val calls = ids.flatMap { id ->
            val request = { what: String -> JSONObject().put("do", what).put("service", id).put("app", JSONObject.NULL) }
            listOf(
                request("grant").put("for", JSONObject.NULL).put("via", "screen"),
                request("log").apply { listOf("since_ms", "search", "before").forEach { put(it, JSONObject.NULL) } },
                JSONObject().put("do", "services"),
            )
        }.map { Callable { NativeEngine.request(handle, it.toString()) } }
        pool.invokeAll(calls).forEach { it.get() }
        pool.shutdown()
        done { engine.refresh(it) }
        assertEquals(ids.toSet(), state.services.filter { it.standing != Standing.ESSENTIAL && it.consent == ConsentState.On }
            .map { it.id }.toSet())
    }

    @Test
    fun `a state folder that is none`() {
        app.settle()
        app.closeEngine()
        val folder = File(app.noBackupFilesDir, "state")
        assertTrue(folder.deleteRecursively() && folder.createNewFile())
        nextEngine { next, open ->
            open()
            val unreadable = next.state.value.store as StoreState.Unreadable
            assertEquals(EngineFailure.Kind.STORE_UNWRITABLE, unreadable.failure.kind)
            assertTrue(folder.delete())
            open()
            assertEquals("tried again", StoreState.Open, next.state.value.store)
        }
    }

    @Test
    fun `a record that is damaged is kept aside and allows nothing`() {
        app.settle()
        done { engine.grant("xiaomi.push", done = it) }
        app.closeEngine()
        val record = File(app.noBackupFilesDir, "state").listFiles()!!.single { it.length() > 1000 }
        val damaged = ByteArray(record.length().toInt()) { 0x5a }
        record.writeBytes(damaged)
        nextEngine { next, open ->
            open()
            assertEquals(StoreState.Open, next.state.value.store)
            assertEquals(ConsentState.Off, next.state.value.service("xiaomi.push")?.consent)
        }
        val aside = record.parentFile!!.listFiles()!!.single { it.name.contains(".damaged-") }
        assertTrue("nothing was deleted", aside.readBytes().contentEquals(damaged))
    }

    @Test
    fun `observers see a change once, and nobody is read for when nobody looks`() {
        app.settle()
        val seen = mutableListOf<ConsentState?>()
        val observation = engine.state.observe { seen += it.service("xiaomi.push")?.consent }
        done { engine.grant("xiaomi.push", done = it) }
        observation.end()
        done { engine.revoke("xiaomi.push", done = it) }
        assertEquals(listOf<ConsentState?>(ConsentState.Off, ConsentState.On), seen)
    }
}
