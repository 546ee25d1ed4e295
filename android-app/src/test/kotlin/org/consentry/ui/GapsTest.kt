package org.consentry.ui

import android.view.View
import android.widget.Button
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.Coverage
import org.consentry.engine.Gap
import org.consentry.engine.Protection
import org.consentry.health.Phone
import org.consentry.health.PhoneFacts
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** What the screens say of times in which nothing was held back. */
@Config(sdk = [24, 35])
class GapsTest : ScreenTest() {
    private fun MainActivity.status(): String = view<TextView>(R.id.status_title).text.toString()

    @Test
    fun homeSaysWhatHappenedUntilTheOwnerHasLooked() {
        model.show(Scene.afterGap)
        val main = openMain()
        assertEquals(text(R.string.status_after_gap), main.status())
        assertEquals(
            "The phone stopped Consentry from 02:14 to 06:40. It is working again.",
            main.view<TextView>(R.id.status_text).text.toString(),
        )
        assertTrue(main.view<View>(R.id.held_gaps).isShown)
        val chart = main.view<View>(R.id.chart).contentDescription
        assertTrue(chart.toString(), "Monday 1,340, with a gap" in chart && "today 1,284, with a gap" in chart)
        assertFalse(chart.toString(), "Sunday 588, with a gap" in chart)
        main.view<View>(R.id.status_foot).performClick()
        val opened = shadowOf(main).nextStartedActivity
        assertEquals(GapsActivity::class.java.name, opened.component!!.className)
        open(GapsActivity::class.java)
        assertEquals(text(R.string.status_on), openMain().status())
        // A later one is told anew.
        val later = Gap(Scene.NOW - 1, null, isCertain = true, Gap.Cause.CRASHED)
        model.show(Scene.quiet.copy(coverage = Scene.nights.copy(gaps = Scene.nights.gaps + later)))
        assertEquals(text(R.string.status_after_gap), openMain().status())
    }

    @Test
    fun aDayWithoutGapsIsSaidToBeOne() {
        model.show(Scene.quiet.copy(coverage = Scene.noGaps))
        assertEquals("Since 07:12 today. No gaps.", openMain().view<TextView>(R.id.status_text).text.toString())
        // What could not be read is not called fine.
        model.show(Scene.quiet.copy(coverage = null))
        assertEquals("Since 07:12 today.", openMain().view<TextView>(R.id.status_text).text.toString())
    }

    @Test
    fun whatTheOwnerDidIsNoReasonToWarn() {
        val mine = Gap(Scene.ago(hours = 3), Scene.ago(hours = 2), isCertain = true, Gap.Cause.TURNED_OFF)
        model.show(Scene.quiet.copy(coverage = Coverage(listOf(mine), 95, Scene.ago(days = 7))))
        assertEquals(text(R.string.status_on), openMain().status())
    }

    @Test
    fun theLogShowsGapsWhereTheyWere() {
        model.show(Scene.afterGap)
        val main = openMain(MainActivity.LOG)
        val list = main.view<android.widget.ListView>(R.id.log_list)
        val markers = (0 until list.count).mapNotNull { list.getItemAtPosition(it) as? LogItem.GapMarker }
        // The phone was off on Sunday: nothing could get out.
        assertEquals(listOf(Gap.Cause.KILLED, Gap.Cause.KILLED), markers.map { it.gap.cause })
        val position = (0 until list.count).first { list.getItemAtPosition(it) is LogItem.GapMarker }
        val marker = list.adapter.getView(position, null, list)
        assertEquals(
            "02:14 to 06:40 Not protected. Stopped by the phone.",
            marker.findViewById<TextView>(R.id.text).text.toString(),
        )
        marker.findViewById<View>(R.id.row).performClick()
        assertEquals(GapsActivity::class.java.name, shadowOf(main).nextStartedActivity.component!!.className)
        ScreenRules.shown(main.view(R.id.log_chips)).first { it is Chip && it.text == text(R.string.gaps) }.performClick()
        idle()
        assertFalse((0 until list.count).any { list.getItemAtPosition(it) is LogItem.GapMarker })
    }

