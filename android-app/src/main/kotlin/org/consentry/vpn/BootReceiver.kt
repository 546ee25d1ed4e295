package org.consentry.vpn

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import org.consentry.ConsentryApp
import org.consentry.engine.Gap

/**
 * Brings protection back after the phone's start and after an update of the app. The clock and the time zone are further
 * occasions that Android allows, and they change what "today" is.
 */
class BootReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val app = ConsentryApp.of(context)
        when (intent.action) {
            // Anybody may send us other actions by name; they mean nothing.
            Intent.ACTION_BOOT_COMPLETED -> app.protection.comeBack()
            Intent.ACTION_MY_PACKAGE_REPLACED -> {
                // Unless always-on was quicker: then the engine of now is no end of anything.
                if (!app.engine.state.value.protection.isActive) app.engine.ended(Gap.Cause.UPDATED)
                app.protection.comeBack()
            }
            Intent.ACTION_TIME_CHANGED, Intent.ACTION_TIMEZONE_CHANGED -> {
                app.protection.comeBack()
                app.protection.showAnew()
            }
        }
    }
}
