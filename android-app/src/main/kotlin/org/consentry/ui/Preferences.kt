package org.consentry.ui

import android.content.Context
import android.content.SharedPreferences
import android.os.Handler
import android.os.Looper
import java.util.concurrent.FutureTask
import org.consentry.health.PhoneFacts

/** Which theme the owner wants. */
enum class Theme { PHONE, LIGHT, DARK }

/** What the screens remember for their own sake; consent is never among it. */
data class Remembered(
    /** Whether the introduction was shown to its end. */
    val introduced: Boolean = false,
    val theme: Theme = Theme.PHONE,
    /** Whether the colours come from the wallpaper, where the phone has such (API 31). */
    val wallpaperColours: Boolean = true,
    /** The language as a tag (`pt-BR`), null for the phone's. From API 33 on the system knows it, and this does not count. */
    val language: String? = null,
    /** Whether Android was asked for notifications: a refusal holds. */
    val askedForNotifications: Boolean = false,
    /** The facts of the health cards that the owner has put off; a card returns when its facts change. */
    val putOff: Set<String> = emptySet(),
    /** When the owner last looked at the gaps, in milliseconds since 1970. */
    val gapsSeenMs: Long = 0,
    /** When the owner said that Consentry is locked in recent apps; 0 for never. */
    val recentsDoneMs: Long = 0,
    /** When the owner said that autostart is on; 0 for never. */
    val autostartDoneMs: Long = 0,
    /** Whether the battery saver left Consentry alone when that was last looked at. */
    val wasBatteryFree: Boolean = false,
    /** When the battery saver was first seen to be back after it had left Consentry alone; 0 when it is not back. */
    val batteryAgainMs: Long = 0,
    /** The services that the owner has seen in the catalogue; empty before the first look. */
    val knownServices: Set<String> = emptySet(),
) {
    /** What is remembered after the phone's settings were read at that time. */
    fun afterReading(facts: PhoneFacts, nowMs: Long): Remembered = copy(
        wasBatteryFree = facts.isBatteryFree,
        batteryAgainMs = when {
            facts.isBatteryFree -> 0
            wasBatteryFree -> nowMs
            else -> batteryAgainMs
        },
    )
}


/**
 * Keeps [Remembered] in a small file, which is read off the main thread. Belongs to the main thread.
 */
class Preferences private constructor(private val context: Context) {
    private val main = Handler(Looper.getMainLooper())
    private val waiting = ArrayList<(Remembered) -> Unit>()
    private val file = FutureTask { context.getSharedPreferences("screens", Context.MODE_PRIVATE) }

    /** What is known so far: null until the file has been read. */
    var now: Remembered? = null
        private set

    init {
        Thread({
            file.run()
            val read = read(file.get())
            main.post {
                now = now ?: read
                waiting.forEach { it(now ?: read) }
                waiting.clear()
            }
        }, "consentry-preferences").start()
    }

    /** Calls [done] as soon as the file has been read, at once if it has. */
    fun whenRead(done: (Remembered) -> Unit) {
        now?.let(done) ?: waiting.add(done)
    }

    /** Changes what is remembered; the file follows in the background. */
    fun change(next: (Remembered) -> Remembered) = whenRead { before ->
        val after = next(before)
        now = after
        file.get().edit()
            .putBoolean(INTRODUCED, after.introduced)
            .putString(THEME, after.theme.name)
            .putBoolean(WALLPAPER, after.wallpaperColours)
            .putString(LANGUAGE, after.language)
            .putBoolean(ASKED, after.askedForNotifications)
            .putStringSet(PUT_OFF, after.putOff)
            .putLong(GAPS_SEEN, after.gapsSeenMs)
            .putLong(RECENTS_DONE, after.recentsDoneMs)
            .putLong(AUTOSTART_DONE, after.autostartDoneMs)
            .putBoolean(WAS_BATTERY_FREE, after.wasBatteryFree)
            .putLong(BATTERY_AGAIN, after.batteryAgainMs)
            .putStringSet(KNOWN_SERVICES, after.knownServices)
            .apply()
    }

    private fun read(file: SharedPreferences) = Remembered(
        introduced = file.getBoolean(INTRODUCED, false),
        theme = Theme.entries.find { it.name == file.getString(THEME, null) } ?: Theme.PHONE,
        wallpaperColours = file.getBoolean(WALLPAPER, true),
        language = file.getString(LANGUAGE, null),
        askedForNotifications = file.getBoolean(ASKED, false),
        putOff = file.getStringSet(PUT_OFF, null)?.toSet().orEmpty(),
        gapsSeenMs = file.getLong(GAPS_SEEN, 0),
        recentsDoneMs = file.getLong(RECENTS_DONE, 0),
        autostartDoneMs = file.getLong(AUTOSTART_DONE, 0),
        wasBatteryFree = file.getBoolean(WAS_BATTERY_FREE, false),
        batteryAgainMs = file.getLong(BATTERY_AGAIN, 0),
        knownServices = file.getStringSet(KNOWN_SERVICES, null)?.toSet().orEmpty(),
    )

    companion object {
        private const val INTRODUCED = "introduced"
        private const val THEME = "theme"
        private const val WALLPAPER = "wallpaper_colours"
        private const val LANGUAGE = "language"
        private const val ASKED = "asked_for_notifications"
        private const val PUT_OFF = "put_off"
        private const val GAPS_SEEN = "gaps_seen"
        private const val RECENTS_DONE = "recents_done"
        private const val AUTOSTART_DONE = "autostart_done"
        private const val WAS_BATTERY_FREE = "was_battery_free"
        private const val BATTERY_AGAIN = "battery_again"
        private const val KNOWN_SERVICES = "known_services"
        private var instance: Preferences? = null

        /** The preferences of this process. */
        fun of(context: Context): Preferences {
            val app = context.applicationContext
            return instance?.takeIf { it.context === app } ?: Preferences(app).also { instance = it }
        }
    }
}
