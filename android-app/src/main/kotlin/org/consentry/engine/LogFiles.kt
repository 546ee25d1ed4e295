package org.consentry.engine

/** In which form the log is written to a file. [code] is how the engine names it. */
enum class LogFormat(val code: String, val type: String, val ending: String) {
    CSV("csv", "text/csv", "csv"),

    /** One JSON object a line. */
    JSON_LINES("jsonl", "application/x-ndjson", "jsonl"),
}

/** The next part of a file of the log. [next] is null on the last, [percent] how much is done by then. */
data class LogPart(val text: String, val next: Cursor?, val percent: Int)

/** How much of the log fits a query. */
data class LogCount(val rows: Long, val attempts: Long)

/**
 * How often what was tried, the busiest first; null stands for those without.
 *
 * @property apps as the log has them: package names joined by `+`, or `uid:N`
 */
data class LogCounts(
    val services: List<Pair<String?, Long>>,
    val apps: List<Pair<String?, Long>>,
    val signals: List<Pair<Signal?, Long>>,
)

/**
 * How much of the log is kept.
 *
 * @property megabytes at most
 * @property rows how many there are
 */
data class Retention(val days: Int, val megabytes: Int, val rows: Long)
