package org.consentry.vpn

import java.io.File
import java.io.IOException
import java.net.Inet4Address
import java.net.InetAddress
import java.net.InetSocketAddress

/**
 * The kernel's tables of sockets (proc(5): `/proc/net/tcp` and its siblings), which name the user id of each. Android closes
 * them to apps from API 29 on.
 */
internal class ProcNet(private val folder: File) {
    /** The user id of the socket with these ends, or null when there is none. */
    fun uidOf(tcp: Boolean, local: InetSocketAddress, remote: InetSocketAddress): Int? {
        val name = if (tcp) "tcp" else "udp"
        // A socket that speaks both families stands in the table of IPv6, with IPv4 addresses mapped into it.
        val tables = if (local.address is Inet4Address) listOf(name, "${name}6") else listOf("${name}6")
        val entries = tables.flatMap(::entries)
        return entries.filter { it.fits(tcp, local, remote) }.maxByOrNull { it.closeness(local, remote) }?.uid
    }

    private fun entries(table: String): List<Entry> = try {
        File(folder, table).useLines { lines -> lines.take(MOST_LINES).mapNotNull(Companion::parse).toList() }
    } catch (_: IOException) {
        emptyList() // there is no such family on this phone, or we may not look
    }

    /** One socket: its ends as the kernel knows them. An end that is not bound or connected is all zero. */
    data class Entry(val local: InetSocketAddress, val remote: InetSocketAddress, val uid: Int) {
        fun fits(tcp: Boolean, ours: InetSocketAddress, other: InetSocketAddress): Boolean {
            val here = local.port == ours.port && (local.address == ours.address || !tcp && local.address.isAnyLocalAddress)
            val there = remote == other || !tcp && remote.port == 0 && remote.address.isAnyLocalAddress
            return here && there
        }

        /** A connected socket takes the datagrams before one that is bound only, and that one before one that is not. */
        fun closeness(ours: InetSocketAddress, other: InetSocketAddress): Int =
            (if (remote == other) 2 else 0) + (if (local.address == ours.address) 1 else 0)
    }

    companion object {
        /** A table of a busy phone has some hundred lines; one without end is cut off. */
        private const val MOST_LINES = 65_536

        /** `sl local remote st tx:rx tr:when retrnsmt uid …`, addresses as 32-bit words in the machine's order. */
        private val LINE = Regex(
            """\s*\d+:\s+([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})\s+([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})""" +
                """\s+[0-9A-F]{2}\s+[0-9A-F]{8}:[0-9A-F]{8}\s+[0-9A-F]{2}:[0-9A-F]{8}\s+[0-9A-F]{8}\s+(\d{1,10})(?:\s.*)?""",
        )

        /** Reads a line; null for the head of the table and for everything that is not a socket. */
        fun parse(line: String): Entry? {
            val (local, localPort, remote, remotePort, uid) = LINE.matchEntire(line)?.destructured ?: return null
            return Entry(
                InetSocketAddress(address(local), localPort.toInt(16)),
                InetSocketAddress(address(remote), remotePort.toInt(16)),
                uid.toIntOrNull() ?: return null,
            )
        }

        /** Every Android phone is little-endian. A mapped IPv4 address comes back as IPv4. */
        private fun address(hex: String): InetAddress {
            val bytes = ByteArray(hex.length / 2) { place ->
                val inOrder = place / 4 * 4 + (3 - place % 4)
                hex.substring(inOrder * 2, inOrder * 2 + 2).toInt(16).toByte()
            }
            return InetAddress.getByAddress(bytes)
        }
    }
}
