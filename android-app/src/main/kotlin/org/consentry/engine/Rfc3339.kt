package org.consentry.engine

import java.util.Calendar
import java.util.GregorianCalendar
import java.util.TimeZone
import org.json.JSONException

/** Times as the engine writes them: RFC 3339 in UTC, with a fraction or without (`java.time` needs API 26). */
internal object Rfc3339 {
    private val FORM = Regex("""(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z""")

    /** Milliseconds since 1970. Throws [JSONException] for anything else, since that is where such texts come from. */
    fun parse(text: String): Long {
        val parts = FORM.matchEntire(text)?.groupValues ?: throw JSONException("not a time: $text")
        val (year, month, day) = parts.slice(1..3).map(String::toInt)
        val (hour, minute, second) = parts.slice(4..6).map(String::toInt)
        val millisecond = parts[7].padEnd(3, '0').take(3).toInt()
        val calendar = GregorianCalendar(TimeZone.getTimeZone("UTC"))
        calendar.isLenient = false
        calendar.clear()
        calendar.set(year, month - 1, day, hour, minute, second)
        calendar.set(Calendar.MILLISECOND, millisecond)
        return try {
            calendar.timeInMillis
        } catch (_: IllegalArgumentException) {
            throw JSONException("not a time: $text")
        }
    }
}
