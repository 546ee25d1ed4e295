package org.consentry

import android.app.Activity
import android.app.Application
import android.content.Context
import android.content.res.Configuration
import android.os.Bundle
import android.os.Handler
import org.consentry.engine.Engine
import org.consentry.health.Exits
import org.consentry.managed.ManagedConfiguration
import org.consentry.ui.Languages
import org.consentry.vpn.ConsentVpnService
import org.consentry.vpn.EndsOfGrants
import org.consentry.vpn.GapNotice
import org.consentry.vpn.Notices
import org.consentry.vpn.ProtectionSwitch
import org.consentry.vpn.Questions
import org.consentry.vpn.SystemTunnels
import org.consentry.vpn.TunnelFactory
import org.consentry.vpn.Wishes
import org.consentry.widget.Widgets

/** The app: one engine, one switch, for as long as the process lives. */
open class ConsentryApp : Application() {
    /** Consents, log, and the state that screens observe. */
    lateinit var engine: Engine
        private set

    /** Turns protection on and off. */
    lateinit var protection: ProtectionSwitch
        private set

    /** The notifications. */
    lateinit var notices: Notices
        private set

    /** What the owner wants of questions and of the screen lock. */
    val wishes: Wishes by lazy { Wishes(this) }

    /** The questions at first attempts. */
    lateinit var questions: Questions
        private set

    /** Says when the phone had stopped protection. */
    lateinit var gapNotice: GapNotice
        private set

    /** What the owner's organisation presets. */
    lateinit var managed: ManagedConfiguration
        private set

    /** Set when the small files have been read; what had to wait for them. */
    private var areFilesRead = false
    private val afterFiles = ArrayList<() -> Unit>()

    override fun onCreate() {
        super.onCreate()
        readFiles()
        engine = newEngine()
        notices = Notices(this, { Languages.spoken(this) }) { wishes.asksScreenLock }
        protection = ProtectionSwitch(this, engine, notices)
        questions = Questions(this, engine, notices, wishes)
        EndsOfGrants(this, engine, notices)
        Widgets(this).follow(engine)
        registerActivityLifecycleCallbacks(object : Shown {
            override fun onActivityResumed(activity: Activity) = whenFilesAreRead(questions::seen)
        })
        gapNotice = GapNotice(this, engine, notices)
        managed = ManagedConfiguration(this, engine, notices::managedUnknown)
        protection.keepsOn = { managed.plan.locksProtection }
        engine.open()
        Exits(this, engine).tell()
        managed.follow()
    }

    /** Reads what is kept in small files off the main thread: the first frame waits for no disk. */
    private fun readFiles() {
        val main = Handler(mainLooper)
        Thread({
            for (name in FILES) getSharedPreferences(name, MODE_PRIVATE).all
            main.post {
                areFilesRead = true
                afterFiles.forEach { it() }
                afterFiles.clear()
            }
        }, "consentry-files").start()
    }

    private fun whenFilesAreRead(run: () -> Unit) {
        if (areFilesRead) run() else afterFiles += run
    }

    /** The phone's language, among others. */
    override fun onConfigurationChanged(newConfig: Configuration) {
        super.onConfigurationChanged(newConfig)
        notices.nameChannels()
        protection.showAnew()
    }

    /** Only on a computer, between tests: a phone ends the process. */
    override fun onTerminate() {
        protection.close()
        engine.close()
        super.onTerminate()
    }

    /** The engine; a test may give one of its own. */
    protected open fun newEngine(): Engine = Engine(this)

    /** Where tunnels come from; a test may give descriptors of its own. */
    open fun tunnels(service: ConsentVpnService): TunnelFactory = SystemTunnels(service)

    /** The callbacks of which only one is of interest. */
    private interface Shown : ActivityLifecycleCallbacks {
        override fun onActivityCreated(activity: Activity, savedInstanceState: Bundle?) = Unit

        override fun onActivityStarted(activity: Activity) = Unit

        override fun onActivityPaused(activity: Activity) = Unit

        override fun onActivityStopped(activity: Activity) = Unit

        override fun onActivitySaveInstanceState(activity: Activity, outState: Bundle) = Unit

        override fun onActivityDestroyed(activity: Activity) = Unit
    }

    companion object {
        /** The small files that are wanted from the start. */
        private val FILES = listOf("protection", "questions", "wishes", "ends_of_grants", "gap_notice")

        /** The app that a context belongs to. */
        fun of(context: Context): ConsentryApp = context.applicationContext as ConsentryApp
    }
}
