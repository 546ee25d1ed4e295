//! How often each denied destination has been refused lately. An app that is refused at once tries again at once; after some
//! refusals a minute it gets no answer at all, which slows it down and saves the battery.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Refusals that are answered within one [`WINDOW`].
const ANSWERED_MAX: usize = 10;

/// The time over which refusals are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// Destinations counted at a time; the one refused longest ago is forgotten first.
const DESTINATIONS_MAX: usize = 1024;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    recent: BTreeMap<SocketAddr, VecDeque<Instant>>,
    order: BTreeSet<(Instant, SocketAddr)>,
}

impl Refusals {
    /// Counts one refusal of `destination`, and tells whether it should be answered.
    pub(crate) fn answers(&mut self, destination: SocketAddr, now: Instant) -> bool {
        if !self.recent.contains_key(&destination) && self.recent.len() >= DESTINATIONS_MAX {
            self.forget_oldest();
        }
        let times = self.recent.entry(destination).or_default();
        if let Some(last) = times.back() {
            self.order.remove(&(*last, destination));
        }
        while times.front().is_some_and(|time| now.saturating_duration_since(*time) >= WINDOW) {
            times.pop_front();
        }
        let answered = times.len() < ANSWERED_MAX;
        if !answered {
            // Only the newest ones are kept: silence lasts until the app has paused.
            times.pop_front();
        }
        times.push_back(now);
        self.order.insert((now, destination));
        answered
    }

    /// Forgets everything: after a consent change nobody is to wait for an answer because of earlier refusals.
    pub(crate) fn clear(&mut self) {
        self.recent.clear();
        self.order.clear();
    }

    fn forget_oldest(&mut self) {
        if let Some((_, destination)) = self.order.pop_first() {
            self.recent.remove(&destination);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(host: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, (host >> 8) as u8, host as u8], 443))
    }

    #[test]
    fn a_loop_of_retries_gets_silence_until_it_pauses() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        for tenth in 0..10 {
            assert!(refusals.answers(destination(1), start + Duration::from_millis(100 * tenth)));
        }
        assert!(!refusals.answers(destination(1), start + Duration::from_secs(2)));
        assert!(refusals.answers(destination(2), start + Duration::from_secs(2)), "others are not affected");
        assert!(refusals.answers(destination(1), start + Duration::from_mins(2)), "it paused for a minute");
    }

    #[test]
    fn a_loop_that_never_pauses_is_never_answered_again() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        let answered = (0..1000)
            .filter(|second| refusals.answers(destination(1), start + Duration::from_secs(*second)))
            .count();
        assert_eq!(answered, ANSWERED_MAX);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        for host in 0..2000 {
            refusals.answers(destination(host), start + Duration::from_millis(u64::from(host)));
        }
        assert_eq!(refusals.recent.len(), DESTINATIONS_MAX);
        assert_eq!(refusals.order.len(), DESTINATIONS_MAX);
        assert!(refusals.recent.contains_key(&destination(1999)));
        assert!(!refusals.recent.contains_key(&destination(0)));
    }
}
