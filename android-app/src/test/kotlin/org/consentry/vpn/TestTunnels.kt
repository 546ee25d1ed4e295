package org.consentry.vpn

import com.sun.jna.NativeLong
import java.io.Closeable
import org.junit.Assert.assertEquals

/** Hands out tunnels whose other end is the test's, and notes what becomes of them. */
class TestTunnels : TunnelFactory, Closeable {
    /** All tunnels that were made here, the latest last. */
    val all = mutableListOf<TestTunnel>()

    /** What was asked for. */
    val plans = mutableListOf<TunnelPlan>()

    /** Makes the tunnels instead. */
    var instead: ((TunnelPlan) -> Tunnel?)? = null

    /** Tunnels that are up. */
    val open: List<TestTunnel> get() = all.filter { it.isOpen }

    override fun establish(plan: TunnelPlan): Tunnel? {
        plans += plan
        instead?.let { return it(plan) }
        return TestTunnel().also { all += it }
    }

    override fun close() = all.forEach {
        it.vanish()
        it.close()
    }
}

/** A pair of sockets that keep the bounds of packets: the engine reads one as if it were a TUN device, the test has the other. */
class TestTunnel : Tunnel {
    private val ends = IntArray(2).also {
        assertEquals(0, Libc.here.socketpair(Libc.AF_UNIX, Libc.SOCK_DGRAM, 0, it))
    }
    private var phoneIsOpen = true

    /** Whether the app keeps its end. */
    var isOpen = true
        private set

    override val descriptor: Int = ends[0]

    override fun close() {
        if (isOpen) Libc.here.close(ends[0])
        isOpen = false
    }

    /** The device is gone, as when Android takes the VPN away. */
    fun vanish() {
        if (phoneIsOpen) Libc.here.close(ends[1])
        phoneIsOpen = false
    }

    /** A packet from an app of the phone. */
    fun send(packet: ByteArray) {
        val length = NativeLong(packet.size.toLong())
        assertEquals(length, Libc.here.write(ends[1], packet, length))
    }

    /** The next packet for the phone, or null if none comes within the time. */
    fun receive(withinMs: Int): ByteArray? {
        val entry = ByteArray(POLLFD)
        for (place in 0 until Int.SIZE_BYTES) entry[place] = (ends[1] shr Byte.SIZE_BITS * place).toByte()
        entry[Int.SIZE_BYTES] = Libc.POLLIN.toByte()
        if (Libc.here.poll(entry, NativeLong(1), withinMs) != 1) return null
        val packet = ByteArray(TunnelPlan.MTU)
        val length = Libc.here.read(ends[1], packet, NativeLong(packet.size.toLong())).toInt()
        return if (length > 0) packet.copyOf(length) else null
    }

    private companion object {
        /** The length of a `struct pollfd`. */
        const val POLLFD = 8
    }
}
