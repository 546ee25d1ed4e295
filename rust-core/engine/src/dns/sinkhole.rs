//! Sinkhole addresses: what a question for a service without consent is answered with.
use super::random::derive;
use ring::hmac;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Most names that get an address of their own; each further service shares one address among its names.
/// A phone meets a few hundred; the bound holds memory and the store against an app that makes names up.
const MAX_NAMES: usize = 16_384;

/// Longest name in text form that is taken in: 255 bytes on the wire (RFC 1035 section 3.1), each of which may be written `\DDD`.
const MAX_NAME_TEXT: usize = 1024;

/// Where sinkhole addresses are taken from: one IPv4 and one IPv6 prefix. Nothing else on the network may use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolRange {
    /// IPv4 prefix.
    pub v4: Ipv4Addr,
    /// Its length in bits; held to 12..=24.
    pub v4_bits: u8,
    /// IPv6 prefix.
    pub v6: Ipv6Addr,
    /// Its length in bits; held to 16..=96.
    pub v6_bits: u8,
}

impl Default for PoolRange {
    /// The prefixes set aside for benchmarks: 198.18.0.0/15 (RFC 2544) and `2001:2::/48` (RFC 5180). No host on the internet has
    /// such an address, and apps and browsers treat them as ordinary ones.
    fn default() -> Self {
        Self {
            v4: Ipv4Addr::new(198, 18, 0, 0),
            v4_bits: 15,
            v6: Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0),
            v6_bits: 48,
        }
    }
}

impl PoolRange {
    /// Whether an address lies in either prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4_mask() & u32::from(address) == self.v4_base(),
            IpAddr::V6(address) => self.v6_mask() & u128::from(address) == self.v6_base(),
        }
    }

    fn size(&self) -> u32 {
        1 << (32 - u32::from(self.v4_bits.clamp(12, 24)))
    }

    fn v4_mask(&self) -> u32 {
        !(self.size() - 1)
    }

    fn v4_base(&self) -> u32 {
        u32::from(self.v4) & self.v4_mask()
    }

    fn v6_mask(&self) -> u128 {
        u128::MAX << (128 - u32::from(self.v6_bits.clamp(16, 96)))
    }

    fn v6_base(&self) -> u128 {
        u128::from(self.v6) & self.v6_mask()
    }

    /// The place of an address in the pool, if it can have one.
    fn index(&self, address: IpAddr) -> Option<u32> {
        if !self.contains(address) {
            return None;
        }
        let offset = match address {
            IpAddr::V4(address) => u128::from(u32::from(address) - self.v4_base()),
            IpAddr::V6(address) => u128::from(address) - self.v6_base(),
        };
        u32::try_from(offset).ok().filter(|index| *index < self.size())
    }
}

/// What a pool says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolAddress<'a> {
    /// The sinkhole address of this name.
    Mapped(&'a Arc<str>),
    /// An address of the pool that no name has: to be denied, never dialled.
    Unmapped,
    /// No address of the pool.
    Outside,
}

/// A name's place in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its index, to be stored together with the name.
    pub index: u32,
    /// The IPv4 address.
    pub v4: Ipv4Addr,
    /// The IPv6 address.
    pub v6: Ipv6Addr,
    /// Whether it was given just now, and has to be stored.
    pub new: bool,
}

/// Names and their sinkhole addresses. A mapping is kept for good and never reassigned: an app that remembers an address for years
/// is still recognised by it.
///
/// A name's index is a keyed hash of it, so that an address tells an outsider nothing; a taken place is passed over for the next.
pub struct SinkholePool {
    range: PoolRange,
    key: hmac::Key,
    by_index: HashMap<u32, Arc<str>>,
    by_name: HashMap<Arc<str>, u32>,
    reserved: HashSet<u32>,
}

