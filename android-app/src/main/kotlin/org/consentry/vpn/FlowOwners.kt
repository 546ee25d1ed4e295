package org.consentry.vpn

import android.content.pm.PackageManager
import android.net.ConnectivityManager
import android.os.Build
import android.os.Process
import java.io.File
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.UnknownHostException
import java.util.concurrent.ConcurrentHashMap
import org.consentry.engine.FlowOwner

/** Finds out which app a flow belongs to. May take a few milliseconds; safe to call from any thread. */
class FlowOwners(private val connectivity: ConnectivityManager, private val packages: PackageManager) {
    private val packagesOfUid = ConcurrentHashMap<Int, List<String>>()

    /**
     * The owner of a flow.
     *
     * @param transport the protocol number: 6 TCP, 17 UDP; others have no owner that Android could name
     * @param app the app's end, `ip:port` or `[ip]:port`
     * @param remote the other end, in the same form
     */
    fun ownerOf(transport: Int, app: String, remote: String): FlowOwner {
        val local = endpoint(app) ?: return FlowOwner.Unknown
        val other = endpoint(remote) ?: return FlowOwner.Unknown
        val uid = when {
            transport != TCP && transport != UDP -> null
            Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q -> ask(transport, local, other)
            else -> ProcNet(File("/proc/net")).uidOf(transport == TCP, local, other)
        }
        return if (uid == null) FlowOwner.Unknown else owner(uid)
    }

    /** Apps were installed, updated or removed: what was learnt about them is forgotten. */
    fun forgetPackages() = packagesOfUid.clear()

    private fun ask(transport: Int, local: InetSocketAddress, remote: InetSocketAddress): Int? = try {
        connectivity.getConnectionOwnerUid(transport, local, remote).takeIf { it != Process.INVALID_UID }
    } catch (_: SecurityException) {
        null // we are not the VPN any more
    } catch (_: IllegalArgumentException) {
        null
    }

    private fun owner(uid: Int): FlowOwner {
        val names = packagesOfUid.getOrPut(uid) { packages.getPackagesForUid(uid)?.sorted().orEmpty() }
        // Identities below the first app's are the system's own, and many parts of it go under one.
        val shared = uid % UIDS_PER_USER < Process.FIRST_APPLICATION_UID && names.size != 1
        return if (shared) FlowOwner.Shared(uid) else FlowOwner.App(uid, names)
    }

    companion object {
        /** Protocol numbers (IANA). */
        private const val TCP = 6
        private const val UDP = 17

        /** Each user of the phone has a range of this many user ids (`UserHandle.PER_USER_RANGE`). */
        private const val UIDS_PER_USER = 100_000

        private val IPV4 = Regex("""(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d{1,5})""")
        private val IPV6 = Regex("""\[([0-9A-Fa-f:.]{2,45})(?:%\w+)?]:(\d{1,5})""")

        /** Reads `ip:port` or `[ip]:port`; null for anything else. Never looks a name up. */
        fun endpoint(text: String): InetSocketAddress? {
            IPV4.matchEntire(text)?.let { match ->
                val parts = match.groupValues.drop(1).map(String::toInt)
                val bytes = parts.take(4)
                if (bytes.any { it > 0xff } || parts[4] > 0xffff) return null
                return InetSocketAddress(InetAddress.getByAddress(ByteArray(4) { bytes[it].toByte() }), parts[4])
            }
            val (address, port) = IPV6.matchEntire(text)?.destructured ?: return null
            if (port.toInt() > 0xffff || ':' !in address) return null
            return try {
                // With a colon in it this is read as an address, or refused.
                InetSocketAddress(InetAddress.getByName(address), port.toInt())
            } catch (_: UnknownHostException) {
                null
            }
        }
    }
}
