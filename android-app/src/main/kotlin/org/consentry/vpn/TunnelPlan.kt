package org.consentry.vpn

import java.net.Inet4Address
import java.net.InetAddress

/**
 * What a tunnel looks like.
 *
 * @property session its name in Android's settings
 * @property addresses one of each family; each stands alone, and all of its family is routed into the tunnel
 * @property dns the engine's own addresses, which are answered inside
 * @property mtu in bytes
 */
data class TunnelPlan(
    val session: String,
    val addresses: List<InetAddress>,
    val dns: List<InetAddress>,
    val mtu: Int,
) {
    companion object {
        /**
         * The engine ends every connection inside, so that a large MTU never reaches the network: it only saves the phone
         * work, and the largest was measured to save the most.
         */
        const val MTU = 65_535

        /** The engine's own DNS addresses. It answers to these two and no others. */
        private val DNS = listOf(address(192, 0, 0, 53), address6(0x53))

        /**
         * The tunnel's IPv4 address: the first of these that no network near uses. `192.0.0.0/24` is used on no network
         * (RFC 6890), but for its first eight addresses (RFC 7335), which Android uses itself.
         */
        private val FOR_IPV4 = listOf(address(192, 0, 0, 52), address(10, 215, 173, 1), address(172, 30, 253, 1))

        /**
         * The same for IPv6. A unique local address (RFC 4193) would make apps prefer IPv4 (RFC 6724 section 2.1), as they
         * would not without us; the documentation prefix (RFC 3849) counts as global and is used on no network.
         */
        private val FOR_IPV6 = listOf(address6(0x52), address6(0x1052), address6(0x2052))

        /**
         * A plan whose addresses lie on none of these networks.
         *
         * @param near networks that the phone is on
         */
        fun avoiding(near: List<Subnet>, session: String): TunnelPlan {
            fun free(candidates: List<InetAddress>) =
                candidates.find { address -> near.none { address in it } } ?: candidates.first()
            return TunnelPlan(session, listOf(free(FOR_IPV4), free(FOR_IPV6)), DNS, MTU)
        }

        // By bytes: a text would be looked up by a resolver on some platforms.
        private fun address(vararg bytes: Int): InetAddress =
            InetAddress.getByAddress(ByteArray(bytes.size) { bytes[it].toByte() })

        /** `2001:db8:c05e::` with this last part. */
        private fun address6(last: Int): InetAddress =
            address(0x20, 0x01, 0x0d, 0xb8, 0xc0, 0x5e, 0, 0, 0, 0, 0, 0, 0, 0, last shr Byte.SIZE_BITS, last and 0xff)
    }
}

/** A network's addresses. */
data class Subnet(val address: InetAddress, val prefix: Int) {
    /** Whether an address belongs to it. The whole of a family is no network of its own: that is a default route. */
    operator fun contains(other: InetAddress): Boolean {
        if (prefix == 0 || (address is Inet4Address) != (other is Inet4Address)) return false
        val (ours, theirs) = address.address to other.address
        return (0 until prefix.coerceAtMost(ours.size * Byte.SIZE_BITS)).all { bit ->
            val mask = 0x80 shr bit % Byte.SIZE_BITS
            ours[bit / Byte.SIZE_BITS].toInt() and mask == theirs[bit / Byte.SIZE_BITS].toInt() and mask
        }
    }
}
