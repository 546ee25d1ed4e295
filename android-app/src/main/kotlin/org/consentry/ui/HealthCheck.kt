package org.consentry.ui

import android.os.Build
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Gap
import org.consentry.engine.Protection
import org.consentry.health.Phone
import org.consentry.health.PhoneFacts

/**
 * One line of Health.
 *
 * @property state how it stands, in words
 * @property opens where it can be seen to; null where nothing can be done
 * @property timeMs the time that [state] names, in milliseconds since 1970; in place of [argument]
 */
data class HealthCheck(
    val name: Int,
    val icon: Int,
    val standing: Standing,
    val state: Int,
    val argument: String? = null,
    val opens: Page? = null,
    val timeMs: Long? = null,
) {
    /** Fine, or for the owner to see to; never fine when it cannot be read. */
    enum class Standing { OK, NEEDS_YOU, UNKNOWN }

    /** Where something can be seen to. */
    enum class Page { PERMISSION, VPN, BATTERY, BACKGROUND, AUTOSTART, RECENTS, NOTIFICATIONS, PRIVATE_DNS }

    companion object {
        /** All lines: what needs the owner first, then what cannot be told, then what is fine. */
        fun of(
            state: EngineState,
            facts: PhoneFacts?,
            phone: Phone,
            sdk: Int,
            remembered: Remembered = Remembered(),
        ): List<HealthCheck> = listOfNotNull(
            permission(state),
            alwaysOn(state, sdk),
            lockdown(state, sdk),
            battery(facts, remembered),
            background(facts),
            autostart(state, facts, remembered).takeIf { phone.isXiaomi },
            recents(state, remembered).takeIf { phone.isXiaomi },
            notifications(facts),
            privateDns(state, sdk),
            HealthCheck(
                R.string.check_second_space,
                R.drawable.ic_person,
                Standing.UNKNOWN,
                R.string.check_second_space_text,
            ).takeIf { phone.isXiaomi || (facts?.otherProfiles ?: 0) > 0 },
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

        /** The owner's own restriction; a line only where there is one. */
        private fun background(facts: PhoneFacts?): HealthCheck? = if (facts?.isBackgroundRestricted != true) {
            null
        } else {
            HealthCheck(
                R.string.check_background,
                R.drawable.ic_warning,
                Standing.NEEDS_YOU,
                R.string.check_background_bad,
                opens = Page.BACKGROUND,
            )
        }

        private fun autostart(state: EngineState, facts: PhoneFacts?, remembered: Remembered): HealthCheck {
            val told = HealthCheck(
                R.string.check_autostart,
                R.drawable.ic_restart,
                Standing.OK,
                R.string.check_ok,
                opens = Page.AUTOSTART,
            )
            return when (facts?.autostart) {
                true -> told
                false -> told.copy(standing = Standing.NEEDS_YOU, state = R.string.check_autostart_bad)
                null -> told.asSaid(state, remembered.autostartDoneMs)
            }
        }

        private fun recents(state: EngineState, remembered: Remembered) = HealthCheck(
            R.string.check_recents,
            R.drawable.ic_lock,
            Standing.OK,
            R.string.check_ok,
            opens = Page.RECENTS,
        ).asSaid(state, remembered.recentsDoneMs)

        /** What the phone does not tell: as the owner said, until the phone stops Consentry all the same. */
        private fun HealthCheck.asSaid(engine: EngineState, saidMs: Long): HealthCheck {
            val killedMs = engine.coverage?.gaps.orEmpty().filter { it.cause == Gap.Cause.KILLED }.maxOfOrNull { it.fromMs }
            return if (saidMs > (killedMs ?: 0)) {
                copy(standing = Standing.OK, state = R.string.check_said, timeMs = saidMs)
            } else {
                copy(standing = Standing.UNKNOWN, state = R.string.check_cannot_tell_old)
            }
        }

        private fun battery(facts: PhoneFacts?, remembered: Remembered): HealthCheck {
            val againMs = remembered.batteryAgainMs.takeIf { it > 0 }
            val (standing, words) = when (facts?.isBatteryFree) {
                true -> Standing.OK to R.string.check_battery_ok
                false -> Standing.NEEDS_YOU to (if (againMs != null) R.string.check_battery_again else R.string.check_battery_bad)
                null -> Standing.UNKNOWN to R.string.checking
            }
            return HealthCheck(
                R.string.check_battery,
                R.drawable.ic_battery,
                standing,
                words,
                opens = Page.BATTERY.takeIf { facts != null },
                timeMs = againMs.takeIf { standing == Standing.NEEDS_YOU },
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
