package org.consentry.engine

/**
 * An attempt that was held back, with its repeats.
 *
 * @property id names its row in the log; null in an event, before it is stored
 * @property firstMs when it was first seen, in milliseconds since 1970
 * @property app package names joined by `+`, `uid:N`, or null when nobody can tell
 * @property service the service's id; null for what strict mode held back
 * @property signal what recognised it
 * @property address where it was going; null for a look-up
 * @property proto `tcp`, `udp` or `icmp`
 * @property certainty `confirmed` or `inferred`
 * @property reason why it was held back, in plain words
 * @property path the path it asked for, without values
 * @property bytesHeld payload bytes that stayed on the phone
 */
data class Attempt(
    val id: String?,
    val firstMs: Long,
    val lastMs: Long,
    val count: Long,
    val app: String?,
    val service: String?,
    val host: String?,
    val signal: Signal?,
    val address: String?,
    val port: Int?,
    val proto: String,
    val certainty: String?,
    val reason: String,
    val identifiers: List<Identifier>,
    val path: String?,
    val bytesHeld: Long,
)

/** What recognised an attempt. */
enum class Signal(val code: String) {
    DNS_QUESTION("dns_question"),
    TLS_SNI("tls_sni"),
    QUIC_SNI("quic_sni"),
    HTTP_HOST("http_host"),
    DNS_ANSWER("dns_answer"),
    SIGNATURE("signature"),
    ADDRESS("address"),
    APP("app"),
}

/**
 * Something that an attempt would have told, by kind; never the value.
 *
 * @property kind for example `imei` or `phone_number`
 * @property form `plain`, `hashed` or `placeholder`
 * @property where for example `query parameter imei`
 */
data class Identifier(val kind: String, val form: String, val where: String)

/**
 * Which attempts to show; empty sets stand for all.
 *
 * @property services only those of these services
 * @property apps only those of these packages
 * @property signals only those that one of these recognised
 * @property sinceMs only those seen since then
 * @property untilMs only those that began before then
 * @property search only those with this text in host, service or app
 * @property before where the page begins: [LogPage.next] of the page before, or null for the newest
 * @property limit how many at most
 */
data class LogQuery(
    val services: Set<String> = emptySet(),
    val apps: Set<String> = emptySet(),
    val signals: Set<Signal> = emptySet(),
    val sinceMs: Long? = null,
    val untilMs: Long? = null,
    val search: String? = null,
    val before: Cursor? = null,
    val limit: Int = 50,
)

/** A place in the log. */
data class Cursor(internal val json: String)

/** A page of the log, newest first. [next] is null on the last page. */
data class LogPage(val rows: List<Attempt>, val next: Cursor?)

/**
 * How the engine is doing.
 *
 * @property running whether packets are being judged
 * @property heldToday attempts since midnight
 * @property days attempts of each of the last seven days, oldest first, today last
 * @property allowed services that the owner has allowed
 * @property undecided services that were tried and that the owner has not decided about
 * @property strictApps packages from which servers that the catalogue does not know are held back, too
 * @property resetMs when the record of decisions did not add up and was set aside; null when that never happened
 * @property mutedApps packages about whose attempts the owner wants no question
 */
data class Status(
    val running: Boolean,
    val heldToday: Long,
    val days: List<Day>,
    val allowed: Int,
    val undecided: Int,
    val version: String,
    val strictApps: List<String> = emptyList(),
    val mutedApps: List<String> = emptyList(),
    val resetMs: Long? = null,
) {
    /** A day, `2026-11-22`, and how many attempts were held back on it. */
    data class Day(val date: String, val count: Long)
}
