package org.consentry.health

import android.app.ActivityManager
import android.app.ApplicationExitInfo
import android.content.Context
import android.os.Build
import org.consentry.engine.Engine
import org.consentry.engine.Gap

/**
 * Tells the engine how earlier processes of the app ended, as Android remembers it (API 30). Each end is told once.
 *
 * Only what is certain: some makers end apps in the very way in which an owner does, so that nobody can tell the two apart.
 */
class Exits(private val context: Context, private val engine: Engine) {
    private val kept by lazy { context.getSharedPreferences("exits", Context.MODE_PRIVATE) }

    /** Tells what is new; once, at the app's start. */
    fun tell() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) return
        engine.aside(::read) { exits ->
            exits.sortedBy { it.timestamp }.forEach { engine.ended(cause(it), it.timestamp) }
        }
    }

    /** Those that were not told yet. */
    private fun read(): List<ApplicationExitInfo> {
        val known = kept.getLong(LATEST, 0)
        val all = context.getSystemService(ActivityManager::class.java)
            .getHistoricalProcessExitReasons(context.packageName, 0, MOST)
            .filter { it.processName == context.packageName }
        val latest = all.maxOfOrNull { it.timestamp } ?: return emptyList()
        kept.edit().putLong(LATEST, latest).apply()
        // If the clock was set back, all of them may lie behind: they are told again, which changes nothing that is known.
        return all.filter { it.timestamp > known || latest < known }
    }

    companion object {
        private const val LATEST = "latest"
        private const val MOST = 16

        /** What Android's reason means. Called from API 30 on. */
        internal fun cause(exit: ApplicationExitInfo): Gap.Cause = when (exit.reason) {
            ApplicationExitInfo.REASON_CRASH, ApplicationExitInfo.REASON_CRASH_NATIVE, ApplicationExitInfo.REASON_ANR,
            ApplicationExitInfo.REASON_INITIALIZATION_FAILURE, ApplicationExitInfo.REASON_EXIT_SELF,
            -> Gap.Cause.CRASHED
            ApplicationExitInfo.REASON_LOW_MEMORY, ApplicationExitInfo.REASON_SIGNALED,
            ApplicationExitInfo.REASON_EXCESSIVE_RESOURCE_USAGE, ApplicationExitInfo.REASON_FREEZER,
            ApplicationExitInfo.REASON_DEPENDENCY_DIED, ApplicationExitInfo.REASON_PERMISSION_CHANGE,
            -> Gap.Cause.KILLED
            ApplicationExitInfo.REASON_PACKAGE_UPDATED -> Gap.Cause.UPDATED
            // Wiped away among the recent apps, or stopped in the settings; some battery savers do the same by themselves.
            ApplicationExitInfo.REASON_USER_REQUESTED ->
                if ("remove task" in exit.description.orEmpty()) Gap.Cause.KILLED else Gap.Cause.UNKNOWN
            else -> Gap.Cause.UNKNOWN
        }
    }
}
