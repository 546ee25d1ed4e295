//! Where the parts of an IP packet lie: IPv4 header and options (RFC 791), IPv6 header and extension headers (RFC 8200).
use super::checksum::Sum;
use super::{Checksums, Drop, addresses};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Protocol and next-header numbers, as IANA assigned them.
pub(super) mod protocol {
    pub(in super::super) const HOP_BY_HOP: u8 = 0;
    pub(in super::super) const ICMP: u8 = 1;
    pub(in super::super) const TCP: u8 = 6;
    pub(in super::super) const UDP: u8 = 17;
    pub(in super::super) const ROUTING: u8 = 43;
    pub(in super::super) const FRAGMENT: u8 = 44;
    pub(in super::super) const ICMPV6: u8 = 58;
    pub(in super::super) const NO_NEXT_HEADER: u8 = 59;
    pub(in super::super) const DESTINATION_OPTIONS: u8 = 60;
}

/// Bits of the 14th byte of a TCP header (RFC 9293 §3.1).
pub(super) mod tcp_flags {
    pub(in super::super) const FIN: u8 = 0x01;
    pub(in super::super) const SYN: u8 = 0x02;
    pub(in super::super) const RST: u8 = 0x04;
    pub(in super::super) const ACK: u8 = 0x10;
}

/// Bytes of an IPv4 header without options.
pub(super) const IPV4_HEADER: usize = 20;
/// Bytes of an IPv6 header without extension headers.
pub(super) const IPV6_HEADER: usize = 40;
/// Bytes of an IPv6 fragment header (RFC 8200 §4.5).
pub(super) const FRAGMENT_HEADER: usize = 8;
/// Bytes of a TCP header without options (RFC 9293 §3.1).
pub(super) const TCP_HEADER: usize = 20;
/// Bytes of a UDP header (RFC 768).
pub(super) const UDP_HEADER: usize = 8;
/// Bytes that ICMP messages begin with: type, code, checksum and four that each uses its own way (RFC 792, RFC 4443 §2.1).
pub(super) const ICMP_HEADER: usize = 8;
/// The IPv4 "don't fragment" bit, in the 16 bits of flags and fragment offset (RFC 791 §3.1).
pub(super) const DONT_FRAGMENT: u16 = 0x4000;
/// The IPv4 "more fragments" bit.
pub(super) const MORE_FRAGMENTS: u16 = 0x2000;
/// Where an IPv4 fragment belongs, in units of eight bytes.
pub(super) const FRAGMENT_OFFSET: u16 = 0x1fff;

/// Extension headers before the payload: RFC 8200 §4.1 names six places; nobody needs more.
const MAX_EXTENSIONS: usize = 8;

/// Where the parts of one IP packet lie. All positions are within the bytes it was made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    /// TTL or hop limit.
    pub(super) hop_limit: u8,
    /// The IPv4 DF bit; always set for IPv6, whose routers never fragment.
    pub(super) dont_fragment: bool,
    /// What the payload is.
    pub(super) protocol: u8,
    /// Where the byte that names `protocol` lies, for those who must change or point at it. Where the payload follows a
    /// fragment header, the byte that names the fragment header.
    pub(super) protocol_at: usize,
    /// Where the payload begins.
    pub(super) payload_at: usize,
    /// Where the packet ends; bytes after it are padding.
    pub(super) end: usize,
    /// Set when the payload is only a part of a datagram.
    pub(super) fragment: Option<FragmentPlace>,
}

/// Which part of a datagram a fragment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentPlace {
    /// The datagram's identification (16 bits in IPv4).
    pub(super) id: u32,
    /// Where this part begins in the datagram's payload, in bytes.
    pub(super) offset: usize,
    /// Whether other parts follow.
    pub(super) more: bool,
}

impl Layout {
    /// Checks the headers of one IP packet and finds its parts.
    #[inline]
    pub(super) fn of(bytes: &[u8], checksums: Checksums) -> Result<Self, Drop> {
        match bytes.first().ok_or(Drop::Truncated)? >> 4 {
            4 => Self::of_ipv4(bytes, checksums),
            6 => Self::of_ipv6(bytes),
            _ => Err(Drop::Version),
        }
    }

    /// Whether extension headers lie between the IPv6 header and the payload.
    pub(super) fn has_extensions(&self) -> bool {
        self.src.is_ipv6() && self.payload_at > IPV6_HEADER
    }

