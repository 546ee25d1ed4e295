package org.consentry.vpn

import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import android.os.Handler

/**
 * Notices another app's VPN. Watches only while ours is down, when every VPN that there is is another's.
 *
 * @param changed called on the main thread: whether there is one
 */
internal class OtherVpn(
    private val connectivity: ConnectivityManager,
    private val main: Handler,
    private val changed: (Boolean) -> Unit,
) {
    private val vpns = LinkedHashSet<Network>()
    private var ours = emptySet<Network>()
    private var callback: Callback? = null

    /** Whether there is one, as last seen. */
    val isThere: Boolean get() = vpns.isNotEmpty()

    /**
     * Begins to watch.
     *
     * @param afterOurs whether our own VPN has just ended: Android may announce it for a moment more
     */
    fun start(afterOurs: Boolean) {
        if (callback != null) return
        ours = if (afterOurs) present().toSet() else emptySet()
        // Without "not a VPN", which every request has unless told otherwise.
        val request = NetworkRequest.Builder().addTransportType(NetworkCapabilities.TRANSPORT_VPN)
            .removeCapability(NetworkCapabilities.NET_CAPABILITY_NOT_VPN).build()
        callback = Callback().also { connectivity.registerNetworkCallback(request, it) }
    }

    /** Ends the watch. */
    fun stop() {
        callback?.let(connectivity::unregisterNetworkCallback)
        callback = null
        vpns.clear()
    }

    /** Whether there is one at this moment, whatever was seen before. */
    fun isThereNow(): Boolean = present().isNotEmpty()

    @Suppress("DEPRECATION") // a callback would come too late for the question
    private fun present(): List<Network> = connectivity.allNetworks.filter {
        connectivity.getNetworkCapabilities(it)?.hasTransport(NetworkCapabilities.TRANSPORT_VPN) ?: false
    }

    private inner class Callback : ConnectivityManager.NetworkCallback() {
        override fun onAvailable(network: Network) = noticed { if (network !in ours) vpns += network }

        override fun onLost(network: Network) = noticed { vpns -= network }

        private fun noticed(change: () -> Unit) {
            main.post {
                if (callback !== this) return@post
                val before = isThere
                change()
                if (isThere != before) changed(isThere)
            }
        }
    }
}
