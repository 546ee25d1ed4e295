package org.consentry.ui

import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.ConsentState
import org.consentry.engine.Service

/** What holds for one app. */
enum class AppChoice(val text: Int) {
    /** What holds for all apps. */
    AS_ABOVE(R.string.same_as_above),

    /** Allowed, though it may not be for others. */
    ALLOWED(R.string.app_allowed),
}

/** The lower half of a service's screen: what it tried to send, which apps, which servers, and the history of consent. */
class ServiceEvidenceView(private val view: View, private val screen: Screen, private val on: Actions) {
    /** What the owner can do here. */
    interface Actions {
        fun forApp(app: String, choice: AppChoice)
    }

    private val said: LinearLayout = view.findViewById(R.id.said)
    private val saidFoot: TextView = view.findViewById(R.id.said_foot)
    private val apps: LinearLayout = view.findViewById(R.id.apps)
    private val servers: LinearLayout = view.findViewById(R.id.servers)
    private val history: LinearLayout = view.findViewById(R.id.history)
    private var showsAllServers = false

    init {
        view.findViewById<FoldHead>(R.id.sources_head).folds(view.findViewById(R.id.sources))
        listOf(R.id.said_head, R.id.apps_head, R.id.servers_head, R.id.history_head).forEach {
            view.findViewById<TextView>(it).asHeading()
        }
    }

    /** Shows what was seen; null while it is being read. */
    fun show(service: Service, evidence: Evidence?) {
        showSaid(evidence)
        showApps(service, evidence)
        showServers(service, evidence)
    }

    private fun showSaid(evidence: Evidence?) {
        val rows = evidence?.said.orEmpty()
        fill(said, R.layout.row_evidence, rows.size) { index, row ->
            val item = rows[index]
            row.findViewById<ImageView>(R.id.icon).setImageResource(item.kind.icon)
            row.findViewById<TextView>(R.id.name).setText(item.kind.text)
            row.findViewById<TextView>(R.id.second).text = screen.getString(
                when (item.form) {
                    "hashed" -> R.string.scrambled_in
                    "placeholder" -> R.string.placeholder_in
                    else -> R.string.readable_in
                },
                screen.getString(item.place.text),
            )
            row.findViewById<TextView>(R.id.count).text = screen.words.times(item.count)
        }
        said.isShownHere = rows.isNotEmpty()
        saidFoot.setText(
            when {
                evidence == null -> R.string.loading_evidence
                rows.isEmpty() -> R.string.nothing_readable
                else -> R.string.never_stores
            },
        )
    }

    private fun showApps(service: Service, evidence: Evidence?) {
        val allowed = (service.consent as? ConsentState.ForApps)?.packages.orEmpty()
        val seen = evidence?.apps.orEmpty()
        val unseen = allowed.filter { app -> seen.none { it.app == app } }.map { Evidence.App(it, 0) }
        val rows = seen + unseen
        fill(apps, R.layout.row_app, rows.size) { index, row ->
            val item = rows[index]
            val name = screen.labels.name(item.app)
            val icon = screen.labels.icon(item.app)
            row.findViewById<ImageView>(R.id.icon).apply {
                setImageResource(R.drawable.ic_app)
                isShownHere = icon == null
            }
            row.findViewById<ImageView>(R.id.app_icon).apply {
                setImageDrawable(icon)
                isShownHere = icon != null
            }
            row.findViewById<TextView>(R.id.name).text = name
            row.findViewById<TextView>(R.id.second).text = screen.resources.plural(R.plurals.attempts, item.count)
            showChoice(row.findViewById(R.id.choice), service, item.app, name, allowed)
        }
        apps.isShownHere = rows.isNotEmpty()
        view.findViewById<View>(R.id.apps_none).isShownHere = evidence != null && rows.isEmpty()
    }

    /** Only a single package can have a consent of its own. */
    private fun showChoice(chip: TextView, service: Service, app: String?, name: String, allowed: List<String>) {
        val single = app?.takeIf { '+' !in it && ':' !in it }
        val isDecidedForAll = service.isEssential || (service.isAllowed && service.consent !is ConsentState.ForApps)
        chip.isShownHere = single != null && !isDecidedForAll
        if (single == null || isDecidedForAll) return
        val now = if (single in allowed) AppChoice.ALLOWED else AppChoice.AS_ABOVE
        // Held back "as above": some apps are allowed, and this one is not.
        val words = screen.getString(
            if (now == AppChoice.AS_ABOVE && allowed.isNotEmpty()) R.string.app_held_back else now.text,
        )
        chip.text = words
        chip.contentDescription = screen.getString(R.string.app_choice_label, name, words)
        chip.setOnClickListener {
            Dialogs.choose(
                screen,
                R.string.apps,
                AppChoice.entries.map { it to screen.getString(it.text) },
                now,
            ) { if (it != now) on.forApp(single, it) }
        }
    }

