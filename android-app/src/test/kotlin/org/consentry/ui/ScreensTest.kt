package org.consentry.ui

import android.app.Activity
import android.app.AlertDialog
import android.app.Instrumentation
import android.content.Intent
import android.os.Bundle
import android.os.Parcel
import android.view.View
import android.widget.Button
import android.widget.EditText
import android.widget.ListView
import android.widget.RadioButton
import android.widget.Switch
import android.widget.TextView
import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineFailure
import org.consentry.engine.Protection
import org.consentry.engine.Signal
import org.consentry.engine.Term
import org.consentry.vpn.Screens
import org.consentry.vpn.TurnOn
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.shadows.ShadowDialog

/** What the screens do, on the oldest Android and on the newest. */
@Config(sdk = [24, 35])
class ScreensTest : ScreenTest() {
    @Before
    fun quiet() = model.show(Scene.quiet)

    private fun shown(root: View) = ScreenRules.shown(root)

    /** The switch of a service's row, which is scrolled to. */
    private fun MainActivity.switchOf(service: String): Switch {
        val list = view<ListView>(R.id.services_list)
        for (position in 0 until list.count) {
            scroll(list, position)
            shown(list).find { it is Switch && it.contentDescription == text(R.string.allow_label, service) }
                ?.let { return it as Switch }
        }
        throw AssertionError("no row of $service")
    }

    private fun Activity.message(): String? =
        view<MessageBar>(R.id.messages).takeIf { it.isUp }?.let { view<TextView>(R.id.message_text).text.toString() }

    private fun Activity.messageButton(name: Int): Button =
        shown(view(R.id.message_buttons)).first { it is Button && it.text == text(name) } as Button

    private fun answer(button: Int) {
        val dialog = ShadowDialog.getLatestDialog() as AlertDialog
        dialog.getButton(button).performClick()
        idle()
    }

    private fun lastDialogTitle(): String? = (ShadowDialog.getLatestDialog() as? AlertDialog)?.takeIf { it.isShowing }
        ?.let { shadowOf(it).title?.toString() }

    @Test
    fun aSwitchAllowsAServiceAndCanBeTakenBack() {
        val activity = openMain(MainActivity.SERVICES)
        activity.switchOf("Xiaomi HttpDNS").performClick()
        idle()
        assertEquals(listOf("grant xiaomi.http_dns all FOREVER"), model.done)
        assertTrue(activity.switchOf("Xiaomi HttpDNS").isChecked)
        assertEquals("Xiaomi HttpDNS is allowed until you turn it off.", activity.message())
        activity.messageButton(R.string.undo).performClick()
        idle()
        assertEquals("revoke xiaomi.http_dns all", model.done.last())
        assertFalse(activity.switchOf("Xiaomi HttpDNS").isChecked)
        assertNull(activity.message())
    }

    @Test
    fun whatWasAllowedForGoodCanBeCutToAQuarterOfAnHour() {
        val activity = openMain(MainActivity.SERVICES)
        activity.switchOf("Xiaomi HttpDNS").performClick()
        idle()
        activity.messageButton(R.string.only_15_min).performClick()
        idle()
        assertEquals("grant xiaomi.http_dns all QUARTER_HOUR", model.done.last())
        assertEquals("Xiaomi HttpDNS is allowed for 15 minutes.", activity.message())
    }

    @Test
    fun whatThePhoneNeedsIsTurnedOffOnlyAfterAQuestion() {
        val activity = openMain(MainActivity.SERVICES)
        activity.switchOf(Scene.wifi.name).performClick()
        idle()
        assertEquals("Turn off Wi-Fi sign-in check (MIUI)?", lastDialogTitle())
        assertTrue(activity.switchOf(Scene.wifi.name).isChecked)
        answer(AlertDialog.BUTTON_NEGATIVE)
        assertTrue(model.done.isEmpty())
        activity.switchOf(Scene.wifi.name).performClick()
        idle()
        answer(AlertDialog.BUTTON_POSITIVE)
        assertEquals(listOf("revoke xiaomi.captive_portal all"), model.done)
    }

