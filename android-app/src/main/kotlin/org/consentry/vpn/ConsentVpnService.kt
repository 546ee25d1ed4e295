package org.consentry.vpn

import android.app.AlarmManager
import android.app.PendingIntent
import android.content.BroadcastReceiver
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.net.ConnectivityManager
import android.net.VpnService
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.SystemClock
import org.consentry.ConsentryApp
import org.consentry.R
import org.consentry.engine.AlwaysOn
import org.consentry.engine.Engine
import org.consentry.engine.Protection
import org.consentry.engine.Subscription

/** Puts the phone's packets before the engine, as Android's VPN. */
class ConsentVpnService : VpnService() {
    private val main = Handler(Looper.getMainLooper())
    private val app get() = application as ConsentryApp
    private val engine: Engine get() = app.engine
    private val notices: Notices get() = app.notices
    private val wish by lazy { ProtectionWish(this) }
    private val connectivity by lazy { getSystemService(ConnectivityManager::class.java) }
    private val owners by lazy { FlowOwners(connectivity, packageManager) }
    private val network by lazy { NetworkWatcher(connectivity, main, ::networkChanged) }
    private val foreground by lazy { Foreground(this) }
    private val keeper by lazy {
        TunnelKeeper(engine, app.tunnels(this), owners, getString(R.string.app_name), ::protect, ::tunnelNews)
    }

    /** Counts attempts for the notification that is always there; null while protection is not on. */
    private var attempts: Subscription? = null
    private val showCount = Runnable { countAndShow() }
    private var countDue = false

    private val packagesChanged = object : BroadcastReceiver() {
        override fun onReceive(context: Context, intent: Intent) = owners.forgetPackages()
    }
    private var watching = false

    /**
     * An order: of the owner's with one of our actions; otherwise of Android's, as the always-on VPN, or (null) because it
     * had ended our process.
     */
    override fun onStartCommand(intent: Intent?, flags: Int, startId: Int): Int {
        val action = intent?.action
        val pauseLeftMs = wish.pauseLeftMs
        val goesOn = when {
            action == STOP || (intent == null && !wish.on) -> {
                wish.on = false
                // Whoever asked by startForegroundService wants to see a notification, however short.
                foreground.enter(notices.starting())
                end(Protection.Off)
                false
            }
            pauseLeftMs != null && (action == PAUSE || intent == null) -> {
                pause(pauseLeftMs)
                true
            }
            action == SHOW && keeper.isOpen -> {
                if (attempts != null) countAndShow()
                true
            }
            else -> begin()
        }
        return if (goesOn) START_STICKY else START_NOT_STICKY
    }

    /** Another VPN was chosen, or ours was turned off in Android's settings: the owner's stop. */
    override fun onRevoke() {
        // It may come on a binder's thread.
        main.post {
            wish.on = false
            end(Protection.Off)
            app.protection.revoked()
        }
    }

    /**
     * The app was wiped away in the list of recent ones. Some makers end the process then, and what Android would start again
     * with it; if it lives, being started twice means nothing.
     */
    override fun onTaskRemoved(rootIntent: Intent?) {
        if (wish.on && wish.pauseLeftMs == null) startLater(SOON_MS)
    }

    override fun onDestroy() {
        if (watching || keeper.isOpen) end(Protection.Off)
        super.onDestroy()
    }

    /** Turns protection on; does nothing when it is. False if it cannot be. */
    private fun begin(): Boolean {
        val protection = engine.state.value.protection
        if (keeper.isOpen && protection !is Protection.Failed) {
            // Started twice: by always-on and at boot, say. The notification stays as it is.
            foreground.enterAgain(notices.starting())
            readAlwaysOn()
            return true
        }
        val inForeground = foreground.enter(notices.starting())
        if (protection !is Protection.Failed) engine.protectionIs(Protection.Starting)
        val permission = app.protection.permission()
        if (permission != Permission.Given) {
            end(app.protection.notPermitted(permission))
            return false
        }
        wish.on = true
        ComeBackJob.schedule(this)
        cancelAlarm()
        app.protection.begun()
        notices.healthy()
        // A tunnel that may be ended sooner is better than none.
        if (!inForeground) notices.notInForeground()
        watch()
        keeper.open(network.outside)
        return keeper.isOpen
    }

