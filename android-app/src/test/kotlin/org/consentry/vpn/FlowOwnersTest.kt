package org.consentry.vpn

import java.net.InetAddress
import java.net.InetSocketAddress
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test

/** How the engine's endpoints are read. */
class FlowOwnersTest {
    @Test
    fun `endpoints of both families`() {
        assertEquals(InetSocketAddress(InetAddress.getByName("192.0.0.52"), 40_000), FlowOwners.endpoint("192.0.0.52:40000"))
        assertEquals(InetSocketAddress(InetAddress.getByName("2001:db8::1"), 443), FlowOwners.endpoint("[2001:db8::1]:443"))
        assertEquals(InetAddress.getByName("fe80::1"), FlowOwners.endpoint("[fe80::1%3]:53")?.address)
    }

    @Test
    fun `nothing else is an endpoint, and no name is looked up`() {
        val bad = listOf(
            "", ":", "192.0.0.52", "192.0.0.52:", "192.0.0.52:65536", "192.0.0.256:1", "1.2.3:4", "example.com:443",
            "[example.com]:443", "[abc]:443", "2001:db8::1:443", "[2001:db8::1]", "[::1::]:5", "[:::]:1", "[::1]:-1",
            "192.0.0.52:1 ", "[::ffff:1.2.3.4.5]:1",
        )
        for (text in bad) assertNull(text, FlowOwners.endpoint(text))
    }
}
