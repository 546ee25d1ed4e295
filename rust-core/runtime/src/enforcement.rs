//! Which consents are in force on the packet thread, and when the next of them ends.
use consentry_catalogue::Catalogue;
use consentry_consent::{Clock, Consents, Policy};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// While any grant has an end, the clocks are looked at this often at most, on the occasion of other work: timers stand still
/// while the phone sleeps, and the wall clock can be set.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The consents that the packet thread enforces.
#[derive(Debug)]
pub(crate) struct Enforcement {
    catalogue: &'static Catalogue,
    consents: Consents,
    /// Whether any grant ends with time.
    timed: bool,
    /// When the next grant ends; `None` while none is known to.
    due: Option<Instant>,
    checked: Instant,
    rules_off: bool,
}

impl Enforcement {
    /// Starts with these consents. With `rules_off` everything is allowed, whatever they say.
    pub(crate) fn new(
        catalogue: &'static Catalogue,
        consents: Consents,
        rules_off: bool,
        clock: &Clock,
        now: Instant,
    ) -> (Self, Arc<Policy>) {
        let mut enforcement = Self { catalogue, consents, timed: false, due: None, checked: now, rules_off };
        let policy = enforcement.compile(clock, now);
        (enforcement, policy)
    }

    /// Takes new consents over.
    pub(crate) fn replace(&mut self, consents: Consents, clock: &Clock, now: Instant) -> Arc<Policy> {
        self.consents = consents;
        self.compile(clock, now)
    }

    /// When [`Self::check`] is wanted.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Looks whether a grant has ended. Returns the policy without it; the ledger is then to say so too. `read_clock` is called
    /// only where the answer matters.
    pub(crate) fn check(&mut self, now: Instant, read_clock: impl FnOnce() -> Clock) -> Option<Arc<Policy>> {
        let is_due = self.due.is_some_and(|due| due <= now);
        let may_be_late = self.timed && now.duration_since(self.checked) >= CHECK_INTERVAL;
        if !is_due && !may_be_late {
            return None;
        }
        let clock = read_clock();
        let ended = self.consents.expired(&clock);
        if ended.is_empty() {
            self.schedule(&clock, now);
            return None;
        }
        for change in &ended {
            self.consents.apply(change);
        }
        Some(self.compile(&clock, now))
    }

    fn compile(&mut self, clock: &Clock, now: Instant) -> Arc<Policy> {
        self.schedule(clock, now);
        Arc::new(if self.rules_off {
            Policy::everything_allowed()
        } else {
            Policy::new(self.catalogue, &self.consents, clock)
        })
    }

    fn schedule(&mut self, clock: &Clock, now: Instant) {
        let next = self.consents.next_expiry(clock);
        self.checked = now;
        self.timed = next.is_some();
        // An end too far away for the clock to express is no end that this process lives to see.
        self.due = next.and_then(|left| now.checked_add(left));
    }
}
