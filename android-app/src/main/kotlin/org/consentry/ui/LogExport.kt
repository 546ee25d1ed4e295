package org.consentry.ui

import android.app.AlertDialog
import android.net.Uri
import android.os.Bundle
import android.view.LayoutInflater
import android.widget.RadioGroup
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.Cursor
import org.consentry.engine.LogFormat
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome
import org.consentry.engine.Signal

/** Lets the owner write the log, or the part of it that is shown, to a file. */
class LogExport(private val screen: Screen, private val model: ConsentryModel, private val messages: MessageBar) {
    /** What is to be written; kept while the owner chooses a place for it. */
    private var query = LogQuery()

    /** Asks in which form; says how much it is. */
    fun ask(query: LogQuery) = model.logCount(query) { count ->
        if (screen.isDestroyed) return@logCount
        when (count) {
            is Outcome.Failed -> messages.show(screen.sentence(count.failure))
            is Outcome.Done -> show(query, count.value.attempts)
        }
    }

    private fun show(query: LogQuery, attempts: Long) {
        val view = LayoutInflater.from(screen).inflate(R.layout.dialog_export, null)
        val form = view.findViewById<RadioGroup>(R.id.export_form)
        view.findViewById<TextView>(R.id.export_text)
            .setText(if (attempts > 0) R.string.export_text else R.string.export_nothing)
        val dialog = AlertDialog.Builder(screen)
            .setTitle(screen.resources.plural(R.plurals.export_title, attempts)).setView(view)
            .setNegativeButton(R.string.cancel, null)
            .setPositiveButton(R.string.save) { _, _ ->
                val format = if (form.checkedRadioButtonId == R.id.export_csv) LogFormat.CSV else LogFormat.JSON_LINES
                screen.lock.before { askWhereTo(query, format) }
            }
            .show()
        dialog.getButton(AlertDialog.BUTTON_POSITIVE).isEnabled = attempts > 0
    }

    private fun askWhereTo(query: LogQuery, format: LogFormat) {
        this.query = query
        screen.askWhereTo(FIRST_DOCUMENT + format.ordinal, format.type, screen.getString(R.string.log_file, format.ending))
    }

    /** A place was chosen. True if it is for the log. */
    fun onDocument(what: Int, file: Uri): Boolean {
        val format = LogFormat.entries.getOrNull(what - FIRST_DOCUMENT) ?: return false
        FileWork.of(screen).write(file, format.type, R.string.saved, parts(query, format))
        return true
    }

    private fun parts(query: LogQuery, format: LogFormat): FileParts {
        var after: Cursor? = null
        var isOver = false
        return FileParts { done ->
            if (isOver) {
                done(Outcome.Done(null))
                return@FileParts
            }
            model.exportLog(query, format, after) { part ->
                when (part) {
                    is Outcome.Failed -> done(part)
                    is Outcome.Done -> {
                        after = part.value.next
                        isOver = after == null
                        done(Outcome.Done(FilePart(part.value.text.toByteArray(), part.value.percent)))
                    }
                }
            }
        }
    }

    /** Writes what is to be exported, so that it outlives the process while the owner chooses a place. */
    fun save(out: Bundle) {
        out.putStringArray(SERVICES, query.services.toTypedArray())
        out.putStringArray(APPS, query.apps.toTypedArray())
        out.putStringArray(SIGNALS, query.signals.map { it.code }.toTypedArray())
        query.sinceMs?.let { out.putLong(SINCE, it) }
        query.untilMs?.let { out.putLong(UNTIL, it) }
        out.putString(SEARCH, query.search)
    }

    /** Reads it back. */
    fun restore(saved: Bundle) {
        query = LogQuery(
            services = saved.getStringArray(SERVICES).orEmpty().toSet(),
            apps = saved.getStringArray(APPS).orEmpty().toSet(),
            signals = saved.getStringArray(SIGNALS).orEmpty().mapNotNull { code -> Signal.entries.find { it.code == code } }
                .toSet(),
            sinceMs = if (saved.containsKey(SINCE)) saved.getLong(SINCE) else null,
            untilMs = if (saved.containsKey(UNTIL)) saved.getLong(UNTIL) else null,
            search = saved.getString(SEARCH),
        )
    }

    private companion object {
        /** The files' numbers among those of a screen. */
        const val FIRST_DOCUMENT = 0
        const val SERVICES = "export_services"
        const val APPS = "export_apps"
        const val SIGNALS = "export_signals"
        const val SINCE = "export_since"
        const val UNTIL = "export_until"
        const val SEARCH = "export_search"
    }
}
