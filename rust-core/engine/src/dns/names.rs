//! Which names our DNS gave for which address, and back.
use consentry_consent::{Nat64Prefix, canonical_address_with};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Most names kept for one address: a content network serves many from one.
const MAX_NAMES_PER_ADDRESS: usize = 32;

/// Most addresses kept for one name.
const MAX_ADDRESSES_PER_NAME: usize = 32;

/// Most addresses kept; the one that has not been in an answer for longest goes first.
const MAX_ADDRESSES: usize = 8192;

/// Most pairs of name and address kept; bounds the memory that an app asking for made-up names can take.
const MAX_PAIRS: usize = 32_768;

/// Addresses and names as learnt from answers. An entry stays until newer ones need its room or the network changes, whatever the
/// answer's time to live: apps go on using an address long after that.
///
/// Names are found by the canonical form of an address, so that `64:ff9b::192.0.2.1` leads to what 192.0.2.1 is known as. Addresses
/// are given back as they came, because only so can they be dialled.
#[derive(Default)]
pub struct NameMap {
    by_address: HashMap<IpAddr, Known>,
    by_name: HashMap<Arc<str>, Vec<IpAddr>>,
    oldest_first: BTreeMap<u64, IpAddr>,
    nat64: Vec<Nat64Prefix>,
    learnt: u64,
    pairs: usize,
}

/// What is known about one canonical address.
struct Known {
    /// Oldest first.
    names: Vec<Arc<str>>,
    /// Its key in `oldest_first`.
    learnt: u64,
}

impl NameMap {
    /// A map that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns that each of `names` (lower-case, no trailing dot) has each of `addresses`.
    pub fn learn(&mut self, names: &[&str], addresses: &[IpAddr]) {
        let mut fresh: Vec<IpAddr> = Vec::with_capacity(addresses.len().min(MAX_ADDRESSES_PER_NAME));
        for address in addresses {
            if fresh.len() < MAX_ADDRESSES_PER_NAME && !fresh.contains(address) {
                fresh.push(*address);
            }
        }
        if fresh.is_empty() {
            return;
        }
        for name in names.iter().take(MAX_NAMES_PER_ADDRESS) {
            self.learn_name(name, &fresh);
        }
        while self.by_address.len() > MAX_ADDRESSES || self.pairs > MAX_PAIRS {
            let Some((_, address)) = self.oldest_first.pop_first() else { break };
            self.forget_address(address);
        }
    }

    /// The names our DNS gave for an address, oldest first; empty if none.
    pub fn names(&self, address: IpAddr) -> &[Arc<str>] {
        self.by_address.get(&self.canonical(address)).map_or(&[], |known| &known.names)
    }

    /// The addresses our DNS gave for a name (lower-case, no trailing dot): those of the last answer first, in its order.
    pub fn addresses(&self, name: &str) -> &[IpAddr] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// Forgets everything: on another network the same name may lead elsewhere.
    pub fn forget_all(&mut self) {
        *self = Self { learnt: self.learnt, ..Self::default() };
    }

    /// Number of canonical addresses known.
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Sets the network's own NAT64 prefixes. If they are new, everything is forgotten: it was learnt under other keys.
    pub(super) fn set_nat64(&mut self, prefixes: &[Nat64Prefix]) {
        if self.nat64 != prefixes {
            self.forget_all();
            self.nat64 = prefixes.to_vec();
        }
    }

    fn canonical(&self, address: IpAddr) -> IpAddr {
        canonical_address_with(address, &self.nat64)
    }

    fn learn_name(&mut self, name: &str, fresh: &[IpAddr]) {
        let (name, known) = match self.by_name.remove_entry(name) {
            Some(entry) => entry,
            None => (Arc::from(name), Vec::new()),
        };
        let mut addresses = fresh.to_vec();
        let mut dropped = Vec::new();
        for address in known {
            if addresses.contains(&address) {
                continue;
            }
            let kept = if addresses.len() < MAX_ADDRESSES_PER_NAME { &mut addresses } else { &mut dropped };
            kept.push(address);
        }
        for address in dropped {
            let key = self.canonical(address);
            if !addresses.iter().any(|kept| self.canonical(*kept) == key) {
                self.unlink(key, &name);
            }
        }
        self.by_name.insert(Arc::clone(&name), addresses);
        for address in fresh {
            self.link(self.canonical(*address), &name);
        }
    }

    /// Adds a name to a canonical address, and makes the address the newest.
    fn link(&mut self, key: IpAddr, name: &Arc<str>) {
        self.learnt += 1;
        let known =
            self.by_address.entry(key).or_insert_with(|| Known { names: Vec::new(), learnt: self.learnt });
        self.oldest_first.remove(&known.learnt);
        known.learnt = self.learnt;
        self.oldest_first.insert(self.learnt, key);
        if let Some(place) = known.names.iter().position(|present| present == name) {
            known.names[place..].rotate_left(1);
            return;
        }
        known.names.push(Arc::clone(name));
        self.pairs += 1;
        if known.names.len() > MAX_NAMES_PER_ADDRESS {
            let dropped = known.names.remove(0);
            self.pairs -= 1;
            self.drop_from_name(&dropped, key);
        }
    }