    private fun tunnelNews(news: TunnelNews) {
        when (news) {
            TunnelNews.Running -> {
                engine.protectionIs(Protection.On(System.currentTimeMillis()))
                useUnderlying(network.outside)
                readAlwaysOn()
                if (attempts == null) attempts = engine.observeAttempts { _, _ -> attempted() }
                countAndShow()
                app.gapNotice.protectionRuns()
            }
            TunnelNews.NotPermitted -> {
                notices.needsPermission()
                end(Protection.NeedsPermission)
            }
            is TunnelNews.Failed -> {
                stopCounting()
                engine.protectionIs(Protection.Failed(news.failure, news.closed))
                notices.show(notices.failed(news.failure, news.closed))
            }
        }
    }

    private fun networkChanged(outside: Outside) {
        engine.strictPrivateDnsIs(outside.strictPrivateDns)
        useUnderlying(outside)
        keeper.follow(outside)
    }

    /** Android shows the VPN as what is under it: metered or not, Wi-Fi or mobile. Null: whatever the default is. */
    private fun useUnderlying(outside: Outside) {
        setUnderlyingNetworks(outside.network?.let { arrayOf(it) })
    }

    private fun readAlwaysOn() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) engine.alwaysOnIs(AlwaysOn(isAlwaysOn, isLockdownEnabled))
    }

    /** Lets everything pass for so long, and stays: an alarm turns protection on again. */
    private fun pause(forMs: Long) {
        val untilMs = System.currentTimeMillis() + forMs
        foreground.enter(notices.paused(untilMs))
        release()
        startLater(forMs)
        engine.protectionIs(Protection.Paused(untilMs))
    }

    /** An alarm by time that passes, not by the clock on the wall. */
    private fun startLater(inMs: Long) = getSystemService(AlarmManager::class.java)
        .setAndAllowWhileIdle(AlarmManager.ELAPSED_REALTIME_WAKEUP, SystemClock.elapsedRealtime() + inMs, alarm())

    private fun end(next: Protection) {
        cancelAlarm()
        release()
        foreground.leave()
        stopSelf()
        app.protection.ended(next)
    }

    private fun watch() {
        if (watching) return
        watching = true
        network.start()
        engine.strictPrivateDnsIs(network.outside.strictPrivateDns)
        val filter = IntentFilter().apply {
            listOf(Intent.ACTION_PACKAGE_ADDED, Intent.ACTION_PACKAGE_REMOVED).forEach(::addAction)
            addDataScheme("package")
        }
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
            registerReceiver(packagesChanged, filter, RECEIVER_NOT_EXPORTED)
        } else {
            registerReceiver(packagesChanged, filter)
        }
    }

    private fun release() {
        stopCounting()
        keeper.close()
        if (!watching) return
        watching = false
        network.stop()
        unregisterReceiver(packagesChanged)
    }

    /** One more attempt: the notification says so within ten minutes. */
    private fun attempted() {
        if (countDue) return
        countDue = true
        main.postDelayed(showCount, COUNT_EVERY_MS)
    }

    private fun countAndShow() {
        countDue = false
        engine.refresh {
            if (attempts != null) notices.show(notices.on(engine.state.value.status?.heldToday ?: 0))
        }
    }

    private fun stopCounting() {
        attempts?.end()
        attempts = null
        countDue = false
        main.removeCallbacks(showCount)
    }

    private fun cancelAlarm() = getSystemService(AlarmManager::class.java).cancel(alarm())

    private fun alarm(): PendingIntent = orderLater(this, START)

    companion object {
        /** Turn protection on. */
        const val START = "org.consentry.START"

        /** Turn it off. */
        const val STOP = "org.consentry.STOP"

        /** Let it rest for [ProtectionWish.pauseLeftMs]. */
        const val PAUSE = "org.consentry.PAUSE"

        /** Show the notification that is always there anew. */
        const val SHOW = "org.consentry.SHOW"

        /** How often the count in the notification is brought up to date at most, in milliseconds. */
        private const val COUNT_EVERY_MS = 10 * 60 * 1000L

        /** How soon it is started again after the app was wiped away, in milliseconds. */
        private const val SOON_MS = 1000L

        /** An order. */
        fun order(context: Context, action: String): Intent = Intent(context, ConsentVpnService::class.java).setAction(action)

        /** An order that a button or an alarm gives later. */
        fun orderLater(context: Context, action: String): PendingIntent {
            val flags = PendingIntent.FLAG_UPDATE_CURRENT or PendingIntent.FLAG_IMMUTABLE
            return if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
                PendingIntent.getForegroundService(context, 0, order(context, action), flags)
            } else {
                PendingIntent.getService(context, 0, order(context, action), flags)
            }
        }
    }
}
