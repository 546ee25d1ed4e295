package org.consentry.ui

import android.app.Activity
import android.app.Dialog
import android.view.View
import android.widget.ScrollView
import org.consentry.engine.EngineState
import org.robolectric.RuntimeEnvironment
import org.robolectric.shadows.ShadowDialog

/** A test that draws screens: light and dark, at the usual and at twice the size of text, left and right, in other languages. */
abstract class PictureTest : ScreenTest() {
    /** A way to show a screen. */
    protected class Way(val name: String, val qualifiers: String, val fontScale: Float)

    protected val plain = Way("light", "", 1f)
    protected val ways = listOf(
        plain,
        Way("dark", "+night", 1f),
        Way("large", "", 2f),
        Way("arabic", "+ar-ldrtl", 1f),
        Way("arabic-large", "+ar-ldrtl", 2f),
        Way("chinese", "+zh-rCN", 1f),
        Way("chinese-large-dark", "+zh-rCN-night", 2f),
    )

    protected fun inAllWays(name: String, state: EngineState, show: () -> View) = ways.forEach { inOneWay(it, name, state, show) }

    /** In the ways that find most faults. */
    protected fun inSomeWays(name: String, state: EngineState, show: () -> View) =
        ways.filter { it.name in setOf("light", "arabic-large", "chinese-large-dark") }.forEach { inOneWay(it, name, state, show) }

    protected fun inOneWay(way: Way, name: String, state: EngineState, show: () -> View) {
        RuntimeEnvironment.setQualifiers("en-rGB-ldltr-w360dp-h640dp-notnight-xhdpi")
        if (way.qualifiers.isNotEmpty()) RuntimeEnvironment.setQualifiers(way.qualifiers)
        RuntimeEnvironment.setFontScale(way.fontScale)
        model.show(EngineState())
        model.show(state)
        picture(show(), "$name-${way.name}")
    }

    protected fun tab(tab: Int) = { openMain(tab).decor }

    /** The dialog that was shown last. */
    protected fun dialog(): View {
        idle()
        val dialog: Dialog = ShadowDialog.getLatestDialog()
        return dialog.window!!.decorView
    }

    /** A screen, scrolled down by a part of its length. */
    protected fun scrolled(activity: Activity, id: Int, part: Float): View {
        val scroll = activity.findViewById<ScrollView>(id)
        scroll.scrollTo(0, ((scroll.getChildAt(0).height - scroll.height) * part).toInt())
        idle()
        return activity.decor
    }
}
