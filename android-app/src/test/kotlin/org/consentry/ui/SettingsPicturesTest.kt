package org.consentry.ui

import android.content.pm.ApplicationInfo
import android.content.pm.PackageInfo
import org.consentry.R
import org.junit.Test
import org.robolectric.Shadows.shadowOf

/** Pictures of the settings and their pages. */
class SettingsPicturesTest : PictureTest() {
    private val state = Scene.quiet.copy(
        services = Scene.services.map { it.copy(muted = it.id in setOf(Scene.ads.id, Scene.tencent.id)) },
        status = Scene.status.copy(strictApps = listOf("com.android.mms", "com.mi.globalbrowser")),
    )

    @Test
    fun settings() {
        inAllWays("settings", state) { open(SettingsActivity::class.java).get().decor }
        inSomeWays("settings-middle", state) { scrolled(open(SettingsActivity::class.java).get(), R.id.page_scroll, 0.5f) }
        inSomeWays("settings-end", state) { scrolled(open(SettingsActivity::class.java).get(), R.id.page_scroll, 1f) }
    }

    @Test
    fun muted() {
        inSomeWays("muted", state) { open(MutedActivity::class.java).get().decor }
        inOneWay(plain, "muted-none", Scene.quiet) { open(MutedActivity::class.java).get().decor }
    }

    @Test
    fun strict() {
        for (name in listOf("com.android.mms", "com.mi.globalbrowser", "com.xiaomi.xmsf")) letUseTheNetwork(name)
        inAllWays("strict", state) { open(StrictActivity::class.java).get().also(::settleApps).decor }
    }

    @Test
    fun licences() = inSomeWays("licence", state) { open(LicencesActivity::class.java).get().decor }

    @Test
    fun backup() = inSomeWays("backup", state) { open(BackupActivity::class.java).get().decor }

    @Test
    fun export() = inSomeWays("dialog-export", state) {
        open(SettingsActivity::class.java).get().row(R.string.export_the_log).view.performClick()
        idle()
        dialog()
    }

    @Test
    fun withoutAScreenLock() = inSomeWays("dialog-no-lock", state) {
        open(SettingsActivity::class.java).get().switch(R.string.ask_lock).performClick()
        dialog()
    }

    private fun letUseTheNetwork(name: String) {
        val info: PackageInfo = app.packageManager.getPackageInfo(name, 0)
        info.requestedPermissions = arrayOf(android.Manifest.permission.INTERNET)
        info.requestedPermissionsFlags = intArrayOf(PackageInfo.REQUESTED_PERMISSION_GRANTED)
        info.applicationInfo = info.applicationInfo ?: ApplicationInfo()
        shadowOf(app.packageManager).installPackage(info)
    }
}
