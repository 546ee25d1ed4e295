package org.consentry.ui

import android.content.Context
import android.content.SharedPreferences
import android.os.Handler
import android.os.Looper
import java.util.concurrent.FutureTask

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
)

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
            .apply()
    }

    private fun read(file: SharedPreferences) = Remembered(
        introduced = file.getBoolean(INTRODUCED, false),
        theme = Theme.entries.find { it.name == file.getString(THEME, null) } ?: Theme.PHONE,
        wallpaperColours = file.getBoolean(WALLPAPER, true),
        language = file.getString(LANGUAGE, null),
        askedForNotifications = file.getBoolean(ASKED, false),
        putOff = file.getStringSet(PUT_OFF, null)?.toSet().orEmpty(),
    )

    companion object {
        private const val INTRODUCED = "introduced"
        private const val THEME = "theme"
        private const val WALLPAPER = "wallpaper_colours"
        private const val LANGUAGE = "language"
        private const val ASKED = "asked_for_notifications"
        private const val PUT_OFF = "put_off"
        private var instance: Preferences? = null

        /** The preferences of this process. */
        fun of(context: Context): Preferences {
            val app = context.applicationContext
            return instance?.takeIf { it.context === app } ?: Preferences(app).also { instance = it }
        }
    }
}
