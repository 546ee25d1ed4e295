package org.consentry.ui

import android.Manifest
import android.content.Context
import android.os.Handler
import android.os.Looper

/** An app of the phone that can use the network. */
data class InstalledApp(val packageName: String, val label: String) {
    companion object {
        /** Reads them off the main thread, and tells [done] there. */
        fun read(context: Context, done: (List<InstalledApp>) -> Unit) {
            val app = context.applicationContext
            val main = Handler(Looper.getMainLooper())
            Thread({
                val packages = app.packageManager
                val apps = packages.getPackagesHoldingPermissions(arrayOf(Manifest.permission.INTERNET), 0)
                    .filter { it.packageName != app.packageName }
                    .map { InstalledApp(it.packageName, it.applicationInfo?.loadLabel(packages)?.toString() ?: it.packageName) }
                main.post { done(apps) }
            }, "consentry-apps").start()
        }
    }
}
