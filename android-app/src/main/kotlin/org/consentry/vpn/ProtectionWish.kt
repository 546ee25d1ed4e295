package org.consentry.vpn

import android.content.Context

/** What the owner wants of protection. Outlives the process and the phone's restart. */
class ProtectionWish(context: Context) {
    private val kept = context.getSharedPreferences("protection", Context.MODE_PRIVATE)

    /** Whether protection shall be on. */
    var on: Boolean
        get() = kept.getBoolean(ON, false)
        set(value) {
            kept.edit().putBoolean(ON, value).remove(PAUSED_UNTIL).apply()
        }

    /** Until when it shall rest, in milliseconds since 1970; null when it shall not. */
    var pausedUntilMs: Long?
        get() = if (kept.contains(PAUSED_UNTIL)) kept.getLong(PAUSED_UNTIL, 0) else null
        set(value) {
            kept.edit().apply { if (value == null) remove(PAUSED_UNTIL) else putLong(PAUSED_UNTIL, value) }.apply()
        }

    private companion object {
        const val ON = "on"
        const val PAUSED_UNTIL = "paused_until"
    }
}
