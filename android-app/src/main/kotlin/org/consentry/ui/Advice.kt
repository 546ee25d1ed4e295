package org.consentry.ui

import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Protection
import org.consentry.health.PhoneFacts

/**
 * A piece of advice on Home; one at a time, and only while it holds.
 *
 * @property fact what it rests on: once put off, it comes back only when that has changed
 */
sealed class Advice(
    val fact: String,
    val icon: Int,
    val title: Int,
    val text: Int,
    val later: Int,
    val now: Int,
    val argument: String? = null,
) {
    /** Android has not agreed to the VPN. */
    data class Permission(val wasAsked: Boolean) : Advice(
        "permission",
        R.drawable.ic_key,
        R.string.card_permission,
        if (wasAsked) R.string.card_permission_text else R.string.card_permission_text_new,
        R.string.why_a_vpn,
        if (wasAsked) R.string.ask_again else R.string.ask,
    )

    /** Look-ups go round the tunnel. */
    data class PrivateDns(val server: String) : Advice(
        "private_dns:$server",
        R.drawable.ic_signpost,
        R.string.card_private_dns,
        R.string.card_private_dns_text,
        R.string.not_now,
        R.string.open_settings,
        server,
    )

    /** The battery saver may stop Consentry. */
    data object Battery : Advice(
        BATTERY,
        R.drawable.ic_battery,
        R.string.card_battery,
        R.string.card_battery_text,
        R.string.not_now,
        R.string.show_me,
    )

    /** Notifications are refused. */
    data object Notifications : Advice(
        NOTIFICATIONS,
        R.drawable.ic_bell,
        R.string.card_notifications,
        R.string.card_notifications_text,
        R.string.not_now,
        R.string.open_settings,
    )

    companion object {
        private const val BATTERY = "battery"
        private const val NOTIFICATIONS = "notifications"

        /** The advice that holds and was not put off, most important first; null when there is none. */
        fun of(state: EngineState, facts: PhoneFacts?, putOff: Set<String>): Advice? {
            if (state.protection == Protection.NeedsPermission) return Permission(wasAsked = true)
            return holding(state, facts).find { it.fact !in putOff }
        }

        /** Of what was put off, what does not hold any more: to be forgotten, so that the advice returns with its fact. */
        fun over(state: EngineState, facts: PhoneFacts, putOff: Set<String>): Set<String> =
            putOff - holding(state, facts).map { it.fact }.toSet()

        private fun holding(state: EngineState, facts: PhoneFacts?): List<Advice> = listOfNotNull(
            state.strictPrivateDns?.let(::PrivateDns),
            Battery.takeIf { facts?.isBatteryFree == false && state.protection.isActive },
            Notifications.takeIf { facts?.areNotificationsOn == false && state.protection.isActive },
        )
    }
}
