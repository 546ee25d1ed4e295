//! The store against a model of it that is too simple to be wrong, on a disk that fills up and loses its power.
use super::faulty::FaultyDisk;
use super::*;
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::attempt::{Attempt, AttemptRow};
use consentry_consent::ledger::verify;
use consentry_consent::{Change, Clock, ConsentStore, Consents, How, Scope, Signal, Term, Via};
use proptest::prelude::*;
use proptest::sample::Index;
use std::sync::Arc;

const START_MS: i64 = 1_700_000_000_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
const SERVICES: [&str; 3] = ["xiaomi.push", "google.fcm", "xiaomi.cloud_messaging"];
const APPS: [&str; 3] = ["com.one", "com.one+com.two", ""];
const SIGNALS: [Signal; 2] = [Signal::DnsQuestion, Signal::TlsSni];

/// What happens to a store.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, and attempts are logged.
    Log(i64, Vec<[usize; 4]>),
    Grant(usize),
    Revoke(usize),
    Strict(bool),
    Keep(u32),
    Delete,
    /// The process ends, in order or not: it makes no difference to what was confirmed.
    Reopen,
    /// The disk is full after so many writes, for the next step.
    FillAfter(u64),
    /// The power fails in the midst of the next step, after so many writes.
    PowerFailure(u64, u64),
    Ask(Question),
}

/// What is read.
#[derive(Clone, Debug)]
struct Question {
    services: Vec<usize>,
    apps: Vec<usize>,
    signals: Vec<usize>,
    search: Option<&'static str>,
    since: Option<Index>,
    until: Option<Index>,
    newest_first: bool,
    limit: u32,
}

fn step() -> impl Strategy<Value = Step> {
    let attempt = (0..3usize, 0..3usize, 0..4usize, 0..2usize).prop_map(|(s, a, h, g)| [s, a, h, g]);
    let passed = prop_oneof![9 => 0..8 * MINUTE_MS, 1 => 0..2 * DAY_MS];
    let log = (passed, proptest::collection::vec(attempt, 0..6));
    prop_oneof![
        6 => log.prop_map(|(passed, attempts)| Step::Log(passed, attempts)),
        2 => (0..3usize).prop_map(Step::Grant),
        2 => (0..3usize).prop_map(Step::Revoke),
        1 => any::<bool>().prop_map(Step::Strict),
        1 => (1..3u32).prop_map(Step::Keep),
        1 => Just(Step::Delete),
        1 => Just(Step::Reopen),
        2 => (0..40u64).prop_map(Step::FillAfter),
        2 => (0..40u64, any::<u64>()).prop_map(|(writes, seed)| Step::PowerFailure(writes, seed)),
        4 => question().prop_map(Step::Ask),
    ]
}

fn question() -> impl Strategy<Value = Question> {
    let some = || proptest::collection::vec(0..2usize, 0..2);
    (
        some(),
        some(),
        some(),
        proptest::option::of(proptest::sample::select(vec![
            "host1",
            "HOST",
            "push",
            "one+com",
            "nowhere",
            ".EXAMPLE\n",
        ])),
        proptest::option::weighted(0.3, any::<Index>()),
        proptest::option::weighted(0.3, any::<Index>()),
        any::<bool>(),
        1..20u32,
    )
        .prop_map(|(services, apps, signals, search, since, until, newest_first, limit)| Question {
            services,
            apps,
            signals,
            search,
            since,
            until,
            newest_first,
            limit,
        })
}

fn attempt([service, app, host, signal]: [usize; 4]) -> Attempt {
    Attempt {
        app: Some(APPS[app].to_owned()).filter(|app| !app.is_empty()),
        service: Some(SERVICES[service].to_owned()),
        host: Some(format!("host{host}.example")),
        signal: Some(SIGNALS[signal]),
        address: None,
        port: None,
        transport: Transport::Tcp,
        certainty: None,
        reason: "Held back.".to_owned(),
        identifiers: Vec::new(),
        path: (host == 2).then(|| "/a/{}".to_owned()),
        bytes_held: 7,
    }
}

/// What the store has to say.
#[derive(Clone, Debug, Default)]
struct Model {
    now_ms: i64,
    /// In the order of their places.
    rows: Vec<AttemptRow>,
    changes: Vec<Change>,
    days: u32,
}

