//! The network's own NAT64 prefix, learnt from what its resolver makes of a name that has IPv4 addresses only (RFC 7050).
use consentry_consent::Nat64Prefix;
use std::net::{IpAddr, Ipv4Addr};

/// The name to ask for.
pub(super) const IPV4_ONLY_NAME: &str = "ipv4only.arpa";

/// Its only addresses (RFC 7050 section 2.2).
const IPV4_ONLY: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// Most prefixes that one network is believed to have.
const MAX_PREFIXES: usize = 4;

/// Adds the prefixes that these IPv6 addresses of [`IPV4_ONLY_NAME`] show.
pub(super) fn learn(known: &mut Vec<Nat64Prefix>, addresses: &[IpAddr]) {
    for address in addresses {
        let IpAddr::V6(address) = address else { continue };
        // Longest first: it is by far the most common one, and the one least likely to fit by chance.
        let prefix = [96, 64, 56, 48, 40, 32]
            .into_iter()
            .filter_map(|length| Nat64Prefix::new(*address, length))
            .find(|prefix| prefix.embedded(*address).is_some_and(|embedded| IPV4_ONLY.contains(&embedded)));
        if let Some(prefix) = prefix
            && !known.contains(&prefix)
            && known.len() < MAX_PREFIXES
        {
            known.push(prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consentry_consent::canonical_address_with;

    fn learnt(address: &str) -> Vec<Nat64Prefix> {
        let mut known = Vec::new();
        learn(&mut known, &[address.parse().unwrap()]);
        known
    }

    #[test]
    fn a_prefix_is_learnt_and_maps_other_addresses() {
        // RFC 6052 section 2.4 gives these forms of 192.0.2.33 under 2001:db8:100::/40 and 2001:db8:122:344::/96.
        let long = learnt("2001:db8:122:344::192.0.0.170");
        let expected: IpAddr = "192.0.2.33".parse().unwrap();
        assert_eq!(canonical_address_with("2001:db8:122:344::192.0.2.33".parse().unwrap(), &long), expected);
        let short = learnt("2001:db8:1c0:0:aa::");
        assert_eq!(canonical_address_with("2001:db8:1c0:2:21::".parse().unwrap(), &short), expected);
    }

    #[test]
    fn other_addresses_teach_nothing() {
        assert!(learnt("2001:db8::1").is_empty());
        assert!(learnt("192.0.0.170").is_empty());
    }
}
