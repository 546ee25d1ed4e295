package org.consentry.engine

import android.content.Context
import org.consentry.R

/**
 * Why something could not be done, in a form that a screen can show.
 *
 * @property kind what kind of failure
 * @property detail the engine's own words, for a report; may be empty
 */
data class EngineFailure(val kind: Kind, val detail: String) {
    /** The kinds of failure. [code] is how the boundary names it, [text] the sentence for the owner. */
    enum class Kind(val code: String, val text: Int) {
        /** The engine was closed. */
        CLOSED("closed", R.string.failure_closed),

        /** The request made no sense. */
        BAD_REQUEST("bad_request", R.string.failure_bad_request),

        /** The catalogue has no such service. */
        UNKNOWN_SERVICE("unknown_service", R.string.failure_unknown_service),

        /** The store was written by a newer version. */
        STORE_NEWER("store_newer", R.string.failure_store_newer),

        /** The store cannot be read. */
        STORE_CORRUPT("store_corrupt", R.string.failure_store_corrupt),

        /** The store cannot be written. */
        STORE_UNWRITABLE("store_unwritable", R.string.failure_store_unwritable),

        /** The phone's storage is full. */
        DISK_FULL("disk_full", R.string.failure_disk_full),

        /** Another process has the store. */
        LOCKED("locked", R.string.failure_locked),

        /** The tunnel's descriptor cannot be used. */
        TUN("tun", R.string.failure_tun),

        /** The engine has a mistake in it, and stopped. */
        PANIC("panic", R.string.failure_panic),

        /** Anything else, an answer in an unknown form included. */
        INTERNAL("internal", R.string.failure_internal),

        /** The owner's organisation alone decides about the service. */
        MANAGED("managed", R.string.failure_managed),

        /** The library is not part of this installation, or is for another kind of processor. */
        NOT_LOADED("not_loaded", R.string.failure_not_loaded),
    }

    /** One sentence in plain words, and what to do. */
    fun text(context: Context): String = context.getString(kind.text)

    companion object {
        /** What a throwable from the boundary, or from reading its answers, means. */
        fun of(error: Throwable): EngineFailure {
            val kind = when (error) {
                is EngineException -> Kind.entries.find { it.code == error.code } ?: Kind.INTERNAL
                is LinkageError -> Kind.NOT_LOADED
                else -> Kind.INTERNAL
            }
            return EngineFailure(kind, error.message.orEmpty())
        }
    }
}

/** What came of a call. */
sealed interface Outcome<out T> {
    /** It was done. */
    data class Done<T>(val value: T) : Outcome<T>

    /** It was not done, and nothing was changed. */
    data class Failed(val failure: EngineFailure) : Outcome<Nothing>
}
