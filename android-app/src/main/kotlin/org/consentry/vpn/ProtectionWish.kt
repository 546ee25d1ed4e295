package org.consentry.vpn

import android.content.Context
import android.os.SystemClock
import android.provider.Settings

/** What the owner wants of protection. Outlives the process and the phone's restart. */
class ProtectionWish(private val context: Context) {
    private val kept by lazy { context.getSharedPreferences("protection", Context.MODE_PRIVATE) }

    /** Whether protection shall be on. */
    var on: Boolean
        get() = kept.getBoolean(ON, false)
        set(value) {
            kept.edit().putBoolean(ON, value).remove(PAUSE_ENDS).remove(PAUSED_IN).apply()
        }

    /**
     * For how long it shall rest yet, in milliseconds; null when it shall not. Measured by the clock that nobody can set, and
     * over with the phone's restart: no change of time makes a pause longer.
     */
    var pauseLeftMs: Long?
        get() {
            if (kept.getInt(PAUSED_IN, NO_START) != phoneStarts()) return null
            return (kept.getLong(PAUSE_ENDS, 0) - SystemClock.elapsedRealtime()).takeIf { it > 0 }
        }
        set(value) {
            kept.edit().apply {
                if (value == null) {
                    remove(PAUSE_ENDS).remove(PAUSED_IN)
                } else {
                    putLong(PAUSE_ENDS, SystemClock.elapsedRealtime() + value).putInt(PAUSED_IN, phoneStarts())
                }
            }.apply()
        }

    /** How often the phone was started. */
    private fun phoneStarts(): Int = Settings.Global.getInt(context.contentResolver, Settings.Global.BOOT_COUNT, 0)

    private companion object {
        const val ON = "on"

        // When a pause ends, by the clock that counts since the phone's start, and which start that was.
        const val PAUSE_ENDS = "pause_ends"
        const val PAUSED_IN = "paused_in"
        const val NO_START = -1
    }
}
