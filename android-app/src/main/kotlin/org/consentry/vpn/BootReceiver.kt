package org.consentry.vpn

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import org.consentry.ConsentryApp

/**
 * Brings protection back after the phone's start and after an update of the app. The clock and the time zone are further
 * occasions that Android allows, and they change what "today" is.
 */
class BootReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val app = ConsentryApp.of(context)
        when (intent.action) {
            // Anybody may send us other actions by name; they mean nothing.
            Intent.ACTION_BOOT_COMPLETED, Intent.ACTION_MY_PACKAGE_REPLACED -> app.protection.comeBack()
            Intent.ACTION_TIME_CHANGED, Intent.ACTION_TIMEZONE_CHANGED -> {
                app.protection.comeBack()
                app.protection.showAnew()
            }
        }
    }
}
