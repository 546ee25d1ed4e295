package org.consentry.ui

import android.content.Context
import android.content.Intent
import android.content.res.Configuration
import android.icu.util.ULocale
import android.net.Uri
import android.os.Build
import android.provider.Settings
import java.util.Locale
import org.consentry.R
import org.xmlpull.v1.XmlPullParser

/** The languages that the app speaks. */
internal object Languages {
    private const val ANDROID = "http://schemas.android.com/apk/res/android"

    /** Their tags, in the order of `locale_config.xml`. */
    fun tags(context: Context): List<String> = context.resources.getXml(R.xml.locale_config).use { xml ->
        generateSequence { xml.next().takeIf { it != XmlPullParser.END_DOCUMENT } }
            .mapNotNull { if (it == XmlPullParser.START_TAG) xml.getAttributeValue(ANDROID, "name") else null }
            .toList()
    }

    /** A language's name for those who speak it: `português (Brasil)`, and Chinese by its script, `简体中文`. */
    fun name(tag: String): String {
        val full = ULocale.addLikelySubtags(ULocale.forLanguageTag(tag))
        val named = if (full.language == "zh") ULocale("${full.language}_${full.script}") else ULocale.forLanguageTag(tag)
        return named.getDisplayNameWithDialect(named).replaceFirstChar { it.titlecase(named.toLocale()) }
    }

    /** The language that the app is to be in other than the phone's; null where the system sees to that. */
    fun wished(wish: Remembered): Locale? =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) null else wish.language?.let(Locale::forLanguageTag)

    /** A context that speaks the app's language, where no screen of ours is: notifications, the tile, the widgets. */
    fun spoken(base: Context): Context {
        val locale = wished(Preferences.of(base.applicationContext ?: base).now ?: Remembered()) ?: return base
        return base.createConfigurationContext(Configuration().apply { setLocale(locale) })
    }

    /** The system's page of the app's language (API 33). */
    fun page(context: Context): List<Intent> =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            listOf(Intent(Settings.ACTION_APP_LOCALE_SETTINGS, Uri.fromParts("package", context.packageName, null)))
        } else {
            emptyList()
        }
}
