package org.consentry.vpn

import android.content.Context
import org.consentry.engine.ConsentState
import org.consentry.engine.Engine
import org.consentry.engine.EngineState
import org.consentry.engine.StoreState

/**
 * Tells the owner when a grant has come to its end by itself: for some minutes, where the question stood. Remembers which
 * grants have an end, so that one which ends while the process is away is told, too, if it comes back in time.
 *
 * @param now the wall clock, in milliseconds since 1970
 */
class EndsOfGrants(
    context: Context,
    engine: Engine,
    private val notices: Notices,
    private val now: () -> Long = System::currentTimeMillis,
) {
    private val kept by lazy { context.getSharedPreferences("ends_of_grants", Context.MODE_PRIVATE) }

    init {
        engine.state.follow(::compare)
    }

    private fun compare(state: EngineState) {
        if (state.store != StoreState.Open) return
        val running = state.services.mapNotNull { service ->
            (service.consent as? ConsentState.Until)?.let { service.id to it.untilMs }
        }.toMap()
        @Suppress("UNCHECKED_CAST") // nothing but times is put here
        val before = kept.all as Map<String, Long>
        if (running == before) return
        for ((id, untilMs) in before - running.keys) {
            val service = state.service(id) ?: continue
            val leftMs = (untilMs + SHOWN_MS - now()).coerceAtMost(SHOWN_MS)
            // Whatever the owner decided before the end is no news.
            val endedByItself = service.consent == ConsentState.Off && !service.keptBlocked
            if (endedByItself && leftMs > 0) notices.heldBackAgain(service, leftMs)
        }
        kept.edit().apply {
            clear()
            running.forEach { (id, untilMs) -> putLong(id, untilMs) }
        }.apply()
    }

    private companion object {
        const val SHOWN_MS = 5 * 60 * 1000L
    }
}
