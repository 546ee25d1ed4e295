package org.consentry.ui

import android.os.Bundle
import org.consentry.engine.Attempt
import org.consentry.engine.Identifier
import org.consentry.engine.Signal

/** Carries an attempt from one screen to another, and through the end of the process. */
internal object AttemptBundle {
    fun write(attempt: Attempt): Bundle = Bundle().apply {
        putString("id", attempt.id)
        putLong("first", attempt.firstMs)
        putLong("last", attempt.lastMs)
        putLong("count", attempt.count)
        putString("app", attempt.app)
        putString("service", attempt.service)
        putString("host", attempt.host)
        putString("signal", attempt.signal?.code)
        putString("address", attempt.address)
        attempt.port?.let { putInt("port", it) }
        putString("proto", attempt.proto)
        putString("certainty", attempt.certainty)
        putString("reason", attempt.reason)
        putStringArray("kinds", attempt.identifiers.map { it.kind }.toTypedArray())
        putStringArray("forms", attempt.identifiers.map { it.form }.toTypedArray())
        putStringArray("places", attempt.identifiers.map { it.where }.toTypedArray())
        putString("path", attempt.path)
        putLong("bytes", attempt.bytesHeld)
    }

    fun read(from: Bundle): Attempt {
        val forms = from.getStringArray("forms").orEmpty()
        val places = from.getStringArray("places").orEmpty()
        return Attempt(
            id = from.getString("id"),
            firstMs = from.getLong("first"),
            lastMs = from.getLong("last"),
            count = from.getLong("count", 1),
            app = from.getString("app"),
            service = from.getString("service"),
            host = from.getString("host"),
            signal = Signal.entries.find { it.code == from.getString("signal") },
            address = from.getString("address"),
            port = if (from.containsKey("port")) from.getInt("port") else null,
            proto = from.getString("proto").orEmpty(),
            certainty = from.getString("certainty"),
            reason = from.getString("reason").orEmpty(),
            identifiers = from.getStringArray("kinds").orEmpty().mapIndexed { index, kind ->
                Identifier(kind, forms.getOrElse(index) { "" }, places.getOrElse(index) { "" })
            },
            path = from.getString("path"),
            bytesHeld = from.getLong("bytes"),
        )
    }
}
