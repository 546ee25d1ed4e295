package org.consentry.health

import android.content.ComponentName
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.os.Build
import android.provider.Settings
import org.consentry.health.Phone.Family

/**
 * Pages of the system's settings. Each is a list: the exact page first, then what comes near, then Android's own page about
 * the app. Makers move and rename their pages, or keep them to themselves: whoever opens one goes on to the next then.
 */
object SystemPages {
    /** Always-on, and blocking without VPN. */
    val vpn: List<Intent> = listOf(Intent(Settings.ACTION_VPN_SETTINGS), Intent(Settings.ACTION_WIRELESS_SETTINGS))

    /** Private DNS. */
    val privateDns: List<Intent> =
        listOf(Intent("android.settings.PRIVATE_DNS_SETTINGS"), Intent(Settings.ACTION_WIRELESS_SETTINGS))

    /** The battery saver, and what restricts an app in the background. */
    fun battery(context: Context, phone: Phone = Phone.THIS): List<Intent> {
        val makers = when (phone.family) {
            Family.XIAOMI -> listOf(
                page("com.miui.powerkeeper", "com.miui.powerkeeper.ui.HiddenAppsConfigActivity")
                    .putExtra("package_name", context.packageName)
                    .putExtra("package_label", context.applicationInfo.loadLabel(context.packageManager).toString()),
                Intent("miui.intent.action.POWER_HIDE_MODE_APP_LIST").addCategory(Intent.CATEGORY_DEFAULT),
            )
            Family.HUAWEI -> listOf(
                page("com.huawei.systemmanager", "com.huawei.systemmanager.optimize.process.ProtectActivity"),
            )
            Family.SAMSUNG -> listOf(
                page("com.samsung.android.lool", "com.samsung.android.sm.battery.ui.BatteryActivity"),
                page("com.samsung.android.lool", "com.samsung.android.sm.ui.battery.BatteryActivity"),
            )
            else -> emptyList()
        }
        return makers + Intent(Settings.ACTION_IGNORE_BATTERY_OPTIMIZATION_SETTINGS) + app(context)
    }

    /** The maker's own switch that lets an app start with the phone; none but the app's page where Android alone decides. */
    fun autostart(context: Context, phone: Phone = Phone.THIS): List<Intent> {
        val makers = when (phone.family) {
            Family.XIAOMI -> listOf(
                page("com.miui.securitycenter", "com.miui.permcenter.autostart.AutoStartManagementActivity"),
                Intent("miui.intent.action.OP_AUTO_START").addCategory(Intent.CATEGORY_DEFAULT),
                Intent("miui.intent.action.APP_PERM_EDITOR").addCategory(Intent.CATEGORY_DEFAULT)
                    .putExtra("extra_pkgname", context.packageName),
            )
            Family.HUAWEI -> listOf(
                page("com.huawei.systemmanager", "com.huawei.systemmanager.startupmgr.ui.StartupNormalAppListActivity"),
                page(
                    "com.huawei.systemmanager",
                    "com.huawei.systemmanager.appcontrol.activity.StartupAppControlActivity",
                ),
            )
            Family.HONOR -> listOf(
                page("com.hihonor.systemmanager", "com.hihonor.systemmanager.startupmgr.ui.StartupNormalAppListActivity"),
            )
            Family.OPPO -> listOf(
                page("com.coloros.safecenter", "com.coloros.safecenter.permission.startup.StartupAppListActivity"),
                page("com.coloros.safecenter", "com.coloros.safecenter.startupapp.StartupAppListActivity"),
                page("com.oppo.safe", "com.oppo.safe.permission.startup.StartupAppListActivity"),
                page("com.oneplus.security", "com.oneplus.security.chainlaunch.view.ChainLaunchAppListActivity"),
            )
            Family.VIVO -> listOf(
                page("com.vivo.permissionmanager", "com.vivo.permissionmanager.activity.BgStartUpManagerActivity"),
                page("com.iqoo.secure", "com.iqoo.secure.ui.phoneoptimize.BgStartUpManager"),
            )
            Family.ASUS -> listOf(page("com.asus.mobilemanager", "com.asus.mobilemanager.autostart.AutoStartActivity"))
            Family.TRANSSION -> listOf(page("com.transsion.phonemaster", "com.cyin.himgr.autostart.AutoStartActivity"))
            Family.SAMSUNG, null -> emptyList()
        }
        return makers + app(context)
    }

    /** Our notifications. */
    fun notifications(context: Context): List<Intent> = listOfNotNull(
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.O) {
            Intent(Settings.ACTION_APP_NOTIFICATION_SETTINGS).putExtra(Settings.EXTRA_APP_PACKAGE, context.packageName)
        } else {
            null
        },
        app(context),
    )

    /** Android's own page about Consentry. */
    fun app(context: Context): Intent =
        Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, Uri.fromParts("package", context.packageName, null))

    private fun page(packageName: String, activity: String) =
        Intent().setComponent(ComponentName(packageName, activity))
}
