package org.consentry.ui

import android.os.Build
import android.view.View
import android.view.Window
import android.view.WindowInsets

/** Draws under the system's bars and keeps out of their way. */
internal object Insets {
    /** Lets the window take the whole screen. */
    @Suppress("DEPRECATION") // the flags are what there is before API 30
    fun edgeToEdge(window: Window) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            window.setDecorFitsSystemWindows(false)
        } else {
            window.decorView.systemUiVisibility = window.decorView.systemUiVisibility or
                View.SYSTEM_UI_FLAG_LAYOUT_STABLE or
                View.SYSTEM_UI_FLAG_LAYOUT_FULLSCREEN or
                View.SYSTEM_UI_FLAG_LAYOUT_HIDE_NAVIGATION
        }
    }

    /**
     * Pads [root] by the bars at the top and the sides, and leaves the bottom to [bottom]: how high the bar or the keyboard
     * there is, and whether it is the keyboard.
     */
    fun pad(root: View, bottom: (height: Int, isKeyboard: Boolean) -> Unit) {
        root.setOnApplyWindowInsetsListener { view, insets ->
            val bars = Bars.of(insets)
            view.setPadding(bars.left, bars.top, bars.right, 0)
            bottom(bars.bottom, bars.isKeyboard)
            insets
        }
        root.requestApplyInsets()
    }

    /** Pads [root] by the bars at the top and the sides, and [content] at its end. */
    fun padAll(root: View, content: View) {
        val own = content.paddingBottom
        pad(root) { height, _ ->
            content.setPadding(content.paddingLeft, content.paddingTop, content.paddingRight, own + height)
        }
    }

    private class Bars(val left: Int, val top: Int, val right: Int, val bottom: Int, val isKeyboard: Boolean) {
        companion object {
            @Suppress("DEPRECATION") // the calls are what there is before API 30
            fun of(insets: WindowInsets): Bars {
                if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
                    val keyboard = WindowInsets.Type.ime()
                    val all = insets.getInsets(
                        WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout() or keyboard,
                    )
                    return Bars(all.left, all.top, all.right, all.bottom, insets.isVisible(keyboard))
                }
                return Bars(
                    insets.systemWindowInsetLeft,
                    insets.systemWindowInsetTop,
                    insets.systemWindowInsetRight,
                    insets.systemWindowInsetBottom,
                    // What is stable is the bar; more than that is the keyboard.
                    insets.systemWindowInsetBottom > insets.stableInsetBottom,
                )
            }
        }
    }
}
