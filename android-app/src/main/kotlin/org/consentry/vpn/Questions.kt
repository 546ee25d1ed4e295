package org.consentry.vpn

import android.content.Context
import java.util.Calendar
import org.consentry.engine.Attempt
import org.consentry.engine.ConsentState
import org.consentry.engine.Engine
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Service
import org.consentry.engine.Standing

/**
 * Asks the owner about a service at its first attempt: once per service, ever, and not more often than anybody wants to be
 * asked. What is not asked goes into one silent summary.
 *
 * @param now the wall clock, in milliseconds since 1970
 */
class Questions(
    context: Context,
    private val engine: Engine,
    private val notices: Notices,
    private val wishes: Wishes,
    private val now: () -> Long = System::currentTimeMillis,
) {
    private val kept by lazy { context.getSharedPreferences("questions", Context.MODE_PRIVATE) }

    init {
        engine.observeAttempts { attempt, first ->
            val service = attempt.service
            if (service != null && (first || service in waiting)) consider(service, attempt)
        }
    }

    /** The owner has looked: the summary begins anew. */
    fun seen() {
        if (kept.getStringSet(UNASKED, emptySet()).isNullOrEmpty()) return
        kept.edit().remove(UNASKED).apply()
        notices.summarySeen()
    }

    /** Services that only apps without a say have tried: the first attempt of another app asks. */
    private val waiting: Set<String> get() = kept.getStringSet(WAITING, null).orEmpty()

    private fun consider(id: String, attempt: Attempt) {
        if (id in waiting && isMuted(attempt.app, engine.state.value)) return
        // Read anew: the owner may have muted it just now, and nobody keeps the state fresh while no screen is shown.
        engine.refresh { read ->
            val state = (read as? Outcome.Done)?.value ?: return@refresh
            val service = state.service(id) ?: return@refresh
            if (!wishes.asksQuestions) return@refresh
            val undecided = service.standing != Standing.ESSENTIAL && service.consent == ConsentState.Off && !service.muted
            val known = kept.getStringSet(KNOWN, null).orEmpty()
            when {
                !undecided || id in known -> kept.edit().putStringSet(WAITING, waiting - id).apply()
                isMuted(attempt.app, state) -> kept.edit().putStringSet(WAITING, waiting + id).apply()
                else -> {
                    // Asked about or mentioned once, ever.
                    kept.edit().putStringSet(KNOWN, known + id).putStringSet(WAITING, waiting - id).apply()
                    if (mayAsk(service)) ask(service, attempt) else mention(id)
                }
            }
        }
    }

    /** Whether the owner wants no questions about what an app attempts: [app] as the log has it. */
    private fun isMuted(app: String?, state: EngineState): Boolean {
        val muted = state.status?.mutedApps.orEmpty()
        return app != null && app.split('+').all { it in muted }
    }

    private fun mayAsk(service: Service): Boolean {
        val time = Calendar.getInstance().apply { timeInMillis = now() }
        val isNight = time[Calendar.HOUR_OF_DAY].let { it >= NIGHT_BEGINS || it < NIGHT_ENDS }
        val isNew = now() - firstStartMs() < SETTLING_MS
        val nothingBreaks = service.breaksShort.startsWith(NOTHING_VISIBLE)
        return !isNight && !isNew && !nothingBreaks && askedOn(day(time)) < MOST_A_DAY
    }

    private fun ask(service: Service, attempt: Attempt) {
        val today = day(Calendar.getInstance().apply { timeInMillis = now() })
        kept.edit().putInt(DAY, today).putInt(ASKED, askedOn(today) + 1).apply()
        notices.ask(service, attempt.app)
    }

    private fun mention(id: String) {
        val unasked = kept.getStringSet(UNASKED, emptySet()).orEmpty() + id
        kept.edit().putStringSet(UNASKED, unasked).apply()
        notices.summary(unasked.size)
    }

    /** When protection was on for the first time; a phone has much to say in its first minutes. */
    private fun firstStartMs(): Long {
        if (!kept.contains(FIRST_START)) {
            val since = (engine.state.value.protection as? Protection.On)?.sinceMs ?: now()
            kept.edit().putLong(FIRST_START, since).apply()
        }
        return kept.getLong(FIRST_START, now())
    }

    private fun askedOn(day: Int): Int = if (kept.getInt(DAY, 0) == day) kept.getInt(ASKED, 0) else 0

    private fun day(time: Calendar): Int = time[Calendar.YEAR] * DAYS_IN_YEAR + time[Calendar.DAY_OF_YEAR]

    private companion object {
        /** The catalogue's word for a service without which everything goes on as before. */
        const val NOTHING_VISIBLE = "Nothing visible"

        const val NIGHT_BEGINS = 22
        const val NIGHT_ENDS = 7
        const val MOST_A_DAY = 3
        const val SETTLING_MS = 10 * 60 * 1000L
        const val DAYS_IN_YEAR = 366

        // What is kept: the services that were asked about or mentioned, those that wait, those in the summary, and today's
        // questions.
        const val KNOWN = "known"
        const val WAITING = "waiting"
        const val UNASKED = "unasked"
        const val DAY = "day"
        const val ASKED = "asked"
        const val FIRST_START = "first_start"
    }
}
