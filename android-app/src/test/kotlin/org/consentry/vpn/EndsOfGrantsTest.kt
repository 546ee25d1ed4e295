package org.consentry.vpn

import android.app.KeyguardManager
import android.app.Notification
import android.app.NotificationManager
import android.os.Build
import android.os.Looper
import java.util.concurrent.TimeUnit
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.ConsentState
import org.consentry.engine.NativeEngine
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** What the owner hears when a grant has come to its end. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class EndsOfGrantsTest {
    private val app = TestApp.now.also { it.settle() }
    private val shown = shadowOf(app.getSystemService(NotificationManager::class.java))

    private fun notice(service: String): Notification? = shown.getNotification(service, Notices.QUESTION_ID)

    private fun title(service: String) = notice(service)?.let { shadowOf(it).contentTitle.toString() }

    private fun consent(service: String) = app.engine.state.value.service(service)!!.consent

    /** A grant with an end that comes soon: the engine's own clock measures it. */
    private fun grantForASecond(service: String) {
        NativeEngine.request(app.handle, """{"do":"grant","service":"$service","app":null,"for":"1s","via":"notification"}""")
        app.engine.refresh()
        app.settle()
        assertTrue("${consent(service)}", consent(service) is ConsentState.Until)
    }

    private fun awaitEnd(service: String) = app.await("the end of the grant") {
        app.engine.refresh()
        app.settle()
        consent(service) == ConsentState.Off
    }

    /** As if it had been allowed, and the process had been away from then on. */
    private fun endedAgo(service: String, minutes: Int) {
        val end = System.currentTimeMillis() - minutes * 60_000L
        app.getSharedPreferences("ends_of_grants", 0).edit().putLong(service, end).commit()
        app.engine.grant("google.fcm")
        app.settle()
    }

    private fun press(service: String, button: String) {
        val action = notice(service)!!.actions.single { it.title == button }
        QuestionReceiver().onReceive(app, shadowOf(action.actionIntent).savedIntent)
        app.settle()
    }

    @Test
    fun `a grant that ends by itself is told where the question stood, for five minutes`() {
        grantForASecond("xiaomi.push")
        assertNull(notice("xiaomi.push"))
        awaitEnd("xiaomi.push")
        assertEquals("Mi Push is held back again", title("xiaomi.push"))
        val actions = notice("xiaomi.push")!!.actions
        assertEquals(listOf("Allow 15 min", "Allow always"), actions.map { it.title.toString() })
        assertNull("to wipe it away means nothing", notice("xiaomi.push")!!.deleteIntent)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            assertTrue(notice("xiaomi.push")!!.timeoutAfter in 1..300_000)
        } else {
            shadowOf(Looper.getMainLooper()).idleFor(5, TimeUnit.MINUTES)
            assertNull(notice("xiaomi.push"))
        }
    }

    @Test
    @Config(sdk = [24])
    fun `what comes later in its place is not taken away with it`() {
        grantForASecond("xiaomi.push")
        awaitEnd("xiaomi.push")
        // Another copy of the same id, as each reading of the engine's answer makes one.
        app.engine.refresh()
        app.settle()
        app.notices.ask(app.engine.state.value.service("xiaomi.push")!!, null)
        shadowOf(Looper.getMainLooper()).idleFor(6, TimeUnit.MINUTES)
        assertEquals("Mi Push wants to connect", title("xiaomi.push"))
    }

    @Test
    fun `it can be allowed again, for a time or always`() {
        grantForASecond("xiaomi.push")
        awaitEnd("xiaomi.push")
        press("xiaomi.push", "Allow 15 min")
        assertTrue("${consent("xiaomi.push")}", consent("xiaomi.push") is ConsentState.Until)
        assertNull("answered", notice("xiaomi.push"))
        grantForASecond("google.fcm")
        awaitEnd("google.fcm")
        press("google.fcm", "Allow always")
        assertEquals(ConsentState.On, consent("google.fcm"))
    }

    @Test
    fun `on a locked phone it is not allowed`() {
        grantForASecond("xiaomi.push")
        awaitEnd("xiaomi.push")
        shadowOf(app.getSystemService(KeyguardManager::class.java)).setIsDeviceLocked(true)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            assertTrue(notice("xiaomi.push")!!.actions.all { it.isAuthenticationRequired })
        } else {
            press("xiaomi.push", "Allow always")
            assertEquals(ConsentState.Off, consent("xiaomi.push"))
            val screen = shadowOf(app).nextStartedActivity
            assertEquals("FOREVER", screen.getStringExtra(Screens.EXTRA_ALLOW_FOR))
        }
    }

    @Test
    fun `the owner's own decision is no news`() {
        grantForASecond("xiaomi.push")
        app.engine.revoke("xiaomi.push")
        app.settle()
        assertNull(notice("xiaomi.push"))
        grantForASecond("google.fcm")
        app.engine.grant("google.fcm")
        app.settle()
        assertNull(notice("google.fcm"))
    }

    @Test
    fun `one that ended while the process was away is told if it is still news`() {
        endedAgo("xiaomi.push", minutes = 2)
        assertNotNull(notice("xiaomi.push"))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            assertTrue("${notice("xiaomi.push")!!.timeoutAfter}", notice("xiaomi.push")!!.timeoutAfter in 120_000..180_000)
        }
        endedAgo("xiaomi.account", minutes = 6)
        assertNull(notice("xiaomi.account"))
    }
}
