package org.consentry.ui

import android.content.res.Resources
import android.icu.text.CompactDecimalFormat
import java.text.NumberFormat

/** Writes numbers as the locale does. */
object Numbers {
    private const val THOUSAND = 1000L

    /** `1,284`. */
    fun of(number: Long): String = NumberFormat.getIntegerInstance().format(number)

    /** `1,284`. */
    fun of(number: Int): String = of(number.toLong())

    /** `06`: an hour of the day. */
    fun twoDigits(number: Int): String = NumberFormat.getIntegerInstance().apply { minimumIntegerDigits = 2 }.format(number)

    /** `90%`. */
    fun percent(whole: Int): String = NumberFormat.getPercentInstance().format(whole / 100.0)

    /** `903`, `1.3K`. */
    fun compact(resources: Resources, number: Long): String {
        if (number < THOUSAND) return of(number)
        val locale = resources.configuration.locales[0]
        return CompactDecimalFormat.getInstance(locale, CompactDecimalFormat.CompactStyle.SHORT).apply {
            maximumFractionDigits = 1
            setSignificantDigitsUsed(false)
        }.format(number)
    }
}

/** The plural for [count], its first argument being the count as the locale writes it. */
fun Resources.plural(id: Int, count: Long, vararg more: Any): String =
    getQuantityString(id, count.coerceIn(0, Int.MAX_VALUE.toLong()).toInt(), Numbers.of(count), *more)
