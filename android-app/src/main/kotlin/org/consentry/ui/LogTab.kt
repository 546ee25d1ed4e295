package org.consentry.ui

import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.LinearLayout
import android.widget.ListView
import org.consentry.R
import org.consentry.engine.ConsentChange
import org.consentry.engine.EngineState
import org.consentry.engine.Gap
import org.consentry.engine.LogCounts
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Signal
import org.consentry.engine.StoreState

/** Everything that was held back, newest first, and the changes of consent in between. */
class LogTab(screen: MainActivity, parent: ViewGroup, private val model: ConsentryModel) :
    Tab(screen, parent, R.layout.tab_log, R.string.tab_log) {
    private val list: ListView = view.findViewById(R.id.log_list)
    private val empty = EmptyView(view.findViewById(R.id.log_empty))
    private val newRows: Button = view.findViewById(R.id.log_new)
    private val search = SearchField(view.findViewById(R.id.log_search), view.findViewById(R.id.log_search_clear)) {
        narrow(filter.copy(search = it))
        screen.backMayHaveChanged()
    }
    private val chips: LinearLayout = view.findViewById(R.id.log_chips)
    private val timeChip = Chip(screen).also(chips::addView)
    private val serviceChip = Chip(screen).also(chips::addView)
    private val appChip = Chip(screen).also(chips::addView)
    private val signalChip = Chip(screen).also(chips::addView)
    private val changesChip = Chip(screen).also(chips::addView)
    private val gapsChip = Chip(screen).also(chips::addView)
    private val reader = LogReader(model, screen.times, ::fill)
    private val adapter = LogAdapter(screen, model, reader::more)
    private var filter = LogFilter()
    private var changes: List<ConsentChange> = emptyList()
    private var gaps: List<Gap> = emptyList()
    private var state: EngineState? = null
    private var place: ListPlace? = null

    init {
        list.adapter = adapter
        list.itemsCanFocus = true
        view.findViewById<View>(R.id.share).apply {
            isShownHere = true
            contentDescription = screen.getString(R.string.export_log)
            setOnClickListener { screen.logExport.ask(reader.query()) }
        }
        timeChip.setOnClickListener { chooseTime() }
        serviceChip.setOnClickListener { chooseServices() }
        appChip.setOnClickListener { chooseApps() }
        signalChip.setOnClickListener { chooseSignals() }
        changesChip.setOnClickListener {
            filter = filter.copy(showChanges = !filter.showChanges)
            fill()
        }
        gapsChip.setOnClickListener {
            filter = filter.copy(showGaps = !filter.showGaps)
            fill()
        }
        newRows.setOnClickListener {
            begin()
            scrollToTop()
        }
    }

    /** Shows the attempts of one day, or of all the time that is shown anyway. */
    fun showDay(ms: Long?) {
        search.text = ""
        narrow(LogFilter(ms?.let(LogTime::Day) ?: filter.time, showChanges = filter.showChanges, showGaps = filter.showGaps))
    }

    override fun show(state: EngineState) {
        val before = this.state
        this.state = state
        if (state.store != StoreState.Open) {
            fill()
            return
        }
        if (reader.isFresh) {
            begin()
        } else if (state.services !== before?.services) {
            readChanges()
            // What is being looked at stays where it is.
            reader.countNew(::tellNew)
        }
        if (before?.protection != state.protection) fill()
    }

    override fun onLabels() = adapter.notifyDataSetChanged()

    override fun scrollToTop() = adapter.jump(list, 0)

    override val canGoBack: Boolean get() = search.isOpen

    override fun goBack() = search.close()

    private fun narrow(next: LogFilter) {
        filter = next
        begin()
        adapter.jump(list, 0)
    }

    private fun begin() {
        newRows.isShownHere = false
        showChips()
        readChanges()
        reader.begin(filter)
    }

    private fun readChanges() {
        model.history(null) { read ->
            if (read is Outcome.Done && !screen.isDestroyed) {
                changes = read.value
                if (!reader.isFresh) fill()
            }
        }
        model.coverage(filter.since(screen.times, model.nowMs) ?: 0) { read ->
            if (read is Outcome.Done && !screen.isDestroyed) {
                gaps = read.value.gaps
                if (!reader.isFresh) fill()
            }
        }
    }

    private fun tellNew(count: Int) {
        if (screen.isDestroyed) return
        if (count > 0 && adapter.isEmpty) {
            begin()
            return
        }
        newRows.isShownHere = count > 0
        newRows.text = screen.resources.plural(R.plurals.new_rows, count.toLong())
    }

    private fun fill() {
        if (screen.isDestroyed) return
        showChips()
        val items = reader.book.items(shownChanges(), reader.hasMore, shownGaps())
        adapter.fill(items, Decisions(changes))
        showEmpty(items.isEmpty())
        if (items.isNotEmpty()) {
            place?.restore(list)
            place = null
        }
    }

    /** The changes that belong to what is shown. */
    private fun shownChanges(): List<ConsentChange> {
        if (!filter.showChanges || filter.search.isNotBlank() || filter.apps.isNotEmpty() || filter.signals.isNotEmpty()) {
            return emptyList()
        }
        val since = filter.since(screen.times, model.nowMs) ?: Long.MIN_VALUE
        val day = (filter.time as? LogTime.Day)?.let { screen.times.dayStart(it.ms) }
        return changes.filter { change ->
            change.timeMs >= since && (filter.services.isEmpty() || change.service in filter.services) &&
                (day == null || screen.times.dayStart(change.timeMs) == day)
        }
    }

    /** The gaps that belong to what is shown; the phone's being off is none that anything could get out by. */
    private fun shownGaps(): List<Gap> {
        if (!filter.showGaps || filter.isNarrowed) return emptyList()
        val since = filter.since(screen.times, model.nowMs) ?: Long.MIN_VALUE
        val until = (filter.time as? LogTime.Day)?.let { screen.times.dayEnd(it.ms) } ?: Long.MAX_VALUE
        return gaps.filter { it.isOpen && it.fromMs < until && (it.untilMs ?: Long.MAX_VALUE) > since }
    }

    private fun showEmpty(isEmpty: Boolean) {
        val store = state?.store
        val failure = reader.failure
        when {
            store is StoreState.Unreadable -> empty.failed(screen.sentence(store.failure)) { model.open() }
            !isEmpty -> empty.hide()
            failure != null -> empty.failed(screen.sentence(failure)) { begin() }
            reader.isFresh -> empty.reading(R.string.reading_log)
            filter.isNarrowed -> empty.nothing(
                R.drawable.ic_search,
                screen.getString(R.string.log_no_match),
                R.string.clear_filters,
            ) { showDay(null) }
            state?.protection == Protection.NeedsPermission -> empty.nothing(
                R.drawable.ic_key,
                screen.getString(R.string.log_refused),
                R.string.ask_again,
            ) { screen.turnOn() }
            else -> empty.nothing(R.drawable.ic_log, screen.getString(R.string.log_empty))
        }
    }

    private fun showChips() {
        val time = timeWords(filter.time)
        timeChip.show(time, screen.getString(R.string.time_label, time), true, hasChoices = true, R.drawable.ic_calendar)
        choiceChip(serviceChip, R.string.filter_service, filter.services.map(::serviceName))
        choiceChip(appChip, R.string.filter_app, filter.apps.map { screen.labels.name(it) })
        choiceChip(signalChip, R.string.filter_signal, filter.signals.map { screen.getString(signalName(it)) }.distinct())
        val words = screen.getString(R.string.consent_changes)
        changesChip.show(words, screen.getString(R.string.chip_filter_label, words), filter.showChanges, hasChoices = false)
        val gapWords = screen.getString(R.string.gaps)
        gapsChip.show(gapWords, screen.getString(R.string.chip_filter_label, gapWords), filter.showGaps, hasChoices = false)
    }

    private fun choiceChip(chip: Chip, name: Int, chosen: List<String>) {
        val what = screen.getString(name)
        val words = when (chosen.size) {
            0 -> what
            1 -> screen.getString(R.string.filter_one, what, chosen.single())
            else -> screen.getString(R.string.filter_many, what, Numbers.of(chosen.size))
        }
        val value = if (chosen.isEmpty()) screen.getString(R.string.filter_any) else screen.words.listed(chosen)
        chip.show(words, screen.getString(R.string.filter_label, what, value), chosen.isNotEmpty(), hasChoices = true)
    }

    private fun timeWords(time: LogTime): String = when (time) {
        LogTime.LastHour -> screen.getString(R.string.time_hour)
        LogTime.Today -> screen.getString(R.string.time_today)
        LogTime.Week -> screen.getString(R.string.time_7)
        LogTime.Month -> screen.getString(R.string.time_30)
        LogTime.All -> screen.getString(R.string.time_all)
        is LogTime.Day -> screen.times.head(time.ms)
    }

    private fun chooseTime() {
        val times = listOf(LogTime.LastHour, LogTime.Today, LogTime.Week, LogTime.Month, LogTime.All)
        Dialogs.choose(screen, R.string.tab_log, times.map { it to timeWords(it) }, filter.time) {
            narrow(filter.copy(time = it))
        }
    }

    /** What was tried in the time that is shown, for the lists of the filters. */
    private fun count(done: (LogCounts) -> Unit) =
        model.logCounts((filter.since(screen.times, model.nowMs) ?: 0).coerceAtLeast(0)) { read ->
            if (screen.isDestroyed) return@logCounts
            when (read) {
                is Outcome.Done -> done(read.value)
                is Outcome.Failed -> screen.messages.show(screen.sentence(read.failure))
            }
        }

    private fun chooseServices() = count { counts ->
        val tried = counted(counts.services.mapNotNull { (id, count) -> id?.let { it to count } }, filter.services)
        Dialogs.filter(
            screen,
            R.string.filter_service,
            tried.map { (id, count) -> id to withCount(serviceName(id), count) },
            filter.services,
        ) { narrow(filter.copy(services = it)) }
    }

    private fun chooseApps() = count { counts ->
        val seen = counted(counts.apps.mapNotNull { (app, count) -> app?.let { it to count } }, filter.apps)
        Dialogs.filter(
            screen,
            R.string.filter_app,
            seen.map { (app, count) -> app to withCount(screen.labels.name(app), count) },
            filter.apps,
        ) { narrow(filter.copy(apps = it)) }
    }

    private fun chooseSignals() = count { counts ->
        // Two signals may share a name: they are chosen together.
        val named = counted(counts.signals.mapNotNull { (signal, count) -> signal?.let { it to count } }, filter.signals)
            .groupBy { signalName(it.first) }.map { (name, all) -> Triple(name, all.map { it.first }, all.sumOf { it.second }) }
            .sortedByDescending { it.third }
        val chosen = named.map { it.second }.filter { all -> all.any { it in filter.signals } }.toSet()
        Dialogs.filter(
            screen,
            R.string.filter_signal,
            named.map { (name, signals, count) -> signals to withCount(screen.getString(name), count) },
            chosen,
        ) { narrow(filter.copy(signals = it.flatten().toSet())) }
    }

    /** The busiest first; what is chosen is in the list even when there was none of it. */
    private fun <T> counted(counts: List<Pair<T, Long>>, chosen: Set<T>): List<Pair<T, Long>> =
        counts.sortedByDescending { it.second } + chosen.filter { one -> counts.none { it.first == one } }.map { it to 0L }

    private fun withCount(name: String, count: Long) =
        screen.getString(R.string.two_parts, name, screen.resources.plural(R.plurals.attempts, count))

    private fun serviceName(id: String): String = state?.service(id)?.name ?: id

    override fun save(out: Bundle) {
        out.putBundle(FILTER, filter.write())
        (place ?: ListPlace.of(list)).save(out)
    }

    override fun restore(saved: Bundle) {
        filter = saved.getBundle(FILTER)?.let(LogFilter::read) ?: LogFilter()
        search.text = filter.search
        place = ListPlace.read(saved)
    }

    companion object {
        private const val FILTER = "filter"

        /** What a signal is called. */
        fun signalName(signal: Signal): Int = when (signal) {
            Signal.DNS_QUESTION -> R.string.signal_dns_question
            Signal.TLS_SNI, Signal.QUIC_SNI -> R.string.signal_name
            Signal.HTTP_HOST -> R.string.signal_http
            Signal.SIGNATURE -> R.string.signal_signature
            Signal.ADDRESS -> R.string.signal_address
            Signal.DNS_ANSWER -> R.string.signal_dns_answer
            Signal.APP -> R.string.signal_app
        }
    }
}
