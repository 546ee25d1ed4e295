//! IP packets as a capture holds them: perhaps snapped, perhaps with a length field left empty by the network card.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What carries a flow's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP (RFC 9293).
    Tcp,
    /// UDP (RFC 768).
    Udp,
    /// ICMP and `ICMPv6` echo (RFC 792, RFC 4443).
    Icmp,
}

/// One IP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// What it carries.
    pub payload: Payload<'a>,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A TCP segment.
    Tcp {
        /// The fields that matter for putting a stream in order.
        header: TcpHeader,
        /// The segment's bytes, as far as they were captured.
        bytes: &'a [u8],
        /// How many more it had on the wire.
        missing: u32,
    },
    /// A UDP datagram.
    Udp {
        /// Sender's port.
        source_port: u16,
        /// Receiver's port.
        destination_port: u16,
        /// The datagram's bytes, as far as they were captured.
        bytes: &'a [u8],
        /// How many more it had on the wire.
        missing: u32,
    },
    /// An echo request or reply.
    Echo {
        /// Whether it is a request.
        request: bool,
        /// Tells one pinging program from another.
        identifier: u16,
        /// Length of the message in bytes, ICMP header included.
        length: u32,
    },
    /// A part of a larger packet.
    Fragment(Fragment<'a>),
    /// Anything else, by its protocol number.
    Other(u8),
}

/// The fields of a TCP header that matter for putting a stream in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpHeader {
    /// Sender's port.
    pub source_port: u16,
    /// Receiver's port.
    pub destination_port: u16,
    /// Sequence number of the first byte (or of the SYN).
    pub sequence: u32,
    /// Acknowledgement number; meaningless unless `ack`.
    pub acknowledgement: u32,
    /// SYN flag.
    pub syn: bool,
    /// ACK flag.
    pub ack: bool,
    /// FIN flag.
    pub fin: bool,
    /// RST flag.
    pub rst: bool,
}

/// A part of a larger packet (RFC 791 §3.2, RFC 8200 §4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// Shared by all fragments of one packet.
    pub identification: u32,
    /// Protocol of the reassembled payload.
    pub protocol: u8,
    /// Where in the payload this part belongs, in bytes.
    pub offset: u32,
    /// Whether more parts follow.
    pub more: bool,
    /// The part itself.
    pub bytes: &'a [u8],
}

const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const PROTOCOL_ICMPV6: u8 = 58;

/// IPv6 extension headers (RFC 8200 §4), the authentication header (RFC 4302) and those of mobility (RFC 6275), HIP
/// (RFC 7401) and shim6 (RFC 5533), which share one shape.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

/// No sender needs more extension headers than this; the bound keeps a hostile packet from being walked for long.
const MOST_EXTENSION_HEADERS: usize = 16;

impl<'a> Packet<'a> {
    /// Reads an IP packet; bytes behind its stated length (link-layer padding) are left out. `None`: not an IP packet, or
    /// cut before its ports.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes),
            6 => Self::parse_v6(bytes),
            _ => None,
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Option<Self> {
        let header_len = usize::from(bytes[0] & 0x0f) * 4;
        if header_len < 20 || bytes.len() < header_len {
            return None;
        }
        let source = IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[12..16]).ok()?));
        let destination = IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[16..20]).ok()?));
        let stated = match usize::from(be16(bytes, 2)?) {
            // The card was to fill it in (segmentation offload): the capture's length has to do.
            0 => bytes.len(),
            stated if stated < header_len => return None,
            stated => stated,
        };
        let (payload, missing) = cut(bytes, header_len, stated);
        let flags = be16(bytes, 6)?;
        let (offset, more) = (u32::from(flags & 0x1fff) * 8, flags & 0x2000 != 0);
        let protocol = bytes[9];
        let payload = if offset != 0 || more {
            if missing > 0 {
                return None;
            }
            let identification = u32::from(be16(bytes, 4)?);
            Payload::Fragment(Fragment { identification, protocol, offset, more, bytes: payload })
        } else {
            transport(protocol, payload, missing)?
        };
        Some(Self { source, destination, payload })
    }

    fn parse_v6(bytes: &'a [u8]) -> Option<Self> {
        let source = IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(8..24)?).ok()?));
        let destination = IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(24..40)?).ok()?));
        let stated = match usize::from(be16(bytes, 4)?) {
            // A jumbogram (RFC 2675) or segmentation offload.
            0 => bytes.len(),
            length => 40 + length,
        };
        let (payload, missing) = cut(bytes, 40, stated);
        let payload = behind_extension_headers(bytes[6], payload, missing)?;
        Some(Self { source, destination, payload })
    }

    /// Reads what a reassembled packet carries.
    pub(super) fn reassembled(
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        bytes: &'a [u8],
    ) -> Option<Self> {
        let payload = if source.is_ipv6() {
            behind_extension_headers(protocol, bytes, 0)?
        } else {
            transport(protocol, bytes, 0)?
        };
        Some(Self { source, destination, payload })
    }
}

