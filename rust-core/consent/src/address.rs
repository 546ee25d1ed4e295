use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The prefix of a network's own NAT64 (RFC 6052, section 2.2): 32, 40, 48, 56, 64 or 96 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat64Prefix {
    prefix: Ipv6Addr,
    length: u8,
}

impl Nat64Prefix {
    /// The well-known prefix `64:ff9b::/96` (RFC 6052, section 2.1).
    pub const WELL_KNOWN: Self = Self { prefix: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), length: 96 };

    /// A prefix of one of the lengths that RFC 6052 allows; `None` for any other length. Bits behind the prefix are
    /// ignored.
    pub fn new(prefix: Ipv6Addr, length: u8) -> Option<Self> {
        let allowed = matches!(length, 32 | 40 | 48 | 56 | 64 | 96);
        allowed.then(|| Self { prefix: Ipv6Addr::from_bits(prefix.to_bits() & Self::mask(length)), length })
    }

    /// The IPv4 address that the IPv6 address stands for, if it lies under the prefix. The octet of bits 64 to 71 is
    /// stepped over (RFC 6052, section 2.2).
    pub fn embedded(self, address: Ipv6Addr) -> Option<Ipv4Addr> {
        if address.to_bits() & Self::mask(self.length) != self.prefix.to_bits() {
            return None;
        }
        let octets = address.octets();
        let start = usize::from(self.length) / 8;
        let mut places = (start..16).filter(|place| *place != 8);
        let mut next = || octets[places.next().expect("every allowed length leaves four octets")];
        Some(Ipv4Addr::new(next(), next(), next(), next()))
    }

    fn mask(length: u8) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
    }
}

/// The IPv4 address that an IPv6 address stands for — IPv4-mapped (RFC 4291, section 2.5.5.2), NAT64 with the well-known
/// prefix (RFC 6052, section 2.1) or 6to4 (RFC 3056, section 2) — else the address itself.
pub fn canonical_address(address: IpAddr) -> IpAddr {
    canonical_address_with(address, &[])
}

/// As [`canonical_address`], and also for the network's own NAT64 prefixes.
pub fn canonical_address_with(address: IpAddr, prefixes: &[Nat64Prefix]) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = v6
        .to_ipv4_mapped()
        .or_else(|| prefixes.iter().find_map(|prefix| prefix.embedded(v6)))
        .or_else(|| Nat64Prefix::WELL_KNOWN.embedded(v6))
        .or_else(|| six_to_four(v6));
    embedded.map_or(address, IpAddr::V4)
}

/// `2002::/16`: the four octets that follow are the IPv4 address of the site's router.
fn six_to_four(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x20, 0x02, a, b, c, d, ..] = address.octets() else { return None };
    Some(Ipv4Addr::new(a, b, c, d))
}
