//! IPv4 addresses inside IPv6 ones.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
use consentry_consent::{Nat64Prefix, canonical_address, canonical_address_with};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn addresses_that_stand_for_an_ipv4_address() {
    for (address, canonical) in [
        ("::ffff:111.13.141.211", "111.13.141.211"),
        ("64:ff9b::111.13.141.211", "111.13.141.211"),
        ("2002:6f0d:8dd3:1::2", "111.13.141.211"),
        ("111.13.141.211", "111.13.141.211"),
        ("2001:db8::1", "2001:db8::1"),
        ("64:ff9b:0:0:0:1:6f0d:8dd3", "64:ff9b:0:0:0:1:6f0d:8dd3"),
        ("::1", "::1"),
        ("::", "::"),
    ] {
        assert_eq!(canonical_address(ip(address)), ip(canonical), "{address}");
    }
}

/// The examples of RFC 6052, section 2.4.
#[test]
fn every_length_of_a_nat64_prefix() {
    for (prefix, length, address) in [
        ("2001:db8::", 32, "2001:db8:c000:221::"),
        ("2001:db8:100::", 40, "2001:db8:1c0:2:21::"),
        ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"),
    ] {
        let prefix = Nat64Prefix::new(prefix.parse().unwrap(), length).unwrap();
        assert_eq!(canonical_address_with(ip(address), &[prefix]), ip("192.0.2.33"), "{address}");
        assert_eq!(canonical_address_with(ip("2001:db9::1"), &[prefix]), ip("2001:db9::1"));
    }
    for length in [0, 31, 33, 72, 95, 97, 128, 255] {
        assert_eq!(Nat64Prefix::new(Ipv6Addr::UNSPECIFIED, length), None);
    }
}

proptest! {
    #[test]
    fn an_address_in_canonical_form_stays(bits in any::<u128>(), prefix in any::<u128>()) {
        let address = IpAddr::V6(Ipv6Addr::from_bits(bits));
        let prefixes: Vec<_> = [32, 40, 48, 56, 64, 96]
            .into_iter()
            .filter_map(|length| Nat64Prefix::new(Ipv6Addr::from_bits(prefix), length))
            .collect();
        let canonical = canonical_address_with(address, &prefixes);
        prop_assert_eq!(canonical_address_with(canonical, &prefixes), canonical);
    }

    #[test]
    fn a_mapped_address_is_the_same_address(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(canonical_address(IpAddr::V6(v4.to_ipv6_mapped())), IpAddr::V4(v4));
    }
}
