package org.consentry.health

import android.os.Build
import java.util.Locale

/** The phone this is: its maker and brand, as Android names them. */
data class Phone(val maker: String, val brand: String) {
    /** Whose own ways of stopping apps it has; null for phones that keep to Android's. */
    val family: Family? = Family.entries.find { family -> listOf(maker, brand).any { it.lowercase(Locale.ROOT) in family.names } }

    /** Whether it is one of Xiaomi's. */
    val isXiaomi: Boolean get() = family == Family.XIAOMI

    /** Its maker as the catalogue names it, its brand in people's mouths. */
    val vendor: String get() = if (isXiaomi) "Xiaomi" else maker

    /** Makers whose phones have settings pages of their own for this. */
    enum class Family(vararg names: String) {
        XIAOMI("xiaomi", "redmi", "poco", "blackshark"),
        HUAWEI("huawei"),
        HONOR("honor"),
        OPPO("oppo", "realme", "oneplus"),
        VIVO("vivo", "iqoo"),
        SAMSUNG("samsung"),
        ASUS("asus"),
        TRANSSION("transsion", "tecno", "infinix", "itel"),
        ;

        internal val names = names.toSet()
    }

    companion object {
        /** The phone that this runs on. */
        val THIS: Phone get() = Phone(Build.MANUFACTURER.orEmpty(), Build.BRAND.orEmpty())
    }
}
