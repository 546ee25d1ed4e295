package org.consentry.ui

import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.EngineState

/** One of the four tabs of [MainActivity]. */
abstract class Tab(protected val screen: MainActivity, parent: ViewGroup, layout: Int, title: Int) {
    /** What it looks like. */
    val view: View = LayoutInflater.from(screen).inflate(layout, parent, false)

    init {
        view.findViewById<TextView>(R.id.title).apply {
            setText(title)
            asHeading()
        }
        view.findViewById<View>(R.id.settings).setOnClickListener { screen.openSettings() }
    }

    /** Shows the state; called at each change while the tab is shown. */
    abstract fun show(state: EngineState)

    /** A message covers so much of the bottom, in pixels; 0 when it has gone. */
    open fun onMessage(height: Int) = Unit

    /** The names of apps are there. */
    open fun onLabels() = Unit

    /** Scrolls to the top. */
    abstract fun scrollToTop()

    /** Whether a back gesture would close something here, a search for example. */
    open val canGoBack: Boolean get() = false

    /** Closes it. */
    open fun goBack() = Unit

    /** Writes what has to outlive a rotation, or the process. */
    open fun save(out: Bundle) = Unit

    /** Reads it back. */
    open fun restore(saved: Bundle) = Unit
}
