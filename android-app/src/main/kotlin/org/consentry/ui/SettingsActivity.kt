package org.consentry.ui

import android.content.Intent
import android.net.Uri
import android.os.Build
import android.os.Bundle
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome
import org.consentry.engine.Retention
import org.consentry.health.SystemPages
import org.consentry.vpn.Screens

/** What the owner can set, and what the app is. */
class SettingsActivity : PageScreen(R.string.settings) {
    private lateinit var asks: PageRow
    private lateinit var muted: PageRow
    private lateinit var strict: PageRow
    private lateinit var screenLock: PageRow
    private lateinit var keep: PageRow
    private lateinit var logExport: LogExport
    private val receiptExport by lazy { ReceiptExport(this, model) }
    private lateinit var theme: PageRow
    private lateinit var wallpaper: PageRow
    private lateinit var language: PageRow
    private lateinit var version: PageRow
    private lateinit var catalogue: PageRow

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        logExport = LogExport(this, model, messages)
        savedInstanceState?.let(logExport::restore)
        questions()
        protection()
        records()
        look()
        about()
    }

    private fun questions() {
        rows.head(words(R.string.questions))
        asks = rows.switch(words(R.string.ask_first)) { on ->
            model.asksQuestions = on
            asks.isOn = on
        }
        asks.second = words(R.string.ask_first_text)
        muted = rows.open(words(R.string.muted)) { open(MutedActivity::class.java) }
        rows.open(words(R.string.notifications)) { openFirst(SystemPages.notifications(this)) }
            .second = words(R.string.notifications_text)
    }

    private fun protection() {
        rows.head(words(R.string.protection))
        strict = rows.open(words(R.string.strict)) { open(StrictActivity::class.java) }
        screenLock = rows.switch(words(R.string.ask_lock)) { on ->
            // Either way: who turns it on learns that it works, and nobody else turns it off.
            lock.ask {
                model.asksScreenLock = on
                screenLock.isOn = on
            }
        }
        screenLock.second = words(R.string.ask_lock_text)
    }

    private fun records() {
        rows.head(words(R.string.log_and_records))
        keep = rows.choice(words(R.string.keep_log)) { readKept(::chooseKept) }
        rows.open(words(R.string.export_the_log)) { logExport.ask(LogQuery()) }.second = words(R.string.export_the_log_text)
        rows.open(words(R.string.receipts)) { receiptExport.ask(service = null) }.second = words(R.string.receipts_text)
        rows.open(words(R.string.backup)) { open(BackupActivity::class.java) }.second = words(R.string.backup_text)
        rows.open(words(R.string.delete_log)) { askToDelete() }.second = words(R.string.delete_log_text)
    }

    private fun readKept(then: (Retention) -> Unit) = model.retention(days = null) { kept ->
        tellFailure(kept)
        if (kept is Outcome.Done && !isDestroyed) {
            show(kept.value)
            then(kept.value)
        }
    }

    private fun show(kept: Retention) {
        val days = resources.plural(R.plurals.days, kept.days.toLong())
        keep.second = getString(R.string.keep_log_text, days, Numbers.of(kept.megabytes))
    }

    private fun chooseKept(kept: Retention) {
        val choices = (KEPT_DAYS + kept.days).distinct().sorted()
        Dialogs.choose(
            this,
            R.string.keep_log,
            choices.map { it to resources.plural(R.plurals.days, it.toLong()) },
            kept.days,
        ) { days ->
            model.retention(days) {
                tellFailure(it)
                if (it is Outcome.Done && !isDestroyed) show(it.value)
            }
        }
    }

    private fun askToDelete() {
        Dialogs.ask(this, words(R.string.delete_log_title), words(R.string.delete_log_question), R.string.delete) {
            lock.before {
                model.deleteLog {
                    tellFailure(it)
                    if (it is Outcome.Done && !isDestroyed) messages.show(words(R.string.log_deleted))
                }
            }
        }
    }

    override fun onDocument(what: Int, file: Uri) {
        if (!logExport.onDocument(what, file)) receiptExport.onDocument(what, file, service = null)
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        logExport.save(outState)
    }

    private fun look() {
        rows.head(words(R.string.look))
        theme = rows.choice(words(R.string.theme)) { Preferences.of(this).whenRead(::chooseTheme) }
        wallpaper = rows.switch(words(R.string.wallpaper_colours)) { on ->
            Preferences.of(this).change { it.copy(wallpaperColours = on) }
            recreate()
        }
        wallpaper.second = words(R.string.wallpaper_colours_text)
        wallpaper.isShown = Build.VERSION.SDK_INT >= Build.VERSION_CODES.S
        language = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            rows.open(words(R.string.language)) { openFirst(Languages.page(this)) }
        } else {
            rows.choice(words(R.string.language)) { Preferences.of(this).whenRead(::chooseLanguage) }
        }
        rows.open(words(R.string.show_introduction)) { open(OnboardingActivity::class.java) }
            .second = words(R.string.show_introduction_text)
    }

    private fun about() {
        rows.head(words(R.string.about))
        version = rows.fact(words(R.string.version))
        catalogue = rows.fact(words(R.string.catalogue))
        rows.open(words(R.string.licence)) { open(LicencesActivity::class.java) }.second = words(R.string.licence_text)
        rows.fact(words(R.string.privacy)).second = words(R.string.privacy_text)
        rows.place()
    }

    override fun onObserve() {
        asks.isOn = model.asksQuestions
        screenLock.isOn = model.asksScreenLock
        whileShown(model.state.observe(::show))
        Preferences.of(this).whenRead(::show)
        readKept {}
        FileWorkView(this, messages).observe()
    }

    private fun show(state: EngineState) {
        val silent = state.services.count { it.muted }.toLong()
        muted.second = if (silent == 0L) words(R.string.muted_none) else resources.plural(R.plurals.muted_text, silent)
        val strictApps = state.status?.strictApps.orEmpty().size.toLong()
        strict.second =
            if (strictApps == 0L) words(R.string.strict_none) else resources.plural(R.plurals.strict_text, strictApps)
        version.second = state.status?.version ?: words(R.string.version_unknown)
        catalogue.second = resources.plural(R.plurals.services_count, state.services.size.toLong())
    }

    private fun show(remembered: Remembered) {
        if (isDestroyed) return
        theme.second = words(name(remembered.theme))
        wallpaper.isOn = remembered.wallpaperColours
        language.second = remembered.language?.takeIf { Languages.wished(remembered) != null }?.let(Languages::name)
            ?: words(R.string.language_phone)
        // The system keeps the choice itself from API 33 on.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            language.second = Languages.name(resources.configuration.locales[0].toLanguageTag())
        }
    }

    private fun chooseTheme(remembered: Remembered) {
        Dialogs.choose(this, R.string.theme, Theme.entries.map { it to words(name(it)) }, remembered.theme) { theme ->
            Preferences.of(this).change { it.copy(theme = theme) }
            recreate()
        }
    }

    private fun chooseLanguage(remembered: Remembered) {
        val choices = listOf<String?>(null) + Languages.tags(this)
        Dialogs.choose(
            this,
            R.string.language,
            choices.map { it to (it?.let(Languages::name) ?: words(R.string.language_phone)) },
            remembered.language,
        ) { tag ->
            Preferences.of(this).change { it.copy(language = tag) }
            recreate()
        }
    }

    private fun name(theme: Theme): Int = when (theme) {
        Theme.PHONE -> R.string.theme_phone
        Theme.LIGHT -> R.string.theme_light
        Theme.DARK -> R.string.theme_dark
    }

    private fun open(page: Class<*>) = startActivity(Intent(this, page))

    private companion object {
        val KEPT_DAYS = listOf(1, 7, 30, 90)
    }
}

/** The services about which the owner wants no questions. */
class MutedActivity : PageScreen(R.string.muted) {
    override fun onObserve() = whileShown(model.state.observe(::show))

    private fun show(state: EngineState) {
        val silent = state.services.filter { it.muted }
        rows.clear()
        if (silent.isEmpty()) {
            empty.nothing(R.drawable.ic_bell, words(R.string.muted_nothing))
            return
        }
        empty.hide()
        rows.text(words(R.string.muted_explained))
        for (service in silent) {
            val row = rows.act(service.name) { startActivity(Screens.service(this, service.id)) }
            row.second = service.vendor
            row.button(words(R.string.unmute), getString(R.string.unmute_label, service.name)) {
                model.mute(service.id, on = false) { tellFailure(it) }
            }
        }
        rows.place()
    }
}
