//! Link-layer headers: how to find the IP packet behind each kind.

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
            9 | 50 => Self::Ppp,
            other => Self::Unsupported(other),
        }
    }

    /// The IP packet inside a frame, with whatever padding follows it; `None` if the frame carries something else (ARP,
    /// spanning tree, ...), is cut within its header, or has an unsupported link type.
    pub fn ip_packet(self, frame: &[u8]) -> Option<&[u8]> {
        match self {
            Self::RawIp => starts_like_ip(frame),
            Self::Ethernet => by_ethertype(be16(frame, 12)?, frame.get(14..)?),
            Self::LinuxCooked => by_ethertype(be16(frame, 14)?, frame.get(16..)?),
            Self::LinuxCooked2 => by_ethertype(be16(frame, 0)?, frame.get(20..)?),
            // The family's number for IPv6 differs from system to system: the version field is surer.
            Self::Loopback => starts_like_ip(frame.get(4..)?),
            Self::Ppp => ppp(frame),
            Self::Unsupported(_) => None,
        }
    }
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
