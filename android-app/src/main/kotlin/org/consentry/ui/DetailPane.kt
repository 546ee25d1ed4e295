package org.consentry.ui

import android.net.Uri
import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.LinearLayout
import org.consentry.R
import org.consentry.engine.EngineState

/** Beside a list on a wide screen: the service or attempt that was tapped in it. */
class DetailPane(
    private val screen: MainActivity,
    private val pane: ViewGroup,
    private val content: View,
    private val model: ConsentryModel,
) {
    private sealed interface Shown {
        class OfService(val view: View, val detail: ServiceDetail) : Shown

        class OfAttempt(val view: View, val detail: AttemptDetail, val entry: LogEntry) : Shown
    }

    private var shown: Shown? = null

    /** Whether something is shown in it. */
    val isOpen: Boolean get() = shown != null && pane.isShownHere

    init {
        EmptyView(pane.findViewById(R.id.pane_empty)).nothing(R.drawable.ic_services, screen.getString(R.string.pane_empty))
    }

    /** Stands beside a list, or leaves the whole width to a tab without one. */
    fun standBeside(isList: Boolean) {
        pane.isShownHere = isList
        val layout = content.layoutParams as LinearLayout.LayoutParams
        val density = content.resources.displayMetrics.density
        layout.width = if (isList) (LIST_DP * density).toInt() else 0
        layout.weight = if (isList) 0f else 1f
        content.layoutParams = layout
    }

    /** Shows a service. */
    fun openService(id: String) {
        val view = replace(R.layout.pane_service)
        val detail = ServiceDetail(screen, view, view, model, screen.messages)
        detail.open(id)
        shown = Shown.OfService(view, detail)
        show(model.state.value)
    }

    /** Shows an attempt. */
    fun openAttempt(entry: LogEntry) {
        val view = replace(R.layout.pane_attempt)
        val detail = AttemptDetail(screen, view, view, model, screen.messages)
        detail.open(entry.attempt, entry.records)
        shown = Shown.OfAttempt(view, detail, entry)
        show(model.state.value)
    }

    private fun replace(layout: Int): View {
        close()
        val view = LayoutInflater.from(screen).inflate(layout, pane, false)
        view.findViewById<View>(R.id.back).apply {
            contentDescription = screen.getString(R.string.close)
            setOnClickListener {
                close()
                screen.backMayHaveChanged()
            }
        }
        pane.addView(view)
        pane.findViewById<View>(R.id.pane_empty).isShownHere = false
        return view
    }

    /** Shows nothing. */
    fun close() {
        when (val shown = shown) {
            is Shown.OfService -> pane.removeView(shown.view)
            is Shown.OfAttempt -> pane.removeView(shown.view)
            null -> Unit
        }
        shown = null
        pane.findViewById<View>(R.id.pane_empty).isShownHere = true
    }

    /** Shows the state; to be called at each change. */
    fun show(state: EngineState) {
        when (val shown = shown) {
            is Shown.OfService -> shown.detail.show(state)
            is Shown.OfAttempt -> shown.detail.show(state)
            null -> Unit
        }
    }

    /** The names of apps are there. */
    fun onLabels() {
        when (val shown = shown) {
            is Shown.OfService -> shown.detail.onLabels()
            is Shown.OfAttempt -> shown.detail.show(model.state.value)
            null -> Unit
        }
    }

    /** A place for a file was chosen. */
    fun onDocument(what: Int, file: Uri) {
        (shown as? Shown.OfService)?.detail?.onDocument(what, file)
    }

    /** Writes which service it shows; an attempt is found again in the list. */
    fun save(out: Bundle) = out.putString(SERVICE, (shown as? Shown.OfService)?.detail?.id)

    /** Reads it back. */
    fun restore(saved: Bundle) {
        saved.getString(SERVICE)?.let(::openService)
    }

    private companion object {
        const val LIST_DP = 360
        const val SERVICE = "pane_service"
    }
}
