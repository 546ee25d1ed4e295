package org.consentry.ui

import java.util.GregorianCalendar
import java.util.TimeZone
import org.consentry.engine.Attempt
import org.consentry.engine.ConsentChange
import org.consentry.engine.ConsentState
import org.consentry.engine.Coverage
import org.consentry.engine.EngineState
import org.consentry.engine.Gap
import org.consentry.engine.Identifier
import org.consentry.engine.Protection
import org.consentry.engine.Service
import org.consentry.engine.Signal
import org.consentry.engine.Standing
import org.consentry.engine.Status
import org.consentry.engine.StoreState

/** What the screens show in tests: a Wednesday afternoon on a Redmi phone. */
object Scene {
    const val MINUTE = 60_000L
    const val HOUR = 60 * MINUTE
    const val DAY = 24 * HOUR

    /** Wednesday, 18 November 2026, 14:32 UTC. */
    val NOW: Long = GregorianCalendar(TimeZone.getTimeZone("UTC")).apply {
        clear()
        set(2026, 10, 18, 14, 32)
    }.timeInMillis

    /** So long ago. */
    fun ago(days: Long = 0, hours: Long = 0, minutes: Long = 0) = NOW - days * DAY - hours * HOUR - minutes * MINUTE

    val push = service(
        "xiaomi.push", "Mi Push", "Xiaomi", "push",
        does = "Keeps one connection open, through which apps' servers send notifications.",
        breaks = "Some notifications come late, or only when the app is opened.",
        consent = ConsentState.Until(NOW + 15 * MINUTE), today = 412, week = 2210, lastMs = ago(minutes = 1),
        hosts = listOf("app.chat.global.xiaomi.net", "cn.app.chat.xiaomi.net"), packages = listOf("com.xiaomi.xmsf"),
    )
    val messaging = service(
        "xiaomi.cloud_messaging", "MIUI Cloud Messaging", "Xiaomi", "cloud_messaging",
        does = "Sends texts between Xiaomi phones over the internet instead of SMS. To do this it registers your SIM and " +
            "looks up the numbers of your contacts.",
        breaks = "Texts go out as ordinary SMS. The online mark beside a contact disappears.",
        today = 12, week = 57, lastMs = ago(minutes = 1), sharesWith = listOf("xiaomi.account"),
        hosts = listOf("api.account.xiaomi.com"), packages = listOf("com.android.mms", "com.xiaomi.xmsf"),
    )
    val ads = service(
        "xiaomi.ads", "MIUI system ads (MSA)", "Xiaomi", "ads", breaks = "Nothing visible.", keptBlocked = true,
        today = 38, week = 310, lastMs = ago(minutes = 4), hosts = listOf("api.ad.xiaomi.com"),
    )
    val account = service("xiaomi.account", "Xiaomi account", "Xiaomi", "account", lastMs = ago(days = 3), week = 2)
    val httpDns = service(
        "xiaomi.http_dns", "Xiaomi HttpDNS", "Xiaomi", "resolver", today = 6, week = 40, lastMs = ago(minutes = 40),
        addresses = listOf("111.13.142.153"),
    )
    val cloud = service("xiaomi.cloud", "Mi Cloud", "Xiaomi", "cloud_sync")
    val analytics = service(
        "xiaomi.analytics", "MIUI usage statistics and crash reports", "Xiaomi", "analytics", today = 210, week = 1400,
        lastMs = ago(hours = 2),
    )
    val firebase = service(
        "google.fcm", "Firebase Cloud Messaging", "Google", "push", consent = ConsentState.On, week = 31, lastMs = ago(days = 1),
    )
    val firebaseStatistics = service("google.analytics", "Google Analytics for Firebase and Crashlytics", "Google", "analytics",
        today = 84, week = 590, lastMs = ago(minutes = 12))
    val jpush = service("aurora.push", "JPush", "Aurora Mobile", "push")
    val tencent = service("tencent.push", "Tencent Push", "Tencent", "push")
    val wifi = service(
        "xiaomi.captive_portal", "Wi-Fi sign-in check (MIUI)", "Xiaomi", "connectivity_check",
        standing = Standing.ESSENTIAL, consent = ConsentState.On,
        breaks = "Sign-in pages do not open; Wi-Fi shown as having no internet.",
    )
    val update = service(
        "xiaomi.system_update", "MIUI / HyperOS system update", "Xiaomi", "update",
        standing = Standing.ESSENTIAL, consent = ConsentState.On,
        breaks = "System updates and security patches no longer arrive.",
    )
    val gps = service(
        "qualcomm.gnss_assist", "GPS assistance (Qualcomm XTRA)", "Qualcomm", "location",
        standing = Standing.ESSENTIAL, breaks = "First GPS fix may take minutes.", keptBlocked = true,
    )
    val services = listOf(
        wifi, update, gps, push, messaging, ads, account, httpDns, cloud, analytics, firebase, firebaseStatistics, jpush, tencent,
    )

    val status = Status(
        running = true,
        heldToday = 1284,
        days = listOf(
            Status.Day("2026-11-12", 903),
            Status.Day("2026-11-13", 1190),
            Status.Day("2026-11-14", 640),
            Status.Day("2026-11-15", 588),
            Status.Day("2026-11-16", 1340),
            Status.Day("2026-11-17", 1120),
            Status.Day("2026-11-18", 1284),
        ),
        allowed = 3,
        undecided = 14,
        version = "0.1.0",
    )

    /** The same when nothing was held back for a week. */
    val nothing = status.copy(heldToday = 0, days = status.days.map { it.copy(count = 0) })

    /** Protection is on, and all is quiet. */
    val quiet = EngineState(StoreState.Open, Protection.On(ago(hours = 7, minutes = 20)), services, status)

