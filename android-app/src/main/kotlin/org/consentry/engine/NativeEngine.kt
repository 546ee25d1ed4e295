package org.consentry.engine

/**
 * The engine in `libconsentry.so`: the one class that crosses the boundary, and only [Engine] uses it.
 *
 * Structured values are JSON. Every call may throw [EngineException]; a handle is a number that the library gave out and that
 * it recognises again, never a pointer.
 */
internal object NativeEngine {
    init {
        System.loadLibrary("consentry")
    }

    /** Opens the state folder, which is created when it is absent. */
    external fun open(folder: String, host: EngineHost): Long

    /**
     * Starts the engine on a duplicate of [tun]: the caller keeps the descriptor, so that an engine that dies leaves a tunnel
     * that nobody reads, not an open phone.
     *
     * @param settings `{"mtu":N,"network":{"resolvers":["1.1.1.1:53"],"ipv4":true,"ipv6":true}}`
     */
    external fun start(handle: Long, tun: Int, settings: String)

    /** Ends the engine; its duplicate of the descriptor is closed. Does nothing when it does not run. */
    external fun stop(handle: Long)

    /**
     * The network behind the tunnel has changed; the form is that of `settings.network`, and `"keeps_flows":true` with it says
     * that it is the same network still.
     */
    external fun network(handle: Long, network: String)

    /** Answers [EngineHost.owner]: `{"uid":10050,"packages":["a.b"]}`, `{"shared":1000}` or `{}` when nobody can tell. */
    external fun owner(handle: Long, flow: Long, owner: String)

    /** One request, one answer; from any thread. */
    external fun request(handle: Long, request: String): String

    /** Stops the engine and closes the store. Every later call with this handle throws. */
    external fun close(handle: Long)
}
