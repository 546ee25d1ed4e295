package org.consentry.automation

import android.app.Activity
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import org.consentry.ConsentryApp
import org.consentry.engine.ConsentChange
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.Standing
import org.consentry.engine.Term
import org.consentry.engine.Via
import org.consentry.vpn.TurnOn

/**
 * Takes orders from other apps that the owner lets give them: Android asks the owner about the permission, and delivers
 * nothing from an app without it.
 *
 * What closes a door is done at once. What opens one is kept small: a service is allowed for a time only, never against the
 * owner's own decision, and never one that shares a server with another; turning protection off is a question to the owner.
 * An ordered broadcast is answered with `RESULT_OK`, or with `RESULT_CANCELED` and the reason.
 */
class AutomationReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val orders = Orders(ConsentryApp.of(context), Reply(goAsync()))
        val service = intent.getStringExtra(EXTRA_SERVICE).orEmpty()
        when (intent.action) {
            TURN_ON -> orders.turnOn()
            TURN_OFF -> orders.turnOff()
            ALLOW -> orders.allow(service, intent.getStringExtra(EXTRA_FOR) ?: Term.QUARTER_HOUR.code)
            HOLD_BACK -> orders.holdBack(service)
            else -> orders.unknown()
        }
    }

    /** Tells the sender what came of it; null where nobody waits. */
    private class Reply(private val pending: PendingResult?) {
        fun done() = end(Activity.RESULT_OK, null)

        fun refused(why: String) = end(Activity.RESULT_CANCELED, why)

        fun of(outcome: Outcome<*>) = when (outcome) {
            is Outcome.Done -> done()
            is Outcome.Failed -> refused(outcome.failure.kind.code)
        }

        private fun end(code: Int, data: String?) {
            pending?.setResult(code, data, null)
            pending?.finish()
        }
    }

    private class Orders(private val app: ConsentryApp, private val reply: Reply) {
        fun turnOn() {
            if (app.protection.isAnotherVpnInUse()) {
                reply.refused("another VPN is in use: only the owner puts Consentry in its place")
                return
            }
            when (app.protection.turnOn()) {
                TurnOn.Started -> reply.done()
                is TurnOn.AskOwner -> {
                    app.notices.needsPermission()
                    reply.refused("Android needs the owner's OK for the VPN first")
                }
                TurnOn.LockedByAnotherVpn -> reply.refused("another app is set as always-on VPN")
                TurnOn.Refused -> reply.refused("Android does not let it start now")
            }
        }

        fun turnOff() {
            if (app.engine.state.value.protection.isActive) app.notices.askTurnOff()
            reply.done()
        }

        fun allow(id: String, length: String?) {
            val term = Term.entries.find { it != Term.FOREVER && it.code == length }
            if (term == null) {
                reply.refused("'$EXTRA_FOR' is 15m, 1h or restart")
                return
            }
            if (app.wishes.asksScreenLock) {
                reply.refused("the owner's screen lock comes before anything is allowed")
                return
            }
            app.engine.refresh { read ->
                val state = when (read) {
                    is Outcome.Done -> read.value
                    is Outcome.Failed -> return@refresh reply.of(read)
                }
                val service = state.service(id)
                val refusal = if (service == null) NO_SUCH_SERVICE else refusal(service)
                if (refusal == null) unlessDecided(id) { grant(id, term) } else reply.refused(refusal)
            }
        }

        fun holdBack(id: String) = app.engine.revoke(id, via = Via.AUTOMATION, done = reply::of)

        fun unknown() = reply.refused("no such action")

        private fun grant(id: String, term: Term) = app.engine.grant(id, term = term, via = Via.AUTOMATION, done = reply::of)

        private fun refusal(service: Service): String? = when {
            service.standing == Standing.ESSENTIAL -> "the phone needs it: only the owner decides"
            service.sharesWith.isNotEmpty() ->
                "it shares a server with ${service.sharesWith.joinToString()}: only the owner allows it"
            else -> null
        }

        /** What the owner keeps blocked stays so. */
        private fun unlessDecided(id: String, allow: () -> Unit) = app.engine.history(id) { read ->
            when (read) {
                is Outcome.Failed -> reply.of(read)
                is Outcome.Done -> {
                    val latest = read.value.firstOrNull { it.app == null }
                    val isKeptBlocked = latest?.kind == ConsentChange.Kind.REVOKE && latest.via != Via.AUTOMATION.code
                    if (isKeptBlocked) reply.refused("the owner keeps it blocked") else allow()
                }
            }
        }
    }

    companion object {
        /** What the sender needs; the owner gives it. */
        const val PERMISSION = "org.consentry.permission.AUTOMATE"

        /** Turn protection on. */
        const val TURN_ON = "org.consentry.action.TURN_ON"

        /** Ask the owner whether to turn it off. */
        const val TURN_OFF = "org.consentry.action.TURN_OFF"

        /** Allow [EXTRA_SERVICE] for a time. */
        const val ALLOW = "org.consentry.action.ALLOW"

        /** Hold [EXTRA_SERVICE] back. */
        const val HOLD_BACK = "org.consentry.action.HOLD_BACK"

        /** A service's id. */
        const val EXTRA_SERVICE = "service"

        /** For how long: `15m` (unless it says otherwise), `1h` or `restart`. */
        const val EXTRA_FOR = "for"

        private const val NO_SUCH_SERVICE = "there is no such service"
    }
}
