package org.consentry.ui

import android.app.AlertDialog
import android.content.Intent
import android.view.LayoutInflater
import android.widget.ProgressBar
import android.widget.TextView
import org.consentry.R

/** Shows on a screen how far a file is, lets it be given up, and says how it ended. */
class FileWorkView(private val screen: Screen, private val messages: MessageBar) {
    private val files = FileWork.of(screen)
    private var dialog: AlertDialog? = null
    private var bar: ProgressBar? = null
    private var percent: TextView? = null

    /** To be called whenever the screen comes into view. */
    fun observe() {
        screen.whileShown(files.state.observe(::show))
        screen.whileShown { hide() }
    }

    private fun show(state: FileWork.State) {
        when (state) {
            FileWork.State.Idle -> hide()
            is FileWork.State.Writing -> showProgress(state.percent)
            is FileWork.State.Saved -> {
                hide()
                val share = MessageBar.Action(R.string.share) { share(state) }
                messages.show(screen.getString(state.said), share)
                files.seen()
            }
            is FileWork.State.Failed -> {
                hide()
                messages.show(state.words)
                files.seen()
            }
        }
    }

    private fun showProgress(done: Int?) {
        if (dialog == null) {
            val view = LayoutInflater.from(screen).inflate(R.layout.dialog_progress, null)
            bar = view.findViewById(R.id.progress_bar)
            percent = view.findViewById(R.id.progress_text)
            dialog = AlertDialog.Builder(screen).setView(view).setCancelable(false)
                .setNegativeButton(R.string.cancel) { _, _ -> files.cancel() }
                .show()
        }
        bar?.isIndeterminate = done == null
        bar?.progress = done ?: 0
        percent?.text = if (done == null) {
            screen.getString(R.string.saving)
        } else {
            screen.getString(R.string.saving_percent, Numbers.percent(done))
        }
    }

    private fun hide() {
        dialog?.dismiss()
        dialog = null
    }

    private fun share(saved: FileWork.State.Saved) {
        val send = Intent(Intent.ACTION_SEND).setType(saved.type).putExtra(Intent.EXTRA_STREAM, saved.file)
            .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        screen.startActivity(Intent.createChooser(send, null))
    }
}
