package org.consentry.ui

import android.view.Gravity
import android.view.View
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.Attempt
import org.consentry.engine.Service

/** Fills a row with an attempt. */
class AttemptRow(view: View, private val screen: Screen) {
    private val frame = view as RowFrame
    private val row: View = view.findViewById(R.id.row)
    private val icon: ImageView = view.findViewById(R.id.icon)
    private val name: TextView = view.findViewById(R.id.name)
    private val second: TextView = view.findViewById(R.id.second)
    private val host: TextView = view.findViewById(R.id.host)
    private val time: TextView = view.findViewById(R.id.time)
    private val count: TextView = view.findViewById(R.id.count)

    init {
        if (screen.isTextLarge) stack(view)
    }

    /** With large text the time and the count stand below the words. */
    private fun stack(view: View) {
        val meta = view.findViewById<LinearLayout>(R.id.meta)
        (meta.parent as LinearLayout).removeView(meta)
        meta.orientation = LinearLayout.HORIZONTAL
        meta.gravity = Gravity.CENTER_VERTICAL
        // On one baseline, or moved down, the smaller text would hang out below.
        meta.isBaselineAligned = false
        (time.layoutParams as LinearLayout.LayoutParams).topMargin = 0
        val wrap = LinearLayout.LayoutParams.WRAP_CONTENT
        view.findViewById<LinearLayout>(R.id.texts).addView(meta, LinearLayout.LayoutParams(wrap, wrap))
        (count.layoutParams as LinearLayout.LayoutParams).apply {
            marginStart = (GAP_DP * view.resources.displayMetrics.density).toInt()
            topMargin = 0
        }
    }

    /**
     * Shows an attempt as in the log: the service, the app and the evidence, the server.
     *
     * @param service its service; null when the catalogue does not list it
     */
    fun showInLog(attempt: Attempt, service: Service?, onTap: () -> Unit) {
        // The day stands above.
        fill(attempt, service, screen.times.clock(attempt.lastMs), onTap)
        second.text = appAndEvidence(attempt)
        // One line in the mock; large text may take more, rather than lose its end.
        second.maxLines = if (screen.isTextLarge) 4 else 2
        val target = screen.words.target(attempt)
        host.isShownHere = target != null
        host.text = target
    }

    /** Shows an attempt as on Home: what it would have said. */
    fun showOnHome(attempt: Attempt, service: Service?, onTap: () -> Unit) {
        fill(attempt, service, screen.times.clockOrDay(attempt.lastMs), onTap)
        second.text = if (screen.words.kinds(attempt).isEmpty()) {
            appAndEvidence(attempt)
        } else {
            screen.getString(R.string.would_have_said, screen.words.evidence(attempt))
        }
        host.isShownHere = false
    }

    /** Where in its group it is. */
    fun place(first: Boolean, last: Boolean, gap: Int = 0) = frame.place(first, last, gap)

    private fun appAndEvidence(attempt: Attempt): String =
        screen.getString(R.string.two_parts, screen.labels.name(attempt.app), screen.words.evidence(attempt))

    private fun fill(attempt: Attempt, service: Service?, last: String, onTap: () -> Unit) {
        val title = service?.name ?: attempt.service ?: screen.getString(R.string.no_service)
        icon.setImageResource(service?.let { Purpose.of(it.category).icon } ?: R.drawable.ic_servers)
        name.text = service?.shortName ?: title
        time.text = last
        count.isShownHere = attempt.count > 1
        count.text = screen.words.times(attempt.count)
        row.contentDescription = screen.resources.getQuantityString(
            R.plurals.attempt_label,
            attempt.count.coerceAtMost(Int.MAX_VALUE.toLong()).toInt(),
            title,
            Numbers.of(attempt.count),
            last,
            screen.labels.name(attempt.app),
            screen.words.evidence(attempt),
        )
        row.setOnClickListener { onTap() }
    }

    private companion object {
        const val GAP_DP = 8
    }
}
