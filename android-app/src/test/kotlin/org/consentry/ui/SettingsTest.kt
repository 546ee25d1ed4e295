package org.consentry.ui

import android.app.Activity
import android.app.AlertDialog
import android.app.KeyguardManager
import android.content.Intent
import android.content.pm.PackageInfo
import android.provider.Settings
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.EngineFailure
import org.consentry.engine.Protection
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowDialog

/** What the settings do, on the oldest Android and on the newest. */
@Config(sdk = [24, 35])
class SettingsTest : ScreenTest() {
    @Before
    fun quiet() = model.show(Scene.quiet)

    private fun openSettings(): SettingsActivity = open(SettingsActivity::class.java).get()

    private fun hasLock(has: Boolean) = shadowOf(app.getSystemService(KeyguardManager::class.java)).setIsDeviceSecure(has)

    /** Answers the question for the screen lock. */
    private fun Activity.confirm(isOwner: Boolean) {
        val question = shadowOf(this).nextStartedActivityForResult
        shadowOf(this).receiveResult(question.intent, if (isOwner) Activity.RESULT_OK else Activity.RESULT_CANCELED, null)
        idle()
    }

    @Test
    fun questionsCanBeTurnedOff() {
        val row = openSettings().switch(R.string.ask_first)
        assertTrue(row.isChecked)
        row.performClick()
        assertFalse(model.asksQuestions)
        assertFalse(row.isChecked)
    }

    @Test
    fun aMutedServiceIsListedAndUnmuted() {
        model.show(Scene.quiet.copy(services = Scene.services.map { it.copy(muted = it == Scene.ads) }))
        assertEquals("1 service stays silent", openSettings().row(R.string.muted).second)
        val page = open(MutedActivity::class.java).get()
        val button = ScreenRules.shown(page.decor).first { it.contentDescription == text(R.string.unmute_label, Scene.ads.name) }
        button.performClick()
        idle()
        assertEquals(listOf("mute xiaomi.ads false"), model.done)
        assertEquals(text(R.string.muted_nothing), page.view<TextView>(R.id.empty_text).text.toString())
    }

    @Test
    fun strictModeIsSetAppByApp() {
        val info = app.packageManager.getPackageInfo("com.android.mms", 0).apply {
            requestedPermissions = arrayOf(android.Manifest.permission.INTERNET)
            requestedPermissionsFlags = intArrayOf(PackageInfo.REQUESTED_PERMISSION_GRANTED)
        }
        shadowOf(app.packageManager).installPackage(info)
        val page = open(StrictActivity::class.java).get()
        settleApps(page)
        val switch = { ScreenRules.shown(page.decor).first { it.contentDescription == text(R.string.strict_label, "Messaging") } }
        switch().performClick()
        idle()
        assertEquals(listOf("strict com.android.mms true"), model.done)
        assertTrue((switch() as android.widget.Switch).isChecked)
        page.view<EditText>(R.id.strict_search).setText("nothing like this")
        pass(1)
        assertEquals(text(R.string.no_app_matches, "nothing like this"), page.view<TextView>(R.id.empty_text).text.toString())
    }

    @Test
    fun theScreenLockGuardsItsOwnSetting() {
        hasLock(true)
        val settings = openSettings()
        settings.switch(R.string.ask_lock).performClick()
        settings.confirm(isOwner = false)
        assertFalse(model.asksScreenLock)
        settings.switch(R.string.ask_lock).performClick()
        settings.confirm(isOwner = true)
        assertTrue(model.asksScreenLock)
        settings.switch(R.string.ask_lock).performClick()
        settings.confirm(isOwner = false)
        assertTrue("nobody else turns it off", model.asksScreenLock)
        assertTrue(settings.switch(R.string.ask_lock).isChecked)
    }

    @Test
    fun aPhoneWithoutScreenLockSaysSo() {
        hasLock(false)
        val settings = openSettings()
        settings.switch(R.string.ask_lock).performClick()
        idle()
        assertFalse(model.asksScreenLock)
        val dialog = ShadowDialog.getLatestDialog() as AlertDialog
        assertEquals(text(R.string.no_lock_title), shadowOf(dialog).title.toString())
        dialog.getButton(AlertDialog.BUTTON_POSITIVE).performClick()
        idle()
        assertEquals(Settings.ACTION_SECURITY_SETTINGS, shadowOf(settings).nextStartedActivity.action)
    }

