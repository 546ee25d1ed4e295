package org.consentry.ui

import android.text.Editable
import android.text.TextWatcher
import android.view.View
import android.view.inputmethod.InputMethodManager
import android.widget.EditText

/** A field to search with, and the button that empties it. */
class SearchField(private val input: EditText, private val clear: View, private val changed: (String) -> Unit) {
    private val tell = Runnable { changed(text) }

    /** What was typed. */
    var text: String
        get() = input.text.toString()
        set(value) {
            isQuiet = true
            input.setText(value)
            isQuiet = false
            clear.isShownHere = value.isNotEmpty()
        }

    private var isQuiet = false

    /** Whether something was typed. */
    val isOpen: Boolean get() = text.isNotEmpty()

    init {
        clear.setOnClickListener { close() }
        input.addTextChangedListener(object : TextWatcher {
            override fun beforeTextChanged(text: CharSequence?, start: Int, count: Int, after: Int) = Unit

            override fun onTextChanged(text: CharSequence?, start: Int, before: Int, count: Int) = Unit

            override fun afterTextChanged(text: Editable) {
                clear.isShownHere = text.isNotEmpty()
                if (isQuiet) return
                input.removeCallbacks(tell)
                input.postDelayed(tell, PAUSE_MS)
            }
        })
    }

    /** Empties it, and takes the keyboard away. */
    fun close() {
        input.removeCallbacks(tell)
        text = ""
        input.clearFocus()
        input.context.getSystemService(InputMethodManager::class.java)
            .hideSoftInputFromWindow(input.windowToken, 0)
        changed("")
    }

    private companion object {
        /** Between two letters nothing is looked up. */
        const val PAUSE_MS = 150L
    }
}
