package org.consentry.ui

import android.content.Context
import android.os.Build
import android.util.AttributeSet
import android.view.LayoutInflater
import android.view.accessibility.AccessibilityManager
import android.widget.Button
import android.widget.FrameLayout
import android.widget.TextView
import org.consentry.R

/** Says what was just done, and lets it be taken back. One message at a time, for eight seconds or as long as the owner needs. */
class MessageBar(context: Context, attributes: AttributeSet? = null) : FrameLayout(context, attributes) {
    /** A button of a message. */
    class Action(val text: Int, val run: () -> Unit)

    private val text: TextView
    private val buttons: List<Button>
    private val hide = Runnable { hide() }

    /** Called when it comes or goes. */
    var onChange: () -> Unit = {}

    /** Whether there is a message. */
    val isUp: Boolean get() = visibility == VISIBLE

    init {
        LayoutInflater.from(context).inflate(R.layout.message_bar, this)
        text = findViewById(R.id.message_text)
        buttons = listOf(findViewById(R.id.message_first), findViewById(R.id.message_second))
    }

    /** Shows a message in the place of the one before. */
    fun show(message: CharSequence, vararg actions: Action) {
        removeCallbacks(hide)
        text.text = message
        findViewById<ButtonRow>(R.id.message_buttons).isShownHere = actions.isNotEmpty()
        buttons.forEachIndexed { index, button ->
            val action = actions.getOrNull(index)
            button.isShownHere = action != null
            if (action != null) {
                button.setText(action.text)
                button.setOnClickListener {
                    hide()
                    action.run()
                }
            }
        }
        visibility = VISIBLE
        onChange()
        postDelayed(hide, time(actions.isNotEmpty()))
    }

    /** Takes the message away. */
    fun hide() {
        removeCallbacks(hide)
        if (!isUp) return
        visibility = GONE
        onChange()
    }

    private fun time(hasButtons: Boolean): Long {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return SHOWN_MS.toLong()
        val content = AccessibilityManager.FLAG_CONTENT_TEXT or
            if (hasButtons) AccessibilityManager.FLAG_CONTENT_CONTROLS else 0
        val accessibility = context.getSystemService(AccessibilityManager::class.java)
        return accessibility.getRecommendedTimeoutMillis(SHOWN_MS, content).toLong()
    }

    private companion object {
        const val SHOWN_MS = 8000
    }
}
