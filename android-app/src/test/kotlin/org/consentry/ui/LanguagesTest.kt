package org.consentry.ui

import android.view.View
import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.EngineFailure
import org.consentry.engine.EngineState
import org.consentry.engine.Protection
import org.junit.Test

/** Every screen in the languages that the other pictures do not show, in letters twice as large: nothing is cut. */
class LanguagesTest : PictureTest() {
    private val languages = listOf("es", "hi", "in", "pt-rBR", "ru", "zh-rTW").map { Way("$it-large", "+$it", 2f) }

    private fun inAllLanguages(name: String, state: EngineState = Scene.quiet, show: () -> View) =
        languages.forEach { inOneWay(it, name, state, show) }

    @Test
    fun tabs() {
        inAllLanguages("home", show = tab(MainActivity.HOME))
        inAllLanguages("services", show = tab(MainActivity.SERVICES))
        inAllLanguages("log", show = tab(MainActivity.LOG))
        inAllLanguages("health", Scene.quiet.copy(alwaysOn = AlwaysOn(on = true, lockdown = false)), tab(MainActivity.HEALTH))
    }

    @Test
    fun homeInItsStates() {
        val panic = EngineFailure(EngineFailure.Kind.PANIC, "")
        inAllLanguages("home-failed", Scene.quiet.copy(protection = Protection.Failed(panic, closed = true)), tab(MainActivity.HOME))
        inAllLanguages("home-other-vpn", Scene.quiet.copy(protection = Protection.AnotherVpn), tab(MainActivity.HOME))
        inAllLanguages("home-refused", Scene.quiet.copy(protection = Protection.NeedsPermission), tab(MainActivity.HOME))
    }

    @Test
    fun details() {
        inAllLanguages("service") { openService(Scene.messaging.id).decor }
        inAllLanguages("service-end") { scrolled(openService(Scene.messaging.id), R.id.service_scroll, 1f) }
        inAllLanguages("attempt") {
            val attempt = Scene.attempts[0]
            open(AttemptActivity::class.java, AttemptActivity.intent(app, LogEntry(attempt, listOf(attempt)))).get().decor
        }
    }

    @Test
    fun settingsAndIntroduction() {
        inAllLanguages("settings") { open(SettingsActivity::class.java).get().decor }
        inAllLanguages("settings-end") { scrolled(open(SettingsActivity::class.java).get(), R.id.page_scroll, 1f) }
        inAllLanguages("introduction-1") { open(OnboardingActivity::class.java).get().decor }
        inAllLanguages("dialog-off") {
            openMain().view<View>(R.id.status_switch).performClick()
            dialog()
        }
    }
}
