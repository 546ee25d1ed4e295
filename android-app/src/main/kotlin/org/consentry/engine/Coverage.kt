package org.consentry.engine

/**
 * How a time was protected.
 *
 * @property gaps oldest first; the first may have begun before that time
 * @property percent how much of it was protected, 100 only without any gap; null when protection never ran in it
 * @property countedFromMs from when on that is counted (milliseconds since 1970): the first start ever, or that time
 */
data class Coverage(val gaps: List<Gap> = emptyList(), val percent: Int? = null, val countedFromMs: Long? = null)

/**
 * A time in which nothing was held back.
 *
 * @property fromMs when it began, in milliseconds since 1970
 * @property untilMs when it ended; null while it lasts
 * @property isCertain whether it began just then; otherwise that was the last sign of life, and it began then or later
 */
data class Gap(val fromMs: Long, val untilMs: Long?, val isCertain: Boolean, val cause: Cause) {
    /** Why. [code] is how the engine names it. */
    enum class Cause(val code: String) {
        /** The system ended the process. */
        KILLED("killed"),
        TURNED_OFF("turned_off"),
        OTHER_VPN("other_vpn"),

        /** The phone was off, or not unlocked yet. */
        PHONE_OFF("phone_off"),

        /** A new version was installed. */
        UPDATED("updated"),
        CRASHED("crashed"),
        UNKNOWN("unknown"),
    }
}
