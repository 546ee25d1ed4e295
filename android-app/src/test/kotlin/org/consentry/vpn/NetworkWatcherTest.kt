package org.consentry.vpn

import android.net.ConnectivityManager
import android.net.NetworkCapabilities
import android.os.Handler
import android.os.Looper
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.OuterNetwork
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.util.ReflectionHelpers
import org.robolectric.util.ReflectionHelpers.ClassParameter.from

/** Following the network behind the tunnel. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class)
class NetworkWatcherTest {
    private val connectivity = TestApp.now.getSystemService(ConnectivityManager::class.java)
    private val networks = Networks(connectivity)
    private val seen = mutableListOf<Outside>()
    private val watcher = NetworkWatcher(connectivity, Handler(Looper.getMainLooper())) { seen += it }

    private val home = Networks.link(
        "wlan0",
        listOf("192.168.1.20/24", "2001:db8:1::20/64", "fe80::20/64"),
        dns = listOf("192.168.1.1", "2001:db8:1::1"),
        gateways = listOf("192.168.1.1", "fe80::1"),
    )
    private val mobile = Networks.link("rmnet0", listOf("10.20.30.40/32"), listOf("10.20.30.1"), listOf("10.20.30.1"))

    private fun idle() = shadowOf(Looper.getMainLooper()).idle()

    @Test
    fun `a network with both families`() {
        watcher.start()
        val network = networks.announce(1, home)
        idle()
        val outside = seen.single()
        assertEquals(network, outside.network)
        assertEquals(
            OuterNetwork(listOf("192.168.1.1:53", "[2001:db8:1:0:0:0:0:1]:53"), ipv4 = true, ipv6 = true),
            outside.outer,
        )
        assertTrue(outside.near.any { java.net.InetAddress.getByName("192.168.1.77") in it })
        assertNull(outside.strictPrivateDns)
    }

    @Test
    fun `what says nothing new is not told`() {
        watcher.start()
        val network = networks.announce(1, home)
        networks.change(network, home)
        networks.announce(1, home)
        idle()
        assertEquals(1, seen.size)
    }

    @Test
    fun `from Wi-Fi to mobile and back to nothing`() {
        watcher.start()
        val wifi = networks.announce(1, home)
        idle()
        val cell = networks.announce(2, mobile, NetworkCapabilities.TRANSPORT_CELLULAR)
        networks.lose(wifi)
        idle()
        assertEquals("losing the former network means nothing", cell, watcher.outside.network)
        assertEquals(OuterNetwork(listOf("10.20.30.1:53"), ipv4 = true, ipv6 = false), watcher.outside.outer)
        networks.lose(cell)
        idle()
        assertEquals(Outside.NONE, watcher.outside)
        assertEquals(3, seen.size)
    }

    @Test
    fun `an address without a route, or a route without an address, leads nowhere`() {
        watcher.start()
        networks.announce(1, Networks.link("wlan0", listOf("192.168.1.20/24", "2001:db8:1::20/64")))
        idle()
        assertEquals(OuterNetwork.NONE, watcher.outside.outer)
        networks.announce(2, Networks.link("wlan0", listOf("fe80::20/64"), gateways = listOf("fe80::1")))
        idle()
        assertEquals("a local address reaches the local network only", false, watcher.outside.outer.ipv6)
    }

    @Test
    @Config(sdk = [35])
    fun `IPv4 through a translator`() {
        val link = Networks.link("rmnet0", listOf("2001:db8:2::9/64"), listOf("2001:db8:2::1"), listOf("fe80::1"))
        link.nat64Prefix = ReflectionHelpers.callConstructor(
            android.net.IpPrefix::class.java,
            from(java.net.InetAddress::class.java, java.net.InetAddress.getByName("64:ff9b::")),
            from(Int::class.javaPrimitiveType, 96),
        )
        watcher.start()
        networks.announce(1, link, NetworkCapabilities.TRANSPORT_CELLULAR)
        idle()
        assertTrue(watcher.outside.outer.ipv4)
        assertTrue(watcher.outside.outer.ipv6)
    }

    @Test
    fun `a local name server needs its interface`() {
        // The loopback interface is the one that every machine has.
        val link = Networks.link("lo", listOf("192.168.1.20/24"), listOf("fe80::1"), listOf("192.168.1.1"))
        val index = java.net.NetworkInterface.getByName("lo").index
        watcher.start()
        networks.announce(1, link)
        networks.announce(2, Networks.link("nosuch0", listOf("192.168.1.20/24"), listOf("fe80::1"), listOf("192.168.1.1")))
        idle()
        assertEquals(listOf("[fe80:0:0:0:0:0:0:1%$index]:53"), seen[0].outer.resolvers)
        assertEquals("not reachable, so not named", emptyList<String>(), seen[1].outer.resolvers)
    }

    @Test
    @Config(sdk = [35])
    fun `a strict Private DNS is noticed`() {
        val strict = Networks.link("wlan0", listOf("192.168.1.20/24"), listOf("192.168.1.1"), listOf("192.168.1.1"))
        strict.setUsePrivateDns(true)
        strict.setPrivateDnsServerName("dns.example")
        watcher.start()
        val network = networks.announce(1, home)
        networks.change(network, strict)
        idle()
        assertEquals("dns.example", watcher.outside.strictPrivateDns)
        networks.change(network, home)
        idle()
        assertNull(watcher.outside.strictPrivateDns)
    }

    @Test
    fun `a VPN is not the network behind ours`() {
        watcher.start()
        networks.announce(9, home, NetworkCapabilities.TRANSPORT_VPN)
        idle()
        assertEquals(emptyList<Outside>(), seen)
    }

    @Test
    fun `after its end nothing is told any more`() {
        watcher.start()
        networks.announce(1, home)
        watcher.stop()
        watcher.stop()
        idle()
        assertEquals(emptyList<Outside>(), seen)
    }

    @Test
    fun `connections go on while network and addresses stay`() {
        watcher.start()
        val network = networks.announce(1, home)
        idle()
        val first = watcher.outside
        networks.change(
            network,
            Networks.link(
                "wlan0",
                listOf("192.168.1.20/24", "2001:db8:1::20/64", "2001:db8:1::99/64", "fe80::20/64"),
                dns = listOf("192.168.1.2"),
                gateways = listOf("192.168.1.1", "fe80::1"),
            ),
        )
        idle()
        assertTrue("another resolver, and one address more", watcher.outside.keepsFlowsOf(first))
        val more = watcher.outside
        networks.change(network, Networks.link("wlan0", listOf("192.168.1.77/24"), gateways = listOf("192.168.1.1")))
        idle()
        assertFalse("our address is another", watcher.outside.keepsFlowsOf(more))
        networks.announce(2, home)
        idle()
        assertFalse("the same addresses on another network", watcher.outside.keepsFlowsOf(first))
        assertFalse(Outside.NONE.keepsFlowsOf(first))
    }
}
