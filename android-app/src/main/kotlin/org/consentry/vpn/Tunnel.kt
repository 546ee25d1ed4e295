package org.consentry.vpn

import android.content.pm.PackageManager
import android.net.VpnService
import android.os.Build
import android.os.ParcelFileDescriptor
import java.io.Closeable
import java.io.IOException
import java.net.InetAddress

/** A tunnel that the phone's packets go into. Nothing passes it but what a reader of [descriptor] lets through. */
interface Tunnel : Closeable {
    /** The descriptor that whole IP packets are read from and written to. */
    val descriptor: Int

    /** Takes the tunnel down. Does not fail: after it there is no tunnel. */
    override fun close()
}

/** Where tunnels come from. */
fun interface TunnelFactory {
    /**
     * Sets up a tunnel. One that is there already stays in use until the new one is ready, so that nothing slips past in between.
     *
     * @return null when Android does not take us for the VPN (any more)
     * @throws TunnelRefused when Android cannot do it
     */
    fun establish(plan: TunnelPlan): Tunnel?
}

/** Android could not set up a tunnel. */
class TunnelRefused(cause: Throwable) : Exception(cause.message, cause)

/** Tunnels of Android's. */
class SystemTunnels(private val service: VpnService) : TunnelFactory {
    override fun establish(plan: TunnelPlan): Tunnel? = try {
        builder(plan).establish()?.let(::SystemTunnel)
    } catch (error: RuntimeException) {
        // IllegalStateException and SecurityException by the book, and what makers' own versions throw. To die of it would
        // take an earlier tunnel down.
        throw TunnelRefused(error)
    } catch (error: PackageManager.NameNotFoundException) {
        throw TunnelRefused(error)
    }

    private fun builder(plan: TunnelPlan): VpnService.Builder {
        val builder = service.Builder()
            .setSession(plan.session)
            .setMtu(plan.mtu)
            // The engine waits in epoll and must never be stuck in a read.
            .setBlocking(false)
            // Nobody else is excluded, so that "Block connections without VPN" can be used.
            .addDisallowedApplication(service.packageName)
        plan.addresses.forEach { builder.addAddress(it, it.address.size * Byte.SIZE_BITS) }
        // A family that has an address but no route, or a route but no address, would go round the tunnel.
        plan.addresses.forEach { builder.addRoute(everything(it), 0) }
        plan.dns.forEach { builder.addDnsServer(it) }
        // Else every network counts as metered inside a VPN (API 29): a VPN shall look like what is under it.
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) builder.setMetered(false)
        return builder
    }

    /** `0.0.0.0` or `::`, as the address's family has it. */
    private fun everything(address: InetAddress) = InetAddress.getByAddress(ByteArray(address.address.size))

    private class SystemTunnel(private val file: ParcelFileDescriptor) : Tunnel {
        override val descriptor: Int get() = file.fd

        override fun close() {
            try {
                file.close()
            } catch (_: IOException) {
                // The descriptor is gone either way (close(2)).
            }
        }
    }
}
