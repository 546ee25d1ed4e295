use super::faulty::FaultyDisk;
use super::*;
use crate::protection::{Cause, Gap};
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::attempt::{Attempt, AttemptRow, COALESCE_MS};
use consentry_consent::{Change, Clock, Scope, Signal, Term, Via};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

mod kept;

const START_MS: i64 = 1_700_000_000_000;
const SERVICE: &str = "xiaomi.push";

fn attempt(host: &str) -> Attempt {
    Attempt {
        app: Some("com.miui.weather2".to_owned()),
        service: Some(SERVICE.to_owned()),
        host: Some(host.to_owned()),
        signal: Some(Signal::DnsQuestion),
        address: None,
        port: None,
        transport: Transport::Udp,
        certainty: None,
        reason: "the question names a service without consent".to_owned(),
        identifiers: Vec::new(),
        path: None,
        bytes_held: 10,
    }
}

fn row(host: &str, at_ms: i64) -> AttemptRow {
    AttemptRow::new(attempt(host), at_ms)
}

fn record(store: &Store, rows: Vec<AttemptRow>, now_ms: i64) -> Vec<AttemptRow> {
    let logged = store.record(&Batch { attempts: rows, ..Batch::default() }, now_ms).unwrap();
    logged.into_iter().map(|logged| logged.row).collect()
}

fn hosts(store: &Store, query: &LogQuery) -> Vec<String> {
    store.attempts(query).unwrap().rows.into_iter().filter_map(|row| row.attempt.host).collect()
}

fn grant(store: &Arc<Store>) -> Change {
    let mut stored = ConsentLedger::open(store.clone()).unwrap();
    let change = stored
        .consents()
        .grant(
            Catalogue::builtin(),
            SERVICE,
            Scope::AllApps,
            Term::Forever,
            Via::Command,
            &crate::clock::now(),
        )
        .unwrap();
    stored.record(&change).unwrap();
    change
}

#[test]
fn everything_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    let secret = store.secret().unwrap();
    grant(&store);
    store.set_retention(Retention { days: 7, megabytes: 3 }).unwrap();
    let batch = Batch {
        attempts: vec![row("a.example", START_MS)],
        sinkholes: vec![("a.example".to_owned(), 7)],
        pulse: None,
    };
    store.record(&batch, START_MS).unwrap();
    drop(store);

    let store = Arc::new(Store::open(folder.path()).unwrap());
    assert_eq!(store.secret().unwrap(), secret);
    assert_eq!(store.retention().unwrap(), Retention { days: 7, megabytes: 3 });
    assert_eq!(store.sinkholes().unwrap(), [("a.example".to_owned(), 7)]);
    assert_eq!(store.attempts(&LogQuery::default()).unwrap().rows, [row("a.example", START_MS)]);
    let stored = ConsentLedger::open(store).unwrap();
    assert_eq!(stored.consents().grants().map(|grant| grant.service.as_str()).collect::<Vec<_>>(), [SERVICE]);
}

#[test]
fn files_are_for_their_owner_only() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("new/state");
    let store = Store::open(&folder).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(store.path()), 0o600);
    assert_eq!(mode(&folder.join("state.lock")), 0o600);
    drop(store);
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    Store::open(&folder).unwrap();
    assert_eq!(mode(&folder), 0o700);
}

#[test]
fn a_folder_that_cannot_be_is_named_in_the_error() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("state")).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }));
    assert!(error.to_string().contains("file/state"), "{error}");
}

