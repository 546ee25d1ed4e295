package org.consentry.ui

import android.content.Context
import android.util.AttributeSet
import android.util.TypedValue
import android.view.Gravity
import android.view.LayoutInflater
import android.view.View
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import org.consentry.R

/** The four tabs: a bar at the bottom, or a rail at the start of a wide screen. */
class TabBar(context: Context, attributes: AttributeSet? = null) : LinearLayout(context, attributes) {
    private class Item(val view: View, val name: Int) {
        val badge: TextView = view.findViewById(R.id.tab_badge)
    }

    private val items = ArrayList<Item>()

    /** Called with the tab that was tapped. */
    var onTap: (Int) -> Unit = {}

    /** Which tab is shown. */
    var shown: Int = 0
        set(value) {
            field = value
            items.forEachIndexed { index, item -> item.view.isSelected = index == value }
        }

    /** Adds a tab. */
    fun add(name: Int, icon: Int) {
        val index = items.size
        val view = Tab(context)
        LayoutInflater.from(context).inflate(R.layout.tab_item, view)
        view.findViewById<ImageView>(R.id.tab_icon).setImageResource(icon)
        view.findViewById<TextView>(R.id.tab_text).apply {
            setText(name)
            limitTextSize(TEXT_SP)
        }
        view.setOnClickListener { onTap(index) }
        addView(
            view,
            if (orientation == VERTICAL) {
                LayoutParams(LayoutParams.MATCH_PARENT, LayoutParams.WRAP_CONTENT)
            } else {
                LayoutParams(0, LayoutParams.WRAP_CONTENT, 1f)
            },
        )
        items += Item(view, name)
        items.forEachIndexed(::label)
        view.isSelected = index == shown
    }

    /** Shows how much there is to do on a tab; nothing for 0. */
    fun badge(index: Int, count: Int) {
        val item = items[index]
        item.badge.isShownHere = count > 0
        item.badge.text = Numbers.of(count)
        item.badge.limitTextSize(BADGE_SP)
        label(index, item)
    }

    private fun label(index: Int, item: Item) {
        val name = context.getString(item.name)
        val place = Numbers.of(index + 1)
        val count = Numbers.of(items.size)
        item.view.contentDescription = if (item.badge.isShownHere) {
            context.getString(R.string.tab_label_to_do, name, place, count, item.badge.text)
        } else {
            context.getString(R.string.tab_label, name, place, count)
        }
    }

    /** Four words have to fit side by side: they grow to one and a half of their size, no more. */
    private fun TextView.limitTextSize(sp: Float) {
        val scale = resources.configuration.fontScale.coerceAtMost(MOST_SCALE)
        setTextSize(TypedValue.COMPLEX_UNIT_DIP, sp * scale)
    }

    private class Tab(context: Context) : LinearLayout(context) {
        init {
            orientation = VERTICAL
            gravity = Gravity.CENTER_HORIZONTAL
            isClickable = true
            isFocusable = true
            setBackgroundResource(R.drawable.row_plain)
            val density = resources.displayMetrics.density
            minimumHeight = (HEIGHT_DP * density).toInt()
            setPadding(0, (TOP_DP * density).toInt(), 0, (TOP_DP * density).toInt())
        }

        override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
            super.onInitializeAccessibilityNodeInfo(info)
            info.className = Button::class.java.name
        }
    }

    private companion object {
        const val TEXT_SP = 12f
        const val BADGE_SP = 11f
        const val MOST_SCALE = 1.5f
        const val HEIGHT_DP = 64
        const val TOP_DP = 8
    }
}
