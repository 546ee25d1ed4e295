package org.consentry.ui

import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.View
import android.widget.LinearLayout
import android.widget.Switch
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.EngineState

/** How the app looks, and what it is. */
class SettingsActivity : Screen() {
    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_settings)
        findViewById<TextView>(R.id.title).setText(R.string.settings)
        listOf(R.id.title, R.id.look_head, R.id.about_head).forEach { findViewById<TextView>(it).asHeading() }
        findViewById<View>(R.id.back).setOnClickListener { finish() }
        group(R.id.look_rows)
        group(R.id.about_rows)
        text(R.id.introduction, R.string.show_introduction, getString(R.string.show_introduction_text))
        row(R.id.introduction).setOnClickListener { startActivity(Intent(this, OnboardingActivity::class.java)) }
        text(R.id.licence, R.string.licence, getString(R.string.licence_text))
        text(R.id.privacy, R.string.privacy, getString(R.string.privacy_text))
        row(R.id.theme).setOnClickListener { Preferences.of(this).whenRead(::chooseTheme) }
        Insets.padAll(findViewById(R.id.root), findViewById(R.id.settings_scroll))
    }

    override fun onObserve() {
        whileShown(model.state.observe(::show))
        Preferences.of(this).whenRead(::show)
    }

    private fun show(state: EngineState) {
        text(R.id.version, R.string.version, state.status?.version ?: getString(R.string.version_unknown))
        text(
            R.id.catalogue,
            R.string.catalogue,
            resources.plural(R.plurals.services_count, state.services.size.toLong()),
        )
    }

    private fun show(remembered: Remembered) {
        if (isDestroyed) return
        text(R.id.theme, R.string.theme, getString(name(remembered.theme)))
        val wallpaper = findViewById<View>(R.id.wallpaper)
        wallpaper.isShownHere = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S
        text(R.id.wallpaper, R.string.wallpaper_colours, getString(R.string.wallpaper_colours_text))
        wallpaper.findViewById<Switch>(R.id.row_switch).apply {
            isChecked = remembered.wallpaperColours
            contentDescription = getString(R.string.wallpaper_colours)
            setOnClickListener {
                Preferences.of(this@SettingsActivity).change { it.copy(wallpaperColours = isChecked) }
                recreate()
            }
        }
        group(R.id.look_rows)
    }

    private fun chooseTheme(remembered: Remembered) {
        Dialogs.choose(this, R.string.theme, Theme.entries.map { it to getString(name(it)) }, remembered.theme) { theme ->
            Preferences.of(this).change { it.copy(theme = theme) }
            recreate()
        }
    }

    private fun name(theme: Theme): Int = when (theme) {
        Theme.PHONE -> R.string.theme_phone
        Theme.LIGHT -> R.string.theme_light
        Theme.DARK -> R.string.theme_dark
    }

    private fun row(id: Int): View = findViewById<View>(id).findViewById(R.id.row)

    private fun text(id: Int, name: Int, second: String) {
        val view = findViewById<View>(id)
        view.findViewById<TextView>(R.id.name).setText(name)
        view.findViewById<TextView>(R.id.second).text = second
    }

    /** One card of the rows that are shown. */
    private fun group(id: Int) {
        val group = findViewById<LinearLayout>(id)
        val rows = (0 until group.childCount).map(group::getChildAt).filter { it.isShownHere }
        rows.forEachIndexed { index, row -> (row as RowFrame).place(index == 0, index == rows.lastIndex) }
    }
}
