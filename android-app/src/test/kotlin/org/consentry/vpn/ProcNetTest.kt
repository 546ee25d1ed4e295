package org.consentry.vpn

import java.io.File
import java.net.InetAddress
import java.net.InetSocketAddress
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class ProcNetTest {
    @get:Rule
    val folder = TemporaryFolder()

    private val head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"

    private fun table(name: String, vararg lines: String) =
        File(folder.root, name).writeText((listOf(head) + lines).joinToString("\n", postfix = "\n"))

    private fun line(local: String, remote: String, uid: Any) =
        "   4: $local $remote 01 00000000:00000000 00:00000000 00000000 $uid        0 12345 1 0000000000000000 20 4 30 10 -1"

    private fun end(address: String, port: Int) = InetSocketAddress(InetAddress.getByName(address), port)

    private fun tcp(local: InetSocketAddress, remote: InetSocketAddress) = ProcNet(folder.root).uidOf(true, local, remote)

    private fun udp(local: InetSocketAddress, remote: InetSocketAddress) = ProcNet(folder.root).uidOf(false, local, remote)

    private val here = end("192.0.0.52", 40_000)
    private val there = end("198.18.0.1", 443)

    @Test
    fun `a connection over IPv4`() {
        table("tcp", line("340000C0:9C40", "010012C6:01BB", 10_050), line("340000C0:9C41", "010012C6:01BB", 10_051))
        assertEquals(10_050, tcp(here, there))
        assertEquals(10_051, tcp(end("192.0.0.52", 40_001), there))
        assertNull(tcp(end("192.0.0.52", 40_002), there))
    }

    @Test
    fun `a connection over IPv6`() {
        // 2001:db8:c05e::52 to 2001:2::1
        table("tcp6", line("B80D012000005EC00000000052000000:9C40", "02000120000000000000000001000000:01BB", 10_077))
        assertEquals(10_077, tcp(end("2001:db8:c05e::52", 40_000), end("2001:2::1", 443)))
    }

    @Test
    fun `IPv4 through a socket that speaks both families`() {
        table("tcp6", line("0000000000000000FFFF0000340000C0:9C40", "0000000000000000FFFF0000010012C6:01BB", 10_052))
        assertEquals(10_052, tcp(here, there))
    }

    @Test
    fun `UDP sockets are seldom connected, and the closest one counts`() {
        table("udp", line("00000000:9C40", "00000000:0000", 1))
        assertEquals(1, udp(here, there))
        table("udp", line("00000000:9C40", "00000000:0000", 1), line("340000C0:9C40", "00000000:0000", 2))
        assertEquals(2, udp(here, there))
        table("udp", line("340000C0:9C40", "010012C6:01BB", 3), line("340000C0:9C40", "00000000:0000", 2))
        assertEquals(3, udp(here, there))
        table("udp", line("340000C0:9C40", "020012C6:01BB", 4))
        assertNull("connected to somebody else", udp(here, there))
    }

    @Test
    fun `an unbound socket listens for TCP and owns no connection`() {
        table("tcp", line("00000000:9C40", "00000000:0000", 1))
        assertNull(tcp(here, there))
    }

    @Test
    fun `no table, an empty one and a folder in its place`() {
        assertNull(tcp(here, there))
        File(folder.root, "tcp").writeText("")
        assertNull(tcp(here, there))
        File(folder.root, "udp").mkdir()
        assertNull(udp(here, there))
    }

    @Test
    fun `lines that are not sockets are passed over`() {
        val good = line("340000C0:9C40", "010012C6:01BB", 10_050)
        val bad = listOf(
            head, "", "   ", ":", "0:", good.replace("9C40", "9C4"), good.replace("9C40", "9C400"), good.replace("9C40", "XXXX"),
            good.replace("340000C0", "340000C"), good.replace("340000C0", "340000C000"), good.replace("10050", "-1"),
            good.replace("10050", "99999999999"), good.replace("10050", "4294967295"), good.take(60), "\u0000".repeat(100),
            good.replace(" 01 ", " "), "x$good",
        )
        for (text in bad) assertNull(text, ProcNet.parse(text))
        table("tcp", *bad.toTypedArray(), good)
        assertEquals(10_050, tcp(here, there))
    }

    @Test
    fun `any cut of a line is a socket or nothing`() {
        val good = line("340000C0:9C40", "010012C6:01BB", 10_050)
        for (length in 0..good.length) {
            ProcNet.parse(good.take(length))?.let { assertEquals(here, it.local) }
            ProcNet.parse(good.drop(length))
        }
    }
}
