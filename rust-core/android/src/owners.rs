//! Whose flow is it? The app knows, and takes a moment to find out: it is asked by a thread of its own, and the packet thread
//! goes on.
use crate::host::Host;
use consentry_catalogue::Transport;
use consentry_consent::Owner;
use consentry_engine::io::{FlowId, FlowKey, OwnerAnswer, Owners};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Questions that wait to be asked. The engine waits for an answer 200 ms at most: more would come too late anyway.
const MOST_WAITING: usize = 256;
/// Questions that were asked and not answered; the oldest are given up.
const MOST_OPEN: usize = 1024;
/// Flows that wait for one answer.
const MOST_FLOWS: usize = 64;
/// Answers that are remembered.
const MOST_KNOWN: usize = 4096;
/// How long an answer holds for further flows with the same ends: repeated questions of one socket follow one another within
/// seconds, and a port is not another app's so soon.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// Numbers for questions. They go on from one engine to the next, so that a late answer to the last engine's question is
/// nobody's, and never taken for the answer to another one.
#[derive(Debug, Default)]
pub(crate) struct Numbers(AtomicI64);

impl Numbers {
    fn next(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// What one engine wants to know and knows.
#[derive(Debug, Default)]
pub(crate) struct Questions(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    /// By number: the ends, and the flows that wait.
    asked: BTreeMap<i64, (FlowKey, Vec<FlowId>)>,
    numbers: HashMap<FlowKey, i64>,
    known: HashMap<FlowKey, (Owner, Instant)>,
    /// The keys of `known`, in the order they came in.
    ages: VecDeque<FlowKey>,
}

/// What to do for a flow.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Known(Owner),
    /// The question has been asked already.
    Wait,
    Ask(i64),
}

impl Questions {
    /// Takes the answer to a question. Returns the flows that wait for it: none, when it was given up or never asked.
    pub(crate) fn answer(&self, number: i64, owner: &Owner, now: Instant) -> Vec<FlowId> {
        let mut open = self.lock();
        let Some((key, flows)) = open.asked.remove(&number) else { return Vec::new() };
        open.numbers.remove(&key);
        // What nobody knows now may be known in a moment: the system's tables lag behind.
        if *owner != Owner::Unknown {
            open.remember(key, owner.clone(), now);
        }
        flows
    }

    fn want(&self, flow: FlowId, key: &FlowKey, now: Instant, numbers: &Numbers) -> Step {
        let mut open = self.lock();
        if let Some((owner, since)) = open.known.get(key)
            && now.duration_since(*since) < KNOWN_FOR
        {
            return Step::Known(owner.clone());
        }
        let Open { asked, numbers: by_key, .. } = &mut *open;
        if let Some((_, flows)) = by_key.get(key).and_then(|number| asked.get_mut(number)) {
            if flows.len() >= MOST_FLOWS {
                return Step::Known(Owner::Unknown);
            }
            flows.push(flow);
            return Step::Wait;
        }
        if asked.len() >= MOST_OPEN
            && let Some((_, (oldest, _))) = asked.pop_first()
        {
            by_key.remove(&oldest);
        }
        let number = numbers.next();
        asked.insert(number, (*key, vec![flow]));
        by_key.insert(*key, number);
        Step::Ask(number)
    }

