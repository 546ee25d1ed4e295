package org.consentry.vpn

import android.content.pm.PackageManager
import android.net.ConnectivityManager
import java.net.InetSocketAddress
import org.consentry.AppRunner
import org.consentry.TestApp
import org.consentry.engine.FlowOwner
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadows.ShadowConnectivityManager

/** From a flow's ends to the apps behind it, as Android tells from API 29 on. */
@RunWith(AppRunner::class)
@Config(sdk = [35], application = TestApp::class, shadows = [OwnersOfFlowsTest.Asked::class])
class OwnersOfFlowsTest {
    private val packages: PackageManager = TestApp.now.packageManager
    private val owners = FlowOwners(TestApp.now.getSystemService(ConnectivityManager::class.java), packages)

    @After
    fun forget() {
        Asked.answer = { -1 }
    }

    private fun owner(transport: Int = 6) = owners.ownerOf(transport, "192.0.0.52:40000", "[2001:db8::1]:443")

    private fun install(uid: Int, vararg names: String) = shadowOf(packages).setPackagesForUid(uid, *names)

    @Test
    fun `one app, and several that share an identity`() {
        install(10_050, "a.b")
        install(10_051, "c.d", "a.c")
        Asked.answer = { 10_050 }
        assertEquals(FlowOwner.App(10_050, listOf("a.b")), owner())
        Asked.answer = { 10_051 }
        assertEquals(FlowOwner.App(10_051, listOf("a.c", "c.d")), owner())
    }

    @Test
    fun `the system's identities are shared, in every user of the phone`() {
        install(1000, "android", "com.android.settings")
        install(1_001_000, "android", "com.android.settings")
        for (uid in listOf(0, 1000, 1_001_000)) {
            Asked.answer = { uid }
            assertEquals(FlowOwner.Shared(uid), owner())
        }
    }

    @Test
    fun `nobody can tell`() {
        assertEquals(FlowOwner.Unknown, owner())
        for (refusal in listOf(SecurityException("not the VPN"), IllegalArgumentException("no such protocol"))) {
            Asked.answer = { throw refusal }
            assertEquals(FlowOwner.Unknown, owner())
        }
        Asked.answer = { 10_050 }
        assertEquals("ICMP has no owner", FlowOwner.Unknown, owner(transport = 1))
        assertEquals(FlowOwner.Unknown, owners.ownerOf(6, "nonsense", "192.0.2.1:1"))
    }

    @Test
    fun `packages are looked up once, until apps change`() {
        install(10_050, "a.b")
        Asked.answer = { 10_050 }
        owner()
        install(10_050, "a.c")
        assertEquals(FlowOwner.App(10_050, listOf("a.b")), owner())
        owners.forgetPackages()
        assertEquals(FlowOwner.App(10_050, listOf("a.c")), owner())
    }

    /** What Android knows of flows. */
    @Implements(ConnectivityManager::class)
    class Asked : ShadowConnectivityManager() {
        @Implementation
        @Suppress("UNUSED_PARAMETER")
        fun getConnectionOwnerUid(protocol: Int, local: InetSocketAddress, remote: InetSocketAddress): Int = answer()

        companion object {
            var answer: () -> Int = { -1 }
        }
    }
}
