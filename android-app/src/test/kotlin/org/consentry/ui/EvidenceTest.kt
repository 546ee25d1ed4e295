package org.consentry.ui

import org.consentry.engine.Identifier
import org.consentry.engine.Signal
import org.junit.Assert.assertEquals
import org.junit.Test

class EvidenceTest {
    @Test
    fun recordsAreAddedUpByKindAppAndServer() {
        val imei = Identifier("imei", "plain", "query parameter imei")
        val model = Identifier("model", "plain", "header User-Agent")
        val records = listOf(
            Scene.attempt(1, "s", "a.b", "h.example.net", Signal.HTTP_HOST, 1, 4, listOf(model, imei), port = 80),
            Scene.attempt(2, "s", "c.d", "h.example.net", Signal.TLS_SNI, 2, 10, port = 443),
            Scene.attempt(3, "s", "a.b", "h.example.net", Signal.HTTP_HOST, 3, 1, listOf(imei, imei), port = 80),
            Scene.attempt(4, "s", null, "q.example.net", Signal.DNS_QUESTION, 4, 2, port = null),
        )
        val evidence = Evidence.of(records)
        assertEquals(
            listOf(
                Evidence.Said(IdentifierKind.IMEI, "plain", Place.ADDRESS, 5),
                Evidence.Said(IdentifierKind.MODEL, "plain", Place.HEADER, 4),
            ),
            evidence.said,
        )
        assertEquals(
            listOf(Evidence.App("c.d", 10), Evidence.App("a.b", 5), Evidence.App(null, 2)),
            evidence.apps,
        )
        assertEquals(
            listOf(Evidence.Server("h.example.net", listOf(80, 443), 15), Evidence.Server("q.example.net", emptyList(), 2)),
            evidence.servers,
        )
    }

    @Test
    fun everyPlaceOfTheEnginesHasAName() {
        val places = mapOf(
            "query parameter imei" to Place.ADDRESS,
            "path" to Place.ADDRESS,
            "header Cookie" to Place.COOKIE,
            "header User-Agent" to Place.HEADER,
            "body field imsi" to Place.FORM,
            "body" to Place.FORM,
            "Mi Push hello" to Place.PUSH,
            "somewhere new" to Place.CONTENTS,
        )
        for ((where, place) in places) assertEquals(where, place, Place.of(where))
    }

    @Test
    fun nothingSeenIsNoEvidence() = assertEquals(Evidence.NONE, Evidence.of(emptyList()))
}
