package org.consentry.vpn

import android.app.Notification
import android.app.NotificationChannel
import android.app.NotificationManager
import android.app.PendingIntent
import android.content.Context
import android.content.Intent
import android.graphics.drawable.Icon
import android.net.Uri
import android.os.Build
import android.os.Handler
import android.os.Looper
import android.os.SystemClock
import android.text.format.DateFormat
import android.text.format.DateUtils
import java.text.NumberFormat
import java.util.Date
import org.consentry.R
import org.consentry.engine.CatalogueTexts
import org.consentry.engine.EngineFailure
import org.consentry.engine.Service
import org.consentry.engine.Term

/**
 * The notifications. Each has a place of its own, so that a new one replaces what was said before; each button has one
 * PendingIntent, used again and again (some phones count them, and refuse at a few hundred). Where notifications are
 * refused, Android drops them and all else goes on.
 *
 * @param spoken the context in the language that the app speaks now
 * @param asksScreenLock whether only the owner's screen lock may allow something: then a screen asks for it
 */
class Notices(
    private val context: Context,
    private val spoken: () -> Context = { context },
    private val asksScreenLock: () -> Boolean = { false },
) {
    private val words: Context get() = spoken()
    private val main = Handler(Looper.getMainLooper())
    private val manager = context.getSystemService(NotificationManager::class.java)

    init {
        nameChannels()
    }

    /** Makes the channels, or names them in the language of now. */
    fun nameChannels() {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            manager.createNotificationChannels(
                listOfNotNull(
                    channel(PROTECTION, R.string.channel_protection, NotificationManager.IMPORTANCE_LOW),
                    channel(QUESTIONS, R.string.channel_questions, NotificationManager.IMPORTANCE_DEFAULT),
                    channel(HEALTH, R.string.channel_health, NotificationManager.IMPORTANCE_DEFAULT),
                ),
            )
        }
    }

    /** The notification that is always there: protection starts. */
    fun starting(): Notification = standing(words.getString(R.string.notice_starting)).build()

    /** The same: protection is on, and so many attempts were held back today. */
    fun on(heldToday: Long): Notification {
        val text = if (heldToday == 0L) {
            words.getString(R.string.notice_on_none)
        } else {
            val number = NumberFormat.getIntegerInstance(words.resources.configuration.locales[0]).format(heldToday)
            val quantity = heldToday.coerceAtMost(Int.MAX_VALUE.toLong()).toInt()
            words.resources.getQuantityString(R.plurals.notice_on, quantity, number)
        }
        return standing(text).build()
    }

    /** The same: protection rests until then (milliseconds since 1970). */
    fun paused(untilMs: Long): Notification {
        val time = DateFormat.getTimeFormat(words).format(Date(untilMs))
        return standing(words.getString(R.string.notice_paused, time), R.drawable.ic_notification_off)
            .addAction(action(R.string.action_turn_on, order(ConsentVpnService.START))).build()
    }

    /** The same: the engine has stopped. [closed]: nothing can connect; otherwise services can. */
    fun failed(failure: EngineFailure, closed: Boolean): Notification {
        val consequence = if (closed) R.string.notice_failed_closed else R.string.notice_failed_open
        val text = words.getString(consequence, failure.text(words))
        return standing(words.getString(R.string.notice_failed)).setContentText(text).withLongText(text)
            .addAction(action(R.string.action_try_again, order(ConsentVpnService.START)))
            .addAction(action(R.string.action_turn_off, order(ConsentVpnService.STOP))).build()
    }

    /** Replaces the notification that is always there. */
    fun show(standing: Notification) = manager.notify(STANDING_ID, standing)

    /** Asks about a service that was held back for the first time, by this app (as the log has it). */
    fun ask(service: Service, app: String?) {
        val text = words.getString(R.string.question_text, AppNames(words).of(app), CatalogueTexts.of(words).breaksShort(service))
        val notification = builder(QUESTIONS)
            .setContentTitle(words.getString(R.string.question_title, service.shortName))
            .setContentText(text).withLongText(text)
            .setContentIntent(screen(service.id))
            .setDeleteIntent(answer(QuestionReceiver.MUTE, service.id))
            .setGroup(QUESTIONS)
            .setAutoCancel(true)
            .addAction(allow(service, R.string.action_allow_15_min, QuestionReceiver.ALLOW, Term.QUARTER_HOUR))
            .addAction(action(R.string.action_keep_blocked, answer(QuestionReceiver.KEEP_BLOCKED, service.id)))
            .addAction(action(R.string.action_mute, answer(QuestionReceiver.MUTE, service.id)))
            .build()
        stays(service.id)
        manager.notify(service.id, QUESTION_ID, notification)
        showGroup(asked() + service.id)
    }

    /** Says for some minutes, without a sound, that a grant which had an end has come to it. */
    fun heldBackAgain(service: Service, forMs: Long) {
        val builder = builder(QUESTIONS)
            .setContentTitle(words.getString(R.string.held_back_again, service.shortName))
            .setContentIntent(screen(service.id))
            .setGroup(QUESTIONS)
            .setAutoCancel(true)
            .setOnlyAlertOnce(true)
            .addAction(allow(service, R.string.action_allow_15_min, QuestionReceiver.ALLOW, Term.QUARTER_HOUR))
            .addAction(allow(service, R.string.action_allow_always, QuestionReceiver.ALLOW_ALWAYS, Term.FOREVER))
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            builder.setTimeoutAfter(forMs)
        } else {
            stays(service.id)
            main.postAtTime({ answered(service.id) }, service.id.intern(), SystemClock.uptimeMillis() + forMs)
        }
        manager.notify(service.id, QUESTION_ID, builder.build())
        showGroup(asked() + service.id)
    }

    /** Takes what stands in a service's place away. */
    fun answered(service: String) {
        stays(service)
        manager.cancel(service, QUESTION_ID)
        showGroup(asked() - service)
    }

    /** What stood in a service's place until some time is there no longer, or for good. A handler knows its tokens by identity. */
    private fun stays(service: String) = main.removeCallbacksAndMessages(service.intern())

    /** The services whose place is taken. Android follows what we post and take away a moment later. */
    private fun asked(): Set<String> = manager.activeNotifications.filter { it.id == QUESTION_ID }.map { it.tag }.toSet()

    /** Two and more questions lie in one pile, which makes no sound of its own. */
    private fun showGroup(services: Set<String>) {
        val asked = services.size
        if (asked < 2) {
            manager.cancel(GROUP_ID)
            return
        }
        val number = NumberFormat.getIntegerInstance(words.resources.configuration.locales[0]).format(asked)
        val builder = builder(QUESTIONS)
            .setContentTitle(words.resources.getQuantityString(R.plurals.questions_group, asked, number))
            .setContentIntent(openApp("services"))
            .setGroup(QUESTIONS)
            .setGroupSummary(true)
            .setOnlyAlertOnce(true)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) builder.setGroupAlertBehavior(Notification.GROUP_ALERT_CHILDREN)
        manager.notify(GROUP_ID, builder.build())
    }

    /** Says that so many services were held back about which no question was asked. Makes no sound. */
    fun summary(services: Int) {
        val number = NumberFormat.getIntegerInstance(words.resources.configuration.locales[0]).format(services)
        val notification = builder(QUESTIONS)
            .setContentTitle(words.resources.getQuantityString(R.plurals.summary_title, services, number))
            .setContentText(words.getString(R.string.summary_text))
            .setContentIntent(openApp("services"))
            .setDeleteIntent(answer(QuestionReceiver.SUMMARY_SEEN, ""))
            .setAutoCancel(true)
            .setOnlyAlertOnce(true)
            .build()
        manager.notify(SUMMARY_ID, notification)
    }

    /** Takes the summary away. */
    fun summarySeen() = manager.cancel(SUMMARY_ID)

    /** Android has taken the VPN from us: for another app, or because its settings were told to. */
    fun revoked(byAnotherVpn: Boolean) {
        val (title, text) = if (byAnotherVpn) {
            R.string.revoked_by_vpn_title to R.string.revoked_by_vpn_text
        } else {
            R.string.revoked_title to R.string.revoked_text
        }
        val button = if (byAnotherVpn) R.string.action_use_consentry else R.string.action_turn_on
        health(title, words.getString(text), action(button, order(ConsentVpnService.START)))
    }

    /** Android wants the owner's OK, and nobody is there to be asked. */
    fun needsPermission() = health(R.string.permission_title, words.getString(R.string.permission_text))

    /** Another app is set as always-on VPN. */
    fun lockedByAnotherVpn() = health(R.string.locked_title, words.getString(R.string.locked_text))

    /** Android did not let us start from the background. */
    fun startRefused() = health(R.string.refused_title, words.getString(R.string.refused_text))

    /** Protection runs, but Android may end it sooner than it should. */
    fun notInForeground() = health(R.string.background_title, words.getString(R.string.background_text))

    /** What the owner answered could not be stored. */
    fun notSaved(failure: EngineFailure) = health(R.string.not_saved_title, failure.text(words))

    /** The phone had stopped Consentry between these times (milliseconds since 1970). */
    fun gap(fromMs: Long, untilMs: Long) {
        val day = DateUtils.FORMAT_SHOW_TIME or if (DateUtils.isToday(fromMs)) 0 else DateUtils.FORMAT_SHOW_DATE
        val from = DateUtils.formatDateTime(words, fromMs, day or DateUtils.FORMAT_ABBREV_MONTH)
        val until = DateUtils.formatDateTime(words, untilMs, DateUtils.FORMAT_SHOW_TIME)
        val text = words.getString(R.string.gap_text)
        val builder = builder(HEALTH).setContentTitle(words.getString(R.string.gap_title, from, until))
            .setContentText(text).setContentIntent(openApp("health")).setAutoCancel(true)
        manager.notify(GAP_NOTICE_ID, builder.build())
    }

    /** Another app wants protection turned off: the owner decides, on a screen. */
    fun askTurnOff() = tell(TURN_OFF_ID, R.string.ask_turn_off_title, words.getString(R.string.ask_turn_off_text), turnOff())

    /** Protection is off: nobody need ask for it any more. */
    fun turnedOff() = manager.cancel(TURN_OFF_ID)

    /** The organisation's configuration names what is no service. */
    fun managedUnknown(ids: List<String>) {
        val text = words.getString(R.string.managed_unknown_text, ids.take(MOST_IDS).joinToString())
        tell(MANAGED_ID, R.string.managed_title, text, openApp(null))
    }

    /** The organisation does not let the owner turn protection off. */
    fun managedKeepsOn() =
        tell(MANAGED_ID, R.string.managed_keeps_on_title, words.getString(R.string.managed_keeps_on_text), openApp(null))

    private fun tell(place: Int, title: Int, text: String, leadsTo: PendingIntent) {
        val builder = builder(HEALTH).setContentTitle(words.getString(title)).setContentText(text).withLongText(text)
            .setContentIntent(leadsTo).setAutoCancel(true).setOnlyAlertOnce(true)
        manager.notify(place, builder.build())
    }

    private fun turnOff(): PendingIntent = PendingIntent.getActivity(
        context,
        0,
        Screens.turnOff(context).addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP),
        FLAGS,
    )

    /** Protection runs: what was said about its absence is over. */
    fun healthy() = manager.cancel(HEALTH_ID)

    private fun health(title: Int, text: String, action: Notification.Action? = null) {
        val builder = builder(HEALTH).setContentTitle(words.getString(title)).setContentText(text).withLongText(text)
            .setContentIntent(openApp(null)).setAutoCancel(true)
        if (action != null) builder.addAction(action)
        manager.notify(HEALTH_ID, builder.build())
    }

    private fun standing(title: String, icon: Int = R.drawable.ic_notification): Notification.Builder {
        val builder = builder(PROTECTION, icon).setContentTitle(title).setContentIntent(openApp(null)).setOngoing(true)
            .setShowWhen(false).setOnlyAlertOnce(true).setCategory(Notification.CATEGORY_SERVICE)
        // At once, not after the ten seconds that Android grants short tasks.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) {
            builder.setForegroundServiceBehavior(Notification.FOREGROUND_SERVICE_IMMEDIATE)
        }
        return builder
    }

    private fun builder(channel: String, icon: Int = R.drawable.ic_notification): Notification.Builder {
        val builder = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            Notification.Builder(context, channel)
        } else {
            @Suppress("DEPRECATION") // channels came with API 26
            Notification.Builder(context).setPriority(
                if (channel == PROTECTION) Notification.PRIORITY_LOW else Notification.PRIORITY_DEFAULT,
            )
        }
        return builder.setSmallIcon(icon).setVisibility(Notification.VISIBILITY_PRIVATE).setLocalOnly(true)
    }

    private fun Notification.Builder.withLongText(text: String) = setStyle(Notification.BigTextStyle().bigText(text))

    private fun channel(id: String, name: Int, importance: Int): NotificationChannel? =
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.O) {
            null
        } else {
            NotificationChannel(id, words.getString(name), importance).apply {
                setSound(null, null)
                setShowBadge(id != PROTECTION)
            }
        }

    /** Allows a service. Where a server is shared, the screen names the other service first. */
    private fun allow(service: Service, label: Int, order: String, term: Term): Notification.Action {
        val isAtOnce = service.sharesWith.isEmpty() && !asksScreenLock()
        val intent = if (isAtOnce) answer(order, service.id) else screen(service.id, term)
        val builder = builderOf(label, intent)
        // Whoever holds a locked phone may close a door, not open one.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) builder.setAuthenticationRequired(true)
        return builder.build()
    }

    private fun action(label: Int, intent: PendingIntent) = builderOf(label, intent).build()

    private fun builderOf(label: Int, intent: PendingIntent) = Notification.Action.Builder(
        Icon.createWithResource(context, R.drawable.ic_notification),
        words.getString(label),
        intent,
    )

    private fun openApp(tab: String?): PendingIntent {
        val intent = Intent().setClassName(context, Screens.MAIN).setData(Uri.fromParts("consentry", tab ?: "home", null))
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP)
        if (tab != null) intent.putExtra(Screens.EXTRA_TAB, tab)
        return PendingIntent.getActivity(context, 0, intent, FLAGS)
    }

    /** A service's screen, with the services' tab behind it. [term]: it asks whether to allow the service so long. */
    private fun screen(service: String, term: Term? = null): PendingIntent {
        val back = Intent().setClassName(context, Screens.MAIN).putExtra(Screens.EXTRA_TAB, "services")
            .addFlags(Intent.FLAG_ACTIVITY_NEW_TASK or Intent.FLAG_ACTIVITY_CLEAR_TOP)
        val intent = Screens.service(context, service, term).setData(Uri.fromParts("consentry", service, term?.name))
        return PendingIntent.getActivities(context, 0, arrayOf(back, intent), FLAGS)
    }

    private fun answer(action: String, service: String): PendingIntent =
        PendingIntent.getBroadcast(context, 0, QuestionReceiver.intent(context, action, service), FLAGS)

    private fun order(action: String): PendingIntent = ConsentVpnService.orderLater(context, action)

    companion object {
        /** Channels. */
        private const val PROTECTION = "protection"
        private const val QUESTIONS = "questions"
        private const val HEALTH = "health"

        /** The place of the notification that is always there. */
        const val STANDING_ID = 1

        /** The place of the summary. */
        const val SUMMARY_ID = 2

        /** The place of what is said about protection itself. */
        const val HEALTH_ID = 3

        /** The place of each service's question, together with the service's id as the tag. */
        const val QUESTION_ID = 4

        /** The place of the pile that several questions lie in. */
        const val GROUP_ID = 5

        /** The place of what is said about a gap. */
        const val GAP_NOTICE_ID = 6

        /** The place of what is said about the organisation's configuration. */
        const val MANAGED_ID = 7

        /** The place of another app's wish to turn protection off. */
        const val TURN_OFF_ID = 8

        /** Ids that are named in one notification at most. */
        private const val MOST_IDS = 5

        private const val FLAGS = PendingIntent.FLAG_UPDATE_CURRENT or PendingIntent.FLAG_IMMUTABLE
    }
}
