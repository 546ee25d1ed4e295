//! What the app is told of its own accord: by a thread of its own, and never faster than a screen can follow.
use crate::answers::AttemptAnswer;
use crate::host::Host;
use consentry_runtime::open_state::Observer;
use consentry_runtime::store::Logged;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The pause between two events about attempts or consents: about three a second, however much happens.
const PAUSE: Duration = Duration::from_millis(300);
/// Changes of state that wait. They come from starts and stops: more than a few would be old news.
const MOST_STATES: usize = 16;

/// How the engine is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct State {
    state: Condition,
    /// Why it failed, in plain words; otherwise empty.
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Condition {
    Running,
    Stopped,
    Failed,
}

impl State {
    /// It judges packets.
    pub(crate) const RUNNING: Self = Self { state: Condition::Running, reason: String::new() };
    /// It was told to stop.
    pub(crate) const STOPPED: Self = Self { state: Condition::Stopped, reason: String::new() };

    /// It has failed: nothing passes.
    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self { state: Condition::Failed, reason: reason.into() }
    }
}

/// One event, as JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Attempt {
        #[serde(flatten)]
        row: AttemptAnswer<'a>,
        first_of_service: bool,
    },
    Consents,
    State {
        #[serde(flatten)]
        state: State,
    },
}

/// What waits to be told, and when it may be.
#[derive(Debug, Default)]
struct Queue {
    states: VecDeque<State>,
    consents: bool,
    /// By service: only the latest of each matters.
    attempts: BTreeMap<Option<String>, Waiting>,
    arrived: u64,
    /// When something that comes in numbers was told last.
    told: Option<Instant>,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    logged: Logged,
    /// Its turn among the others.
    arrived: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Tell(String),
    After(Duration),
    Nothing,
    Closed,
}

impl Queue {
    fn state(&mut self, state: State) {
        if self.states.len() == MOST_STATES {
            self.states.pop_front();
        }
        self.states.push_back(state);
    }

    fn attempt(&mut self, logged: &Logged) {
        self.arrived += 1;
        let service = logged.row.attempt.service.clone();
        let mut logged = logged.clone();
        // A newer row takes the turn of the older, and is the first of its service if that was.
        let mut arrived = self.arrived;
        if let Some(older) = self.attempts.remove(&service) {
            logged.first_of_service |= older.logged.first_of_service;
            arrived = older.arrived;
        }
        self.attempts.insert(service, Waiting { logged, arrived });
    }

    fn next(&mut self, now: Instant) -> Next {
        if self.closed {
            return Next::Closed;
        }
        if let Some(state) = self.states.pop_front() {
            return Next::Tell(json(&Event::State { state }));
        }
        if !self.consents && self.attempts.is_empty() {
            return Next::Nothing;
        }
        if let Some(told) = self.told
            && let Some(left) = PAUSE.checked_sub(now.duration_since(told))
            && !left.is_zero()
        {
            return Next::After(left);
        }
        self.told = Some(now);
        if std::mem::take(&mut self.consents) {
            return Next::Tell(json(&Event::Consents));
        }
        // Firsts come before all others: the owner is asked about them.
        let service = self
            .attempts
            .iter()
            .min_by_key(|(_, waiting)| (!waiting.logged.first_of_service, waiting.arrived))
            .map(|(service, _)| service.clone());
        match service.and_then(|service| self.attempts.remove(&service)) {
            Some(Waiting { logged, .. }) => Next::Tell(json(&Event::Attempt {
                row: AttemptAnswer::new(logged.place, &logged.row),
                first_of_service: logged.first_of_service,
            })),
            None => Next::Nothing,
        }
    }
}

fn json(event: &Event<'_>) -> String {
    serde_json::to_string(event).expect("events hold nothing that JSON cannot express")
}

/// Takes what happens, from any thread and at once; a thread tells the app.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: Mutex<Queue>,
    news: Condvar,
}

impl Events {
    /// Starts the thread that tells. It ends some time after [`Self::close`].
    pub(crate) fn start(host: Arc<dyn Host>) -> io::Result<Arc<Self>> {
        let events = Arc::<Self>::default();
        let own = events.clone();
        let tell = move || {
            while let Some(event) = own.wait() {
                host.event(&event);
            }
        };
        std::thread::Builder::new().name("consentry-events".to_owned()).spawn(tell)?;
        Ok(events)
    }

    /// The engine has changed its state.
    pub(crate) fn state(&self, state: State) {
        self.lock().state(state);
        self.news.notify_one();
    }

