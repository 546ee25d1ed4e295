package org.consentry.ui

import android.net.Uri
import android.os.Bundle
import android.os.Handler
import android.os.Looper
import java.io.IOException
import java.io.InputStream
import org.consentry.R
import org.consentry.engine.EngineFailure
import org.consentry.engine.Outcome
import org.consentry.engine.Restored

/** Writes the owner's decisions and settings to a file, and puts them back. */
class BackupActivity : PageScreen(R.string.backup) {
    /** A file that was chosen and not put back yet. */
    private var file: Uri? = null

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        rows.text(words(R.string.backup_explained))
        rows.act(words(R.string.back_up)) { lock.before { askWhereTo(BACK_UP, TYPE, words(R.string.backup_file)) } }
            .second = words(R.string.back_up_text)
        rows.act(words(R.string.restore)) { askWhich(RESTORE, ANY_TYPE) }.second = words(R.string.restore_text)
        rows.place()
    }

    override fun onObserve() = FileWorkView(this, messages).observe()

    override fun onDocument(what: Int, file: Uri) = when (what) {
        BACK_UP -> FileWork.of(this).write(file, TYPE, R.string.backup_saved, BackupParts(model))
        else -> read(file)
    }

    /** Reads a file off the main thread; no backup is larger than a bound. */
    private fun read(file: Uri) {
        val main = Handler(Looper.getMainLooper())
        Thread({
            val text = try {
                contentResolver.openInputStream(file)?.use(::readBounded)
            } catch (_: IOException) {
                null
            } catch (_: SecurityException) {
                null // the other app took the file back
            }
            main.post { if (!isDestroyed) if (text == null) messages.show(words(R.string.restore_bad)) else preview(text) }
        }, "consentry-backup").start()
    }

    /** The text; null when it is longer than any backup. */
    private fun readBounded(stream: InputStream): String? {
        val bytes = ByteArray(LONGEST + 1)
        var size = 0
        while (size < bytes.size) {
            val read = stream.read(bytes, size, bytes.size - size)
            if (read < 0) return String(bytes, 0, size)
            size += read
        }
        return null
    }

    private fun preview(text: String) = model.previewRestore(text) { read ->
        if (isDestroyed) return@previewRestore
        when (read) {
            is Outcome.Failed -> tell(read.failure)
            is Outcome.Done -> ask(text, read.value)
        }
    }

    private fun ask(text: String, holds: Restored) {
        val title = resources.plural(R.plurals.restore_title, holds.decisions.toLong(), times.date(holds.madeMs))
        val question = if (holds.leftOut.isEmpty()) {
            words(R.string.restore_question)
        } else {
            resources.plural(R.plurals.restore_question_left_out, holds.leftOut.size.toLong())
        }
        Dialogs.ask(this, title, question, R.string.restore) { lock.before { restore(text) } }
    }

    private fun restore(text: String) = model.restore(text) { restored ->
        if (isDestroyed) return@restore
        when (restored) {
            is Outcome.Failed -> tell(restored.failure)
            is Outcome.Done -> messages.show(words(R.string.restored))
        }
    }

    /** A file that makes no sense is the file's fault, not the app's. */
    private fun tell(failure: EngineFailure) = messages.show(
        if (failure.kind == EngineFailure.Kind.BAD_REQUEST) words(R.string.restore_bad) else sentence(failure),
    )

    private companion object {
        const val BACK_UP = 6
        const val RESTORE = 7
        const val TYPE = "application/json"

        /** File apps differ in what they take a backup for. */
        const val ANY_TYPE = "*/*"

        /** In bytes; a phone's decisions take some tens of thousands. */
        const val LONGEST = 4 * 1024 * 1024
    }
}

/** The backup, in one piece. */
private class BackupParts(private val model: ConsentryModel) : FileParts {
    private var isOver = false

    override fun next(done: (Outcome<FilePart?>) -> Unit) {
        if (isOver) {
            done(Outcome.Done(null))
            return
        }
        isOver = true
        model.backup { read ->
            when (read) {
                is Outcome.Failed -> done(read)
                is Outcome.Done -> done(Outcome.Done(FilePart(read.value.text.toByteArray(), percent = null)))
            }
        }
    }
}
