package org.consentry.ui

import org.consentry.R
import org.consentry.engine.CatalogueTexts
import org.consentry.engine.ConsentState
import org.consentry.engine.Outcome
import org.consentry.engine.Service
import org.consentry.engine.Term

/**
 * What the owner decides on a screen: asks back where something would surprise, does it, says so, and offers to take it back.
 *
 * @param messages where it is said
 * @param failed called when something was not done, so that the screen shows what still holds
 */
class ConsentActions(
    private val screen: Screen,
    private val model: ConsentryModel,
    private val messages: MessageBar,
    private val failed: () -> Unit,
) {
    /** The switch of a row: on for all apps without an end, or off. */
    fun switch(service: Service, on: Boolean) {
        if (on) {
            allow(service, Term.FOREVER) { saySwitchedOn(service) }
        } else {
            hold(service) { say(screen.getString(R.string.is_held_back, service.name), undoOf(service)) }
        }
    }

    /**
     * Allows a service for all apps; first it names another service that the grant opens too.
     *
     * @param done called when it is done
     */
    fun allow(service: Service, term: Term, done: () -> Unit) {
        val other = service.sharesWith.mapNotNull(model.state.value::service).find { !it.isAllowed }
        if (other == null || service.isAllowed) {
            grant(service, term, done)
            return
        }
        Dialogs.ask(
            screen,
            screen.getString(R.string.allow_service, service.name),
            screen.getString(R.string.shares_server, service.name, other.name),
            R.string.allow,
        ) { grant(service, term, done) }
    }

    /**
     * Holds a service back; first it says what stops when the phone needs it.
     *
     * @param done called when it is done
     */
    fun hold(service: Service, done: () -> Unit) {
        if (!service.isEssential) {
            revoke(service, done)
            return
        }
        Dialogs.ask(
            screen,
            screen.getString(R.string.turn_off_service, service.name),
            CatalogueTexts.of(screen).breaks(service),
            R.string.turn_off,
        ) { revoke(service, done) }
    }

    /** For one app: allowed, held back (both a decision), whatever holds for all. */
    fun forApp(service: Service, app: String, allowed: Boolean, done: () -> Unit) {
        if (allowed) {
            screen.lock.before { model.grant(service.id, app, Term.FOREVER) { ifDone(it, done) } }
        } else {
            model.revoke(service.id, app) { ifDone(it, done) }
        }
    }

    /** Says what was done; with [undo] it can be taken back. */
    fun say(words: CharSequence, undo: (() -> Unit)?) {
        if (undo == null) messages.show(words) else messages.show(words, MessageBar.Action(R.string.undo, undo))
    }

    /** Puts back what held for a service; null where that cannot be put back as it was. */
    fun undoOf(before: Service): (() -> Unit)? = when (before.consent) {
        ConsentState.Off -> ({ revoke(before) {} })
        ConsentState.On -> ({ grant(before, Term.FOREVER) {} })
        ConsentState.UntilRestart -> ({ grant(before, Term.RESTART) {} })
        // The rest of a running time cannot be granted again, and more than that was not agreed to.
        is ConsentState.Until, is ConsentState.ForApps -> null
    }

    private fun saySwitchedOn(service: Service) {
        if (service.isEssential) {
            say(screen.getString(R.string.is_allowed, service.name), undoOf(service))
            return
        }
        messages.show(
            screen.getString(R.string.is_allowed, service.name),
            MessageBar.Action(R.string.only_15_min) {
                // Less than what holds: no reason to ask again who it is.
                model.grant(service.id, null, Term.QUARTER_HOUR) { outcome ->
                    ifDone(outcome) { say(screen.getString(R.string.is_allowed_15, service.name), undoOf(service)) }
                }
            },
            MessageBar.Action(R.string.undo) { revoke(service) {} },
        )
    }

    private fun grant(service: Service, term: Term, done: () -> Unit) =
        screen.lock.before { model.grant(service.id, null, term) { ifDone(it, done) } }

    private fun revoke(service: Service, done: () -> Unit) = model.revoke(service.id, null) { ifDone(it, done) }

    private fun ifDone(outcome: Outcome<*>, done: () -> Unit) {
        if (screen.isDestroyed) return
        when (outcome) {
            is Outcome.Done -> done()
            is Outcome.Failed -> {
                messages.show(screen.sentence(outcome.failure))
                failed()
            }
        }
    }
}
