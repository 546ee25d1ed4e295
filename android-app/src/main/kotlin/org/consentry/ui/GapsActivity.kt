package org.consentry.ui

import android.content.res.ColorStateList
import android.os.Bundle
import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.Coverage
import org.consentry.engine.Gap
import org.consentry.engine.Outcome
import org.consentry.engine.StoreState
import org.consentry.health.Phone

/** When nothing was held back, and why. */
class GapsActivity : PageScreen(R.string.gaps) {
    private var shown: Pair<Coverage, AlwaysOn?>? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        empty.reading(R.string.loading_gaps)
        // Home has said it; the owner looks.
        Preferences.of(this).change { it.copy(gapsSeenMs = model.nowMs) }
    }

    override fun onObserve() = whileShown(
        model.state.observe { state ->
            val store = state.store
            if (store is StoreState.Unreadable) empty.failed(sentence(store.failure)) { model.open() } else read()
        },
    )

    private fun read(): Unit = model.coverage((model.nowMs - KEPT_MS).coerceAtLeast(0)) { read ->
        if (isDestroyed) return@coverage
        when (read) {
            is Outcome.Failed -> empty.failed(sentence(read.failure)) { read() }
            is Outcome.Done -> show(read.value)
        }
    }

    private fun show(coverage: Coverage) {
        val now = coverage to model.state.value.alwaysOn
        if (now == shown) return
        shown = now
        rows.clear()
        if (coverage.gaps.isEmpty()) {
            empty.nothing(R.drawable.ic_shield_check, words(R.string.no_gaps))
            return
        }
        empty.hide()
        val isClosed = model.state.value.alwaysOn?.lockdown == true
        rows.text(words(if (isClosed) R.string.gaps_explained_closed else R.string.gaps_explained))
        val words = GapWords(this, times) { model.nowMs }
        for ((dayMs, gaps) in coverage.gaps.asReversed().groupBy { times.dayStart(it.fromMs) }) {
            rows.head(times.head(dayMs))
            for (gap in gaps) row(gap, words)
        }
        if (coverage.gaps.any { it.cause == Gap.Cause.KILLED }) {
            rows.head(words(R.string.prevent_gaps))
            val helps = if (Phone.THIS.isXiaomi) Help.entries else listOf(Help.BATTERY, Help.VPN)
            for (help in helps) rows.open(words(help.title)) { startActivity(HelpActivity.intent(this, help)) }
        }
        rows.place()
    }

    private fun row(gap: Gap, words: GapWords) {
        val row = rows.fact(getString(R.string.two_parts, words.span(gap), words.length(gap)))
        row.second = getString(
            if (gap.isCertain) R.string.gap_cause else R.string.gap_cause_between,
            words.cause(gap),
        )
        row.picture { icon ->
            icon.setImageResource(
                when (gap.cause) {
                    Gap.Cause.TURNED_OFF -> R.drawable.ic_person
                    Gap.Cause.OTHER_VPN -> R.drawable.ic_key
                    Gap.Cause.PHONE_OFF -> R.drawable.ic_phone
                    Gap.Cause.UPDATED -> R.drawable.ic_update
                    Gap.Cause.KILLED -> R.drawable.ic_battery
                    Gap.Cause.CRASHED, Gap.Cause.UNKNOWN -> R.drawable.ic_warning
                },
            )
            val isUnasked = gap.isUnasked
            icon.backgroundTintList = ColorStateList.valueOf(colour(if (isUnasked) R.attr.attention else R.attr.high))
            icon.imageTintList = ColorStateList.valueOf(colour(if (isUnasked) R.attr.onAttention else R.attr.textSecond))
        }
    }

    private companion object {
        /** So far back: three months. */
        const val KEPT_MS = 90 * 86_400_000L
    }
}
