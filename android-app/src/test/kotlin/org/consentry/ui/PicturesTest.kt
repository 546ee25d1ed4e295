package org.consentry.ui

import android.content.Intent
import android.view.View
import android.widget.ListView
import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.ConsentState
import org.consentry.engine.EngineFailure
import org.consentry.engine.EngineState
import org.consentry.engine.Protection
import org.consentry.engine.StoreState
import org.junit.Test
import org.robolectric.RuntimeEnvironment

/** Pictures of every screen in its states: light and dark, at the usual and at twice the size of text, left and right. */
class PicturesTest : PictureTest() {
    private val panic = EngineFailure(EngineFailure.Kind.PANIC, "")
    private val failure = EngineFailure(EngineFailure.Kind.STORE_CORRUPT, "")

    @Test
    fun home() = inAllWays("home", Scene.quiet, tab(MainActivity.HOME))

    @Test
    fun homeInItsStates() {
        val states = mapOf(
            "starting" to Scene.quiet.copy(protection = Protection.Starting),
            "paused" to Scene.quiet.copy(protection = Protection.Paused(Scene.NOW + 15 * Scene.MINUTE)),
            "off" to Scene.quiet.copy(protection = Protection.Off),
            "other-vpn" to Scene.quiet.copy(protection = Protection.AnotherVpn),
            "locked-out" to Scene.quiet.copy(protection = Protection.LockedByAnotherVpn),
            "start-refused" to Scene.quiet.copy(protection = Protection.StartRefused),
            "failed" to Scene.quiet.copy(protection = Protection.Failed(panic, closed = true)),
            "loading" to EngineState(),
            "unreadable" to EngineState(store = StoreState.Unreadable(failure)),
            "nothing-today" to Scene.quiet.copy(
                status = Scene.nothing.copy(allowed = 0, undecided = 0),
            ),
            "private-dns" to Scene.quiet.copy(strictPrivateDns = "dns.example.org"),
        )
        for ((name, state) in states) {
            inOneWay(plain, "home-$name", state, tab(MainActivity.HOME))
        }
        for (name in listOf("failed", "other-vpn")) {
            inOneWay(ways[1], "home-$name", states.getValue(name), tab(MainActivity.HOME))
            inOneWay(ways[2], "home-$name", states.getValue(name), tab(MainActivity.HOME))
        }
    }

    @Test
    fun homeWithoutPermission() {
        model.attempts = emptyList()
        val state = EngineState(
            StoreState.Open,
            Protection.NeedsPermission,
            Scene.services.map { it.copy(attemptsToday = 0, lastMs = null) },
            Scene.nothing,
        )
        inAllWays("home-refused", state, tab(MainActivity.HOME))
    }

    @Test
    fun services() = inAllWays("services", Scene.quiet, tab(MainActivity.SERVICES))

    @Test
    fun servicesInTheirStates() {
        inOneWay(plain, "services-off", Scene.quiet.copy(protection = Protection.Off), tab(MainActivity.SERVICES))
        inOneWay(plain, "services-refused", Scene.quiet.copy(protection = Protection.NeedsPermission), tab(MainActivity.SERVICES))
        inOneWay(plain, "services-unreadable", EngineState(store = StoreState.Unreadable(failure)), tab(MainActivity.SERVICES))
        inOneWay(plain, "services-further-down", Scene.quiet) {
            openMain(MainActivity.SERVICES).apply {
                scroll(view(R.id.services_list), 6)
            }.decor
        }
        for (way in listOf(plain, ways[1], ways[2])) {
            inOneWay(way, "services-allowed", Scene.quiet) {
                openMain(MainActivity.SERVICES).apply {
                    val list = view<ListView>(R.id.services_list)
                    // What is allowed comes first: Mi Push follows the head of its maker.
                    scroll(list, 4)
                    ScreenRules.shown(list).first { it.contentDescription == "Allow Mi Push" }.performClick()
                    settle(this)
                }.decor
            }
        }
        inOneWay(plain, "services-no-match", Scene.quiet) {
            openMain(MainActivity.SERVICES).apply {
                view<android.widget.EditText>(R.id.services_search).setText("nothing like this")
                pass(1)
            }.decor
        }
        inOneWay(plain, "services-by-host", Scene.quiet) {
            openMain(MainActivity.SERVICES).apply {
                view<android.widget.EditText>(R.id.services_search).setText("api.account")
                pass(1)
            }.decor
        }
    }

    @Test
    fun log() = inAllWays("log", Scene.quiet, tab(MainActivity.LOG))

    @Test
    fun logInItsStates() {
        inOneWay(plain, "log-further-down", Scene.quiet) {
            openMain(MainActivity.LOG).apply {
                scroll(view(R.id.log_list), 9)
            }.decor
        }
        model.attempts = emptyList()
        model.changes = emptyList()
        inOneWay(plain, "log-empty", Scene.quiet, tab(MainActivity.LOG))
        inOneWay(plain, "log-refused", Scene.quiet.copy(protection = Protection.NeedsPermission), tab(MainActivity.LOG))
        model.failure = EngineFailure(EngineFailure.Kind.STORE_CORRUPT, "")
        inOneWay(plain, "log-failed", Scene.quiet, tab(MainActivity.LOG))
    }

