package org.consentry.engine

import org.json.JSONException
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test

class AnswersTest {
    private fun service(state: String = """{"kind":"off"}""", standing: String = "needs_consent") = """{"services":[{
        "id":"xiaomi.push","name":"Mi Push","short_name":"Mi Push","vendor":"Xiaomi","category":"push","does":"Does.",
        "breaks":"Breaks.","breaks_short":"Stops: it","standing":"$standing","hosts":["a.example"],"addresses":[],
        "packages":["com.xiaomi.xmsf"],"shares_with":[],"state":$state,"kept_blocked":false,"attempts_today":3,"attempts_7d":9,
        "last_ms":null,"muted":false,"likely_hosts":[],"sources":[],"changed":false,"new_hosts":[]}]}"""

    private fun consent(state: String) = Answers.services(JSONObject(service(state))).single().consent

    @Test
    fun `every state of consent`() {
        assertEquals(ConsentState.Off, consent("""{"kind":"off","until_ms":null,"apps":[]}"""))
        assertEquals(ConsentState.On, consent("""{"kind":"on"}"""))
        assertEquals(ConsentState.Until(17), consent("""{"kind":"until","until_ms":17}"""))
        assertEquals(ConsentState.UntilRestart, consent("""{"kind":"restart"}"""))
        assertEquals(ConsentState.ForApps(listOf("a.b")), consent("""{"kind":"apps","apps":["a.b"]}"""))
    }

    @Test
    fun `nothing is guessed about consent`() {
        val bad = listOf(
            service("""{"kind":"perhaps"}"""), service("""{"kind":"until"}"""), service("""{"kind":"apps"}"""), service("{}"),
            service(standing = "optional"), """{"services":[{}]}""", """{"services":17}""", "{}",
        )
        for (text in bad) assertThrows(text, JSONException::class.java) { Answers.services(JSONObject(text)) }
    }

    @Test
    fun `a row of the log`() {
        val page = Answers.log(
            JSONObject(
                """{"rows":[{"id":7,"first_ms":1407403800000,"last_ms":1407403860000,"count":4,
                "app":null,"service":"xiaomi.push","host":null,"signal":"signature","address":"111.13.141.211","port":443,
                "proto":"tcp","certainty":"confirmed","reason":"Held back.",
                "identifiers":[{"kind":"imei","form":"plain","where":"path"}],"bytes_held":120}],"next":{"first":1,"serial":2}}""",
            ),
        )
        val row = page.rows.single()
        assertEquals("7", row.id)
        assertEquals(60_000, row.lastMs - row.firstMs)
        assertEquals(Signal.SIGNATURE, row.signal)
        assertEquals(443, row.port)
        assertNull(row.app)
        assertEquals(listOf(Identifier("imei", "plain", "path")), row.identifiers)
        assertEquals("""[{"first":1,"serial":2}]""", page.next?.json)
        assertNull(Answers.log(JSONObject("""{"rows":[],"next":null}""")).next)
        assertNull(Answers.log(JSONObject("""{"rows":[]}""")).next)
    }

    @Test
    fun `an unknown signal is refused`() {
        assertThrows(JSONException::class.java) {
            Answers.attempt(
                JSONObject(
                    """{"first_ms":0,"last_ms":0,"count":1,"signal":"smell",
                    "proto":"tcp","reason":"","identifiers":[],"bytes_held":0}""",
                ),
            )
        }
    }
}
