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
    private val reader = LogReader(model, screen.times, ::fill)
    private val adapter = LogAdapter(screen, model, reader::more)
    private var filter = LogFilter()
    private var changes: List<ConsentChange> = emptyList()
    private var state: EngineState? = null
    private var place: ListPlace? = null

    /** The apps that were seen, for the filter's list. */
    private val apps = LinkedHashSet<String>()

    init {
        list.adapter = adapter
        list.itemsCanFocus = true
        view.findViewById<View>(R.id.share).apply {
            isShownHere = true
            setOnClickListener { share() }
        }
        timeChip.setOnClickListener { chooseTime() }
        serviceChip.setOnClickListener { chooseServices() }
        appChip.setOnClickListener { chooseApps() }
        signalChip.setOnClickListener { chooseSignals() }
        changesChip.setOnClickListener {
            filter = filter.copy(showChanges = !filter.showChanges)
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
        narrow(LogFilter(time = ms?.let(LogTime::Day) ?: filter.time, showChanges = filter.showChanges))
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
        reader.begin(filter.copy(named = servicesNamed(filter.search.trim())))
    }

    private fun readChanges() = model.history(null) { read ->
        if (read is Outcome.Done && !screen.isDestroyed) {
            changes = read.value
            if (!reader.isFresh) fill()
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
        val items = reader.book.items(shownChanges(), reader.hasMore)
        items.forEach { item -> (item as? LogItem.Row)?.entry?.attempt?.app?.split('+')?.let(apps::addAll) }
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

    private fun chooseServices() {
        val tried = state?.services.orEmpty().filter { it.wasTried || it.id in filter.services }
            .sortedByDescending { it.attempts7Days }
        Dialogs.filter(screen, R.string.filter_service, tried.map { it.id to it.name }, filter.services) {
            narrow(filter.copy(services = it))
        }
    }

    private fun chooseApps() {
        val choices = (apps + filter.apps).map { it to screen.labels.name(it) }.sortedBy { it.second }
        Dialogs.filter(screen, R.string.filter_app, choices, filter.apps) { narrow(filter.copy(apps = it)) }
    }

    private fun chooseSignals() {
        // Two signals may share a name: they are chosen together.
        val named = Signal.entries.groupBy(::signalName).values.toList()
        val chosen = named.filter { all -> all.any { it in filter.signals } }.toSet()
        Dialogs.filter(screen, R.string.filter_signal, named.map { it to screen.getString(signalName(it[0])) }, chosen) {
            narrow(filter.copy(signals = it.flatten().toSet()))
        }
    }

    private fun servicesNamed(text: String): Set<String> =
        state?.services.orEmpty().filter { text.isNotEmpty() && it.name.contains(text, ignoreCase = true) }.map { it.id }.toSet()

    private fun serviceName(id: String): String = state?.service(id)?.name ?: id

    private fun share() {
        val rows = reader.book.items(emptyList(), hasMore = false).filterIsInstance<LogItem.Row>().take(MOST_SHARED)
        val text = rows.joinToString("\n") { row ->
            val attempt = row.entry.attempt
            screen.getString(
                R.string.log_share_line,
                screen.times.moment(attempt.lastMs),
                attempt.service?.let(::serviceName) ?: screen.getString(R.string.no_service),
                attempt.host ?: attempt.address.orEmpty(),
                screen.words.times(attempt.count),
            )
        }
        if (text.isEmpty()) {
            screen.messages.show(screen.getString(R.string.log_empty))
            return
        }
        screen.share(text, screen.getString(R.string.log_share_title))
    }

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

        /** A text to share has to pass through the system, which refuses one of megabytes. */
        private const val MOST_SHARED = 500

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
