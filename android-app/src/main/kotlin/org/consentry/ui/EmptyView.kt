package org.consentry.ui

import android.content.res.ColorStateList
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import org.consentry.R

/** Says why a list is empty, that it is being read, or that it could not be. */
class EmptyView(private val view: View) {
    private val progress: View = view.findViewById(R.id.empty_progress)
    private val icon: ImageView = view.findViewById(R.id.empty_icon)
    private val text: TextView = view.findViewById(R.id.empty_text)
    private val action: Button = view.findViewById(R.id.empty_action)
    private val showProgress = Runnable { view.isShownHere = true }

    /** There is something in the list. */
    fun hide() {
        view.removeCallbacks(showProgress)
        view.isShownHere = false
    }

    /** It is being read; said only if it takes a moment. */
    fun reading(words: Int) {
        if (progress.isShownHere && view.isShownHere) return
        hide()
        progress.isShownHere = true
        icon.isShownHere = false
        action.isShownHere = false
        text.setText(words)
        view.postDelayed(showProgress, MOMENT_MS)
    }

    /** There is nothing; [run] may help. */
    fun nothing(image: Int, words: CharSequence, button: Int? = null, run: () -> Unit = {}) =
        say(image, words, R.attr.high, R.attr.textSecond, button, run)

    /** It could not be read. */
    fun failed(words: CharSequence, button: Int = R.string.try_again, run: () -> Unit) =
        say(R.drawable.ic_warning, words, R.attr.attention, R.attr.onAttention, button, run)

    private fun say(image: Int, words: CharSequence, ground: Int, colour: Int, button: Int?, run: () -> Unit) {
        view.removeCallbacks(showProgress)
        progress.isShownHere = false
        icon.isShownHere = true
        icon.setImageResource(image)
        icon.backgroundTintList = ColorStateList.valueOf(view.context.colour(ground))
        icon.imageTintList = ColorStateList.valueOf(view.context.colour(colour))
        if (text.text.toString() != words.toString()) text.text = words
        action.isShownHere = button != null
        button?.let(action::setText)
        action.setOnClickListener { run() }
        view.isShownHere = true
    }

    private companion object {
        const val MOMENT_MS = 150L
    }
}
