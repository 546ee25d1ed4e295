package org.consentry.ui

import android.widget.BaseAdapter
import android.widget.ListView

/**
 * Rows whose targets are in them: what can be tapped is the row's own view and its switch, not the list's item, so that a screen
 * reader finds each target once.
 */
abstract class ListRows : BaseAdapter() {
    private var isJumping = false

    final override fun areAllItemsEnabled(): Boolean = false

    // Without touch a list jumps only to items that can be selected.
    final override fun isEnabled(position: Int): Boolean = isJumping

    /** Shows a row at once, so many pixels from the top; an empty list stays as it is. */
    fun jump(list: ListView, position: Int, offset: Int = 0) {
        if (isEmpty) return
        isJumping = true
        list.setSelectionFromTop(position.coerceIn(0, count - 1), offset)
        isJumping = false
    }
}
