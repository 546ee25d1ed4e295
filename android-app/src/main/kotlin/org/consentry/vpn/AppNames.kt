package org.consentry.vpn

import android.content.Context
import android.content.pm.PackageManager
import org.consentry.R

/** The names of apps, as the phone's owner knows them. */
class AppNames(private val context: Context) {
    /**
     * The name of an attempt's app.
     *
     * @param app as the log has it: package names joined by `+`, `uid:N`, or null
     */
    fun of(app: String?): String = when {
        app == null -> context.getString(R.string.question_unknown_app)
        app.startsWith("uid:") -> context.getString(R.string.question_system)
        else -> label(app.substringBefore('+'))
    }

    private fun label(packageName: String): String = try {
        val packages = context.packageManager
        packages.getApplicationLabel(packages.getApplicationInfo(packageName, 0)).toString()
    } catch (_: PackageManager.NameNotFoundException) {
        packageName // removed in the meantime
    }
}
