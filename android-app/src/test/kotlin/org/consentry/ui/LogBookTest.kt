package org.consentry.ui

import org.consentry.engine.ConsentChange
import org.consentry.engine.Signal
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test

class LogBookTest {
    private val dayStart = { ms: Long -> ms - ms % Scene.DAY }
    private val book = LogBook(dayStart)

    private fun record(id: Int, minutes: Long, host: String = "a.example.net", count: Long = 1) =
        Scene.attempt(id, "xiaomi.ads", "a.b", host, Signal.TLS_SNI, minutes, count)

    @Test
    fun recordsOfADayThatShareServiceAppServerAndSignalAreOneRow() {
        book.add(listOf(record(1, minutes = 1, count = 3), record(2, minutes = 20, count = 4)))
        book.add(listOf(record(3, minutes = 25, host = "b.example.net")))
        // The same again the day before is a row of its own.
        book.add(listOf(record(4, minutes = 24 * 60)))
        val rows = book.items(emptyList(), hasMore = false).filterIsInstance<LogItem.Row>()
        assertEquals(listOf(7L, 1L, 1L), rows.map { it.entry.attempt.count })
        assertEquals(Scene.ago(minutes = 20), rows[0].entry.attempt.firstMs)
        assertEquals(2, rows[0].entry.records.size)
    }

    @Test
    fun splittingPagesDifferentlyChangesNothing() {
        val records = List(40) { record(it, minutes = it * 45L, host = "h${it % 7}.example.net", count = it + 1L) }
        val whole = LogBook(dayStart).apply { add(records) }.items(emptyList(), hasMore = false)
        for (size in listOf(1, 3, 7, 39)) {
            val parts = LogBook(dayStart)
            records.chunked(size).forEach(parts::add)
            assertEquals(whole, parts.items(emptyList(), hasMore = false))
        }
    }

    @Test
    fun pagesThatOverlapCountOnce() {
        book.add(listOf(record(1, minutes = 1), record(2, minutes = 2)))
        book.add(listOf(record(2, minutes = 2), record(3, minutes = 3)))
        assertEquals(3L, book.items(emptyList(), hasMore = false).filterIsInstance<LogItem.Row>().single().entry.attempt.count)
    }

    @Test
    fun changesStandWhereTheirTimeIs() {
        book.add(listOf(record(1, minutes = 10), record(2, minutes = 30, host = "b.example.net")))
        val between = Scene.change(ConsentChange.Kind.GRANT, "xiaomi.ads", Scene.ago(minutes = 20))
        val older = Scene.change(ConsentChange.Kind.REVOKE, "xiaomi.ads", Scene.ago(minutes = 40))
        val kinds = { hasMore: Boolean -> book.items(listOf(between, older), hasMore).map { it::class.simpleName } }
        assertEquals(listOf("Head", "Row", "Marker", "Row", "Marker", "Foot"), kinds(false))
        // What lies before the oldest record waits until the records around it are there.
        assertEquals(listOf("Head", "Row", "Marker", "Row", "Foot"), kinds(true))
        val rows = book.items(listOf(between), hasMore = false).filterIsInstance<LogItem.Row>()
        assertTrue(rows.all { it.first && it.last })
    }

    @Test
    fun aDayIsCountedOnceItHasBeenReadWhole() {
        book.add(listOf(record(1, minutes = 10, count = 5), record(2, minutes = 24 * 60, count = 6)))
        val heads = { hasMore: Boolean -> book.items(emptyList(), hasMore).filterIsInstance<LogItem.Head>().map { it.count } }
        assertEquals(listOf(5L, null), heads(true))
        assertEquals(listOf(5L, 6L), heads(false))
    }

    @Test
    fun anEmptyLogHasNoLines() = assertTrue(book.items(emptyList(), hasMore = false).isEmpty())

    @Test
    fun whatIsNewIsCountedByRow() {
        book.add(listOf(record(1, minutes = 10)))
        assertEquals(0, book.newIn(listOf(record(1, minutes = 10))))
        val more = listOf(record(2, minutes = 5), record(3, minutes = 4), record(4, minutes = 3, host = "b.example.net"))
        assertEquals(2, book.newIn(more))
        assertNull(LogBook(dayStart).newestMs)
    }
}
