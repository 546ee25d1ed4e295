package org.consentry.managed

import android.app.NotificationManager
import android.content.Intent
import android.content.RestrictionsManager
import android.os.Bundle
import android.os.UserManager
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineFailure
import org.consentry.engine.NativeEngine
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Standing
import org.consentry.engine.Term
import org.consentry.vpn.ConsentVpnService
import org.consentry.vpn.Notices
import org.consentry.vpn.PhoneVpn
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** What an organisation presets through its device manager. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class ManagedConfigurationTest {
    private val app = TestApp.now.also { it.settle() }
    private val shown = shadowOf(app.getSystemService(NotificationManager::class.java))

    @After
    fun forget() = PhoneVpn.forget()

    /** The device manager changes the configuration. */
    private fun configure(vararg values: Pair<String, Any>) {
        val restrictions = Bundle().apply {
            for ((key, value) in values) if (value is Boolean) putBoolean(key, value) else putString(key, value.toString())
        }
        shadowOf(app.getSystemService(RestrictionsManager::class.java)).setApplicationRestrictions(restrictions)
        app.sendBroadcast(Intent(Intent.ACTION_APPLICATION_RESTRICTIONS_CHANGED))
        app.settle()
    }

    private fun service(id: String) = app.engine.state.value.service(id)!!

    private fun history(id: String): List<ConsentChange> {
        var read: Outcome<List<ConsentChange>>? = null
        app.engine.history(id) { read = it }
        app.settle()
        return (read as Outcome.Done).value
    }

    @Test
    fun `presets are in force at once, and the ledger says whose they are`() {
        configure("allowed_services" to "google.fcm, xiaomi.push", "held_back_services" to "xiaomi.account")
        assertEquals(ConsentState.On, service("google.fcm").consent)
        assertEquals(ConsentState.On, service("xiaomi.push").consent)
        assertTrue(service("xiaomi.account").keptBlocked)
        for (id in listOf("google.fcm", "xiaomi.push", "xiaomi.account")) {
            assertEquals(id, "managed_configuration", history(id).single().via)
        }
        app.managed.apply()
        app.settle()
        assertEquals("not twice", 1, history("google.fcm").size)
    }

    @Test
    fun `the end of a preset ends what it granted, and nothing else`() {
        app.engine.grant("xiaomi.account")
        configure("allowed_services" to "google.fcm\nxiaomi.push")
        configure("allowed_services" to "xiaomi.push")
        assertEquals(ConsentState.Off, service("google.fcm").consent)
        assertEquals(ConsentState.On, service("xiaomi.push").consent)
        configure()
        assertEquals(ConsentState.Off, service("xiaomi.push").consent)
        assertEquals("the owner's own", ConsentState.On, service("xiaomi.account").consent)
        configure("allowed_services" to "google.fcm")
        assertEquals("preset again", ConsentState.On, service("google.fcm").consent)
    }

    @Test
    fun `what is no service grants nothing, and is told`() {
        val before = app.engine.state.value.services.map { it.consent }
        configure("allowed_services" to "xiaomi.pus XIAOMI.PUSH xiaomi.* * xiaomi.push.more ../xiaomi.push")
        assertEquals(before, app.engine.state.value.services.map { it.consent })
        val told = shadowOf(shown.getNotification(Notices.MANAGED_ID))
        assertTrue(told.contentText.toString(), told.contentText.contains("xiaomi.pus"))
        configure("allowed_services" to "xiaomi.push nosuch.service")
        assertEquals("the rest is in force", ConsentState.On, service("xiaomi.push").consent)
    }

    @Test
    fun `values of an unexpected form mean nothing`() {
        val restrictions = Bundle().apply {
            putInt("allowed_services", 7)
            putStringArray("held_back_services", arrayOf("google.fcm"))
            putString("lock_decisions", "yes")
            putString("log_days", "-1")
        }
        assertEquals(ManagedPlan.NONE, ManagedPlan.of(restrictions, app.engine.state.value.services))
        val huge = Bundle().apply { putString("allowed_services", "x,".repeat(10_000_000)) }
        assertTrue(ManagedPlan.of(huge, app.engine.state.value.services).unknown.size <= 1)
    }

    @Test
    fun `in both lists it is held back`() {
        configure("allowed_services" to "google.fcm", "held_back_services" to "google.fcm")
        assertTrue(service("google.fcm").keptBlocked)
        assertEquals(listOf(ConsentChange.Kind.REVOKE), history("google.fcm").map { it.kind })
    }

    @Test
    fun `the owner's own decision stays, unless it is locked`() {
        app.engine.revoke("google.fcm")
        configure("allowed_services" to "google.fcm")
        assertEquals(ConsentState.Off, service("google.fcm").consent)
        configure("allowed_services" to "google.fcm xiaomi.push", "lock_decisions" to true)
        assertEquals(ConsentState.On, service("google.fcm").consent)
        for (change in listOf<((Outcome<Any>) -> Unit) -> Unit>(
            { done -> app.engine.revoke("google.fcm", done = done) },
            { done -> app.engine.grant("xiaomi.push", term = Term.QUARTER_HOUR, done = done) },
        )) {
            var outcome: Outcome<Any>? = null
            change { outcome = it }
            app.settle()
            val failure = (outcome as Outcome.Failed).failure
            assertEquals(EngineFailure.Kind.MANAGED, failure.kind)
            assertEquals("Your organisation decides about this service.", failure.text(app))
        }
        assertEquals(ConsentState.On, service("google.fcm").consent)
        app.engine.grant("xiaomi.account")
        app.settle()
        assertEquals("of others the owner decides", ConsentState.On, service("xiaomi.account").consent)
        configure()
        app.engine.grant("google.fcm")
        app.settle()
        assertEquals("unlocked", ConsentState.On, service("google.fcm").consent)
    }

    @Test
    fun `what is locked comes back, whoever has changed it`() {
        configure("allowed_services" to "google.fcm", "held_back_services" to "xiaomi.push", "lock_decisions" to true)
        // Past the app's own door, as when a backup is put back.
        for (request in listOf(
            """{"do":"revoke","service":"google.fcm","app":null,"via":"screen"}""",
            """{"do":"grant","service":"xiaomi.push","app":"com.android.mms","for":null,"via":"screen"}""",
        )) {
            NativeEngine.request(app.handle, request)
            app.engine.refresh()
            app.await("the organisation's decision") {
                service("google.fcm").consent == ConsentState.On && service("xiaomi.push").consent == ConsentState.Off
            }
        }
        assertEquals("managed_configuration", history("google.fcm").first().via)
    }

    @Test
    fun `what the phone needs can be held back, and comes back`() {
        val id = app.engine.state.value.services.first { it.standing == Standing.ESSENTIAL }.id
        configure("held_back_services" to id)
        assertEquals(ConsentState.Off, service(id).consent)
    }

    @Test
    fun `protection that is locked on cannot be turned off in the app`() {
        configure("lock_protection" to true)
        Robolectric.buildService(ConsentVpnService::class.java).create().get()
            .onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
        app.protection.turnOff()
        app.protection.pause(60_000)
        assertNull(shadowOf(app).nextStartedService)
        assertTrue(app.engine.state.value.protection is Protection.On)
        assertEquals("Your organisation keeps protection on", shadowOf(shown.getNotification(Notices.MANAGED_ID)).contentTitle)
        configure("lock_protection" to false)
        app.protection.turnOff()
        assertEquals(ConsentVpnService.STOP, shadowOf(app).nextStartedService?.action)
    }

    @Test
    fun `a configuration that is still to come ends nothing`() {
        configure("allowed_services" to "google.fcm")
        configure(UserManager.KEY_RESTRICTIONS_PENDING to true)
        assertEquals(ConsentState.On, service("google.fcm").consent)
    }

    @Test
    fun `a phone without an organisation is left alone`() {
        configure()
        assertFalse(app.getSharedPreferences("managed", 0).contains("seen"))
        assertTrue(shown.allNotifications.isEmpty())
    }

    @Test
    fun `the log is kept as long as the organisation says`() {
        configure("log_days" to "7")
        val kept = JSONObject(NativeEngine.request(app.handle, """{"do":"retention"}"""))
        assertEquals(7, kept.getInt("days"))
    }
}
