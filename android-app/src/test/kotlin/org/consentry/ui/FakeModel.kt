package org.consentry.ui

import android.app.Application
import android.content.Intent
import android.os.Handler
import android.os.Looper
import org.consentry.engine.Attempt
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.Cursor
import org.consentry.engine.EngineFailure
import org.consentry.engine.EngineState
import org.consentry.engine.Granted
import org.consentry.engine.LogPage
import org.consentry.engine.LogQuery
import org.consentry.engine.Observable
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
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

    override var asksQuestions = true

    override var asksScreenLock = false

    override fun history(service: String?, done: (Outcome<List<ConsentChange>>) -> Unit) =
        answer(done) { changes.filter { service == null || it.service == service } }

    override fun log(query: LogQuery, done: (Outcome<LogPage>) -> Unit) = answer(done) {
        pagesRead++
        val found = attempts.filter { attempt ->
            (query.service == null || attempt.service == query.service) &&
                (query.app == null || attempt.app == query.app) &&
                (query.sinceMs == null || attempt.lastMs >= query.sinceMs!!) &&
                (query.search == null || listOf(attempt.host, attempt.service, attempt.app).any { has(it, query.search!!) })
        }
        val from = query.before?.json?.removePrefix("[")?.removeSuffix("]")?.toInt() ?: 0
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

    private fun has(text: String?, part: String) = text.orEmpty().contains(part, ignoreCase = true)

    private fun consent(service: String, consent: ConsentState) =
        change { state -> state.copy(services = state.services.map { if (it.id == service) it.copy(consent = consent) else it }) }

    private fun <T> answer(done: (Outcome<T>) -> Unit, value: () -> T) {
        if (isSlow) return
        val failure = failure
        main.post { done(if (failure != null) Outcome.Failed(failure) else Outcome.Done(value())) }
    }

    companion object {
        /** Android's question about the VPN. */
        val QUESTION = TurnOn.AskOwner(Intent("android.net.vpn.QUESTION"))
    }
}
