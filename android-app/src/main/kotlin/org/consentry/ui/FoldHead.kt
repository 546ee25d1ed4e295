package org.consentry.ui

import android.content.Context
import android.os.Build
import android.util.AttributeSet
import android.view.View
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.Button
import android.widget.TextView
import org.consentry.R

/** The head of something that can be folded away. */
class FoldHead(context: Context, attributes: AttributeSet? = null) :
    TextView(context, attributes, 0, R.style.FoldHead) {
    private var folded: View? = null

    /** Whether what lies below is shown. */
    var isOpen = false
        set(value) {
            field = value
            folded?.isShownHere = value
            setCompoundDrawablesRelativeWithIntrinsicBounds(
                0,
                0,
                if (value) R.drawable.ic_chevron_up else R.drawable.ic_chevron_down,
                0,
            )
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
                stateDescription = context.getString(if (value) R.string.section_unfolded else R.string.section_folded)
            }
        }

    /** Folds [content]. */
    fun folds(content: View) {
        folded = content
        isOpen = isOpen
        setOnClickListener { isOpen = !isOpen }
    }

    override fun onInitializeAccessibilityNodeInfo(info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(info)
        info.className = Button::class.java.name
        info.addAction(
            if (isOpen) {
                AccessibilityNodeInfo.AccessibilityAction.ACTION_COLLAPSE
            } else {
                AccessibilityNodeInfo.AccessibilityAction.ACTION_EXPAND
            },
        )
    }

    override fun performAccessibilityAction(action: Int, arguments: android.os.Bundle?): Boolean = when (action) {
        AccessibilityNodeInfo.ACTION_COLLAPSE, AccessibilityNodeInfo.ACTION_EXPAND -> {
            isOpen = action == AccessibilityNodeInfo.ACTION_EXPAND
            true
        }
        else -> super.performAccessibilityAction(action, arguments)
    }
}