    /** This night, and the night to Monday: the phone stopped Consentry; it was off for a while on Sunday. */
    val nights = Coverage(
        listOf(
            Gap(ago(days = 3, hours = 3), ago(days = 3, hours = 2), isCertain = false, Gap.Cause.PHONE_OFF),
            Gap(ago(days = 2, hours = 12), ago(days = 2, hours = 5, minutes = 35), isCertain = false, Gap.Cause.KILLED),
            Gap(ago(hours = 12, minutes = 18), ago(hours = 7, minutes = 52), isCertain = true, Gap.Cause.KILLED),
        ),
        percent = 90,
        countedFromMs = ago(days = 4, hours = 14),
    )

    /** The same after these nights. */
    val afterGap: EngineState get() = quiet.copy(coverage = nights)

    /** All the time without a gap. */
    val noGaps = Coverage(emptyList(), percent = 100, countedFromMs = ago(days = 7))

    val attempts: List<Attempt> = listOf(
        attempt(
            1, "xiaomi.cloud_messaging", "com.android.mms", "api.account.xiaomi.com", Signal.HTTP_HOST, minutes = 1, count = 12,
            identifiers = listOf(Identifier("phone_number", "plain", "query parameter externalId")), port = 80,
            path = "/pass/user@id?type=*&externalId=*", address = "58.83.160.156", firstMinutes = 10,
        ),
        attempt(
            2, "xiaomi.push", "com.xiaomi.xmsf", "cn.app.chat.xiaomi.net", Signal.SIGNATURE, minutes = 1, count = 412,
            identifiers = listOf(
                Identifier("model", "plain", "Mi Push hello"),
                Identifier("device_id", "hashed", "Mi Push hello"),
                Identifier("build", "plain", "Mi Push hello"),
            ),
            port = 443, firstMinutes = 300,
        ),
        attempt(3, "xiaomi.ads", "com.miui.systemAdSolution", "api.ad.xiaomi.com", Signal.TLS_SNI, minutes = 4, count = 38),
        attempt(4, "google.analytics", null, "app-measurement.com", Signal.DNS_QUESTION, minutes = 12, count = 1, port = null),
        attempt(
            5, "xiaomi.http_dns", "com.mi.globalbrowser", null, Signal.ADDRESS, minutes = 40, count = 6, address = "111.13.142.153",
            port = 80,
        ),
        attempt(6, "xiaomi.analytics", "uid:1000", "a.very.long.name.of.a.tracking.server.in.some.region.miui.com", Signal.TLS_SNI,
            minutes = 125, count = 210),
        attempt(7, "xiaomi.push", "com.xiaomi.xmsf", "cn.app.chat.xiaomi.net", Signal.DNS_QUESTION, minutes = 20 * 60, count = 33),
        attempt(8, null, "org.example.game", "unknown.example.org", null, minutes = 22 * 60, count = 2),
        attempt(9, "xiaomi.account", "com.xiaomi.account", "c.id.mi.com", Signal.DNS_QUESTION, minutes = 3 * 24 * 60, count = 2),
    )

    val changes: List<ConsentChange> = listOf(
        change(ConsentChange.Kind.GRANT, "xiaomi.push", ago(minutes = 0), end = ConsentChange.End.At(NOW + 15 * MINUTE)),
        change(ConsentChange.Kind.REVOKE, "xiaomi.ads", ago(hours = 26), via = "notification"),
        change(ConsentChange.Kind.EXPIRE, "xiaomi.cloud_messaging", ago(days = 5, hours = 4), via = "clock"),
        change(
            ConsentChange.Kind.GRANT, "xiaomi.cloud_messaging", ago(days = 5, hours = 5),
            end = ConsentChange.End.At(ago(days = 5, hours = 4)),
        ),
        change(ConsentChange.Kind.REVOKE, "qualcomm.gnss_assist", ago(days = 15)),
        change(ConsentChange.Kind.GRANT, "google.fcm", ago(days = 20)),
    )

    fun change(
        kind: ConsentChange.Kind,
        service: String,
        timeMs: Long,
        end: ConsentChange.End = ConsentChange.End.Never,
        via: String = "screen",
        app: String? = null,
    ) = ConsentChange(timeMs, kind, service, app, via, end)

    fun service(
        id: String,
        name: String,
        vendor: String,
        category: String,
        does: String = "Does what its name says.",
        breaks: String = "Something stops that you would miss.",
        standing: Standing = Standing.NEEDS_CONSENT,
        consent: ConsentState = ConsentState.Off,
        today: Long = 0,
        week: Long = today,
        lastMs: Long? = null,
        hosts: List<String> = listOf("$id.example.net"),
        addresses: List<String> = emptyList(),
        packages: List<String> = emptyList(),
        sharesWith: List<String> = emptyList(),
        keptBlocked: Boolean = false,
    ) = Service(
        id, name, name.substringBefore(" (").substringBefore(" and "), vendor, category, does, breaks, breaks, standing, hosts,
        addresses, packages, sharesWith, consent, keptBlocked, today, week, lastMs, muted = false,
    )

    fun attempt(
        id: Int,
        service: String?,
        app: String?,
        host: String?,
        signal: Signal?,
        minutes: Long,
        count: Long,
        identifiers: List<Identifier> = emptyList(),
        port: Int? = 443,
        path: String? = null,
        address: String? = null,
        firstMinutes: Long = minutes,
    ) = Attempt(
        id.toString(), ago(minutes = firstMinutes), ago(minutes = minutes), count, app, service, host, signal, address, port, "tcp",
        "confirmed", "HTTP request to $host; belongs to $service (confirmed), which needs your consent; none given", identifiers,
        path, 1834,
    )
}
