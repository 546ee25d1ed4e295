package org.consentry.engine

import android.os.Handler
import android.util.Log
import java.util.concurrent.ArrayBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** Something that the engine tells of its own accord. */
internal sealed interface EngineEvent {
    /** An attempt was held back. */
    data class Attempted(val attempt: Attempt, val firstOfService: Boolean) : EngineEvent

    /** Consents have changed: a grant has ended, for example. */
    data object ConsentsChanged : EngineEvent

    /** The engine has ended by itself. */
    data class Ended(val reason: String) : EngineEvent
}

/**
 * What the engine's threads call. Nothing here blocks: events go to the main thread, questions about owners to a thread of
 * their own.
 */
internal class Host(private val main: Handler, private val happened: (EngineEvent) -> Unit) : EngineHost {
    private val owners = ThreadPoolExecutor(1, 1, IDLE_S, TimeUnit.SECONDS, ArrayBlockingQueue(MOST_QUESTIONS)) {
        Thread(it, "consentry-owners")
    }.apply {
        allowCoreThreadTimeOut(true)
        // Beyond the bound nobody can tell: the engine waits 200 ms at most anyway.
        rejectedExecutionHandler = ThreadPoolExecutor.DiscardPolicy()
    }

    /** Who answers for the tunnel, while there is one. */
    @Volatile
    var tunnel: TunnelHost? = null

    /** The handle that the engine was started with. */
    @Volatile
    var handle: Long = 0

    override fun protect(socket: Int): Boolean = tunnel?.protect(socket) ?: false

    override fun owner(flow: Long, transport: Int, app: String, remote: String) {
        owners.execute {
            val answer = try {
                tunnel?.ownerOf(transport, app, remote) ?: FlowOwner.Unknown
            } catch (error: RuntimeException) {
                // Android's side of the question has gone: no reason for the tunnel to go too.
                Log.w("consentry", "the owner of a flow could not be asked for", error)
                FlowOwner.Unknown
            }
            try {
                NativeEngine.owner(handle, flow, json(answer).toString())
            } catch (_: EngineException) {
                // The engine has ended in the meantime; nobody waits for the answer.
            }
        }
    }

    override fun event(event: String) {
        val read = try {
            read(JSONObject(event))
        } catch (error: JSONException) {
            Log.w("consentry", "the engine told something in an unknown form")
            Log.d("consentry", "that was", error)
            null
        } ?: return
        main.post { happened(read) }
    }

    fun close() {
        owners.shutdownNow()
    }

    private fun read(json: JSONObject): EngineEvent? = when (val kind = json.getString("event")) {
        "attempt" -> EngineEvent.Attempted(Answers.attempt(json), json.optBoolean("first_of_service"))
        "consents" -> EngineEvent.ConsentsChanged
        "state" -> when (val state = json.getString("state")) {
            "failed" -> EngineEvent.Ended(json.optString("reason"))
            // What we asked for ourselves.
            "running", "stopped" -> null
            else -> throw JSONException("unknown state: $state")
        }
        else -> throw JSONException("unknown event: $kind")
    }

    private fun json(owner: FlowOwner): JSONObject = when (owner) {
        FlowOwner.Unknown -> JSONObject()
        is FlowOwner.Shared -> JSONObject().put("shared", owner.uid)
        is FlowOwner.App -> JSONObject().put("uid", owner.uid).put("packages", JSONArray(owner.packages))
    }

    private companion object {
        const val IDLE_S = 30L

        /** Questions that wait at one time. */
        const val MOST_QUESTIONS = 1024
    }
}
