package org.consentry.managed

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.content.RestrictionsManager
import android.os.Build
import android.os.Bundle
import android.os.UserManager
import android.util.Log
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.Engine
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.StoreState
import org.consentry.engine.Via

/**
 * Brings what an organisation wants into force: at the app's start, and whenever its device manager changes it. What was done
 * so far stands in the ledger and nowhere else, so that nothing is granted twice or forgotten.
 *
 * @param unknown is told what the organisation named that is no service
 */
class ManagedConfiguration(private val context: Context, private val engine: Engine, private val unknown: (List<String>) -> Unit) {
    private val restrictions = context.getSystemService(RestrictionsManager::class.java)

    /** Whether there ever was a configuration: most phones have none, and are read no history for it. */
    private val kept by lazy { context.getSharedPreferences("managed", Context.MODE_PRIVATE) }

    /** What holds now. */
    var plan = ManagedPlan.NONE
        private set

    private val changed = object : BroadcastReceiver() {
        override fun onReceive(context: Context, intent: Intent) = apply()
    }

    /** Begins to follow the device manager. */
    fun follow() {
        val filter = IntentFilter(Intent.ACTION_APPLICATION_RESTRICTIONS_CHANGED)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            context.registerReceiver(changed, filter, Context.RECEIVER_NOT_EXPORTED)
        } else {
            context.registerReceiver(changed, filter)
        }
        apply()
        engine.state.follow(::keepLocked)
    }

    /** What is locked stays so, whatever else changes decisions: a backup that is put back, say. */
    private fun keepLocked(state: EngineState) {
        if (plan.locked.isEmpty() || state.store != StoreState.Open) return
        for (service in state.services) {
            val wanted = when (service.id) {
                !in plan.locked -> continue
                in plan.allowed -> ConsentState.On
                else -> ConsentState.Off
            }
            if (service.consent != wanted) decide(service)
        }
    }

    /** Reads the configuration and does what it asks for. */
    fun apply() = engine.aside(::read) { wanted ->
        engine.refresh { read ->
            val services = (read as? Outcome.Done)?.value?.services
            if (services != null) enforce(ManagedPlan.of(wanted, services), services)
        }
    }

    /** The configuration, which may be empty; null where there never was one, or where it is still to come. */
    private fun read(): Bundle? {
        val wanted = restrictions?.applicationRestrictions ?: Bundle.EMPTY
        if (wanted.getBoolean(UserManager.KEY_RESTRICTIONS_PENDING) || wanted.isEmpty && !kept.getBoolean(SEEN, false)) return null
        kept.edit().putBoolean(SEEN, true).apply()
        return wanted
    }

    private fun enforce(next: ManagedPlan, services: List<Service>) {
        val before = plan
        plan = next
        engine.locked = next.locked
        next.logDays?.let { engine.retention(it) {} }
        if (next.unknown.isNotEmpty() && next.unknown != before.unknown) {
            Log.w(TAG, "the organisation's configuration names services that do not exist")
            unknown(next.unknown)
        }
        for (service in services) {
            val isNamed = service.id in next.allowed || service.id in next.heldBack
            if (isNamed || service.consent != ConsentState.Off) decide(service)
        }
    }

    private fun decide(service: Service) = engine.history(service.id) { read ->
        val changes = (read as? Outcome.Done)?.value ?: return@history
        val latest = changes.firstOrNull { it.app == null }
        val isOurs = latest == null || latest.kind == ConsentChange.Kind.EXPIRE || latest.via == Via.MANAGED_CONFIGURATION.code
        // Whatever the owner has decided stays, unless the organisation keeps that to itself.
        val mayDecide = isOurs || plan.locksDecisions
        val isOurGrant = latest?.kind == ConsentChange.Kind.GRANT && latest.via == Via.MANAGED_CONFIGURATION.code
        when (service.id) {
            in plan.allowed ->
                if (mayDecide && service.consent != ConsentState.On) engine.grant(service.id, via = Via.MANAGED_CONFIGURATION)
            in plan.heldBack ->
                if (mayDecide && !(service.consent == ConsentState.Off && service.keptBlocked)) {
                    engine.revoke(service.id, via = Via.MANAGED_CONFIGURATION)
                }
            // It is not preset any more: what the preset has granted ends with it.
            else -> if (isOurGrant) engine.revoke(service.id, via = Via.MANAGED_CONFIGURATION)
        }
    }

    private companion object {
        const val TAG = "consentry"
        const val SEEN = "seen"
    }
}
