package org.consentry.ui

import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.content.pm.ApplicationInfo
import android.content.pm.PackageInfo
import android.net.Uri
import android.view.View
import android.widget.TextView
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import org.consentry.AppRunner
import org.consentry.R
import org.consentry.TestApp
import org.consentry.engine.ConsentState
import org.consentry.engine.Outcome
import org.consentry.engine.Retention
import org.consentry.engine.StoreState
import org.consentry.vpn.PhoneVpn
import org.consentry.vpn.Screens
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowDialog

/** The settings on the real engine: what is set there holds in the record. */
@RunWith(AppRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
@Config(sdk = [35], application = TestApp::class, shadows = [PhoneVpn::class], qualifiers = "en-rGB-w360dp-h640dp-xhdpi")
class SettingsOnEngineTest {
    private val app = TestApp.now
    private val controllers = ArrayList<ActivityController<*>>()
    private val file: Uri = Uri.parse("content://files/chosen")

    @After
    fun end() {
        controllers.asReversed().forEach { it.close() }
        PhoneVpn.forget()
    }

    private fun <T : Activity> open(type: Class<T>, intent: Intent = Intent(app, type)): T {
        val controller = Robolectric.buildActivity(type, intent)
        controllers += controller
        controller.setup()
        app.await("the catalogue is shown") { app.engine.state.value.store == StoreState.Open }
        return controller.get()
    }

    private fun row(activity: Activity, name: Int): View = ScreenRules.shown(activity.window.decorView).first { row ->
        row.id == R.id.row && row.findViewById<TextView>(R.id.name).text == app.getString(name)
    }

    private fun answer() {
        app.settle()
        (ShadowDialog.getLatestDialog() as AlertDialog).getButton(AlertDialog.BUTTON_POSITIVE).performClick()
        app.settle()
    }

    private fun choose(activity: Activity) {
        val asked = shadowOf(activity).nextStartedActivityForResult
        shadowOf(activity).receiveResult(asked.intent, Activity.RESULT_OK, Intent().setData(file))
        app.await("the file") { FileWork.of(app).state.value !is FileWork.State.Writing }
    }

    private fun consent(): ConsentState? = app.engine.state.value.service(PUSH)?.consent

    @Test
    fun `a backup brings back what was decided, and the history keeps both`() {
        val service = open(ServiceActivity::class.java, Screens.service(app, PUSH))
        app.settle()
        service.findViewById<View>(R.id.choice_on).performClick()
        app.settle()
        assertEquals(ConsentState.On, consent())

        val written = ByteArrayOutputStream()
        shadowOf(app.contentResolver).registerOutputStream(file, written)
        val backup = open(BackupActivity::class.java)
        row(backup, R.string.back_up).performClick()
        choose(backup)
        service.findViewById<View>(R.id.choice_off).performClick()
        app.settle()
        assertEquals(ConsentState.Off, consent())

        shadowOf(app.contentResolver).registerInputStream(file, ByteArrayInputStream(written.toByteArray()))
        row(backup, R.string.restore).performClick()
        val asked = shadowOf(backup).nextStartedActivityForResult
        shadowOf(backup).receiveResult(asked.intent, Activity.RESULT_OK, Intent().setData(file))
        app.await("the question") { (ShadowDialog.getLatestDialog() as? AlertDialog)?.isShowing == true }
        assertEquals("nothing before the answer", ConsentState.Off, consent())
        answer()
        assertEquals(ConsentState.On, consent())
        val vias = ArrayList<String>()
        app.engine.history(PUSH) { read -> (read as Outcome.Done).value.mapTo(vias) { it.via } }
        app.settle()
        assertEquals(listOf("restore", "screen", "screen"), vias)
    }

    @Test
    fun `a file that is no backup changes nothing`() {
        val backup = open(BackupActivity::class.java)
        for (text in listOf("", "{}", "a picture of a cat", """{"consentry_backup":99}""", "[".repeat(100_000))) {
            shadowOf(app.contentResolver).registerInputStream(file, ByteArrayInputStream(text.toByteArray()))
            row(backup, R.string.restore).performClick()
            val messages = backup.findViewById<MessageBar>(R.id.messages)
            messages.hide()
            val asked = shadowOf(backup).nextStartedActivityForResult
            shadowOf(backup).receiveResult(asked.intent, Activity.RESULT_OK, Intent().setData(file))
            app.await("the message") { messages.isUp }
            assertEquals(
                app.getString(R.string.restore_bad),
                backup.findViewById<TextView>(R.id.message_text).text.toString(),
            )
        }
    }

    @Test
    fun `a receipt of one service can be saved`() {
        val service = open(ServiceActivity::class.java, Screens.service(app, PUSH))
        app.settle()
        service.findViewById<View>(R.id.choice_15).performClick()
        app.settle()
        val written = ByteArrayOutputStream()
        shadowOf(app.contentResolver).registerOutputStream(file, written)
        service.findViewById<View>(R.id.export_receipt).performClick()
        choose(service)
        assertTrue(written.toString(), PUSH in written.toString())
    }

    @Test
    fun `strict mode and the time that the log is kept are set`() {
        val name = "com.example.game"
        shadowOf(app.packageManager).installPackage(
            PackageInfo().apply {
                packageName = name
                applicationInfo = ApplicationInfo().apply {
                    packageName = name
                    nonLocalizedLabel = "Game"
                }
                requestedPermissions = arrayOf(android.Manifest.permission.INTERNET)
                requestedPermissionsFlags = intArrayOf(PackageInfo.REQUESTED_PERMISSION_GRANTED)
            },
        )
        val strict = open(StrictActivity::class.java)
        val label = app.getString(R.string.strict_label, "Game")
        val switch = { ScreenRules.shown(strict.window.decorView).find { it.contentDescription == label } }
        app.await("the apps") { switch() != null }
        switch()!!.performClick()
        app.settle()
        assertEquals(listOf(name), app.engine.state.value.status!!.strictApps)

        val settings = open(SettingsActivity::class.java)
        app.settle()
        row(settings, R.string.keep_log).performClick()
        app.settle()
        shadowOf(ShadowDialog.getLatestDialog() as AlertDialog).clickOnItem(1)
        app.settle()
        var kept: Retention? = null
        app.engine.retention { kept = (it as Outcome.Done).value }
        app.settle()
        assertEquals(7, kept!!.days)
        // Nothing was held back yet: there is nothing to export, and nothing ran that could have had gaps.
        assertEquals(null, app.engine.state.value.coverage!!.percent)
    }

    private companion object {
        const val PUSH = "xiaomi.push"
    }
}
