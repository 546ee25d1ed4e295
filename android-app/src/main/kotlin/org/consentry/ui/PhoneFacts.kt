package org.consentry.ui

import android.app.NotificationManager
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.PowerManager
import android.provider.Settings
import java.util.Locale

/**
 * What the phone's own settings mean for protection.
 *
 * @property isBatteryFree whether the battery saver leaves Consentry alone
 * @property areNotificationsOn whether questions can reach the owner
 */
data class PhoneFacts(val isBatteryFree: Boolean, val areNotificationsOn: Boolean) {
    companion object {
        /** Reads them off the main thread, and tells [done] there. */
        fun read(context: Context, done: (PhoneFacts) -> Unit) {
            val app = context.applicationContext
            val main = Handler(Looper.getMainLooper())
            Thread({
                val facts = PhoneFacts(
                    app.getSystemService(PowerManager::class.java).isIgnoringBatteryOptimizations(app.packageName),
                    app.getSystemService(NotificationManager::class.java).areNotificationsEnabled(),
                )
                main.post { done(facts) }
            }, "consentry-facts").start()
        }
    }
}

/** The phone this is. */
data class Phone(val maker: String, val brand: String) {
    /** Whether it is one of Xiaomi's, with its own ways of stopping apps. */
    val isXiaomi: Boolean = listOf(maker, brand).any { it.lowercase(Locale.ROOT) in XIAOMI }

    companion object {
        private val XIAOMI = setOf("xiaomi", "redmi", "poco", "blackshark")

        /** The phone that this runs on. */
        val THIS: Phone get() = Phone(Build.MANUFACTURER.orEmpty(), Build.BRAND.orEmpty())
    }

    /** Its maker as the catalogue names it, its brand in people's mouths. */
    val vendor: String get() = if (isXiaomi) "Xiaomi" else maker
}

/** Pages of the system's settings, the exact one first. */
internal object SystemPages {
    /** Always-on, and blocking without VPN. */
    val vpn: List<Intent> = listOf(Intent(Settings.ACTION_VPN_SETTINGS), Intent(Settings.ACTION_WIRELESS_SETTINGS))

    /** Private DNS. */
    val privateDns: List<Intent> =
        listOf(Intent("android.settings.PRIVATE_DNS_SETTINGS"), Intent(Settings.ACTION_WIRELESS_SETTINGS))

    /** The battery saver. */
    fun battery(context: Context): List<Intent> {
        val xiaomi = Intent().setClassName("com.miui.powerkeeper", "com.miui.powerkeeper.ui.HiddenAppsConfigActivity")
            .putExtra("package_name", context.packageName)
            .putExtra("package_label", context.applicationInfo.loadLabel(context.packageManager).toString())
        return listOfNotNull(
            xiaomi.takeIf { Phone.THIS.isXiaomi },
            Intent(Settings.ACTION_IGNORE_BATTERY_OPTIMIZATION_SETTINGS),
            app(context),
        )
    }

    /** Our notifications. */
    fun notifications(context: Context): List<Intent> = listOfNotNull(
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            Intent(Settings.ACTION_APP_NOTIFICATION_SETTINGS).putExtra(Settings.EXTRA_APP_PACKAGE, context.packageName)
        } else {
            null
        },
        app(context),
    )

    private fun app(context: Context) =
        Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", context.packageName, null))
}
