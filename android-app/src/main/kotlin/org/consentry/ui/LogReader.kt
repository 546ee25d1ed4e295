package org.consentry.ui

import org.consentry.engine.Cursor
import org.consentry.engine.EngineFailure
import org.consentry.engine.LogPage
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome

/**
 * Reads the log page by page, never all of it: the next page when the end of the list comes near.
 *
 * @param changed called when there is more to show
 */
class LogReader(private val model: ConsentryModel, private val times: Times, private val changed: () -> Unit) {
    /** The rows so far. */
    var book = newBook()
        private set

    /** Whether older pages are still to be read. */
    var hasMore = true
        private set

    /** Why the last page could not be read. */
    var failure: EngineFailure? = null
        private set

    /** Whether nothing has been read yet. */
    val isFresh: Boolean get() = !hasRead && failure == null

    private var filter = LogFilter()
    private var hasRead = false
    private var isReading = false
    private var next: Cursor? = null

    /** Numbers the readings: an answer to an earlier one is thrown away. */
    private var reading = 0

    /** Begins anew. The old rows stay until the new ones are there. */
    fun begin(filter: LogFilter) {
        this.filter = filter
        read(from = null, newBook(), rounds = 0, reading = ++reading)
    }

    /** Reads the next page. */
    fun more() {
        if (isReading || !hasMore || failure != null) return
        read(next, book, rounds = 0, reading)
    }

    /** Tells how many rows a new reading would bring or change. */
    fun countNew(done: (Int) -> Unit) {
        val now = reading
        model.log(filter.query(times, model.nowMs)) { page ->
            if (now == reading && page is Outcome.Done) {
                done(book.newIn(page.value.rows))
            }
        }
    }

    /** What is shown, for a file of it. */
    fun query(): LogQuery = filter.query(times, model.nowMs)

    private fun newBook() = LogBook(times::dayStart) { model.nowMs }

    private fun read(from: Cursor?, into: LogBook, rounds: Int, reading: Int) {
        isReading = true
        val before = into.size
        model.log(filter.query(times, model.nowMs).copy(before = from)) { page ->
            if (reading == this.reading) took(page, into, before, rounds)
        }
    }

    private fun took(page: Outcome<LogPage>, into: LogBook, before: Int, rounds: Int) {
        isReading = false
        when (page) {
            is Outcome.Failed -> failure = page.failure
            is Outcome.Done -> {
                failure = null
                hasRead = true
                into.add(page.value.rows)
                book = into
                next = page.value.next
                hasMore = next != null
                // Most of a page may belong to rows that are there already.
                if (hasMore && into.size - before < FEW_ROWS && rounds < MOST_ROUNDS) {
                    read(next, into, rounds + 1, reading)
                    if (into.size == before) return
                }
            }
        }
        changed()
    }

    private companion object {
        /** Fewer new rows than this do not fill a screen. */
        const val FEW_ROWS = 10

        /** The most pages that are read in a row; after that the owner sees what there is, and goes on by scrolling. */
        const val MOST_ROUNDS = 40
    }
}