#[test]
fn a_second_handle_is_refused_and_told_who_has_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(
        matches!(error, StoreError::Locked { holder: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    drop(first);
    Store::open(folder.path()).unwrap();
}

/// Set for the process that the next test starts: the folder that it is to open.
const CHILD_FOLDER: &str = "CONSENTRY_TEST_STATE_FOLDER";

/// Not a test by itself: what the other process of the next test does. It holds the store until its input ends.
#[test]
fn child_process() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let store = Arc::new(Store::open(Path::new(&folder)).unwrap());
    grant(&store);
    println!("\nholding");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    // Killed or not, nothing is written from here on.
    std::process::exit(0);
}

#[test]
fn two_processes_do_not_share_a_store_and_a_killed_one_loses_nothing_confirmed() {
    use std::io::BufRead;
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::child_process", "--nocapture", "--test-threads=1"])
        .env(CHILD_FOLDER, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == "holding"));
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { holder: Some(pid), .. } if pid == child.id()), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let stored = ConsentLedger::open(Arc::new(Store::open(folder.path()).unwrap())).unwrap();
    assert_eq!(stored.consents().grants().count(), 1);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_was() {
    let whole = {
        let folder = tempfile::tempdir().unwrap();
        drop(Store::open(folder.path()).unwrap());
        std::fs::read(folder.path().join(FILE)).unwrap()
    };
    let cases: [(&str, Vec<u8>); 4] = [
        ("text", b"this is not a database\n".repeat(500)),
        ("short", vec![1; 10]),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("overwritten", whole.iter().map(|byte| byte ^ 0x55).collect()),
    ];
    for (name, bytes) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, &bytes).unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains("consentry.redb"), "{name}: {error}");
        assert!(std::fs::read(&path).unwrap() == bytes, "{name}: the file was changed");
    }
}

#[test]
fn a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store
        .disk
        .write(|transaction| {
            transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA + 1)?;
            Ok(())
        })
        .unwrap();
    drop(store);
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found, known, .. } if found == known + 1), "{error}");
}

#[test]
fn a_ledger_that_was_tampered_with_grants_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    grant(&store);
    store
        .disk
        .write(|transaction| {
            let mut ledger = transaction.open_table::<u64, &[u8]>(TableDefinition::new("ledger"))?;
            let entry = ledger.get(0)?.unwrap().value().to_vec();
            let entry = String::from_utf8(entry).unwrap().replace(SERVICE, "xiaomi.cloud_messaging");
            ledger.insert(0, entry.as_bytes())?;
            Ok(())
        })
        .unwrap();
    let error = ConsentLedger::open(store).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("nothing counts as granted"), "{error}");
}

#[test]
fn a_full_disk_is_an_error_and_the_store_works_again_afterwards() {
    let disk = FaultyDisk::default();
    let store = disk.store();
    let batch = Batch { attempts: vec![row("a.example", START_MS)], ..Batch::default() };
    disk.set_full(true);
    for _ in 0..3 {
        assert!(matches!(store.record(&batch, START_MS), Err(StoreError::Full { .. })));
    }
    disk.set_full(false);
    let rows: Vec<_> = store.record(&batch, START_MS).unwrap().into_iter().map(|logged| logged.row).collect();
    assert_eq!(rows[0].count, 1, "an attempt that was not written must not be counted");
    assert_eq!(store.attempts(&LogQuery::default()).unwrap().rows, rows);
}

#[test]
fn repeats_are_counted_within_ten_minutes_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    record(&store, vec![row("a.example", START_MS), row("b.example", START_MS + 1)], START_MS + 1);
    let repeated = record(&store, vec![row("a.example", START_MS + COALESCE_MS)], START_MS + COALESCE_MS);
    assert_eq!((repeated[0].count, repeated[0].attempt.bytes_held), (2, 20));
    // What was open is found again after a restart.
    drop(store);
    store = Store::open(folder.path()).unwrap();
    record(&store, vec![row("a.example", START_MS + COALESCE_MS)], START_MS + COALESCE_MS);
    record(&store, vec![row("a.example", START_MS + COALESCE_MS + 1)], START_MS + COALESCE_MS + 1);
    let rows = store.attempts(&LogQuery::default()).unwrap().rows;
    let seen: Vec<_> = rows.iter().map(|row| (row.attempt.host.as_deref().unwrap(), row.count)).collect();
    assert_eq!(seen, [("a.example", 3), ("b.example", 1), ("a.example", 1)]);
    assert_eq!((rows[0].first_ms, rows[0].last_ms), (START_MS, START_MS + COALESCE_MS));
}

