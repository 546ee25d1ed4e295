package org.consentry.ui

import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.net.Uri
import android.view.View
import android.widget.RadioButton
import android.widget.TextView
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.OutputStream
import org.consentry.R
import org.consentry.engine.Signal
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowDialog

/** What the owner saves to files, and reads from them. */
@Config(sdk = [24, 35])
class FilesTest : ScreenTest() {
    private val file: Uri = Uri.parse("content://files/chosen")
    private val written = ByteArrayOutputStream()

    @Before
    fun quiet() {
        model.show(Scene.quiet)
        shadowOf(app.contentResolver).registerOutputStream(file, written)
    }

    private fun answer(button: Int) {
        (ShadowDialog.getLatestDialog() as AlertDialog).getButton(button).performClick()
        idle()
    }

    /** The owner chooses the place. */
    private fun Activity.choose(action: String): Intent {
        val asked = shadowOf(this).nextStartedActivityForResult
        assertEquals(action, asked.intent.action)
        shadowOf(this).receiveResult(asked.intent, Activity.RESULT_OK, Intent().setData(file))
        return asked.intent
    }

    private fun Activity.message(): String = view<TextView>(R.id.message_text).text.toString()

    private fun settleFiles() = await("the file") { FileWork.of(app).state.value !is FileWork.State.Writing }

    @Test
    fun theWholeLogIsWrittenPartByPart() {
        model.attempts = List(10) { Scene.attempt(it, "xiaomi.ads", null, "h$it.example", Signal.DNS_QUESTION, it.toLong(), 2) }
        val settings = open(SettingsActivity::class.java).get()
        settings.row(R.string.export_the_log).view.performClick()
        idle()
        val dialog = ShadowDialog.getLatestDialog() as AlertDialog
        assertEquals("Export 20 attempts?", shadowOf(dialog).title.toString())
        dialog.findViewById<RadioButton>(R.id.export_json).isChecked = true
        answer(AlertDialog.BUTTON_POSITIVE)
        assertEquals("consentry-log.jsonl", settings.choose(Intent.ACTION_CREATE_DOCUMENT).getStringExtra(Intent.EXTRA_TITLE))
        settleFiles()
        assertEquals((9 downTo 0).map { "$it h$it.example jsonl" }, written.toString().trim().lines())
        assertEquals(text(R.string.saved), settings.message())
    }

    @Test
    fun onlyWhatIsShownIsExported() {
        val main = openMain(MainActivity.LOG)
        main.view<android.widget.EditText>(R.id.log_search).setText("httpdns")
        pass(1)
        settle(main)
        ScreenRules.shown(main.decor).first { it.id == R.id.share }.performClick()
        idle()
        assertEquals("Export 6 attempts?", shadowOf(ShadowDialog.getLatestDialog() as AlertDialog).title.toString())
        answer(AlertDialog.BUTTON_POSITIVE)
        main.choose(Intent.ACTION_CREATE_DOCUMENT)
        settleFiles()
        assertEquals("5 null csv", written.toString().trim())
    }

    @Test
    fun nothingToExportCannotBeSaved() {
        model.attempts = emptyList()
        open(SettingsActivity::class.java).get().row(R.string.export_the_log).view.performClick()
        idle()
        assertFalse((ShadowDialog.getLatestDialog() as AlertDialog).getButton(AlertDialog.BUTTON_POSITIVE).isEnabled)
    }

    @Test
    fun aFileThatCannotBeWrittenIsSaidToBeNone() {
        shadowOf(app.contentResolver).registerOutputStream(file, object : OutputStream() {
            override fun write(byte: Int): Unit = throw IOException("the card is gone")
        })
        val settings = open(SettingsActivity::class.java).get()
        settings.row(R.string.receipts).view.performClick()
        settings.choose(Intent.ACTION_CREATE_DOCUMENT)
        settleFiles()
        assertEquals(text(R.string.save_failed), settings.message())
    }

