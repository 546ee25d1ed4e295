package org.consentry.vpn

import android.app.KeyguardManager
import android.app.Notification
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Intent
import android.os.Build
import java.util.Calendar
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineHost
import org.consentry.engine.Outcome
import org.consentry.engine.Standing
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers

/** Questions at first attempts, and what comes of their buttons. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class QuestionsTest {
    private val app = TestApp.now
    private val notifications = app.getSystemService(NotificationManager::class.java)
    private val shown = shadowOf(notifications)

    /** Noon of some day: no quiet time. */
    private var now = Calendar.getInstance().apply { set(2026, Calendar.NOVEMBER, 22, 12, 0, 0) }.timeInMillis

    @Before
    fun begin() {
        app.settle()
        // The app's own go by the real clock; they are told nothing here.
        Questions(app, app.engine, app.notices, app.wishes) { now }
        ReflectionHelpers.getField<MutableSet<*>>(app.engine, "attemptObservers").run { remove(first()) }
        later(minutes = 0)
        tell("various.nosuch")
        later(minutes = 11)
    }

    private fun later(minutes: Int) {
        app.getSharedPreferences("questions", 0).edit().apply { if (minutes == 0) putLong("first_start", now) }.commit()
        now += minutes * 60_000L
    }

    /** The engine tells of an attempt. */
    private fun tell(service: String, app: String? = "\"com.xiaomi.xmsf\"", first: Boolean = true) {
        ReflectionHelpers.getField<EngineHost>(this.app.engine, "host").event(attempt(service, app, first))
        this.app.settle()
    }

    private fun attempt(service: String, app: String?, first: Boolean) =
        """{"event":"attempt","first_of_service":$first,"id":1,"first_ms":0,"last_ms":0,"count":1,"app":$app,
        "service":"$service","host":null,"signal":null,"address":null,"port":null,"proto":"tcp","certainty":null,
        "reason":"","identifiers":[],"bytes_held":0}"""

    private fun question(service: String): Notification? = shown.getNotification(service, Notices.QUESTION_ID)

    private fun press(service: String, button: String) {
        val action = question(service)!!.actions.single { it.title == button }
        send(action.actionIntent)
    }

    /** What Android does when a button is pressed. */
    private fun send(intent: PendingIntent) {
        val order = shadowOf(intent).savedIntent
        QuestionReceiver().onReceive(app, order)
        app.settle()
    }

    private fun consent(service: String) = app.engine.state.value.service(service)!!.consent

    @Test
    fun `the question names the service, the app, and what stops without it`() {
        tell("xiaomi.push")
        val question = shadowOf(question("xiaomi.push")!!)
        assertEquals("Mi Push wants to connect", question.contentTitle)
        val text = question.contentText.toString()
        assertTrue(text, text.startsWith("Held back for now. Asked by com.xiaomi.xmsf. "))
        assertEquals(text, question.bigText)
        assertFalse(text, text.endsWith(".."))
        assertEquals(
            listOf("Allow 15 min", "Keep blocked", "Mute"),
            question("xiaomi.push")!!.actions.map { it.title.toString() },
        )
    }

    @Test
    fun `once per service, ever`() {
        tell("xiaomi.push")
        app.notices.answered("xiaomi.push")
        tell("xiaomi.push")
        assertNull(question("xiaomi.push"))
    }

    @Test
    fun `not about what comes again, nor what is decided, muted or needed by the phone`() {
        tell("xiaomi.push", first = false)
        app.engine.mute("xiaomi.account", on = true)
        app.engine.grant("google.fcm")
        app.settle()
        tell("xiaomi.account")
        tell("google.fcm")
        app.engine.state.value.services.first { it.standing == Standing.ESSENTIAL }.let { tell(it.id) }
        assertTrue(shown.allNotifications.isEmpty())
    }

    @Test
    fun `allowed for a quarter of an hour`() {
        tell("xiaomi.push")
        press("xiaomi.push", "Allow 15 min")
        assertTrue("${consent("xiaomi.push")}", consent("xiaomi.push") is ConsentState.Until)
        assertNull("answered", question("xiaomi.push"))
    }

    @Test
    fun `kept blocked is a decision`() {
        tell("xiaomi.push")
        press("xiaomi.push", "Keep blocked")
        assertEquals(ConsentState.Off, consent("xiaomi.push"))
        assertTrue(app.engine.state.value.service("xiaomi.push")!!.keptBlocked)
        var history: Outcome<List<ConsentChange>>? = null
        app.engine.history("xiaomi.push") { history = it }
        app.settle()
        val change = (history as Outcome.Done).value.single()
        assertEquals(ConsentChange.Kind.REVOKE to "notification", change.kind to change.via)
        assertNull(question("xiaomi.push"))
    }

    @Test
    fun `mute, and to wipe it away, is none`() {
        for ((service, act) in listOf<Pair<String, (Notification) -> PendingIntent>>(
            "xiaomi.push" to { it.actions.last().actionIntent },
            "google.fcm" to { it.deleteIntent },
        )) {
            tell(service)
            send(act(question(service)!!))
            val after = app.engine.state.value.service(service)!!
            assertTrue(service, after.muted)
            assertFalse(service, after.keptBlocked)
        }
    }

    @Test
    fun `three a day, the rest in one silent summary`() {
        val services = app.engine.state.value.services
            .filter { it.standing == Standing.NEEDS_CONSENT && !it.breaksShort.startsWith("Nothing") }
            .take(5).map { it.id }
        services.forEach { tell(it) }
        assertEquals(services.take(3), services.filter { question(it) != null })
        val summary = shadowOf(shown.getNotification(Notices.SUMMARY_ID))
        assertEquals("2 more services were held back", summary.contentTitle)
        assertEquals("Look when you have time. Nothing is waiting.", summary.contentText)
        app.questions.seen()
        assertNull("seen", shown.getNotification(Notices.SUMMARY_ID))
        later(minutes = 24 * 60)
        val next = app.engine.state.value.services
            .last { it.standing == Standing.NEEDS_CONSENT && !it.breaksShort.startsWith("Nothing") }.id
        tell(next)
        assertNotNull("another day", question(next))
    }

    @Test
    fun `not at night`() {
        for ((hour, asks) in listOf(21 to true, 22 to false, 3 to false)) {
            now = Calendar.getInstance().apply {
                set(2026, Calendar.NOVEMBER, 24 + hour, hour, 30, 0)
            }.timeInMillis
            val service = listOf("xiaomi.push", "google.fcm", "xiaomi.account")[listOf(21, 22, 3).indexOf(hour)]
            tell(service)
            assertEquals("$hour", asks, question(service) != null)
        }
    }

    @Test
    fun `not in the first ten minutes`() {
        app.getSharedPreferences("questions", 0).edit().putLong("first_start", now - 9 * 60_000).commit()
        tell("xiaomi.push")
        assertNull(question("xiaomi.push"))
        assertNotNull(shown.getNotification(Notices.SUMMARY_ID))
    }

    @Test
    fun `not when nothing would be missed`() {
        val service = app.engine.state.value.services.first {
            it.breaksShort == "Nothing visible" && it.standing == Standing.NEEDS_CONSENT
        }
        tell(service.id)
        assertNull(question(service.id))
        assertNotNull(shown.getNotification(Notices.SUMMARY_ID))
    }

    @Test
    fun `where a server is shared, allowing goes through the screen that says so`() {
        tell("xiaomi.cloud_messaging")
        val allow = question("xiaomi.cloud_messaging")!!.actions.first().actionIntent
        assertTrue(shadowOf(allow).isActivity)
        val screen = shadowOf(allow).savedIntents.last()
        assertEquals(Screens.SERVICE, screen.component!!.className)
        assertEquals("xiaomi.cloud_messaging", screen.getStringExtra(Screens.EXTRA_SERVICE))
        assertEquals("QUARTER_HOUR", screen.getStringExtra(Screens.EXTRA_ALLOW_FOR))
    }

    @Test
    fun `on a locked phone a door can be closed, not opened`() {
        shadowOf(app.getSystemService(KeyguardManager::class.java)).setIsDeviceLocked(true)
        tell("xiaomi.push")
        val allow = question("xiaomi.push")!!.actions.first()
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            assertTrue("Android asks for the unlocking", allow.isAuthenticationRequired)
        } else {
            press("xiaomi.push", "Allow 15 min")
            assertEquals(ConsentState.Off, consent("xiaomi.push"))
            assertEquals(Screens.SERVICE, shadowOf(app).nextStartedActivity.component!!.className)
        }
        press("xiaomi.push", "Keep blocked")
        assertTrue(app.engine.state.value.service("xiaomi.push")!!.keptBlocked)
    }

    @Test
    fun `the app is named as its owner knows it`() {
        tell("xiaomi.push", app = "null")
        tell("google.fcm", app = "\"uid:1000\"")
        assertTrue(shadowOf(question("xiaomi.push")!!).contentText.contains("Asked by an unknown app."))
        assertTrue(shadowOf(question("google.fcm")!!).contentText.contains("Asked by the system."))
    }

    @Test
    fun `buttons are made once and cannot be changed by others`() {
        tell("xiaomi.push")
        val first = question("xiaomi.push")!!.actions.map { it.actionIntent }
        app.notices.ask(app.engine.state.value.service("xiaomi.push")!!, "x")
        val second = question("xiaomi.push")!!.actions.map { it.actionIntent }
        assertEquals(first, second)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) assertTrue(first.all { it.isImmutable })
    }

    @Test
    fun `an answer that cannot be stored is told, and the question stays`() {
        tell("xiaomi.push")
        val answer = question("xiaomi.push")!!.actions[1].actionIntent
        app.closeEngine()
        send(answer)
        assertNotNull(question("xiaomi.push"))
        assertEquals("That was not saved", shadowOf(shown.getNotification(Notices.HEALTH_ID)).contentTitle)
    }

    @Test
    fun `events of an unknown form are passed over`() {
        val host = ReflectionHelpers.getField<EngineHost>(app.engine, "host")
        val bad = listOf(
            "", "{", "[]", "null", """{"event":"storm"}""", """{"event":"attempt"}""", """{"event":"state","state":"tired"}""",
            """{"event":"state"}""", """{}""",
        )
        for (text in bad) host.event(text)
        app.settle()
        assertTrue(shown.allNotifications.isEmpty())
    }

    @Test
    fun `an order without a service, or of another kind, does nothing`() {
        for (order in listOf(Intent(), Intent(QuestionReceiver.ALLOW), QuestionReceiver.intent(app, "dance", "xiaomi.push"))) {
            QuestionReceiver().onReceive(app, order)
        }
        app.settle()
        assertEquals(ConsentState.Off, consent("xiaomi.push"))
    }

    @Test
    fun `questions lie in one pile, and one alone does not`() {
        val services = listOf("xiaomi.push", "google.fcm", "xiaomi.account")
        services.forEach { tell(it) }
        assertEquals("3 services want to connect", shadowOf(shown.getNotification(Notices.GROUP_ID)).contentTitle)
        assertTrue(services.all { question(it)!!.group == shown.getNotification(Notices.GROUP_ID).group })
        services.take(2).forEach { press(it, "Keep blocked") }
        assertNull(shown.getNotification(Notices.GROUP_ID))
        assertNotNull(question("xiaomi.account"))
    }

    @Test
    fun `an app without a say asks nothing, another one does`() {
        app.engine.muteApp("com.xiaomi.xmsf", on = true)
        app.settle()
        tell("xiaomi.push")
        tell("xiaomi.push", first = false)
        assertTrue("neither question nor summary", shown.allNotifications.isEmpty())
        tell("xiaomi.push", app = "\"com.miui.home\"", first = false)
        assertTrue(shadowOf(question("xiaomi.push")!!).contentText.contains("com.miui.home"))
        app.engine.muteApp("com.xiaomi.xmsf", on = false)
        app.settle()
        tell("google.fcm")
        assertNotNull(question("google.fcm"))
    }

    @Test
    fun `ten thousand attempts a minute ask no more often`() {
        val services = app.engine.state.value.services.filter { it.standing == Standing.NEEDS_CONSENT }.map { it.id }
        val host = ReflectionHelpers.getField<EngineHost>(app.engine, "host")
        repeat(10_000) { host.event(attempt(services[it % services.size], "\"com.xiaomi.xmsf\"", it < services.size)) }
        app.settle()
        val notifications = shown.allNotifications.size
        assertTrue("three questions, their pile and the summary: $notifications", notifications <= 5)
        assertEquals(3, services.count { question(it) != null })
    }
}
