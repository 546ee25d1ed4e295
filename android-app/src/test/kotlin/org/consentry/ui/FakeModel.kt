package org.consentry.ui

import android.app.Application
import android.content.Intent
import android.os.Handler
import android.os.Looper
import org.consentry.engine.Attempt
import org.consentry.engine.Backup
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.Coverage
import org.consentry.engine.Cursor
import org.consentry.engine.EngineFailure
import org.consentry.engine.EngineState
import org.consentry.engine.Granted
import org.consentry.engine.LogCount
import org.consentry.engine.LogCounts
import org.consentry.engine.LogFormat
import org.consentry.engine.LogPage
import org.consentry.engine.LogPart
import org.consentry.engine.LogQuery
import org.consentry.engine.Observable
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Restored
import org.consentry.engine.Retention
import org.consentry.engine.Term
import org.consentry.vpn.TurnOn

/** The app with a model of the test's in place of the engine. */
class FakeApp : Application(), ConsentryModel.Owner {
    override val model = FakeModel()
}

/** A model that a test fills, and that notes what it was asked to do. */
class FakeModel : ConsentryModel {
    override val state = Observable(EngineState())
    override var nowMs: Long = Scene.NOW
    private val main = Handler(Looper.getMainLooper())

    /** The log, newest first. */
    var attempts: List<Attempt> = emptyList()

    /** The ledger, newest first. */
    var changes: List<ConsentChange> = emptyList()

    /** What every request ends with, if anything. */
    var failure: EngineFailure? = null

    /** Whether answers are kept back. */
    var isSlow = false

    /** What turning on leads to. */
    var turnOnAnswer: TurnOn = TurnOn.Started

    /** What was done, in the order it was. */
    val done = ArrayList<String>()

    /** How many pages of the log were read, and the most rows that one asked for. */
    var pagesRead = 0

    /** Shows a new state. */
    fun show(next: EngineState) = state.set(next)

    /** Changes the state. */
    fun change(next: (EngineState) -> EngineState) = state.set(next(state.value))

    override fun open() {
        done += "open"
    }

    override fun grant(service: String, app: String?, term: Term, done: (Outcome<Granted>) -> Unit) {
        this.done += "grant $service ${app ?: "all"} ${term.name}"
        answer(done) {
            consent(
                service,
                when {
                    app != null -> ConsentState.ForApps(listOf(app))
                    term == Term.FOREVER -> ConsentState.On
                    term == Term.RESTART -> ConsentState.UntilRestart
                    term == Term.HOUR -> ConsentState.Until(nowMs + Scene.HOUR)
                    else -> ConsentState.Until(nowMs + 15 * Scene.MINUTE)
                },
            )
            Granted(emptyList())
        }
    }

    override fun revoke(service: String, app: String?, done: (Outcome<Unit>) -> Unit) {
        this.done += "revoke $service ${app ?: "all"}"
        answer(done) { consent(service, ConsentState.Off) }
    }

    override fun mute(service: String, on: Boolean, done: (Outcome<Unit>) -> Unit) {
        this.done += "mute $service $on"
        answer(done) {
            change { state ->
                state.copy(services = state.services.map { if (it.id == service) it.copy(muted = on) else it })
            }
        }
    }

    override fun strict(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit) {
        this.done += "strict $app $on"
        answer(done) {
            change { state ->
                val status = state.status ?: return@change state
                state.copy(status = status.copy(strictApps = if (on) status.strictApps + app else status.strictApps - app))
            }
        }
    }

    override fun muteApp(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit) {
        this.done += "mute app $app $on"
        answer(done) {
            change { state ->
                val status = state.status ?: return@change state
                state.copy(status = status.copy(mutedApps = if (on) status.mutedApps + app else status.mutedApps - app))
            }
        }
    }

    /** What is kept of the log. */
    var kept = Retention(days = 30, megabytes = 50, rows = 1234)

    override fun retention(days: Int?, done: (Outcome<Retention>) -> Unit) {
        if (days != null) this.done += "keep $days days"
        answer(done) {
            if (days != null) kept = kept.copy(days = days)
            kept
        }
    }

    override fun deleteLog(done: (Outcome<Unit>) -> Unit) {
        this.done += "delete log"
        answer(done) { attempts = emptyList() }
    }

    override fun receipts(service: String?, done: (Outcome<String>) -> Unit) = answer(done) { "receipts of ${service ?: "all"}" }

    override fun logCount(query: LogQuery, done: (Outcome<LogCount>) -> Unit) = answer(done) {
        val found = attempts.filter { fits(it, query) }
        LogCount(found.size.toLong(), found.sumOf { it.count })
    }