    private fun showServers(service: Service, evidence: Evidence?) {
        val seen = evidence?.servers.orEmpty()
        val listed = (service.hosts + service.addresses).filter { host -> seen.none { it.name == host } }
            .map { Evidence.Server(it, emptyList(), 0) }
        val all = seen + listed
        val rows = if (showsAllServers) all else all.take(FEW_SERVERS)
        fill(servers, R.layout.row_server, rows.size) { index, row ->
            val item = rows[index]
            row.findViewById<TextView>(R.id.name).text = item.name
            row.findViewById<TextView>(R.id.second).apply {
                val seenHow = when {
                    item.ports.isNotEmpty() -> ports(item.ports)
                    item.count > 0 -> screen.getString(R.string.look_up_only)
                    else -> screen.getString(R.string.no_attempts_yet)
                }
                val isLikely = service.likelyHosts.any { fits(item.name, it) }
                text = if (isLikely) screen.getString(R.string.two_parts, seenHow, screen.getString(R.string.likely)) else seenHow
            }
            row.findViewById<TextView>(R.id.count).apply {
                isShownHere = item.count > 0
                text = screen.words.times(item.count)
            }
        }
        view.findViewById<TextView>(R.id.servers_all).apply {
            isShownHere = rows.size < all.size
            text = screen.getString(R.string.show_all_n, Numbers.of(all.size))
            setOnClickListener {
                showsAllServers = true
                showServers(service, evidence)
            }
        }
        view.findViewById<View>(R.id.servers_head).isShownHere = all.isNotEmpty()
        view.findViewById<View>(R.id.sources_card).isShownHere = service.sources.isNotEmpty()
        view.findViewById<TextView>(R.id.sources).text = service.sources.joinToString("\n", transform = screen.words::server)
    }

    /** Whether a server belongs to a pattern of the catalogue: `*.` stands for all below. */
    private fun fits(server: String, pattern: String): Boolean =
        server == pattern || (pattern.startsWith("*.") && server.endsWith(pattern.drop(1)))

    private fun ports(all: List<Int>): String {
        val words = all.map { it.toString() }
        val listed = if (words.size == 2) screen.getString(R.string.list_two, words[0], words[1]) else screen.words.listed(words)
        return screen.resources.getQuantityString(R.plurals.ports, words.size, listed)
    }

    /** Shows the ledger's part about the service. */
    fun showHistory(service: Service, decisions: Decisions) {
        val changes = decisions.of(service.id).take(MOST_HISTORY)
        val words = HistoryWords(screen, screen.times, screen.labels)
        fill(history, R.layout.row_history, changes.size) { index, row ->
            val change = changes[index]
            row.findViewById<TextView>(R.id.name).text = words.what(change, decisions, service.isEssential)
            row.findViewById<TextView>(R.id.second).text = words.how(change)
            row.findViewById<TextView>(R.id.time).text = screen.times.moment(change.timeMs)
        }
        history.isShownHere = changes.isNotEmpty()
        view.findViewById<View>(R.id.history_none).isShownHere = changes.isEmpty()
    }

    private fun fill(group: LinearLayout, layout: Int, size: Int, show: (Int, View) -> Unit) {
        while (group.childCount > size) group.removeViewAt(group.childCount - 1)
        while (group.childCount < size) {
            val row = LayoutInflater.from(screen).inflate(layout, group, false)
            if (screen.isTextLarge) stack(row)
            group.addView(row)
        }
        for (index in 0 until size) {
            val row = group.getChildAt(index)
            show(index, row)
            (row as RowFrame).place(index == 0, index == size - 1)
        }
    }

    /** With large text what stands at the end moves below the words. */
    private fun stack(row: View) {
        val end = listOf(R.id.count, R.id.choice, R.id.time).firstNotNullOfOrNull { row.findViewById<View?>(it) } ?: return
        (end.parent as ViewGroup).removeView(end)
        val wrap = LinearLayout.LayoutParams.WRAP_CONTENT
        row.findViewById<LinearLayout>(R.id.texts).addView(end, LinearLayout.LayoutParams(wrap, wrap))
    }

    private companion object {
        const val FEW_SERVERS = 5
        const val MOST_HISTORY = 50
    }
}
