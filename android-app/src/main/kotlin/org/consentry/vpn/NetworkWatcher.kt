package org.consentry.vpn

import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.os.Build
import android.os.Handler
import java.net.Inet4Address
import java.net.Inet6Address
import java.net.InetAddress
import java.net.NetworkInterface
import java.net.SocketException
import org.consentry.engine.OuterNetwork

/**
 * The network that leads outside now.
 *
 * @property network Android's handle; null when there is none
 * @property outer what the engine needs to know of it
 * @property addresses the phone's own there
 * @property near networks that the phone is directly on
 * @property strictPrivateDns the owner's Private DNS server, to which look-ups go round the tunnel; null when there is none
 */
data class Outside(
    val network: Network?,
    val outer: OuterNetwork,
    val addresses: Set<InetAddress>,
    val near: List<Subnet>,
    val strictPrivateDns: String?,
) {
    /** Whether what was connected through [earlier] goes on: the same network, and no address of ours is gone. */
    fun keepsFlowsOf(earlier: Outside): Boolean = network == earlier.network && addresses.containsAll(earlier.addresses)

    companion object {
        /** No network. */
        val NONE = Outside(null, OuterNetwork.NONE, emptySet(), emptyList(), null)
    }
}

/**
 * Follows the network behind the tunnel. It is the phone's default network: the tunnel itself excludes our own app.
 *
 * @param main the main thread, where [changed] is called, and only when something is different
 */
class NetworkWatcher(
    private val connectivity: ConnectivityManager,
    private val main: Handler,
    private val changed: (Outside) -> Unit,
) {
    private val callback = Callback()
    private var watching = false

    /** As last seen. */
    var outside: Outside = Outside.NONE
        private set

    /** Begins to watch; [outside] is right when it returns. */
    fun start() {
        if (watching) return
        watching = true
        outside = connectivity.activeNetwork?.let(::read) ?: Outside.NONE
        connectivity.registerDefaultNetworkCallback(callback)
    }

    /** Ends the watch; [changed] is not called any more. */
    fun stop() {
        if (!watching) return
        watching = false
        connectivity.unregisterNetworkCallback(callback)
    }

    private fun seen(next: Outside) {
        main.post {
            if (!watching || next == outside) return@post
            outside = next
            changed(next)
        }
    }

    private fun read(network: Network): Outside? {
        val link = connectivity.getLinkProperties(network) ?: return null
        val isVpn = connectivity.getNetworkCapabilities(network)?.hasTransport(NetworkCapabilities.TRANSPORT_VPN) ?: false
        return if (isVpn) null else outside(network, link)
    }

    private inner class Callback : ConnectivityManager.NetworkCallback() {
        // From API 26 on, the link's properties follow in a call of their own.
        override fun onAvailable(network: Network) {
            read(network)?.let(::seen)
        }

        override fun onLinkPropertiesChanged(network: Network, link: LinkProperties) {
            read(network)?.let { seen(outside(network, link)) }
        }

        override fun onLost(network: Network) {
            // The next default network may have been announced already.
            main.post { if (outside.network == network) seen(Outside.NONE) }
        }
    }

    companion object {
        private const val DNS_PORT = 53

        /** What a link means for us. */
        fun outside(network: Network, link: LinkProperties): Outside {
            val defaults = link.routes.filter { it.isDefaultRoute }.map { it.destination.address }
            val addresses = link.linkAddresses.map { it.address }
            return Outside(
                network,
                OuterNetwork(
                    resolvers = link.dnsServers.mapNotNull { resolver(it, link.interfaceName) },
                    ipv4 = defaults.any { it is Inet4Address } && addresses.any { it is Inet4Address } ||
                        translatesIpv4(link),
                    ipv6 = defaults.any { it is Inet6Address } &&
                        addresses.any { it is Inet6Address && !it.isLinkLocalAddress },
                ),
                addresses = addresses.toSet(),
                near = link.linkAddresses.map { Subnet(it.address, it.prefixLength) } +
                    link.routes.filterNot { it.isDefaultRoute }.map {
                        Subnet(it.destination.address, it.destination.prefixLength)
                    },
                strictPrivateDns = if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) link.privateDnsServerName else null,
            )
        }

        /**
         * Whether a network without IPv4 carries it nevertheless (464XLAT, RFC 6877): Android's translator is an interface
         * on top of the network's own, which the link's public properties do not name.
         */
        private fun translatesIpv4(link: LinkProperties): Boolean {
            if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R && link.nat64Prefix != null) return true
            return interfaceNamed("v4-${link.interfaceName}") != null
        }

        /** A name server as the engine reads it, or null when it cannot be reached: a local address needs its interface. */
        private fun resolver(address: InetAddress, onInterface: String?): String? {
            if (address is Inet4Address) return "${address.hostAddress}:$DNS_PORT"
            val plain = address.hostAddress?.substringBefore('%') ?: return null
            if (!address.isLinkLocalAddress) return "[$plain]:$DNS_PORT"
            val scope = (address as Inet6Address).scopeId.takeIf { it > 0 }
                ?: onInterface?.let { interfaceNamed(it)?.index }
                ?: return null
            return "[$plain%$scope]:$DNS_PORT"
        }

        private fun interfaceNamed(name: String): NetworkInterface? = try {
            NetworkInterface.getByName(name)
        } catch (_: SocketException) {
            null
        }
    }
}
