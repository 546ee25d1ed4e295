package org.consentry.ui

import android.content.Context
import android.content.res.ColorStateList
import android.os.Build
import android.view.Gravity
import android.view.View
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.Switch
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Gap
import org.consentry.engine.Protection
import org.consentry.engine.StoreState

/** What the card at the top of Home says, and what its foot does. */
data class StatusContent(
    val tone: Tone,
    val icon: Int,
    val title: String,
    val text: String,
    val foot: String?,
    val footAction: FootAction?,
    val isOn: Boolean,
    val canSwitch: Boolean = true,
) {
    /** The colours of the card. */
    enum class Tone(val ground: Int, val text: Int) {
        ON(R.attr.container, R.attr.onContainer),
        PLAIN(R.attr.high, R.attr.textMain),
        ATTENTION(R.attr.attention, R.attr.onAttention),
        FAILURE(R.attr.failure, R.attr.onFailure),
    }

    /** What a tap on the foot does. */
    enum class FootAction { SERVICES, TURN_ON, VPN_SETTINGS, OPEN_RECORD, GAPS }

    companion object {
        /**
         * How protection stands, in words.
         *
         * @param gapsSeenMs when the owner last looked at the gaps: of those before nothing is said any more
         */
        fun of(state: EngineState, context: Context, times: Times, gapsSeenMs: Long = 0): StatusContent {
            val store = state.store
            if (store is StoreState.Unreadable && !state.protection.isActive) {
                return StatusContent(
                    Tone.FAILURE,
                    R.drawable.ic_shield_alert,
                    context.getString(R.string.status_record),
                    store.failure.text(context),
                    context.getString(R.string.try_again),
                    FootAction.OPEN_RECORD,
                    isOn = false,
                    canSwitch = false,
                )
            }
            // Before the record is open nobody knows how protection stands.
            val isOpening = store == StoreState.Opening && state.protection == Protection.Off
            return when (val protection = if (isOpening) Protection.Starting else state.protection) {
                is Protection.On -> {
                    val gap = gapOfToday(state, times, gapsSeenMs)
                    if (gap == null) on(state, protection.sinceMs, context, times) else afterGap(gap, context, times)
                }
                Protection.Starting -> StatusContent(
                    Tone.PLAIN,
                    R.drawable.ic_shield_clock,
                    context.getString(R.string.status_starting),
                    context.getString(R.string.status_starting_text),
                    null,
                    null,
                    isOn = !isOpening,
                    canSwitch = false,
                )
                is Protection.Paused -> StatusContent(
                    Tone.PLAIN,
                    R.drawable.ic_shield_clock,
                    context.getString(R.string.status_paused, times.clock(protection.untilMs)),
                    context.getString(R.string.status_off_text),
                    context.getString(R.string.turn_on_now),
                    FootAction.TURN_ON,
                    isOn = false,
                )
                Protection.AnotherVpn -> StatusContent(
                    Tone.ATTENTION,
                    R.drawable.ic_shield_key,
                    context.getString(R.string.status_other_vpn),
                    context.getString(R.string.status_other_vpn_text),
                    context.getString(R.string.use_consentry),
                    FootAction.TURN_ON,
                    isOn = false,
                )
                Protection.LockedByAnotherVpn -> StatusContent(
                    Tone.ATTENTION,
                    R.drawable.ic_shield_key,
                    context.getString(R.string.status_locked_out),
                    context.getString(R.string.status_locked_out_text),
                    context.getString(R.string.open_vpn_settings),
                    FootAction.VPN_SETTINGS,
                    isOn = false,
                )
                Protection.StartRefused -> StatusContent(
                    Tone.ATTENTION,
                    R.drawable.ic_shield_alert,
                    context.getString(R.string.status_refused),
                    context.getString(R.string.status_refused_text),
                    context.getString(R.string.start_now),
                    FootAction.TURN_ON,
                    isOn = false,
                )
                is Protection.Failed -> failed(protection, context)
                Protection.Off, Protection.NeedsPermission -> StatusContent(
                    Tone.PLAIN,
                    R.drawable.ic_shield_off,
                    context.getString(R.string.status_off),
                    context.getString(R.string.status_off_text),
                    null,
                    null,
                    isOn = false,
                )
            }
        }

        private fun gapsOfToday(state: EngineState, times: Times): List<Gap> =
            state.coverage?.gapsIn(times.dayStart(times.now), Long.MAX_VALUE).orEmpty()

        /** The latest gap of today that came unasked and that the owner has not looked at. */
        private fun gapOfToday(state: EngineState, times: Times, gapsSeenMs: Long): Gap? =
            gapsOfToday(state, times).lastOrNull { it.isUnasked && (it.untilMs ?: Long.MAX_VALUE) > gapsSeenMs }

        private fun afterGap(gap: Gap, context: Context, times: Times) = StatusContent(
            Tone.ATTENTION,
            R.drawable.ic_shield_alert,
            context.getString(R.string.status_after_gap),
            GapWords(context, times) { times.now }.afterwards(gap),
            context.getString(R.string.see_what_this_means),
            FootAction.GAPS,
            isOn = true,
        )

        private fun on(state: EngineState, sinceMs: Long, context: Context, times: Times): StatusContent {
            val isToday = times.daysAgo(sinceMs) == 0
            val since = if (isToday && state.coverage?.percent != null && gapsOfToday(state, times).none { it.isOpen }) {
                context.getString(R.string.status_on_text_no_gaps, times.clock(sinceMs))
            } else if (isToday) {
                context.getString(R.string.status_on_text_today, times.clock(sinceMs))
            } else {
                context.getString(R.string.status_on_text, times.moment(sinceMs))
            }
            val foot = state.status?.let { status ->
                val resources = context.resources
                val allowed = if (status.allowed == 0) {
                    context.getString(R.string.you_allow_none)
                } else {
                    resources.plural(R.plurals.you_allow, status.allowed.toLong())
                }
                if (status.undecided == 0) {
                    allowed
                } else {
                    val undecided = resources.plural(R.plurals.undecided, status.undecided.toLong())
                    context.getString(R.string.status_on_foot, allowed, undecided)
                }
            }
            return StatusContent(
                Tone.ON,
                R.drawable.ic_shield_check,
                context.getString(R.string.status_on),
                since,
                foot,
                FootAction.SERVICES,
                isOn = true,
            )
        }

        private fun failed(protection: Protection.Failed, context: Context): StatusContent {
            val reason = protection.failure.text(context)
            return StatusContent(
                Tone.FAILURE,
                R.drawable.ic_shield_alert,
                context.getString(R.string.status_failed),
                context.getString(
                    if (protection.closed) R.string.status_failed_closed else R.string.status_failed_lockdown,
                    reason,
                ),
                context.getString(R.string.try_again),
                FootAction.TURN_ON,
                isOn = protection.closed,
            )
        }
    }
}

