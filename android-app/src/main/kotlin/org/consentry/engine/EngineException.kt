package org.consentry.engine

/**
 * A call of the engine failed.
 *
 * @property code one of the codes that [EngineFailure.Kind] knows
 * @param message what failed and why, for a report; the owner is shown [EngineFailure.text]
 */
class EngineException(val code: String, message: String) : RuntimeException(message)
