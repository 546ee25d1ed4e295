package org.consentry.vpn

import android.app.Notification
import android.content.Context
import android.content.Intent
import android.net.Network
import android.net.VpnService
import android.os.Build
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.Resetter
import org.robolectric.shadows.ShadowService

/** What Android's side of a VPN does in these tests. */
@Implements(VpnService::class)
class PhoneVpn : ShadowService() {
    @Implementation
    fun protect(@Suppress("UNUSED_PARAMETER") socket: Int): Boolean = true

    @Implementation
    fun isAlwaysOn(): Boolean = alwaysOn

    @Implementation
    fun isLockdownEnabled(): Boolean = lockdown

    @Implementation
    fun setUnderlyingNetworks(networks: Array<Network>?): Boolean {
        underlying += networks?.toList()
        return true
    }

    @Implementation(minSdk = Build.VERSION_CODES.Q)
    public override fun startForeground(id: Int, notification: Notification, type: Int) {
        if (type in refusedTypes) throw SecurityException("type $type refused by the test")
        super.startForeground(id, notification, type)
    }

    companion object {
        /** Foreground types that Android does not let us have. */
        var refusedTypes = emptySet<Int>()

        /** Android's question to the owner; null when the owner has said yes. */
        var question: Intent? = null

        /** Thrown instead, as while another app's VPN is locked down. */
        var refusal: RuntimeException? = null

        /** How often Android was asked: asking takes the VPN from another app. */
        var asked = 0

        var alwaysOn = false
        var lockdown = false

        /** The networks that the VPN was said to be on, one after another. */
        val underlying = mutableListOf<List<Network>?>()

        @JvmStatic
        @Implementation
        fun prepare(@Suppress("UNUSED_PARAMETER") context: Context): Intent? {
            asked++
            refusal?.let { throw it }
            return question
        }

        @JvmStatic
        @Resetter
        fun forget() {
            refusedTypes = emptySet()
            question = null
            refusal = null
            asked = 0
            alwaysOn = false
            lockdown = false
            underlying.clear()
        }
    }
}