    @Test
    fun aServerThatTwoServicesShareIsNamedBeforeTheChoice() {
        val activity = openMain(MainActivity.SERVICES)
        activity.switchOf(Scene.messaging.name).performClick()
        idle()
        assertEquals("Allow MIUI Cloud Messaging?", lastDialogTitle())
        assertTrue(model.done.isEmpty())
        assertFalse(activity.switchOf(Scene.messaging.name).isChecked)
        answer(AlertDialog.BUTTON_POSITIVE)
        assertEquals(listOf("grant xiaomi.cloud_messaging all FOREVER"), model.done)
    }

    @Test
    fun whatCouldNotBeDoneIsSaidAndTheSwitchShowsWhatHolds() {
        val activity = openMain(MainActivity.SERVICES)
        model.failure = EngineFailure(EngineFailure.Kind.DISK_FULL, "")
        activity.switchOf("Xiaomi HttpDNS").performClick()
        idle()
        assertEquals(text(R.string.failure_disk_full), activity.message())
        assertFalse(activity.switchOf("Xiaomi HttpDNS").isChecked)
    }

    @Test
    fun aServiceIsFoundByItsServer() {
        val activity = openMain(MainActivity.SERVICES)
        activity.view<EditText>(R.id.services_search).setText("chat.global")
        pass(1)
        val rows = shown(activity.view(R.id.services_list))
        val names = rows.filter { it.id == R.id.name }.map { (it as TextView).text.toString() }
        assertEquals(listOf("Mi Push"), names)
        val second = rows.first { it.id == R.id.second } as TextView
        assertTrue(second.text.toString(), "app.chat.global.xiaomi.net" in second.text)
    }

    @Test
    fun eachChoiceOfAServiceIsAppliedAtOnce() {
        val activity = openService(Scene.httpDns.id)
        assertTrue(activity.view<RadioButton>(R.id.choice_off).isChecked)
        for ((choice, term) in listOf(
            R.id.choice_15 to "QUARTER_HOUR",
            R.id.choice_hour to "HOUR",
            R.id.choice_restart to "RESTART",
            R.id.choice_on to "FOREVER",
        )) {
            activity.view<View>(choice).performClick()
            idle()
            assertEquals("grant xiaomi.http_dns all $term", model.done.last())
            assertTrue(activity.view<RadioButton>(choice).isChecked)
        }
        assertEquals("Xiaomi HttpDNS: On.", activity.message())
        activity.view<View>(R.id.choice_off).performClick()
        idle()
        assertEquals("revoke xiaomi.http_dns all", model.done.last())
        assertEquals(5, model.done.size)
    }

    @Test
    fun aConsentThatEndsByItselfShowsWithoutATouch() {
        val activity = openService(Scene.push.id)
        assertTrue(activity.view<RadioButton>(R.id.choice_15).isChecked)
        model.change { state ->
            state.copy(services = state.services.map { if (it == Scene.push) it.copy(consent = ConsentState.Off) else it })
        }
        idle()
        assertTrue(activity.view<RadioButton>(R.id.choice_off).isChecked)
        assertTrue("nothing was decided by showing it", model.done.isEmpty())
    }

    @Test
    fun aNotificationsQuestionIsAskedOnceAndNotAgainAfterARotation() {
        val intent = Screens.service(app, Scene.messaging.id, Term.QUARTER_HOUR)
        val controller = open(ServiceActivity::class.java, intent)
        assertEquals("Allow MIUI Cloud Messaging?", lastDialogTitle())
        ShadowDialog.getLatestDialog().dismiss()
        controller.recreate()
        idle()
        assertNull(lastDialogTitle())
        assertTrue(model.done.isEmpty())
    }

