package org.consentry.vpn

import android.os.SystemClock
import org.consentry.engine.Engine
import org.consentry.engine.EngineFailure
import org.consentry.engine.FlowOwner
import org.consentry.engine.Outcome
import org.consentry.engine.TunnelHost

/** What becomes of a tunnel; told on the main thread. */
internal sealed interface TunnelNews {
    /** The engine judges its packets. */
    data object Running : TunnelNews

    /** Android does not take us for the VPN. There is no tunnel. */
    data object NotPermitted : TunnelNews

    /** Something failed. [closed]: the tunnel is there and nobody reads it, so that nothing can connect. */
    data class Failed(val failure: EngineFailure, val closed: Boolean) : TunnelNews
}

/**
 * Keeps the tunnel and has an engine read it.
 *
 * The tunnel comes first and the engine second, and the descriptor stays here: whatever becomes of the engine, packets end
 * in a tunnel that nobody reads rather than go round it. Belongs to the main thread.
 *
 * @param session the tunnel's name in Android's settings
 * @param protectSocket keeps a socket out of the tunnel; from any thread
 */
internal class TunnelKeeper(
    private val engine: Engine,
    private val factory: TunnelFactory,
    private val owners: FlowOwners,
    private val session: String,
    private val protectSocket: (Int) -> Boolean,
    private val told: (TunnelNews) -> Unit,
) : TunnelHost {
    private var tunnel: Tunnel? = null
    private var plan: TunnelPlan? = null
    private var outside = Outside.NONE
    private var engineStartedMs = 0L

    /** Counts the engines, so that what an earlier one says late is not taken for the present one's word. */
    private var generation = 0

    /** Whether there is a tunnel. */
    val isOpen: Boolean get() = tunnel != null

    /** Sets up the tunnel, in place of an earlier one without a gap, and starts the engine on it. */
    fun open(outside: Outside) {
        this.outside = outside
        val wanted = TunnelPlan.avoiding(outside.near, session)
        val next = try {
            factory.establish(wanted)
        } catch (refused: TunnelRefused) {
            told(TunnelNews.Failed(EngineFailure(EngineFailure.Kind.TUN, refused.message.orEmpty()), closed = isOpen))
            return
        }
        if (next == null) {
            close()
            told(TunnelNews.NotPermitted)
            return
        }
        val earlier = tunnel
        tunnel = next
        plan = wanted
        startEngine(next) { earlier?.close() }
    }

    /** Follows the network: to another tunnel if this one's addresses are now somebody else's. */
    fun follow(outside: Outside) {
        val earlier = this.outside
        this.outside = outside
        when {
            !isOpen -> Unit
            plan != TunnelPlan.avoiding(outside.near, session) -> open(outside)
            !outside.keepsFlowsOf(earlier) -> engine.networkChanged(outside.outer, keepsFlows = false)
            outside.outer != earlier.outer -> engine.networkChanged(outside.outer, keepsFlows = true)
        }
    }

    /** Ends the engine and takes the tunnel down after it. */
    fun close() {
        val last = tunnel ?: return
        tunnel = null
        plan = null
        generation++
        engine.stop { last.close() }
    }

    override fun protect(socket: Int): Boolean = protectSocket(socket)

    override fun ownerOf(transport: Int, app: String, remote: String): FlowOwner = owners.ownerOf(transport, app, remote)

    override fun engineFailed(reason: String) {
        val present = tunnel ?: return
        if (SystemClock.elapsedRealtime() - engineStartedMs > RETRY_AFTER_MS) {
            startEngine(present) {}
        } else {
            // It would only fail again, and again.
            engine.stop()
            told(TunnelNews.Failed(EngineFailure(EngineFailure.Kind.PANIC, reason), closed = true))
        }
    }

    private fun startEngine(tunnel: Tunnel, then: () -> Unit) {
        val mine = ++generation
        engineStartedMs = SystemClock.elapsedRealtime()
        engine.stop()
        engine.start(tunnel.descriptor, TunnelPlan.MTU, outside.outer, this) { started ->
            then()
            if (mine == generation) {
                told(
                    when (started) {
                        is Outcome.Done -> TunnelNews.Running
                        is Outcome.Failed -> TunnelNews.Failed(started.failure, closed = true)
                    },
                )
            }
        }
    }

    private companion object {
        /** An engine that fails after less than this is not started again by itself. */
        const val RETRY_AFTER_MS = 60_000L
    }
}
