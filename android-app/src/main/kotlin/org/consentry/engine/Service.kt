package org.consentry.engine

/**
 * A service of the catalogue and how the owner decided about it.
 *
 * @property id never changes, for example `xiaomi.push`
 * @property shortName for rows and notifications
 * @property does what it does, one or two sentences
 * @property breaks what stops without it; "Nothing visible" when nothing does
 * @property breaksShort the same in a few words, for the question
 * @property hosts the host patterns that recognise it
 * @property packages apps that serve it
 * @property likelyHosts those of [hosts] that are likely only
 * @property sources what the catalogue's entry rests on, for people to look up
 * @property isChanged whether it is more now than what the owner allowed: the new part is held back until it is allowed anew
 * @property newHosts the hosts that came since
 * @property sharesWith ids of services on the same server, which a grant opens too where the bytes are encrypted
 * @property consent what is allowed now
 * @property keptBlocked whether it is held back because the owner decided so; otherwise nobody has decided
 * @property attemptsToday attempts since midnight
 * @property lastMs the latest attempt; null when there was none
 * @property muted whether the owner wants no question about it
 */
data class Service(
    val id: String,
    val name: String,
    val shortName: String,
    val vendor: String,
    val category: String,
    val does: String,
    val breaks: String,
    val breaksShort: String,
    val standing: Standing,
    val hosts: List<String>,
    val addresses: List<String>,
    val packages: List<String>,
    val sharesWith: List<String>,
    val consent: ConsentState,
    val keptBlocked: Boolean = false,
    val attemptsToday: Long,
    val attempts7Days: Long,
    val lastMs: Long?,
    val muted: Boolean,
    val likelyHosts: List<String> = emptyList(),
    val sources: List<String> = emptyList(),
    val isChanged: Boolean = false,
    val newHosts: List<String> = emptyList(),
)

/** What holds for a service while the owner has said nothing. */
enum class Standing(val code: String) {
    /** Held back until granted. */
    NEEDS_CONSENT("needs_consent"),

    /** The phone needs it: allowed until switched off. */
    ESSENTIAL("essential"),

    /** Held back from apps that serve nothing else, allowed to others: encrypted resolvers. */
    DENIED_TO_DEDICATED("denied_to_dedicated"),
}

/** What is allowed for a service now. */
sealed interface ConsentState {
    /** Held back. */
    data object Off : ConsentState

    /** Allowed for all apps, without an end. */
    data object On : ConsentState

    /** Allowed for all apps until then (milliseconds since 1970). */
    data class Until(val untilMs: Long) : ConsentState

    /** Allowed for all apps until the phone restarts. */
    data object UntilRestart : ConsentState

    /** Allowed for these packages only. */
    data class ForApps(val packages: List<String>) : ConsentState
}

/** For how long a grant holds. [code] is how the engine names it. */
enum class Term(val code: String?) {
    /** Until it is revoked. */
    FOREVER(null),
    QUARTER_HOUR("15m"),
    HOUR("1h"),

    /** Until the phone restarts. */
    RESTART("restart"),
}

/** How a decision was made. */
enum class Via(val code: String) {
    SCREEN("screen"),
    NOTIFICATION("notification"),
    TILE("tile"),

    /** The organisation that manages the phone. */
    MANAGED_CONFIGURATION("managed_configuration"),

    /** Another app that the owner lets give orders. */
    AUTOMATION("automation"),
}

/**
 * A grant was made.
 *
 * @property warns ids of services that can connect now too, since they share an encrypted server with it
 */
data class Granted(val warns: List<String>)

/**
 * One change of consent, from the ledger.
 *
 * @property timeMs when, in milliseconds since 1970
 * @property service the service's id; null for strict mode
 * @property app the package it is about; null for all apps
 * @property via how it was made: `screen`, `notification`, `tile`, `command`, `managed_configuration`, `automation` or `clock`
 * @property end until when a grant holds
 */
data class ConsentChange(
    val timeMs: Long,
    val kind: Kind,
    val service: String?,
    val app: String?,
    val via: String,
    val end: End,
) {
    /** What was done. */
    enum class Kind(val code: String) {
        GRANT("grant"),
        REVOKE("revoke"),

        /** A grant that ended by itself. */
        EXPIRE("expire"),
        STRICT_ON("strict_on"),
        STRICT_OFF("strict_off"),

        /** The catalogue says more of the service than it did when it was allowed. */
        SERVICE_CHANGED("service_changed"),

        /** The record before did not add up, and was set aside: nothing counts as allowed from then on. */
        RESET("reset"),
    }

    /** When a grant ends. */
    sealed interface End {
        data object Never : End

        data object AtRestart : End

        /** Then (milliseconds since 1970). */
        data class At(val timeMs: Long) : End
    }
}
