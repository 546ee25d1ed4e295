package org.consentry.ui

import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentChange.End
import org.consentry.engine.ConsentChange.Kind

/** Why a service is held back, as far as the owner's own decisions go. */
sealed interface Decision {
    /** The owner has not decided. */
    data object Undecided : Decision

    /** The owner said that it stays blocked, without having allowed it before. */
    data class KeptBlocked(val change: ConsentChange) : Decision

    /** The owner had allowed it (or the phone needs it) and turned it off. */
    data class TurnedOff(val change: ConsentChange) : Decision

    /** What the owner had allowed has ended by itself. */
    data class Ended(val change: ConsentChange, val length: Length) : Decision

    /** It is allowed, for all apps. */
    data class Allowed(val change: ConsentChange) : Decision
}

/** For how long a service was allowed. */
enum class Length {
    QUARTER_HOUR, HOUR, UNTIL_RESTART, ENDLESS, OTHER;

    companion object {
        private const val MINUTE_MS = 60_000L

        fun of(grant: ConsentChange): Length = when (val end = grant.end) {
            End.Never -> ENDLESS
            End.AtRestart -> UNTIL_RESTART
            is End.At -> when ((end.timeMs - grant.timeMs + MINUTE_MS / 2) / MINUTE_MS) {
                15L -> QUARTER_HOUR
                60L -> HOUR
                else -> OTHER
            }
        }
    }
}

/**
 * What the ledger says about each service.
 *
 * @param changes newest first, as [org.consentry.engine.Engine.history] gives them
 */
class Decisions(changes: List<ConsentChange>) {
    private val byService: Map<String?, List<ConsentChange>> = changes.groupBy { it.service }

    /** The changes of a service, newest first. */
    fun of(service: String): List<ConsentChange> = byService[service].orEmpty()

    /**
     * How the owner has decided about a service, for all apps.
     *
     * @param essential whether the phone needs it, so that it was on before the first decision
     * @param atMs as it was then; decisions made later do not count
     */
    fun about(service: String, essential: Boolean = false, atMs: Long = Long.MAX_VALUE): Decision {
        val changes = of(service).filter { it.app == null && it.timeMs <= atMs && it.kind != Kind.SERVICE_CHANGED }
        val last = changes.firstOrNull() ?: return Decision.Undecided
        val before = changes.getOrNull(1)
        return when (last.kind) {
            Kind.GRANT -> Decision.Allowed(last)
            Kind.EXPIRE -> Decision.Ended(
                last,
                changes.find { it.kind == Kind.GRANT }?.let(Length::of) ?: Length.OTHER,
            )
            Kind.REVOKE -> when {
                essential || before?.kind == Kind.GRANT -> Decision.TurnedOff(last)
                else -> Decision.KeptBlocked(last)
            }
            Kind.STRICT_ON, Kind.STRICT_OFF, Kind.SERVICE_CHANGED, Kind.RESET -> Decision.Undecided
        }
    }

    /** The apps that a service was allowed for at that time, and for those only. */
    fun appsAllowed(service: String, atMs: Long): List<String> {
        val apps = LinkedHashSet<String>()
        for (change in of(service).filter { it.timeMs <= atMs }.asReversed()) {
            when (change.kind) {
                Kind.GRANT -> change.app?.let(apps::add)
                Kind.REVOKE, Kind.EXPIRE -> if (change.app == null) apps.clear() else apps.remove(change.app)
                Kind.STRICT_ON, Kind.STRICT_OFF, Kind.SERVICE_CHANGED, Kind.RESET -> Unit
            }
        }
        return apps.toList()
    }

    companion object {
        /** Before the ledger has been read. */
        val UNKNOWN = Decisions(emptyList())
    }
}
