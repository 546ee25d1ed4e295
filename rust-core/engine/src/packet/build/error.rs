//! ICMP and `ICMPv6` errors in answer to a packet of an app.
use super::super::headers::{ICMP_HEADER, IPV4_HEADER, IPV6_HEADER, Layout, protocol};
use super::super::{Checksums, is_unicast};
use super::{begin, finish_icmp};
use std::net::{IpAddr, Ipv6Addr};

/// Largest ICMP error over IPv4, IP header included (RFC 1812 §4.3.2.3).
const MAX_ERROR_V4: usize = 576;
/// Largest `ICMPv6` error, IP header included: the least MTU of IPv6 (RFC 4443 §2.4 c).
const MAX_ERROR_V6: usize = 1280;
/// The least MTU that an IPv4 link may have (RFC 791 §3.2).
const MIN_MTU_V4: u32 = 68;
/// The least MTU that an IPv6 link may have (RFC 8200 §5).
const MIN_MTU_V6: u32 = 1280;
/// Who complains where the destination cannot be the sender of an error, being a group: a neighbour on the link.
const NEIGHBOUR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Nobody listens at the port: clients give up or fall back at once.
///
/// Like all functions here it answers `original`, a whole IP packet, in the name of its destination, and quotes as much of
/// it as the RFCs allow. `false`, with `out` in no particular state, where no error may be sent: in answer to an ICMP error,
/// to any but the first fragment, to a packet that is broken or comes from no single host, and to multicast or broadcast
/// (RFC 1122 §3.2.2, RFC 4443 §2.4 e).
#[must_use = "`out` holds an error only when this is true"]
pub fn port_unreachable(original: &[u8], out: &mut Vec<u8>) -> bool {
    icmp_error(original, Problem::PortUnreachable, out)
}

/// The destination does not speak the protocol. Otherwise like [`port_unreachable`].
#[must_use = "`out` holds an error only when this is true"]
pub fn protocol_unreachable(original: &[u8], out: &mut Vec<u8>) -> bool {
    icmp_error(original, Problem::ProtocolUnreachable, out)
}

/// The destination does not answer. Otherwise like [`port_unreachable`].
#[must_use = "`out` holds an error only when this is true"]
pub fn host_unreachable(original: &[u8], out: &mut Vec<u8>) -> bool {
    icmp_error(original, Problem::HostUnreachable, out)
}

/// No way leads to the destination's network. Otherwise like [`port_unreachable`].
#[must_use = "`out` holds an error only when this is true"]
pub fn no_route(original: &[u8], out: &mut Vec<u8>) -> bool {
    icmp_error(original, Problem::NoRoute, out)
}

/// A rule forbids it. Otherwise like [`port_unreachable`].
#[must_use = "`out` holds an error only when this is true"]
pub fn prohibited(original: &[u8], out: &mut Vec<u8>) -> bool {
    icmp_error(original, Problem::Prohibited, out)
}

/// The original is larger than the path carries and must not be fragmented. `mtu` is what the path carries, in bytes, IP
/// header included; it is raised to the least that the family allows. Otherwise like [`port_unreachable`], except that
/// IPv6 multicast is answered too, from a link-local address.
#[must_use = "`out` holds an error only when this is true"]
pub fn packet_too_big(original: &[u8], mtu: u32, out: &mut Vec<u8>) -> bool {
    icmp_error(original, Problem::TooBig { mtu }, out)
}

/// What an app's packet met with.
#[derive(Clone, Copy, Debug)]
enum Problem {
    PortUnreachable,
    ProtocolUnreachable,
    HostUnreachable,
    NoRoute,
    Prohibited,
    TooBig { mtu: u32 },
}

fn icmp_error(original: &[u8], problem: Problem, out: &mut Vec<u8>) -> bool {
    let Ok(layout) = Layout::of(original, Checksums::Trust) else { return false };
    let original = &original[..layout.end];
    if !may_be_answered(original, &layout) {
        return false;
    }
    let from = match (is_unicast(layout.dst), layout.dst, problem) {
        (true, dst, _) => dst,
        (false, IpAddr::V6(_), Problem::TooBig { .. }) => NEIGHBOUR.into(),
        (false, ..) => return false,
    };
    let v4 = from.is_ipv4();
    let (protocol, (kind, code, detail), quote) = if v4 {
        (protocol::ICMP, kind_v4(problem), MAX_ERROR_V4 - IPV4_HEADER - ICMP_HEADER)
    } else {
        (protocol::ICMPV6, kind_v6(problem, &layout), MAX_ERROR_V6 - IPV6_HEADER - ICMP_HEADER)
    };
    let quoted = &original[..original.len().min(quote)];
    let Ok(sum) = begin(from, layout.src, protocol, ICMP_HEADER + quoted.len(), out) else { return false };
    let at = out.len();
    out.extend_from_slice(&[kind, code, 0, 0]);
    out.extend_from_slice(&detail.to_be_bytes());
    out.extend_from_slice(quoted);
    finish_icmp(sum, at, out);
    true
}

/// Whether the original is one that ICMP errors may be about, its destination apart.
fn may_be_answered(original: &[u8], layout: &Layout) -> bool {
    if layout.fragment.is_some_and(|place| place.offset > 0) {
        return false;
    }
    let icmp_type = original.get(layout.payload_at);
    match (layout.protocol, layout.src.is_ipv4()) {
        // Only what is known to ask something: echo, timestamp, information and address mask requests.
        (protocol::ICMP, true) => matches!(icmp_type, Some(8 | 13 | 15 | 17)),
        // RFC 4443 §2.1: errors have the high bit clear. 137 is a redirect.
        (protocol::ICMPV6, false) => matches!(icmp_type, Some(kind @ 128..) if *kind != 137),
        // The first fragment of several may hide an ICMP error behind a further extension header.
        (protocol::DESTINATION_OPTIONS | protocol::ROUTING, false) => false,
        _ => true,
    }
}

/// Type, code and the four bytes after the checksum: RFC 792, RFC 1191 §4, RFC 1812 §5.2.7.1.
fn kind_v4(problem: Problem) -> (u8, u8, u32) {
    const UNREACHABLE: u8 = 3;
    match problem {
        Problem::NoRoute => (UNREACHABLE, 0, 0),
        Problem::HostUnreachable => (UNREACHABLE, 1, 0),
        Problem::ProtocolUnreachable => (UNREACHABLE, 2, 0),
        Problem::PortUnreachable => (UNREACHABLE, 3, 0),
        Problem::TooBig { mtu } => (UNREACHABLE, 4, mtu.clamp(MIN_MTU_V4, u16::MAX.into())),
        Problem::Prohibited => (UNREACHABLE, 13, 0),
    }
}

/// Type, code and the four bytes after the checksum: RFC 4443 §3.
fn kind_v6(problem: Problem, layout: &Layout) -> (u8, u8, u32) {
    const UNREACHABLE: u8 = 1;
    const PACKET_TOO_BIG: u8 = 2;
    const PARAMETER_PROBLEM: u8 = 4;
    match problem {
        Problem::NoRoute => (UNREACHABLE, 0, 0),
        Problem::Prohibited => (UNREACHABLE, 1, 0),
        Problem::HostUnreachable => (UNREACHABLE, 3, 0),
        Problem::PortUnreachable => (UNREACHABLE, 4, 0),
        Problem::TooBig { mtu } => (PACKET_TOO_BIG, 0, mtu.max(MIN_MTU_V6)),
        // "Unrecognised next header", with a pointer to the byte that names it.
        Problem::ProtocolUnreachable => (PARAMETER_PROBLEM, 1, layout.protocol_at as u32),
    }
}
