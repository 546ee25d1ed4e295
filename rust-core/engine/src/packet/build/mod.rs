//! Writes the packets that go back to the apps.
//!
//! Each function clears `out` and writes one whole IP packet into it: keep one buffer, and nothing is allocated per packet.
//! Addresses are given as the packet will have them: `src` is the remote end, `dst` is the app.

mod error;
mod fragment;
mod reset;

pub use error::{
    host_unreachable, no_route, packet_too_big, port_unreachable, prohibited, protocol_unreachable,
};
pub use fragment::Fragmenter;
pub use reset::tcp_reset;

use super::checksum::Sum;
use super::headers::{DONT_FRAGMENT, ICMP_HEADER, IPV4_HEADER, UDP_HEADER, protocol};
use std::net::{IpAddr, SocketAddr};

/// TTL and hop limit of our packets: what RFC 1700 recommends. The app is one hop away.
const HOP_LIMIT: u8 = 64;

/// Why a packet cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// One address is IPv4, the other IPv6.
    #[error("a packet cannot go from an IPv4 address to an IPv6 one, or back")]
    MixedFamilies,
    /// The payload does not fit into one IP packet, not even a fragmented one.
    #[error("the payload is longer than an IP packet can be")]
    TooLong,
    /// An ICMP message shorter than its header, or a packet to be cut up that is none.
    #[error("the message is shorter than its header")]
    TooShort,
    /// The device's MTU leaves no room for eight bytes behind the headers.
    #[error("the MTU is too small for a fragment")]
    MtuTooSmall,
}

/// A UDP datagram, checksum included. Larger than the MTU if need be: then hand it to [`Fragmenter::send`].
///
/// # Errors
/// [`BuildError::MixedFamilies`], and [`BuildError::TooLong`] above 65507 bytes (IPv6: 65527).
pub fn udp(src: SocketAddr, dst: SocketAddr, payload: &[u8], out: &mut Vec<u8>) -> Result<(), BuildError> {
    let length = UDP_HEADER + payload.len();
    let sum = begin(src.ip(), dst.ip(), protocol::UDP, length, out)?;
    let at = out.len();
    out.extend_from_slice(&src.port().to_be_bytes());
    out.extend_from_slice(&dst.port().to_be_bytes());
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(payload);
    let checksum = match sum.add(&out[at..]).checksum() {
        // RFC 768: 0 means that there is no checksum, so that a sum of 0 is sent as its other form.
        0 => 0xffff,
        checksum => checksum,
    };
    out[at + 6..at + 8].copy_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// An echo reply. `message` is the reply as a ping socket gave it, or the request it answers, from its type byte on; its
/// type, code, identifier and checksum are written anew, its sequence number and data kept. Larger than the MTU if need
/// be: then hand it to [`Fragmenter::send`].
///
/// # Errors
/// [`BuildError::MixedFamilies`], [`BuildError::TooShort`] below eight bytes, [`BuildError::TooLong`].
pub fn echo_reply(
    src: IpAddr,
    dst: IpAddr,
    ident: u16,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), BuildError> {
    const ECHO_REPLY_V4: u8 = 0;
    const ECHO_REPLY_V6: u8 = 129;
    if message.len() < ICMP_HEADER {
        return Err(BuildError::TooShort);
    }
    let (protocol, kind) =
        if src.is_ipv4() { (protocol::ICMP, ECHO_REPLY_V4) } else { (protocol::ICMPV6, ECHO_REPLY_V6) };
    let sum = begin(src, dst, protocol, message.len(), out)?;
    let at = out.len();
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(&ident.to_be_bytes());
    out.extend_from_slice(&message[6..]);
    finish_icmp(sum, at, out);
    Ok(())
}

/// Starts a packet: clears `out` and writes the IP header for a payload of `length` bytes. Returns the sum of the
/// pseudo-header. IPv4 packets are marked "don't fragment", which makes their identification meaningless (RFC 6864 §4.1).
fn begin(
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    length: usize,
    out: &mut Vec<u8>,
) -> Result<Sum, BuildError> {
    out.clear();
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let total = u16::try_from(IPV4_HEADER + length).map_err(|_| BuildError::TooLong)?;
            out.extend_from_slice(&[0x45, 0]);
            out.extend_from_slice(&total.to_be_bytes());
            out.extend_from_slice(&[0; 2]);
            out.extend_from_slice(&DONT_FRAGMENT.to_be_bytes());
            out.extend_from_slice(&[HOP_LIMIT, protocol, 0, 0]);
            out.extend_from_slice(&src.octets());
            out.extend_from_slice(&dst.octets());
            write_ipv4_checksum(out);
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let length = u16::try_from(length).map_err(|_| BuildError::TooLong)?;
            out.extend_from_slice(&[0x60, 0, 0, 0]);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&[protocol, HOP_LIMIT]);
            out.extend_from_slice(&src.octets());
            out.extend_from_slice(&dst.octets());
        }
        _ => return Err(BuildError::MixedFamilies),
    }
    Ok(Sum::pseudo_header(src, dst, protocol, length))
}

/// Writes the checksum of the IPv4 header that is all of `header`.
fn write_ipv4_checksum(header: &mut [u8]) {
    header[10..12].fill(0);
    let checksum = Sum::default().add(header).checksum();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Writes the checksum of the ICMP message from `at` on, whose checksum field is zero. Only `ICMPv6` counts the
/// pseudo-header, whose sum is `pseudo_header`.
fn finish_icmp(pseudo_header: Sum, at: usize, out: &mut [u8]) {
    let start = if out[0] >> 4 == 4 { Sum::default() } else { pseudo_header };
    let checksum = start.add(&out[at..]).checksum();
    out[at + 2..at + 4].copy_from_slice(&checksum.to_be_bytes());
}
