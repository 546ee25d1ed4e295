package org.consentry.ui

import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import org.consentry.R
import org.consentry.engine.Term
import org.consentry.vpn.Screens

/** One service on a screen of its own. */
class ServiceActivity : Screen() {
    private lateinit var messages: MessageBar
    private lateinit var detail: ServiceDetail

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_service)
        messages = findViewById(R.id.messages)
        val root = findViewById<View>(R.id.root)
        detail = ServiceDetail(this, root, root, model, messages)
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        Insets.padAll(root, findViewById(R.id.frame))
        // What a notification asked for is asked once, and not again after a rotation.
        detail.open(id(intent), wantedTerm(intent).takeIf { savedInstanceState == null })
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        setIntent(intent)
        detail.open(id(intent), wantedTerm(intent))
        detail.show(model.state.value)
    }

    private fun id(intent: Intent): String = intent.getStringExtra(Screens.EXTRA_SERVICE).orEmpty()

    private fun wantedTerm(intent: Intent): Term? =
        intent.getStringExtra(Screens.EXTRA_ALLOW_FOR)?.let { name -> Term.entries.find { it.name == name } }

    override fun onObserve() {
        whileShown(model.state.observe(detail::show))
        whileShown(labels.observe(detail::onLabels))
        FileWorkView(this, messages).observe()
    }

    override fun onDocument(what: Int, file: Uri) = detail.onDocument(what, file)

    @Deprecated("What there is before API 33")
    @Suppress("DEPRECATION")
    override fun onBackPressed() {
        if (messages.isUp) messages.hide() else super.onBackPressed()
    }
}
