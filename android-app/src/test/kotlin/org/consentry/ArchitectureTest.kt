package org.consentry

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** Which part may know which, and what none may do. */
class ArchitectureTest {
    private class Source(val part: String, val name: String, val text: String) {
        val imports = text.lines().filter { it.startsWith("import ") }.map { it.removePrefix("import ").substringBefore(" as ") }
    }

    private val folder = File(System.getProperty("consentry.source", "src/main"), "kotlin/org/consentry")

    private val sources = folder.walk().filter { it.extension == "kt" }.map { file ->
        Source(file.relativeTo(folder).path.substringBefore('/', ""), file.name, file.readText())
    }.toList()

    private fun importsOf(part: String, of: String) =
        sources.filter { it.part == part }.flatMap { source -> source.imports.filter { it.startsWith("org.consentry.$of") } }.toSet()

    private fun assertNowhere(what: List<Regex>, where: (Source) -> Boolean = { true }) {
        val found = sources.filter(where).flatMap { source ->
            what.filter { it.containsMatchIn(source.text) }.map { "${source.name}: ${it.pattern}" }
        }
        assertEquals(emptyList<String>(), found)
    }

    @Test
    fun `there is something to look at`() {
        assertTrue("$folder", sources.map { it.part }.toSet().containsAll(listOf("", "engine", "health", "vpn", "ui", "tile", "widget", "managed", "automation")))
    }

    @Test
    fun `one class crosses the boundary, and only the engine's part knows it`() {
        val native = sources.filter { Regex("""\bexternal fun\b|System\.load""").containsMatchIn(it.text) }.map { it.name }
        assertEquals(listOf("NativeEngine.kt"), native)
        assertNowhere(listOf(Regex("""\bNativeEngine\b"""))) { it.part != "engine" }
    }

    @Test
    fun `parts know those below them only`() {
        assertEquals("engine", emptySet<String>(), importsOf("engine", "vpn") + importsOf("engine", "ui"))
        assertEquals("health", emptySet<String>(), importsOf("health", "vpn") + importsOf("health", "ui"))
        assertEquals("vpn", emptySet<String>(), importsOf("vpn", "ui"))
        // What stands beside the screens: the app alone knows it.
        for (beside in listOf("tile", "widget", "managed", "automation")) {
            val known = listOf("engine", "health", "vpn", "ui").flatMap { importsOf(it, beside) }
            assertEquals(beside, emptyList<String>(), known)
        }
        assertEquals("managed", emptySet<String>(), importsOf("managed", "vpn") + importsOf("managed", "ui"))
        val vpn = "org.consentry.vpn"
        val offered = listOf("ProtectionSwitch", "TurnOn", "Screens", "AppNames").map { "$vpn.$it" }.toSet()
        assertEquals("ui", emptySet<String>(), importsOf("ui", "vpn") - offered)
    }

    @Test
    fun `nothing in Kotlin speaks to the network`() {
        assertNowhere(
            listOf(
                Regex("""\b(Server|Datagram|Multicast|SSL)?Socket(Channel|Factory)?\("""),
                Regex("""\bjava\.net\.(URL|HttpURLConnection|URLConnection|(Server|Datagram|Multicast)?Socket)\b"""),
                Regex("""\b(okhttp3?|android\.net\.http|android\.webkit|javax\.net|DownloadManager|DnsResolver)\b"""),
                Regex("""\bgetAllByName\b"""),
            ),
        )
    }

    @Test
    fun `no hidden part of Android is reached`() {
        assertNowhere(
            listOf(
                Regex("""\bjava\.lang\.reflect\b|\bkotlin\.reflect\b|\bClass\.forName\b|\.get(Declared)?(Method|Field|Constructor)\("""),
                Regex("""\bcom\.android\.internal\b|\bdalvik\.system\b|\bandroid\.os\.(SystemProperties|ServiceManager)\b"""),
            ),
        ) { it.name != "XiaomiAutostart.kt" } // the one reading that has no public way; without it nobody can tell
    }

    @Test
    fun `names of servers stay out of the log`() {
        // Whatever is logged above DEBUG is a fixed text and perhaps an exception of Android's.
        val logged = sources.flatMap { source ->
            Regex("""Log\.[iwe]\([^\n]*\$\{?(\w+(\.\w+)*)""").findAll(source.text).map { it.groupValues[1] }.toList()
        }
        assertEquals("the kind of failure is no name", setOf("failure.kind"), logged.toSet())
    }
}
