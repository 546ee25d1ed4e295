//! Packets in, packets out: from the bytes of the TUN device to checked datagrams, and back.
//!
//! [`Demultiplexer::take`] turns one IP packet into a [`Datagram`], or says why not ([`Drop`]). It is on the path of
//! every packet: a plain one is only looked at, nothing is copied or allocated. Fragments wait in a bounded
//! [`Reassembler`] until their datagram is whole; IPv6 extension headers are passed over.
//! [`build`] writes the packets that go back to the apps.
//!
//! Everything here is a pure function of its input, plus the fragments that wait. Any bytes are fine as input.

mod addresses;
pub mod build;
mod checksum;
mod demultiplex;
mod drops;
mod headers;
mod reassembly;

pub use addresses::is_unicast;
pub use demultiplex::Demultiplexer;
pub use drops::{Drop, Drops};
pub use reassembly::{Reassembler, ReassemblyCounters};

use std::net::{IpAddr, SocketAddr};

/// Whether received checksums are verified.
///
/// The kernel completes every checksum before a packet is read from a TUN device that was opened without offloads
/// (no `IFF_VNET_HDR`), and memory does not flip bits on the way: there, verifying would find nothing, and cost every
/// packet (measured on x86: 22 ns to take a UDP packet unverified, 2 to 7 ns more verified when it is short, 35 to 40 ns
/// more at 1400 bytes). Packets that have come over a wire, out of a capture or a fuzzer are another matter, so verifying
/// is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Drop what does not add up.
    #[default]
    Verify,
    /// Leave them unread: the device vouches for them.
    Trust,
}

/// One checked datagram: whole, its lengths consistent, its addresses sane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where it comes from. Of the same family as `dst`, and unicast.
    pub src: IpAddr,
    /// Where it goes. May be multicast or broadcast (see [`is_unicast`]), except for TCP.
    pub dst: IpAddr,
    /// Whether it must not be fragmented on its way: the IPv4 DF bit. Always so for IPv6, whose routers answer "packet
    /// too big" instead; but never for a datagram that came in fragments, whose sender fragments by itself.
    pub dont_fragment: bool,
    /// TTL or hop limit, as received.
    pub hop_limit: u8,
    /// The whole IP packet as it was sent, reassembled if need be: what an ICMP error quotes (as [`build::port_unreachable`]).
    pub packet: &'a [u8],
    /// What it carries.
    pub transport: Segment<'a>,
}

/// What a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// A TCP segment (RFC 9293 §3.1). Ports are never 0; SYN never comes with FIN or RST.
    Tcp {
        /// The app's port.
        src_port: u16,
        /// The remote port.
        dst_port: u16,
        /// SYN: opens a connection.
        syn: bool,
        /// ACK: `ack_number` counts.
        ack: bool,
        /// FIN: nothing more will be sent.
        fin: bool,
        /// RST: the connection is gone.
        rst: bool,
        /// Sequence number of the first byte (or of the SYN).
        seq: u32,
        /// The next sequence number the app expects.
        ack_number: u32,
        /// Bytes of the stream.
        payload: &'a [u8],
        /// The whole IP packet, extension headers stripped: ready for smoltcp.
        ip: &'a [u8],
    },
    /// A UDP datagram (RFC 768). Ports are never 0.
    Udp {
        /// The app's port.
        src_port: u16,
        /// The remote port.
        dst_port: u16,
        /// What it says.
        payload: &'a [u8],
    },
    /// An ICMP or `ICMPv6` echo request (RFC 792, RFC 4443 §4.1).
    Echo {
        /// Tells one pinging process from another.
        ident: u16,
        /// Counts its requests.
        seq: u16,
        /// The ICMP message from its type byte on.
        message: &'a [u8],
    },
    /// An ICMP or `ICMPv6` error: the app's kernel refuses something we sent.
    IcmpError {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// What it is about, where it quotes enough to tell.
        about: Option<Quoted>,
    },
    /// Anything else, by its protocol number: `IPsec`, IGMP, ICMP that is neither echo request nor error, …
    Other(u8),
}

/// The packet that an ICMP error quotes: one that we sent to the app, so `src` is the remote end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Protocol number: 6 is TCP, 17 is UDP.
    pub protocol: u8,
    /// Where the quoted packet came from. The port is 0 for protocols other than TCP and UDP.
    pub src: SocketAddr,
    /// Where it went.
    pub dst: SocketAddr,
}

#[cfg(test)]
mod tests;
