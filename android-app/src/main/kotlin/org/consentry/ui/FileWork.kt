package org.consentry.ui

import android.content.Context
import android.net.Uri
import android.os.Handler
import android.os.Looper
import android.provider.DocumentsContract
import android.system.ErrnoException
import android.system.OsConstants
import java.io.IOException
import java.io.OutputStream
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit
import org.consentry.R
import org.consentry.engine.EngineFailure
import org.consentry.engine.Observable
import org.consentry.engine.Outcome

/** A piece of a file that is being written, and how much of the whole is done by then; null when nobody can tell. */
class FilePart(val bytes: ByteArray, val percent: Int?)

/** Where a file's pieces come from. */
fun interface FileParts {
    /** Gives the next piece to [done] on the main thread; null after the last. */
    fun next(done: (Outcome<FilePart?>) -> Unit)
}

/**
 * Writes the files that the owner saves: one at a time, piece by piece, off the main thread, whatever screen is shown in the
 * meantime. What is cancelled or fails leaves no file behind. Belongs to the main thread.
 */
class FileWork private constructor(private val context: Context) {
    /** How far it is. */
    sealed interface State {
        data object Idle : State

        /** It is being written. */
        data class Writing(val percent: Int?) : State

        /** It is there, and says [said]. */
        data class Saved(val file: Uri, val type: String, val said: Int) : State

        /** It was not written, and there is no file; [words] say why. */
        data class Failed(val words: String) : State
    }

    /** How far it is. */
    val state = Observable<State>(State.Idle)

    private val main = Handler(Looper.getMainLooper())
    private val disk = ThreadPoolExecutor(1, 1, IDLE_S, TimeUnit.SECONDS, LinkedBlockingQueue()) {
        Thread(it, "consentry-files")
    }.apply { allowCoreThreadTimeOut(true) }

    /** Numbers the files: what an earlier one still brings is thrown away. */
    private var current = 0

    private class Job(val file: Uri, val type: String, val said: Int, val parts: FileParts, val number: Int) {
        var stream: OutputStream? = null
    }

    private var job: Job? = null

    /** Writes [parts] to [file], and says [said] when it is there. */
    fun write(file: Uri, type: String, said: Int, parts: FileParts) {
        if (state.value is State.Writing) return
        val job = Job(file, type, said, parts, ++current)
        this.job = job
        state.set(State.Writing(percent = null))
        onDisk(job, { job.stream = context.contentResolver.openOutputStream(file, "wt") ?: throw IOException() }) { next(job) }
    }

    /** Gives up. There is no file then. */
    fun cancel() {
        val job = job ?: return
        this.job = null
        current++
        state.set(State.Idle)
        discard(job)
    }

    /** The owner has seen how it ended. */
    fun seen() {
        if (state.value !is State.Writing) state.set(State.Idle)
    }

    private fun next(job: Job): Unit = job.parts.next { part ->
        if (job.number != current) return@next
        when (part) {
            is Outcome.Failed -> failed(job, sentence(part.failure))
            is Outcome.Done -> {
                val piece = part.value
                if (piece == null) {
                    onDisk(job, { job.stream?.close() }) { saved(job) }
                } else {
                    onDisk(job, { job.stream?.write(piece.bytes) }) {
                        state.set(State.Writing(piece.percent))
                        next(job)
                    }
                }
            }
        }
    }

    private fun saved(job: Job) {
        this.job = null
        state.set(State.Saved(job.file, job.type, job.said))
    }

    private fun failed(job: Job, words: String) {
        this.job = null
        current++
        discard(job)
        state.set(State.Failed(words))
    }

    private fun sentence(failure: EngineFailure) = failure.text(context)

    private fun onDisk(job: Job, work: () -> Unit, done: () -> Unit) = disk.execute {
        val error = try {
            work()
            null
        } catch (error: IOException) {
            error
        } catch (error: SecurityException) {
            IOException(error) // the other app took the file back
        } catch (error: IllegalArgumentException) {
            IOException(error) // some file apps answer so for a file that has gone
        }
        main.post {
            when {
                job.number != current -> Unit
                error == null -> done()
                else -> failed(job, context.getString(if (isFull(error)) R.string.save_no_space else R.string.save_failed))
            }
        }
    }

    private fun isFull(error: Throwable): Boolean =
        generateSequence(error) { it.cause }.any { it is ErrnoException && it.errno == OsConstants.ENOSPC }

    /** Takes the half of a file away. */
    private fun discard(job: Job) = disk.execute {
        try {
            job.stream?.close()
        } catch (_: IOException) {
            // It is full; that is why we are here.
        }
        try {
            DocumentsContract.deleteDocument(context.contentResolver, job.file)
        } catch (_: Exception) {
            // A provider may be unable to delete, and each says so in its own way. The file is not ours to keep either.
        }
    }

    companion object {
        private const val IDLE_S = 10L
        private var instance: FileWork? = null

        /** The files of this process. */
        fun of(context: Context): FileWork {
            val app = context.applicationContext
            return instance?.takeIf { it.context === app } ?: FileWork(app).also { instance = it }
        }
    }
}
