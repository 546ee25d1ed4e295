//! Link-layer headers: how to find the IP packet behind each kind.

use super::wireless::{self, Body};

/// What a frame begins with. Numbers: <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// No header: the IP packet itself (`LINKTYPE_RAW`, `LINKTYPE_IPV4`, `LINKTYPE_IPV6`).
    RawIp,
    /// Ethernet, with any number of VLAN tags (IEEE 802.1Q, 802.1ad) and `PPPoE` sessions (RFC 2516).
    Ethernet,
    /// Linux cooked capture, version 1 (`tcpdump -i any` of old).
    LinuxCooked,
    /// Linux cooked capture, version 2.
    LinuxCooked2,
    /// BSD loopback: a four-byte address family in the byte order of the capturing host, or big-endian.
    Loopback,
    /// PPP, with or without HDLC-like framing (RFC 1661, RFC 1662).
    Ppp,
    /// The same with a byte in front that says which way it went (pppd's own captures).
    PppWithDirection,
    /// IEEE 802.11, as a card in monitor mode hears it; what is encrypted stays so.
    Wireless,
    /// The same behind a radiotap header.
    Radiotap,
    /// The same behind a Prism header.
    Prism,
    /// Netfilter's log (`tcpdump -i nflog` on Android).
    NetfilterLog,
    /// Apple's packet headers (a remote capture of an iPhone), which say what kind of header follows.
    AppleTap,
    /// Anything else, with its number: its frames are passed over.
    Unsupported(u16),
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;
/// Customer tag, service tag, and the two numbers in use before 802.1ad.
const ETHERTYPE_TAGS: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
/// Real frames carry at most two; the bound keeps a hostile one from being walked for long.
const MOST_TAGS: usize = 8;

impl LinkType {
    /// The link type a capture file's number stands for.
    pub fn from_number(number: u16) -> Self {
        match number {
            // 12 and 14 are what BSD systems write for raw IP.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            1 => Self::Ethernet,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            0 | 108 => Self::Loopback,
            9 | 50 | 104 => Self::Ppp,
            204 => Self::PppWithDirection,
            105 => Self::Wireless,
            119 => Self::Prism,
            127 => Self::Radiotap,
            239 => Self::NetfilterLog,
            // 149 is what older systems write.
            149 | 258 => Self::AppleTap,
            other => Self::Unsupported(other),
        }
    }

    /// The IP packet inside a frame, with whatever padding follows it; `None` if the frame carries something else (ARP,
    /// spanning tree, ...), is encrypted, is cut within its header, or has an unsupported link type.
    pub fn ip_packet(self, frame: &[u8]) -> Option<&[u8]> {
        self.ip_packets(frame).next()
    }

    /// All IP packets inside a frame: more than one only where a wireless card sent several together.
    pub fn ip_packets(self, frame: &[u8]) -> IpPackets<'_> {
        let mut packets = IpPackets { one: None, several: &[] };
        match self {
            Self::Wireless => packets.wireless(frame, false),
            Self::Radiotap => {
                if let Some((frame, padded)) = wireless::behind_radiotap(frame) {
                    packets.wireless(frame, padded);
                }
            }
            // A header of 144 bytes, unless it is none.
            Self::Prism => packets.wireless(frame.get(144..).unwrap_or_default(), false),
            Self::AppleTap => {
                if let Some((link, frame)) = behind_apple_header(frame) {
                    return link.ip_packets(frame);
                }
            }
            _ => packets.one = self.only_ip_packet(frame),
        }
        packets
    }

    fn only_ip_packet(self, frame: &[u8]) -> Option<&[u8]> {
        match self {
            Self::RawIp => starts_like_ip(frame),
            Self::Ethernet => by_ethertype(be16(frame, 12)?, frame.get(14..)?),
            Self::LinuxCooked => by_ethertype(be16(frame, 14)?, frame.get(16..)?),
            Self::LinuxCooked2 => by_ethertype(be16(frame, 0)?, frame.get(20..)?),
            // The family's number for IPv6 differs from system to system: the version field is surer.
            Self::Loopback => starts_like_ip(frame.get(4..)?),
            Self::Ppp => ppp(frame),
            Self::PppWithDirection => ppp(frame.get(1..)?),
            Self::NetfilterLog => netfilter_payload(frame),
            Self::Wireless | Self::Radiotap | Self::Prism | Self::AppleTap | Self::Unsupported(_) => None,
        }
    }
}

