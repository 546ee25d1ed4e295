package org.consentry.ui

import android.content.Context
import android.text.BidiFormatter
import android.text.TextDirectionHeuristics
import org.consentry.R
import org.consentry.engine.Attempt
import org.consentry.engine.Identifier
import org.consentry.engine.Signal

/** A kind of identifier: its name alone and within a sentence. In the order of how private it is, most private first. */
enum class IdentifierKind(val code: String, val text: Int, val inSentence: Int, val icon: Int) {
    IMEI("imei", R.string.kind_imei, R.string.kind_imei_short, R.drawable.ic_phone),
    MEID("meid", R.string.kind_imei, R.string.kind_imei_short, R.drawable.ic_phone),
    IMSI("imsi", R.string.kind_imsi, R.string.kind_imsi_short, R.drawable.ic_id_card),
    ICCID("iccid", R.string.kind_iccid, R.string.kind_iccid_short, R.drawable.ic_id_card),
    PHONE_NUMBER("phone_number", R.string.kind_phone_number, R.string.kind_phone_number_short, R.drawable.ic_id_card),
    EMAIL("email", R.string.kind_email, R.string.kind_email_short, R.drawable.ic_id_card),
    COORDINATES("coordinates", R.string.kind_coordinates, R.string.kind_coordinates_short, R.drawable.ic_pin),
    ANDROID_ID("android_id", R.string.kind_android_id, R.string.kind_android_id_short, R.drawable.ic_phone),
    ADVERTISING_ID(
        "advertising_id",
        R.string.kind_advertising_id,
        R.string.kind_advertising_id_short,
        R.drawable.ic_megaphone,
    ),
    OAID("oaid", R.string.kind_advertising_id, R.string.kind_advertising_id_short, R.drawable.ic_megaphone),
    SERIAL("serial", R.string.kind_serial, R.string.kind_serial_short, R.drawable.ic_phone),
    DEVICE_ID("device_id", R.string.kind_device_id, R.string.kind_device_id_short, R.drawable.ic_phone),
    MAC("mac", R.string.kind_mac, R.string.kind_mac_short, R.drawable.ic_wifi),
    BSSID("bssid", R.string.kind_bssid, R.string.kind_bssid_short, R.drawable.ic_wifi),
    SSID("ssid", R.string.kind_ssid, R.string.kind_ssid_short, R.drawable.ic_wifi),
    OPERATOR_NAME("operator_name", R.string.kind_operator_name, R.string.kind_operator_name_short, R.drawable.ic_page),
    MODEL("model", R.string.kind_model, R.string.kind_model_short, R.drawable.ic_phone),
    BUILD("build", R.string.kind_build, R.string.kind_build_short, R.drawable.ic_page),

    /** A kind that a newer engine may know. */
    OTHER("", R.string.kind_other, R.string.kind_other_short, R.drawable.ic_page),
    ;

    companion object {
        fun of(identifier: Identifier): IdentifierKind = entries.find { it.code == identifier.kind } ?: OTHER
    }
}

/** Says in plain words what an attempt was about. */
class AttemptWords(private val context: Context) {
    private val bidi: BidiFormatter = BidiFormatter.getInstance(context.resources.configuration.locales[0])

    /** The kinds that an attempt would have told, most private first, each once; placeholders tell nothing. */
    fun kinds(attempt: Attempt): List<IdentifierKind> =
        attempt.identifiers.filter { it.form != "placeholder" }.map(IdentifierKind::of).distinct().sorted()

    /** The evidence in a few words: at most two kinds, or how much could be seen. */
    fun evidence(attempt: Attempt): String {
        val kinds = kinds(attempt)
        if (kinds.isEmpty()) return context.getString(withoutKinds(attempt))
        val named = kinds.take(2).map { context.getString(it.inSentence) }.distinct().let(::listed)
        val more = kinds.size - 2
        return if (more > 0) context.getString(R.string.kinds_more, named, Numbers.of(more)) else named
    }

    /** `one, two, three`. */
    fun listed(words: List<String>): String =
        words.reduceOrNull { all, next -> context.getString(R.string.list_more, all, next) }.orEmpty()

    private fun withoutKinds(attempt: Attempt): Int = when (attempt.signal) {
        Signal.TLS_SNI, Signal.QUIC_SNI -> R.string.contents_encrypted
        Signal.DNS_QUESTION -> R.string.look_up
        Signal.ADDRESS -> R.string.fixed_address
        Signal.HTTP_HOST -> R.string.web_request
        Signal.APP -> R.string.not_listed
        Signal.DNS_ANSWER ->
            if (attempt.port in ENCRYPTED_PORTS) R.string.contents_encrypted else R.string.no_contents_seen
        Signal.SIGNATURE -> R.string.no_contents_seen
        null -> R.string.strict_mode
    }

    /** A host or address, which stays left to right in any text. */
    fun server(host: String): String = bidi.unicodeWrap(host, TextDirectionHeuristics.LTR)

    /** The host, else the address, of an attempt; null when neither is known. */
    fun target(attempt: Attempt): String? = (attempt.host ?: attempt.address)?.let(::server)

    /** `× 412`, left to right in any text. */
    fun times(count: Long): String =
        bidi.unicodeWrap(context.getString(R.string.times, Numbers.of(count)), TextDirectionHeuristics.LTR)

    private companion object {
        val ENCRYPTED_PORTS = setOf(443, 853, 8443, 5223)
    }
}