    @Test
    fun healthShowsTheHoursOfEachDay() {
        model.show(Scene.afterGap)
        val main = openMain(MainActivity.HEALTH)
        assertEquals("Protected 90% of the last 5 days", main.view<TextView>(R.id.coverage_title).text.toString())
        assertEquals(
            "2 gaps. In a gap, services can connect without asking.",
            main.view<TextView>(R.id.coverage_text).text.toString(),
        )
        assertEquals(
            "Saturday: protected. Sunday: protected. Monday: protected except 02:32 to 08:57. Tuesday: protected. " +
                "Today: protected except 02:14 to 06:40",
            main.view<View>(R.id.timeline).contentDescription,
        )
        model.change { it.copy(alwaysOn = AlwaysOn(on = true, lockdown = true)) }
        idle()
        assertEquals(
            "2 gaps. Block without VPN was on, so nothing left the phone.",
            main.view<TextView>(R.id.coverage_text).text.toString(),
        )
    }

    @Test
    fun whatThePhoneDoesNotTellIsAskedAgainAfterTheNextKill() {
        val quiet = Scene.quiet.copy(coverage = Scene.noGaps)
        model.show(quiet)
        val help = open(HelpActivity::class.java, HelpActivity.intent(app, Help.RECENTS)).get()
        help.view<Button>(R.id.page_done).performClick()
        idle()
        assertTrue(help.isFinishing)
        val remembered = Preferences.of(app).now!!
        assertEquals(Scene.NOW, remembered.recentsDoneMs)
        val facts = PhoneFacts(isBatteryFree = true, areNotificationsOn = true)
        val standing = { gaps: List<Gap> ->
            HealthCheck.of(quiet.copy(coverage = Coverage(gaps)), facts, Phone("Xiaomi", "Redmi"), 35, remembered)
                .first { it.name == R.string.check_recents }.standing
        }
        assertEquals(HealthCheck.Standing.OK, standing(Scene.nights.gaps))
        val again = Gap(Scene.NOW + Scene.HOUR, null, isCertain = false, Gap.Cause.KILLED)
        assertEquals(HealthCheck.Standing.UNKNOWN, standing(Scene.nights.gaps + again))
    }

    @Test
    fun theListOfGapsNamesEachCause() {
        model.show(Scene.afterGap)
        val page = open(GapsActivity::class.java).get()
        val words = ScreenRules.shown(page.decor).filterIsInstance<TextView>().map { it.text.toString() }
        assertTrue(words.toString(), words.containsAll(listOf("Today", "Stopped by the phone.", "Phone was off or not unlocked yet. It may have begun a little later.")))
        model.show(Scene.quiet.copy(coverage = Scene.noGaps))
        val none = open(GapsActivity::class.java).get()
        assertEquals(text(R.string.no_gaps), none.view<TextView>(R.id.empty_text).text.toString())
    }

    @Test
    fun aBatterySaverThatCameBackIsSaidToHaveComeBack() {
        val free = PhoneFacts(isBatteryFree = true, areNotificationsOn = true)
        val before = Remembered().afterReading(free, Scene.ago(days = 1))
        val after = before.afterReading(free.copy(isBatteryFree = false), Scene.NOW)
        assertEquals(Advice.BatteryAgain(Scene.NOW), Advice.of(Scene.quiet, free.copy(isBatteryFree = false), after))
        // It was never free: nothing came back.
        val never = Remembered().afterReading(free.copy(isBatteryFree = false), Scene.NOW)
        assertEquals(Advice.Battery, Advice.of(Scene.quiet, free.copy(isBatteryFree = false), never))
        assertEquals(0, after.afterReading(free, Scene.NOW).batteryAgainMs)
    }

    @Test
    fun newServicesOfTheCatalogueAreShownOnce() {
        val off = Scene.quiet.copy(protection = Protection.Off)
        model.show(off)
        openMain()
        // The first look is no news.
        assertEquals(null, Advice.of(off, null, Preferences.of(app).now!!))
        val more = Scene.service("new.service", "New service", "Maker", "ads")
        model.show(off.copy(services = Scene.services + more))
        val main = openMain()
        assertEquals(text(R.string.card_catalogue), main.view<TextView>(R.id.advice_title).text.toString())
        main.view<View>(R.id.advice_now).performClick()
        idle()
        val names = ScreenRules.shown(main.view(R.id.services_list)).filter { it.id == R.id.name }.map { (it as TextView).text.toString() }
        assertEquals(listOf("New service"), names)
        assertEquals(null, Advice.of(model.state.value, null, Preferences.of(app).now!!))
    }
}
