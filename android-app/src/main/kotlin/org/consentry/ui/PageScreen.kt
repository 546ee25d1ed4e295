package org.consentry.ui

import android.os.Bundle
import android.view.View
import android.widget.LinearLayout
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.Outcome

/** A page of rows with a title: the settings, and what they lead to. */
abstract class PageScreen(private val title: Int) : Screen() {
    /** What the page shows. */
    protected lateinit var rows: PageRows
        private set

    /** Says what was done. */
    protected lateinit var messages: MessageBar
        private set

    /** Says why there are no rows. */
    protected lateinit var empty: EmptyView
        private set

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_page)
        findViewById<TextView>(R.id.title).apply {
            setText(title)
            asHeading()
        }
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        rows = PageRows(findViewById<LinearLayout>(R.id.page))
        messages = findViewById(R.id.messages)
        empty = EmptyView(findViewById(R.id.page_empty))
        Insets.padAll(findViewById(R.id.root), findViewById(R.id.frame))
    }

    /** Another title than the page's usual one. */
    protected fun showTitle(words: String) {
        findViewById<TextView>(R.id.title).apply {
            text = words
            asHeading()
        }
    }

    /** A text of the resources. */
    protected fun words(id: Int): String = getString(id)

    /** Says why something was not done. */
    protected fun tellFailure(outcome: Outcome<*>) {
        if (outcome is Outcome.Failed && !isDestroyed) messages.show(sentence(outcome.failure))
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (messages.isUp) messages.hide() else super.onBackPressed()
    }
}