    /// The question was not asked after all.
    fn give_up(&self, number: i64) {
        let mut open = self.lock();
        if let Some((key, _)) = open.asked.remove(&number) {
            open.numbers.remove(&key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn remember(&mut self, key: FlowKey, owner: Owner, now: Instant) {
        if self.known.insert(key, (owner, now)).is_none() {
            self.ages.push_back(key);
        }
        if self.ages.len() > MOST_KNOWN
            && let Some(oldest) = self.ages.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Answers the engine: at once what is known, later what the app has to be asked.
#[derive(Debug)]
pub(crate) struct AskingOwners {
    questions: Arc<Questions>,
    numbers: Arc<Numbers>,
    /// To the asking thread, which ends when this is dropped.
    ask: SyncSender<(i64, FlowKey)>,
    #[cfg(debug_assertions)]
    faults: Arc<crate::faults::Faults>,
}

impl AskingOwners {
    /// Starts the thread that asks. Answers come in through the questions.
    pub(crate) fn start(
        host: Arc<dyn Host>,
        questions: Arc<Questions>,
        numbers: Arc<Numbers>,
    ) -> io::Result<Self> {
        let (ask, asked) = sync_channel::<(i64, FlowKey)>(MOST_WAITING);
        std::thread::Builder::new().name("consentry-asking".to_owned()).spawn(move || {
            for (number, key) in asked {
                host.owner(number, protocol(key.transport), &key.app.to_string(), &key.remote.to_string());
            }
        })?;
        Ok(Self {
            questions,
            numbers,
            ask,
            #[cfg(debug_assertions)]
            faults: Arc::default(),
        })
    }

    /// Makes the engine fail when that was prepared.
    #[cfg(debug_assertions)]
    pub(crate) fn with_faults(self, faults: Arc<crate::faults::Faults>) -> Self {
        Self { faults, ..self }
    }
}

impl Owners for AskingOwners {
    fn owner(&mut self, flow: FlowId, key: &FlowKey) -> OwnerAnswer {
        #[cfg(debug_assertions)]
        self.faults.strike();
        match self.questions.want(flow, key, Instant::now(), &self.numbers) {
            Step::Known(owner) => OwnerAnswer::Known(owner),
            Step::Wait => OwnerAnswer::Later,
            Step::Ask(number) if self.ask.try_send((number, *key)).is_ok() => OwnerAnswer::Later,
            Step::Ask(number) => {
                self.questions.give_up(number);
                OwnerAnswer::Known(Owner::Unknown)
            }
        }
    }
}

/// IANA's number, as `ConnectivityManager.getConnectionOwnerUid` wants it.
fn protocol(transport: Transport) -> i32 {
    match transport {
        Transport::Tcp => libc::IPPROTO_TCP,
        Transport::Udp => libc::IPPROTO_UDP,
        Transport::Icmp => libc::IPPROTO_ICMP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::RawFd;
    use std::sync::mpsc::{Receiver, Sender, channel};

    fn key(port: u16) -> FlowKey {
        FlowKey {
            transport: Transport::Tcp,
            app: ([10, 0, 0, 2], port).into(),
            remote: "[2001:db8::1]:443".parse().unwrap(),
        }
    }

    fn app() -> Owner {
        Owner::App { uid: 10_050, packages: vec!["a.b".to_owned()] }
    }

    #[test]
    fn flows_with_the_same_ends_wait_for_one_answer() {
        let (questions, numbers, now) = (Questions::default(), Numbers::default(), Instant::now());
        let Step::Ask(number) = questions.want(FlowId(1), &key(1), now, &numbers) else {
            panic!("not asked")
        };
        assert_eq!(questions.want(FlowId(2), &key(1), now, &numbers), Step::Wait);
        assert!(
            matches!(questions.want(FlowId(3), &key(2), now, &numbers), Step::Ask(other) if other != number)
        );
        assert_eq!(questions.answer(number, &app(), now), [FlowId(1), FlowId(2)]);
        assert_eq!(questions.answer(number, &app(), now), [], "one answer is enough");
    }

    #[test]
    fn an_answer_holds_for_a_while() {
        let (questions, numbers, now) = (Questions::default(), Numbers::default(), Instant::now());
        let Step::Ask(number) = questions.want(FlowId(1), &key(1), now, &numbers) else {
            panic!("not asked")
        };
        questions.answer(number, &app(), now);
        assert_eq!(questions.want(FlowId(2), &key(1), now, &numbers), Step::Known(app()));
        assert!(matches!(questions.want(FlowId(3), &key(1), now + KNOWN_FOR, &numbers), Step::Ask(_)));
    }

    #[test]
    fn what_nobody_knows_is_asked_again() {
        let (questions, numbers, now) = (Questions::default(), Numbers::default(), Instant::now());
        let Step::Ask(number) = questions.want(FlowId(1), &key(1), now, &numbers) else {
            panic!("not asked")
        };
        assert_eq!(questions.answer(number, &Owner::Unknown, now), [FlowId(1)]);
        assert!(matches!(questions.want(FlowId(2), &key(1), now, &numbers), Step::Ask(_)));
    }

    #[test]
    fn an_answer_to_an_earlier_engine_is_nobodys() {
        let (numbers, now) = (Numbers::default(), Instant::now());
        let earlier = Questions::default();
        let Step::Ask(number) = earlier.want(FlowId(1), &key(1), now, &numbers) else { panic!("not asked") };
        let present = Questions::default();
        assert!(matches!(present.want(FlowId(1), &key(1), now, &numbers), Step::Ask(_)));
        assert_eq!(present.answer(number, &app(), now), []);
    }

    #[test]
    fn everything_is_bounded() {
        let (questions, numbers, now) = (Questions::default(), Numbers::default(), Instant::now());
        for port in 1..=60_000 {
            let Step::Ask(number) = questions.want(FlowId(1), &key(port), now, &numbers) else {
                panic!("not asked")
            };
            if port % 2 == 0 {
                questions.answer(number, &app(), now);
            }
        }
        let same_ends = key(60_001);
        for flow in 0..1_000 {
            questions.want(FlowId(flow), &same_ends, now, &numbers);
        }
        let open = questions.lock();
        assert_eq!((open.asked.len(), open.numbers.len()), (MOST_OPEN, MOST_OPEN));
        assert_eq!((open.known.len(), open.ages.len()), (MOST_KNOWN, MOST_KNOWN));
        assert!(open.asked.values().all(|(_, flows)| flows.len() <= MOST_FLOWS));
    }

    /// Passes questions on, one at a time when it is let.
    struct SlowHost {
        asked: Mutex<Sender<(i64, i32, String, String)>>,
        go_on: Mutex<Receiver<()>>,
    }

    impl Host for SlowHost {
        fn protect(&self, _: RawFd) -> bool {
            true
        }

        fn owner(&self, question: i64, transport: i32, app: &str, remote: &str) {
            self.asked
                .lock()
                .unwrap()
                .send((question, transport, app.to_owned(), remote.to_owned()))
                .unwrap();
            let _ = self.go_on.lock().unwrap().recv();
        }

        fn event(&self, _: &str) {}
    }

    #[test]
    fn a_slow_app_never_holds_the_packet_thread_up() {
        let ((asked, questions_asked), (go_on, let_go)) = (channel(), channel());
        let host = Arc::new(SlowHost { asked: Mutex::new(asked), go_on: Mutex::new(let_go) });
        let mut owners = AskingOwners::start(host, Arc::default(), Arc::default()).unwrap();
        assert_eq!(owners.owner(FlowId(1), &key(1)), OwnerAnswer::Later);
        let (_, transport, app, remote) = questions_asked.recv().unwrap();
        assert_eq!((transport, app.as_str(), remote.as_str()), (6, "10.0.0.2:1", "[2001:db8::1]:443"));
        // The app is stuck in that one. As many wait as there is room for, and for the rest nobody knows.
        let answers: Vec<_> = (2..2_000).map(|port| owners.owner(FlowId(port.into()), &key(port))).collect();
        let waiting = answers.iter().filter(|answer| **answer == OwnerAnswer::Later).count();
        assert_eq!(waiting, MOST_WAITING);
        assert!(answers[MOST_WAITING..].iter().all(|answer| *answer == OwnerAnswer::Known(Owner::Unknown)));
        drop(owners);
        drop(go_on);
    }
}
