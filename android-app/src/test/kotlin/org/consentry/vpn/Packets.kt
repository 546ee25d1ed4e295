package org.consentry.vpn

import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.net.InetAddress

/** Packets as apps send them. */
object Packets {
    private const val IPV4_HEADER = 20
    private const val UDP_HEADER = 8
    private const val UDP = 17

    /** A UDP datagram over IPv4. */
    fun udp(from: String, fromPort: Int, to: String, toPort: Int, payload: ByteArray): ByteArray {
        val header = bytes {
            writeShort(0x4500)
            writeShort(IPV4_HEADER + UDP_HEADER + payload.size)
            writeInt(0)
            writeByte(64)
            writeByte(UDP)
            writeShort(0)
            write(InetAddress.getByName(from).address)
            write(InetAddress.getByName(to).address)
        }
        val sum = checksum(header)
        header[10] = (sum shr Byte.SIZE_BITS).toByte()
        header[11] = sum.toByte()
        return header + bytes {
            writeShort(fromPort)
            writeShort(toPort)
            writeShort(UDP_HEADER + payload.size)
            writeShort(0) // no checksum (RFC 768)
            write(payload)
        }
    }

    /** A question for a name's IPv4 address (RFC 1035). */
    fun question(id: Int, name: String): ByteArray = bytes {
        writeShort(id)
        writeShort(0x0100)
        writeShort(1)
        repeat(3) { writeShort(0) }
        for (label in name.split('.')) {
            writeByte(label.length)
            writeBytes(label)
        }
        writeByte(0)
        writeShort(1)
        writeShort(1)
    }

    private fun checksum(header: ByteArray): Int {
        val words = header.toList().chunked(2) { (high, low) -> (high.toInt() and 0xff shl 8) or (low.toInt() and 0xff) }
        val sum = words.sum()
        return ((sum and 0xffff) + (sum shr 16)).inv() and 0xffff
    }

    private fun bytes(write: DataOutputStream.() -> Unit): ByteArray =
        ByteArrayOutputStream().also { DataOutputStream(it).write() }.toByteArray()
}
