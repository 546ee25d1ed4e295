package org.consentry.vpn

import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import org.consentry.ConsentryApp

/** Brings protection back after the phone's start and after an update of the app. */
class BootReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        when (intent.action) {
            // Anybody may send us other actions by name; they mean nothing.
            Intent.ACTION_BOOT_COMPLETED, Intent.ACTION_MY_PACKAGE_REPLACED -> ConsentryApp.of(context).protection.comeBack()
        }
    }
}
