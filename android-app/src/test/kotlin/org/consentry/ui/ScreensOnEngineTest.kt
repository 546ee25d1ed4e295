package org.consentry.ui

import android.app.Activity
import android.content.Intent
import android.net.ConnectivityManager
import android.os.Looper
import android.os.SystemClock
import android.view.View
import android.widget.ListView
import android.widget.RadioButton
import android.widget.Switch
import android.widget.TextView
import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetSocketAddress
import java.net.SocketTimeoutException
import java.util.Date
import java.util.concurrent.TimeUnit
import org.consentry.AppRunner
import org.consentry.R
import org.consentry.TestApp
import org.consentry.engine.ConsentState
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.StoreState
import org.consentry.vpn.ConsentVpnService
import org.consentry.vpn.Networks
import org.consentry.vpn.Packets
import org.consentry.vpn.PhoneVpn
import org.consentry.vpn.Screens
import org.consentry.vpn.TunPhone
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowBuild

/** The screens on the real engine: what is tapped changes what the engine does, and what it does is seen. */
@RunWith(AppRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], application = TestApp::class, shadows = [PhoneVpn::class], qualifiers = "en-rGB-w360dp-h640dp-xhdpi")
class ScreensOnEngineTest {
    private val app = TestApp.now
    private val phone = TunPhone()
    private val controllers = ArrayList<ActivityController<*>>()
    private var service: ConsentVpnService? = null

    @After
    fun end() {
        controllers.asReversed().forEach { it.close() }
        PhoneVpn.forget()
        app.protection.turnOff()
        service?.onDestroy()
        app.settle()
        phone.close()
    }

    private fun <T : Activity> open(type: Class<T>, intent: Intent = Intent(app, type)): T {
        val controller = Robolectric.buildActivity(type, intent)
        controllers += controller
        controller.setup()
        app.await("the catalogue is shown") { app.engine.state.value.store == StoreState.Open }
        return controller.get()
    }

    private fun openMain(tab: Int): MainActivity = open(MainActivity::class.java).apply {
        showTab(tab)
        app.settle()
    }

    private fun name(): String = app.engine.state.value.service(PUSH)!!.name

    private fun consent(): ConsentState? = app.engine.state.value.service(PUSH)?.consent

    private fun switchOfPush(activity: MainActivity): Switch {
        val list = activity.findViewById<ListView>(R.id.services_list)
        val name = name()
        for (position in 0 until list.count) {
            (list.adapter as ListRows).jump(list, position)
            app.settle()
            ScreenRules.shown(list).find { it is Switch && it.contentDescription == app.getString(R.string.allow_label, name) }
                ?.let { return it as Switch }
        }
        throw AssertionError("no row of $name")
    }

    @Test
    fun `a switch grants, a second tap revokes, and the ledger has both`() {
        ShadowBuild.setManufacturer("Xiaomi")
        val activity = openMain(MainActivity.SERVICES)
        switchOfPush(activity).performClick()
        app.settle()
        assertEquals(ConsentState.On, consent())
        assertTrue(switchOfPush(activity).isChecked)
        switchOfPush(activity).performClick()
        app.settle()
        assertEquals(ConsentState.Off, consent())

        val screen = open(ServiceActivity::class.java, Screens.service(app, PUSH))
        app.settle()
        val history = ScreenRules.shown(screen.findViewById(R.id.history)).filter { it.id == R.id.name }
        assertEquals(
            listOf(R.string.history_turned_off, R.string.history_allowed).map(app::getString),
            history.map { (it as TextView).text.toString() },
        )
        screen.findViewById<View>(R.id.choice_hour).performClick()
        app.settle()
        assertTrue(consent() is ConsentState.Until)
        assertTrue(screen.findViewById<RadioButton>(R.id.choice_hour).isChecked)
    }

