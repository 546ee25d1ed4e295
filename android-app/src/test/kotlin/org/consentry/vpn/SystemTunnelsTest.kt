package org.consentry.vpn

import android.net.IpPrefix
import android.net.LinkAddress
import android.net.RouteInfo
import android.net.VpnService
import android.os.ParcelFileDescriptor
import com.android.internal.net.VpnConfig
import java.net.InetAddress
import org.consentry.AppRunner
import org.consentry.TestApp
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.annotation.RealObject
import org.robolectric.util.ReflectionHelpers

/** What Android is asked for. */
@RunWith(AppRunner::class)
@Config(sdk = [35], application = TestApp::class, shadows = [PhoneVpn::class, SystemTunnelsTest.Asked::class])
class SystemTunnelsTest {
    private val service = Robolectric.buildService(ConsentVpnService::class.java).create().get()
    private val tunnels = SystemTunnels(service)
    private val plan = TunnelPlan.avoiding(emptyList(), "Consentry")

    @After
    fun forget() {
        PhoneVpn.forget()
        Asked.config = null
        Asked.refusal = null
    }

    private fun config(): VpnConfig {
        assertNull("Android does not take us for the VPN", tunnels.establish(plan))
        return Asked.config!!
    }

    @Test
    fun `everything of both families goes in, and none goes round`() {
        val config = config()
        val addresses = config.addresses.map { (it as LinkAddress).address }
        assertEquals(plan.addresses.toSet(), addresses.toSet())
        val routes = config.routes.map { (it as RouteInfo).destination }
        val everything = listOf("0.0.0.0", "::").map { IpPrefix(InetAddress.getByName(it), 0) }
        assertEquals(everything.toSet(), routes.toSet())
        assertEquals(plan.dns.map { it.hostAddress }.toSet(), config.dnsServers.toSet())
        assertFalse("no family is let past", config.allowIPv4 || config.allowIPv6)
        assertFalse("no app may get out of it", config.allowBypass)
        assertNull(config.proxyInfo)
    }

    @Test
    fun `nobody is excluded but ourselves`() {
        val config = config()
        assertEquals(listOf("org.consentry"), config.disallowedApplications)
        assertNull(config.allowedApplications)
    }

    @Test
    fun `it looks like what is under it, and never blocks its reader`() {
        val config = config()
        assertFalse(config.isMetered)
        assertFalse(config.blocking)
        assertEquals(TunnelPlan.MTU, config.mtu)
        assertEquals("Consentry", config.session)
    }

    @Test
    fun `what Android refuses is one kind of error`() {
        val refusals = listOf(IllegalStateException("no"), SecurityException("no"), IllegalArgumentException("no"))
        for (refusal in refusals) {
            Asked.refusal = refusal
            assertEquals(refusal, assertThrows(TunnelRefused::class.java) { tunnels.establish(plan) }.cause)
        }
    }

    /** Android's side of setting up a tunnel: notes what is asked, and makes none. */
    @Implements(VpnService.Builder::class)
    class Asked {
        @RealObject
        private lateinit var builder: VpnService.Builder

        /** Android looks the package up; there is no package manager behind this one. */
        @Implementation
        fun verifyApp(@Suppress("UNUSED_PARAMETER") packageName: String) = Unit

        @Implementation
        fun establish(): ParcelFileDescriptor? {
            refusal?.let { throw it }
            // As Android does, before it hands it over.
            config = ReflectionHelpers.getField<VpnConfig>(builder, "mConfig").also {
                it.addresses = ReflectionHelpers.getField(builder, "mAddresses")
                it.routes = ReflectionHelpers.getField(builder, "mRoutes")
            }
            return null
        }

        companion object {
            var config: VpnConfig? = null
            var refusal: RuntimeException? = null
        }
    }
}
