package org.consentry.engine

import android.content.Context
import android.os.Handler
import android.os.Looper
import android.util.Log
import java.io.File
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/**
 * The engine as the app knows it: one for the whole process, typed, and never in the way of the main thread.
 *
 * Methods are called on the main thread and return at once; the work is done on the engine's own thread, in the order of the
 * calls, and `done` is called on the main thread. By then [state] shows what has changed. Screens observe [state]; nothing
 * is read while nobody does.
 *
 * @param context the application
 * @param worker runs the calls, one after another
 */
class Engine(
    private val context: Context,
    private val worker: ExecutorService = Executors.newSingleThreadExecutor { Thread(it, "consentry-engine") },
) {
    private val main = Handler(Looper.getMainLooper())
    private val host = Host(main, ::happened)
    private val attemptObservers = LinkedHashSet<(Attempt, Boolean) -> Unit>()

    /** The library's handle. Belongs to the worker's thread. */
    private var handle: Long? = null

    /** Something has changed since [state] was last read. Belongs to the main thread, as does what follows. */
    private var stale = false
    private var refreshing = false

    /** Services about which the owner's organisation alone decides. */
    internal var locked: Set<String> = emptySet()

    /** What there is to see. */
    val state = Observable(EngineState())

    init {
        state.onFirstObserver = { if (stale) refreshSoon() }
    }

    /** Opens the record of consents and attempts. Does nothing when it is open; after a failure it tries again. */
    fun open() {
        if (state.value.store is StoreState.Unreadable) change { it.copy(store = StoreState.Opening) }
        call({ requireHandle() }) { opened ->
            if (opened is Outcome.Failed) change { it.copy(store = StoreState.Unreadable(opened.failure)) }
        }
        refresh()
    }

    /**
     * Allows a service.
     *
     * @param app for this package only; null for all apps
     */
    fun grant(
        service: String,
        app: String? = null,
        term: Term = Term.FOREVER,
        via: Via = Via.SCREEN,
        done: (Outcome<Granted>) -> Unit = {},
    ) {
        val request = ask("grant").put("service", service).put("app", app ?: JSONObject.NULL)
            .put("for", term.code ?: JSONObject.NULL).put("via", via.code)
        unlessLocked(service, via, done) { changeConsent(request, Answers::granted, done) }
    }

    /** Holds a service back, or keeps it held back: a decision either way. Its open connections are closed. */
    fun revoke(service: String, app: String? = null, via: Via = Via.SCREEN, done: (Outcome<Unit>) -> Unit = {}) {
        val request = ask("revoke").put("service", service).put("app", app ?: JSONObject.NULL).put("via", via.code)
        unlessLocked(service, via, done) { changeConsent(request, {}, done) }
    }

    /** Whether the owner is asked about a service. No decision: it stays as it is. */
    fun mute(service: String, on: Boolean, done: (Outcome<Unit>) -> Unit = {}) {
        changeConsent(ask("mute").put("service", service).put("on", on), {}, done)
    }

    /** Strict mode for an app (a package): servers that the catalogue does not know are held back from it, too. */
    fun strict(app: String, on: Boolean, via: Via = Via.SCREEN, done: (Outcome<Unit>) -> Unit = {}) {
        changeConsent(ask("strict").put("app", app).put("on", on).put("via", via.code), {}, done)
    }

    /** Whether the owner is asked about what an app (a package) attempts. */
    fun muteApp(app: String, on: Boolean, done: (Outcome<Unit>) -> Unit = {}) {
        changeConsent(ask("mute").put("app", app).put("on", on), {}, done)
    }

    /** The changes of consent, newest first: of one service, or of all. */
    fun history(service: String? = null, done: (Outcome<List<ConsentChange>>) -> Unit) {
        val request = ask("history").put("service", service ?: JSONObject.NULL)
        call({ Answers.history(send(request)) }, done)
    }

    /** A page of the log, newest first. */
    fun log(query: LogQuery, done: (Outcome<LogPage>) -> Unit) {
        val request = choose("log", query).put("before", json(query.before)).put("limit", query.limit)
        call({ Answers.log(send(request)) }, done)
    }

    /** How much of the log fits; [LogQuery.before] and [LogQuery.limit] do not count. */
    fun logCount(query: LogQuery, done: (Outcome<LogCount>) -> Unit) =
        call({ Answers.logCount(send(choose("log_count", query))) }, done)

    /**
     * The next part of a file of the log, oldest rows first.
     *
     * @param after [LogPart.next] of the part before; null for the first
     */
    fun exportLog(query: LogQuery, format: LogFormat, after: Cursor?, done: (Outcome<LogPart>) -> Unit) {
        val request = choose("export", query).put("format", format.code).put("after", json(after))
        call({ Answers.logPart(send(request)) }, done)
    }

    /** How often what was tried since then (milliseconds since 1970). */
    fun logCounts(sinceMs: Long, done: (Outcome<LogCounts>) -> Unit) =
        call({ Answers.logCounts(send(ask("counts").put("since_ms", sinceMs))) }, done)

    /** How much of the log is kept; with [days] it is that much from now on. */
    fun retention(days: Int? = null, done: (Outcome<Retention>) -> Unit) =
        call({ Answers.retention(send(ask("retention").put("days", days ?: JSONObject.NULL))) }, done)

    /** Removes all attempts for good. Decisions and their history stay. */
    fun deleteLog(done: (Outcome<Unit>) -> Unit) = changeConsent(ask("delete_log"), {}, done)

    /** A receipts file of all decisions, or of those about a service, which anybody can verify. */
    fun receipts(service: String? = null, done: (Outcome<String>) -> Unit) =
        call({
            val request = ask("receipts")
            if (service != null) request.put("service", service)
            send(request).getString("text")
        }, done)

    /** A file of all decisions and settings. */
    fun backup(done: (Outcome<Backup>) -> Unit) = call({ Answers.backup(send(ask("backup"))) }, done)

    /** What a backup file holds, and what would come of putting it back. Nothing is changed. */
    fun previewRestore(text: String, done: (Outcome<Restored>) -> Unit) =
        call({ Answers.restored(send(ask("restore").put("text", text).put("preview", true))) }, done)

    /** Puts a backup back: present decisions are replaced, and the history keeps both. */
    fun restore(text: String, done: (Outcome<Restored>) -> Unit) =
        changeConsent(ask("restore").put("text", text), Answers::restored, done)

    /** How the time since then (milliseconds since 1970) was protected. */
    fun coverage(sinceMs: Long, done: (Outcome<Coverage>) -> Unit) = call({ readCoverage(sinceMs) }, done)

    /**
     * Why protection ended, and when if that is known better than by its last sign of life (milliseconds since 1970). Without
     * a time it is about the engine that runs, or ran last.
     */
    fun ended(cause: Gap.Cause, atMs: Long? = null, done: (Outcome<Unit>) -> Unit = {}) {
        val request = ask("ended").put("cause", cause.code).put("at_ms", atMs ?: JSONObject.NULL)
        call({ send(request) }) { done(if (it is Outcome.Failed) it else Outcome.Done(Unit)) }
    }

    /** The app was woken for something while the engine runs: a sign of life. */
    fun heartbeat() = call({ send(ask("heartbeat")) }) {}

    /** Reads services and status anew, for [state] and for [done]. */
    fun refresh(done: (Outcome<EngineState>) -> Unit = {}) {
        stale = false
        call({ readAll() }) { read ->
            when (read) {
                is Outcome.Done -> {
                    show(read.value)
                    done(Outcome.Done(state.value))
                }
                is Outcome.Failed -> done(read)
            }
        }
    }

    /** Calls [observer] on the main thread with each attempt, and whether it is the first of its service. */
    fun observeAttempts(observer: (attempt: Attempt, firstOfService: Boolean) -> Unit): Subscription {
        attemptObservers += observer
        return Subscription { attemptObservers -= observer }
    }

    /**
     * Starts to judge the packets of a tunnel.
     *
     * @param tun the tunnel's descriptor; the engine works on a duplicate
     * @param mtu the tunnel's MTU in bytes
     */
    fun start(tun: Int, mtu: Int, network: OuterNetwork, tunnelHost: TunnelHost, done: (Outcome<Unit>) -> Unit) {
        val settings = JSONObject().put("mtu", mtu).put("network", json(network)).toString()
        host.tunnel = tunnelHost
        call({
            NativeEngine.start(requireHandle().also { host.handle = it }, tun, settings)
        }, done)
    }

    /** Ends the engine; the store stays open. */
    fun stop(done: (Outcome<Unit>) -> Unit = {}) {
        host.tunnel = null
        call({ handle?.let(NativeEngine::stop) ?: Unit }, done)
    }

    /**
     * The network behind the tunnel has changed.
     *
     * @param keepsFlows whether connections through it go on: it is the same one, with the same addresses of ours
     */
    fun networkChanged(network: OuterNetwork, keepsFlows: Boolean) {
        val change = json(network).put("keeps_flows", keepsFlows).toString()
        call({ handle?.let { NativeEngine.network(it, change) } ?: Unit }) {}
    }

    /**
     * Asks Android something off the main thread, and tells the main thread what came of it. Nothing is told if that is null, or
     * if Android refuses, each version in its own way.
     */
    internal fun <T : Any> aside(work: () -> T?, done: (T) -> Unit) {
        call({
            try {
                work()
            } catch (error: RuntimeException) {
                Log.w(TAG, "Android did not answer", error)
                null
            }
        }) { answer -> (answer as? Outcome.Done)?.value?.let(done) }
    }

    /** Ends everything. The engine cannot be used any more. */
    fun close() {
        host.tunnel = null
        host.close()
        try {
            worker.execute {
                val open = handle ?: return@execute
                handle = null
                attempt { NativeEngine.close(open) }
            }
            worker.shutdown()
        } catch (_: RejectedExecutionException) {
            // Closed already.
        }
    }

    /** The tunnel's side says how protection stands. */
    internal fun protectionIs(protection: Protection) {
        if (protection == state.value.protection) return
        change { it.copy(protection = protection) }
        // A gap has begun, or ended.
        happenedToRecord()
    }

    /** The tunnel's side says what Android's settings are. */
    internal fun alwaysOnIs(alwaysOn: AlwaysOn?) = change { it.copy(alwaysOn = alwaysOn) }

    /** The tunnel's side says which strict Private DNS there is. */
    internal fun strictPrivateDnsIs(server: String?) = change { it.copy(strictPrivateDns = server) }

    private fun unlessLocked(service: String, via: Via, done: (Outcome<Nothing>) -> Unit, change: () -> Unit) {
        if (service in locked && via != Via.MANAGED_CONFIGURATION) {
            main.post { done(Outcome.Failed(EngineFailure(EngineFailure.Kind.MANAGED, "locked by the organisation"))) }
        } else {
            change()
        }
    }

    private fun <T> changeConsent(request: JSONObject, read: (JSONObject) -> T, done: (Outcome<T>) -> Unit) {
        call({
            val answer = read(send(request))
            // The change holds, whatever becomes of reading it back.
            answer to attempt { readAll() }
        }) { changed ->
            when (changed) {
                is Outcome.Done -> {
                    val (answer, all) = changed.value
                    if (all is Outcome.Done) show(all.value) else happenedToRecord()
                    done(Outcome.Done(answer))
                }
                is Outcome.Failed -> done(changed)
            }
        }
    }

    private class Read(val services: List<Service>, val status: Status, val coverage: Coverage)

    private fun readAll() = Read(
        Answers.services(send(ask("services"))),
        Answers.status(send(ask("status"))),
        readCoverage(System.currentTimeMillis() - WEEK_MS),
    )

    private fun readCoverage(sinceMs: Long) =
        Answers.coverage(send(ask("gaps").put("since_ms", sinceMs.coerceAtLeast(0))))

    private fun show(read: Read) = change {
        it.copy(store = StoreState.Open, services = read.services, status = read.status, coverage = read.coverage)
    }

    private fun change(next: (EngineState) -> EngineState) = state.set(next(state.value))

    /** What the engine's threads tell, on the main thread. */
    private fun happened(event: EngineEvent) {
        when (event) {
            is EngineEvent.Attempted -> {
                attemptObservers.toList().forEach { it(event.attempt, event.firstOfService) }
                happenedToRecord()
            }
            // Rare, and a grant that has ended is told to the owner whether a screen is shown or not.
            EngineEvent.ConsentsChanged -> refresh()
            is EngineEvent.Ended -> {
                host.tunnel?.engineFailed(event.reason)
                happenedToRecord()
            }
        }
    }

    private fun happenedToRecord() {
        stale = true
        if (state.isObserved) refreshSoon()
    }

    /** Thousands of attempts a minute make one reading a second, and none while no screen is shown. */
    private fun refreshSoon() {
        if (refreshing) return
        refreshing = true
        main.postDelayed({
            refreshing = false
            if (stale && state.isObserved) refresh()
        }, REFRESH_MS)
    }

    /** Does [work] on the worker's thread and tells what came of it on the main thread. */
    private fun <T> call(work: () -> T, done: (Outcome<T>) -> Unit) {
        try {
            worker.execute {
                val outcome = attempt(work)
                main.post { done(outcome) }
            }
        } catch (_: RejectedExecutionException) {
            main.post { done(Outcome.Failed(EngineFailure(EngineFailure.Kind.CLOSED, "the engine is closed"))) }
        }
    }

    private fun <T> attempt(work: () -> T): Outcome<T> = try {
        Outcome.Done(work())
    } catch (error: EngineException) {
        failed(error)
    } catch (error: JSONException) {
        failed(error)
    } catch (error: LinkageError) {
        failed(error)
    }

    private fun failed(error: Throwable): Outcome.Failed {
        val failure = EngineFailure.of(error)
        // Only the kind: what went wrong may name a server.
        Log.w(TAG, "the engine could not do that: ${failure.kind}")
        return Outcome.Failed(failure)
    }

    private fun requireHandle(): Long = handle ?: open(File(context.noBackupFilesDir, FOLDER)).also { handle = it }

    private fun open(folder: File): Long = NativeEngine.open(folder.path, host)

    private fun send(request: JSONObject): JSONObject =
        JSONObject(NativeEngine.request(requireHandle(), request.toString()))

    private fun ask(what: String): JSONObject = JSONObject().put("do", what)

    private fun choose(what: String, query: LogQuery): JSONObject = ask(what)
        .put("service", json(query.services))
        .put("app", json(query.apps))
        .put("signal", json(query.signals.map { it.code }))
        .put("since_ms", query.sinceMs ?: JSONObject.NULL)
        .put("until_ms", query.untilMs ?: JSONObject.NULL)
        .put("search", query.search ?: JSONObject.NULL)

    private fun json(names: Collection<String>): Any = if (names.isEmpty()) JSONObject.NULL else JSONArray(names)

    private fun json(cursor: Cursor?): Any = cursor?.let { JSONArray(it.json).get(0) } ?: JSONObject.NULL

    private fun json(network: OuterNetwork): JSONObject = JSONObject().put("resolvers", JSONArray(network.resolvers))
        .put("ipv4", network.ipv4).put("ipv6", network.ipv6)

    private companion object {
        const val TAG = "consentry"

        /** The state folder, among the files that Android never backs up. */
        const val FOLDER = "state"

        /** How long changes are gathered before screens are told, in milliseconds. */
        const val REFRESH_MS = 1000L

        /** How far back gaps are always known, in milliseconds: as far as Home and Health show them. */
        const val WEEK_MS = 7 * 86_400_000L
    }
}