/** The card at the top of Home. */
class StatusCard(private val card: View, isTextLarge: Boolean, private val on: Actions) {
    /** What the owner can do with it. */
    interface Actions {
        fun turnOn()

        fun turnOff()

        fun foot(action: StatusContent.FootAction)
    }

    private val icon: ImageView = card.findViewById(R.id.status_icon)
    private val title: TextView = card.findViewById(R.id.status_title)
    private val text: TextView = card.findViewById(R.id.status_text)
    private val switch: Switch = card.findViewById(R.id.status_switch)
    private val line: View = card.findViewById(R.id.status_line)
    private val foot: View = card.findViewById(R.id.status_foot)
    private val footText: TextView = card.findViewById(R.id.status_foot_text)
    private val footChevron: ImageView = card.findViewById(R.id.status_foot_chevron)
    private var shown: StatusContent? = null

    init {
        switch.contentDescription = card.context.getString(R.string.protection)
        switch.setOnClickListener {
            // It shows what holds, not what was asked for: the answer comes with the state.
            val wanted = switch.isChecked
            switch.isChecked = shown?.isOn ?: false
            if (wanted) on.turnOn() else on.turnOff()
        }
        foot.setOnClickListener { shown?.footAction?.let(on::foot) }
        if (isTextLarge) stack()
    }

    /** With large text the switch stands below the words. */
    private fun stack() {
        val top = card.findViewById<LinearLayout>(R.id.status_top)
        val words = title.parent as LinearLayout
        top.removeView(switch)
        words.addView(
            switch,
            LinearLayout.LayoutParams(
                LinearLayout.LayoutParams.WRAP_CONTENT,
                LinearLayout.LayoutParams.WRAP_CONTENT,
            ).apply { gravity = Gravity.END },
        )
        top.gravity = Gravity.TOP
    }

    /** Shows it. */
    fun show(content: StatusContent) {
        if (content == shown) return
        shown = content
        val context = card.context
        val colour = ColorStateList.valueOf(context.colour(content.tone.text))
        card.backgroundTintList = ColorStateList.valueOf(context.colour(content.tone.ground))
        icon.setImageResource(content.icon)
        icon.imageTintList = colour
        if (title.text.toString() != content.title) title.text = content.title
        text.text = content.text
        listOf(title, text, footText).forEach { it.setTextColor(colour) }
        switch.isChecked = content.isOn
        switch.isEnabled = content.canSwitch
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) switch.stateDescription = content.title
        val hasFoot = content.foot != null
        line.isShownHere = hasFoot
        line.backgroundTintList = colour
        foot.isShownHere = hasFoot
        footText.text = content.foot
        footChevron.imageTintList = colour
    }
}