impl SinkholePool {
    /// An empty pool. `reserved` addresses (our own DNS addresses) are never given to a name.
    pub fn new(range: PoolRange, secret: &[u8; 16], reserved: &[IpAddr]) -> Self {
        let mut places: HashSet<u32> = reserved.iter().filter_map(|address| range.index(*address)).collect();
        // The first and last address of a prefix look like a network's own and its broadcast address.
        places.insert(0);
        places.insert(range.size() - 1);
        Self {
            range,
            key: derive(secret, b"consentry sinkhole places"),
            by_index: HashMap::new(),
            by_name: HashMap::new(),
            reserved: places,
        }
    }

    /// The place of a name (lower-case, no trailing dot), giving it one if it has none. `None`: the pool holds as many names as it
    /// takes; use [`Self::place_of_service`].
    pub fn place(&mut self, name: &str) -> Option<Place> {
        self.place_within(name, self.limit())
    }

    /// The place of the one name that stands for a whole service once the pool is full. `None` only if even these are too many.
    pub fn place_of_service(&mut self, name: &str) -> Option<Place> {
        self.place_within(name, self.limit() * 3 / 2)
    }

    /// Puts back a stored mapping. Returns whether it is in force now: it is not if the place is beyond the pool, reserved, or
    /// another name's, or if the name already has another place.
    pub fn restore(&mut self, name: &str, index: u32) -> bool {
        if let Some(present) = self.by_name.get(name) {
            return *present == index;
        }
        let fits = index < self.range.size()
            && !self.reserved.contains(&index)
            && !self.by_index.contains_key(&index)
            && !name.is_empty()
            && name.len() <= MAX_NAME_TEXT
            && self.by_name.len() < self.limit() * 3 / 2;
        if fits {
            self.insert(name, index);
        }
        fits
    }

