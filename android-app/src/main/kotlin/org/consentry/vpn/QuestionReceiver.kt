package org.consentry.vpn

import android.app.KeyguardManager
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.os.Build
import org.consentry.ConsentryApp
import org.consentry.engine.Outcome
import org.consentry.engine.Term
import org.consentry.engine.Via

/** Takes the owner's answers to questions, from their buttons. */
class QuestionReceiver : BroadcastReceiver() {
    override fun onReceive(context: Context, intent: Intent) {
        val app = ConsentryApp.of(context)
        if (intent.action == SUMMARY_SEEN) {
            app.questions.seen()
            return
        }
        val service = intent.data?.schemeSpecificPart ?: return
        val term = when (intent.action) {
            ALLOW -> Term.QUARTER_HOUR
            ALLOW_ALWAYS -> Term.FOREVER
            else -> null
        }
        if (term != null && (isLocked(context) || app.wishes.asksScreenLock)) {
            // Whoever holds a locked phone may close a door, not open one: the owner unlocks it, and is asked again.
            context.startActivity(Screens.service(context, service, term).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
            return
        }
        // The process may end as soon as a receiver returns; what was decided is stored first. Null where nobody waits.
        val pending: PendingResult? = goAsync()
        val done: (Outcome<*>) -> Unit = { outcome ->
            if (outcome is Outcome.Failed) app.notices.notSaved(outcome.failure) else app.notices.answered(service)
            pending?.finish()
        }
        when (intent.action) {
            ALLOW, ALLOW_ALWAYS -> app.engine.grant(service, term = checkNotNull(term), via = Via.NOTIFICATION, done = done)
            KEEP_BLOCKED -> app.engine.revoke(service, via = Via.NOTIFICATION, done = done)
            MUTE -> app.engine.mute(service, on = true, done = done)
            else -> pending?.finish()
        }
    }

    /** From API 31 on Android itself asks for the unlocking. */
    private fun isLocked(context: Context): Boolean = Build.VERSION.SDK_INT < Build.VERSION_CODES.S &&
        context.getSystemService(KeyguardManager::class.java).isDeviceLocked

    companion object {
        /** Allow for a quarter of an hour. */
        const val ALLOW = "org.consentry.ALLOW"

        /** Allow until the owner turns it off. */
        const val ALLOW_ALWAYS = "org.consentry.ALLOW_ALWAYS"

        /** Keep it held back: a decision. */
        const val KEEP_BLOCKED = "org.consentry.KEEP_BLOCKED"

        /** No decision, and no more questions. */
        const val MUTE = "org.consentry.MUTE"

        /** The summary was wiped away. */
        const val SUMMARY_SEEN = "org.consentry.SUMMARY_SEEN"

        /** An answer about a service. */
        fun intent(context: Context, action: String, service: String): Intent =
            Intent(context, QuestionReceiver::class.java).setAction(action)
                .setData(Uri.fromParts("consentry", service, null))
    }
}
