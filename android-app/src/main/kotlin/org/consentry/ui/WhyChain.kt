package org.consentry.ui

import android.content.Context
import org.consentry.R
import org.consentry.engine.Attempt
import org.consentry.engine.Service
import org.consentry.engine.Signal
import org.consentry.engine.Standing

/** One step of the reasons: its head, what holds, and what that rests on. */
data class WhyStep(val head: Int, val icon: Int, val title: String, val text: String)

/** Why an attempt was held back, in four steps of plain words. */
class WhyChain(
    private val context: Context,
    private val times: Times,
    private val words: AttemptWords,
    private val labels: AppLabels,
) {
    /**
     * The steps.
     *
     * @param service its service; null when the catalogue lists none
     * @param decisions of that service; null until they have been read
     */
    fun of(attempt: Attempt, service: Service?, decisions: Decisions?): List<WhyStep> = listOf(
        recognised(attempt, service),
        service(attempt, service),
        rule(attempt, service),
        decision(attempt, service, decisions ?: Decisions.UNKNOWN),
    )

    private fun recognised(attempt: Attempt, service: Service?): WhyStep {
        val target = words.target(attempt) ?: context.getString(R.string.an_address)
        val (title, text) = when (attempt.signal) {
            Signal.HTTP_HOST -> R.string.recognised_request to R.string.certain_request
            Signal.DNS_QUESTION -> R.string.recognised_look_up to R.string.certain_look_up
            Signal.TLS_SNI, Signal.QUIC_SNI -> R.string.recognised_name to R.string.certain_name
            Signal.SIGNATURE -> R.string.recognised_signature to R.string.certain_signature
            Signal.ADDRESS -> R.string.recognised_address to R.string.very_likely_address
            Signal.DNS_ANSWER -> R.string.recognised_answer to R.string.very_likely_answer
            Signal.APP -> R.string.recognised_app to R.string.likely_app
            null -> R.string.recognised_unknown to R.string.certain_strict
        }
        val what = if (attempt.signal == Signal.SIGNATURE) service?.name ?: target else target
        return WhyStep(R.string.step_recognised, R.drawable.ic_search, context.getString(title, what), context.getString(text))
    }

    private fun service(attempt: Attempt, service: Service?): WhyStep {
        if (service == null) {
            val name = attempt.service ?: context.getString(R.string.no_service)
            return WhyStep(R.string.step_service, R.drawable.ic_servers, name, context.getString(R.string.no_service_text))
        }
        val path = attempt.path?.substringBefore('?')?.takeIf { it.length > 1 }
        val pattern = attempt.host?.let { pattern(service, it) }
        val port = attempt.port
        val text = when {
            path != null -> context.getString(R.string.its_path, words.server(path))
            pattern != null -> context.getString(R.string.its_host, words.server(pattern))
            attempt.address in service.addresses -> context.getString(R.string.its_host, words.server(attempt.address.orEmpty()))
            attempt.signal == Signal.SIGNATURE && port != null -> context.getString(R.string.its_port, port.toString())
            else -> context.getString(R.string.its_maker, service.vendor)
        }
        return WhyStep(R.string.step_service, Purpose.of(service.category).icon, service.name, text)
    }

    /** The service's pattern that a host fits: the host itself before a longer domain before a shorter. */
    private fun pattern(service: Service, host: String): String? = service.hosts
        .filter { pattern -> pattern.removePrefix("*.").let { it == host || host.endsWith(".$it") } }
        .maxByOrNull { it.length }

    private fun rule(attempt: Attempt, service: Service?): WhyStep {
        val (title, text) = when {
            service == null -> context.getString(R.string.rule_strict, labels.name(attempt.app)) to R.string.rule_strict_text
            service.standing == Standing.DENIED_TO_DEDICATED ->
                context.getString(R.string.rule_dedicated) to R.string.rule_dedicated_text
            service.isEssential && service.isAllowed && attempt.signal == Signal.HTTP_HOST ->
                context.getString(R.string.rule_listed_only) to R.string.rule_listed_only_text
            service.isEssential -> context.getString(R.string.rule_off) to R.string.rule_off_text
            else -> context.getString(R.string.rule_consent) to R.string.rule_consent_text
        }
        return WhyStep(R.string.step_rule, R.drawable.ic_receipt, title, context.getString(text))
    }

    private fun decision(attempt: Attempt, service: Service?, decisions: Decisions): WhyStep {
        val (title, text) = if (service == null) {
            context.getString(R.string.decision_none) to context.getString(R.string.decision_strict_text)
        } else {
            decided(attempt, service, decisions)
        }
        return WhyStep(R.string.step_decision, R.drawable.ic_person, title, text)
    }

    private fun decided(attempt: Attempt, service: Service, decisions: Decisions): Pair<String, String> {
        // As it was then: what was decided since is another story.
        val apps = decisions.appsAllowed(service.id, attempt.lastMs)
        if (apps.isNotEmpty()) {
            val title = context.getString(R.string.decision_other_app, words.listed(apps.map(labels::name)))
            return title to context.getString(R.string.decision_other_app_text, labels.name(attempt.app))
        }
        return when (val decision = decisions.about(service.id, service.isEssential, attempt.lastMs)) {
            Decision.Undecided, is Decision.Allowed ->
                context.getString(R.string.decision_none) to context.getString(R.string.decision_none_text)
            is Decision.KeptBlocked ->
                context.getString(R.string.decision_kept_blocked) to whenAndWhere(decision.change.timeMs, decision.change.via)
            is Decision.TurnedOff ->
                context.getString(R.string.decision_turned_off) to whenAndWhere(decision.change.timeMs, decision.change.via)
            is Decision.Ended -> context.getString(
                when (decision.length) {
                    Length.QUARTER_HOUR -> R.string.decision_15_ended
                    Length.HOUR -> R.string.decision_hour_ended
                    Length.UNTIL_RESTART -> R.string.decision_restart_ended
                    Length.ENDLESS, Length.OTHER -> R.string.decision_ended
                },
            ) to context.getString(
                R.string.decision_ended_text,
                times.date(decision.change.timeMs),
                times.clock(decision.change.timeMs),
            )
        }
    }

    private fun whenAndWhere(ms: Long, via: String): String =
        context.getString(R.string.decision_when_where, times.date(ms), HistoryWords(context, times, labels).how(via))
}
