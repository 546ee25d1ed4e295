package org.consentry.engine

import android.app.Application
import java.io.File
import org.consentry.engine.CatalogueTexts.Companion.markOf
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

@RunWith(RobolectricTestRunner::class)
@Config(application = Application::class, sdk = [35])
class CatalogueTextsTest {
    private val source = File(System.getProperty("consentry.source", "src/main"))

    private fun service(id: String, does: String, breaks: String, breaksShort: String) = Service(
        id, id, id, "Maker", "push", does, breaks, breaksShort, Standing.NEEDS_CONSENT, emptyList(), emptyList(), emptyList(),
        emptyList(), ConsentState.Off, attemptsToday = 0, attempts7Days = 0, lastMs = null, muted = false,
    )

    private val push = service("a.push", "Brings notifications.", "Notifications.", "Stops: notifications.")

    private fun translation(mark: String) = CatalogueTexts(
        JSONObject("""{"a.push":{"mark":"$mark","does":"Bringt Nachrichten.","breaks":"Nachrichten.","breaks_short":"Ohne Nachrichten"}}"""),
    )

    private fun all(texts: CatalogueTexts, of: Service) = listOf(texts.does(of), texts.breaks(of), texts.breaksShort(of))

    private val english = listOf("Brings notifications.", "Notifications.", "Stops: notifications")

    @Test
    fun `a translation of these very texts is shown`() {
        val mark = markOf(push.does, push.breaks, push.breaksShort)
        assertEquals(listOf("Bringt Nachrichten.", "Nachrichten.", "Ohne Nachrichten"), all(translation(mark), push))
    }

    @Test
    fun `a translation of other texts is not`() {
        val mark = markOf(push.does, push.breaks, push.breaksShort)
        val changed = listOf(
            push.copy(does = "Brings notifications and adverts."), push.copy(breaks = "Nothing visible."),
            push.copy(breaksShort = "Nothing visible"), push.copy(id = "b.push"),
        )
        for (service in changed) {
            val wanted = listOf(service.does, service.breaks, service.breaksShort.trimEnd('.'))
            assertEquals(wanted, all(translation(mark), service))
        }
        assertEquals(english, all(translation(""), push))
    }

    @Test
    fun `whatever is not as it should be leaves the English text`() {
        val mark = markOf(push.does, push.breaks, push.breaksShort)
        for (texts in listOf("{}", """{"a.push":17}""", """{"a.push":{}}""", """{"a.push":{"mark":"$mark","does":""}}""")) {
            assertEquals(texts, english, all(CatalogueTexts(JSONObject(texts)), push))
        }
    }

    @Test
    fun `the language of the phone decides, and may change`() {
        val app = RuntimeEnvironment.getApplication()
        val push = catalogue().getValue("xiaomi.push")
        RuntimeEnvironment.setQualifiers("zh-rCN")
        assertTrue(CatalogueTexts.of(app).does(push).startsWith("一条长连接"))
        RuntimeEnvironment.setQualifiers("fr")
        assertEquals(push.does, CatalogueTexts.of(app).does(push))
        RuntimeEnvironment.setQualifiers("en")
        assertEquals(push.does, CatalogueTexts.of(app).does(push))
    }

    /** The catalogue's services with their texts, by id. */
    private fun catalogue(): Map<String, Service> {
        val files = File(source, "../../../rust-core/catalogue/services").listFiles { file -> file.extension == "toml" }.orEmpty()
        return files.flatMap { it.readText().split("[[service]]").drop(1) }.map { entry ->
            fun text(key: String) = Regex("""(?m)^$key = "(.*)"$""").find(entry)!!.groupValues[1].replace("\\\"", "\"")
            service(text("id"), text("does"), text("breaks"), text("breaks_short"))
        }.associateBy { it.id }
    }

    @Test
    fun `every translation is of what the catalogue says today`() {
        val catalogue = catalogue()
        assertTrue("${catalogue.size}", catalogue.size > 100)
        val files = File(source, "res").listFiles { file -> file.name.startsWith("raw-") }.orEmpty()
            .map { File(it, "service_texts.json") }
        assertTrue("$files", files.isNotEmpty())
        val faults = files.flatMap { file ->
            val texts = JSONObject(file.readText())
            val ids = texts.keys().asSequence().toSet()
            val untranslated = catalogue.keys - ids
            ids.mapNotNull { id -> fault(texts.getJSONObject(id), catalogue[id])?.let { "$id: $it" } } +
                // Whoever adds a service need not speak all languages; the many must not go missing.
                listOfNotNull("$untranslated".takeIf { untranslated.size > catalogue.size / 10 })
        }
        assertEquals("", faults.joinToString("\n"))
    }

    private fun fault(texts: JSONObject, service: Service?): String? {
        if (service == null) return "there is no such service"
        val mark = markOf(service.does, service.breaks, service.breaksShort)
        return when {
            texts.getString("mark") != mark -> "the English text has changed: translate it anew with the mark $mark, or take it out"
            TEXTS.any { texts.optString(it).isBlank() } -> "a text is missing"
            texts.getString("breaks_short").last() in ".。।" -> "the short text ends with a full stop"
            else -> null
        }
    }

    private companion object {
        val TEXTS = listOf("does", "breaks", "breaks_short")
    }
}
