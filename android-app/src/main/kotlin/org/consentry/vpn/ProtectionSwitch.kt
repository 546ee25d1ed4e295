package org.consentry.vpn

import android.content.Context
import android.content.Intent
import android.net.ConnectivityManager
import android.net.VpnService
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.util.Log
import org.consentry.engine.Engine
import org.consentry.engine.Gap
import org.consentry.engine.Protection

/** What came of turning protection on. */
sealed interface TurnOn {
    /** It is starting; [Engine.state] shows how it goes on. */
    data object Started : TurnOn

    /**
     * Android wants the owner's OK first: start this with `startActivityForResult`, and turn on again after `RESULT_OK`. After
     * anything else call [ProtectionSwitch.permissionRefused].
     */
    data class AskOwner(val question: Intent) : TurnOn

    /** Another app is set as always-on VPN. */
    data object LockedByAnotherVpn : TurnOn

    /** Android does not let it start now; the owner has to open the app. */
    data object Refused : TurnOn
}

/** Turns protection on and off. Belongs to the main thread. */
class ProtectionSwitch(private val context: Context, private val engine: Engine, private val notices: Notices) {
    private val wish = ProtectionWish(context)
    private var revoked = false

    /** Whether the owner's organisation keeps protection on. */
    internal var keepsOn: () -> Boolean = { false }
    private val otherVpn = OtherVpn(
        context.getSystemService(ConnectivityManager::class.java),
        Handler(Looper.getMainLooper()),
        ::otherVpnChanged,
    ).apply { start(afterOurs = false) }

    /**
     * The owner turns protection on. If Consentry had Android's OK before, this ends another VPN that is in use: call it for
     * nothing but the owner's own act.
     */
    fun turnOn(): TurnOn = when (val permission = permission()) {
        is Permission.Missing -> TurnOn.AskOwner(permission.question)
        Permission.Locked -> {
            engine.protectionIs(Protection.LockedByAnotherVpn)
            TurnOn.LockedByAnotherVpn
        }
        Permission.Given -> {
            wish.on = true
            if (start()) TurnOn.Started else TurnOn.Refused
        }
    }

    /** The owner closed Android's question without an OK. */
    fun permissionRefused() = engine.protectionIs(Protection.NeedsPermission)

    /** The owner turns protection off, until it is turned on again. */
    fun turnOff() {
        if (isKeptOn()) return
        wish.on = false
        ComeBackJob.cancel(context)
        if (!tell(ConsentVpnService.STOP)) engine.protectionIs(Protection.Off)
    }

    /** The owner turns protection off for a time, in milliseconds. */
    fun pause(forMs: Long) {
        if (isKeptOn()) return
        wish.pauseLeftMs = forMs
        if (!tell(ConsentVpnService.PAUSE)) turnOff()
    }

    /**
     * The phone has started, the app was updated, or Android has ended the process: protection comes back if the owner wants
     * it. It does not if always-on has started it already, nor during a pause, and never takes the place of another VPN.
     */
    fun comeBack() {
        if (!wish.on) {
            ComeBackJob.cancel(context)
            return
        }
        if (engine.state.value.protection.isActive || wish.pauseLeftMs != null) return
        if (otherVpn.isThereNow()) {
            engine.protectionIs(Protection.AnotherVpn)
            notices.revoked(byAnotherVpn = true)
            return
        }
        when (val permission = permission()) {
            Permission.Given -> start()
            else -> engine.protectionIs(notPermitted(permission))
        }
    }

    /** Whether another VPN is in use, whose place turning on would take. */
    fun isAnotherVpnInUse(): Boolean = !engine.state.value.protection.isActive && otherVpn.isThereNow()

    private fun isKeptOn(): Boolean = keepsOn().also { if (it) notices.managedKeepsOn() }

    /** The time or the language is another: what is always shown is shown anew. */
    fun showAnew() {
        when (engine.state.value.protection) {
            is Protection.On -> tell(ConsentVpnService.SHOW)
            // The same time from now on, which the clock may call by another name.
            is Protection.Paused -> tell(ConsentVpnService.PAUSE)
            else -> Unit
        }
    }

    /** Whether Android takes us for the VPN. Asking makes it so, if the owner has agreed before. */
    internal fun permission(): Permission = try {
        VpnService.prepare(context)?.let { Permission.Missing(it) } ?: Permission.Given
    } catch (error: RuntimeException) {
        // Thrown by the system while another app's VPN is locked down, as one or another exception.
        Log.w(TAG, "Android refuses every other VPN now", error)
        Permission.Locked
    }

    /** Tells the owner why protection cannot start. Returns how it stands then. */
    internal fun notPermitted(permission: Permission): Protection =
        if (permission == Permission.Locked) {
            notices.lockedByAnotherVpn()
            Protection.LockedByAnotherVpn
        } else {
            notices.needsPermission()
            Protection.NeedsPermission
        }

    /** The service has begun: there can be no other VPN. */
    internal fun begun() {
        revoked = false
        otherVpn.stop()
    }

    /** Android has taken the VPN from us. Another one, if that is why, shows itself a moment later. */
    internal fun revoked() {
        revoked = true
        notices.revoked(byAnotherVpn = false)
    }

    /** The service has ended. */
    internal fun ended(next: Protection) {
        engine.protectionIs(next)
        engine.alwaysOnIs(null)
        notices.turnedOff()
        otherVpn.start(afterOurs = true)
    }

    internal fun close() = otherVpn.stop()

    private fun otherVpnChanged(isThere: Boolean) {
        val protection = engine.state.value.protection
        if (isThere && protection == Protection.Off) {
            engine.protectionIs(Protection.AnotherVpn)
            if (revoked) {
                engine.ended(Gap.Cause.OTHER_VPN)
                notices.revoked(byAnotherVpn = true)
            }
        } else if (!isThere && protection == Protection.AnotherVpn) {
            engine.protectionIs(Protection.Off)
        }
    }

    private fun start(): Boolean = try {
        val intent = ConsentVpnService.order(context, ConsentVpnService.START)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            context.startForegroundService(intent)
        } else {
            context.startService(intent)
        }
        engine.protectionIs(Protection.Starting)
        true
    } catch (error: IllegalStateException) {
        // From API 31 on ForegroundServiceStartNotAllowedException: not from the background.
        Log.w(TAG, "Android did not let the service start", error)
        engine.protectionIs(Protection.StartRefused)
        notices.startRefused()
        false
    }

    /** Tells the running service something; false when none is running. */
    private fun tell(action: String): Boolean {
        val protection = engine.state.value.protection
        if (!protection.isActive && protection !is Protection.Paused && protection !is Protection.Failed) return false
        return try {
            context.startService(ConsentVpnService.order(context, action))
            true
        } catch (_: IllegalStateException) {
            false // it is not running, and may not be started from the background
        }
    }

    private companion object {
        const val TAG = "consentry"
    }
}

/** Whether Android takes us for the VPN. */
internal sealed interface Permission {
    data object Given : Permission

    /** The owner has to be asked. */
    data class Missing(val question: Intent) : Permission

    /** Another app is set as always-on VPN. */
    data object Locked : Permission
}