#[test]
fn the_log_can_be_searched() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut other = row("tracking.example", START_MS + 1);
    other.attempt.service = Some("generic.other".to_owned());
    other.attempt.app = Some("com.one+com.two".to_owned());
    let mut addressed = row("a.example", START_MS + 2);
    addressed.attempt.address = Some("192.0.2.77".parse().unwrap());
    record(&store, vec![row("a.example", START_MS), other, addressed], START_MS + 2);
    let query = LogQuery::default;
    assert_eq!(
        hosts(&store, &LogQuery { services: vec!["generic.other".to_owned()], ..query() }),
        ["tracking.example"]
    );
    assert_eq!(
        hosts(&store, &LogQuery { apps: vec!["com.two".to_owned()], ..query() }),
        ["tracking.example"]
    );
    assert_eq!(hosts(&store, &LogQuery { apps: vec!["com.tw".to_owned()], ..query() }), [] as [&str; 0]);
    assert_eq!(
        hosts(&store, &LogQuery { search: Some("TRACK".to_owned()), ..query() }),
        ["tracking.example"]
    );
    assert_eq!(hosts(&store, &LogQuery { search: Some("192.0.2.7".to_owned()), ..query() }), ["a.example"]);
    assert_eq!(hosts(&store, &LogQuery { since_ms: Some(START_MS + 1), ..query() }).len(), 2);
    let newest = LogQuery { newest_first: true, limit: Some(1), ..query() };
    assert_eq!(store.attempts(&newest).unwrap().rows[0].first_ms, START_MS + 2);
}

#[test]
fn a_row_that_began_earlier_is_found_by_its_last_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    record(&store, vec![row("a.example", START_MS)], START_MS);
    record(&store, vec![row("a.example", START_MS + 5_000)], START_MS + 5_000);
    let since = |since_ms| hosts(&store, &LogQuery { since_ms: Some(since_ms), ..LogQuery::default() }).len();
    assert_eq!((since(START_MS + 5_000), since(START_MS + 5_001)), (1, 0));
}

#[test]
fn what_is_older_than_the_retention_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.set_retention(Retention { days: 1, megabytes: 1 }).unwrap();
    let day = 86_400_000;
    record(&store, vec![row("old.example", START_MS)], START_MS);
    record(&store, vec![row("new.example", START_MS + day)], START_MS + day);
    assert_eq!(hosts(&store, &LogQuery::default()), ["old.example", "new.example"]);
    record(&store, vec![row("newest.example", START_MS + day + 1)], START_MS + day + 1);
    assert_eq!(hosts(&store, &LogQuery::default()), ["new.example", "newest.example"]);
}

