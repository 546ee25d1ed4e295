package org.consentry.vpn

import com.sun.jna.Library
import com.sun.jna.Native
import com.sun.jna.NativeLong

/** What Java cannot ask of Linux. Every function gives -1 for an error. */
interface Libc : Library {
    fun socketpair(domain: Int, type: Int, protocol: Int, ends: IntArray): Int

    fun open(path: String, flags: Int): Int

    fun ioctl(descriptor: Int, request: NativeLong, argument: ByteArray): Int

    fun close(descriptor: Int): Int

    fun read(descriptor: Int, bytes: ByteArray, count: NativeLong): NativeLong

    fun write(descriptor: Int, bytes: ByteArray, count: NativeLong): NativeLong

    fun poll(entry: ByteArray, count: NativeLong, timeoutMs: Int): Int

    fun fcntl(descriptor: Int, command: Int): Int

    fun unshare(flags: Int): Int

    companion object {
        /** The one of this machine. */
        val here: Libc = Native.load("c", Libc::class.java)

        // sys/socket.h
        const val AF_UNIX = 1
        const val SOCK_DGRAM = 2

        // fcntl.h
        const val O_RDWR = 2
        const val F_GETFD = 1

        /** poll.h */
        const val POLLIN = 1

        /** sched.h */
        const val CLONE_NEWNET = 0x40000000

        /** linux/if_tun.h: attach a descriptor to an interface; of IP packets, without a header of the kernel's own. */
        val TUNSETIFF = NativeLong(0x400454ca)
        const val IFF_TUN = 0x0001
        const val IFF_NO_PI = 0x1000

        /** The length of a `struct ifreq`. */
        const val IFREQ = 40
    }
}
