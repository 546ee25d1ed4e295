package org.consentry.ui

import android.content.Intent
import android.os.Bundle
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.ScrollView
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.Attempt
import org.consentry.engine.EngineState
import org.consentry.engine.LogQuery
import org.consentry.engine.Outcome
import org.consentry.engine.Protection
import org.consentry.engine.Status
import org.consentry.health.SystemPages

/** Whether protection is on, what was held back today, and one piece of advice at most. */
class HomeTab(screen: MainActivity, parent: ViewGroup, private val model: ConsentryModel) :
    Tab(screen, parent, R.layout.tab_home, R.string.app_name), StatusCard.Actions {
    private val card = StatusCard(view.findViewById(R.id.status_card), screen.isTextLarge, this)
    private val advice: View = view.findViewById(R.id.advice)
    private val number: TextView = view.findViewById(R.id.held_number)
    private val heldText: TextView = view.findViewById(R.id.held_text)
    private val heldRow: LinearLayout = view.findViewById(R.id.held_row)
    private val heldGaps: View = view.findViewById(R.id.held_gaps)
    private val heldEmpty: View = view.findViewById(R.id.held_empty)
    private val chart: BarChart = view.findViewById(R.id.chart)
    private val latestHead: View = view.findViewById(R.id.latest_head)
    private val latest: LinearLayout = view.findViewById(R.id.latest)
    private val scroll: ScrollView = view.findViewById(R.id.home_scroll)
    private var latestRows: List<Attempt> = emptyList()
    private var shownStatus: Status? = null

    init {
        view.findViewById<TextView>(R.id.held_head).asHeading()
        view.findViewById<TextView>(R.id.latest_title).asHeading()
        view.findViewById<View>(R.id.see_all).setOnClickListener { screen.showLog(null) }
        chart.onDay = { index ->
            shownStatus?.days?.getOrNull(index)?.let { screen.times.ofDay(it.date) }?.let(screen::showLog)
        }
        chart.onList = {
            Dialogs.tell(screen, R.string.chart_title, chart.days.joinToString("\n") {
                screen.getString(R.string.chart_day, it.longName, Numbers.of(it.count))
            })
        }
        if (screen.isTextLarge) heldRow.orientation = LinearLayout.VERTICAL
    }

    override fun show(state: EngineState) {
        card.show(StatusContent.of(state, screen, screen.times, Preferences.of(screen).now?.gapsSeenMs ?: 0))
        showAdvice(state)
        showNumbers(state)
        if (state.status != shownStatus || latestRows.isEmpty()) readLatest()
        shownStatus = state.status
        showLatest(state)
    }

    override fun onLabels() = showLatest(model.state.value)

    override fun scrollToTop() = scroll.smoothScrollTo(0, 0)

    override fun turnOn() = screen.turnOn()

    override fun turnOff() {
        if (model.state.value.alwaysOn?.on == true) {
            Dialogs.ask(
                screen,
                screen.getString(R.string.android_keeps_on),
                screen.getString(R.string.android_keeps_on_text),
                R.string.open_vpn_settings,
            ) { screen.openFirst(SystemPages.vpn) }
        } else {
            Dialogs.turnOff(
                screen,
                pause = { screen.lock.before { model.pause(PAUSE_MS) } },
                turnOff = { screen.lock.before(model::turnOff) },
            )
        }
    }

    override fun foot(action: StatusContent.FootAction) = when (action) {
        StatusContent.FootAction.SERVICES -> screen.showTab(MainActivity.SERVICES)
        StatusContent.FootAction.TURN_ON -> screen.turnOn()
        StatusContent.FootAction.VPN_SETTINGS -> screen.openFirst(SystemPages.vpn)
        StatusContent.FootAction.OPEN_RECORD -> model.open()
        StatusContent.FootAction.GAPS -> screen.openGaps()
    }

    private fun showNumbers(state: EngineState) {
        val status = state.status
        val isNothing = status != null && status.days.all { it.count == 0L } && status.heldToday == 0L &&
            state.protection !is Protection.On
        heldEmpty.isShownHere = isNothing
        heldRow.isShownHere = !isNothing
        chart.isShownHere = !isNothing && status != null && status.days.any { it.count > 0 }
        if (status == null) {
            number.setText(R.string.number_unknown)
            heldText.text = null
            return
        }
        number.text = Numbers.of(status.heldToday)
        heldText.text = if (status.heldToday == 0L) {
            screen.getString(R.string.nothing_today)
        } else {
            val services = state.services.count { it.attemptsToday > 0 }.toLong()
            screen.resources.getQuantityString(
                R.plurals.attempts_from,
                status.heldToday.coerceAtMost(Int.MAX_VALUE.toLong()).toInt(),
                screen.resources.plural(R.plurals.services_count, services),
            )
        }
        val today = screen.times.dayStart(model.nowMs)
        heldGaps.isShownHere = hasGap(state, today, Long.MAX_VALUE)
        chart.days = status.days.mapIndexed { index, day ->
            val isToday = index == status.days.lastIndex
            BarChart.Day(
                if (isToday) screen.getString(R.string.today_head) else screen.times.weekday(day.date),
                if (isToday) screen.getString(R.string.today) else screen.times.longWeekday(day.date),
                day.count,
                isToday,
                hasGap = screen.times.ofDay(day.date)?.let {
                    hasGap(state, screen.times.dayStart(it), screen.times.dayEnd(it))
                } ?: false,
            )
        }
    }

    private fun hasGap(state: EngineState, fromMs: Long, untilMs: Long): Boolean =
        state.coverage?.gapsIn(fromMs, untilMs).orEmpty().any { it.isOpen }

    private fun readLatest() = model.log(LogQuery(limit = LATEST_RECORDS)) { page ->
        if (page is Outcome.Done && !screen.isDestroyed) {
            val book = LogBook(screen.times::dayStart).apply { add(page.value.rows) }
            latestRows = book.items(emptyList(), hasMore = false).filterIsInstance<LogItem.Row>()
                .take(LATEST).map { it.entry.attempt }
            showLatest(model.state.value)
        }
    }

    private fun showLatest(state: EngineState) {
        // Without the catalogue nobody knows what the services are called.
        val latestRows = if (state.services.isEmpty()) emptyList() else latestRows
        latestHead.isShownHere = latestRows.isNotEmpty()
        while (latest.childCount > latestRows.size) latest.removeViewAt(latest.childCount - 1)
        while (latest.childCount < latestRows.size) {
            latest.addView(
                LayoutInflater.from(screen).inflate(R.layout.row_attempt, latest, false).apply {
                    tag = AttemptRow(this, screen)
                },
            )
        }
        latestRows.forEachIndexed { index, attempt ->
            val row = latest.getChildAt(index).tag as AttemptRow
            row.showOnHome(attempt, attempt.service?.let(state::service)) {
                screen.openAttempt(LogEntry(attempt, listOf(attempt)))
            }
            row.place(first = index == 0, last = index == latestRows.lastIndex)
        }
    }

    private fun showAdvice(state: EngineState) {
        val remembered = Preferences.of(screen).now
        val card = Advice.of(state, screen.facts, remembered ?: Remembered())
        advice.isShownHere = card != null && remembered != null
        if (card == null) return
        advice.findViewById<ImageView>(R.id.advice_icon).setImageResource(card.icon)
        advice.findViewById<TextView>(R.id.advice_title).apply {
            setText(card.title)
            asHeading()
        }
        advice.findViewById<TextView>(R.id.advice_text).text =
            card.words(screen)
        advice.findViewById<Button>(R.id.advice_later).apply {
            setText(card.later)
            setOnClickListener { later(card) }
        }
        advice.findViewById<Button>(R.id.advice_now).apply {
            setText(card.now)
            // The one thing to do, when nothing works without it.
            val isFirst = card is Advice.Permission
            setBackgroundResource(if (isFirst) R.drawable.button_filled else R.drawable.button_tonal)
            setTextColor(screen.colour(if (isFirst) R.attr.onPrimary else R.attr.onContainer))
            setOnClickListener { now(card) }
        }
    }

    private fun later(card: Advice) {
        if (card is Advice.Permission) {
            screen.startActivity(
                Intent(screen, OnboardingActivity::class.java).putExtra(OnboardingActivity.EXTRA_PAGE, OnboardingActivity.VPN),
            )
            return
        }
        if (card is Advice.NewServices) screen.newServicesSeen()
        Preferences.of(screen).change { it.copy(putOff = it.putOff + card.fact) }
        show(model.state.value)
    }

    private fun now(card: Advice) = when (card) {
        is Advice.Permission -> screen.turnOn()
        is Advice.PrivateDns -> screen.openFirst(SystemPages.privateDns)
        Advice.Battery, is Advice.BatteryAgain -> screen.openHelp(Help.BATTERY)
        is Advice.NewServices -> screen.showNewServices()
        is Advice.Reset -> screen.openSettings()
        Advice.Notifications -> screen.openFirst(SystemPages.notifications(screen))
    }

    override fun save(out: Bundle) = out.putInt(SCROLL, scroll.scrollY)

    override fun restore(saved: Bundle) {
        scroll.post { scroll.scrollTo(0, saved.getInt(SCROLL)) }
    }

    private companion object {
        const val PAUSE_MS = 15 * 60_000L
        const val LATEST = 3
        const val LATEST_RECORDS = 50
        const val SCROLL = "scroll"
    }
}
