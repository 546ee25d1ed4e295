package org.consentry.ui

import android.content.res.ColorStateList
import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.ImageView
import android.widget.ListView
import android.widget.Switch
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Outcome

/** The apps, with a switch each: servers that the catalogue does not know are held back from them, too. */
class StrictActivity : Screen() {
    private lateinit var empty: EmptyView
    private lateinit var messages: MessageBar
    private lateinit var search: SearchField
    private val adapter = Apps()
    private var apps: List<InstalledApp>? = null

    /** Those that were strict when the page was opened stand first, and stay there while it is open. */
    private var strictFirst: Set<String>? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_strict)
        findViewById<TextView>(R.id.title).apply {
            setText(R.string.strict)
            asHeading()
        }
        findViewById<TextView>(R.id.subtitle).apply {
            isShownHere = true
            setText(R.string.strict_explained)
        }
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        empty = EmptyView(findViewById(R.id.strict_empty))
        messages = findViewById(R.id.messages)
        search = SearchField(findViewById(R.id.strict_search), findViewById(R.id.strict_search_clear)) { show(model.state.value) }
        findViewById<ListView>(R.id.strict_list).apply {
            adapter = this@StrictActivity.adapter
            itemsCanFocus = true
        }
        Insets.padAll(findViewById(R.id.root), findViewById(R.id.frame))
        empty.reading(R.string.loading_apps)
        InstalledApp.read(this) {
            if (isDestroyed) return@read
            apps = it
            show(model.state.value)
        }
    }

    override fun onObserve() = whileShown(model.state.observe(::show))

    private fun show(state: EngineState) {
        val apps = apps ?: return
        val strict = state.status?.strictApps ?: return
        val first = strictFirst ?: strict.toSet().also { strictFirst = it }
        val sought = search.text.trim()
        // An app that has gone may be strict still.
        val gone = strict.filter { name -> apps.none { it.packageName == name } }.map { InstalledApp(it, it) }
        val found = (apps + gone)
            .filter { it.label.contains(sought, ignoreCase = true) || it.packageName.contains(sought, ignoreCase = true) }
            .sortedWith(compareBy({ it.packageName !in first }, { it.label.lowercase() }))
        adapter.fill(found, strict.toSet())
        if (found.isEmpty()) empty.nothing(R.drawable.ic_search, getString(R.string.no_app_matches, sought)) else empty.hide()
    }

    private fun set(app: InstalledApp, on: Boolean) {
        // Strict mode holds more back; without it more is let through.
        if (on) change(app, on = true) else lock.before { change(app, on = false) }
    }

    private fun change(app: InstalledApp, on: Boolean) = model.strict(app.packageName, on) {
        if (it is Outcome.Failed && !isDestroyed) messages.show(sentence(it.failure))
    }

    private inner class Apps : ListRows() {
        private var items: List<InstalledApp> = emptyList()
        private var strict: Set<String> = emptySet()

        fun fill(items: List<InstalledApp>, strict: Set<String>) {
            this.items = items
            this.strict = strict
            notifyDataSetChanged()
        }

        override fun getCount(): Int = items.size

        override fun getItem(position: Int): Any = items[position]

        override fun getItemId(position: Int): Long = position.toLong()

        override fun getView(position: Int, old: View?, parent: ViewGroup): View {
            val view = old ?: LayoutInflater.from(this@StrictActivity).inflate(R.layout.row_app_switch, parent, false)
            val app = items[position]
            val icon = labels.icon(app.packageName)
            view.findViewById<ImageView>(R.id.app_icon).apply {
                if (icon == null) setImageResource(R.drawable.ic_app) else setImageDrawable(icon)
                imageTintList = if (icon == null) ColorStateList.valueOf(colour(R.attr.textSecond)) else null
            }
            view.findViewById<TextView>(R.id.name).text = app.label
            view.findViewById<TextView>(R.id.second).text = words.server(app.packageName)
            view.findViewById<Switch>(R.id.row_switch).apply {
                isChecked = app.packageName in strict
                jumpDrawablesToCurrentState()
                contentDescription = getString(R.string.strict_label, app.label)
                setOnClickListener {
                    val wanted = isChecked
                    isChecked = !wanted
                    set(app, wanted)
                }
            }
            (view as RowFrame).place(position == 0, position == items.lastIndex)
            return view
        }
    }
}
