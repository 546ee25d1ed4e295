package org.consentry.ui

import android.content.Context
import android.content.pm.PackageManager
import android.graphics.drawable.Drawable
import android.os.Handler
import android.os.Looper
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import org.consentry.R
import org.consentry.engine.Subscription

/**
 * The names and icons of apps. They are read off the main thread; until a name is there, the package's own name stands in.
 * Belongs to the main thread.
 */
class AppLabels private constructor(private val context: Context) {
    private class Known(val label: String, val icon: Drawable?)

    private val known = HashMap<String, Known>()
    private val asked = HashSet<String>()
    private val observers = LinkedHashSet<() -> Unit>()
    private val main = Handler(Looper.getMainLooper())
    private val reader = ThreadPoolExecutor(1, 1, IDLE_S, TimeUnit.SECONDS, LinkedBlockingQueue()) {
        Thread(it, "consentry-labels")
    }.apply { allowCoreThreadTimeOut(true) }

    /**
     * The name of an attempt's app.
     *
     * @param app as the log has it: package names joined by `+`, `uid:N`, or null
     */
    fun name(app: String?): String = when {
        app == null -> context.getString(R.string.unknown_app)
        app.startsWith(UID) -> context.getString(R.string.android_system)
        else -> label(app.substringBefore('+'))
    }

    /** The icon of an attempt's app; null until it is there, or when there is none. */
    fun icon(app: String?): Drawable? {
        if (app == null || app.startsWith(UID)) return null
        val name = app.substringBefore('+')
        ask(name)
        return known[name]?.icon?.constantState?.newDrawable(context.resources) ?: known[name]?.icon
    }

    /** Whether all names that were asked for are there. */
    val isIdle: Boolean get() = known.size == asked.size

    /** Calls [changed] whenever more names are there. */
    fun observe(changed: () -> Unit): Subscription {
        observers += changed
        return Subscription { observers -= changed }
    }

    private fun label(packageName: String): String {
        ask(packageName)
        return known[packageName]?.label ?: packageName
    }

    private fun ask(packageName: String) {
        if (!asked.add(packageName)) return
        reader.execute {
            val read = read(packageName)
            main.post {
                known[packageName] = read
                // One round for many names.
                if (isIdle) observers.toList().forEach { it() }
            }
        }
    }

    private fun read(packageName: String): Known = try {
        val packages = context.packageManager
        val app = packages.getApplicationInfo(packageName, 0)
        Known(packages.getApplicationLabel(app).toString(), packages.getApplicationIcon(app))
    } catch (_: PackageManager.NameNotFoundException) {
        Known(packageName, null) // removed in the meantime, or an app of another user
    }

    companion object {
        private const val UID = "uid:"
        private const val IDLE_S = 10L
        private var instance: AppLabels? = null

        /** The names of this process. */
        fun of(context: Context): AppLabels {
            val app = context.applicationContext
            return instance?.takeIf { it.context === app } ?: AppLabels(app).also { instance = it }
        }
    }
}
