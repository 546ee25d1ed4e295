package org.consentry.tile

import android.app.PendingIntent
import android.content.Intent
import android.os.Build
import android.service.quicksettings.Tile
import android.service.quicksettings.TileService
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.Protection
import org.consentry.vpn.ConsentVpnService
import org.consentry.vpn.PhoneVpn
import org.consentry.vpn.Screens
import org.junit.After
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
import org.robolectric.shadow.api.Shadow
import org.robolectric.shadows.ShadowTileService

/** The tile among the quick settings. */
@RunWith(AppRunner::class)
@Config(sdk = [24, 35], application = TestApp::class, shadows = [PhoneVpn::class, ProtectionTileTest.PhoneTile::class])
class ProtectionTileTest {
    private val app = TestApp.now.also { it.settle() }
    private val tile = Robolectric.buildService(ProtectionTile::class.java).create().get()
    private val phone: PhoneTile = Shadow.extract(tile)

    @After
    fun forget() = PhoneVpn.forget()

    /** What the owner reads below the name. */
    private fun words(): String {
        app.settle()
        val shown = tile.qsTile
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) assertEquals("read aloud, too", shown.subtitle, shown.stateDescription)
        return (if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) shown.subtitle else shown.contentDescription).toString()
            .removePrefix("Consentry, ")
    }

    private fun started(): Intent? = shadowOf(app).nextStartedService

    private fun opened(): Intent? = shadowOf(app).nextStartedActivity

    private fun turnOn() {
        val service = Robolectric.buildService(ConsentVpnService::class.java).create().get()
        service.onStartCommand(ConsentVpnService.order(app, ConsentVpnService.START), 0, 1)
        app.settle()
    }

    @Test
    fun `one tap turns protection on`() {
        tile.onStartListening()
        assertEquals("Off", words())
        assertEquals(Tile.STATE_INACTIVE, tile.qsTile.state)
        tile.onClick()
        assertEquals(ConsentVpnService.START, started()?.action)
        assertNull("no screen for that", opened())
        turnOn()
        assertEquals("On · 0 today", words())
        assertEquals(Tile.STATE_ACTIVE, tile.qsTile.state)
    }

    @Test
    fun `turning off is asked back, after unlocking`() {
        turnOn()
        tile.onStartListening()
        phone.setLocked(true)
        tile.onClick()
        assertTrue("still on", app.engine.state.value.protection is Protection.On)
        assertNull("nothing was ordered", started())
        val screen = opened()!!
        assertEquals(Screens.MAIN, screen.component!!.className)
        assertTrue(screen.getBooleanExtra(Screens.EXTRA_TURN_OFF, false))
        assertFalse("unlocked for it", tile.isLocked)
    }

    @Test
    fun `without Android's OK it opens the app`() {
        PhoneVpn.question = Intent("question")
        tile.onStartListening()
        tile.onClick()
        assertEquals(Screens.MAIN, opened()!!.component!!.className)
        app.protection.permissionRefused()
        assertEquals("Set up", words())
    }

    @Test
    fun `a pause says until when, and a tap ends it`() {
        tile.onStartListening()
        app.engine.protectionIs(Protection.Paused(1_000_000_000_000))
        assertTrue(words(), words().startsWith("Off until "))
        tile.onClick()
        assertEquals(ConsentVpnService.START, started()?.action)
    }

    @Test
    fun `nothing is watched while nobody sees it`() {
        tile.onStartListening()
        assertTrue(app.engine.state.isObserved)
        tile.onStopListening()
        assertFalse(app.engine.state.isObserved)
    }

    /** Opens screens from API 34 on, too. */
    @Implements(TileService::class)
    class PhoneTile : ShadowTileService() {
        @Implementation(minSdk = Build.VERSION_CODES.UPSIDE_DOWN_CAKE)
        fun startActivityAndCollapse(screen: PendingIntent) = screen.send()
    }
}
