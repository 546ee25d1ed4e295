package org.consentry.vpn

import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.Attempt
import org.consentry.engine.LogPage
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.annotation.Config

/** From packets in the tunnel to pages of the log. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class LogTest {
    private val app = TestApp.now
    private val service = Robolectric.buildService(ConsentVpnService::class.java).create().get()
    private val told = mutableListOf<Pair<Attempt, Boolean>>()
    private val tunnel get() = app.tunnels.open.single()

    @Before
    fun start() {
        app.engine.observeAttempts { attempt, first -> told += attempt to first }
        service.onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
        assertTrue(app.engine.state.value.protection is Protection.On)
    }

    @After
    fun forget() = PhoneVpn.forget()

    /** An app asks for a name; the answer comes from inside. */
    private fun ask(name: String) {
        tunnel.send(Packets.udp("192.0.0.52", 40_000, "192.0.0.53", 53, Packets.question(7, name)))
        assertTrue(name, tunnel.receive(withinMs = 10_000) != null)
    }

    private fun log(query: LogQuery): LogPage {
        var page: Outcome<LogPage>? = null
        app.engine.log(query) { page = it }
        app.settle()
        return (page as Outcome.Done).value
    }

    private fun fill() {
        NAMES.forEach(::ask)
        app.await("all attempts are stored") { log(LogQuery()).rows.size == NAMES.size }
    }

    @Test
    fun `pages follow one another, newest first, and nothing is missing or twice`() {
        fill()
        val rows = mutableListOf<Attempt>()
        var page = log(LogQuery(limit = 2))
        rows += page.rows
        while (page.next != null) {
            page = log(LogQuery(limit = 2, before = page.next))
            rows += page.rows
        }
        assertEquals(NAMES.toSet(), rows.map { it.host }.toSet())
        assertEquals(NAMES.size, rows.map { it.id }.toSet().size)
        assertEquals(rows.map { it.firstMs }.sortedDescending(), rows.map { it.firstMs })
    }

    @Test
    fun `filters and search`() {
        fill()
        assertEquals(listOf("mtalk.google.com"), log(LogQuery(services = setOf("google.fcm"))).rows.map { it.host })
        assertEquals(setOf("app.chat.xiaomi.net"), log(LogQuery(search = "chat")).rows.map { it.host }.toSet())
        assertEquals(emptyList<Attempt>(), log(LogQuery(search = "no such thing")).rows)
        assertEquals(emptyList<Attempt>(), log(LogQuery(sinceMs = System.currentTimeMillis() + 60_000)).rows)
        assertNull(log(LogQuery(services = setOf("google.fcm"))).next)
    }

    @Test
    fun `whoever listens is told, and which is the first of its service`() {
        ask("mtalk.google.com")
        app.await("the attempt is told") { told.isNotEmpty() }
        val (attempt, isFirst) = told.single()
        assertEquals("google.fcm", attempt.service)
        assertTrue(isFirst)
    }

    @Test
    fun `counts of today, and of each service`() {
        fill()
        app.engine.refresh()
        app.settle()
        val state = app.engine.state.value
        assertEquals(NAMES.size.toLong(), state.status?.heldToday)
        assertEquals(NAMES.size.toLong(), state.status?.days?.last()?.count)
        assertEquals(1L, state.service("google.fcm")?.attemptsToday)
        assertTrue(state.service("google.fcm")?.lastMs!! > System.currentTimeMillis() - 60_000)
    }

    private companion object {
        val NAMES = listOf("app.chat.xiaomi.net", "mtalk.google.com", "api.account.xiaomi.com")
    }
}