    @Test
    fun oneAppMayBeAllowedAlone() {
        val activity = openService(Scene.messaging.id)
        shown(activity.decor).first { it.id == R.id.choice }.performClick()
        idle()
        shadowOf(ShadowDialog.getLatestDialog() as AlertDialog).clickOnItem(1)
        idle()
        assertEquals(listOf("grant xiaomi.cloud_messaging com.android.mms FOREVER"), model.done)
    }

    @Test
    fun anAttemptSaysWhyAndLeadsToItsService() {
        val activity = openMain(MainActivity.LOG)
        val row = shown(activity.view(R.id.log_list)).first {
            it.isClickable && it.contentDescription?.startsWith("MIUI Cloud Messaging") == true
        }
        row.performClick()
        val started = shadowOf(activity).nextStartedActivity
        val attempt = open(AttemptActivity::class.java, started).get()
        val day = attempt.times.date(Scene.ago(days = 5, hours = 4))
        val words = shown(attempt.view(R.id.why)).filterIsInstance<TextView>().map { it.text.toString() }
        assertEquals(
            listOf(
                "1. Recognised", "Web request to api.account.xiaomi.com", "Read from the request itself. Certain.",
                "2. Service", "MIUI Cloud Messaging", "Its path is /pass/user@id.",
                "3. Rule", "Needs your consent first", "Nothing leaves until you say yes.",
                "4. Your decision", "Your 1 hour ended", "On $day at 10:32. Held back since.",
            ),
            words.map { it.filter { letter -> letter.code !in 0x200E..0x202E } },
        )
        attempt.view<View>(R.id.open_service).performClick()
        val next = shadowOf(attempt).nextStartedActivity
        assertEquals(ServiceActivity::class.java.name, next.component!!.className)
        assertEquals(Scene.messaging.id, next.getStringExtra(Screens.EXTRA_SERVICE))
    }

    @Test
    fun theLogIsReadPageByPage() {
        model.attempts = List(100_000) { index ->
            Scene.attempt(index, "xiaomi.ads", null, "host$index.example.net", Signal.DNS_QUESTION, index / 60L, 1)
        }
        val activity = openMain(MainActivity.LOG)
        val first = model.pagesRead
        assertTrue("$first pages", first < 10)
        val list = activity.view<ListView>(R.id.log_list)
        scroll(list, list.count - 1)
        settle(activity)
        assertTrue(model.pagesRead > first)
        assertTrue("${model.pagesRead} pages", model.pagesRead < 20)
    }

    @Test
    fun theLogIsSearchedByTheNamesOfServicesToo() {
        val activity = openMain(MainActivity.LOG)
        activity.view<EditText>(R.id.log_search).setText("httpdns")
        pass(1)
        settle(activity)
        val names = shown(activity.view(R.id.log_list)).filter { it.id == R.id.name }.map { (it as TextView).text.toString() }
        assertEquals(listOf("Xiaomi HttpDNS"), names)
        activity.view<EditText>(R.id.log_search).setText("no such thing")
        pass(1)
        settle(activity)
        val empty = activity.view<View>(R.id.log_empty).findViewById<TextView>(R.id.empty_text)
        assertEquals(text(R.string.log_no_match), empty.text.toString())
    }

    @Test
    fun newAttemptsDoNotMoveTheLog() {
        val activity = openMain(MainActivity.LOG)
        val list = activity.view<ListView>(R.id.log_list)
        val before = list.count
        model.attempts = listOf(
            Scene.attempt(99, "xiaomi.ads", null, "new.example.net", Signal.TLS_SNI, minutes = 0, count = 1),
        ) + model.attempts
        model.change { it.copy(services = it.services.toList()) }
        idle()
        assertEquals(before, list.count)
        model.change { state -> state.copy(services = state.services.map { it.copy(attemptsToday = it.attemptsToday + 1) }) }
        idle()
        assertEquals(before, list.count)
        val pill = activity.view<Button>(R.id.log_new)
        assertEquals("1 new", pill.text.toString())
        pill.performClick()
        idle()
        assertEquals(before + 1, list.count)
        assertEquals(View.GONE, pill.visibility)
    }

