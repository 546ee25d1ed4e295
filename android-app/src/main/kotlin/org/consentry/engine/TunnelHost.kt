package org.consentry.engine

/** What the tunnel's side does for a running engine. */
interface TunnelHost {
    /** Keeps a socket out of the tunnel; from any thread, without blocking. */
    fun protect(socket: Int): Boolean

    /**
     * Who owns a flow; from a thread that may wait for the answer.
     *
     * @param transport the protocol number: 6 TCP, 17 UDP, 1 ICMP
     * @param app the app's end, `ip:port` or `[ip]:port`
     * @param remote the other end, in the same form
     */
    fun ownerOf(transport: Int, app: String, remote: String): FlowOwner

    /** The engine has ended without being asked to; on the main thread. */
    fun engineFailed(reason: String)
}

/** Who owns a flow. */
sealed interface FlowOwner {
    /** Nobody can tell. */
    data object Unknown : FlowOwner

    /** A system identity that many parts of the phone share. */
    data class Shared(val uid: Int) : FlowOwner

    /** One app, or a few packages under one user id. */
    data class App(val uid: Int, val packages: List<String>) : FlowOwner
}

/**
 * The network behind the tunnel.
 *
 * @property resolvers its name servers, `ip:port` or `[ip]:port`
 * @property ipv4 whether IPv4 leads anywhere
 * @property ipv6 whether IPv6 leads anywhere
 */
data class OuterNetwork(val resolvers: List<String>, val ipv4: Boolean, val ipv6: Boolean) {
    companion object {
        /** There is none. */
        val NONE = OuterNetwork(emptyList(), ipv4 = false, ipv6 = false)
    }
}
