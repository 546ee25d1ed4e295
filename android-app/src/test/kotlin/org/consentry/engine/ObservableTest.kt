package org.consentry.engine

import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class ObservableTest {
    private val seen = mutableListOf<String>()

    @Test
    fun `an observer is told the value at once and each change once`() {
        val value = Observable(1)
        value.observe { seen += "$it" }
        value.set(2)
        value.set(2)
        value.set(3)
        assertEquals(listOf("1", "2", "3"), seen)
    }

    @Test
    fun `an ended observation is told nothing more, even by the change that ended it`() {
        val value = Observable(1)
        lateinit var second: Subscription
        value.observe { if (it == 2) second.end() }
        second = value.observe { seen += "$it" }
        value.set(2)
        value.set(3)
        second.end()
        assertEquals(listOf("1"), seen)
    }

    @Test
    fun `a change from within an observer reaches everybody last`() {
        val value = Observable(1)
        value.observe { if (it == 2) value.set(3) }
        value.observe { seen += "$it" }
        value.set(2)
        assertEquals(listOf("1", "3"), seen)
    }

    @Test
    fun `it knows whether anybody watches`() {
        var begun = 0
        val value = Observable(1).apply { onFirstObserver = { begun++ } }
        assertFalse(value.isObserved)
        val first = value.observe {}
        val second = value.observe {}
        assertEquals(1, begun)
        first.end()
        assertTrue(value.isObserved)
        second.end()
        assertFalse(value.isObserved)
        value.observe {}
        assertEquals(2, begun)
    }
}
