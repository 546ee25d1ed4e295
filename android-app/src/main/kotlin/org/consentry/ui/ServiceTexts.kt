package org.consentry.ui

import android.content.Context
import org.consentry.R
import org.consentry.engine.CatalogueTexts
import org.consentry.engine.ConsentState
import org.consentry.engine.Service
import org.consentry.engine.Standing

/** Whether the phone needs it, so that it is on unless turned off. */
val Service.isEssential: Boolean get() = standing == Standing.ESSENTIAL

/** Those of these services that the owner has not seen in the catalogue yet. */
fun Remembered.newIn(services: List<Service>): List<Service> =
    if (knownServices.isEmpty()) emptyList() else services.filter { it.id !in knownServices }

/** Whether any app may use it now. */
val Service.isAllowed: Boolean get() = consent != ConsentState.Off

/** Whether it was tried on this phone, as far as the log goes back. */
val Service.wasTried: Boolean get() = lastMs != null

/** Whether its end is set. */
val Service.isAllowedForATime: Boolean
    get() = consent is ConsentState.Until || consent == ConsentState.UntilRestart

/** Whether nothing visible stops without it. */
val Service.isInvisible: Boolean get() = breaks.trimEnd('.') == "Nothing visible"

/** How a service stands, in the words of the screens. */
class ServiceTexts(private val context: Context, private val times: Times) {
    /** The second line of a service's row. */
    fun secondLine(service: Service, decision: Decision): String =
        if (service.isChanged && service.isAllowed) context.getString(R.string.is_more_now) else standing(service, decision)

    private fun standing(service: Service, decision: Decision): String = when (val consent = service.consent) {
        is ConsentState.Until -> context.getString(R.string.allowed_until, times.moment(consent.untilMs))
        ConsentState.UntilRestart -> context.getString(R.string.allowed_until_restart)
        is ConsentState.ForApps -> {
            val known = (service.packages + consent.packages).distinct().size
            context.resources.plural(R.plurals.allowed_for_apps, consent.packages.size.toLong(), Numbers.of(known))
        }
        ConsentState.On ->
            if (service.isEssential) makerAndPurpose(service) else context.getString(R.string.allowed_until_off)
        ConsentState.Off -> heldBack(service, decision)
    }

    private fun heldBack(service: Service, decision: Decision): String {
        val lastMs = service.lastMs
        return when {
            service.isEssential && decision is Decision.TurnedOff ->
                context.getString(R.string.turned_off_by_you, times.day(decision.change.timeMs))
            service.keptBlocked -> context.getString(R.string.kept_blocked_by_you)
            service.attemptsToday > 0 && lastMs != null ->
                context.resources.plural(R.plurals.attempts_today, service.attemptsToday, times.clock(lastMs))
            lastMs != null -> context.getString(R.string.last_attempt, times.day(lastMs))
            else -> context.getString(R.string.no_attempts_yet)
        }
    }

    /** `Xiaomi · Updates`. */
    fun makerAndPurpose(service: Service): String =
        context.getString(R.string.two_parts, service.vendor, context.getString(Purpose.of(service.category).text))

    /** The line under `Off`. */
    fun offLine(service: Service, decision: Decision): String = when (decision) {
        Decision.Undecided, is Decision.Allowed -> context.getString(R.string.off_undecided)
        is Decision.KeptBlocked -> context.getString(R.string.off_kept_blocked)
        is Decision.TurnedOff -> context.getString(R.string.off_turned_off, times.day(decision.change.timeMs))
        is Decision.Ended -> context.getString(
            when (decision.length) {
                Length.QUARTER_HOUR -> R.string.off_15_ended
                Length.HOUR -> R.string.off_hour_ended
                Length.UNTIL_RESTART -> R.string.off_restarted
                Length.ENDLESS, Length.OTHER -> R.string.off_ended
            },
            times.date(decision.change.timeMs),
        )
    }

    /** What it does, in the owner's language where there is a translation. */
    fun does(service: Service): String = CatalogueTexts.of(context).does(service)

    /** What stops without it, likewise. */
    fun withoutIt(service: Service): String =
        if (service.isInvisible) context.getString(R.string.you_will_not_notice) else CatalogueTexts.of(context).breaks(service)
}