#[test]
fn a_damaged_row_is_reported_and_does_not_stop_the_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store
        .disk
        .write(|transaction| {
            let mut log =
                transaction.open_table::<(i64, u64), (u32, i64, u64, u64)>(TableDefinition::new("log"))?;
            log.insert((START_MS, 0), (99, START_MS, 1, 0))?;
            Ok(())
        })
        .unwrap();
    assert!(matches!(store.attempts(&LogQuery::default()), Err(StoreError::Corrupt { .. })));
    record(&store, vec![row("a.example", START_MS + 1)], START_MS + 1);
    assert_eq!(
        hosts(&store, &LogQuery { since_ms: Some(START_MS + COALESCE_MS + 1), ..LogQuery::default() }).len(),
        0
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    /// Pages of any size, in either direction, hold together what one walk over the whole log holds.
    #[test]
    fn pages_add_up(count in 0i64..40, limit in 1u32..15, newest_first: bool, odd_only: bool) {
        let store = FaultyDisk::default().store();
        // Two rows share each millisecond.
        let rows = (0..count).map(|i| row(&format!("{}{i}.example", if i % 2 == 1 { "odd" } else { "even" }), START_MS + i / 2));
        record(&store, rows.collect(), START_MS + count);
        let search = odd_only.then(|| "odd".to_owned());
        let mut query = LogQuery { search, newest_first, ..LogQuery::default() };
        let whole = hosts(&store, &query);
        prop_assert_eq!(whole.len() as i64, if odd_only { count / 2 } else { count });
        query.limit = Some(limit);
        let mut paged = Vec::new();
        loop {
            let page = store.attempts(&query).unwrap();
            prop_assert!(page.rows.len() <= limit as usize);
            paged.extend(page.rows.into_iter().filter_map(|row| row.attempt.host));
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(paged, whole);
    }

    /// However attempts are split into batches, the counts are the same.
    #[test]
    fn batches_do_not_change_the_counts(
        offsets in proptest::collection::vec(0i64..3 * COALESCE_MS, 1..30),
        cuts in proptest::collection::vec(any::<bool>(), 30),
    ) {
        let mut times = offsets;
        times.sort_unstable();
        let one_by_one = FaultyDisk::default().store();
        for time in &times {
            record(&one_by_one, vec![row("a.example", START_MS + time)], START_MS + time);
        }
        let batched = FaultyDisk::default().store();
        let mut batch = Vec::new();
        for (time, cut) in times.iter().zip(cuts) {
            batch.push(row("a.example", START_MS + time));
            if cut {
                record(&batched, std::mem::take(&mut batch), START_MS + time);
            }
        }
        record(&batched, batch, START_MS + times[times.len() - 1]);
        let rows = |store: &Store| store.attempts(&LogQuery::default()).unwrap().rows;
        prop_assert_eq!(rows(&batched), rows(&one_by_one));
    }
}

#[test]
fn attempts_are_counted_by_service_and_quarter_of_an_hour() {
    let store = FaultyDisk::default().store();
    let start = START_MS - START_MS % TALLY_MS;
    let mut strict = row("strict.example", start);
    strict.attempt.service = None;
    record(&store, vec![row("a.example", start), row("b.example", start + TALLY_MS - 1), strict], start);
    record(&store, vec![row("a.example", start + TALLY_MS)], start + TALLY_MS);
    let counts = |counted, from_ms, until_ms| -> Vec<_> {
        let tallies = store.tallies(counted, from_ms, until_ms).unwrap();
        tallies.into_iter().map(|tally| (tally.from_ms, tally.name, tally.count)).collect()
    };
    let by_service = |from_ms| counts(Counted::Service, from_ms, i64::MAX);
    let service = Some(SERVICE.to_owned());
    assert_eq!(
        by_service(start),
        [(start, None, 1), (start, service.clone(), 2), (start + TALLY_MS, service.clone(), 1)]
    );
    assert_eq!(by_service(start + TALLY_MS), [(start + TALLY_MS, service, 1)]);
    assert_eq!(by_service(start + 2 * TALLY_MS), []);
    let first = |counted| counts(counted, start, start + TALLY_MS - 1);
    assert_eq!(first(Counted::App), [(start, Some("com.miui.weather2".to_owned()), 3)]);
    assert_eq!(first(Counted::Signal), [(start, Some("dns_question".to_owned()), 3)]);
}

#[test]
fn names_without_end_do_not_make_counts_without_end() {
    let store = FaultyDisk::default().store();
    let rows = (0..700).map(|at| {
        let mut row = row("a.example", START_MS + at % 2);
        row.attempt.app = Some(format!("com.app{at}"));
        row
    });
    record(&store, rows.collect(), START_MS);
    let apps = store.tallies(Counted::App, START_MS, START_MS).unwrap();
    assert!(apps.len() <= 501, "{}", apps.len());
    assert_eq!(apps.iter().map(|tally| tally.count).sum::<u64>(), 700, "none is lost");
    assert!(apps[0].name.is_none() && apps[0].count >= 200, "the rest count as unnamed");
}

#[test]
fn apps_that_cannot_be_told_apart_count_each() {
    let store = FaultyDisk::default().store();
    let mut shared = row("a.example", START_MS);
    shared.attempt.app = Some("com.one+com.two".to_owned());
    let mut unknown = row("b.example", START_MS);
    unknown.attempt.app = None;
    record(&store, vec![shared, unknown], START_MS);
    let apps = store.tallies(Counted::App, 0, i64::MAX).unwrap();
    let apps: Vec<_> = apps.iter().map(|tally| (tally.name.as_deref(), tally.count)).collect();
    assert_eq!(apps, [(None, 1), (Some("com.one"), 1), (Some("com.two"), 1)]);
    assert_eq!(store.tallies(Counted::Service, 0, i64::MAX).unwrap()[0].count, 2);
}

#[test]
fn a_deleted_log_leaves_no_trace_and_nobody_is_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    grant(&store);
    let rows: Vec<_> = (0..3_000).map(|i| row(&format!("trace-of-host-{i}.example"), START_MS)).collect();
    record(&store, rows, START_MS);
    let before = std::fs::metadata(store.path()).unwrap().len();
    assert_eq!(store.delete_log().unwrap(), 3_000);
    assert_eq!(store.delete_log().unwrap(), 0);
    assert_eq!(store.attempts(&LogQuery::default()).unwrap(), Page::default());
    assert_eq!(store.tallies(Counted::Service, 0, i64::MAX).unwrap(), []);
    assert_eq!(store.services_seen().unwrap()[SERVICE], Seen { times: None });
    let bytes = std::fs::read(store.path()).unwrap();
    assert!(bytes.len() as u64 * 2 < before, "{} of {before}", bytes.len());
    assert!(!bytes.windows(14).any(|part| part == b"trace-of-host-"), "what was deleted can still be read");
    // The same attempt begins a new row; its service is no new one.
    let logged = store
        .record(
            &Batch { attempts: vec![row("trace-of-host-1.example", START_MS + 1)], ..Batch::default() },
            START_MS + 1,
        )
        .unwrap();
    assert_eq!((logged[0].row.count, logged[0].first_of_service), (1, false));
    assert_eq!(store.services_seen().unwrap()[SERVICE], Seen { times: Some((START_MS + 1, START_MS + 1)) });
    assert_eq!(ConsentLedger::open(store).unwrap().consents().grants().count(), 1);
}