    override fun exportLog(query: LogQuery, format: LogFormat, after: Cursor?, done: (Outcome<LogPart>) -> Unit) = answer(done) {
        val found = attempts.filter { fits(it, query) }.asReversed()
        val from = place(after)
        val rows = found.drop(from).take(PART)
        val next = from + rows.size
        LogPart(
            rows.joinToString("") { "${it.id} ${it.host} ${format.code}\n" },
            if (next < found.size) Cursor("[$next]") else null,
            percent = if (found.isEmpty()) 100 else next * 100 / found.size,
        )
    }

    override fun logCounts(sinceMs: Long, done: (Outcome<LogCounts>) -> Unit) = answer(done) {
        val found = attempts.filter { it.lastMs >= sinceMs }
        fun <T> counts(key: (Attempt) -> T) = found.groupBy(key).map { (id, all) -> id to all.sumOf { it.count } }
            .sortedByDescending { it.second }
        LogCounts(counts { it.service }, counts { it.app }, counts { it.signal })
    }

    override fun backup(done: (Outcome<Backup>) -> Unit) = answer(done) { Backup("a backup", decisions = 5) }

    /** What a backup file is taken for; null for one that cannot be read. */
    var backup: Restored? = Restored(Scene.ago(days = 3), decisions = 5, granted = 2, withdrawn = 1, leftOut = emptyList())

    override fun previewRestore(text: String, done: (Outcome<Restored>) -> Unit) {
        val read = backup
        main.post { done(if (read == null) Outcome.Failed(BAD) else Outcome.Done(read)) }
    }

    override fun restore(text: String, done: (Outcome<Restored>) -> Unit) {
        this.done += "restore $text"
        previewRestore(text, done)
    }

    override fun coverage(sinceMs: Long, done: (Outcome<Coverage>) -> Unit) = answer(done) {
        state.value.coverage ?: Coverage()
    }

    override var asksQuestions = true

    override var asksScreenLock = false

    override fun history(service: String?, done: (Outcome<List<ConsentChange>>) -> Unit) =
        answer(done) { changes.filter { service == null || it.service == service } }

    override fun log(query: LogQuery, done: (Outcome<LogPage>) -> Unit) = answer(done) {
        pagesRead++
        val found = attempts.filter { fits(it, query) }
        val from = place(query.before)
        val rows = found.drop(from).take(query.limit)
        LogPage(rows, if (from + rows.size < found.size) Cursor("[${from + rows.size}]") else null)
    }

    override fun turnOn(): TurnOn {
        done += "turn on"
        if (turnOnAnswer == TurnOn.Started) change { it.copy(protection = Protection.Starting) }
        return turnOnAnswer
    }

    override fun permissionRefused() {
        done += "refused"
        change { it.copy(protection = Protection.NeedsPermission) }
    }

    override fun turnOff() {
        done += "turn off"
        change { it.copy(protection = Protection.Off) }
    }

    override fun pause(forMs: Long) {
        done += "pause ${forMs / Scene.MINUTE} min"
        change { it.copy(protection = Protection.Paused(nowMs + forMs)) }
    }

    private fun place(cursor: Cursor?): Int = cursor?.json?.removePrefix("[")?.removeSuffix("]")?.toInt() ?: 0

    private fun fits(attempt: Attempt, query: LogQuery): Boolean =
        (query.services.isEmpty() || attempt.service in query.services) &&
            (query.apps.isEmpty() || attempt.app in query.apps) &&
            (query.signals.isEmpty() || attempt.signal in query.signals) &&
            (query.sinceMs?.let { attempt.lastMs >= it } ?: true) &&
            (query.untilMs?.let { attempt.firstMs < it } ?: true) &&
            (query.search?.let { text -> 
                val name = attempt.service?.let { state.value.service(it)?.name }
                listOf(attempt.host, attempt.service, attempt.app, name).any { has(it, text) }
            } ?: true)

    private fun has(text: String?, part: String) = text.orEmpty().contains(part, ignoreCase = true)

    private fun consent(service: String, consent: ConsentState) =
        change { state -> state.copy(services = state.services.map { if (it.id == service) it.copy(consent = consent) else it }) }

    private fun <T> answer(done: (Outcome<T>) -> Unit, value: () -> T) {
        if (isSlow) return
        val failure = failure
        main.post { done(if (failure != null) Outcome.Failed(failure) else Outcome.Done(value())) }
    }

    companion object {
        private val BAD = EngineFailure(EngineFailure.Kind.BAD_REQUEST, "no backup")

        /** Rows in one part of a file. */
        const val PART = 3

        /** Android's question about the VPN. */
        val QUESTION = TurnOn.AskOwner(Intent("android.net.vpn.QUESTION"))
    }
}
