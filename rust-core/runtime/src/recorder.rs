//! Writing that must not hold up the packet thread: attempts and sinkhole mappings, gathered for a second and stored in
//! one transaction by a thread of their own.
use crate::clock;
use crate::decisions::Decisions;
use crate::open_state::Observer;
use crate::store::{Batch, LogQuery, Logged, Store};
use consentry_consent::attempt::{Attempt, AttemptRow, CoalesceKey};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a batch gathers: what a loss of power can take with it.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// Different attempts that wait for a store which does not take them; more are counted and lost.
const MOST_WAITING: usize = 20_000;
/// Sinkhole mappings that wait. The engine's pool overflows to one address per service long before.
const MOST_MAPPINGS: usize = 200_000;
/// Rows kept for a follower that is slow to read; it is told how many it missed.
const MOST_UNREAD: usize = 1_000;
/// How long [`Recorder::flush`] waits for a disk.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);
/// The longest pause between two tries after the store has failed.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The store thread and what waits for it.
#[derive(Debug)]
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Hands work to the store thread; cheap to clone, never blocks on the disk.
#[derive(Clone, Debug)]
pub(crate) struct RecorderHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    work: Mutex<Work>,
    news: Condvar,
    followers: Mutex<Vec<Follower>>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Work {
    attempts: BTreeMap<CoalesceKey, AttemptRow>,
    sinkholes: BTreeMap<String, u32>,
    /// The firewall that runs shows that it is alive.
    pulse: bool,
    /// The ledger has to catch up with changes of consent.
    ledger_behind: bool,
    /// Who waits for all of this to be written, and is told once that was tried.
    waiting: Vec<SyncSender<()>>,
    stop: bool,
}

#[derive(Debug)]
struct Follower {
    query: LogQuery,
    rows: SyncSender<Followed>,
    missed: u64,
}

/// What a follower of the log receives.
#[derive(Debug)]
pub(crate) struct Followed {
    /// A row as it stands in the log now.
    pub(crate) row: AttemptRow,
    /// Rows left out before it because the follower did not keep up.
    pub(crate) missed: u64,
}

/// How the store is doing.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// Why the last batch could not be written; `None` when it was.
    pub error: Option<String>,
    /// Attempts that could not be kept until the store takes them again.
    pub attempts_lost: u64,
}

impl Recorder {
    /// Starts the store thread.
    pub(crate) fn start(
        store: Arc<Store>,
        decisions: Arc<Decisions>,
        observer: Option<Arc<dyn Observer>>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            work: Mutex::default(),
            news: Condvar::new(),
            followers: Mutex::default(),
            health: Mutex::default(),
        });
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("consentry-store".to_owned())
            .spawn(move || own.run(&store, &decisions, observer.as_deref()))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn handle(&self) -> RecorderHandle {
        RecorderHandle(self.shared.clone())
    }

    /// See [`RecorderHandle::flush`].
    pub(crate) fn flush(&self) {
        self.handle().flush();
    }
}

impl Drop for Recorder {
    /// Writes what is left, and ends the thread.
    fn drop(&mut self) {
        lock(&self.shared.work).stop = true;
        self.shared.news.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
        lock(&self.shared.followers).clear();
    }
}

impl RecorderHandle {
    /// Writes what is there without waiting for more, and returns once that is done or has failed.
    pub(crate) fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        lock(&self.0.work).waiting.push(done);
        self.0.news.notify_one();
        // A store that takes longer goes on by itself.
        let _ = is_done.recv_timeout(FLUSH_PATIENCE);
    }

    /// Takes an attempt made at `now_ms` (milliseconds since 1970-01-01T00:00:00Z).
    pub(crate) fn attempt(&self, attempt: Attempt, now_ms: i64) {
        self.0.take_in([AttemptRow::new(attempt, now_ms)]);
        self.0.news.notify_one();
    }

    /// Takes a sinkhole mapping.
    pub(crate) fn sinkhole(&self, name: String, index: u32) {
        let mut work = lock(&self.0.work);
        if work.sinkholes.len() < MOST_MAPPINGS {
            work.sinkholes.insert(name, index);
            self.0.news.notify_one();
        }
    }

    /// The firewall that runs shows that it is alive. Written with other work, or on its own, once a minute at most.
    pub(crate) fn pulse(&self) {
        lock(&self.0.work).pulse = true;
        self.0.news.notify_one();
    }

    /// Changes of consent are in force that the ledger does not have: grants that ended by themselves, or what could not be
    /// stored when it was made.
    pub(crate) fn catch_up(&self) {
        lock(&self.0.work).ledger_behind = true;
        self.0.news.notify_one();
    }

    /// Follows the log from now on, until the receiver is dropped.
    pub(crate) fn follow(&self, query: LogQuery) -> Receiver<Followed> {
        let (rows, receiver) = sync_channel(MOST_UNREAD);
        lock(&self.0.followers).push(Follower { query, rows, missed: 0 });
        receiver
    }

    pub(crate) fn health(&self) -> Health {
        lock(&self.0.health).clone()
    }
}