#[test]
fn the_log_keeps_to_its_size() {
    let store = FaultyDisk::default().store();
    store.set_retention(Retention { days: 30, megabytes: 1 }).unwrap();
    let most = 1_000_000 / 400;
    let rows: Vec<_> = (0..most + 10).map(|i| row(&format!("h{i}.example"), START_MS + i)).collect();
    record(&store, rows, START_MS);
    let size = store.log_size().unwrap();
    assert_eq!((size.rows, size.first_ms), (most as u64, Some(START_MS + 10)), "the oldest go first");
}

#[test]
fn several_services_apps_and_signals_can_be_asked_for_at_once() {
    let store = FaultyDisk::default().store();
    let rows =
        [("one", "a.b", Signal::TlsSni), ("two", "c.d", Signal::Address), ("three", "e.f", Signal::TlsSni)];
    let rows = rows.into_iter().zip(0..).map(|((service, app, signal), at)| {
        let mut row = row(&format!("{service}.example"), START_MS + at);
        row.attempt.service = Some(service.to_owned());
        row.attempt.app = Some(app.to_owned());
        row.attempt.signal = Some(signal);
        row
    });
    let mut all: Vec<_> = rows.collect();
    let mut nameless = row("nobody.example", START_MS + 3);
    (nameless.attempt.service, nameless.attempt.app) = (None, None);
    all.push(nameless);
    record(&store, all, START_MS + 3);
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let found = |query: LogQuery| {
        let count = store.count_attempts(&query).unwrap();
        let hosts = hosts(&store, &query);
        assert_eq!(count, (hosts.len() as u64, hosts.len() as u64));
        hosts.into_iter().map(|host| host.replace(".example", "")).collect::<Vec<_>>()
    };
    let query = LogQuery::default;
    assert_eq!(found(LogQuery { services: texts(&["one", "three"]), ..query() }), ["one", "three"]);
    assert_eq!(found(LogQuery { services: texts(&["", "two"]), ..query() }), ["two", "nobody"]);
    assert_eq!(found(LogQuery { apps: texts(&["c.d", ""]), ..query() }), ["two", "nobody"]);
    assert_eq!(found(LogQuery { signals: vec![Signal::TlsSni], ..query() }), ["one", "three"]);
    let both = LogQuery { signals: vec![Signal::TlsSni], apps: texts(&["e.f", "c.d"]), ..query() };
    assert_eq!(found(both), ["three"]);
    assert_eq!(found(LogQuery { until_ms: Some(START_MS + 2), ..query() }), ["one", "two"]);
    assert_eq!(found(LogQuery { until_ms: Some(i64::MIN), ..query() }), [] as [&str; 0]);
    let between = LogQuery { since_ms: Some(START_MS + 1), until_ms: Some(START_MS + 3), ..query() };
    assert_eq!(found(between), ["two", "three"]);
}

