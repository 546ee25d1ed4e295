package org.consentry.ui

import android.os.Bundle
import android.view.ViewGroup
import android.widget.LinearLayout
import android.widget.ListView
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.StoreState
import org.consentry.health.Phone

/** All services, with a switch each. */
class ServicesTab(screen: MainActivity, parent: ViewGroup, private val model: ConsentryModel) :
    Tab(screen, parent, R.layout.tab_services, R.string.tab_services) {
    private val list: ListView = view.findViewById(R.id.services_list)
    private val empty = EmptyView(view.findViewById(R.id.services_empty))
    private val search = SearchField(
        view.findViewById(R.id.services_search),
        view.findViewById(R.id.services_search_clear),
    ) {
        sections = sections.copy(query = it)
        fill(toTop = true)
        screen.backMayHaveChanged()
    }
    private val chips: LinearLayout = view.findViewById(R.id.services_chips)
    private val orderChip = Chip(screen).also(chips::addView)
    private val filterChips = ServiceFilter.entries.associateWith { Chip(screen).also(chips::addView) }
    private val actions: ConsentActions = ConsentActions(screen, model, screen.messages, ::fillAgain)
    private val texts = ServiceTexts(screen, screen.times)
    private val adapter: ServicesAdapter = ServicesAdapter(screen, texts, object : ServicesAdapter.Actions {
        override fun open(service: Service) = screen.openService(service.id)

        override fun switch(service: Service, on: Boolean) {
            touched = service.id
            actions.switch(service, on)
        }

        override fun fold(section: ServiceSection) {
            sections = sections.copy(folds = sections.folds + (section.key to !section.isFolded))
            fill(toTop = false)
        }
    })
    private var sections = ServiceSections(phoneMaker = Phone.THIS.vendor)
    private var decisions = Decisions.UNKNOWN
    private var state: EngineState? = null
    private var place: ListPlace? = null

    /** The service whose switch was moved last: a message about it must not cover it. */
    private var touched: String? = null
    private val ownPadding = list.paddingBottom

    init {
        list.adapter = adapter
        list.itemsCanFocus = true
        orderChip.setOnClickListener {
            Dialogs.choose(
                screen,
                R.string.tab_services,
                listOf(
                    ServiceOrder.MAKER to screen.getString(R.string.by_maker),
                    ServiceOrder.PURPOSE to screen.getString(R.string.by_purpose),
                ),
                sections.order,
            ) {
                sections = sections.copy(order = it)
                fill(toTop = true)
            }
        }
        filterChips.forEach { (filter, chip) ->
            chip.setOnClickListener {
                if (filter == ServiceFilter.NEW) {
                    showNew()
                } else {
                    sections = sections.copy(filter = filter)
                    fill(toTop = true)
                }
            }
        }
    }

    /** Shows the services that are new in the catalogue. From the next start on they are not. */
    fun showNew() {
        search.text = ""
        sections = sections.copy(filter = ServiceFilter.NEW, query = "")
        fill(toTop = true)
        screen.newServicesSeen()
    }

    override fun show(state: EngineState) {
        // What was new when the screen was opened stays so while it is shown.
        val new = Preferences.of(screen).now?.newIn(state.services).orEmpty().map { it.id }
        sections = sections.copy(new = sections.new + new)
        val isNew = state.services !== this.state?.services
        this.state = state
        fill(toTop = false)
        if (isNew) readDecisions()
    }

    override fun scrollToTop() = list.smoothScrollToPosition(0)

    override fun onMessage(height: Int) {
        list.setPadding(list.paddingLeft, list.paddingTop, list.paddingRight, ownPadding + height)
        val position = touched?.let(adapter::positionOf) ?: return
        val row = list.getChildAt(position - list.firstVisiblePosition) ?: return
        val hidden = row.bottom - (list.height - height)
        if (height > 0 && hidden > 0) list.smoothScrollBy(hidden, SCROLL_MS)
    }

    override val canGoBack: Boolean get() = search.isOpen

    override fun goBack() = search.close()

    private fun readDecisions() = model.history(null) { changes ->
        if (changes is Outcome.Done && !screen.isDestroyed) {
            decisions = Decisions(changes.value)
            fill(toTop = false)
        }
    }

    /** A switch was moved, but nothing was done: it goes back. */
    private fun fillAgain() = adapter.notifyDataSetChanged()

    private fun fill(toTop: Boolean) {
        val state = state ?: return
        val shown = sections.of(state.services)
        adapter.fill(shown, decisions, sections, Banner.of(state), state.store is StoreState.Open)
        showChips(state.services)
        showEmpty(state, shown.isEmpty())
        if (toTop) adapter.jump(list, 0)
        if (shown.isNotEmpty()) {
            place?.restore(list)
            place = null
        }
    }

    private fun showChips(services: List<Service>) {
        val order = screen.getString(if (sections.order == ServiceOrder.MAKER) R.string.by_maker else R.string.by_purpose)
        orderChip.show(order, screen.getString(R.string.chip_order_label, order), isOn = false, hasChoices = true)
        for ((filter, chip) in filterChips) {
            val taken = services.count { filter.takes(it, sections.new) }
            chip.isShownHere = filter != ServiceFilter.NEW || taken > 0
            val count = Numbers.of(taken)
            val words = screen.getString(
                when (filter) {
                    ServiceFilter.ALL -> R.string.chip_all
                    ServiceFilter.NEW -> R.string.chip_new
                    ServiceFilter.TRIED -> R.string.chip_tried
                    ServiceFilter.ALLOWED -> R.string.chip_allowed
                    ServiceFilter.KEPT_BLOCKED -> R.string.chip_kept_blocked
                },
                count,
            )
            chip.show(words, screen.getString(R.string.chip_filter_label, words), filter == sections.filter, hasChoices = false)
        }
    }

    private fun showEmpty(state: EngineState, isEmpty: Boolean) {
        val store = state.store
        when {
            !isEmpty -> empty.hide()
            store is StoreState.Unreadable -> empty.failed(screen.sentence(store.failure)) { model.open() }
            state.services.isEmpty() -> empty.reading(R.string.loading_services)
            sections.query.isNotBlank() -> empty.nothing(
                R.drawable.ic_search,
                screen.getString(R.string.no_service_matches, sections.query.trim()),
                R.string.clear,
            ) { search.close() }
            else -> empty.nothing(
                R.drawable.ic_services,
                screen.getString(
                    when (sections.filter) {
                        ServiceFilter.TRIED, ServiceFilter.ALL, ServiceFilter.NEW -> R.string.none_tried
                        ServiceFilter.ALLOWED -> R.string.none_allowed
                        ServiceFilter.KEPT_BLOCKED -> R.string.none_kept_blocked
                    },
                ),
                R.string.show_all_services,
            ) {
                sections = sections.copy(filter = ServiceFilter.ALL)
                fill(toTop = true)
            }
        }
    }

    override fun save(out: Bundle) {
        out.putString(ORDER, sections.order.name)
        out.putString(FILTER, sections.filter.name)
        out.putString(QUERY, sections.query)
        out.putStringArray(FOLDED, sections.folds.filterValues { it }.keys.toTypedArray())
        out.putStringArray(UNFOLDED, sections.folds.filterValues { !it }.keys.toTypedArray())
        (place ?: ListPlace.of(list)).save(out)
    }

    override fun restore(saved: Bundle) {
        sections = sections.copy(
            order = ServiceOrder.entries.find { it.name == saved.getString(ORDER) } ?: ServiceOrder.MAKER,
            filter = ServiceFilter.entries.find { it.name == saved.getString(FILTER) } ?: ServiceFilter.ALL,
            query = saved.getString(QUERY).orEmpty(),
            folds = saved.getStringArray(FOLDED).orEmpty().associateWith { true } +
                saved.getStringArray(UNFOLDED).orEmpty().associateWith { false },
        )
        search.text = sections.query
        place = ListPlace.read(saved)
    }

    private companion object {
        const val ORDER = "order"
        const val FILTER = "filter"
        const val QUERY = "query"
        const val FOLDED = "folded"
        const val SCROLL_MS = 150
        const val UNFOLDED = "unfolded"
    }
}
