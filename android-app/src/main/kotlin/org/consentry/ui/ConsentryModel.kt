package org.consentry.ui

import android.content.Context
import org.consentry.ConsentryApp
import org.consentry.engine.Backup
import org.consentry.engine.ConsentChange
import org.consentry.engine.Coverage
import org.consentry.engine.Cursor
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
import org.consentry.engine.Restored
import org.consentry.engine.Retention
import org.consentry.engine.Term
import org.consentry.vpn.TurnOn

/**
 * All that the screens know of and can ask for. Called on the main thread; answers come back there.
 */
interface ConsentryModel {
    /** What there is to see. */
    val state: Observable<EngineState>

    /** The wall clock, in milliseconds since 1970. */
    val nowMs: Long

    /** Opens the record again after it could not be opened. */
    fun open()

    /** Allows a service: for one app (a package), or for all. */
    fun grant(service: String, app: String?, term: Term, done: (Outcome<Granted>) -> Unit)

    /** Holds a service back: from one app (a package), or from all. */
    fun revoke(service: String, app: String?, done: (Outcome<Unit>) -> Unit)

    /** Whether the owner is asked about a service. */
    fun mute(service: String, on: Boolean, done: (Outcome<Unit>) -> Unit)

    /** Whether the owner is asked about what an app (a package) attempts. */
    fun muteApp(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit)

    /** Strict mode for an app (a package). */
    fun strict(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit)

    /** Whether the owner is asked at a service's first attempt. */
    var asksQuestions: Boolean

    /** Whether the phone's screen lock is asked for before anything is allowed, turned off or exported. */
    var asksScreenLock: Boolean

    /** The changes of consent, newest first: of one service, or of all. */
    fun history(service: String?, done: (Outcome<List<ConsentChange>>) -> Unit)

    /** A page of the log, newest first. */
    fun log(query: LogQuery, done: (Outcome<LogPage>) -> Unit)

    /** How much of the log fits. */
    fun logCount(query: LogQuery, done: (Outcome<LogCount>) -> Unit)

    /** The next part of a file of the log; [after] is [LogPart.next] of the part before. */
    fun exportLog(query: LogQuery, format: LogFormat, after: Cursor?, done: (Outcome<LogPart>) -> Unit)

    /** How often what was tried since then (milliseconds since 1970). */
    fun logCounts(sinceMs: Long, done: (Outcome<LogCounts>) -> Unit)

    /** How much of the log is kept; with [days] it is that much from now on. */
    fun retention(days: Int?, done: (Outcome<Retention>) -> Unit)

    /** Removes all attempts for good. */
    fun deleteLog(done: (Outcome<Unit>) -> Unit)

    /** A receipts file of all decisions; with [service] of those about it. */
    fun receipts(service: String?, done: (Outcome<String>) -> Unit)

    /** A file of all decisions and settings. */
    fun backup(done: (Outcome<Backup>) -> Unit)

    /** What a backup file holds, and what would come of putting it back. Nothing is changed. */
    fun previewRestore(text: String, done: (Outcome<Restored>) -> Unit)

    /** Puts a backup back. */
    fun restore(text: String, done: (Outcome<Restored>) -> Unit)

    /** How the time since then (milliseconds since 1970) was protected. */
    fun coverage(sinceMs: Long, done: (Outcome<Coverage>) -> Unit)

    /** The owner turns protection on. */
    fun turnOn(): TurnOn

    /** The owner closed Android's question without an OK. */
    fun permissionRefused()

    /** The owner turns protection off until it is turned on again. */
    fun turnOff()

    /** The owner turns protection off for so many milliseconds. */
    fun pause(forMs: Long)

    /** An application that brings a model of its own: the pictures and tests of the screens do. */
    interface Owner {
        /** The model of this process. */
        val model: ConsentryModel
    }

    companion object {
        /** The model of this process. */
        fun of(context: Context): ConsentryModel = when (val app = context.applicationContext) {
            is Owner -> app.model
            else -> EngineModel(ConsentryApp.of(context))
        }
    }
}

/** The model of the app: its engine and its switch. */
private class EngineModel(private val app: ConsentryApp) : ConsentryModel {
    override val state get() = app.engine.state

    override val nowMs get() = System.currentTimeMillis()

    override fun open() = app.engine.open()

    override fun grant(service: String, app: String?, term: Term, done: (Outcome<Granted>) -> Unit) =
        this.app.engine.grant(service, app, term, done = done)

    override fun revoke(service: String, app: String?, done: (Outcome<Unit>) -> Unit) =
        this.app.engine.revoke(service, app, done = done)

    override fun mute(service: String, on: Boolean, done: (Outcome<Unit>) -> Unit) = app.engine.mute(service, on, done)

    override fun muteApp(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit) =
        this.app.engine.muteApp(app, on, done)

    override fun strict(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit) =
        this.app.engine.strict(app, on, done = done)

    override var asksQuestions: Boolean by app.wishes::asksQuestions

    override var asksScreenLock: Boolean by app.wishes::asksScreenLock

    override fun history(service: String?, done: (Outcome<List<ConsentChange>>) -> Unit) =
        app.engine.history(service, done)

    override fun log(query: LogQuery, done: (Outcome<LogPage>) -> Unit) = app.engine.log(query, done)

    override fun logCount(query: LogQuery, done: (Outcome<LogCount>) -> Unit) = app.engine.logCount(query, done)

    override fun exportLog(query: LogQuery, format: LogFormat, after: Cursor?, done: (Outcome<LogPart>) -> Unit) =
        app.engine.exportLog(query, format, after, done)

    override fun logCounts(sinceMs: Long, done: (Outcome<LogCounts>) -> Unit) = app.engine.logCounts(sinceMs, done)

    override fun retention(days: Int?, done: (Outcome<Retention>) -> Unit) = app.engine.retention(days, done)

    override fun deleteLog(done: (Outcome<Unit>) -> Unit) = app.engine.deleteLog(done)

    override fun receipts(service: String?, done: (Outcome<String>) -> Unit) = app.engine.receipts(service, done)

    override fun backup(done: (Outcome<Backup>) -> Unit) = app.engine.backup(done)

    override fun previewRestore(text: String, done: (Outcome<Restored>) -> Unit) = app.engine.previewRestore(text, done)

    override fun restore(text: String, done: (Outcome<Restored>) -> Unit) = app.engine.restore(text, done)

    override fun coverage(sinceMs: Long, done: (Outcome<Coverage>) -> Unit) = app.engine.coverage(sinceMs, done)

    override fun turnOn() = app.protection.turnOn()

    override fun permissionRefused() = app.protection.permissionRefused()

    override fun turnOff() = app.protection.turnOff()

    override fun pause(forMs: Long) = app.protection.pause(forMs)
}