#[test]
fn only_the_very_first_attempt_of_a_service_is_its_first() {
    let store = FaultyDisk::default().store();
    store.set_retention(Retention { days: 1, megabytes: 1 }).unwrap();
    let firsts = |rows: Vec<AttemptRow>, now_ms| -> Vec<bool> {
        let logged = store.record(&Batch { attempts: rows, ..Batch::default() }, now_ms).unwrap();
        logged.into_iter().map(|logged| logged.first_of_service).collect()
    };
    assert_eq!(
        firsts(vec![row("a.example", START_MS), row("b.example", START_MS + 1)], START_MS),
        [true, false]
    );
    let mut other = row("c.example", START_MS + 2);
    other.attempt.service = Some("google.fcm".to_owned());
    assert_eq!(firsts(vec![row("a.example", START_MS + 2), other], START_MS + 2), [false, true]);
    // Long after the log has forgotten it.
    let later = START_MS + 40 * 86_400_000;
    assert_eq!(firsts(vec![row("a.example", later)], later), [false]);
    assert_eq!(hosts(&store, &LogQuery::default()), ["a.example"]);
    let seen = store.services_seen().unwrap();
    assert_eq!(seen[SERVICE], Seen { times: Some((START_MS, later)) });
    assert_eq!(seen.len(), 2);
    assert_eq!(
        store.tallies(Counted::Service, 0, i64::MAX).unwrap().len(),
        1,
        "tallies older than a week are of no use"
    );
}

#[test]
fn what_could_not_be_written_is_not_counted_either() {
    let disk = FaultyDisk::default();
    let store = disk.store();
    let batch = Batch { attempts: vec![row("a.example", START_MS)], ..Batch::default() };
    disk.set_full(true);
    assert!(matches!(store.record(&batch, START_MS), Err(StoreError::Full { .. })));
    disk.set_full(false);
    assert!(store.record(&batch, START_MS).unwrap()[0].first_of_service);
    assert_eq!(store.tallies(Counted::Service, 0, i64::MAX).unwrap()[0].count, 1);
}

#[test]
fn a_row_is_found_by_its_number() {
    let store = FaultyDisk::default().store();
    let rows = ["a.example", "b.example", "c.example"].map(|host| row(host, START_MS));
    record(&store, rows.to_vec(), START_MS);
    let page = store.numbered_attempts(&LogQuery { limit: Some(2), ..LogQuery::default() }).unwrap();
    assert_eq!((page.rows.len(), page.next), (2, Some(page.rows[1].0)));
    for (place, row) in page.rows {
        assert_eq!(store.numbered_attempt(place.id()).unwrap(), Some((place, row)));
    }
    for id in [0, -1, i64::MIN, i64::MAX] {
        assert_eq!(store.numbered_attempt(id).unwrap(), None);
    }
}

