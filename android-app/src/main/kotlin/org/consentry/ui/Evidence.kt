package org.consentry.ui

import java.util.Locale
import org.consentry.R
import org.consentry.engine.Attempt

/** Where in a message an identifier stood, as the screens name it. */
enum class Place(val text: Int) {
    ADDRESS(R.string.where_address),
    FORM(R.string.where_form),
    HEADER(R.string.where_header),
    COOKIE(R.string.where_cookie),
    PUSH(R.string.where_push),
    CONTENTS(R.string.where_contents),
    ;

    companion object {
        /** Reads the engine's words: `query parameter imei`, `header Cookie`, `path`, `body field imsi`, `Mi Push hello`. */
        fun of(where: String): Place {
            val words = where.lowercase(Locale.ROOT)
            return when {
                words.startsWith("query") || words.startsWith("path") -> ADDRESS
                words.startsWith("header cookie") -> COOKIE
                words.startsWith("header") -> HEADER
                words.startsWith("body") -> FORM
                words.startsWith("mi push") -> PUSH
                else -> CONTENTS
            }
        }
    }
}

/**
 * What a service's attempts show, added up.
 *
 * @property said kinds of identifier, most private first
 * @property apps which apps tried it, the busiest first; null for an unknown app
 * @property servers where to, the busiest first
 */
data class Evidence(val said: List<Said>, val apps: List<App>, val servers: List<Server>) {
    /** A kind of identifier, how it was sent, where it stood, and in how many attempts. */
    data class Said(val kind: IdentifierKind, val form: String, val place: Place, val count: Long)

    /** An app as the log has it, and how many attempts it made. */
    data class App(val app: String?, val count: Long)

    /** A host or address, the ports that were tried, and how often; no ports when it was looked up only. */
    data class Server(val name: String, val ports: List<Int>, val count: Long)

    companion object {
        /** Nothing was seen. */
        val NONE = Evidence(emptyList(), emptyList(), emptyList())

        /** Adds up records of the log. */
        fun of(records: List<Attempt>): Evidence {
            val said = LinkedHashMap<Triple<IdentifierKind, String, Place>, Long>()
            val apps = LinkedHashMap<String?, Long>()
            val servers = LinkedHashMap<String, Pair<Set<Int>, Long>>()
            for (record in records) {
                record.identifiers.map { Triple(IdentifierKind.of(it), it.form, Place.of(it.where)) }.distinct()
                    .forEach { said[it] = (said[it] ?: 0) + record.count }
                apps[record.app] = (apps[record.app] ?: 0) + record.count
                val name = record.host ?: record.address ?: continue
                val (ports, count) = servers[name] ?: (emptySet<Int>() to 0L)
                servers[name] = (ports + listOfNotNull(record.port)) to count + record.count
            }
            return Evidence(
                said.map { (key, count) -> Said(key.first, key.second, key.third, count) }
                    .sortedWith(compareBy({ it.kind }, { -it.count })),
                apps.map { (app, count) -> App(app, count) }.sortedByDescending { it.count },
                servers.map { (name, seen) -> Server(name, seen.first.sorted(), seen.second) }
                    .sortedByDescending { it.count },
            )
        }
    }
}
