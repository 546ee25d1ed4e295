package org.consentry.engine

/**
 * A value that can be watched. Belongs to the main thread: it is read, changed and observed there.
 */
class Observable<T>(initial: T) {
    private val observers = LinkedHashSet<Observation>()
    private val followers = LinkedHashSet<(T) -> Unit>()

    /** The value now. */
    var value: T = initial
        private set

    /** Whether anybody watches. */
    val isObserved: Boolean get() = observers.isNotEmpty()

    /** Called when the first observer comes. */
    var onFirstObserver: () -> Unit = {}

    /** Calls [observer] with the value at once, and again at each change, until the observation is ended. */
    fun observe(observer: (T) -> Unit): Subscription {
        val observation = Observation(observer)
        observers += observation
        if (observers.size == 1) onFirstObserver()
        observation.tell(value)
        return observation
    }

    /**
     * Calls [follower] at each change and not at once. It does not count as an observer: nothing is read for its sake, and it
     * learns what others wanted to know.
     */
    fun follow(follower: (T) -> Unit): Subscription {
        followers += follower
        return Subscription { followers -= follower }
    }

    internal fun set(next: T) {
        if (next == value) return
        value = next
        followers.toList().forEach { it(next) }
        // An observer may end its own observation or another's: those are not told any more.
        for (observation in observers.toList()) {
            if (value != next) return // an observer has set a newer value, which everybody has been told
            observation.tell(next)
        }
    }

    private inner class Observation(private val observer: (T) -> Unit) : Subscription {
        fun tell(value: T) {
            if (this in observers) observer(value)
        }

        override fun end() {
            observers -= this
        }
    }
}

/** Something that goes on until it is ended. */
fun interface Subscription {
    /** Ends it; a second call does nothing. */
    fun end()
}