    @Test
    fun turningOnAsksAndroidFirst() {
        model.show(Scene.quiet.copy(protection = Protection.Off))
        model.turnOnAnswer = FakeModel.QUESTION
        val activity = openMain()
        activity.view<View>(R.id.status_switch).performClick()
        val asked = shadowOf(activity).nextStartedActivityForResult
        assertEquals("android.net.vpn.QUESTION", asked.intent.action)
        model.turnOnAnswer = TurnOn.Started
        shadowOf(activity).receiveResult(asked.intent, Activity.RESULT_OK, null)
        assertEquals(listOf("turn on", "turn on"), model.done)
        assertEquals("Starting…", activity.view<TextView>(R.id.status_title).text.toString())
    }

    @Test
    fun whoClosesAndroidsQuestionIsToldWhatItMeans() {
        model.show(Scene.quiet.copy(protection = Protection.Off))
        model.turnOnAnswer = FakeModel.QUESTION
        val activity = openMain()
        activity.view<View>(R.id.status_switch).performClick()
        val asked = shadowOf(activity).nextStartedActivityForResult
        shadowOf(activity).receiveResult(asked.intent, Activity.RESULT_CANCELED, null)
        assertEquals(listOf("turn on", "refused"), model.done)
        assertEquals(text(R.string.card_permission), activity.view<TextView>(R.id.advice_title).text.toString())
    }

    @Test
    fun turningOffAsksForHowLong() {
        val activity = openMain()
        activity.view<View>(R.id.status_switch).performClick()
        idle()
        assertTrue("it shows what holds", activity.view<Switch>(R.id.status_switch).isChecked)
        answer(AlertDialog.BUTTON_POSITIVE)
        assertEquals(listOf("pause 15 min"), model.done)
        assertEquals("Off until 14:47", activity.view<TextView>(R.id.status_title).text.toString())
    }

    @Test
    fun alwaysOnIsTurnedOffWhereAndroidKeepsIt() {
        model.show(Scene.quiet.copy(alwaysOn = AlwaysOn(on = true, lockdown = true)))
        openMain().view<View>(R.id.status_switch).performClick()
        idle()
        assertEquals(text(R.string.android_keeps_on), lastDialogTitle())
        assertTrue(model.done.isEmpty())
    }

    @Test
    fun adviceThatWasPutOffReturnsOnlyWithItsFact() {
        model.show(Scene.quiet.copy(strictPrivateDns = "dns.example.org"))
        val activity = openMain()
        assertEquals(text(R.string.card_private_dns), activity.view<TextView>(R.id.advice_title).text.toString())
        activity.view<View>(R.id.advice_later).performClick()
        idle()
        assertFalse(text(R.string.card_private_dns) == activity.view<TextView>(R.id.advice_title).text.toString())
        model.change { it.copy(strictPrivateDns = "other.example.org") }
        idle()
        assertEquals(text(R.string.card_private_dns), activity.view<TextView>(R.id.advice_title).text.toString())
    }

    @Test
    @Suppress("DEPRECATION")
    fun backClosesTheSearchThenTheMessageThenTheTab() {
        val activity = openMain(MainActivity.SERVICES)
        activity.switchOf("Xiaomi HttpDNS").performClick()
        idle()
        activity.view<EditText>(R.id.services_search).setText("push")
        idle()
        activity.onBackPressed()
        assertEquals("", activity.view<EditText>(R.id.services_search).text.toString())
        assertNotNull(activity.message())
        activity.onBackPressed()
        assertNull(activity.message())
        activity.onBackPressed()
        assertTrue(activity.view<View>(R.id.home_scroll).isShown)
        assertFalse(activity.isFinishing)
        activity.onBackPressed()
        // From Home the system decides: it leaves the app.
        assertTrue(activity.view<View>(R.id.home_scroll).isShown)
    }

