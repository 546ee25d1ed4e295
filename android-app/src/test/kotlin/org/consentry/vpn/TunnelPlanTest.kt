package org.consentry.vpn

import java.net.Inet4Address
import java.net.Inet6Address
import java.net.InetAddress
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class TunnelPlanTest {
    private fun net(text: String) = text.split('/').let { (address, prefix) ->
        Subnet(InetAddress.getByName(address), prefix.toInt())
    }

    private fun addresses(vararg near: String) =
        TunnelPlan.avoiding(near.map(::net), "Consentry").addresses

    @Test
    fun `one address of each family`() {
        val (first, second) = addresses()
        assertTrue(first is Inet4Address)
        assertTrue(second is Inet6Address)
    }

    @Test
    fun `the addresses lie on no network near`() {
        val usual = addresses()
        for (near in listOf(arrayOf("192.0.0.0/24"), arrayOf("192.0.0.52/32"), arrayOf("192.0.0.0/24", "10.0.0.0/8"))) {
            val avoiding = addresses(*near)
            assertTrue(near.toList().toString(), near.none { avoiding[0] in net(it) })
            assertEquals(usual[1], avoiding[1])
        }
        assertFalse(addresses("2001:db8:c05e::/120")[1] in net("2001:db8:c05e::/120"))
        assertEquals(usual[0], addresses("192.168.1.0/24", "10.0.0.0/8", "fe80::/64")[0])
    }

    @Test
    fun `a default route is no network to avoid`() {
        assertEquals(addresses(), addresses("0.0.0.0/0", "::/0"))
    }

    @Test
    fun `with every address taken there is still a tunnel`() {
        assertEquals(2, addresses("128.0.0.0/1", "0.0.0.0/1", "2000::/3").size)
    }

    @Test
    fun `the engine is the resolver`() {
        val plan = TunnelPlan.avoiding(emptyList(), "Consentry")
        assertEquals(listOf("192.0.0.53", "2001:db8:c05e::53").map(InetAddress::getByName), plan.dns)
        assertTrue("the engine answers to its own addresses only", plan.addresses.none { it in plan.dns })
    }

    @Test
    fun `prefixes are compared to the bit`() {
        assertTrue(InetAddress.getByName("10.128.0.1") in net("10.128.0.0/9"))
        assertFalse(InetAddress.getByName("10.127.0.1") in net("10.128.0.0/9"))
        assertTrue(InetAddress.getByName("10.1.2.3") in net("10.1.2.3/32"))
        assertFalse(InetAddress.getByName("10.1.2.2") in net("10.1.2.3/32"))
        assertFalse(InetAddress.getByName("10.1.2.3") in net("::/1"))
        assertTrue(InetAddress.getByName("10.1.2.3") in Subnet(InetAddress.getByName("10.1.2.3"), 999))
    }
}
