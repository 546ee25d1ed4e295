package org.consentry.health

import android.app.ActivityManager
import android.app.NotificationManager
import android.app.usage.UsageStatsManager
import android.content.Context
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.PowerManager
import android.os.UserManager

/**
 * What the phone's settings mean for protection: what the system does, not what a maker's page says.
 *
 * @property isBatteryFree whether the battery saver leaves Consentry alone
 * @property isBackgroundRestricted whether the owner or the system keeps Consentry from working in the background (API 28)
 * @property areNotificationsOn whether questions can reach the owner
 * @property autostart whether the maker's own switch lets Consentry start with the phone; null when the phone does not tell
 * @property otherProfiles profiles beside this one, whose apps go past Consentry: clones, a work profile
 * @property isSecondUser whether this is not the phone's first user, but a second space or a guest
 */
data class PhoneFacts(
    val isBatteryFree: Boolean,
    val areNotificationsOn: Boolean,
    val isBackgroundRestricted: Boolean = false,
    val autostart: Boolean? = null,
    val otherProfiles: Int = 0,
    val isSecondUser: Boolean = false,
) {
    companion object {
        /** Reads them off the main thread, and tells [done] there. */
        fun read(context: Context, done: (PhoneFacts) -> Unit) {
            val app = context.applicationContext
            val main = Handler(Looper.getMainLooper())
            Thread({
                val facts = read(app)
                main.post { done(facts) }
            }, "consentry-facts").start()
        }

        /** Reads them here and now: a few questions to the system's services. */
        fun read(context: Context): PhoneFacts {
            val users = context.getSystemService(UserManager::class.java)
            val notifications = context.getSystemService(NotificationManager::class.java)
            return PhoneFacts(
                isBatteryFree = context.getSystemService(PowerManager::class.java)
                    .isIgnoringBatteryOptimizations(context.packageName),
                areNotificationsOn = notifications.areNotificationsEnabled() && isQuestionsChannelOn(notifications),
                isBackgroundRestricted = isBackgroundRestricted(context),
                autostart = if (Phone.THIS.isXiaomi) XiaomiAutostart.read(context) else null,
                otherProfiles = users.userProfiles.size - 1,
                isSecondUser = !users.isSystemUser,
            )
        }

        private fun isQuestionsChannelOn(notifications: NotificationManager): Boolean =
            Build.VERSION.SDK_INT < Build.VERSION_CODES.O ||
                notifications.getNotificationChannel(QUESTIONS)?.importance != NotificationManager.IMPORTANCE_NONE

        /** The owner's own restriction (API 28), or the bucket of apps that may do next to nothing (API 30). */
        private fun isBackgroundRestricted(context: Context): Boolean {
            if (Build.VERSION.SDK_INT < Build.VERSION_CODES.P) return false
            if (context.getSystemService(ActivityManager::class.java).isBackgroundRestricted) return true
            return Build.VERSION.SDK_INT >= Build.VERSION_CODES.R &&
                context.getSystemService(UsageStatsManager::class.java).appStandbyBucket >=
                UsageStatsManager.STANDBY_BUCKET_RESTRICTED
        }

        /** The channel of the questions. */
        private const val QUESTIONS = "questions"
    }
}