    @Test
    fun `an attempt through a real TUN shows in the log with its reason, and a tap lets the next one out`() {
        assumeTrue("this machine lets nobody make TUN devices", TunPhone.isPossible)
        app.tunnels.instead = phone::tunnel
        val vpn = Robolectric.buildService(ConsentVpnService::class.java).create().get()
        service = vpn
        vpn.onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
        val networks = Networks(app.getSystemService(ConnectivityManager::class.java))
        // Nobody answers there: an address can only come from inside.
        networks.announce(1, Networks.link("wlan0", listOf("192.168.1.20/24"), listOf("127.53.0.99"), listOf("192.168.1.1")))
        app.settle()
        assertTrue("answered from inside", isSinkhole(ask()))
        // The engine's clock is the machine's; Android's begins in 1970 here.
        SystemClock.setCurrentTimeMillis(Date().time)

        val activity = openMain(MainActivity.LOG)
        app.await("the attempt is shown") { attemptRow(activity) != null }
        picture(activity.window.decorView, "engine-log")
        attemptRow(activity)!!.performClick()
        val attempt = open(AttemptActivity::class.java, shadowOf(activity).nextStartedActivity)
        app.settle()
        val words = ScreenRules.shown(attempt.findViewById(R.id.why)).filterIsInstance<TextView>().map { plain(it.text) }
        assertTrue(words.toString(), "Look-up of $HOST" in words)
        assertTrue(words.toString(), name() in words)
        assertTrue(words.toString(), app.getString(R.string.decision_none) in words)
        picture(attempt.window.decorView, "engine-attempt")

        attempt.findViewById<View>(R.id.allow_15).performClick()
        app.settle()
        assertTrue(consent() is ConsentState.Until)
        assertFalse("the question went out, and its resolver knows nothing", isSinkhole(ask()))
    }

    private fun attemptRow(activity: MainActivity): View? {
        // Screens are told once a second.
        shadowOf(Looper.getMainLooper()).idleFor(1, TimeUnit.SECONDS)
        app.settle()
        return ScreenRules.shown(activity.findViewById(R.id.log_list))
            .find { it.isClickable && it.contentDescription?.startsWith("${name()}, held back once") == true }
    }

    private fun plain(text: CharSequence) = text.filter { it.code !in 0x200E..0x202E }.toString()

    private fun ask(): ByteArray? = phone.inside {
        DatagramSocket().use { socket ->
            socket.soTimeout = 1_000
            val question = Packets.question(77, HOST)
            socket.send(DatagramPacket(question, question.size, InetSocketAddress("192.0.0.53", 53)))
            val answer = DatagramPacket(ByteArray(1500), 1500)
            try {
                socket.receive(answer)
                answer.data.copyOf(answer.length)
            } catch (_: SocketTimeoutException) {
                null
            }
        }
    }

    /** Whether an answer holds an address of 198.18.0.0/15 (RFC 2544). */
    private fun isSinkhole(answer: ByteArray?): Boolean {
        val address = answer?.drop(Packets.question(77, HOST).size + 12)?.map { it.toInt() and 0xff } ?: return false
        return address.size > 1 && address[0] == 198 && address[1] and 0xfe == 18
    }

    @Test
    fun `every service of the catalogue fits its screen at twice the size of text`() {
        RuntimeEnvironment.setFontScale(2f)
        val faults = ArrayList<String>()
        openMain(MainActivity.SERVICES)
        val services = app.engine.state.value.services
        assertTrue("${services.size} services", services.size > 90)
        for (service in services) {
            assertTrue("no purpose: ${service.category}", Purpose.entries.any { it.category == service.category })
        }
        // The longest of each text stand for the others.
        val longest = listOf<(Service) -> String>({ it.name }, { it.does }, { it.breaks }, { it.vendor })
            .map { text -> services.maxByOrNull { text(it).length }!! }.distinct()
        for (service in longest) {
            val screen = open(ServiceActivity::class.java, Screens.service(app, service.id))
            app.settle()
            faults += ScreenRules.faults(screen.window.decorView).map { "${service.id}: $it" }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun `the built-in catalogue has a place for every service`() {
        ShadowBuild.setManufacturer("Xiaomi")
        val activity = openMain(MainActivity.SERVICES)
        picture(activity.window.decorView, "engine-services")
        val services = app.engine.state.value.services
        val listed = ServiceSections(phoneMaker = "Xiaomi").of(services)
        assertEquals(services.size, listed.sumOf { it.services.size })
        assertEquals(listOf("needed", "Xiaomi"), listed.take(2).map { it.key })
        var history: Outcome<*>? = null
        app.engine.history(null) { history = it }
        app.settle()
        assertTrue("nothing is decided by looking", (history as Outcome.Done).value == emptyList<Any>())
    }

    private fun picture(view: View, name: String) {
        Pictures.draw(view, name)
        assertEquals(emptyList<String>(), ScreenRules.faults(view).map { "$name: $it" })
    }

    private companion object {
        const val PUSH = "xiaomi.push"
        const val HOST = "app.chat.xiaomi.net"
    }
}
