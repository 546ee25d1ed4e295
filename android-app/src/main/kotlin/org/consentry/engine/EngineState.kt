package org.consentry.engine

/** All that the screens show of the engine and of protection, as it is now. */
data class EngineState(
    val store: StoreState = StoreState.Opening,
    val protection: Protection = Protection.Off,
    /** In the catalogue's order; empty until the store is open. */
    val services: List<Service> = emptyList(),
    val status: Status? = null,
    /** How the last seven days were protected; null until that has been read. */
    val coverage: Coverage? = null,
    /** The host of a strict Private DNS, which takes name look-ups round the tunnel; null when there is none. */
    val strictPrivateDns: String? = null,
    /** Android's always-on settings for us, as far as they can be read (API 29, while protection runs). */
    val alwaysOn: AlwaysOn? = null,
) {
    /** The service of that id. */
    fun service(id: String): Service? = services.find { it.id == id }
}

/** The record of consents and attempts. */
sealed interface StoreState {
    /** It is being opened. */
    data object Opening : StoreState

    data object Open : StoreState

    /** It could not be opened. What the owner decided is untouched. */
    data class Unreadable(val failure: EngineFailure) : StoreState
}

/** Whether services are held back now. */
sealed interface Protection {
    /** Nothing is held back. */
    data object Off : Protection

    data object Starting : Protection

    /** On since then (milliseconds since 1970). */
    data class On(val sinceMs: Long) : Protection

    /** The owner has turned it off until then (milliseconds since 1970). */
    data class Paused(val untilMs: Long) : Protection

    /** Android has not been told yet that Consentry may be the VPN. */
    data object NeedsPermission : Protection

    /** Another VPN is in use, and nothing is held back. */
    data object AnotherVpn : Protection

    /** Another app is set as always-on VPN, so that Android refuses ours. */
    data object LockedByAnotherVpn : Protection

    /** Android did not let it start from the background: the owner has to open the app. */
    data object StartRefused : Protection

    /**
     * The engine has stopped.
     *
     * @property closed whether the tunnel is still there, so that nothing can connect; otherwise services can
     */
    data class Failed(val failure: EngineFailure, val closed: Boolean) : Protection

    /** Whether packets go through the tunnel now. */
    val isActive: Boolean get() = this is On || this is Starting || (this is Failed && closed)
}

/** Android's two settings for a VPN that is always on. */
data class AlwaysOn(val on: Boolean, val lockdown: Boolean)
