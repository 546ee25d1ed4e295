package org.consentry.ui

import android.os.Bundle
import android.widget.ListView

/** Where in a list the owner was. */
class ListPlace(private val position: Int, private val offset: Int) {
    /** Goes back there. */
    fun restore(list: ListView) = (list.adapter as ListRows).jump(list, position, offset)

    fun save(out: Bundle) {
        out.putInt(POSITION, position)
        out.putInt(OFFSET, offset)
    }

    companion object {
        private const val POSITION = "position"
        private const val OFFSET = "offset"

        fun of(list: ListView) =
            ListPlace(list.firstVisiblePosition, list.getChildAt(0)?.let { it.top - list.paddingTop } ?: 0)

        fun read(saved: Bundle) = ListPlace(saved.getInt(POSITION), saved.getInt(OFFSET))
    }
}
