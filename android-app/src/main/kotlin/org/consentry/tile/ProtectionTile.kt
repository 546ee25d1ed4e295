package org.consentry.tile

import android.app.PendingIntent
import android.content.Intent
import android.graphics.drawable.Icon
import android.os.Build
import android.service.quicksettings.Tile
import android.service.quicksettings.TileService
import org.consentry.ConsentryApp
import org.consentry.R
import org.consentry.engine.EngineState
import org.consentry.engine.Protection
import org.consentry.engine.Subscription
import org.consentry.ui.Languages
import org.consentry.ui.Numbers
import org.consentry.ui.Times
import org.consentry.vpn.Screens
import org.consentry.vpn.TurnOn

/** The tile among Android's quick settings. Turning on takes one tap; turning off is asked back, on an unlocked phone only. */
class ProtectionTile : TileService() {
    private val app get() = ConsentryApp.of(this)
    private var watch: Subscription? = null

    override fun onStartListening() {
        watch?.end()
        watch = app.engine.state.observe(::show)
    }

    override fun onStopListening() {
        watch?.end()
        watch = null
    }

    override fun onDestroy() {
        onStopListening()
        super.onDestroy()
    }

    override fun onClick() {
        when {
            app.engine.state.value.protection.isActive -> openUnlocked(Screens.turnOff(this))
            app.protection.turnOn() != TurnOn.Started -> openUnlocked(Screens.home(this))
        }
    }

    private fun show(state: EngineState) {
        val tile = qsTile ?: return
        val words = words(state)
        tile.label = getString(R.string.app_name)
        tile.state = if (state.protection.isActive) Tile.STATE_ACTIVE else Tile.STATE_INACTIVE
        tile.icon = Icon.createWithResource(
            this,
            if (state.protection.isActive) R.drawable.ic_notification else R.drawable.ic_notification_off,
        )
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) tile.subtitle = words
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            tile.stateDescription = words
        } else {
            tile.contentDescription = getString(R.string.tile_label, getString(R.string.app_name), words)
        }
        tile.updateTile()
    }

    private fun words(state: EngineState): String {
        val spoken = Languages.spoken(this)
        return when (val protection = state.protection) {
            is Protection.On -> spoken.getString(R.string.tile_on, Numbers.of(state.status?.heldToday ?: 0))
            Protection.Starting -> spoken.getString(R.string.notice_starting)
            is Protection.Paused ->
                spoken.getString(R.string.notice_paused, Times(spoken, System::currentTimeMillis).clock(protection.untilMs))
            is Protection.Failed -> spoken.getString(R.string.notice_failed)
            Protection.NeedsPermission -> spoken.getString(R.string.tile_set_up)
            Protection.Off, Protection.AnotherVpn, Protection.LockedByAnotherVpn, Protection.StartRefused ->
                spoken.getString(R.string.tile_off)
        }
    }

    private fun openUnlocked(screen: Intent) {
        if (isLocked) unlockAndRun { open(screen) } else open(screen)
    }

    private fun open(screen: Intent) {
        screen.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.UPSIDE_DOWN_CAKE) {
            val flags = PendingIntent.FLAG_UPDATE_CURRENT or PendingIntent.FLAG_IMMUTABLE
            startActivityAndCollapse(PendingIntent.getActivity(this, 0, screen, flags))
        } else {
            @Suppress("DEPRECATION", "StartActivityAndCollapseDeprecated") // the only way before API 34
            startActivityAndCollapse(screen)
        }
    }
}