impl Model {
    fn log(&mut self, attempts: &[[usize; 4]]) {
        for one in attempts {
            let new = AttemptRow::new(attempt(*one), self.now_ms);
            match self.rows.iter_mut().rev().find(|row| row.key() == new.key()) {
                Some(row) if row.takes(self.now_ms) => row.merge(new),
                _ => self.rows.push(new),
            }
        }
        let keep_from = self.now_ms - i64::from(self.days) * DAY_MS;
        self.rows.retain(|row| row.first_ms >= keep_from);
    }

    fn consents(&self) -> Consents {
        Consents::replay(&self.changes)
    }

    fn ask(&self, query: &LogQuery) -> Vec<AttemptRow> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| query.wants(row)).cloned().collect();
        if query.newest_first {
            rows.reverse();
        }
        rows
    }
}

fn clock(now_ms: i64) -> Clock {
    Clock { wall_ms: now_ms, boot_ms: (now_ms - START_MS) as u64, boot_id: [1; 16] }
}

/// The store with its ledger, as a process has it.
struct Opened {
    store: Arc<Store>,
    stored: consentry_consent::StoredConsents<ConsentLedger>,
}

fn open(disk: &FaultyDisk) -> Opened {
    let store = disk.store();
    Opened { stored: ConsentLedger::open(store.clone()).unwrap(), store }
}

/// What a step asks of the store.
enum Action {
    Log(Batch, i64),
    Change(Change),
    Keep(Retention),
    Delete,
}

/// What a step does to the model, and asks of the store; `None` when it changes nothing.
fn apply(step: &Step, model: &mut Model) -> Option<Action> {
    let consents = model.consents();
    let how = How { via: Via::Screen, wording: Some(model.changes.len().to_string()) };
    let now = clock(model.now_ms);
    let change = match step {
        Step::Log(passed, attempts) => {
            model.now_ms += passed;
            let rows = attempts.iter().map(|one| AttemptRow::new(attempt(*one), model.now_ms)).collect();
            model.log(attempts);
            return Some(Action::Log(Batch { attempts: rows, ..Batch::default() }, model.now_ms));
        }
        Step::Keep(days) => {
            model.days = *days;
            return Some(Action::Keep(Retention { days: *days, megabytes: 1 }));
        }
        Step::Delete => {
            model.rows.clear();
            return Some(Action::Delete);
        }
        Step::Grant(at) => {
            consents.grant(Catalogue::builtin(), SERVICES[*at], Scope::AllApps, Term::Forever, how, &now)
        }
        Step::Revoke(at) => consents.revoke(Catalogue::builtin(), SERVICES[*at], Scope::AllApps, how, &now),
        Step::Strict(on) => consents.set_strict("com.one", *on, how, &now),
        Step::Reopen | Step::FillAfter(_) | Step::PowerFailure(..) | Step::Ask(_) => return None,
    };
    let change = change.ok()?;
    model.changes.push(change.clone());
    Some(Action::Change(change))
}

impl Opened {
    fn carry_out(&mut self, action: &Action) -> Result<(), StoreError> {
        match action {
            Action::Log(batch, now_ms) => self.store.record(batch, *now_ms).map(|_| ()),
            Action::Change(change) => Ok(self.stored.record(change)?),
            Action::Keep(retention) => self.store.set_retention(*retention),
            Action::Delete => self.store.delete_log().map(|_| ()),
        }
    }

    /// Whether the store holds what the model holds.
    fn holds(&self, model: &Model) -> bool {
        let (entries, head) = ConsentLedger::of(&self.store).load().unwrap();
        let changes = head.map(|head| verify(&entries, &head).unwrap()).unwrap_or_default();
        let rows = self.store.attempts(&LogQuery::default()).unwrap();
        assert_eq!(rows.next, None);
        rows.rows == model.rows
            && changes == model.changes
            && *self.stored.consents() == model.consents()
            && self.store.retention().unwrap().days == model.days
    }
}

fn query(question: &Question, model: &Model) -> LogQuery {
    // Times at which something may have happened.
    let time = |index: &Option<Index>| {
        index.map(|at| START_MS + at.index((model.now_ms - START_MS + 2) as usize) as i64)
    };
    LogQuery {
        services: question.services.iter().map(|at| SERVICES[*at].to_owned()).collect(),
        apps: question.apps.iter().map(|at| ["com.two", ""][*at].to_owned()).collect(),
        signals: question.signals.iter().map(|at| SIGNALS[*at]).collect(),
        since_ms: time(&question.since),
        until_ms: time(&question.until),
        search: question.search.map(str::to_owned),
        named: Vec::new(),
        newest_first: question.newest_first,
        after: None,
        limit: Some(question.limit),
    }
}

