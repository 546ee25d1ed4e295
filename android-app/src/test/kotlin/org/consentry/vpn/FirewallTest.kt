package org.consentry.vpn

import android.net.ConnectivityManager
import android.net.Network
import java.io.Closeable
import java.net.DatagramPacket
import java.net.DatagramSocket
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.net.Socket
import java.net.SocketException
import java.net.SocketTimeoutException
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.ExecutionException
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.ConsentState
import org.consentry.engine.LogPage
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Signal
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.annotation.Config

/** From an app's packet in a real TUN device to the log, with nothing on the wire before consent. */
@RunWith(AppRunner::class)
@Config(sdk = [35], application = TestApp::class, shadows = [PhoneVpn::class])
class FirewallTest {
    private val app = TestApp.now
    private val wire by lazy { Wire() }
    private val phone = TunPhone()
    private val service by lazy { Robolectric.buildService(ConsentVpnService::class.java).create().get() }

    @After
    fun end() {
        PhoneVpn.forget()
        app.protection.turnOff()
        service.onDestroy()
        app.settle()
        if (TunPhone.isPossible) wire.close()
        phone.close()
    }

    private val networks = Networks(app.getSystemService(ConnectivityManager::class.java))
    private lateinit var network: Network

    private fun home(resolver: String) =
        Networks.link("wlan0", listOf("192.168.1.20/24"), listOf(resolver), listOf("192.168.1.1"))

    private fun start() {
        assumeTrue("this machine lets nobody make TUN devices", TunPhone.isPossible)
        app.tunnels.instead = phone::tunnel
        service.onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
        network = networks.announce(1, home(wire.address))
        app.settle()
    }

    /** An app asks the phone's resolver for a name; what it hears, or null for nothing within the time. */
    private fun ask(name: String): ByteArray? = phone.inside {
        DatagramSocket().use { socket ->
            socket.soTimeout = 1_000
            val question = Packets.question(77, name)
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

    private fun log(): LogPage {
        var page: Outcome<LogPage>? = null
        app.engine.log(LogQuery()) { page = it }
        app.settle()
        return (page as Outcome.Done).value
    }

    @Test
    fun `nothing leaves before consent, and the log says what was held back`() {
        start()
        // A name that is in no catalogue goes out: the wire works.
        ask("example.com")
        assertEquals(listOf("example.com"), wire.heard())

        val answer = ask(NAME)!!
        // 198.18.0.0/15 (RFC 2544), of the first and only answer.
        val (first, second) = answer.drop(Packets.question(77, NAME).size + 12).map { it.toInt() and 0xff }
        assertEquals("an address from inside", listOf(198, 18), listOf(first, second and 0xfe))
        assertEquals("nothing on the wire", emptyList<String>(), wire.heard())

        app.await("the attempt is in the log") { log().rows.isNotEmpty() }
        val row = log().rows.single()
        assertEquals("xiaomi.push", row.service)
        assertEquals(NAME, row.host)
        assertEquals(Signal.DNS_QUESTION, row.signal)
        assertTrue(row.reason, row.reason.isNotEmpty())

        app.engine.grant("xiaomi.push")
        app.settle()
        assertEquals(ConsentState.On, app.engine.state.value.service("xiaomi.push")?.consent)
        ask(NAME)
        assertEquals("after consent it goes out", listOf(NAME), wire.heard())

        app.engine.revoke("xiaomi.push")
        app.settle()
        ask(NAME)
        assertEquals("and no more after the end of consent", emptyList<String>(), wire.heard())
    }

    @Test
    fun `a connection outlives another resolver, and not another network`() {
        start()
        ServerSocket(0, 1, InetAddress.getByName(wire.server)).use { server ->
            val connection = phone.inside { Socket().apply { connect(InetSocketAddress(wire.server, server.localPort), 5_000) } }
            phone.inside { connection.getOutputStream().write("hello, who is there\n".encodeToByteArray()) }
            server.accept().use { other ->
                assertEquals("hello, who is there", other.getInputStream().bufferedReader().readLine())
                networks.change(network, home("127.53.0.2"))
                app.settle()
                other.getOutputStream().write("still here\n".encodeToByteArray())
                val reader = connection.getInputStream().bufferedReader()
                assertEquals("still here", phone.inside { reader.readLine() })
                networks.announce(2, home(wire.address))
                app.settle()
                assertThrows(SocketException::class.java) {
                    try {
                        phone.inside { reader.readLine() }
                    } catch (error: ExecutionException) {
                        throw error.cause!! // reset
                    }
                }
            }
        }
    }

    @Test
    fun `a dead engine lets nothing out`() {
        start()
        app.strikeEngine()
        phone.inside {
            DatagramSocket().use { it.send(DatagramPacket(ByteArray(9), 9, InetSocketAddress("203.0.113.1", 4_000))) }
        }
        app.await("the engine is dead") { app.engine.state.value.protection is Protection.Failed }
        ask("example.com")
        assertEquals(emptyList<String>(), wire.heard())
        assertTrue("the tunnel is still there", (app.engine.state.value.protection as Protection.Failed).closed)
    }

    /** What there is outside: a resolver that notes what it is asked, and knows no name. */
    private class Wire : Closeable {
        val address = "127.53.0.1"

        /** A server that apps may reach: of the documentation's addresses (RFC 5737), on the loopback interface. */
        val server = "203.0.113.7"
        private val asked = ConcurrentLinkedQueue<String>()
        private val socket: DatagramSocket

        init {
            // A namespace of the build's begins without the loopback interface.
            ip("link", "set", "lo", "up")
            ip("address", "replace", "$server/32", "dev", "lo")
            socket = DatagramSocket(53, InetAddress.getByName(address))
            Thread(::answer, "wire").start()
        }

        /** The names that were asked since the last call. */
        fun heard(): List<String> = generateSequence { asked.poll() }.toList()

        private fun answer() {
            val packet = DatagramPacket(ByteArray(1500), 1500)
            try {
                while (true) {
                    socket.receive(packet)
                    asked += name(packet.data)
                    // A response, NXDOMAIN (RFC 1035 section 4.1.1).
                    packet.data[2] = 0x81.toByte()
                    packet.data[3] = 0x83.toByte()
                    socket.send(packet)
                }
            } catch (_: SocketException) {
                // The end of the test.
            }
        }

        private fun name(question: ByteArray): String {
            val labels = mutableListOf<String>()
            var at = 12
            while (question[at] > 0) {
                labels += question.decodeToString(at + 1, at + 1 + question[at])
                at += 1 + question[at]
            }
            return labels.joinToString(".")
        }

        private fun ip(vararg words: String) = ProcessBuilder("ip", *words).inheritIO().start().waitFor()

        override fun close() {
            socket.close()
            ip("address", "delete", "$server/32", "dev", "lo")
        }
    }

    private companion object {
        const val NAME = "app.chat.xiaomi.net"
    }
}
