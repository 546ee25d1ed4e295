//! Look-ups that the engine makes itself: where a sinkhole address leads once its service is granted.
use crate::io::FlowId;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How long the slower family is waited for once the faster one has addresses (RFC 8305 section 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// A look-up under way.
#[derive(Debug)]
struct Lookup {
    flow: FlowId,
    /// Questions that are still unanswered.
    open: usize,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    due: Option<Instant>,
}

/// A look-up that is over.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) number: u64,
    pub(super) flow: FlowId,
    /// IPv6 first.
    pub(super) addresses: Vec<IpAddr>,
}

/// All look-ups under way, by number.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    active: BTreeMap<u64, Lookup>,
    due: BTreeSet<(Instant, u64)>,
    next: u64,
}

impl Lookups {
    /// Begins a look-up of as many questions as are about to be asked.
    pub(super) fn begin(&mut self, flow: FlowId, questions: usize) -> u64 {
        let number = self.next;
        self.next += 1;
        let lookup = Lookup { flow, open: questions, v4: Vec::new(), v6: Vec::new(), due: None };
        self.active.insert(number, lookup);
        number
    }

    /// One of a look-up's questions is answered, with these addresses.
    pub(super) fn answered(&mut self, now: Instant, number: u64, addresses: Vec<IpAddr>) -> Option<Done> {
        let lookup = self.active.get_mut(&number)?;
        lookup.open = lookup.open.saturating_sub(1);
        for address in addresses {
            let family = if address.is_ipv4() { &mut lookup.v4 } else { &mut lookup.v6 };
            if !family.contains(&address) {
                family.push(address);
            }
        }
        if lookup.open == 0 {
            return self.end(number);
        }
        let found = !lookup.v4.is_empty() || !lookup.v6.is_empty();
        if found && lookup.due.is_none() {
            let due = now + RESOLUTION_DELAY;
            lookup.due = Some(due);
            self.due.insert((due, number));
        }
        None
    }

    /// The next look-up that has waited long enough for its slower family.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Done> {
        let (due, number) = *self.due.first()?;
        if due > now { None } else { self.end(number) }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Forgets the look-ups for a flow; returns their numbers.
    pub(super) fn cancel(&mut self, flow: FlowId) -> Vec<u64> {
        let numbers: Vec<u64> =
            self.active.iter().filter(|(_, lookup)| lookup.flow == flow).map(|(number, _)| *number).collect();
        for number in &numbers {
            self.end(*number);
        }
        numbers
    }

    /// Gives a look-up up; returns the flow it was for, unless it is over already.
    pub(super) fn abandon(&mut self, number: u64) -> Option<FlowId> {
        self.end(number).map(|done| done.flow)
    }

    fn end(&mut self, number: u64) -> Option<Done> {
        let lookup = self.active.remove(&number)?;
        if let Some(due) = lookup.due {
            self.due.remove(&(due, number));
        }
        let mut addresses = lookup.v6;
        addresses.extend(lookup.v4);
        Some(Done { number, flow: lookup.flow, addresses })
    }
}

/// Whether a service on the internet can have this (canonical) address. An answer that points a granted name into the phone, its
/// LAN or nowhere would let a resolver steer the engine's own connections there.
pub(super) fn is_on_the_internet(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && (64..128).contains(&second); // RFC 6598
            !(first == 0
                || first >= 224 // multicast, reserved and broadcast
                || shared
                || address.is_loopback()
                || address.is_private()
                || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_unspecified()
                || address.is_loopback()
                || address.is_multicast()
                || address.is_unicast_link_local()
                || address.is_unique_local()
                || is_old_form(address))
        }
    }
}

/// IPv4-compatible (`::/96`, RFC 4291 section 2.5.5.1) and site-local (`fec0::/10`, RFC 3879) addresses: both abolished, both could
/// be taken for something local.
fn is_old_form(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    segments[..6] == [0; 6] || segments[0] & 0xffc0 == 0xfec0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_dialled() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.168.1.1",
            "224.0.0.251",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::fb",
        ] {
            assert!(!is_on_the_internet(text.parse().unwrap()), "{text}");
        }
        for text in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "203.0.113.5",
            "2606:4700::1",
            "2001:db8::1",
        ] {
            assert!(is_on_the_internet(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_faster_family_waits_a_little_for_the_slower() {
        let mut lookups = Lookups::default();
        let now = Instant::now();
        let number = lookups.begin(FlowId(1), 2);
        assert!(lookups.answered(now, number, vec!["192.0.2.1".parse().unwrap()]).is_none());
        assert!(lookups.take_due(now).is_none());
        assert_eq!(lookups.next_due(), Some(now + RESOLUTION_DELAY));
        let done = lookups.answered(now, number, vec!["2001:db8::1".parse().unwrap()]).unwrap();
        assert_eq!(done.addresses, ["2001:db8::1".parse::<IpAddr>().unwrap(), "192.0.2.1".parse().unwrap()]);
        assert_eq!(lookups.next_due(), None);

        let number = lookups.begin(FlowId(1), 2);
        assert!(lookups.answered(now, number, Vec::new()).is_none());
        assert_eq!(lookups.next_due(), None, "nothing found yet: keep waiting");
        assert_eq!(lookups.cancel(FlowId(1)), [number]);
        assert!(lookups.answered(now, number, Vec::new()).is_none());
    }
}
