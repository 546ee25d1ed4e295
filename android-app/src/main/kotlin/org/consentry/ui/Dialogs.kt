package org.consentry.ui

import android.app.AlertDialog
import android.content.Context
import android.view.LayoutInflater
import android.view.View
import android.widget.RadioGroup
import android.widget.TextView
import org.consentry.R

/** The few questions that are asked back. */
internal object Dialogs {
    /** A question with one answer besides Cancel. */
    fun ask(context: Context, title: CharSequence, text: CharSequence, answer: Int, run: () -> Unit): AlertDialog =
        AlertDialog.Builder(context).setTitle(title).setView(message(context, text))
            .setNegativeButton(R.string.cancel, null)
            .setPositiveButton(answer) { _, _ -> run() }
            .show()

    /** Turning protection off: for a time, or until it is turned on again. */
    fun turnOff(context: Context, pause: () -> Unit, turnOff: () -> Unit): AlertDialog {
        val view = LayoutInflater.from(context).inflate(R.layout.dialog_turn_off, null)
        val choice = view.findViewById<RadioGroup>(R.id.turn_off_choice)
        return AlertDialog.Builder(context).setTitle(R.string.turn_protection_off).setView(view)
            .setNegativeButton(R.string.cancel, null)
            .setPositiveButton(R.string.turn_off) { _, _ ->
                if (choice.checkedRadioButtonId == R.id.turn_off_quarter) pause() else turnOff()
            }
            .show()
    }

    /** One of several. */
    fun <T> choose(context: Context, title: Int, choices: List<Pair<T, String>>, chosen: T, run: (T) -> Unit): AlertDialog =
        AlertDialog.Builder(context).setTitle(title)
            .setSingleChoiceItems(
                choices.map { it.second }.toTypedArray(),
                choices.indexOfFirst { it.first == chosen },
            ) { dialog, index ->
                dialog.dismiss()
                run(choices[index].first)
            }
            .setNegativeButton(R.string.cancel, null)
            .show()

    /** Any number of several; `Any` chooses none. */
    fun <T> filter(
        context: Context,
        title: Int,
        choices: List<Pair<T, String>>,
        chosen: Set<T>,
        run: (Set<T>) -> Unit,
    ): AlertDialog {
        val now = chosen.toMutableSet()
        return AlertDialog.Builder(context).setTitle(title)
            .setMultiChoiceItems(
                choices.map { it.second }.toTypedArray(),
                BooleanArray(choices.size) { choices[it].first in chosen },
            ) { _, index, isOn ->
                if (isOn) now += choices[index].first else now -= choices[index].first
            }
            .setNeutralButton(R.string.any) { _, _ -> run(emptySet()) }
            .setPositiveButton(R.string.done) { _, _ -> run(now) }
            .show()
    }

    /** Something to read. */
    fun tell(context: Context, title: Int, text: CharSequence): AlertDialog =
        AlertDialog.Builder(context).setTitle(title).setView(message(context, text))
            .setPositiveButton(R.string.close, null).show()

    private fun message(context: Context, text: CharSequence): View =
        LayoutInflater.from(context).inflate(R.layout.dialog_message, null).apply {
            findViewById<TextView>(R.id.message).text = text
        }
}
