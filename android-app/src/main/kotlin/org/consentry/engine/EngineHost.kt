package org.consentry.engine

/** What the engine asks of the app. Called from the engine's threads: an implementation must not block. */
interface EngineHost {
    /** Keeps a socket of the engine's out of the tunnel. False when that was refused. */
    fun protect(socket: Int): Boolean

    /**
     * Asks who owns a flow. The answer goes to [NativeEngine.owner], later and from another thread.
     *
     * @param flow the flow's number, to be given back with the answer
     * @param transport the protocol number: 6 TCP, 17 UDP, 1 ICMP
     * @param app the app's end, `ip:port` or `[ip]:port`
     * @param remote the other end, in the same form
     */
    fun owner(flow: Long, transport: Int, app: String, remote: String)

    /** Something happened: one JSON object, told apart by its `event`. */
    fun event(event: String)
}
