package org.consentry.engine

/** A backup that was made. [text] is the file, [decisions] how many are in it. */
data class Backup(val text: String, val decisions: Int)

/**
 * What a backup holds, and what comes of putting it back.
 *
 * @property madeMs when it was made, in milliseconds since 1970
 * @property decisions how many it holds
 * @property granted how many services it allows that are not allowed now
 * @property withdrawn how many are allowed now and not by it
 * @property leftOut ids of services that the catalogue does not know
 */
data class Restored(val madeMs: Long, val decisions: Int, val granted: Int, val withdrawn: Int, val leftOut: List<String>)