    @Test
    fun searchFilterAndTabOutliveARotationAndTheProcess() {
        val controller = open(MainActivity::class.java)
        val activity = controller.get()
        activity.showTab(MainActivity.SERVICES)
        activity.view<EditText>(R.id.services_search).setText("Mi")
        pass(1)
        chip(activity, R.id.services_chips, "Allowed 2").performClick()
        idle()
        activity.showTab(MainActivity.LOG)
        idle()
        chip(activity, R.id.log_chips, "Consent changes").performClick()
        idle()
        val saved = Bundle()
        controller.pause().stop().saveInstanceState(saved).destroy()

        val again = open(MainActivity::class.java, saved = saved).get()
        assertTrue(again.view<View>(R.id.log_list).isShown)
        assertFalse(chip(again, R.id.log_chips, "Consent changes").isSelected)
        // A tab that was not looked at in between keeps what it had.
        val kept = Bundle()
        Instrumentation().callActivityOnSaveInstanceState(again, kept)
        val third = open(MainActivity::class.java, saved = kept).get()
        third.showTab(MainActivity.SERVICES)
        idle()
        assertEquals("Mi", third.view<EditText>(R.id.services_search).text.toString())
        assertTrue(chip(third, R.id.services_chips, "Allowed 2").isSelected)
    }

    private fun chip(activity: Activity, group: Int, words: String): View =
        shown(activity.view(group)).first { it is Chip && it.text.toString() == words }

    @Test
    fun anAttemptOutlivesTheProcess() {
        val attempt = Scene.attempts[1]
        val intent = AttemptActivity.intent(app, LogEntry(attempt, listOf(attempt)))
        val parcel = Parcel.obtain()
        intent.writeToParcel(parcel, 0)
        parcel.setDataPosition(0)
        val read = Intent.CREATOR.createFromParcel(parcel)
        parcel.recycle()
        assertEquals(attempt, AttemptBundle.read(read.getBundleExtra("attempt")!!))
    }

    @Test
    fun aScreenReaderHearsWhatIsSeen() {
        model.show(Scene.quiet.copy(alwaysOn = AlwaysOn(on = false, lockdown = false)))
        val activity = openMain(MainActivity.SERVICES)
        val spoken = shown(activity.decor).filter { it.isClickable }.map { ScreenRules.spoken(it) }
        assertTrue(spoken.toString(), "Home, tab 1 of 4" in spoken)
        assertTrue(spoken.toString(), spoken.any { it.startsWith("Health, tab 4 of 4, ") && it.endsWith(" to do") })
        assertTrue(spoken.toString(), "Filter, All 14" in spoken)
        assertEquals("Allow Mi Push", activity.switchOf("Mi Push").contentDescription)
        val row = shown(activity.view(R.id.services_list)).map { it.contentDescription?.toString() }
        assertTrue(row.toString(), "Mi Push. Allowed until 14:47" in row)
        activity.showTab(MainActivity.HOME)
        settle(activity)
        assertEquals(
            "Held back in the last 7 days. Thursday 903, Friday 1,190, Saturday 640, Sunday 588, Monday 1,340, " +
                "Tuesday 1,120, today 1,284",
            activity.view<View>(R.id.chart).contentDescription,
        )
    }

    @Test
    @Config(sdk = [35])
    fun newerScreenReadersHearTheState() {
        val activity = openMain(MainActivity.SERVICES)
        assertEquals("allowed", activity.switchOf("Mi Push").stateDescription)
        assertEquals("held back", activity.switchOf("Xiaomi HttpDNS").stateDescription)
        assertTrue(activity.view<View>(R.id.title).isAccessibilityHeading)
    }

    @Test
    fun theOwnersThemeHolds() {
        remember(Remembered(introduced = true, theme = Theme.DARK, wallpaperColours = false))
        val activity = openMain()
        assertEquals(0xFF0E1311.toInt(), activity.colour(R.attr.window))
        remember(Remembered(introduced = true, theme = Theme.LIGHT, wallpaperColours = false))
        RuntimeEnvironment.setQualifiers("+night")
        assertEquals(0xFFF4F7F5.toInt(), openMain().colour(R.attr.window))
    }

