package org.consentry.ui

import org.consentry.engine.Attempt
import org.consentry.engine.Cursor
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome

/**
 * Reads a service's newest records, a few pages at most, and adds them up.
 *
 * @param done called with the evidence; null when it could not be read
 */
class EvidenceReader(private val model: ConsentryModel, private val service: String, private val done: (Evidence?) -> Unit) {
    private val records = ArrayList<Attempt>()

    /** Reads. */
    fun read() = page(before = null, rounds = 0)

    private fun page(before: Cursor?, rounds: Int) {
        model.log(LogQuery(services = setOf(service), before = before, limit = PAGE)) { page ->
            when (page) {
                is Outcome.Failed -> done(null)
                is Outcome.Done -> {
                    records += page.value.rows
                    val next = page.value.next
                    if (next != null && rounds < MOST_PAGES) page(next, rounds + 1) else done(Evidence.of(records))
                }
            }
        }
    }

    private companion object {
        const val PAGE = 100

        /** Five hundred records say what there is to say. */
        const val MOST_PAGES = 4
    }
}
