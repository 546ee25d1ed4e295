package org.consentry.ui

import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.widget.AdapterView
import android.widget.EditText
import android.widget.HorizontalScrollView
import android.widget.ImageView
import android.widget.ScrollView
import android.widget.TextView

/** What holds of every screen, whatever it shows. */
object ScreenRules {
    /** How large what can be tapped is at least, in dp. */
    private const val TARGET_DP = 48

    /** What is wrong with what is shown. */
    fun faults(root: View): List<String> = shown(root).flatMap { listOfNotNull(label(it), target(it), cut(it)) }

    /** All views that are shown, from the top. */
    fun shown(root: View): List<View> {
        if (root.visibility != View.VISIBLE) return emptyList()
        val children = if (root is ViewGroup) (0 until root.childCount).flatMap { shown(root.getChildAt(it)) } else emptyList()
        return listOf(root) + children
    }

    /** Everything that can be tapped says what it is; every picture says what it shows, or that it is decoration. */
    private fun label(view: View): String? {
        if (!view.isClickable && !view.isFocusable && view !is ImageView) return null
        if (view.importantForAccessibility == View.IMPORTANT_FOR_ACCESSIBILITY_NO) return null
        if (isHidden(view)) return null
        // What only scrolls, or holds others, is passed over.
        if (view is ViewGroup && !view.isClickable) return null
        if (view is AdapterView<*>) return null
        val words = spoken(view)
        return if (words.isBlank()) "says nothing: ${name(view)}" else null
    }

    private fun isHidden(view: View): Boolean = generateSequence(view.parent as? View) { it.parent as? View }
        .any { it.importantForAccessibility == View.IMPORTANT_FOR_ACCESSIBILITY_NO_HIDE_DESCENDANTS }

    /** What a screen reader says of a view: its label, its words, or those of what is in it. */
    fun spoken(view: View): String {
        @Suppress("DEPRECATION") // there is no other way before API 30
        val info = AccessibilityNodeInfo.obtain()
        view.onInitializeAccessibilityNodeInfo(info)
        val own = info.contentDescription ?: info.text ?: (view as? EditText)?.hint
        if (!own.isNullOrBlank()) return own.toString()
        if (view !is ViewGroup) return ""
        val parts = shown(view).drop(1).filter { !it.isClickable }
        return parts.joinToString(" ") { (it as? TextView)?.text ?: it.contentDescription ?: "" }
    }

    private fun target(view: View): String? {
        if (!view.isClickable || !view.isEnabled || view is EditText || view.width == 0) return null
        // A text that can be selected is no target; the message bar only keeps taps from what lies below it.
        if (view is TextView && view.isTextSelectable) return null
        if (!view.isFocusable) return null
        val density = view.resources.displayMetrics.density
        val (width, height) = (view.width / density) to (view.height / density)
        // Views that a list has scrolled off in part are whole all the same.
        return if (width < TARGET_DP || height < TARGET_DP) "$width x $height: ${name(view)}" else null
    }

    /** No text ends before its end, but a server's name in a list and the hint of a search. */
    private fun cut(view: View): String? {
        if (view !is TextView || view is EditText || view.text.isEmpty()) return null
        val layout = view.layout ?: return "not laid out: ${name(view)}"
        val isServer = view.id == org.consentry.R.id.host
        for (line in 0 until layout.lineCount) {
            if (layout.getEllipsisCount(line) > 0 && !isServer) return "ellipsis: ${name(view)}"
        }
        val room = view.height - view.compoundPaddingTop - view.compoundPaddingBottom
        if (layout.height > room + 1) return "cut at the bottom (${layout.height} > $room): ${name(view)}"
        val width = view.width - view.compoundPaddingLeft - view.compoundPaddingRight
        val widest = (0 until layout.lineCount).maxOf { layout.getLineMax(it) }
        if (widest > width + 1 && !isServer) return "cut at the side ($widest > $width): ${name(view)}"
        val parent = view.parent as? View ?: return null
        val isRolled = parent is ScrollView || parent is AdapterView<*>
        if (!isRolled && view.bottom > parent.height) return "outside of its parent, below: ${name(view)}"
        val isScrolled = parent is HorizontalScrollView || parent.parent is HorizontalScrollView
        if (!isScrolled && (view.left < 0 || view.right > parent.width)) return "outside of its parent: ${name(view)}"
        return null
    }

    private fun name(view: View): String {
        val id = if (view.id > 0) view.resources.getResourceEntryName(view.id) else "-"
        return "${view.javaClass.simpleName} $id \"${(view as? TextView)?.text ?: view.contentDescription ?: ""}\""
    }
}
