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
    private val argument: String? = null,
) {
    /** What it says. */
    open fun words(screen: Screen): String =
        if (argument == null) screen.getString(text) else screen.getString(text, argument)

    /** Android has not agreed to the VPN. */
    data class Permission(val wasAsked: Boolean) : Advice(
        "permission",
        R.drawable.ic_key,
        R.string.card_permission,
        if (wasAsked) R.string.card_permission_text else R.string.card_permission_text_new,
        R.string.why_a_vpn,
        if (wasAsked) R.string.ask_again else R.string.ask,
    )

    /** The record of decisions did not add up, and was set aside. */
    data class Reset(val atMs: Long) : Advice(
        "reset:$atMs",
        R.drawable.ic_receipt,
        R.string.card_reset,
        R.string.card_reset_text,
        R.string.not_now,
        R.string.restore_backup,
    ) {
        override fun words(screen: Screen): String = screen.getString(text, screen.times.moment(atMs))
    }

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

    /** The battery saver had left Consentry alone, and does no more. */
    data class BatteryAgain(val sinceMs: Long) : Advice(
        "battery_again:$sinceMs",
        R.drawable.ic_battery,
        R.string.card_battery_again,
        R.string.card_battery_again_text,
        R.string.not_now,
        R.string.fix,
    ) {
        override fun words(screen: Screen): String = screen.getString(text, screen.times.moment(sinceMs))
    }

    /** The catalogue has services that the owner has not seen. */
    data class NewServices(val count: Int) : Advice(
        "new_services:$count",
        R.drawable.ic_services,
        R.string.card_catalogue,
        0,
        R.string.ok,
        R.string.see_them,
    ) {
        override fun words(screen: Screen): String =
            screen.resources.plural(R.plurals.card_catalogue_text, count.toLong())
    }

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
        fun of(state: EngineState, facts: PhoneFacts?, remembered: Remembered): Advice? {
            if (state.protection == Protection.NeedsPermission) return Permission(wasAsked = true)
            return holding(state, facts, remembered).find { it.fact !in remembered.putOff }
        }

        /** Of what was put off, what does not hold any more: to be forgotten, so that the advice returns with its fact. */
        fun over(state: EngineState, facts: PhoneFacts, remembered: Remembered): Set<String> =
            remembered.putOff - holding(state, facts, remembered).map { it.fact }.toSet()

        private fun holding(state: EngineState, facts: PhoneFacts?, remembered: Remembered): List<Advice> = listOfNotNull(
            state.status?.resetMs?.let(::Reset),
            state.strictPrivateDns?.let(::PrivateDns),
            battery(remembered).takeIf { facts?.isBatteryFree == false && state.protection.isActive },
            Notifications.takeIf { facts?.areNotificationsOn == false && state.protection.isActive },
            remembered.newIn(state.services).size.takeIf { it > 0 }?.let(::NewServices),
        )

        private fun battery(remembered: Remembered): Advice =
            if (remembered.batteryAgainMs > 0) BatteryAgain(remembered.batteryAgainMs) else Battery
    }
}
