use super::faulty::FaultyDisk;
use super::*;
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::attempt::{Attempt, AttemptRow, COALESCE_MS};
use consentry_consent::{Change, Scope, Signal, Term, Via};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

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
    store.set_retention_days(7).unwrap();
    let batch =
        Batch { attempts: vec![row("a.example", START_MS)], sinkholes: vec![("a.example".to_owned(), 7)] };
    store.record(&batch, START_MS).unwrap();
    drop(store);

    let store = Arc::new(Store::open(folder.path()).unwrap());
    assert_eq!(store.secret().unwrap(), secret);
    assert_eq!(store.retention_days().unwrap(), 7);
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
        hosts(&store, &LogQuery { service: Some("generic.other".to_owned()), ..query() }),
        ["tracking.example"]
    );
    assert_eq!(hosts(&store, &LogQuery { app: Some("com.two".to_owned()), ..query() }), ["tracking.example"]);
    assert_eq!(hosts(&store, &LogQuery { app: Some("com.tw".to_owned()), ..query() }), [] as [&str; 0]);
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
    store.set_retention_days(1).unwrap();
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
            let mut log = transaction.open_table::<(i64, u64), &[u8]>(TableDefinition::new("attempts"))?;
            log.insert((START_MS, 0), b"{".as_slice())?;
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
    let counts = |from_ms| -> Vec<_> {
        let tallies = store.tallies(from_ms).unwrap();
        tallies.into_iter().map(|tally| (tally.from_ms, tally.service, tally.count)).collect()
    };
    let service = Some(SERVICE.to_owned());
    assert_eq!(
        counts(start),
        [(start, None, 1), (start, service.clone(), 2), (start + TALLY_MS, service.clone(), 1)]
    );
    assert_eq!(counts(start + TALLY_MS), [(start + TALLY_MS, service, 1)]);
    assert_eq!(counts(start + 2 * TALLY_MS), []);
}

#[test]
fn only_the_very_first_attempt_of_a_service_is_its_first() {
    let store = FaultyDisk::default().store();
    store.set_retention_days(1).unwrap();
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
    assert_eq!(seen[SERVICE], Seen { first_ms: START_MS, last_ms: later });
    assert_eq!(seen.len(), 2);
    assert_eq!(store.tallies(0).unwrap().len(), 1, "tallies older than a week are of no use");
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
    assert_eq!(store.tallies(0).unwrap().iter().map(|tally| tally.count).sum::<u64>(), 1);
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
