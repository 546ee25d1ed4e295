package org.consentry.ui

import android.net.Uri
import org.consentry.R
import org.consentry.engine.Outcome

/** Lets the owner save a receipts file: signed, so that anybody can check it. */
class ReceiptExport(private val screen: Screen, private val model: ConsentryModel) {
    /** Asks where to. [service]: of its decisions only; null for all. */
    fun ask(service: String?) = screen.lock.before {
        val name = if (service == null) {
            screen.getString(R.string.receipts_file)
        } else {
            screen.getString(R.string.receipt_file, service)
        }
        screen.askWhereTo(DOCUMENT, TYPE, name)
    }

    /** A place was chosen. True if it is for the receipts. */
    fun onDocument(what: Int, file: Uri, service: String?): Boolean {
        if (what != DOCUMENT) return false
        FileWork.of(screen).write(file, TYPE, R.string.receipt_saved, Receipts(model, service))
        return true
    }

    private companion object {
        /** The file's number among those of a screen. */
        const val DOCUMENT = 5
        const val TYPE = "application/json"
    }
}

/** The receipts file, in one piece. */
private class Receipts(private val model: ConsentryModel, private val service: String?) : FileParts {
    private var isOver = false

    override fun next(done: (Outcome<FilePart?>) -> Unit) {
        if (isOver) {
            done(Outcome.Done(null))
            return
        }
        isOver = true
        model.receipts(service) { read ->
            when (read) {
                is Outcome.Failed -> done(read)
                is Outcome.Done -> done(Outcome.Done(FilePart(read.value.toByteArray(), percent = null)))
            }
        }
    }
}
