package org.consentry.engine

import org.json.JSONException
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class Rfc3339Test {
    @Test
    fun `times with and without a fraction`() {
        assertEquals(0, Rfc3339.parse("1970-01-01T00:00:00Z"))
        assertEquals(1_407_403_800_000, Rfc3339.parse("2014-08-07T09:30:00.000Z"))
        assertEquals(1_407_403_800_500, Rfc3339.parse("2014-08-07T09:30:00.5Z"))
        assertEquals(1_407_403_800_123, Rfc3339.parse("2014-08-07T09:30:00.123456789Z"))
        assertEquals(1_709_164_800_000, Rfc3339.parse("2024-02-29T00:00:00Z"))
        assertEquals(-1, Rfc3339.parse("1969-12-31T23:59:59.999Z"))
    }

    @Test
    fun `anything else is refused`() {
        val bad = listOf(
            "", "now", "2014-08-07", "2014-08-07T09:30:00", "2014-08-07T09:30:00+01:00", "2014-13-07T09:30:00Z",
            "2023-02-29T00:00:00Z", "2014-08-07T25:00:00Z", "2014-08-07T09:30:00.Z", " 2014-08-07T09:30:00Z",
            "2014-08-07T09:30:00.0000000000Z", "٢٠١٤-08-07T09:30:00Z",
        )
        for (text in bad) assertThrows(text, JSONException::class.java) { Rfc3339.parse(text) }
    }
}
