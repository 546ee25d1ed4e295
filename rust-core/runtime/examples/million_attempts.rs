//! Measures the store with a million rows in the attempt log: appending, pages with filters, opening, size.
//!
//!     cargo run --release -p consentry-runtime --example million_attempts [ROWS]
//!
//! Times are of this thread's work (`CLOCK_THREAD_CPUTIME_ID`), with the time on the wall beside them, which also holds what
//! other programs and the disk took. It exits with 1 when the work misses its aim.
#![allow(clippy::expect_used, reason = "a measurement that cannot be made may panic")]

use consentry_catalogue::Transport;
use consentry_consent::Signal;
use consentry_consent::attempt::{Attempt, AttemptRow};
use consentry_runtime::store::{Batch, Counted, LogQuery, Retention, Store};
use rustix::time::{ClockId, clock_gettime};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const START_MS: i64 = 1_700_000_000_000;
/// Different things that are attempted: a host that an app asks for, in one way. More than a phone has.
const SUBJECTS: usize = 5_000;
/// Rows that one batch begins: busier than a phone ever is.
const BATCH: usize = 500;
/// A row more each two seconds: no two of one subject within ten minutes.
const STEP_MS: i64 = 2_000;

const LONGEST_PAGE: Duration = Duration::from_millis(20);
const LONGEST_APPEND: Duration = Duration::from_micros(50);
const LONGEST_START: Duration = Duration::from_millis(100);

/// Measures this thread's work, and the time on the wall.
struct Watch {
    wall: Instant,
    work: Duration,
}

impl Watch {
    fn start() -> Self {
        Self { wall: Instant::now(), work: Self::work() }
    }

    fn stop(&self) -> (Duration, Duration) {
        (Self::work().saturating_sub(self.work), self.wall.elapsed())
    }

    fn work() -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
    }
}

fn attempt(subject: usize) -> Attempt {
    Attempt {
        app: Some(format!("com.example.app{}", subject % 40)),
        service: Some(format!("maker{}.service{}", subject % 7, subject % 90)),
        host: Some(format!("h{subject}.tracking{}.example.net", subject % 700)),
        signal: Some([Signal::DnsQuestion, Signal::TlsSni, Signal::HttpHost][subject % 3]),
        address: None,
        port: None,
        transport: Transport::Udp,
        certainty: None,
        reason: format!(
            "DNS question for h{subject}.tracking; belongs to something, which needs your consent; none given"
        ),
        identifiers: Vec::new(),
        path: None,
        bytes_held: 45,
    }
}

fn main() -> ExitCode {
    let rows: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let mut fine = true;
    let mut tell = |what: &str, (took, wall): (Duration, Duration), aim: Duration| {
        let verdict = if took <= aim { "" } else { "  MISSED" };
        println!(
            "{what:<52}{:>9.3} ms, wall {:>9.3} ms  (aim {} ms){verdict}",
            took.as_secs_f64() * 1e3,
            wall.as_secs_f64() * 1e3,
            aim.as_secs_f64() * 1e3
        );
        fine &= took <= aim;
    };

    let store = Store::open(folder.path()).expect("a store");
    store.set_retention(Retention { days: 3_650, megabytes: 1_000 }).expect("room");
    let (start, mut slowest) = (Watch::start(), Duration::ZERO);
    for first in (0..rows).step_by(BATCH) {
        let attempts = (first..rows.min(first + BATCH))
            .map(|at| AttemptRow::new(attempt(at * 7_919 % SUBJECTS), START_MS + at as i64 * STEP_MS));
        let batch = Batch { attempts: attempts.collect(), ..Batch::default() };
        let begun = Watch::start();
        store.record(&batch, START_MS + (first + BATCH) as i64 * STEP_MS).expect("room");
        slowest = slowest.max(begun.stop().0);
    }
    let (work, wall) = start.stop();
    let count = u32::try_from(rows).unwrap_or(u32::MAX);
    let each = (work / count, wall / count);
    println!("{rows} rows about {SUBJECTS} subjects, in batches of {BATCH}; the slowest took {slowest:?}");
    tell("append, for each row", each, LONGEST_APPEND);
    let size = std::fs::metadata(store.path()).expect("a file").len();
    println!("file: {} MB, {} bytes a row", size / 1_000_000, size / rows as u64);

    let end_ms = START_MS + rows as i64 * STEP_MS;
    let text = |text: &str| Some(text.to_owned());
    let names = |name: &str| vec![name.to_owned()];
    let page = || LogQuery { newest_first: true, limit: Some(50), ..LogQuery::default() };
    let queries = [
        ("the newest", page()),
        ("one service", LogQuery { services: names("maker3.service3"), ..page() }),
        ("one app", LogQuery { apps: names("com.example.app7"), ..page() }),
        ("one signal (a third of all)", LogQuery { signals: vec![Signal::TlsSni], ..page() }),
        ("text in one host", LogQuery { search: text("H4321.TRACKING"), ..page() }),
        ("text in many", LogQuery { search: text("tracking12"), ..page() }),
        ("text in all", LogQuery { search: text("example"), ..page() }),
        ("text in none", LogQuery { search: text("nowhere to be found"), ..page() }),
        ("a day long ago", LogQuery { until_ms: Some(START_MS + 86_400_000), ..page() }),
        (
            "one service, a day long ago",
            LogQuery {
                services: names("maker3.service3"),
                since_ms: Some(START_MS),
                until_ms: Some(START_MS + 86_400_000),
                ..page()
            },
        ),
        (
            "one signal, the last hour",
            LogQuery { signals: vec![Signal::HttpHost], since_ms: Some(end_ms - 3_600_000), ..page() },
        ),
        (
            "service, app and signal that never meet",
            LogQuery {
                services: names("maker3.service3"),
                apps: names("com.example.app8"),
                signals: vec![Signal::Signature],
                ..page()
            },
        ),
        ("a service that is not there", LogQuery { services: names("none"), ..page() }),
    ];
    for (what, query) in queries {
        // The second time: a screen asks again and again.
        let mut took = (Duration::MAX, Duration::MAX);
        let mut found = 0;
        for _ in 0..3 {
            let begun = Watch::start();
            found = store.attempts(&query).expect("a page").rows.len();
            took = took.min(begun.stop());
        }
        tell(&format!("page of {found:>2}: {what}"), took, LONGEST_PAGE);
    }
    let begun = Watch::start();
    store.tallies(Counted::Service, end_ms - 7 * 86_400_000, end_ms).expect("counts");
    tell("counts of seven days", begun.stop(), LONGEST_PAGE);

    drop(store);
    let begun = Watch::start();
    let store = Store::open(folder.path()).expect("the store");
    store.attempts(&page()).expect("a page");
    tell("opening, with the first page", begun.stop(), LONGEST_START);
    let begun = Watch::start();
    let one = Batch { attempts: vec![AttemptRow::new(attempt(1), end_ms)], ..Batch::default() };
    store.record(&one, end_ms).expect("room");
    tell("the first batch after opening", begun.stop(), LONGEST_START);
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
