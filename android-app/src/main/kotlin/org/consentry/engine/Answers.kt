package org.consentry.engine

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** Reads the engine's answers. Anything in an unknown form is a [JSONException]: nothing is guessed about consent. */
internal object Answers {
    fun services(answer: JSONObject): List<Service> = answer.getJSONArray("services").objects().map(::service)

    private fun service(json: JSONObject) = Service(
        id = json.getString("id"),
        name = json.getString("name"),
        shortName = json.getString("short_name"),
        vendor = json.getString("vendor"),
        category = json.getString("category"),
        does = json.getString("does"),
        breaks = json.getString("breaks"),
        breaksShort = json.getString("breaks_short"),
        standing = json.one("standing", Standing.entries) { it.code },
        hosts = json.getJSONArray("hosts").strings(),
        addresses = json.getJSONArray("addresses").strings(),
        packages = json.getJSONArray("packages").strings(),
        sharesWith = json.getJSONArray("shares_with").strings(),
        consent = consent(json.getJSONObject("state")),
        keptBlocked = json.getBoolean("kept_blocked"),
        attemptsToday = json.getLong("attempts_today"),
        attempts7Days = json.getLong("attempts_7d"),
        lastMs = json.longOrNull("last_ms"),
        muted = json.getBoolean("muted"),
        likelyHosts = json.getJSONArray("likely_hosts").strings(),
        sources = json.getJSONArray("sources").strings(),
        isChanged = json.getBoolean("changed"),
        newHosts = json.getJSONArray("new_hosts").strings(),
    )

    private fun consent(json: JSONObject): ConsentState = when (val kind = json.getString("kind")) {
        "off" -> ConsentState.Off
        "on" -> ConsentState.On
        "until" -> ConsentState.Until(json.getLong("until_ms"))
        "restart" -> ConsentState.UntilRestart
        "apps" -> ConsentState.ForApps(json.getJSONArray("apps").strings())
        else -> throw JSONException("unknown state of consent: $kind")
    }

    fun granted(answer: JSONObject) = Granted(answer.optJSONArray("warns")?.strings().orEmpty())

    /** Decisions; what else the ledger records (a changed catalogue, a ledger set aside) is told elsewhere. */
    fun history(answer: JSONObject): List<ConsentChange> = answer.getJSONArray("changes").objects()
        .filterNot { it.getString("kind") in NO_DECISIONS }
        .map(::change)

    private val NO_DECISIONS = setOf("service_changed", "reset")

    private fun change(json: JSONObject) = ConsentChange(
        timeMs = json.getLong("time_ms"),
        kind = json.one("kind", ConsentChange.Kind.entries) { it.code },
        service = json.textOrNull("service"),
        app = json.textOrNull("app"),
        via = json.getString("via"),
        end = when {
            json.optBoolean("until_restart") -> ConsentChange.End.AtRestart
            else -> json.longOrNull("until_ms")?.let(ConsentChange.End::At) ?: ConsentChange.End.Never
        },
    )

    fun log(answer: JSONObject) = LogPage(
        rows = answer.getJSONArray("rows").objects().map(::attempt),
        next = answer.cursor("next"),
    )

    fun logPart(answer: JSONObject) =
        LogPart(answer.getString("text"), answer.cursor("next"), answer.getInt("percent"))

    fun logCount(answer: JSONObject) = LogCount(answer.getLong("rows"), answer.getLong("attempts"))

    fun logCounts(answer: JSONObject) = LogCounts(
        services = answer.counts("services"),
        apps = answer.counts("apps"),
        signals = answer.counts("signals").map { (id, count) ->
            id?.let { code -> Signal.entries.find { it.code == code } } to count
        },
    )

    private fun JSONObject.counts(key: String): List<Pair<String?, Long>> =
        getJSONArray(key).objects().map { it.textOrNull("id") to it.getLong("count") }

    fun backup(answer: JSONObject) = Backup(answer.getString("text"), answer.getInt("decisions"))

    fun restored(answer: JSONObject) = Restored(
        madeMs = answer.getLong("made_ms"),
        decisions = answer.getInt("decisions"),
        granted = answer.getInt("granted"),
        withdrawn = answer.getInt("withdrawn"),
        leftOut = answer.getJSONArray("left_out").strings(),
    )

    fun retention(answer: JSONObject) =
        Retention(answer.getInt("days"), answer.getInt("megabytes"), answer.getLong("rows"))

    fun coverage(answer: JSONObject) = Coverage(
        gaps = answer.getJSONArray("gaps").objects().map {
            Gap(
                fromMs = it.getLong("from_ms"),
                untilMs = it.longOrNull("until_ms"),
                isCertain = it.getBoolean("certain_from"),
                cause = it.one("cause", Gap.Cause.entries) { cause -> cause.code },
            )
        },
        percent = answer.longOrNull("protected_percent")?.toInt(),
        countedFromMs = answer.longOrNull("counted_from_ms"),
    )

    fun attempt(json: JSONObject) = Attempt(
        id = if (json.isNull("id")) null else json.get("id").toString(),
        firstMs = json.getLong("first_ms"),
        lastMs = json.getLong("last_ms"),
        count = json.getLong("count"),
        app = json.textOrNull("app"),
        service = json.textOrNull("service"),
        host = json.textOrNull("host"),
        signal = if (json.isNull("signal")) null else json.one("signal", Signal.entries) { it.code },
        address = json.textOrNull("address"),
        port = json.longOrNull("port")?.toInt(),
        proto = json.getString("proto"),
        certainty = json.textOrNull("certainty"),
        reason = json.getString("reason"),
        identifiers = json.getJSONArray("identifiers").objects().map {
            Identifier(it.getString("kind"), it.getString("form"), it.getString("where"))
        },
        path = json.textOrNull("path"),
        bytesHeld = json.getLong("bytes_held"),
    )

    fun status(answer: JSONObject) = Status(
        running = answer.getBoolean("running"),
        heldToday = answer.getLong("held_today"),
        days = answer.getJSONArray("days").objects().map { Status.Day(it.getString("date"), it.getLong("count")) },
        allowed = answer.getInt("allowed"),
        undecided = answer.getInt("undecided"),
        version = answer.getString("version"),
        strictApps = answer.getJSONArray("strict_apps").strings(),
        mutedApps = answer.getJSONArray("muted_apps").strings(),
        resetMs = if (answer.isNull("reset")) null else answer.getJSONObject("reset").getLong("time_ms"),
    )

    private fun JSONObject.cursor(key: String): Cursor? =
        if (isNull(key)) null else Cursor(JSONArray().put(get(key)).toString())

    private fun <T> JSONObject.one(key: String, all: List<T>, code: (T) -> String): T {
        val text = getString(key)
        return all.find { code(it) == text } ?: throw JSONException("unknown $key: $text")
    }

    private fun JSONObject.textOrNull(key: String): String? = if (isNull(key)) null else getString(key)

    private fun JSONObject.longOrNull(key: String): Long? = if (isNull(key)) null else getLong(key)

    private fun JSONArray.objects(): List<JSONObject> = List(length()) { getJSONObject(it) }

    private fun JSONArray.strings(): List<String> = List(length()) { getString(it) }
}
