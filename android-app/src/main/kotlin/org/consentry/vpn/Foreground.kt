package org.consentry.vpn

import android.app.ForegroundServiceStartNotAllowedException
import android.app.Notification
import android.app.Service
import android.content.pm.ServiceInfo
import android.os.Build
import android.util.Log

/** A service's place in the foreground, under the rules of each version of Android. */
internal class Foreground(private val service: Service) {
    private var entered = false

    /** Enters the foreground with this notification. False when Android does not allow it now. */
    fun enter(notification: Notification): Boolean {
        entered = types().any { type -> tryToEnter(notification, type) }
        return entered
    }

    /** The same, but leaves the notification alone if the service is in the foreground. */
    fun enterAgain(notification: Notification): Boolean = entered || enter(notification)

    /** Leaves it; the notification goes. */
    fun leave() {
        entered = false
        service.stopForeground(Service.STOP_FOREGROUND_REMOVE)
    }

    /** A VPN that has the owner's OK is exempt from the system's limits; before that the other type applies (API 34). */
    private fun types(): List<Int> =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            listOf(
                ServiceInfo.FOREGROUND_SERVICE_TYPE_SYSTEM_EXEMPTED,
                ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE,
            )
        } else {
            listOf(NO_TYPE)
        }

    private fun tryToEnter(notification: Notification, type: Int): Boolean = try {
        if (type == NO_TYPE) {
            service.startForeground(Notices.STANDING_ID, notification)
        } else {
            service.startForeground(Notices.STANDING_ID, notification, type)
        }
        true
    } catch (error: SecurityException) {
        refused(error)
    } catch (error: IllegalStateException) {
        // Among them ForegroundServiceStartNotAllowedException (API 31) and those about types (API 34).
        refused(error)
    } catch (error: IllegalArgumentException) {
        refused(error)
    }

    private fun refused(error: RuntimeException): Boolean {
        val fromBackground = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S &&
            error is ForegroundServiceStartNotAllowedException
        Log.w("consentry", if (fromBackground) "not allowed to the foreground now" else "foreground type refused", error)
        return false
    }

    private companion object {
        const val NO_TYPE = 0
    }
}