    @Test
    fun health() =
        inAllWays("health", Scene.quiet.copy(alwaysOn = AlwaysOn(on = true, lockdown = false)), tab(MainActivity.HEALTH))

    @Test
    fun healthWhileOff() = inOneWay(plain, "health-off", Scene.quiet.copy(protection = Protection.Off), tab(MainActivity.HEALTH))

    @Test
    fun service() {
        inAllWays("service", Scene.quiet) { openService(Scene.messaging.id).decor }
        inAllWays("service-further-down", Scene.quiet) { scrolled(openService(Scene.messaging.id), R.id.service_scroll, 0.55f) }
        inAllWays("service-end", Scene.quiet) { scrolled(openService(Scene.messaging.id), R.id.service_scroll, 1f) }
    }

    @Test
    fun serviceInItsStates() {
        inOneWay(plain, "service-for-a-time", Scene.quiet) { openService(Scene.push.id).decor }
        val refused = Scene.quiet.copy(protection = Protection.NeedsPermission)
        inOneWay(plain, "service-off", refused) { openService(Scene.ads.id).decor }
        inOneWay(plain, "service-gone", Scene.quiet) { openService("no.such").decor }
        val forApps = Scene.quiet.copy(
            services = Scene.services.map {
                if (it.id == Scene.messaging.id) it.copy(consent = ConsentState.ForApps(listOf("com.android.mms"))) else it
            },
        )
        inOneWay(plain, "service-for-apps", forApps) { scrolled(openService(Scene.messaging.id), R.id.service_scroll, 0.6f) }
        inOneWay(plain, "service-allowed-message", Scene.quiet) {
            openService(Scene.httpDns.id).apply {
                view<View>(R.id.choice_hour).performClick()
                idle()
            }.decor
        }
    }

    @Test
    fun attempt() {
        inAllWays("attempt", Scene.quiet) { openAttempt(0).decor }
        inAllWays("attempt-end", Scene.quiet) {
            val activity = openAttempt(1)
            activity.view<FoldHead>(R.id.details_head).performClick()
            idle()
            scrolled(activity, R.id.attempt_scroll, 1f)
        }
        inOneWay(plain, "attempt-strict", Scene.quiet) { openAttempt(7).decor }
    }

    private fun openAttempt(index: Int): AttemptActivity {
        val attempt = Scene.attempts[index]
        return open(AttemptActivity::class.java, AttemptActivity.intent(app, LogEntry(attempt, listOf(attempt)))).get()
    }

    @Test
    fun introduction() {
        inAllWays("introduction-1", Scene.quiet) { introduction(page = 0) }
        inAllWays("introduction-2", Scene.quiet) { introduction(page = 1) }
        inSomeWays("introduction-2-end", Scene.quiet) { scrolled(introductionOf(page = 1), R.id.scroll, 1f) }
        inSomeWays("introduction-3", Scene.quiet) { introduction(page = 2) }
        inAllWays("introduction-4", Scene.quiet) { introduction(page = 3) }
        inSomeWays("introduction-group", Scene.quiet) {
            introductionOf(page = 1).apply {
                view<View>(R.id.begin_groups).performClick()
                idle()
                repeat(2) { view<View>(R.id.next).performClick() }
                idle()
            }.decor
        }
    }

    private fun introduction(page: Int): View = introductionOf(page).decor

    private fun introductionOf(page: Int): OnboardingActivity =
        open(OnboardingActivity::class.java, Intent(app, OnboardingActivity::class.java).putExtra(OnboardingActivity.EXTRA_PAGE, page))
            .get()

    @Test
    fun dialogs() {
        for (way in listOf(plain, ways[1], ways[2])) {
            inOneWay(way, "dialog-off", Scene.quiet) {
                openMain().view<View>(R.id.status_switch).performClick()
                dialog()
            }
            inOneWay(way, "dialog-shared", Scene.quiet) {
                openService(Scene.messaging.id).view<View>(R.id.choice_on).performClick()
                dialog()
            }
            inOneWay(way, "dialog-time", Scene.quiet) {
                ScreenRules.shown(openMain(MainActivity.LOG).decor).first { it is Chip }.performClick()
                dialog()
            }
        }
    }

    @Test
    fun wide() {
        RuntimeEnvironment.setFontScale(1f)
        for ((name, size) in mapOf("landscape" to "w640dp-h360dp-land", "tablet" to "w900dp-h1200dp")) {
            RuntimeEnvironment.setQualifiers("en-rGB-ldltr-$size-notnight-xhdpi")
            model.show(Scene.quiet)
            picture(openMain().decor, "home-$name")
            picture(openMain(MainActivity.SERVICES).decor, "services-$name")
            picture(openService(Scene.messaging.id).decor, "service-$name")
            picture(introduction(page = 0), "introduction-$name")
            val beside = openMain(MainActivity.SERVICES)
            beside.openService(Scene.messaging.id)
            settle(beside)
            if (name == "tablet") picture(beside.decor, "services-beside-$name")
        }
    }
}
