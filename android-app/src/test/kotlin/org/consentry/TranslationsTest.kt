package org.consentry

import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.w3c.dom.Element

/** Every language says everything, with the same blanks, in all its plurals. */
class TranslationsTest {
    private val resources = File(System.getProperty("consentry.source", "src/main"), "res")

    /** The words of one language: a text under `key`, the forms of a plural under `key#quantity`. */
    private class Words(val texts: Map<String, String>, val plurals: Map<String, Set<String>>) {
        val keys = texts.keys.map { it.substringBefore('#') }.toSet()
    }

    private val english = read("values")
    private val translated = QUANTITIES.keys.associateWith { read("values-$it") }

    private fun read(folder: String): Words {
        val texts = LinkedHashMap<String, String>()
        val plurals = LinkedHashMap<String, Set<String>>()
        for (file in File(resources, folder).listFiles { file -> file.name.startsWith("strings") }.orEmpty().sorted()) {
            for (entry in children(DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).documentElement)) {
                if (entry.getAttribute("translatable") == "false") continue
                val key = entry.getAttribute("name")
                when (entry.tagName) {
                    "string" -> texts[key] = entry.textContent
                    "plurals" -> {
                        val forms = children(entry)
                        plurals[key] = forms.map { it.getAttribute("quantity") }.toSet()
                        forms.forEach { texts["$key#${it.getAttribute("quantity")}"] = it.textContent }
                    }
                    else -> throw AssertionError("$file: ${entry.tagName} is not read here")
                }
            }
        }
        return Words(texts, plurals)
    }

    private fun children(element: Element): List<Element> =
        (0 until element.childNodes.length).map(element.childNodes::item).filterIsInstance<Element>()

    private fun blanks(text: String): Set<String> = Regex("""%\d+\$[a-zA-Z]|%[a-zA-Z%]""").findAll(text).map { it.value }.toSet()

    /** What a text is in English; for a form that English does not have, the general one. */
    private fun source(key: String): String? = english.texts[key] ?: english.texts["${key.substringBefore('#')}#other"]

    /** All faults that [check] finds in any language. */
    private fun assertNone(check: (language: String, words: Words) -> Iterable<String>) =
        assertEquals("", translated.flatMap { (language, words) -> check(language, words).map { "$language: $it" } }.joinToString("\n"))

    private fun assertEach(check: (language: String, key: String, text: String) -> Boolean) = assertNone { language, words ->
        words.texts.filterNot { (key, text) -> check(language, key, text) }.map { (key, text) -> "$key: $text" }
    }

    @Test
    fun `there is something to look at`() {
        assertTrue("$resources", english.texts.size > 400 && english.plurals.size > 10)
        val folders = resources.listFiles().orEmpty().filter { File(it, "strings.xml").exists() }.map { it.name }
        assertEquals(setOf("values") + QUANTITIES.keys.map { "values-$it" }, folders.toSet())
    }

    @Test
    fun `no text is missing and none is left over`() = assertNone { _, words ->
        (english.keys - words.keys).map { "$it is missing" } + (words.keys - english.keys).map { "$it is not in English" }
    }

    @Test
    fun `every plural has the forms of its language`() = assertNone { language, words ->
        words.plurals.filterValues { it != QUANTITIES[language] }.map { (key, forms) -> "$key has $forms" } +
            (english.plurals.keys - words.plurals.keys).filter { it in words.keys }.map { "$it is a plural" }
    }

    @Test
    fun `every text has the blanks of the English one`() = assertEach { language, key, text ->
        val name = key.substringBefore('#')
        val wanted = blanks(english.texts[name] ?: english.texts["$name#other"].orEmpty())
        // A form for one number alone may say that number as a word: "two attempts".
        val number = (wanted - blanks(english.texts["$name#one"].orEmpty())).ifEmpty { setOf("%1\$s") }
        val saysNumber = key.substringAfter('#') in ALONE[language].orEmpty() && name !in NOT_A_NUMBER
        blanks(text) == wanted || (saysNumber && blanks(text) == wanted - number)
    }

    @Test
    fun `nothing was left in English`() = assertEach { _, key, text ->
        text != source(key) || text in THE_SAME || text.none(Char::isLetterInWords)
    }

    @Test
    fun `texts are written as Android reads them`() = (translated + ("en" to english)).forEach { (language, words) ->
        val faults = words.texts.filterValues { it != it.trim() || it.isEmpty() || Regex("""(?<!\\)['"]""").containsMatchIn(it) }
        assertEquals(language, emptyMap<String, String>(), faults)
    }

    private companion object {
        /** The languages, as folders of resources name them, and the forms of their plurals. */
        val QUANTITIES = mapOf(
            "ar" to setOf("zero", "one", "two", "few", "many", "other"),
            "es" to setOf("one", "many", "other"),
            "hi" to setOf("one", "other"),
            "in" to setOf("other"),
            "pt-rBR" to setOf("one", "many", "other"),
            "ru" to setOf("one", "few", "many", "other"),
            "zh-rCN" to setOf("other"),
            "zh-rTW" to setOf("other"),
        )

        /** The forms that stand for one number alone. Portuguese says "one" of none, too, and Russian of 21. */
        val ALONE = mapOf("ar" to setOf("zero", "one", "two"), "es" to setOf("one"))

        /** Plurals whose blank is a list, or words of their own. */
        val NOT_A_NUMBER = setOf("attempts_from", "ports")

        /** What another language may say as English does. */
        val THE_SAME = setOf("Android ID", "App", "Apps", "Filter, %1\$s", "Filter, %1\$s, %2\$s", "OK", "Port", "Port %1\$s", "Server")
    }
}

/** Whether it is part of a word: the letters of blanks (`%1$s`) stand alone. */
private fun Char.isLetterInWords(): Boolean = isLetter() && this != 's' && this != 'd'
