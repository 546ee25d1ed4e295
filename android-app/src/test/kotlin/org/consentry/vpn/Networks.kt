package org.consentry.vpn

import android.net.ConnectivityManager
import android.net.IpPrefix
import android.net.LinkAddress
import android.net.LinkProperties
import android.net.Network
import android.net.NetworkCapabilities
import android.net.RouteInfo
import java.net.Inet4Address
import java.net.InetAddress
import org.robolectric.Shadows.shadowOf
import org.robolectric.shadows.ShadowNetwork
import org.robolectric.shadows.ShadowNetworkCapabilities
import org.robolectric.util.ReflectionHelpers
import org.robolectric.util.ReflectionHelpers.ClassParameter.from

/** The networks of the phone in these tests. */
class Networks(private val connectivity: ConnectivityManager) {
    private val shadow = shadowOf(connectivity)

    init {
        shadow.clearAllNetworks()
    }

    /** Announces a network as Android does, to everybody who watches. */
    fun announce(number: Int, link: LinkProperties, transport: Int = NetworkCapabilities.TRANSPORT_WIFI): Network {
        val network = ShadowNetwork.newInstance(number)
        val capabilities = ShadowNetworkCapabilities.newInstance()
        shadowOf(capabilities).addTransportType(transport)
        shadow.setNetworkCapabilities(network, capabilities)
        shadow.setLinkProperties(network, link)
        shadow.addNetwork(network, null)
        for (callback in watchers()) {
            callback.onAvailable(network)
            callback.onCapabilitiesChanged(network, capabilities)
            callback.onLinkPropertiesChanged(network, link)
        }
        return network
    }

    /** Says that a link has changed. */
    fun change(network: Network, link: LinkProperties) {
        shadow.setLinkProperties(network, link)
        watchers().forEach { it.onLinkPropertiesChanged(network, link) }
    }

    /** Says that a network is gone. */
    fun lose(network: Network) {
        shadow.removeNetwork(network)
        watchers().forEach { it.onLost(network) }
    }

    /** Who watches. */
    fun watchers() = shadow.networkCallbacks.toList()

    companion object {
        /** A link with these addresses (`ip/prefix`), name servers, and a default route for each family it has a gateway of. */
        fun link(
            name: String,
            addresses: List<String>,
            dns: List<String> = emptyList(),
            gateways: List<String> = emptyList(),
        ) = LinkProperties().also { link ->
            link.setInterfaceName(name)
            for (text in addresses) {
                val (address, prefix) = text.split('/')
                link.addLinkAddress(make<LinkAddress>(InetAddress.getByName(address), prefix.toInt()))
                link.addRoute(route(address(address), prefix.toInt(), nowhere(address(address)), name))
            }
            for (gateway in gateways) {
                link.addRoute(route(nowhere(address(gateway)), 0, address(gateway), name))
            }
            link.setDnsServers(dns.map(::address))
        }

        private fun address(text: String): InetAddress = InetAddress.getByName(text)

        /** `0.0.0.0` or `::`: no gateway, in a form that API 24 need not make with what only a phone has. */
        private fun nowhere(like: InetAddress): InetAddress =
            InetAddress.getByAddress(ByteArray(if (like is Inet4Address) 4 else 16))

        private fun route(to: InetAddress, prefix: Int, gateway: InetAddress, name: String): RouteInfo =
            ReflectionHelpers.callConstructor(
                RouteInfo::class.java,
                from(IpPrefix::class.java, make<IpPrefix>(to, prefix)),
                from(InetAddress::class.java, gateway),
                from(String::class.java, name),
            )

        private inline fun <reified T : Any> make(address: InetAddress, prefix: Int): T = ReflectionHelpers.callConstructor(
            T::class.java,
            from(InetAddress::class.java, address),
            from(Int::class.javaPrimitiveType, prefix),
        )
    }
}