/// The payload between a header and the packet's stated end, and how many of its bytes were not captured.
fn cut(bytes: &[u8], header_len: usize, stated: usize) -> (&[u8], u32) {
    let end = stated.min(bytes.len());
    (&bytes[header_len..end], (stated - end) as u32)
}

fn behind_extension_headers(mut protocol: u8, mut bytes: &[u8], missing: u32) -> Option<Payload<'_>> {
    for _ in 0..MOST_EXTENSION_HEADERS {
        let length = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => {
                (usize::from(*bytes.get(1)?) + 1) * 8
            }
            AUTHENTICATION => (usize::from(*bytes.get(1)?) + 2) * 4,
            FRAGMENT => {
                let (next, field) = (*bytes.first()?, be16(bytes, 2)?);
                let identification = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
                let (offset, more) = (u32::from(field & 0xfff8), field & 1 != 0);
                let rest = bytes.get(8..)?;
                if offset != 0 || more {
                    let fragment = Fragment { identification, protocol: next, offset, more, bytes: rest };
                    return (missing == 0).then_some(Payload::Fragment(fragment));
                }
                // An atomic fragment (RFC 6946) is a whole packet.
                protocol = next;
                bytes = rest;
                continue;
            }
            _ => return transport(protocol, bytes, missing),
        };
        protocol = *bytes.first()?;
        bytes = bytes.get(length..)?;
    }
    None
}

fn transport(protocol: u8, bytes: &[u8], missing: u32) -> Option<Payload<'_>> {
    match protocol {
        PROTOCOL_TCP => {
            let header_len = usize::from(*bytes.get(12)? >> 4) * 4;
            let flags = *bytes.get(13)?;
            if header_len < 20 {
                return None;
            }
            let header = TcpHeader {
                source_port: be16(bytes, 0)?,
                destination_port: be16(bytes, 2)?,
                sequence: be32(bytes, 4)?,
                acknowledgement: be32(bytes, 8)?,
                fin: flags & 0x01 != 0,
                syn: flags & 0x02 != 0,
                rst: flags & 0x04 != 0,
                ack: flags & 0x10 != 0,
            };
            // Snapped within the options: none of the payload is there.
            let cut_options = header_len.saturating_sub(bytes.len()) as u32;
            let payload = bytes.get(header_len..).unwrap_or_default();
            Some(Payload::Tcp { header, bytes: payload, missing: missing.checked_sub(cut_options)? })
        }
        PROTOCOL_UDP => {
            let (source_port, destination_port) = (be16(bytes, 0)?, be16(bytes, 2)?);
            let stated = usize::from(be16(bytes, 4)?);
            let payload = bytes.get(8..)?;
            // 0 is a jumbogram or offload; a stated length shorter than the IP payload is the datagram's own.
            let payload = if stated >= 8 { &payload[..payload.len().min(stated - 8)] } else { payload };
            Some(Payload::Udp { source_port, destination_port, bytes: payload, missing })
        }
        PROTOCOL_ICMP | PROTOCOL_ICMPV6 => {
            let request = match (protocol, *bytes.first()?) {
                (PROTOCOL_ICMP, 8) | (PROTOCOL_ICMPV6, 128) => true,
                (PROTOCOL_ICMP, 0) | (PROTOCOL_ICMPV6, 129) => false,
                _ => return Some(Payload::Other(protocol)),
            };
            let length = bytes.len() as u32 + missing;
            Some(Payload::Echo { request, identifier: be16(bytes, 4)?, length })
        }
        other => Some(Payload::Other(other)),
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
