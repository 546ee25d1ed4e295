package org.consentry.engine

import android.content.Context
import java.util.Locale
import java.util.zip.CRC32
import org.consentry.R
import org.json.JSONObject

/**
 * What the catalogue says about services, in the owner's language.
 *
 * The catalogue is English and may be newer than the app. So each translation knows the English text that it was made from;
 * where that has changed, or where there is no translation, the English text is shown.
 *
 * @param texts the translations: by the service's id, the texts and the mark ([markOf]) of what they translate
 */
class CatalogueTexts internal constructor(private val texts: JSONObject) {
    /** What the service does. */
    fun does(service: Service): String = translated(service, "does") ?: service.does

    /** What stops without it. */
    fun breaks(service: Service): String = translated(service, "breaks") ?: service.breaks

    /** The same in a few words, without a full stop. */
    fun breaksShort(service: Service): String = translated(service, "breaks_short") ?: service.breaksShort.trimEnd('.')

    private fun translated(service: Service, text: String): String? = texts.optJSONObject(service.id)
        ?.takeIf { it.optString("mark") == markOf(service.does, service.breaks, service.breaksShort) }
        ?.optString(text)?.takeIf(String::isNotEmpty)

    companion object {
        private val lock = Any()
        private var read: Pair<Locale, CatalogueTexts>? = null

        /** The texts in the language of the context. They are read once for a language. */
        fun of(context: Context): CatalogueTexts = synchronized(lock) {
            val locale = context.resources.configuration.locales[0]
            read?.takeIf { it.first == locale }?.second ?: read(context).also { read = locale to it }
        }

        private fun read(context: Context): CatalogueTexts =
            CatalogueTexts(JSONObject(context.resources.openRawResource(R.raw.service_texts).reader().use { it.readText() }))

        /** What tells English texts from others: a CRC-32 of them in hexadecimal digits. */
        internal fun markOf(does: String, breaks: String, breaksShort: String): String {
            val crc = CRC32().apply { update("$does\n$breaks\n$breaksShort".toByteArray()) }
            return String.format(Locale.ROOT, "%08x", crc.value)
        }
    }
}
