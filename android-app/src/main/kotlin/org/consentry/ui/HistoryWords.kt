package org.consentry.ui

import android.content.Context
import org.consentry.R
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentChange.End
import org.consentry.engine.ConsentChange.Kind

/** Says in plain words what was decided, and how. */
class HistoryWords(private val context: Context, private val times: Times, private val labels: AppLabels) {
    /** `Allowed for 15 minutes`, `Turned off`; with the app if it is for one. */
    fun what(change: ConsentChange, decisions: Decisions, essential: Boolean): String {
        val words = when (change.kind) {
            Kind.GRANT -> granted(change)
            Kind.REVOKE -> {
                val kept = change.app == null && change.service != null &&
                    decisions.about(change.service, essential, change.timeMs) is Decision.KeptBlocked
                context.getString(if (kept) R.string.history_kept_blocked else R.string.history_turned_off)
            }
            Kind.EXPIRE, Kind.STRICT_ON, Kind.STRICT_OFF -> context.getString(R.string.history_ended)
            Kind.SERVICE_CHANGED -> context.getString(R.string.history_changed)
            Kind.RESET -> context.getString(R.string.history_reset)
        }
        return change.app?.let { context.getString(R.string.for_app, words, labels.name(it)) } ?: words
    }

    /** `by you, in the app`, `from the notification`. */
    fun how(change: ConsentChange): String = how(change.via)

    /** The same, of the engine's own word. */
    fun how(via: String): String = context.getString(
        when (via) {
            "screen" -> R.string.by_screen
            "notification" -> R.string.by_notification
            "tile" -> R.string.by_tile
            "command" -> R.string.by_command
            "restore" -> R.string.by_restore
            "automation" -> R.string.by_automation
            "catalogue" -> R.string.by_catalogue
            "managed_configuration" -> R.string.by_organisation
            else -> R.string.by_timer
        },
    )

    private fun granted(change: ConsentChange): String = when (Length.of(change)) {
        Length.QUARTER_HOUR -> context.getString(R.string.history_allowed_15)
        Length.HOUR -> context.getString(R.string.history_allowed_hour)
        Length.UNTIL_RESTART -> context.getString(R.string.history_allowed_restart)
        Length.ENDLESS -> context.getString(R.string.history_allowed)
        Length.OTHER -> context.getString(R.string.history_allowed_until, times.moment((change.end as End.At).timeMs))
    }
}
