package org.consentry.vpn

import android.app.AlarmManager
import android.app.ForegroundServiceStartNotAllowedException
import android.app.NotificationManager
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.content.Context
import android.content.Intent
import android.content.pm.ServiceInfo
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.NetworkCapabilities
import android.os.Build
import android.provider.Settings
import java.time.Duration
import org.consentry.AppRunner
import org.consentry.R
import org.consentry.TestApp
import org.consentry.engine.EngineFailure
import org.consentry.engine.Protection
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ServiceController
import org.robolectric.annotation.Config
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowService
import org.robolectric.shadows.ShadowSystemClock

/** Turning protection on and off, and all that may come between. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class])
class ProtectionTest {
    private val app = TestApp.now
    private val protection get() = app.engine.state.value.protection
    private val wish = ProtectionWish(app)
    private val notifications = shadowOf(app.getSystemService(NotificationManager::class.java))
    private val alarms = shadowOf(app.getSystemService(AlarmManager::class.java))
    private var service: ServiceController<ConsentVpnService>? = null

    @After
    fun forget() = PhoneVpn.forget()

    /** Gives the service an order, as Android would after [Context.startService]. */
    private fun order(order: Intent?, flags: Int = 0): Int {
        val running = service ?: Robolectric.buildService(ConsentVpnService::class.java).create().also { service = it }
        val answer = running.get().onStartCommand(order, flags, 1)
        app.settle()
        return answer
    }

    private fun order(action: String) = order(ConsentVpnService.order(app, action))

    /** The order that the app has given Android last. */
    private fun started(): Intent? = shadowOf(app).nextStartedService

    private fun title(id: Int) = notifications.getNotification(id)?.let { shadowOf(it).contentTitle.toString() }

    /** What Android knows of the service. */
    private fun shadow(): ShadowService = Shadow.extract(service!!.get())

    private fun foregroundTitle() = shadowOf(shadow().lastForegroundNotification).contentTitle

    private fun turnOn() {
        assertEquals(TurnOn.Started, app.protection.turnOn())
        order(started())
        assertTrue("$protection", protection is Protection.On)
    }

    @Test
    fun `turned on by the owner`() {
        assertEquals(TurnOn.Started, app.protection.turnOn())
        assertEquals(Protection.Starting, protection)
        val order = started()!!
        val running = Robolectric.buildService(ConsentVpnService::class.java).create().also { service = it }
        running.get().onStartCommand(order, 0, 1)
        assertEquals("in the foreground before anything else", "Starting…", foregroundTitle())
        assertEquals("the tunnel comes first", 1, app.tunnels.open.size)
        app.settle()
        assertTrue("$protection", protection is Protection.On)
        assertTrue(wish.on)
        assertEquals("On. Nothing held back so far today", title(Notices.STANDING_ID))
        assertEquals(true, app.engine.state.value.status?.running)
    }

    @Test
    fun `started twice, by always-on and at boot, is started once`() {
        turnOn()
        val since = protection
        order(ConsentVpnService.START)
        order(Intent("android.net.VpnService"))
        assertEquals(1, app.tunnels.plans.size)
        assertEquals(since, protection)
        assertEquals("the notification stays as it was", "On. Nothing held back so far today", title(Notices.STANDING_ID))
    }

    @Test
    fun `started by Android as the always-on VPN`() {
        PhoneVpn.alwaysOn = true
        PhoneVpn.lockdown = true
        order(Intent("android.net.VpnService"))
        assertTrue("$protection", protection is Protection.On)
        assertTrue("it comes back after an update, too", wish.on)
        if (Build.VERSION.SDK_INT >= 29) {
            assertEquals(true to true, app.engine.state.value.alwaysOn?.let { it.on to it.lockdown })
        }
    }

    @Test
    fun `turned off by the owner`() {
        turnOn()
        app.protection.turnOff()
        order(started())
        assertEquals(Protection.Off, protection)
        assertFalse(wish.on)
        assertEquals(0, app.tunnels.open.size)
        app.engine.refresh()
        app.settle()
        assertEquals(false, app.engine.state.value.status?.running)
        assertTrue(shadow().isForegroundStopped)
        assertTrue(shadow().isStoppedBySelf)
    }

    @Test
    fun `on, off and on again`() {
        repeat(3) {
            turnOn()
            app.protection.turnOff()
            order(started())
        }
        turnOn()
        assertEquals(1, app.tunnels.open.size)
    }

    @Test
    fun `revoked by Android, it says so and does not start again`() {
        turnOn()
        service!!.get().onRevoke()
        app.settle()
        assertEquals(Protection.Off, protection)
        assertEquals(0, app.tunnels.open.size)
        assertEquals("Protection is off", title(Notices.HEALTH_ID))
        assertNull(started())
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertNull("the owner's stop holds", started())
    }

    @Test
    fun `another VPN takes over, and leaves again`() {
        turnOn()
        val networks = Networks(app.getSystemService(ConnectivityManager::class.java))
        service!!.get().onRevoke()
        app.settle()
        val other = networks.announce(9, LinkProperties(), NetworkCapabilities.TRANSPORT_VPN)
        app.settle()
        assertEquals(Protection.AnotherVpn, protection)
        assertEquals("Another VPN took over", title(Notices.HEALTH_ID))
        networks.lose(other)
        app.settle()
        assertEquals(Protection.Off, protection)
    }

    @Test
    fun `at boot another VPN is left in peace`() {
        wish.on = true
        Networks(app.getSystemService(ConnectivityManager::class.java))
            .announce(9, LinkProperties(), NetworkCapabilities.TRANSPORT_VPN)
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertNull(started())
        assertEquals("to ask is to take over", 0, PhoneVpn.asked)
        assertEquals(Protection.AnotherVpn, protection)
    }

    @Test
    @Config(sdk = [35])
    fun `the network is followed, and the tunnel moves out of its way`() {
        turnOn()
        val networks = Networks(app.getSystemService(ConnectivityManager::class.java))
        val wifi = networks.announce(1, Networks.link("wlan0", listOf("192.168.1.20/24"), gateways = listOf("192.168.1.1")))
        app.settle()
        assertEquals(listOf(wifi), PhoneVpn.underlying.last())
        assertEquals("the same tunnel", 1, app.tunnels.plans.size)
        val used = app.tunnels.plans.single().addresses.first().hostAddress
        networks.announce(2, Networks.link("wlan0", listOf("$used/24"), gateways = listOf("192.0.0.1")))
        app.settle()
        assertEquals("a new tunnel before the old one goes", 2, app.tunnels.plans.size)
        assertEquals(1, app.tunnels.open.size)
        assertTrue(app.tunnels.plans.last().addresses.none { it.hostAddress == used })
        assertTrue("$protection", protection is Protection.On)
    }

    @Test
    fun `it comes back at boot and after an update, if the owner wants it`() {
        for (event in listOf(Intent.ACTION_BOOT_COMPLETED, Intent.ACTION_MY_PACKAGE_REPLACED)) {
            wish.on = false
            BootReceiver().onReceive(app, Intent(event))
            assertNull(event, started())
            wish.on = true
            BootReceiver().onReceive(app, Intent(event))
            assertEquals(event, ConsentVpnService.START, started()?.action)
            app.engine.protectionIs(Protection.Off)
        }
        BootReceiver().onReceive(app, Intent("android.intent.action.DREAMING_STARTED"))
        assertNull("another event means nothing", started())
    }

    @Test
    fun `it comes back by every road that Android leaves open`() {
        turnOn()
        service!!.get().onTaskRemoved(null)
        alarms.fireAlarm(alarms.scheduledAlarms.single())
        assertEquals("wiped away from the recent apps", ConsentVpnService.START, started()?.action)
        val job = app.getSystemService(JobScheduler::class.java).allPendingJobs.single()
        assertTrue("after a restart, too", job.isPersisted)
        // As after the end of the process.
        service!!.get().onDestroy()
        app.settle()
        assertEquals(Protection.Off, protection)
        for (road in listOf<() -> Unit>(
            { Robolectric.buildService(ComeBackJob::class.java).create().get().onStartJob(shadowParameters()) },
            { BootReceiver().onReceive(app, Intent(Intent.ACTION_TIME_CHANGED)) },
            { BootReceiver().onReceive(app, Intent(Intent.ACTION_TIMEZONE_CHANGED)) },
        )) {
            road()
            assertEquals(ConsentVpnService.START, started()?.action)
            app.engine.protectionIs(Protection.Off)
        }
    }

    @Test
    fun `a pause is as long as it was, whatever the clock is set to`() {
        turnOn()
        app.protection.pause(15 * 60 * 1000)
        order(started())
        ShadowSystemClock.advanceBy(Duration.ofMinutes(5))
        BootReceiver().onReceive(app, Intent(Intent.ACTION_TIME_CHANGED))
        order(started())
        val leftMs = (protection as Protection.Paused).untilMs - System.currentTimeMillis()
        assertTrue("$leftMs", leftMs in 9 * 60_000..10 * 60_000)
        assertEquals("one alarm", 1, alarms.scheduledAlarms.size)
    }

    @Test
    fun `what the owner turned off does not come back`() {
        turnOn()
        app.protection.turnOff()
        order(started())
        service!!.get().onTaskRemoved(null)
        assertTrue(alarms.scheduledAlarms.isEmpty())
        assertTrue(app.getSystemService(JobScheduler::class.java).allPendingJobs.isEmpty())
        BootReceiver().onReceive(app, Intent(Intent.ACTION_TIME_CHANGED))
        assertNull(started())
    }

    @Test
    fun `another language is spoken at once`() {
        turnOn()
        RuntimeEnvironment.setQualifiers("zh-rCN")
        app.onConfigurationChanged(app.resources.configuration)
        order(started())
        val chinese = title(Notices.STANDING_ID)
        assertEquals(app.getString(R.string.notice_on_none), chinese)
        assertNotEquals("On. Nothing held back so far today", chinese)
    }

    private fun shadowParameters() = Shadow.newInstanceOf(JobParameters::class.java)

    @Test
    fun `at boot nothing is done if always-on has started it`() {
        turnOn()
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertNull(started())
    }

    @Test
    fun `at boot without permission the owner is told`() {
        wish.on = true
        PhoneVpn.question = Intent("question")
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertNull(started())
        assertEquals(Protection.NeedsPermission, protection)
        assertEquals("Android needs your OK", title(Notices.HEALTH_ID))
    }

    @Test
    fun `the owner is asked, refuses, and is asked again`() {
        PhoneVpn.question = Intent("question")
        assertEquals("question", (app.protection.turnOn() as TurnOn.AskOwner).question.action)
        app.protection.permissionRefused()
        assertEquals(Protection.NeedsPermission, protection)
        assertFalse(wish.on)
        PhoneVpn.question = null
        turnOn()
    }

    @Test
    fun `another app's always-on VPN`() {
        PhoneVpn.refusal = IllegalStateException("Unavailable in lockdown mode")
        assertEquals(TurnOn.LockedByAnotherVpn, app.protection.turnOn())
        assertEquals(Protection.LockedByAnotherVpn, protection)
        wish.on = true
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertNull(started())
        assertEquals("Another VPN is set to always on", title(Notices.HEALTH_ID))
    }

    @Test
    fun `permission lost between order and start`() {
        PhoneVpn.question = Intent("question")
        order(ConsentVpnService.START)
        assertEquals(Protection.NeedsPermission, protection)
        assertTrue(app.tunnels.plans.isEmpty())
        assertTrue(shadow().isStoppedBySelf)
    }

    @Test
    fun `permission lost at the very last moment`() {
        app.tunnels.instead = { null }
        order(ConsentVpnService.START)
        assertEquals(Protection.NeedsPermission, protection)
        assertEquals("Android needs your OK", title(Notices.HEALTH_ID))
    }

    @Test
    fun `Android cannot make a tunnel, then can`() {
        app.tunnels.instead = { throw TunnelRefused(IllegalStateException("no more interfaces")) }
        order(ConsentVpnService.START)
        val failed = protection as Protection.Failed
        assertEquals(EngineFailure.Kind.TUN, failed.failure.kind)
        assertFalse("there is no tunnel to be closed in", failed.closed)
        assertEquals("Protection stopped", title(Notices.STANDING_ID))
        app.tunnels.instead = null
        order(ConsentVpnService.START)
        assertTrue("$protection", protection is Protection.On)
    }

    @Test
    fun `a descriptor that is no tunnel leaves the tunnel closed`() {
        val broken = object : Tunnel {
            var isOpen = true
            override val descriptor = 1_000_000

            override fun close() {
                isOpen = false
            }
        }
        app.tunnels.instead = { broken }
        order(ConsentVpnService.START)
        val failed = protection as Protection.Failed
        assertEquals(EngineFailure.Kind.TUN, failed.failure.kind)
        assertTrue(failed.closed)
        assertTrue("kept, so that packets end in it", broken.isOpen)
        assertTrue(wish.on)
        app.tunnels.instead = null
        order(ConsentVpnService.START)
        assertTrue("$protection", protection is Protection.On)
        assertFalse("replaced by the new one", broken.isOpen)
    }

    @Test
    fun `an engine that dies leaves the tunnel closed, and a new one can take it over`() {
        turnOn()
        app.strikeEngine()
        app.tunnels.all.last().send(Packets.udp("192.0.0.52", 40_000, "203.0.113.1", 4_000, ByteArray(9)))
        app.await("the failure is noticed") { protection is Protection.Failed }
        assertTrue((protection as Protection.Failed).closed)
        assertEquals(1, app.tunnels.open.size)
        assertEquals("Protection stopped", title(Notices.STANDING_ID))
        order(ConsentVpnService.START)
        assertTrue("$protection", protection is Protection.On)
        assertEquals("the old tunnel is closed after the new one is there", 1, app.tunnels.open.size)
    }

    @Test
    fun `for a quarter of an hour off, and on again by the alarm`() {
        turnOn()
        app.protection.pause(15 * 60 * 1000)
        order(started())
        assertTrue("$protection", protection is Protection.Paused)
        assertEquals(0, app.tunnels.open.size)
        assertTrue("it stays, to come back", !shadow().isStoppedBySelf)
        alarms.fireAlarm(alarms.scheduledAlarms.single())
        order(started())
        assertTrue("$protection", protection is Protection.On)
        assertNull(wish.pauseLeftMs)
    }

    @Test
    fun `a pause ends early by the owner, and its alarm with it`() {
        turnOn()
        app.protection.pause(15 * 60 * 1000)
        order(started())
        turnOn()
        assertTrue(alarms.scheduledAlarms.isEmpty())
    }

    @Test
    fun `Android ended the process and starts the service again`() {
        wish.on = true
        order(null as Intent?)
        assertTrue("$protection", protection is Protection.On)
    }

    @Test
    fun `Android ended the process during a pause`() {
        wish.on = true
        wish.pauseLeftMs = 60_000
        order(null as Intent?)
        assertTrue("$protection", protection is Protection.Paused)
        BootReceiver().onReceive(app, Intent(Intent.ACTION_TIME_CHANGED))
        assertEquals("nobody ends it early", ConsentVpnService.PAUSE, started()?.action)
        ShadowSystemClock.advanceBy(Duration.ofSeconds(61))
        order(null as Intent?)
        assertTrue("the pause is over", protection is Protection.On)
    }

    @Test
    fun `a pause does not outlive the phone's restart`() {
        wish.on = true
        wish.pauseLeftMs = 60_000
        Settings.Global.putInt(app.contentResolver, Settings.Global.BOOT_COUNT, 7)
        assertNull(wish.pauseLeftMs)
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(ConsentVpnService.START, started()?.action)
    }

    @Test
    fun `Android starts the service again after the owner turned it off`() {
        order(null as Intent?)
        assertEquals(Protection.Off, protection)
        assertTrue(app.tunnels.plans.isEmpty())
        assertTrue(shadow().isStoppedBySelf)
    }

    @Test
    @Config(sdk = [35])
    fun `not allowed to start from the background, it tells the owner`() {
        wish.on = true
        app.refusesStart = true
        BootReceiver().onReceive(app, Intent(Intent.ACTION_BOOT_COMPLETED))
        assertEquals(Protection.StartRefused, protection)
        assertEquals("Open Consentry to protect this phone", title(Notices.HEALTH_ID))
        assertEquals(TurnOn.Refused, app.protection.turnOn())
        app.refusesStart = false
        turnOn()
        assertNull("what was said is over", title(Notices.HEALTH_ID))
    }

    @Test
    @Config(sdk = [35])
    fun `not allowed to the foreground, it protects nevertheless`() {
        val running = Robolectric.buildService(ConsentVpnService::class.java).create().also { service = it }
        shadow().setThrowInStartForeground(ForegroundServiceStartNotAllowedException("refused by the test"))
        order(Intent("android.net.VpnService"))
        assertTrue("$protection", protection is Protection.On)
        assertEquals("Open Consentry once", title(Notices.HEALTH_ID))
        assertNotNull(app.tunnels.open.single())
    }

    @Test
    @Config(sdk = [35])
    fun `the foreground type is the one for VPNs`() {
        turnOn()
        val type = service!!.get().foregroundServiceType
        assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_SYSTEM_EXEMPTED, type)
    }

    @Test
    @Config(sdk = [35])
    fun `where Android does not count it as an exempt VPN, the other type is used`() {
        PhoneVpn.refusedTypes = setOf(ServiceInfo.FOREGROUND_SERVICE_TYPE_SYSTEM_EXEMPTED)
        turnOn()
        assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE, service!!.get().foregroundServiceType)
        assertNull("all is well", title(Notices.HEALTH_ID))
    }

    @Test
    @Config(sdk = [24])
    fun `there are no foreground types yet`() {
        turnOn()
        assertEquals(Notices.STANDING_ID, shadow().lastForegroundNotificationId)
    }

    @Test
    @Config(sdk = [35])
    fun `works with notifications refused`() {
        notifications.setNotificationsEnabled(false)
        turnOn()
        app.protection.turnOff()
        order(started())
        assertEquals(Protection.Off, protection)
    }

    @Test
    fun `the service is ended from outside`() {
        turnOn()
        service!!.destroy()
        app.settle()
        assertEquals(0, app.tunnels.open.size)
        assertEquals(Protection.Off, protection)
        assertTrue("what the owner wants is another matter", wish.on)
    }
}
