package org.consentry.ui

import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.EngineState
import org.consentry.engine.Protection
import org.consentry.health.Phone
import org.consentry.health.PhoneFacts
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

class HealthCheckTest {
    private val redmi = Phone("Xiaomi", "Redmi")
    private val pixel = Phone("Google", "google")
    private val fine = PhoneFacts(isBatteryFree = true, areNotificationsOn = true)
    private val bad = PhoneFacts(isBatteryFree = false, areNotificationsOn = false)

    private fun advice(state: EngineState, facts: PhoneFacts, vararg putOff: String) =
        Advice.of(state, facts, Remembered(putOff = putOff.toSet()))

    private fun standing(name: Int, state: EngineState, facts: PhoneFacts? = fine, sdk: Int = 35) =
        HealthCheck.of(state, facts, pixel, sdk).find { it.name == name }?.standing

    @Test
    fun whatCannotBeReadIsNeverFine() {
        val off = Scene.quiet.copy(protection = Protection.Off, alwaysOn = null)
        for (check in HealthCheck.of(off, null, redmi, 35)) {
            assertEquals(check.toString(), HealthCheck.Standing.UNKNOWN, check.standing)
        }
    }

    @Test
    fun eachFactShows() {
        val good = Scene.quiet.copy(alwaysOn = AlwaysOn(on = true, lockdown = true))
        assertTrue(HealthCheck.of(good, fine, pixel, 35).all { it.standing == HealthCheck.Standing.OK })
        val worst = good.copy(
            protection = Protection.NeedsPermission,
            alwaysOn = AlwaysOn(on = false, lockdown = false),
            strictPrivateDns = "dns.example.org",
        )
        for (check in HealthCheck.of(worst, bad, pixel, 35)) {
            assertEquals(HealthCheck.Standing.NEEDS_YOU, check.standing)
            assertTrue(check.opens != null)
        }
    }

    @Test
    fun whatNeedsTheOwnerComesFirst() {
        val standings = HealthCheck.of(Scene.quiet, bad, redmi, 35).map { it.standing }
        val order = listOf(HealthCheck.Standing.NEEDS_YOU, HealthCheck.Standing.UNKNOWN, HealthCheck.Standing.OK)
        assertEquals(standings.sortedBy(order::indexOf), standings)
    }

    @Test
    fun thereIsNoPrivateDnsBeforeAndroid9() {
        assertNull(standing(R.string.check_private_dns, Scene.quiet, sdk = 27))
        assertEquals(HealthCheck.Standing.OK, standing(R.string.check_private_dns, Scene.quiet, sdk = 28))
    }

    @Test
    fun secondSpacesAreToldOfOnXiaomisPhonesOnly() {
        assertTrue(HealthCheck.of(Scene.quiet, fine, redmi, 35).any { it.name == R.string.check_second_space })
        assertFalse(HealthCheck.of(Scene.quiet, fine, pixel, 35).any { it.name == R.string.check_second_space })
    }

    @Test
    fun oneAdviceAtATimeAndTheMostImportantFirst() {
        val state = Scene.quiet.copy(strictPrivateDns = "dns.example.org")
        assertEquals(Advice.PrivateDns("dns.example.org"), advice(state, bad))
        assertEquals(Advice.Battery, advice(state, bad, "private_dns:dns.example.org"))
        assertEquals(Advice.Notifications, advice(state, bad, "private_dns:dns.example.org", "battery"))
        assertNull(advice(Scene.quiet, fine))
        val refused = state.copy(protection = Protection.NeedsPermission)
        assertEquals(Advice.Permission(wasAsked = true), advice(refused, bad))
    }

    @Test
    fun whatWasPutOffIsForgottenWhenItDoesNotHoldAnyMore() {
        assertEquals(setOf("private_dns:x"), Advice.over(Scene.quiet, bad, Remembered(putOff = setOf("battery", "private_dns:x"))))
        assertEquals(setOf("battery"), Advice.over(Scene.quiet, fine, Remembered(putOff = setOf("battery"))))
    }
}