    /// What is known about an address (canonical, see [`consentry_consent::canonical_address`]).
    pub fn name_of(&self, address: IpAddr) -> PoolAddress<'_> {
        if !self.range.contains(address) {
            return PoolAddress::Outside;
        }
        self.range
            .index(address)
            .and_then(|index| self.by_index.get(&index))
            .map_or(PoolAddress::Unmapped, PoolAddress::Mapped)
    }

    /// Whether an address lies in the pool's prefixes.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.range.contains(address)
    }

    /// Number of names that have an address.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether no name has an address.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Half of the places at most, so that a free one is always near.
    fn limit(&self) -> usize {
        MAX_NAMES.min(self.range.size() as usize / 2)
    }

    fn place_within(&mut self, name: &str, limit: usize) -> Option<Place> {
        if let Some(index) = self.by_name.get(name) {
            return Some(self.at(*index, false));
        }
        if name.is_empty() || name.len() > MAX_NAME_TEXT || self.by_name.len() >= limit {
            return None;
        }
        let tag = hmac::sign(&self.key, name.as_bytes());
        let bytes = tag.as_ref();
        let start = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let size = self.range.size();
        let index = (0..size)
            .map(|step| start.wrapping_add(step) % size)
            .find(|index| !self.by_index.contains_key(index) && !self.reserved.contains(index))?;
        self.insert(name, index);
        Some(self.at(index, true))
    }

    fn insert(&mut self, name: &str, index: u32) {
        let name: Arc<str> = Arc::from(name);
        self.by_index.insert(index, Arc::clone(&name));
        self.by_name.insert(name, index);
    }

    fn at(&self, index: u32, new: bool) -> Place {
        Place {
            index,
            v4: Ipv4Addr::from(self.range.v4_base() + index),
            v6: Ipv6Addr::from(self.range.v6_base() + u128::from(index)),
            new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pool() -> SinkholePool {
        SinkholePool::new(PoolRange::default(), &[7; 16], &[])
    }

    #[test]
    fn a_name_keeps_its_address_in_both_families() {
        let mut pool = pool();
        let first = pool.place("a.example").unwrap();
        assert!(first.new);
        for other in 0..1000 {
            pool.place(&format!("host{other}.example")).unwrap();
        }
        let again = pool.place("a.example").unwrap();
        assert!(!again.new);
        assert_eq!((again.v4, again.v6), (first.v4, first.v6));
        for address in [IpAddr::V4(first.v4), IpAddr::V6(first.v6)] {
            assert_eq!(pool.name_of(address), PoolAddress::Mapped(&Arc::from("a.example")));
        }
    }

    #[test]
    fn the_same_secret_gives_the_same_address_and_another_one_does_not() {
        let place = pool().place("a.example").unwrap();
        assert_eq!(pool().place("a.example").unwrap(), place);
        let mut other = SinkholePool::new(PoolRange::default(), &[8; 16], &[]);
        assert_ne!(other.place("a.example").unwrap().index, place.index);
    }

    #[test]
    fn addresses_without_a_name_are_unmapped_and_others_outside() {
        let pool = pool();
        for text in ["198.18.0.0", "198.19.255.255", "2001:2::1", "2001:2:0:ffff::1"] {
            assert_eq!(pool.name_of(text.parse().unwrap()), PoolAddress::Unmapped, "{text}");
        }
        for text in ["198.17.255.255", "198.20.0.0", "2001:2:1::", "8.8.8.8", "::1"] {
            assert_eq!(pool.name_of(text.parse().unwrap()), PoolAddress::Outside, "{text}");
        }
    }

    #[test]
    fn when_full_a_service_still_gets_one_address_and_old_names_keep_theirs() {
        let range = PoolRange { v4_bits: 24, ..PoolRange::default() };
        let mut pool = SinkholePool::new(range, &[7; 16], &[]);
        let mut places = HashMap::new();
        let mut made = 0;
        while let Some(place) = pool.place(&format!("n{made}.example")) {
            assert!(places.insert(place.index, made).is_none(), "no address is given twice");
            made += 1;
        }
        assert_eq!(made, 128);
        let service = pool.place_of_service("push.example").unwrap();
        assert!(!places.contains_key(&service.index));
        assert_eq!(pool.place_of_service("push.example").unwrap().index, service.index);
        assert!(!pool.place("n5.example").unwrap().new);
    }

    #[test]
    fn stored_mappings_come_back_and_never_displace_one_another() {
        let mut pool = pool();
        assert!(pool.restore("a.example", 77));
        assert!(pool.restore("a.example", 77));
        assert!(!pool.restore("a.example", 78));
        assert!(!pool.restore("b.example", 77));
        assert!(!pool.restore("b.example", 1 << 17));
        assert!(!pool.restore("b.example", 0));
        let place = pool.place("a.example").unwrap();
        assert_eq!((place.index, place.new), (77, false));
        assert_eq!(place.v4, Ipv4Addr::new(198, 18, 0, 77));
        // A new name that hashes to a restored place goes elsewhere.
        let taken = SinkholePool::new(PoolRange::default(), &[7; 16], &[]).place("c.example").unwrap().index;
        assert!(pool.restore("d.example", taken));
        assert_ne!(pool.place("c.example").unwrap().index, taken);
    }

    #[test]
    fn our_own_addresses_are_never_given_away() {
        let wanted = pool().place("a.example").unwrap();
        let mut pool = SinkholePool::new(PoolRange::default(), &[7; 16], &[IpAddr::V4(wanted.v4)]);
        assert_ne!(pool.place("a.example").unwrap().v4, wanted.v4);
        assert_eq!(pool.name_of(IpAddr::V4(wanted.v4)), PoolAddress::Unmapped);
    }

    proptest! {
        #[test]
        fn every_address_given_leads_back_to_its_name(names in proptest::collection::hash_set("[a-z]{1,12}\\.example", 1..200)) {
            let mut pool = pool();
            let places: Vec<(String, Place)> = names.into_iter().map(|name| { let place = pool.place(&name).unwrap(); (name, place) }).collect();
            for (name, place) in places {
                prop_assert_eq!(pool.name_of(IpAddr::V4(place.v4)), PoolAddress::Mapped(&Arc::from(name.as_str())));
                prop_assert_eq!(pool.name_of(IpAddr::V6(place.v6)), PoolAddress::Mapped(&Arc::from(name.as_str())));
            }
        }
    }
}