    @Test
    fun aFileCanBeGivenUp() {
        val settings = open(SettingsActivity::class.java).get()
        settings.row(R.string.receipts).view.performClick()
        model.isSlow = true
        settings.choose(Intent.ACTION_CREATE_DOCUMENT)
        idle()
        answer(AlertDialog.BUTTON_NEGATIVE)
        settleFiles()
        assertEquals(FileWork.State.Idle, FileWork.of(app).state.value)
        assertEquals("", written.toString())
    }

    @Test
    fun aServicesReceiptIsOfThatServiceOnly() {
        val service = openService(Scene.push.id)
        service.view<View>(R.id.export_receipt).performClick()
        val asked = service.choose(Intent.ACTION_CREATE_DOCUMENT)
        assertEquals("consentry-receipt-xiaomi.push.json", asked.getStringExtra(Intent.EXTRA_TITLE))
        settleFiles()
        assertEquals("receipts of xiaomi.push", written.toString())
        assertEquals(text(R.string.receipt_saved), service.message())
    }

    @Test
    fun theLogIsKeptAsLongAsTheOwnerWants() {
        val settings = open(SettingsActivity::class.java).get()
        assertEquals("30 days, 50 MB at most", settings.row(R.string.keep_log).second)
        settings.row(R.string.keep_log).view.performClick()
        idle()
        shadowOf(ShadowDialog.getLatestDialog() as AlertDialog).clickOnItem(0)
        idle()
        assertEquals(listOf("keep 1 days"), model.done)
        assertEquals("1 day, 50 MB at most", settings.row(R.string.keep_log).second)
    }

    @Test
    fun theLogIsDeletedAfterAQuestionOnly() {
        val settings = open(SettingsActivity::class.java).get()
        settings.row(R.string.delete_log).view.performClick()
        idle()
        answer(AlertDialog.BUTTON_NEGATIVE)
        assertEquals(emptyList<String>(), model.done)
        settings.row(R.string.delete_log).view.performClick()
        idle()
        answer(AlertDialog.BUTTON_POSITIVE)
        assertEquals(listOf("delete log"), model.done)
    }

    @Test
    fun aBackupIsPutBackAfterAQuestionOnly() {
        shadowOf(app.contentResolver).registerInputStream(file, ByteArrayInputStream("a backup".toByteArray()))
        val page = open(BackupActivity::class.java).get()
        page.row(R.string.restore).view.performClick()
        page.choose(Intent.ACTION_OPEN_DOCUMENT)
        await("the question") { (ShadowDialog.getLatestDialog() as? AlertDialog)?.isShowing == true }
        val title = shadowOf(ShadowDialog.getLatestDialog() as AlertDialog).title.toString()
        assertTrue(title, title.startsWith("Restore 5 decisions from ") && title.endsWith("?"))
        assertEquals("nothing before the answer", emptyList<String>(), model.done)
        answer(AlertDialog.BUTTON_POSITIVE)
        assertEquals(listOf("restore a backup"), model.done)
        assertEquals(text(R.string.restored), page.message())
    }

    @Test
    fun aFileThatIsNoBackupChangesNothing() {
        model.backup = null
        shadowOf(app.contentResolver).registerInputStream(file, ByteArrayInputStream("a picture of a cat".toByteArray()))
        val page = open(BackupActivity::class.java).get()
        page.row(R.string.restore).view.performClick()
        page.choose(Intent.ACTION_OPEN_DOCUMENT)
        await("the message") { page.view<MessageBar>(R.id.messages).isUp }
        assertEquals(text(R.string.restore_bad), page.message())
        assertEquals(emptyList<String>(), model.done)
    }

    @Test
    fun aFileThatIsTooLargeForABackupIsNotReadWhole() {
        shadowOf(app.contentResolver).registerInputStream(file, object : java.io.InputStream() {
            override fun read(): Int = 'a'.code

            override fun read(into: ByteArray, from: Int, length: Int): Int = length.also { into.fill('a'.code.toByte(), from, from + it) }
        })
        val page = open(BackupActivity::class.java).get()
        page.row(R.string.restore).view.performClick()
        page.choose(Intent.ACTION_OPEN_DOCUMENT)
        await("the message") { page.view<MessageBar>(R.id.messages).isUp }
        assertEquals(text(R.string.restore_bad), page.message())
    }
}
