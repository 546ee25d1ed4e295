package org.consentry.ui

import android.content.Context
import android.content.res.ColorStateList
import android.view.Gravity
import android.view.LayoutInflater
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.Switch
import android.widget.TextView
import org.consentry.R

/** Puts heads, texts and rows below each other; the rows between two heads are one card. */
class PageRows(private val column: LinearLayout) {
    private val context: Context = column.context
    private val inflater = LayoutInflater.from(context)
    private val groups = ArrayList<ArrayList<PageRow>>()

    /** Takes all away. */
    fun clear() {
        column.removeAllViews()
        groups.clear()
    }

    /** Begins a group with a head. */
    fun head(words: CharSequence): TextView {
        val view = inflater.inflate(R.layout.page_head, column, false) as TextView
        view.text = words
        view.asHeading()
        column.addView(view)
        groups.add(ArrayList())
        return view
    }

    /** A few words above or below a group; the rows that follow are a group of their own. */
    fun text(words: CharSequence): TextView = words(R.layout.page_text, words)

    /** Something to read, on a card. */
    fun prose(words: CharSequence): TextView = words(R.layout.page_prose, words)

    private fun words(layout: Int, words: CharSequence): TextView {
        val view = inflater.inflate(layout, column, false) as TextView
        view.text = words
        column.addView(view)
        groups.add(ArrayList())
        return view
    }

    /** A row that only says something. */
    fun fact(name: CharSequence): PageRow = row(name)

    /** A row that leads to another page. */
    fun open(name: CharSequence, run: () -> Unit): PageRow = row(name).apply { leads(R.drawable.ic_chevron_end, run) }

    /** A row that asks which of several. */
    fun choice(name: CharSequence, run: () -> Unit): PageRow = row(name).apply { leads(R.drawable.ic_chevron_down, run) }

    /** A row that does something at once. */
    fun act(name: CharSequence, run: () -> Unit): PageRow = row(name).apply { leads(0, run) }

    /** A row with a switch, which shows what holds; [run] is told what is asked for. */
    fun switch(name: CharSequence, run: (Boolean) -> Unit): PageRow = row(name).apply { switches(run) }

    private fun row(name: CharSequence): PageRow {
        val view = inflater.inflate(R.layout.row_setting, column, false) as RowFrame
        column.addView(view)
        val row = PageRow(view, name)
        if (groups.isEmpty()) groups.add(ArrayList())
        groups.last().add(row)
        return row
    }

    /** Gives each group its corners. To be called when rows were added, shown or hidden. */
    fun place() = groups.forEach { group ->
        val shown = group.filter { it.isShown }
        shown.forEachIndexed { index, row -> row.place(index == 0, index == shown.lastIndex) }
    }
}

/** A row of a page. */
class PageRow(private val frame: RowFrame, name: CharSequence) {
    private val row: View = frame.findViewById(R.id.row)
    private val nameView: TextView = frame.findViewById(R.id.name)
    private val secondView: TextView = frame.findViewById(R.id.second)
    private val switch: Switch = frame.findViewById(R.id.row_switch)
    private val button: Button = frame.findViewById(R.id.row_button)

    init {
        nameView.text = name
        secondView.isShownHere = false
    }

    /** What stands below the name. */
    var second: CharSequence? = null
        set(value) {
            field = value
            secondView.isShownHere = !value.isNullOrEmpty()
            if (secondView.text.toString() != value?.toString().orEmpty()) secondView.text = value
        }

    /** Whether it is there. */
    var isShown: Boolean
        get() = frame.isShownHere
        set(value) {
            frame.isShownHere = value
        }

    /** Whether the switch is on. */
    var isOn: Boolean
        get() = switch.isChecked
        set(value) {
            switch.isChecked = value
        }

    /** Whether it can be used now. */
    var isEnabled: Boolean
        get() = row.isEnabled
        set(value) {
            listOf(row, switch, button).forEach { it.isEnabled = value }
            val alpha = if (value) 1f else FAINT
            listOf(nameView, secondView).forEach { it.alpha = alpha }
        }

    /** A picture at the start. */
    fun picture(show: (ImageView) -> Unit) {
        val picture = ImageView(frame.context, null, 0, R.style.Icon_Circle)
        val size = (PICTURE_DP * frame.resources.displayMetrics.density).toInt()
        val layout = LinearLayout.LayoutParams(size, size)
        layout.marginEnd = (GAP_DP * frame.resources.displayMetrics.density).toInt()
        (row as LinearLayout).addView(picture, 0, layout)
        show(picture)
    }

    /** A tick at the end: it is done. */
    fun tick() {
        frame.findViewById<ImageView>(R.id.row_arrow).apply {
            isShownHere = true
            setImageResource(R.drawable.ic_check)
            imageTintList = ColorStateList.valueOf(context.colour(R.attr.primary))
        }
    }

    /** A button at the end. */
    fun button(words: CharSequence, label: CharSequence, run: () -> Unit) {
        if (!button.isShownHere && frame.resources.configuration.fontScale >= Screen.LARGE_TEXT) stack()
        button.isShownHere = true
        button.text = words
        button.contentDescription = label
        button.setOnClickListener { run() }
    }

    /** With large text the button stands below the words. */
    private fun stack() {
        (row as LinearLayout).removeView(button)
        val wrap = LinearLayout.LayoutParams.WRAP_CONTENT
        frame.findViewById<LinearLayout>(R.id.texts)
            .addView(button, LinearLayout.LayoutParams(wrap, wrap).apply { gravity = Gravity.END })
    }

    internal fun leads(arrow: Int, run: () -> Unit) {
        frame.findViewById<ImageView>(R.id.row_arrow).apply {
            isShownHere = arrow != 0
            if (arrow != 0) setImageResource(arrow)
        }
        row.setOnClickListener { run() }
    }

    internal fun switches(run: (Boolean) -> Unit) {
        switch.isShownHere = true
        switch.contentDescription = nameView.text
        switch.setOnClickListener {
            // It shows what holds; what was asked for shows when it is done.
            val wanted = switch.isChecked
            switch.isChecked = !wanted
            run(wanted)
        }
    }

    internal fun place(first: Boolean, last: Boolean) {
        frame.place(first, last)
        // A row that leads nowhere is read as one, and takes no taps.
        if (!row.hasOnClickListeners()) {
            row.isClickable = false
            row.isFocusable = false
        }
    }

    private companion object {
        const val FAINT = 0.38f
        const val PICTURE_DP = 40
        const val GAP_DP = 14
    }
}
