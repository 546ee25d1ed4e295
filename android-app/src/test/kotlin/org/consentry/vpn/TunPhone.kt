package org.consentry.vpn

import com.sun.jna.NativeLong
import java.io.Closeable
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue

/**
 * A phone with a network stack of its own: a thread in a network namespace whose only way out is a real TUN device. The
 * engine's sockets are outside of it, as they are outside the tunnel on a phone.
 */
class TunPhone : Closeable {
    private val thread = Executors.newSingleThreadExecutor { Thread(it, "phone") }

    /** A tunnel into which everything goes that the phone's apps send, with the plan's addresses. */
    fun tunnel(plan: TunnelPlan): Tunnel = inside {
        assertEquals("a network namespace", 0, Libc.here.unshare(Libc.CLONE_NEWNET))
        val descriptor = Libc.here.open("/dev/net/tun", Libc.O_RDWR)
        assertTrue("/dev/net/tun", descriptor >= 0)
        val request = ByteArray(Libc.IFREQ)
        NAME.encodeToByteArray().copyInto(request)
        val flags = Libc.IFF_TUN or Libc.IFF_NO_PI
        request[FLAGS] = flags.toByte()
        request[FLAGS + 1] = (flags shr Byte.SIZE_BITS).toByte()
        assertEquals("a TUN device", 0, Libc.here.ioctl(descriptor, Libc.TUNSETIFF, request))
        for (address in plan.addresses) ip("address", "add", address.hostAddress!!, "dev", NAME)
        ip("link", "set", NAME, "mtu", "${plan.mtu}", "up")
        ip("route", "add", "default", "dev", NAME)
        ip("-6", "route", "add", "default", "dev", NAME)
        object : Tunnel {
            override val descriptor = descriptor

            override fun close() {
                Libc.here.close(descriptor)
            }
        }
    }

    /** Does something as an app of the phone. */
    fun <T> inside(work: () -> T): T = thread.submit(Callable { work() }).get(20, TimeUnit.SECONDS)

    override fun close() {
        thread.shutdownNow()
    }

    /** Children of this thread are in its namespace. */
    private fun ip(vararg words: String) {
        val process = ProcessBuilder("ip", *words).redirectErrorStream(true).start()
        val said = process.inputStream.bufferedReader().readText()
        assertEquals("ip ${words.joinToString(" ")}: $said", 0, process.waitFor())
    }

    companion object {
        private const val NAME = "tun0"

        /** Where the flags are in a `struct ifreq`: after the name. */
        private const val FLAGS = 16

        /** Whether this machine lets us make one. The build says no where it does not. */
        val isPossible: Boolean get() = System.getProperty("consentry.lab", "true").toBoolean()
    }
}