    @Test
    fun onlyTheOwnerAllows() {
        hasLock(true)
        model.asksScreenLock = true
        val service = openService(Scene.httpDns.id)
        service.view<View>(R.id.choice_on).performClick()
        idle()
        service.confirm(isOwner = false)
        assertEquals(emptyList<String>(), model.done)
        service.view<View>(R.id.choice_on).performClick()
        idle()
        service.confirm(isOwner = true)
        assertEquals(listOf("grant xiaomi.http_dns all FOREVER"), model.done)
    }

    @Test
    fun nobodyIsAskedBeforeStoppingAService() {
        hasLock(true)
        model.asksScreenLock = true
        val service = openService(Scene.push.id)
        service.view<View>(R.id.choice_off).performClick()
        idle()
        assertEquals(listOf("revoke xiaomi.push all"), model.done)
        assertNull(shadowOf(service).nextStartedActivityForResult)
        // To take it back is to allow.
        ScreenRules.shown(service.view(R.id.message_buttons)).firstOrNull { it is Button && it.text == text(R.string.undo) }
            ?.performClick()
        assertEquals(listOf("revoke xiaomi.push all"), model.done)
    }

    @Test
    fun onlyTheOwnerTurnsProtectionOff() {
        hasLock(true)
        model.asksScreenLock = true
        val main = openMain()
        for (isOwner in listOf(false, true)) {
            main.view<View>(R.id.status_switch).performClick()
            idle()
            (ShadowDialog.getLatestDialog() as AlertDialog).getButton(AlertDialog.BUTTON_POSITIVE).performClick()
            idle()
            main.confirm(isOwner)
        }
        assertEquals(listOf("pause 15 min"), model.done)
    }

    @Test
    fun whoeverHoldsThePhoneMayTurnProtectionOn() {
        hasLock(true)
        model.asksScreenLock = true
        model.show(Scene.quiet.copy(protection = Protection.Off))
        openMain().view<View>(R.id.status_switch).performClick()
        assertEquals(listOf("turn on"), model.done)
    }

    @Test
    @Config(sdk = [24])
    fun theAppHasALanguageOfItsOwnWhereAndroidHasNoPageForThat() {
        val settings = openSettings()
        assertEquals("Same as the phone", settings.row(R.string.language).second)
        settings.row(R.string.language).view.performClick()
        idle()
        val list = shadowOf(ShadowDialog.getLatestDialog() as AlertDialog)
        val names = (0 until list.adapter.count).map { list.adapter.getItem(it).toString() }
        assertEquals(
            listOf(
                "Same as the phone", "English", "简体中文", "繁體中文", "हिन्दी", "Indonesia", "Español", "Русский",
                "Português", "العربية",
            ),
            // What stands behind differs from one Android to the next.
            names.map { if (it.startsWith("Português")) "Português" else it },
        )
        list.clickOnItem(2)
        idle()
        assertEquals("zh-CN", Preferences.of(app).now!!.language)
        assertEquals("zh", openSettings().resources.configuration.locales[0].language)
        remember(Remembered(introduced = true, wallpaperColours = false))
        assertEquals("en", openSettings().resources.configuration.locales[0].language)
    }

    @Test
    @Config(sdk = [35])
    fun androidsOwnPageOfTheLanguageIsUsedWhereThereIsOne() {
        RuntimeEnvironment.getApplication()
        val settings = openSettings()
        settings.row(R.string.language).view.performClick()
        val opened: Intent = shadowOf(settings).nextStartedActivity
        assertEquals(Settings.ACTION_APP_LOCALE_SETTINGS, opened.action)
        assertEquals("package:${app.packageName}", opened.dataString)
    }

    @Test
    fun whatCouldNotBeDoneIsSaid() {
        model.show(Scene.quiet.copy(services = Scene.services.map { it.copy(muted = it == Scene.ads) }))
        val page = open(MutedActivity::class.java).get()
        model.failure = EngineFailure(EngineFailure.Kind.DISK_FULL, "")
        ScreenRules.shown(page.decor).first { it.id == R.id.row_button }.performClick()
        idle()
        assertEquals(text(R.string.failure_disk_full), page.view<TextView>(R.id.message_text).text.toString())
    }
}