    /// Takes a name away from a canonical address; an address without names is gone.
    fn unlink(&mut self, key: IpAddr, name: &Arc<str>) {
        let Some(known) = self.by_address.get_mut(&key) else { return };
        if let Some(place) = known.names.iter().position(|present| present == name) {
            known.names.remove(place);
            self.pairs -= 1;
        }
        if known.names.is_empty() {
            self.oldest_first.remove(&known.learnt);
            self.by_address.remove(&key);
        }
    }

    fn forget_address(&mut self, key: IpAddr) {
        let Some(known) = self.by_address.remove(&key) else { return };
        self.pairs -= known.names.len();
        for name in &known.names {
            self.drop_from_name(name, key);
        }
    }

    fn drop_from_name(&mut self, name: &Arc<str>, key: IpAddr) {
        let Some(addresses) = self.by_name.get_mut(name) else { return };
        addresses.retain(|present| canonical_address_with(*present, &self.nat64) != key);
        if addresses.is_empty() {
            self.by_name.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn names(map: &NameMap, address: &str) -> Vec<String> {
        map.names(ip(address)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_and_addresses_lead_to_each_other() {
        let mut map = NameMap::new();
        map.learn(&["www.example", "cdn.example"], &[ip("192.0.2.1"), ip("2001:db8::1")]);
        assert_eq!(names(&map, "192.0.2.1"), ["www.example", "cdn.example"]);
        assert_eq!(names(&map, "2001:db8::1"), ["www.example", "cdn.example"]);
        assert_eq!(map.addresses("cdn.example"), [ip("192.0.2.1"), ip("2001:db8::1")]);
        assert!(map.addresses("other.example").is_empty());
        assert!(map.names(ip("192.0.2.2")).is_empty());
    }

    #[test]
    fn mapped_ipv4_addresses_are_one_with_the_plain_ones() {
        let mut map = NameMap::new();
        map.learn(&["a.example"], &[ip("64:ff9b::192.0.2.1")]);
        assert_eq!(names(&map, "192.0.2.1"), ["a.example"]);
        assert_eq!(names(&map, "::ffff:192.0.2.1"), ["a.example"]);
        assert_eq!(map.addresses("a.example"), [ip("64:ff9b::192.0.2.1")], "given back as it came");
    }

    #[test]
    fn the_last_answer_comes_first() {
        let mut map = NameMap::new();
        map.learn(&["a.example"], &[ip("192.0.2.1"), ip("192.0.2.2")]);
        map.learn(&["a.example"], &[ip("192.0.2.3"), ip("192.0.2.2")]);
        assert_eq!(map.addresses("a.example"), [ip("192.0.2.3"), ip("192.0.2.2"), ip("192.0.2.1")]);
    }

    #[test]
    fn the_oldest_name_of_an_address_goes_first() {
        let mut map = NameMap::new();
        for number in 0..MAX_NAMES_PER_ADDRESS {
            map.learn(&[&format!("n{number}.example")], &[ip("192.0.2.1")]);
        }
        map.learn(&["n0.example"], &[ip("192.0.2.1")]);
        map.learn(&["new.example"], &[ip("192.0.2.1")]);
        let known = names(&map, "192.0.2.1");
        assert_eq!(known.len(), MAX_NAMES_PER_ADDRESS);
        assert!(known.contains(&"n0.example".to_owned()), "asked for again, so not the oldest");
        assert!(!known.contains(&"n1.example".to_owned()));
        assert!(map.addresses("n1.example").is_empty());
    }

    #[test]
    fn the_oldest_address_goes_first() {
        let mut map = NameMap::new();
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0101_0000 + number));
        for number in 0..MAX_ADDRESSES as u32 {
            map.learn(&["a.example", "b.example"], &[address(number)]);
            map.learn(&[&format!("n{number}.example")], &[address(number)]);
        }
        map.learn(&["again.example"], &[address(0)]);
        map.learn(&["new.example"], &[ip("192.0.2.1")]);
        assert!(map.len() <= MAX_ADDRESSES);
        assert!(names(&map, "1.1.0.0").contains(&"again.example".to_owned()));
        assert!(map.names(address(1)).is_empty());
    }

    #[test]
    fn a_network_change_forgets_all() {
        let mut map = NameMap::new();
        map.learn(&["a.example"], &[ip("192.0.2.1")]);
        map.forget_all();
        assert!(map.is_empty());
        assert!(map.addresses("a.example").is_empty());
    }

    proptest! {
        #[test]
        fn both_directions_always_agree_and_stay_bounded(
            answers in proptest::collection::vec((0_u8..60, proptest::collection::vec(0_u8..80, 1..40)), 1..200)
        ) {
            let mut map = NameMap::new();
            for (name, hosts) in answers {
                let addresses: Vec<IpAddr> = hosts.iter().map(|host| IpAddr::from([192, 0, 2, *host])).collect();
                map.learn(&[&format!("n{name}.example")], &addresses);
            }
            let mut forward = 0;
            for host in 0..80 {
                let address = IpAddr::from([192, 0, 2, host]);
                prop_assert!(map.names(address).len() <= MAX_NAMES_PER_ADDRESS);
                for name in map.names(address) {
                    prop_assert!(map.addresses(name).contains(&address));
                    forward += 1;
                }
            }
            let backward: usize = (0..60).map(|name| map.addresses(&format!("n{name}.example")).len()).sum();
            prop_assert_eq!(forward, backward);
            prop_assert_eq!(forward, map.pairs);
            prop_assert_eq!(map.oldest_first.len(), map.len());
        }
    }
}
