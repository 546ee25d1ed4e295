package org.consentry.ui

import android.app.Activity
import android.app.KeyguardManager
import android.content.ActivityNotFoundException
import android.content.Intent
import android.provider.Settings
import org.consentry.R

/**
 * Asks for the phone's own screen lock before something is allowed, turned off or exported, if the owner wants that. What was
 * asked for is done after a yes only: not when the question was closed, and not when the screen has gone in the meantime.
 */
class ScreenLock(private val screen: Activity, private val model: ConsentryModel) {
    private var waiting: (() -> Unit)? = null

    /** Does [run], after the screen lock if the owner wants that. */
    fun before(run: () -> Unit) = if (model.asksScreenLock) ask(run) else run()

    /** Does [run] after the screen lock. Where there is none, it says how to set one, and does nothing. */
    fun ask(run: () -> Unit) {
        val question = question()
        if (question == null) {
            tellThatThereIsNone()
            return
        }
        waiting = run
        try {
            // Deprecated for a library's sake; it is Android's own question on every version, fingerprint and face included.
            @Suppress("DEPRECATION")
            screen.startActivityForResult(question, REQUEST)
        } catch (_: ActivityNotFoundException) {
            waiting = null
            tellThatThereIsNone()
        }
    }

    /** The question was answered. */
    fun answered(isOwner: Boolean) {
        val run = waiting
        waiting = null
        if (isOwner) run?.invoke()
    }

    private fun question(): Intent? {
        val keyguard = screen.getSystemService(KeyguardManager::class.java)
        if (!keyguard.isDeviceSecure) return null
        @Suppress("DEPRECATION") // as above
        return keyguard.createConfirmDeviceCredentialIntent(
            screen.getString(R.string.lock_title),
            screen.getString(R.string.lock_text),
        )
    }

    private fun tellThatThereIsNone() {
        Dialogs.ask(
            screen,
            screen.getString(R.string.no_lock_title),
            screen.getString(R.string.no_lock_text),
            R.string.open_settings,
        ) {
            try {
                screen.startActivity(Intent(Settings.ACTION_SECURITY_SETTINGS))
            } catch (_: ActivityNotFoundException) {
                // The dialog has said where to look.
            }
        }
    }

    companion object {
        /** Names the question's answer among those of a screen. */
        const val REQUEST = 3
    }
}
