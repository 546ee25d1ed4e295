package org.consentry.ui

import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentChange.End
import org.consentry.engine.ConsentChange.Kind
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class DecisionsTest {
    private fun change(kind: Kind, hoursAgo: Long, end: End = End.Never, app: String? = null) =
        Scene.change(kind, "s", Scene.ago(hours = hoursAgo), end, app = app)

    private fun about(vararg newestFirst: ConsentChange, essential: Boolean = false, atMs: Long = Scene.NOW) =
        Decisions(newestFirst.toList()).about("s", essential, atMs)

    @Test
    fun withoutAChangeNothingIsDecided() = assertEquals(Decision.Undecided, about())

    @Test
    fun aRevokeAloneKeepsBlockedAndOneAfterAGrantTurnsOff() {
        assertTrue(about(change(Kind.REVOKE, 1)) is Decision.KeptBlocked)
        assertTrue(about(change(Kind.REVOKE, 1), change(Kind.GRANT, 2)) is Decision.TurnedOff)
        assertTrue(about(change(Kind.REVOKE, 1), essential = true) is Decision.TurnedOff)
    }

    @Test
    fun whatEndedByItselfKnowsHowLongItWas() {
        val lengths = mapOf(
            End.At(Scene.ago(hours = 2) + 15 * Scene.MINUTE) to Length.QUARTER_HOUR,
            End.At(Scene.ago(hours = 2) + Scene.HOUR) to Length.HOUR,
            End.At(Scene.ago(hours = 2) + 7 * Scene.MINUTE) to Length.OTHER,
            End.AtRestart to Length.UNTIL_RESTART,
        )
        for ((end, length) in lengths) {
            val decision = about(change(Kind.EXPIRE, 1), change(Kind.GRANT, 2, end))
            assertEquals(length, (decision as Decision.Ended).length)
        }
    }

    @Test
    fun whatWasDecidedLaterDidNotHoldThen() {
        val changes = arrayOf(change(Kind.GRANT, 1), change(Kind.REVOKE, 3))
        assertTrue(about(*changes) is Decision.Allowed)
        assertTrue(about(*changes, atMs = Scene.ago(hours = 2)) is Decision.KeptBlocked)
        assertEquals(Decision.Undecided, about(*changes, atMs = Scene.ago(hours = 4)))
    }

    @Test
    fun aGrantToOneAppIsNoDecisionForAll() {
        val decisions = Decisions(listOf(change(Kind.GRANT, 1, app = "a.b"), change(Kind.GRANT, 2, app = "c.d")))
        assertEquals(Decision.Undecided, decisions.about("s"))
        assertEquals(listOf("c.d", "a.b"), decisions.appsAllowed("s", Scene.NOW))
        assertEquals(listOf("c.d"), decisions.appsAllowed("s", Scene.ago(minutes = 90)))
    }

    @Test
    fun aRevokeForAllEndsTheGrantsOfApps() {
        val decisions = Decisions(listOf(change(Kind.REVOKE, 1), change(Kind.GRANT, 2, app = "a.b")))
        assertTrue(decisions.appsAllowed("s", Scene.NOW).isEmpty())
    }
}
