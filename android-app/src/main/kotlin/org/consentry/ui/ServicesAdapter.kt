package org.consentry.ui

import android.os.Build
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ImageView
import android.widget.Switch
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.Service

/** The rows of the list of services. */
class ServicesAdapter(
    private val screen: MainActivity,
    private val texts: ServiceTexts,
    private val on: Actions,
) : ListRows() {
    /** What the owner can do with a row. */
    interface Actions {
        fun open(service: Service)

        fun switch(service: Service, on: Boolean)

        fun fold(section: ServiceSection)
    }

    private sealed interface Item {
        data class Note(val banner: Banner) : Item

        data class Head(val section: ServiceSection) : Item

        data class Row(val service: Service, val first: Boolean, val last: Boolean) : Item
    }

    private val inflater = LayoutInflater.from(screen)
    private var items: List<Item> = emptyList()
    private var decisions = Decisions.UNKNOWN
    private var sections = ServiceSections()
    private var canSwitch = true

    /** Shows these sections. */
    fun fill(
        shown: List<ServiceSection>,
        decisions: Decisions,
        sections: ServiceSections,
        banner: Banner?,
        canSwitch: Boolean,
    ) {
        this.decisions = decisions
        this.sections = sections
        this.canSwitch = canSwitch
        items = buildList {
            if (banner != null && shown.isNotEmpty()) add(Item.Note(banner))
            for (section in shown) {
                add(Item.Head(section))
                if (section.isFolded) continue
                section.services.forEachIndexed { index, service ->
                    add(Item.Row(service, index == 0, index == section.services.lastIndex))
                }
            }
        }
        notifyDataSetChanged()
    }

    /** Where a service's row is; null when it is not shown. */
    fun positionOf(service: String): Int? =
        items.indexOfFirst { it is Item.Row && it.service.id == service }.takeIf { it >= 0 }

    override fun getCount(): Int = items.size

    override fun getItem(position: Int): Any = items[position]

    override fun getItemId(position: Int): Long = when (val item = items[position]) {
        is Item.Note -> 0
        is Item.Head -> item.section.key.hashCode().toLong()
        is Item.Row -> item.service.id.hashCode().toLong() + (1L shl 33)
    }

    override fun hasStableIds(): Boolean = true

    override fun getViewTypeCount(): Int = 3

    override fun getItemViewType(position: Int): Int = when (items[position]) {
        is Item.Note -> 0
        is Item.Head -> 1
        is Item.Row -> 2
    }

    override fun getView(position: Int, old: View?, parent: ViewGroup): View = when (val item = items[position]) {
        is Item.Note -> (old ?: inflater.inflate(R.layout.row_note, parent, false)).also { note(it, item.banner) }
        is Item.Head -> (old ?: inflater.inflate(R.layout.row_section, parent, false)).also { head(it, item.section) }
        is Item.Row -> (old ?: newRow(parent)).also { (it.tag as Row).show(item) }
    }

    private fun note(view: View, banner: Banner) {
        view.findViewById<TextView>(R.id.note_text).setText(banner.text)
        view.findViewById<Button>(R.id.note_action).apply {
            isShownHere = banner.action != null
            banner.action?.let(::setText)
            setOnClickListener { screen.turnOn() }
        }
    }

    private fun head(view: View, section: ServiceSection) {
        val title = view.findViewById<TextView>(R.id.section_title)
        val text = view.findViewById<TextView>(R.id.section_text)
        val count = view.findViewById<TextView>(R.id.section_count)
        val countBelow = view.findViewById<TextView>(R.id.section_count_below)
        val kind = section.kind
        title.text = when (kind) {
            ServiceSection.Kind.Needed -> screen.getString(R.string.needed)
            is ServiceSection.Kind.Maker -> kind.name
            is ServiceSection.Kind.For -> screen.getString(kind.purpose.text)
        }
        val second = when (kind) {
            ServiceSection.Kind.Needed -> R.string.needed_text
            is ServiceSection.Kind.Maker -> when {
                kind.isThisPhone -> R.string.this_maker_text
                kind.wasSeen -> null
                else -> R.string.not_seen_text
            }
            is ServiceSection.Kind.For -> if (kind.wasSeen) null else R.string.not_seen_text
        }
        text.isShownHere = second != null
        second?.let(text::setText)
        val words = screen.getString(R.string.a_of_b_on, Numbers.of(section.on), Numbers.of(section.total))
        count.isShownHere = !screen.isTextLarge
        countBelow.isShownHere = screen.isTextLarge
        count.text = words
        countBelow.text = words
        view.findViewById<ImageView>(R.id.section_fold)
            .setImageResource(if (section.isFolded) R.drawable.ic_chevron_down else R.drawable.ic_chevron_up)
        val heading = listOfNotNull(title.text, second?.let(screen::getString), words).reduce { all, next ->
            screen.getString(R.string.service_row_label, all, next)
        }
        view.contentDescription = screen.getString(R.string.heading, heading)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) view.isAccessibilityHeading = true
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            view.stateDescription =
                screen.getString(if (section.isFolded) R.string.section_folded else R.string.section_unfolded)
        }
        view.setOnClickListener { on.fold(section) }
    }

    private fun newRow(parent: ViewGroup): View {
        val layout = if (screen.isTextLarge) R.layout.row_service_large else R.layout.row_service
        return inflater.inflate(layout, parent, false).apply { tag = Row(this as RowFrame) }
    }

    private inner class Row(private val frame: RowFrame) {
        private val row: View = frame.findViewById(R.id.row)
        private val icon: ImageView = frame.findViewById(R.id.icon)
        private val name: TextView = frame.findViewById(R.id.name)
        private val second: TextView = frame.findViewById(R.id.second)
        private val switch = ConsentSwitch(frame.findViewById<Switch>(R.id.allow))

        fun show(item: Item.Row) {
            val service = item.service
            val match = sections.match(service)
            icon.setImageResource(Purpose.of(service.category).icon)
            icon.showAllowed(service.isAllowed)
            name.text = service.name
            second.text = if (match is ServiceSections.Match.ByHost) {
                screen.words.server(match.host)
            } else {
                texts.secondLine(service, decisions.about(service.id, service.isEssential))
            }
            switch.show(service, canSwitch) { on.switch(service, it) }
            row.contentDescription = screen.getString(R.string.service_row_label, service.name, second.text)
            row.setOnClickListener { on.open(service) }
            frame.place(item.first, item.last)
        }
    }
}