impl Shared {
    fn run(&self, store: &Store, decisions: &Decisions, observer: Option<&dyn Observer>) {
        let mut pause = Duration::ZERO;
        loop {
            let work = self.next_work(pause);
            let mut failed = false;
            if work.ledger_behind && !decisions.catch_up() {
                lock(&self.work).ledger_behind = true;
                failed = true;
            }
            let mut batch = Batch {
                attempts: work.attempts.into_values().collect(),
                sinkholes: work.sinkholes.into_iter().collect(),
                pulse: None,
            };
            if work.pulse || batch != Batch::default() {
                let now = clock::now();
                batch.pulse = store.wants_pulse(&now).then_some(now);
            }
            if batch != Batch::default() {
                failed |= !self.write(store, batch, observer);
            }
            for waiting in work.waiting {
                let _ = waiting.try_send(());
            }
            if work.stop {
                return;
            }
            pause = if failed { (pause * 2).clamp(BATCH_TIME, LONGEST_PAUSE) } else { Duration::ZERO };
        }
    }

    /// Sleeps until there is work, lets it gather for a second (or for the pause after a failure), and takes it. The ledger does
    /// not wait for attempts to gather.
    fn next_work(&self, pause: Duration) -> Work {
        let mut work = lock(&self.work);
        while work.is_empty() {
            work = self.news.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + BATCH_TIME.max(pause);
        while !work.stop && work.waiting.is_empty() && (pause > Duration::ZERO || !work.ledger_behind) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            work = self.news.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let stop = work.stop;
        let taken = std::mem::take(&mut *work);
        // Once told to stop, it stays told.
        work.stop = stop;
        taken
    }

    /// Writes a batch; keeps it for the next try when that fails.
    fn write(&self, store: &Store, batch: Batch, observer: Option<&dyn Observer>) -> bool {
        match store.record(&batch, clock::wall_ms()) {
            Ok(rows) => {
                if lock(&self.health).error.take().is_some() {
                    log::info!("the store takes attempts again");
                }
                self.publish(&rows);
                if let Some(observer) = observer {
                    observer.logged(&rows);
                }
                true
            }
            Err(error) => {
                log::error!("attempts wait in memory: {error}");
                lock(&self.health).error = Some(error.to_string());
                self.put_back(batch);
                false
            }
        }
    }

    fn take_in(&self, rows: impl IntoIterator<Item = AttemptRow>) {
        let mut lost = 0;
        {
            let mut work = lock(&self.work);
            for row in rows {
                let has_room = work.attempts.len() < MOST_WAITING;
                match work.attempts.entry(row.key()) {
                    Entry::Occupied(mut waiting) => waiting.get_mut().merge(row),
                    Entry::Vacant(place) if has_room => {
                        place.insert(row);
                    }
                    Entry::Vacant(_) => lost += row.count,
                }
            }
        }
        if lost > 0 {
            lock(&self.health).attempts_lost += lost;
        }
    }

    /// Keeps what could not be written for the next try.
    fn put_back(&self, batch: Batch) {
        self.take_in(batch.attempts);
        let mut work = lock(&self.work);
        for (name, index) in batch.sinkholes {
            work.sinkholes.entry(name).or_insert(index);
        }
    }

    fn publish(&self, rows: &[Logged]) {
        lock(&self.followers).retain_mut(|follower| {
            for row in rows.iter().map(|logged| &logged.row).filter(|row| follower.query.wants(row)) {
                match follower.rows.try_send(Followed { row: row.clone(), missed: follower.missed }) {
                    Ok(()) => follower.missed = 0,
                    Err(TrySendError::Full(_)) => follower.missed += 1,
                    Err(TrySendError::Disconnected(_)) => return false,
                }
            }
            true
        });
    }
}

impl Work {
    fn is_empty(&self) -> bool {
        self.attempts.is_empty()
            && self.sinkholes.is_empty()
            && self.waiting.is_empty()
            && !self.pulse
            && !self.ledger_behind
            && !self.stop
    }
}

/// No code that holds these locks leaves the data half-changed when it panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
