package org.consentry.ui

import android.content.Context
import android.graphics.Color
import android.view.ContextThemeWrapper
import java.io.File
import javax.xml.parsers.DocumentBuilderFactory
import kotlin.math.pow
import org.consentry.R
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.w3c.dom.Element

/** Colours, words and layouts, as the resources have them. */
class LookTest : ScreenTest() {
    private val words = listOf(
        R.attr.textMain to listOf(R.attr.window, R.attr.surface, R.attr.high),
        R.attr.textSecond to listOf(R.attr.window, R.attr.surface, R.attr.high),
        R.attr.primary to listOf(R.attr.window, R.attr.surface),
        R.attr.onPrimary to listOf(R.attr.primary),
        R.attr.onContainer to listOf(R.attr.container),
        R.attr.onAttention to listOf(R.attr.attention),
        R.attr.attentionAccent to listOf(R.attr.attention, R.attr.surface),
        R.attr.onFailure to listOf(R.attr.failure),
        R.attr.onInverse to listOf(R.attr.inverse),
        R.attr.inversePrimary to listOf(R.attr.inverse),
    )
    private val shapes = listOf(
        R.attr.outline to listOf(R.attr.surface, R.attr.high),
        // Drawn on cards only; 2.96 in the light.
        R.attr.bar to listOf(R.attr.surface),
    )

    private fun contrast(a: Int, b: Int): Double {
        val (dark, light) = listOf(luminance(a), luminance(b)).sorted()
        return (light + 0.05) / (dark + 0.05)
    }

    private fun luminance(colour: Int): Double {
        val (red, green, blue) = listOf(Color.red(colour), Color.green(colour), Color.blue(colour)).map {
            val part = it / 255.0
            if (part <= 0.03928) part / 12.92 else ((part + 0.055) / 1.055).pow(2.4)
        }
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    private fun check(theme: Int, name: String) {
        val context: Context = ContextThemeWrapper(app, theme)
        val tooFaint = listOf(words to 4.5, shapes to 2.95).flatMap { (pairs, least) ->
            pairs.flatMap { (front, grounds) ->
                grounds.mapNotNull { ground ->
                    val ratio = contrast(context.colour(front), context.colour(ground))
                    val names = listOf(front, ground).map(context.resources::getResourceEntryName)
                    if (ratio < least) "$names %.2f".format(ratio) else null
                }
            }
        }
        assertTrue("$name: $tooFaint", tooFaint.isEmpty())
    }

    @Test
    @Config(sdk = [24, 35])
    fun everyTextCanBeReadInTheFixedColours() {
        check(R.style.Theme_Consentry, "light")
        RuntimeEnvironment.setQualifiers("+night")
        check(R.style.Theme_Consentry, "dark")
    }

    @Test
    fun everyTextCanBeReadInTheWallpapersColours() {
        check(R.style.Theme_Consentry_Dynamic, "dynamic light")
        RuntimeEnvironment.setQualifiers("+night")
        check(R.style.Theme_Consentry_Dynamic, "dynamic dark")
    }

    private val source: File? = System.getProperty("consentry.source")?.let(::File)

    private fun elements(file: File): List<Element> {
        val all = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).getElementsByTagName("*")
        return (0 until all.length).map { all.item(it) as Element }
    }

    private fun attributes(element: Element): List<Pair<String, String>> =
        (0 until element.attributes.length).map(element.attributes::item).map { it.nodeName to it.nodeValue }

    @Test
    fun layoutsHoldNoWordsAndNoLeftOrRight() {
        val layouts = File(source ?: return, "res").listFiles()!!.filter { it.name.startsWith("layout") }
            .flatMap { it.listFiles()!!.toList() }
        assertTrue(layouts.isNotEmpty())
        val shown = setOf("android:text", "android:hint", "android:contentDescription", "android:title")
        val faults = layouts.flatMap { file ->
            elements(file).flatMap(::attributes).mapNotNull { (name, value) ->
                when {
                    name in shown && !value.startsWith("@string/") -> "${file.name}: $name=$value"
                    Regex("Left|Right").containsMatchIn(name) -> "${file.name}: $name"
                    else -> null
                }
            }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun everyWordIsUsed() {
        val folder = source ?: return
        val used = folder.walk().filter { it.extension in setOf("kt", "xml") && it.name != "strings.xml" }
            .map { it.readText() }.joinToString("\n")
        val names = elements(File(folder, "res/values/strings.xml")).filter { it.tagName in setOf("string", "plurals") }
            .map { it.getAttribute("name") }
        val idle = names.filter { !Regex("[./]$it\\b").containsMatchIn(used) }
        assertEquals(emptyList<String>(), idle)
    }
}