    #[inline]
    fn of_ipv4(bytes: &[u8], checksums: Checksums) -> Result<Self, Drop> {
        let fixed = bytes.first_chunk::<IPV4_HEADER>().ok_or(Drop::Truncated)?;
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        let end = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if header_len < IPV4_HEADER || end < header_len {
            return Err(Drop::HeaderLength);
        }
        let packet = bytes.get(..end).ok_or(Drop::Truncated)?;
        let header = &packet[..header_len];
        if checksums == Checksums::Verify && !Sum::default().add(header).is_valid() {
            return Err(Drop::HeaderChecksum);
        }
        let src = Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]);
        let dst = Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]);
        addresses::check_v4(src, dst)?;
        if header_len > IPV4_HEADER {
            check_ipv4_options(&header[IPV4_HEADER..])?;
        }
        let flags = u16::from_be_bytes([fixed[6], fixed[7]]);
        let offset = usize::from(flags & FRAGMENT_OFFSET) * 8;
        let more = flags & MORE_FRAGMENTS != 0;
        Ok(Self {
            src: src.into(),
            dst: dst.into(),
            hop_limit: fixed[8],
            dont_fragment: flags & DONT_FRAGMENT != 0,
            protocol: fixed[9],
            protocol_at: 9,
            payload_at: header_len,
            end,
            fragment: (offset > 0 || more).then(|| FragmentPlace {
                id: u16::from_be_bytes([fixed[4], fixed[5]]).into(),
                offset,
                more,
            }),
        })
    }

    #[inline]
    fn of_ipv6(bytes: &[u8]) -> Result<Self, Drop> {
        let fixed = bytes.first_chunk::<IPV6_HEADER>().ok_or(Drop::Truncated)?;
        // A jumbogram (RFC 2675) says 0 here; its payload is then not found, and it is dropped as truncated.
        let end = IPV6_HEADER + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let packet = bytes.get(..end).ok_or(Drop::Truncated)?;
        let (src, dst) = (ipv6_address(fixed, 8), ipv6_address(fixed, 24));
        addresses::check_v6(src, dst)?;
        let mut layout = Self {
            src: src.into(),
            dst: dst.into(),
            hop_limit: fixed[7],
            dont_fragment: true,
            protocol: fixed[6],
            protocol_at: 6,
            payload_at: IPV6_HEADER,
            end,
            fragment: None,
        };
        layout.pass_extensions(packet)?;
        Ok(layout)
    }

    /// Moves the payload's beginning past the extension headers, up to and including a fragment header with more than
    /// one fragment: what follows that is known only once the datagram is whole.
    #[inline]
    fn pass_extensions(&mut self, packet: &[u8]) -> Result<(), Drop> {
        let mut was_atomic_fragment = false;
        for _ in 0..=MAX_EXTENSIONS {
            let at = self.payload_at;
            let len = match self.protocol {
                protocol::HOP_BY_HOP if at > IPV6_HEADER => return Err(Drop::ExtensionOrder),
                protocol::HOP_BY_HOP | protocol::DESTINATION_OPTIONS => {
                    let header = extension(packet, at)?;
                    check_ipv6_options(&header[2..])?;
                    header.len()
                }
                protocol::ROUTING => {
                    let header = extension(packet, at)?;
                    // RFC 8200 §4.4: with no segments left the header says nothing any more, whatever its type.
                    if header[3] != 0 {
                        return Err(Drop::SourceRoute);
                    }
                    header.len()
                }
                protocol::FRAGMENT if was_atomic_fragment => return Err(Drop::FragmentNested),
                protocol::FRAGMENT => {
                    let header = fragment_header(packet, at)?;
                    let place = fragment_place(header);
                    if place.offset > 0 || place.more {
                        self.protocol = header[0];
                        self.payload_at = at + FRAGMENT_HEADER;
                        self.fragment = Some(place);
                        return Ok(());
                    }
                    // RFC 6946: a datagram in one fragment is handled apart from any others.
                    was_atomic_fragment = true;
                    FRAGMENT_HEADER
                }
                protocol::NO_NEXT_HEADER => return Err(Drop::NoNextHeader),
                _ => return Ok(()),
            };
            self.protocol = packet[at];
            self.protocol_at = at;
            self.payload_at = at + len;
        }
        Err(Drop::TooManyExtensions)
    }
}

/// The address at a position of a fixed IPv6 header.
fn ipv6_address(header: &[u8; IPV6_HEADER], at: usize) -> Ipv6Addr {
    let octets: [u8; 16] = *header[at..].first_chunk().expect("both addresses lie inside the fixed header");
    octets.into()
}

/// The extension header at `at`: next header, length in units of eight bytes after the first eight, data.
fn extension(packet: &[u8], at: usize) -> Result<&[u8], Drop> {
    let length = packet.get(at + 1).ok_or(Drop::Truncated)?;
    packet.get(at..at + 8 + usize::from(*length) * 8).ok_or(Drop::Truncated)
}

fn fragment_header(packet: &[u8], at: usize) -> Result<[u8; FRAGMENT_HEADER], Drop> {
    packet.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(Drop::Truncated)
}

/// Reads the offset, the "more" bit and the identification of an IPv6 fragment header.
fn fragment_place(header: [u8; FRAGMENT_HEADER]) -> FragmentPlace {
    let field = u16::from_be_bytes([header[2], header[3]]);
    FragmentPlace {
        id: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        offset: usize::from(field & 0xfff8),
        more: field & 1 != 0,
    }
}

/// Walks IPv4 options (RFC 791 §3.1). Source routes are refused: the destination of such a packet is not where it ends.
fn check_ipv4_options(mut options: &[u8]) -> Result<(), Drop> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const LOOSE_SOURCE_ROUTE: u8 = 131;
    const STRICT_SOURCE_ROUTE: u8 = 137;
    while let [kind, rest @ ..] = options {
        options = match *kind {
            END => return Ok(()),
            NO_OPERATION => rest,
            LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => return Err(Drop::SourceRoute),
            _ => match rest.first() {
                Some(&len) if len >= 2 => options.get(usize::from(len)..).ok_or(Drop::HeaderOptions)?,
                _ => return Err(Drop::HeaderOptions),
            },
        };
    }
    Ok(())
}

/// Walks the options of a hop-by-hop or destination header (RFC 8200 §4.2).
///
/// The top two bits of a kind tell what to do with a packet whose option is not understood; every option with other bits
/// than `00` (jumbo payload, home address) is one we do not understand. The "parameter problem" message that two of the
/// four values ask for is left out: no app waits for it.
fn check_ipv6_options(mut options: &[u8]) -> Result<(), Drop> {
    const PAD_1: u8 = 0;
    while let [kind, rest @ ..] = options {
        options = match *kind {
            PAD_1 => rest,
            kind if kind & 0b1100_0000 != 0 => return Err(Drop::UnknownOption),
            _ => {
                let len = usize::from(*rest.first().ok_or(Drop::UnknownOption)?);
                rest.get(1 + len..).ok_or(Drop::UnknownOption)?
            }
        };
    }
    Ok(())
}