/// All pages of a query.
fn pages(store: &Store, mut query: LogQuery) -> Vec<AttemptRow> {
    let mut rows = Vec::new();
    loop {
        let page = store.attempts(&query).unwrap();
        assert!(page.rows.len() <= query.limit.unwrap() as usize);
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return rows,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn the_store_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..40)) {
        let mut disk = FaultyDisk::default();
        let mut opened = open(&disk);
        let mut model = Model { now_ms: START_MS, days: 30, ..Model::default() };
        let mut power_fails = None;
        for step in &steps {
            match step {
                Step::Reopen => {
                    disk.set_full(false);
                    power_fails = None;
                    drop(opened);
                    opened = open(&disk);
                    prop_assert!(opened.holds(&model));
                    continue;
                }
                Step::FillAfter(writes) => {
                    disk.fill_after(*writes);
                    continue;
                }
                Step::PowerFailure(writes, seed) => {
                    disk.fill_after(*writes);
                    power_fails = Some(*seed);
                    continue;
                }
                Step::Ask(question) => {
                    disk.set_full(false);
                    power_fails = None;
                    let query = query(question, &model);
                    let expected = model.ask(&query);
                    let attempts = expected.iter().map(|row| row.count).sum::<u64>();
                    let counted = opened.store.count_attempts(&query).unwrap();
                    prop_assert_eq!(counted, (expected.len() as u64, attempts), "{:?}", &query);
                    prop_assert_eq!(pages(&opened.store, query.clone()), expected, "{:?}", query);
                    continue;
                }
                _ => {}
            }
            let before = model.clone();
            let Some(action) = apply(step, &mut model) else { continue };
            let result = opened.carry_out(&action);
            if let Some(mut chance) = power_fails.take() {
                drop(opened);
                disk = disk.after_power_failure(|of| {
                    // xorshift64: any sequence will do, the same each time.
                    chance = (chance | 1) ^ (chance << 13);
                    chance ^= chance >> 7;
                    chance ^= chance << 17;
                    (chance % of as u64) as usize
                });
                opened = open(&disk);
            }
            disk.set_full(false);
            if result.is_err() {
                // It was not confirmed. Whether it is there all the same can depend on the last write; half of it never is.
                drop(opened);
                opened = open(&disk);
                if !opened.holds(&model) {
                    model = Model { now_ms: model.now_ms, ..before };
                }
            }
            prop_assert!(opened.holds(&model), "{:?} {:?}", step, result);
        }
    }

    /// Bytes that changed on the disk are an error or make no difference to consents; nothing is ever granted by them.
    #[test]
    fn damaged_pages_grant_nothing(
        damage in proptest::collection::vec((any::<Index>(), 1..=255u8, 1..600usize), 1..6),
    ) {
        let disk = FaultyDisk::default();
        let mut opened = open(&disk);
        let mut model = Model { now_ms: START_MS, days: 30, ..Model::default() };
        for step in [Step::Grant(0), Step::Grant(1), Step::Revoke(0), Step::Log(0, vec![[0, 0, 0, 0], [1, 1, 1, 1]])] {
            let action = apply(&step, &mut model).unwrap();
            opened.carry_out(&action).unwrap();
        }
        drop(opened);
        let mut bytes = disk.contents();
        for (at, bits, length) in damage {
            let from = at.index(bytes.len());
            let to = bytes.len().min(from + length);
            bytes[from..to].iter_mut().for_each(|byte| *byte ^= bits);
        }
        disk.set_contents(bytes);
        let Ok(store) = disk.try_store() else { return Ok(()) };
        if let Ok(stored) = ConsentLedger::open(store.clone()) {
            prop_assert!(*stored.consents() == model.consents() || stored.consents().grants().count() == 0);
        }
        // Whatever that finds, it is an answer.
        let _ = store.attempts(&LogQuery::default());
        let _ = store.attempts(&LogQuery { search: Some("host".to_owned()), ..LogQuery::default() });
    }
}