#[test]
fn preferences_survive_reopening_and_are_told_apart_by_their_prefix() {
    let disk = FaultyDisk::default();
    let store = disk.store();
    assert_eq!(store.preferences("").unwrap().len(), 0);
    for (name, value) in [("muted/b", "2"), ("muted/a", "1"), ("muted", "x"), ("n", "y")] {
        store.set_preference(name, Some(value)).unwrap();
    }
    store.set_preference("n", None).unwrap();
    store.set_preference("never there", None).unwrap();
    drop(store);
    let store = disk.store();
    let muted: Vec<_> = store.preferences("muted/").unwrap().into_iter().collect();
    assert_eq!(muted, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(store.preferences("").unwrap().len(), 3);
}

/// A clock reading that many milliseconds after the phone's start.
fn at(boot: u8, boot_ms: u64) -> Clock {
    Clock { wall_ms: START_MS + boot_ms as i64, boot_ms, boot_id: [boot; 16] }
}

#[test]
fn a_killed_firewall_leaves_a_gap_and_its_end_can_be_reported() {
    let disk = FaultyDisk::default();
    let store = disk.store();
    store.run_began(&at(1, 0)).unwrap();
    assert!(!store.wants_pulse(&at(1, 59_999)));
    assert!(store.wants_pulse(&at(1, 60_000)));
    store.record(&Batch { pulse: Some(at(1, 60_000)), ..Batch::default() }, START_MS).unwrap();
    assert_eq!(store.protection(0, &at(1, 90_000)).unwrap().gaps, []);
    // Killed.
    drop(store);
    let store = disk.store();
    let gaps = store.protection(0, &at(1, 200_000)).unwrap().gaps;
    let (from_ms, cause) = (START_MS + 60_000, Cause::Unknown);
    assert_eq!(gaps, [Gap { from_ms, until_ms: None, certain_from: false, cause }]);
    store.run_began(&at(1, 200_000)).unwrap();
    store.explain_end(Some(START_MS + 100_000), Cause::Killed).unwrap();
    let gaps = store.protection(0, &at(1, 300_000)).unwrap().gaps;
    let killed = Gap {
        from_ms: START_MS + 100_000,
        until_ms: Some(START_MS + 200_000),
        certain_from: true,
        cause: Cause::Killed,
    };
    assert_eq!(gaps, std::slice::from_ref(&killed));
    // What is known for certain stays as it is, and so does the one that runs.
    store.explain_end(Some(START_MS + 150_000), Cause::Crashed).unwrap();
    store.explain_end(Some(0), Cause::Crashed).unwrap();
    assert_eq!(store.protection(0, &at(1, 300_000)).unwrap().gaps, [killed]);
}

#[test]
fn an_orderly_end_is_certain_and_its_cause_can_be_given_before_or_after() {
    let store = FaultyDisk::default().store();
    let cause = |now: &Clock| store.protection(0, now).unwrap().gaps.last().unwrap().cause;
    store.run_began(&at(1, 0)).unwrap();
    store.run_ended(&at(1, 10_000), Cause::TurnedOff).unwrap();
    assert_eq!(cause(&at(1, 20_000)), Cause::TurnedOff);
    store.explain_end(None, Cause::OtherVpn).unwrap();
    assert_eq!(cause(&at(1, 20_000)), Cause::OtherVpn);
    store.run_began(&at(1, 30_000)).unwrap();
    store.explain_end(None, Cause::PhoneOff).unwrap();
    store.run_ended(&at(1, 40_000), Cause::TurnedOff).unwrap();
    assert_eq!(cause(&at(1, 50_000)), Cause::PhoneOff);
    // Announced, but then it went on.
    store.run_began(&at(1, 60_000)).unwrap();
    store.explain_end(None, Cause::PhoneOff).unwrap();
    store.record(&Batch { pulse: Some(at(1, 120_000)), ..Batch::default() }, START_MS).unwrap();
    store.run_ended(&at(1, 130_000), Cause::TurnedOff).unwrap();
    assert_eq!(cause(&at(1, 140_000)), Cause::TurnedOff);
}

#[test]
fn a_full_disk_at_the_start_does_not_make_a_gap_of_what_was_protected() {
    let disk = FaultyDisk::default();
    let store = disk.store();
    disk.set_full(true);
    assert!(store.run_began(&at(1, 0)).is_err());
    disk.set_full(false);
    assert!(store.wants_pulse(&at(1, 1)), "it is to be brought in as soon as it can");
    store.record(&Batch { pulse: Some(at(1, 60_000)), ..Batch::default() }, START_MS).unwrap();
    store.run_ended(&at(1, 90_000), Cause::TurnedOff).unwrap();
    let found = store.protection(0, &at(1, 180_000)).unwrap();
    assert_eq!((found.gaps.len(), found.protected_percent), (1, Some(50)));
}

#[test]
fn another_key_makes_a_foreign_ledger() {
    let store = FaultyDisk::default().store();
    grant(&store);
    let (_, document) = SigningKey::generate().unwrap();
    store.set_setting(SIGNING_KEY, &document).unwrap();
    let error = ConsentLedger::open(store.clone()).unwrap_err();
    assert!(error.to_string().contains("signed with another key"), "{error}");
    store.set_setting(SIGNING_KEY, b"no key").unwrap();
    let error = ConsentLedger::open(store).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn read_only_storage_refuses_changes_and_keeps_what_there_is() {
    let disk = FaultyDisk::default();
    let store = disk.store();
    grant(&store);
    let mut stored = ConsentLedger::open(store.clone()).unwrap();
    disk.set_failure(Some(std::io::ErrorKind::ReadOnlyFilesystem));
    let change = stored.consents().revoke(
        Catalogue::builtin(),
        SERVICE,
        Scope::AllApps,
        Via::Screen,
        &crate::clock::now(),
    );
    let error = StoreError::from(stored.record(&change.unwrap()).unwrap_err());
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("consentry.redb"), "{error}");
    assert_eq!(stored.consents().grants().count(), 1);
    disk.set_failure(None);
    assert_eq!(ConsentLedger::open(disk.store()).unwrap().consents().grants().count(), 1);
}
