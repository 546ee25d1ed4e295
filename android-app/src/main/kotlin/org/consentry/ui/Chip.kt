package org.consentry.ui

import android.content.Context
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.Button
import android.widget.TextView
import org.consentry.R

/** A filter: an outline when it is off, filled when it is on. With choices it has an arrow and names its value. */
class Chip(context: Context) : TextView(context, null, 0, R.style.Chip) {
    /** Shows its state: [icon] at the start, a tick where there is none and it is on. */
    fun show(words: CharSequence, label: CharSequence, isOn: Boolean, hasChoices: Boolean, icon: Int = 0) {
        text = words
        contentDescription = label
        isSelected = isOn
        val start = if (icon != 0) icon else if (isOn && !hasChoices) R.drawable.ic_check else 0
        val size = (ICON_DP * resources.displayMetrics.density).toInt()
        val drawables = listOf(start, if (hasChoices) R.drawable.ic_chevron_down else 0).map { id ->
            if (id == 0) null else context.getDrawable(id)?.mutate()?.apply { setBounds(0, 0, size, size) }
        }
        setCompoundDrawablesRelative(drawables[0], null, drawables[1], null)
    }

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        info.className = Button::class.java.name
    }

    private companion object {
        const val ICON_DP = 18
    }
}
