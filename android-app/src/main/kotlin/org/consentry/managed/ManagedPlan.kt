package org.consentry.managed

import android.os.Bundle
import org.consentry.engine.Service

/**
 * What an organisation wants of its phones, as its device manager has set it.
 *
 * @property allowed services that start as allowed
 * @property heldBack services that start as held back; one that is in both lists is held back
 * @property unknown what was named and is no service: it changes nothing
 * @property locksDecisions whether the owner cannot change what was decided about those services
 * @property locksProtection whether the owner cannot turn protection off in the app
 * @property logDays for how many days attempts are kept; null for the owner's choice
 */
data class ManagedPlan(
    val allowed: Set<String> = emptySet(),
    val heldBack: Set<String> = emptySet(),
    val unknown: List<String> = emptyList(),
    val locksDecisions: Boolean = false,
    val locksProtection: Boolean = false,
    val logDays: Int? = null,
) {
    /** Services about which the organisation alone decides. */
    val locked: Set<String> get() = if (locksDecisions) allowed + heldBack else emptySet()

    companion object {
        // The keys of res/xml/managed_configuration.xml.
        const val ALLOWED = "allowed_services"
        const val HELD_BACK = "held_back_services"
        const val LOCK_DECISIONS = "lock_decisions"
        const val LOCK_PROTECTION = "lock_protection"
        const val LOG_DAYS = "log_days"

        /** What is read of one list at most: there are some hundred services. */
        private const val LONGEST_LIST = 32 * 1024
        private const val LONGEST_ID = 64

        /** The choices that the owner has, too. */
        private val DAYS = setOf(1, 7, 30, 90)

        /** No configuration. */
        val NONE = ManagedPlan()

        /**
         * Reads a configuration. Only ids that the catalogue has, written exactly so, mean a service: nothing is granted for
         * something that resembles one.
         */
        fun of(restrictions: Bundle, services: List<Service>): ManagedPlan {
            val ids = services.map { it.id }.toSet()
            val allowed = list(restrictions, ALLOWED)
            val heldBack = list(restrictions, HELD_BACK)
            return ManagedPlan(
                allowed = allowed.filter { it in ids }.toSet() - heldBack.toSet(),
                heldBack = heldBack.filter { it in ids }.toSet(),
                unknown = (allowed + heldBack).filterNot { it in ids }.map { it.take(LONGEST_ID) }.distinct(),
                locksDecisions = restrictions.getBoolean(LOCK_DECISIONS),
                locksProtection = restrictions.getBoolean(LOCK_PROTECTION),
                logDays = restrictions.getString(LOG_DAYS)?.toIntOrNull()?.takeIf { it in DAYS },
            )
        }

        /** Ids between commas, spaces or line ends. */
        private fun list(restrictions: Bundle, key: String): List<String> =
            restrictions.getString(key).orEmpty().take(LONGEST_LIST).split(Regex("[,;\\s]+")).filter { it.isNotEmpty() }
    }
}
