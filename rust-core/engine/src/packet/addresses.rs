//! Which addresses a packet may come from and go to.
use super::Drop;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address stands for one host: not multicast, not broadcast, not unspecified.
pub fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.is_multicast() || address.is_broadcast() || address.is_unspecified())
        }
        IpAddr::V6(address) => !(address.is_multicast() || address.is_unspecified()),
    }
}

/// Refuses addresses that no packet may carry between hosts (RFC 1122 §3.2.1.3, RFC 6890).
pub(super) fn check_v4(src: Ipv4Addr, dst: Ipv4Addr) -> Result<(), Drop> {
    match src.octets()[0] {
        0 => return Err(Drop::SourceUnspecified),
        127 => return Err(Drop::SourceLoopback),
        224..=239 => return Err(Drop::SourceMulticast),
        240..=255 => return Err(Drop::SourceReserved),
        _ => {}
    }
    match dst.octets()[0] {
        0 => Err(Drop::DestinationUnspecified),
        127 => Err(Drop::DestinationLoopback),
        _ if src == dst => Err(Drop::SourceIsDestination),
        _ => Ok(()),
    }
}

/// Refuses addresses that no packet may carry between hosts (RFC 4291 §2.5, §2.7).
///
/// An IPv4-mapped destination is let through, so that it is judged as the IPv4 address it stands for and logged.
pub(super) fn check_v6(src: Ipv6Addr, dst: Ipv6Addr) -> Result<(), Drop> {
    if src.is_multicast() {
        Err(Drop::SourceMulticast)
    } else if src.is_unspecified() {
        Err(Drop::SourceUnspecified)
    } else if src.is_loopback() {
        Err(Drop::SourceLoopback)
    } else if src.to_ipv4_mapped().is_some() {
        Err(Drop::SourceMapped)
    } else if dst.is_unspecified() || dst.to_ipv4_mapped().is_some_and(|inside| inside.is_unspecified()) {
        Err(Drop::DestinationUnspecified)
    } else if dst.is_loopback() || dst.to_ipv4_mapped().is_some_and(|inside| inside.is_loopback()) {
        Err(Drop::DestinationLoopback)
    } else if src == dst {
        Err(Drop::SourceIsDestination)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4() {
        let check = |src: &str, dst: &str| check_v4(src.parse().unwrap(), dst.parse().unwrap());
        for (src, dst, expected) in [
            ("10.0.0.2", "1.1.1.1", Ok(())),
            ("10.0.0.2", "224.0.0.251", Ok(())),
            ("10.0.0.2", "255.255.255.255", Ok(())),
            ("0.0.0.0", "255.255.255.255", Err(Drop::SourceUnspecified)),
            ("0.1.2.3", "1.1.1.1", Err(Drop::SourceUnspecified)),
            ("127.0.0.1", "1.1.1.1", Err(Drop::SourceLoopback)),
            ("224.0.0.1", "1.1.1.1", Err(Drop::SourceMulticast)),
            ("239.255.255.250", "1.1.1.1", Err(Drop::SourceMulticast)),
            ("240.0.0.1", "1.1.1.1", Err(Drop::SourceReserved)),
            ("255.255.255.255", "1.1.1.1", Err(Drop::SourceReserved)),
            ("10.0.0.2", "0.0.0.0", Err(Drop::DestinationUnspecified)),
            ("10.0.0.2", "127.8.8.8", Err(Drop::DestinationLoopback)),
            ("10.0.0.2", "10.0.0.2", Err(Drop::SourceIsDestination)),
        ] {
            assert_eq!(check(src, dst), expected, "{src} to {dst}");
        }
    }

    #[test]
    fn ipv6() {
        let check = |src: &str, dst: &str| check_v6(src.parse().unwrap(), dst.parse().unwrap());
        for (src, dst, expected) in [
            ("fd00::2", "2606:4700::1111", Ok(())),
            ("fe80::2", "ff02::fb", Ok(())),
            ("fd00::2", "::ffff:1.2.3.4", Ok(())),
            ("::", "ff02::16", Err(Drop::SourceUnspecified)),
            ("::1", "2606:4700::1111", Err(Drop::SourceLoopback)),
            ("ff02::1", "2606:4700::1111", Err(Drop::SourceMulticast)),
            ("::ffff:1.2.3.4", "2606:4700::1111", Err(Drop::SourceMapped)),
            ("fd00::2", "::", Err(Drop::DestinationUnspecified)),
            ("fd00::2", "::1", Err(Drop::DestinationLoopback)),
            ("fd00::2", "::ffff:0.0.0.0", Err(Drop::DestinationUnspecified)),
            ("fd00::2", "::ffff:127.0.0.1", Err(Drop::DestinationLoopback)),
            ("fd00::2", "fd00::2", Err(Drop::SourceIsDestination)),
        ] {
            assert_eq!(check(src, dst), expected, "{src} to {dst}");
        }
    }

    #[test]
    fn unicast() {
        for (address, expected) in [
            ("1.1.1.1", true),
            ("224.0.0.251", false),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("2001:db8::1", true),
            ("ff02::fb", false),
            ("::", false),
        ] {
            assert_eq!(is_unicast(address.parse().unwrap()), expected, "{address}");
        }
    }
}
