//! When something is due: at most one time for each key.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A queue of deadlines, each named by a key.
#[derive(Debug)]
pub(crate) struct Timers<K> {
    queue: BTreeSet<(Instant, K)>,
    due: BTreeMap<K, Instant>,
}

impl<K: Ord + Copy> Timers<K> {
    /// A queue in which nothing is due.
    pub(crate) fn new() -> Self {
        Self { queue: BTreeSet::new(), due: BTreeMap::new() }
    }

    /// Sets (or moves) the deadline of `key`.
    pub(crate) fn set(&mut self, at: Instant, key: K) {
        if let Some(before) = self.due.insert(key, at) {
            self.queue.remove(&(before, key));
        }
        self.queue.insert((at, key));
    }

    /// Forgets the deadline of `key`, if it has one.
    pub(crate) fn clear(&mut self, key: K) {
        if let Some(at) = self.due.remove(&key) {
            self.queue.remove(&(at, key));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out the next key whose deadline has come.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        self.due.remove(&key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_out_in_order_and_once() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut timers = Timers::new();
        timers.set(later, 'b');
        timers.set(now, 'a');
        assert_eq!(timers.next(), Some(now));
        assert_eq!(timers.pop_due(now), Some('a'));
        assert_eq!(timers.pop_due(now), None, "b is not due yet");
        assert_eq!(timers.pop_due(later), Some('b'));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_moved_deadline_leaves_no_trace() {
        let now = Instant::now();
        let mut timers = Timers::new();
        timers.set(now, 'a');
        timers.set(now + Duration::from_secs(1), 'a');
        assert_eq!(timers.pop_due(now), None);
        timers.clear('a');
        assert_eq!(timers.next(), None);
    }
}
