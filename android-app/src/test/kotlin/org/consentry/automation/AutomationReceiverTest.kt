package org.consentry.automation

import android.app.Activity
import android.app.NotificationManager
import android.content.BroadcastReceiver
import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.content.pm.PermissionInfo
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.NetworkCapabilities
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Standing
import org.consentry.vpn.ConsentVpnService
import org.consentry.vpn.Networks
import org.consentry.vpn.Notices
import org.consentry.vpn.PhoneVpn
import org.consentry.vpn.Screens
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

/** Orders from other apps. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class AutomationReceiverTest {
    private val app = TestApp.now.also { it.settle() }

    @After
    fun forget() = PhoneVpn.forget()

    /** What another app hears: whether it was done, and otherwise why not. */
    private fun order(action: String, service: String? = null, length: String? = null): Pair<Int, String?> {
        val intent = Intent(action).setClass(app, AutomationReceiver::class.java)
        if (service != null) intent.putExtra("service", service)
        if (length != null) intent.putExtra("for", length)
        var answer: Pair<Int, String?>? = null
        val heard = object : BroadcastReceiver() {
            override fun onReceive(context: Context, intent: Intent) {
                answer = resultCode to resultData
            }
        }
        app.sendOrderedBroadcast(intent, null, heard, null, Activity.RESULT_FIRST_USER, null, null)
        app.await("an answer") { answer != null }
        return answer!!
    }

    private fun assertDone(answer: Pair<Int, String?>) = assertEquals(Activity.RESULT_OK to null, answer)

    private fun assertRefused(answer: Pair<Int, String?>) {
        assertEquals(Activity.RESULT_CANCELED, answer.first)
        assertTrue("the reason", answer.second!!.isNotEmpty())
    }

    private fun consent(id: String) = app.engine.state.value.service(id)!!.consent

    private fun protect() {
        Robolectric.buildService(ConsentVpnService::class.java).create().get()
            .onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
    }

    @Test
    @Suppress("DEPRECATION") // what there is on API 24
    fun `Android asks the owner who may give orders`() {
        val packages = app.packageManager
        val receiver = packages.getReceiverInfo(ComponentName(app, AutomationReceiver::class.java), 0)
        assertTrue(receiver.exported)
        assertEquals(AutomationReceiver.PERMISSION, receiver.permission)
        val level = packages.getPermissionInfo(AutomationReceiver.PERMISSION, 0).protectionLevel
        assertEquals(PermissionInfo.PROTECTION_DANGEROUS, level and PermissionInfo.PROTECTION_MASK_BASE)
    }

    @Test
    fun `protection is turned on`() {
        assertDone(order(AutomationReceiver.TURN_ON))
        assertEquals(ConsentVpnService.START, shadowOf(app).nextStartedService?.action)
    }

    @Test
    fun `not without Android's OK, nor in another VPN's place`() {
        PhoneVpn.question = Intent("question")
        assertRefused(order(AutomationReceiver.TURN_ON))
        PhoneVpn.question = null
        val asked = PhoneVpn.asked
        Networks(app.getSystemService(ConnectivityManager::class.java))
            .announce(9, LinkProperties(), NetworkCapabilities.TRANSPORT_VPN)
        assertRefused(order(AutomationReceiver.TURN_ON))
        assertEquals("to ask Android is to take over", asked, PhoneVpn.asked)
        assertNull(shadowOf(app).nextStartedService)
    }

    @Test
    fun `turning off is a question to the owner`() {
        val shown = shadowOf(app.getSystemService(NotificationManager::class.java))
        protect()
        assertDone(order(AutomationReceiver.TURN_OFF))
        assertTrue("still on", app.engine.state.value.protection is Protection.On)
        assertNull("nothing was ordered", shadowOf(app).nextStartedService)
        val question = shown.getNotification(Notices.TURN_OFF_ID)
        assertNotNull(question)
        val screen = shadowOf(question.contentIntent).savedIntents.last()
        assertTrue(screen.getBooleanExtra(Screens.EXTRA_TURN_OFF, false))
    }

    @Test
    fun `a service is allowed for a time, and held back`() {
        assertDone(order(AutomationReceiver.ALLOW, "google.fcm"))
        val untilMs = (consent("google.fcm") as ConsentState.Until).untilMs
        assertTrue(untilMs - System.currentTimeMillis() in 14 * 60_000..15 * 60_000)
        assertDone(order(AutomationReceiver.HOLD_BACK, "google.fcm"))
        assertEquals(ConsentState.Off, consent("google.fcm"))
        assertDone(order(AutomationReceiver.ALLOW, "google.fcm", "restart"))
        assertEquals("its own end is not the owner's decision", ConsentState.UntilRestart, consent("google.fcm"))
        var history: Outcome<List<ConsentChange>>? = null
        app.engine.history("google.fcm") { history = it }
        app.settle()
        assertEquals(setOf("automation"), (history as Outcome.Done).value.map { it.via }.toSet())
    }

    @Test
    fun `where the screen lock comes first, nothing is allowed without it`() {
        app.wishes.asksScreenLock = true
        assertRefused(order(AutomationReceiver.ALLOW, "google.fcm"))
        assertEquals(ConsentState.Off, consent("google.fcm"))
        assertDone(order(AutomationReceiver.HOLD_BACK, "google.fcm"))
    }

    @Test
    fun `never for ever, nor what the owner alone decides`() {
        val before = app.engine.state.value.services.map { it.id to it.consent }
        app.engine.revoke("xiaomi.push")
        app.settle()
        for (length in listOf("always", "", "15", "99d", "1s")) assertRefused(order(AutomationReceiver.ALLOW, "google.fcm", length))
        assertRefused(order(AutomationReceiver.ALLOW, "xiaomi.push"))
        assertRefused(order(AutomationReceiver.ALLOW, "nosuch.service"))
        assertRefused(order(AutomationReceiver.ALLOW))
        assertRefused(order(AutomationReceiver.HOLD_BACK, "nosuch.service"))
        val services = app.engine.state.value.services
        assertRefused(order(AutomationReceiver.ALLOW, services.first { it.standing == Standing.ESSENTIAL }.id))
        assertRefused(order(AutomationReceiver.ALLOW, services.first { it.sharesWith.isNotEmpty() }.id))
        assertRefused(order("org.consentry.action.DANCE", "google.fcm"))
        assertEquals(before, app.engine.state.value.services.map { it.id to it.consent })
    }
}