/// The IP packets of one frame.
pub struct IpPackets<'a> {
    one: Option<&'a [u8]>,
    /// Those of an aggregate that are still to come.
    several: &'a [u8],
}

impl<'a> IpPackets<'a> {
    fn wireless(&mut self, frame: &'a [u8], padded: bool) {
        match wireless::body(frame, padded) {
            Some(Body::One(body)) => self.one = wireless_packet(body),
            Some(Body::Several(aggregate)) => self.several = aggregate,
            None => {}
        }
    }
}

impl<'a> Iterator for IpPackets<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if let Some(packet) = self.one.take() {
            return Some(packet);
        }
        loop {
            let (contents, rest) = wireless::first_of_several(self.several)?;
            self.several = rest;
            if let Some(packet) = wireless_packet(contents) {
                return Some(packet);
            }
        }
    }
}

fn wireless_packet(body: &[u8]) -> Option<&[u8]> {
    let (ethertype, contents) = wireless::behind_snap(body)?;
    by_ethertype(ethertype, contents)
}

/// The payload among netfilter's attributes: each has its length (header included) and type in the byte order of the capturing
/// host, which is little-endian on every Android, and is padded to four bytes.
fn netfilter_payload(frame: &[u8]) -> Option<&[u8]> {
    const PAYLOAD: u16 = 9;
    const MOST_ATTRIBUTES: usize = 32;
    let mut rest = frame.get(4..)?;
    for _ in 0..MOST_ATTRIBUTES {
        let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
        let kind = u16::from_le_bytes(*rest.get(2..)?.first_chunk()?);
        let value = rest.get(4..length)?;
        if kind == PAYLOAD {
            return starts_like_ip(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// What follows Apple's header: its length comes first, and the link type at byte 8, both little-endian.
fn behind_apple_header(frame: &[u8]) -> Option<(LinkType, &[u8])> {
    let length = u32::from_le_bytes(*frame.first_chunk()?) as usize;
    let number = u32::from_le_bytes(*frame.get(8..)?.first_chunk()?);
    let link = LinkType::from_number(u16::try_from(number).ok()?);
    // No header inside a header.
    (link != LinkType::AppleTap).then_some((link, frame.get(length..)?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn starts_like_ip(bytes: &[u8]) -> Option<&[u8]> {
    matches!(bytes.first()? >> 4, 4 | 6).then_some(bytes)
}

fn by_ethertype(mut ethertype: u16, mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..MOST_TAGS {
        if !ETHERTYPE_TAGS.contains(&ethertype) {
            break;
        }
        ethertype = be16(rest, 2)?;
        rest = rest.get(4..)?;
    }
    match ethertype {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => starts_like_ip(rest),
        // version and type, code, session, length; then PPP without address and control
        ETHERTYPE_PPPOE_SESSION => ppp(rest.get(6..)?),
        // A length in place of a type (IEEE 802.3): SNAP has the type.
        0..=1500 => match wireless::behind_snap(rest)? {
            (ethertype @ (ETHERTYPE_IPV4 | ETHERTYPE_IPV6), contents) => by_ethertype(ethertype, contents),
            _ => None,
        },
        _ => None,
    }
}

fn ppp(bytes: &[u8]) -> Option<&[u8]> {
    // Address 0xff (or 0x0f, Cisco), control 0x03 or 0x00: left out when compressed.
    let bytes = match bytes {
        [0xff, 0x03, rest @ ..] | [0x0f, 0x00, rest @ ..] => rest,
        // Cisco HDLC carries an EtherType where PPP has its protocol number.
        bytes => bytes,
    };
    match bytes {
        // Protocol numbers 0x0021 and 0x0057 (RFC 1332, RFC 5072), which may be compressed to one byte.
        [0x00, 0x21 | 0x57, rest @ ..]
        | [0x21 | 0x57, rest @ ..]
        | [0x08, 0x00, rest @ ..]
        | [0x86, 0xdd, rest @ ..] => starts_like_ip(rest),
        _ => None,
    }
}
