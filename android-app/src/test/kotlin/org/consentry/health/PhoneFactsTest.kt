package org.consentry.health

import android.app.ActivityManager
import android.app.AppOpsManager
import android.app.NotificationChannel
import android.app.NotificationManager
import android.content.ComponentName
import android.content.Intent
import android.content.IntentFilter
import android.os.PowerManager
import android.os.UserManager
import android.provider.Settings
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.ui.MainActivity
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.Resetter
import org.robolectric.shadows.ShadowAppOpsManager
import org.robolectric.shadows.ShadowBuild

/** What the phone's settings mean for protection, and where each can be changed. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneFactsTest.XiaomiOperations::class])
class PhoneFactsTest {
    private val app = TestApp.now
    private val facts get() = PhoneFacts.read(app)
    private val redmi = Phone("Xiaomi", "Redmi")

    @Test
    fun `the battery saver and notifications`() {
        assertFalse(facts.isBatteryFree)
        shadowOf(app.getSystemService(PowerManager::class.java)).setIgnoringBatteryOptimizations(app.packageName, true)
        assertTrue(facts.isBatteryFree)
        assertTrue(facts.areNotificationsOn)
        shadowOf(app.getSystemService(NotificationManager::class.java)).setNotificationsEnabled(false)
        assertFalse(facts.areNotificationsOn)
    }

    @Test
    @Config(sdk = [35])
    fun `questions that are blocked alone reach nobody either`() {
        val notifications = app.getSystemService(NotificationManager::class.java)
        notifications.deleteNotificationChannel("questions")
        notifications.createNotificationChannel(
            NotificationChannel("questions", "Questions", NotificationManager.IMPORTANCE_NONE),
        )
        assertFalse(facts.areNotificationsOn)
    }

    @Test
    @Config(sdk = [35])
    fun `a restriction of the background`() {
        assertFalse(facts.isBackgroundRestricted)
        shadowOf(app.getSystemService(ActivityManager::class.java)).setBackgroundRestricted(true)
        assertTrue(facts.isBackgroundRestricted)
    }

    @Test
    fun `autostart as far as a Xiaomi phone tells`() {
        ShadowBuild.setManufacturer("Xiaomi")
        for ((mode, means) in listOf(
            AppOpsManager.MODE_ALLOWED to true,
            AppOpsManager.MODE_IGNORED to false,
            AppOpsManager.MODE_ERRORED to false,
            AppOpsManager.MODE_DEFAULT to null,
            5 to null,
        )) {
            XiaomiOperations.mode = mode
            assertEquals("$mode", means, facts.autostart)
        }
        XiaomiOperations.mode = null
        assertNull("a version that does not know the question", facts.autostart)
        ShadowBuild.setManufacturer("Google")
        XiaomiOperations.mode = AppOpsManager.MODE_ALLOWED
        assertNull("nobody but Xiaomi has this switch", facts.autostart)
    }

    @Test
    fun `clones and a second space`() {
        assertEquals(0, facts.otherProfiles)
        assertFalse(facts.isSecondUser)
        val users = shadowOf(app.getSystemService(UserManager::class.java))
        users.addProfile(0, 999, "clones", 0)
        assertEquals(1, facts.otherProfiles)
        users.addUser(10, "second space", 0)
        users.switchUser(10)
        assertTrue(facts.isSecondUser)
    }

    @Test
    fun `who made the phone`() {
        assertTrue(redmi.isXiaomi)
        assertTrue(Phone("Xiaomi", "POCO").isXiaomi)
        assertEquals(Phone.Family.OPPO, Phone("realme", "realme").family)
        assertEquals(Phone.Family.HONOR, Phone("HONOR", "HONOR").family)
        assertNull(Phone("Google", "google").family)
    }

    @Test
    fun `the maker's own page comes first, and Android's own last`() {
        for (phone in Phone.Family.entries.map { Phone(it.name, it.name) } + Phone("Google", "google")) {
            for (pages in listOf(SystemPages.battery(app, phone), SystemPages.autostart(app, phone))) {
                assertEquals("$phone", Settings.ACTION_APPLICATION_DETAILS_SETTINGS, pages.last().action)
            }
        }
        val battery = SystemPages.battery(app, redmi).first()
        assertEquals("com.miui.powerkeeper", battery.component!!.packageName)
        assertEquals(app.packageName, battery.getStringExtra("package_name"))
        assertEquals("Consentry", battery.getStringExtra("package_label"))
    }

    @Test
    fun `where a phone lacks a page, the next one opens`() {
        val screen = Robolectric.buildActivity(MainActivity::class.java).create().get()
        shadowOf(app).checkActivities(true)
        val pages = SystemPages.autostart(app, redmi)
        assertTrue(pages.size > 2)
        for (page in pages.reversed()) {
            install(page)
            screen.openFirst(pages)
            assertTrue("$page", shadowOf(app).nextStartedActivity.filterEquals(page))
        }
    }

    /** A page of the system's, as this phone has it. */
    private fun install(page: Intent) {
        val activity = page.component ?: ComponentName("com.android.settings", "Page${page.action}")
        val packages = shadowOf(app.packageManager)
        packages.addActivityIfNotPresent(activity)
        val filter = IntentFilter(page.action ?: Intent.ACTION_MAIN).apply {
            addCategory(Intent.CATEGORY_DEFAULT)
            page.scheme?.let(::addDataScheme)
        }
        packages.addIntentFilterForActivity(activity, filter)
    }

    /** Xiaomi's addition to Android's app operations: one more number. */
    @Implements(AppOpsManager::class)
    class XiaomiOperations : ShadowAppOpsManager() {
        @Implementation
        override fun checkOpNoThrow(op: Int, uid: Int, packageName: String?): Int {
            if (op != 10_008) return super.checkOpNoThrow(op, uid, packageName)
            return mode ?: throw IllegalArgumentException("bad operation #$op")
        }

        companion object {
            /** As the switch stands; null where there is no such number. */
            var mode: Int? = null

            @JvmStatic
            @Resetter
            fun forget() {
                mode = null
            }
        }
    }
}