    /// Nothing is told any more, but for what is being told just now.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    /// Sleeps until there is something to tell; `None` at the end.
    fn wait(&self) -> Option<String> {
        let mut queue = self.lock();
        loop {
            queue = match queue.next(Instant::now()) {
                Next::Tell(event) => return Some(event),
                Next::After(pause) => {
                    self.news.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                Next::Nothing => self.news.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Next::Closed => return None,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here panics half-way.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Events {
    fn logged(&self, rows: &[Logged]) {
        let mut queue = self.lock();
        for row in rows {
            queue.attempt(row);
        }
        drop(queue);
        self.news.notify_one();
    }

    fn consents_changed(&self) {
        self.lock().consents = true;
        self.news.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consentry_catalogue::Transport;
    use consentry_consent::attempt::{Attempt, AttemptRow};
    use consentry_runtime::store::Cursor;
    use serde_json::{Value, json};
    use std::os::fd::RawFd;
    use std::sync::mpsc::{Sender, channel};

    fn logged(service: &str, at_ms: i64, first_of_service: bool) -> Logged {
        let attempt = Attempt {
            app: None,
            service: Some(service.to_owned()),
            host: Some("a.example".to_owned()),
            signal: None,
            address: None,
            port: None,
            transport: Transport::Tcp,
            certainty: None,
            reason: "no consent".to_owned(),
            identifiers: Vec::new(),
            path: None,
            bytes_held: 0,
        };
        let place: Cursor = serde_json::from_value(json!({"first_ms": at_ms, "serial": 0})).unwrap();
        Logged { place, row: AttemptRow::new(attempt, at_ms), first_of_service }
    }

    fn told(next: Next) -> Value {
        let Next::Tell(event) = next else { panic!("nothing is told: {next:?}") };
        serde_json::from_str(&event).unwrap()
    }

    #[test]
    fn ten_thousand_attempts_a_minute_make_a_few_events_a_second() {
        let mut queue = Queue::default();
        let start = Instant::now();
        let mut events = 0;
        for ms in 0..60_000 {
            if ms % 6 == 0 {
                queue.attempt(&logged(&format!("service.{}", ms % 30), ms, false));
            }
            if let Next::Tell(_) = queue.next(start + Duration::from_millis(ms as u64)) {
                events += 1;
            }
        }
        assert!((100..=240).contains(&events), "{events}");
    }

    #[test]
    fn an_attempt_is_told_at_once_and_the_latest_of_its_service_after_a_pause() {
        let mut queue = Queue::default();
        let start = Instant::now();
        queue.attempt(&logged("a", 1_000, true));
        let event = told(queue.next(start));
        assert_eq!(event["event"], "attempt");
        assert_eq!((&event["service"], &event["first_of_service"]), (&json!("a"), &json!(true)));
        assert_eq!(
            (&event["first"], &event["first_ms"]),
            (&json!("1970-01-01T00:00:01.000Z"), &json!(1_000))
        );
        queue.attempt(&logged("a", 2_000, false));
        queue.attempt(&logged("a", 3_000, false));
        assert_eq!(queue.next(start), Next::After(PAUSE));
        assert_eq!(told(queue.next(start + PAUSE))["first_ms"], 3_000);
        assert_eq!(queue.next(start + 2 * PAUSE), Next::Nothing);
    }

    #[test]
    fn the_first_of_a_service_is_never_lost_and_comes_before_the_rest() {
        let mut queue = Queue::default();
        queue.attempt(&logged("often", 1, false));
        queue.attempt(&logged("new", 2, true));
        queue.attempt(&logged("new", 3, false));
        let mut now = Instant::now();
        let mut order = Vec::new();
        for _ in 0..2 {
            let event = told(queue.next(now));
            order.push((event["service"].clone(), event["first_of_service"].clone()));
            now += PAUSE;
        }
        assert_eq!(order, [(json!("new"), json!(true)), (json!("often"), json!(false))]);
    }

    #[test]
    fn every_service_gets_its_turn() {
        let mut queue = Queue::default();
        let mut now = Instant::now();
        let mut services = std::collections::BTreeSet::new();
        for _ in 0..50 {
            for service in 0..50 {
                queue.attempt(&logged(&service.to_string(), 0, false));
            }
            services.insert(told(queue.next(now))["service"].to_string());
            now += PAUSE;
        }
        assert_eq!(services.len(), 50);
    }

    #[test]
    fn changes_of_consent_are_gathered() {
        let mut queue = Queue::default();
        let start = Instant::now();
        queue.consents = true;
        assert_eq!(told(queue.next(start)), json!({"event": "consents"}));
        queue.consents = true;
        queue.consents = true;
        assert_eq!(queue.next(start), Next::After(PAUSE));
        assert_eq!(told(queue.next(start + PAUSE)), json!({"event": "consents"}));
        assert_eq!(queue.next(start + 2 * PAUSE), Next::Nothing);
    }

    #[test]
    fn states_are_told_at_once_and_in_order() {
        let mut queue = Queue::default();
        let now = Instant::now();
        queue.consents = true;
        told(queue.next(now));
        queue.consents = true;
        queue.state(State::RUNNING);
        queue.state(State::failed("a \"fault\""));
        queue.state(State::STOPPED);
        let state = |state: &str, reason: &str| json!({"event": "state", "state": state, "reason": reason});
        assert_eq!(told(queue.next(now)), state("running", ""));
        assert_eq!(told(queue.next(now)), state("failed", "a \"fault\""));
        assert_eq!(told(queue.next(now)), state("stopped", ""));
        assert_eq!(queue.next(now), Next::After(PAUSE));
        for _ in 0..1_000 {
            queue.state(State::RUNNING);
        }
        assert_eq!(queue.states.len(), MOST_STATES);
    }

    struct Listener(Mutex<Sender<String>>);

    impl Host for Listener {
        fn protect(&self, _: RawFd) -> bool {
            true
        }

        fn owner(&self, _: i64, _: i32, _: &str, _: &str) {}

        fn event(&self, event: &str) {
            let _ = self.0.lock().unwrap().send(event.to_owned());
        }
    }

    #[test]
    fn the_thread_tells_and_ends() {
        let (sender, told) = channel();
        let host = Arc::new(Listener(Mutex::new(sender)));
        let events = Events::start(host).unwrap();
        events.logged(&[logged("a", 1, true)]);
        assert!(told.recv().unwrap().contains("first_of_service"));
        events.consents_changed();
        assert!(told.recv().unwrap().contains("consents"));
        events.close();
        events.state(State::RUNNING);
        // The host goes with the thread.
        assert!(told.recv().is_err());
    }
}
