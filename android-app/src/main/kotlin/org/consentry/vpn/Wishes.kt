package org.consentry.vpn

import android.content.Context

/**
 * What the owner wants of questions and of the screen lock. Outlives the process.
 *
 * The first reading waits for the disk: not on the way to the first frame.
 */
class Wishes(private val context: Context) {
    private val kept by lazy { context.getSharedPreferences("wishes", Context.MODE_PRIVATE) }

    /** Whether the owner is asked at a service's first attempt. Without it nothing is asked and nothing summed up. */
    var asksQuestions: Boolean
        get() = kept.getBoolean(QUESTIONS, true)
        set(value) = kept.edit().putBoolean(QUESTIONS, value).apply()

    /** Whether the phone's screen lock is asked for before anything is allowed, turned off or exported. */
    var asksScreenLock: Boolean
        get() = kept.getBoolean(SCREEN_LOCK, false)
        set(value) = kept.edit().putBoolean(SCREEN_LOCK, value).apply()

    private companion object {
        const val QUESTIONS = "questions"
        const val SCREEN_LOCK = "screen_lock"
    }
}
