package org.consentry.health

import android.app.AppOpsManager
import android.content.Context
import android.os.Process

/**
 * Whether MIUI or HyperOS lets Consentry start with the phone. Xiaomi keeps the switch among Android's app operations, under a
 * number of its own, and there is no public way to ask by number: the one call here that Android does not document. Where a
 * version does not answer it, nobody knows, and the screens say so.
 */
internal object XiaomiAutostart {
    /** Xiaomi's number of the operation "start by itself". */
    private const val OPERATION = 10_008

    /** True or false as the switch stands; null when the phone does not tell. */
    fun read(context: Context): Boolean? = try {
        val ask = AppOpsManager::class.java.getMethod(
            "checkOpNoThrow",
            Int::class.javaPrimitiveType,
            Int::class.javaPrimitiveType,
            String::class.java,
        )
        val operations = context.getSystemService(AppOpsManager::class.java)
        when (ask.invoke(operations, OPERATION, Process.myUid(), context.packageName)) {
            AppOpsManager.MODE_ALLOWED -> true
            AppOpsManager.MODE_IGNORED, AppOpsManager.MODE_ERRORED -> false
            else -> null
        }
    } catch (_: ReflectiveOperationException) {
        null // not there, or it threw: another version
    } catch (_: RuntimeException) {
        null // Android itself does not know the number
    }
}