    @Test
    fun whoIsNewIsShownTheIntroduction() {
        remember(Remembered(introduced = false, wallpaperColours = false))
        val activity = openMain()
        assertEquals(OnboardingActivity::class.java.name, shadowOf(activity).nextStartedActivity.component!!.className)
        model.show(Scene.quiet.copy(protection = Protection.Off))
        model.turnOnAnswer = FakeModel.QUESTION
        val introduction = open(OnboardingActivity::class.java).get()
        repeat(3) { introduction.view<View>(R.id.next).performClick() }
        val asked = shadowOf(introduction).nextStartedActivityForResult
        shadowOf(introduction).receiveResult(asked.intent, Activity.RESULT_CANCELED, null)
        // A refusal goes on to the last page.
        assertFalse(introduction.isFinishing)
        assertEquals(text(R.string.awake_title), introduction.view<TextView>(R.id.title).text.toString())
        introduction.view<View>(R.id.next).performClick()
        assertTrue(introduction.isFinishing)
        assertTrue(Preferences.of(app).now!!.introduced)
    }

    @Test
    fun whoWantsGoesThroughTheGroupsOneByOne() {
        val introduction = open(OnboardingActivity::class.java).get()
        val next = introduction.view<View>(R.id.next)
        next.performClick()
        introduction.view<View>(R.id.begin_groups).performClick()
        idle()
        next.performClick()
        val title = { introduction.view<TextView>(R.id.title).text.toString() }
        assertEquals(text(R.string.purpose_messaging), title())
        val allow = shown(introduction.decor).first { it is Switch && it.isShown }
        assertEquals(Scene.messaging.name, allow.contentDescription)
        next.performClick()
        assertEquals(text(R.string.purpose_notifications), title())
        shown(introduction.decor).first { it.contentDescription == Scene.jpush.name }.performClick()
        idle()
        assertEquals(listOf("grant aurora.push all FOREVER"), model.done)
        // The groups end with the question about the VPN; whoever goes back finds what was chosen.
        var pages = 0
        while (title() != text(R.string.vpn_title)) {
            next.performClick()
            assertTrue("the groups have an end", pages++ < 20)
        }
        assertEquals("what was not touched stays as it was", 1, model.done.size)
    }

    @Test
    fun holdingEverythingBackIsTheBeginning() {
        val introduction = open(OnboardingActivity::class.java).get()
        introduction.view<View>(R.id.next).performClick()
        assertTrue(introduction.view<RadioButton>(R.id.begin_all).isChecked)
        val names = shown(introduction.decor).filterIsInstance<Switch>().map { it.contentDescription.toString() }
        assertEquals(listOf("Firebase Cloud Messaging", "Mi Push"), names)
        introduction.view<View>(R.id.next).performClick()
        assertEquals(text(R.string.vpn_title), introduction.view<TextView>(R.id.title).text.toString())
        assertTrue("nothing is allowed by going on", model.done.isEmpty())
    }

    @Test
    fun nothingIsReadWhileNoScreenIsShown() {
        val controller = open(MainActivity::class.java)
        controller.get().showTab(MainActivity.LOG)
        idle()
        controller.pause().stop()
        val before = model.pagesRead
        model.change { state -> state.copy(services = state.services.map { it.copy(attemptsToday = it.attemptsToday + 1) }) }
        idle()
        assertEquals(before, model.pagesRead)
        assertFalse(model.state.isObserved)
    }

    @Test
    fun aNotificationLeadsToItsTab() {
        val intent = Intent(app, MainActivity::class.java).putExtra(Screens.EXTRA_TAB, "log")
        val activity = open(MainActivity::class.java, intent).get()
        assertTrue(activity.view<View>(R.id.log_list).isShown)
    }
}
