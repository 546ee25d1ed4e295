package org.consentry.ui

import android.os.Build
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Protection
import org.consentry.health.Phone
import org.consentry.health.PhoneFacts

/**
 * One line of Health.
 *
 * @property state how it stands, in words
 * @property opens where it can be seen to; null where nothing can be done
 */
data class HealthCheck(
    val name: Int,
    val icon: Int,
    val standing: Standing,
    val state: Int,
    val argument: String? = null,
    val opens: Page? = null,
) {
    /** Fine, or for the owner to see to; never fine when it cannot be read. */
    enum class Standing { OK, NEEDS_YOU, UNKNOWN }

    /** Where something can be seen to. */
    enum class Page { PERMISSION, VPN, BATTERY, NOTIFICATIONS, PRIVATE_DNS }

    companion object {
        /** All lines: what needs the owner first, then what cannot be told, then what is fine. */
        fun of(state: EngineState, facts: PhoneFacts?, phone: Phone, sdk: Int): List<HealthCheck> = listOfNotNull(
            permission(state),
            alwaysOn(state, sdk),
            lockdown(state, sdk),
            battery(facts),
            notifications(facts),
            privateDns(state, sdk),
            HealthCheck(
                R.string.check_second_space,
                R.drawable.ic_person,
                Standing.UNKNOWN,
                R.string.check_second_space_text,
            ).takeIf { phone.isXiaomi },
        ).sortedBy {
            when (it.standing) {
                Standing.NEEDS_YOU -> 0
                Standing.UNKNOWN -> 1
                Standing.OK -> 2
            }
        }

        private fun permission(state: EngineState): HealthCheck {
            val (standing, words) = when (state.protection) {
                Protection.NeedsPermission -> Standing.NEEDS_YOU to R.string.check_permission_bad
                is Protection.On, Protection.Starting, is Protection.Paused, is Protection.Failed ->
                    Standing.OK to R.string.check_permission_ok
                else -> Standing.UNKNOWN to R.string.check_cannot_tell_off
            }
            return HealthCheck(
                R.string.check_permission,
                R.drawable.ic_key,
                standing,
                words,
                opens = Page.PERMISSION.takeIf { standing == Standing.NEEDS_YOU },
            )
        }

        private fun alwaysOn(state: EngineState, sdk: Int): HealthCheck {
            val (standing, words) = when (state.alwaysOn?.on) {
                true -> Standing.OK to R.string.check_ok
                false -> Standing.NEEDS_YOU to R.string.check_always_on_bad
                null -> Standing.UNKNOWN to cannotTell(sdk)
            }
            return HealthCheck(R.string.check_always_on, R.drawable.ic_restart, standing, words, opens = Page.VPN)
        }

        private fun lockdown(state: EngineState, sdk: Int): HealthCheck {
            val (standing, words) = when (state.alwaysOn?.lockdown) {
                true -> Standing.OK to R.string.check_lockdown_ok
                false -> Standing.NEEDS_YOU to R.string.check_lockdown_bad
                null -> Standing.UNKNOWN to cannotTell(sdk)
            }
            return HealthCheck(R.string.check_lockdown, R.drawable.ic_shield, standing, words, opens = Page.VPN)
        }

        private fun cannotTell(sdk: Int) =
            if (sdk >= Build.VERSION_CODES.Q) R.string.check_cannot_tell_off else R.string.check_cannot_tell_old

        private fun battery(facts: PhoneFacts?): HealthCheck {
            val (standing, words) = when (facts?.isBatteryFree) {
                true -> Standing.OK to R.string.check_battery_ok
                false -> Standing.NEEDS_YOU to R.string.check_battery_bad
                null -> Standing.UNKNOWN to R.string.checking
            }
            return HealthCheck(
                R.string.check_battery,
                R.drawable.ic_battery,
                standing,
                words,
                opens = Page.BATTERY.takeIf { facts != null },
            )
        }

        private fun notifications(facts: PhoneFacts?): HealthCheck {
            val (standing, words) = when (facts?.areNotificationsOn) {
                true -> Standing.OK to R.string.check_ok
                false -> Standing.NEEDS_YOU to R.string.check_notifications_bad
                null -> Standing.UNKNOWN to R.string.checking
            }
            return HealthCheck(
                R.string.check_notifications,
                R.drawable.ic_bell,
                standing,
                words,
                opens = Page.NOTIFICATIONS.takeIf { facts != null },
            )
        }

        /** Before API 28 there is no such setting. */
        private fun privateDns(state: EngineState, sdk: Int): HealthCheck? {
            if (sdk < Build.VERSION_CODES.P) return null
            val server = state.strictPrivateDns
            val (standing, words) = when {
                server != null -> Standing.NEEDS_YOU to R.string.check_private_dns_bad
                state.protection.isActive -> Standing.OK to R.string.check_private_dns_ok
                else -> Standing.UNKNOWN to R.string.check_cannot_tell_off
            }
            return HealthCheck(
                R.string.check_private_dns,
                R.drawable.ic_signpost,
                standing,
                words,
                server,
                opens = Page.PRIVATE_DNS.takeIf { server != null },
            )
        }
    }
}
