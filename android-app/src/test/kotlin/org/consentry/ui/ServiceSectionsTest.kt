package org.consentry.ui

import org.consentry.engine.ConsentState
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class ServiceSectionsTest {
    private val byMaker = ServiceSections(phoneMaker = "Xiaomi")

    @Test
    fun whatThePhoneNeedsComesFirstThenItsMakerThenWhatWasSeenThenTheRestFolded() {
        val sections = byMaker.of(Scene.services)
        assertEquals(listOf("needed", "Xiaomi", "Google", "Aurora Mobile", "Tencent"), sections.map { it.key })
        assertEquals(listOf(false, false, false, true, true), sections.map { it.isFolded })
        assertEquals(2 to 3, sections[0].on to sections[0].total)
    }

    @Test
    fun withinASectionAllowedComesFirstThenTriedThenTheRest() {
        val xiaomi = byMaker.of(Scene.services).first { it.key == "Xiaomi" }
        assertEquals(
            listOf("Mi Push", "MIUI Cloud Messaging", "MIUI system ads (MSA)", "Xiaomi HttpDNS"),
            xiaomi.services.take(4).map { it.name },
        )
        assertEquals("Mi Cloud", xiaomi.services.last().name)
    }

    @Test
    fun theOwnersFoldsHoldButNotWhileSearching() {
        val folded = byMaker.copy(folds = mapOf("Xiaomi" to true, "Tencent" to false))
        assertTrue(folded.of(Scene.services).first { it.key == "Xiaomi" }.isFolded)
        assertFalse(folded.of(Scene.services).first { it.key == "Tencent" }.isFolded)
        assertFalse(folded.copy(query = "push").of(Scene.services).any { it.isFolded })
    }

    @Test
    fun aSearchFindsNameMakerPurposeServerAndPackage() {
        fun found(query: String) = byMaker.copy(query = query).of(Scene.services).flatMap { it.services }.map { it.id }.toSet()
        assertEquals(setOf("xiaomi.ads"), found("msa"))
        assertEquals(setOf("google.fcm", "google.analytics"), found("google"))
        assertEquals(setOf("xiaomi.http_dns"), found("111.13."))
        assertEquals(setOf("xiaomi.push", "xiaomi.cloud_messaging"), found("com.xiaomi.xmsf"))
        assertEquals(setOf("xiaomi.cloud_messaging"), found(" API.account.xiaomi.com "))
        // A server below one that is listed.
        assertEquals(setOf("xiaomi.ads"), found("sdk.api.ad.xiaomi.com"))
        assertEquals(emptySet<String>(), found("no such thing"))
    }

    @Test
    fun aServiceFoundByItsServerSaysWhich() {
        assertEquals(
            ServiceSections.Match.ByHost("api.ad.xiaomi.com"),
            byMaker.copy(query = "api.ad").match(Scene.ads),
        )
        assertEquals(ServiceSections.Match.YES, byMaker.copy(query = "ads").match(Scene.ads))
    }

    @Test
    fun allowedCountsConsentsNotNeeds() {
        val allowed = Scene.services.filter { ServiceFilter.ALLOWED.takes(it, emptySet()) }
        assertEquals(listOf("xiaomi.push", "google.fcm"), allowed.map { it.id })
        val kept = Scene.services.filter { ServiceFilter.KEPT_BLOCKED.takes(it, emptySet()) }
        assertEquals(listOf("qualcomm.gnss_assist", "xiaomi.ads"), kept.map { it.id })
        val forOneApp = Scene.messaging.copy(consent = ConsentState.ForApps(listOf("a.b")))
        assertTrue(ServiceFilter.ALLOWED.takes(forOneApp, emptySet()))
    }

    @Test
    fun byPurposeTheSamePurposeOfAllMakersIsTogether() {
        val sections = byMaker.copy(order = ServiceOrder.PURPOSE).of(Scene.services)
        assertEquals("needed", sections.first().key)
        val push = sections.first { it.key == Purpose.NOTIFICATIONS.name }
        assertEquals(setOf("xiaomi.push", "google.fcm", "aurora.push", "tencent.push"), push.services.map { it.id }.toSet())
    }

    @Test
    fun everyServiceIsInOneSection() {
        for (order in ServiceOrder.entries) {
            val listed = byMaker.copy(order = order).of(Scene.services).flatMap { it.services }
            assertEquals(Scene.services.toSet(), listed.toSet())
            assertEquals(Scene.services.size, listed.size)
        }
    }
}
