package org.consentry.ui

import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.os.Parcelable
import android.view.View
import org.consentry.R

/** One attempt on a screen of its own. */
class AttemptActivity : Screen() {
    private lateinit var messages: MessageBar
    private lateinit var detail: AttemptDetail

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_attempt)
        messages = findViewById(R.id.messages)
        val root = findViewById<View>(R.id.root)
        detail = AttemptDetail(this, root, root, model, messages)
        @Suppress("DEPRECATION") // the typed call came with API 33
        val records = intent.getParcelableArrayListExtra<Bundle>(RECORDS).orEmpty().map(AttemptBundle::read)
        detail.open(AttemptBundle.read(intent.getBundleExtra(ATTEMPT) ?: Bundle.EMPTY), records)
        detail.showsDetails = savedInstanceState?.getBoolean(DETAILS) ?: false
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        Insets.padAll(root, findViewById(R.id.foot))
    }

    override fun onObserve() {
        whileShown(model.state.observe(detail::show))
        whileShown(labels.observe { detail.show(model.state.value) })
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putBoolean(DETAILS, detail.showsDetails)
    }

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (messages.isUp) messages.hide() else super.onBackPressed()
    }

    companion object {
        private const val ATTEMPT = "attempt"
        private const val RECORDS = "records"
        private const val DETAILS = "details"

        /** Shows a row of the log. */
        fun intent(context: Context, entry: LogEntry): Intent = Intent(context, AttemptActivity::class.java)
            .putExtra(ATTEMPT, AttemptBundle.write(entry.attempt))
            .putParcelableArrayListExtra(RECORDS, ArrayList<Parcelable>(entry.records.map(AttemptBundle::write)))
    }
}
