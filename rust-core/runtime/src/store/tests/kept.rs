//! Stores of every layout there was, as they were left.
use super::*;

/// A folder with a store as an earlier version left it.
fn stored_by(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores").join(name);
    std::fs::copy(file, folder.path().join(FILE)).unwrap();
    folder
}

/// What the stores in `tests/stores` hold: see `make_a_store_to_keep`.
fn check_kept_store(folder: &Path) {
    let store = Arc::new(Store::open(folder).unwrap());
    let page = store.attempts(&LogQuery::default()).unwrap();
    // Five hosts, each tried every ten minutes for an hour: two and two are within ten minutes.
    assert_eq!(page.rows.len(), 15);
    assert_eq!(page.rows.iter().map(|row| row.count).sum::<u64>(), 30);
    assert_eq!(page.rows[0], {
        let mut first = row("host0.example", START_MS);
        first.attempt.path = Some("/a/{}".to_owned());
        first.add(attempt("host0.example"), START_MS + 600_000);
        first
    });
    let query = LogQuery { search: Some("HOST3".to_owned()), ..LogQuery::default() };
    assert_eq!(hosts(&store, &query), ["host3.example"; 3]);
    let tallies = store.tallies(Counted::Service, START_MS, START_MS + 3_600_000).unwrap();
    assert_eq!(tallies.iter().map(|tally| tally.count).sum::<u64>(), 30);
    let last_ms = START_MS + 29 * 120_000;
    assert_eq!(store.services_seen().unwrap()[SERVICE], Seen { times: Some((START_MS, last_ms)) });
    assert_eq!(store.sinkholes().unwrap().len(), 5);
    assert_eq!(store.retention().unwrap().days, 3_650);
    assert_eq!(store.preferences("").unwrap()["app/theme"], "dark");
    let ledger = ConsentLedger::open(store.clone()).unwrap();
    let consents = ledger.consents();
    assert_eq!(consents.grants().map(|grant| grant.service.as_str()).collect::<Vec<_>>(), [SERVICE]);
    assert!(consents.is_switched_off("xiaomi.cloud_messaging"));
    assert_eq!(consents.strict_apps().collect::<Vec<_>>(), ["com.example.app"]);
    drop(ledger);
    // It takes more, and is found again.
    let more = row("more.example", START_MS + 86_400_000);
    record(&store, vec![more], START_MS + 86_400_000);
    drop(store);
    assert_eq!(Store::open(folder).unwrap().attempts(&LogQuery::default()).unwrap().rows.len(), 16);
}

#[test]
fn a_store_of_the_first_layout_is_brought_up_to_date() {
    let folder = stored_by("layout-1.redb");
    check_kept_store(folder.path());
    let store = Arc::new(Store::open(folder.path()).unwrap());
    // It does not say what was agreed to, so nothing is covered before the owner was asked again.
    assert!(ConsentLedger::open(store).unwrap().consents().grants().all(|grant| grant.covers.is_none()));
}

#[test]
fn a_full_disk_leaves_an_old_store_as_it_was() {
    let disk = FaultyDisk::default();
    disk.set_contents(std::fs::read(stored_by("layout-1.redb").path().join(FILE)).unwrap());
    disk.set_full(true);
    assert!(matches!(disk.try_store(), Err(StoreError::Full { .. })));
    disk.set_full(false);
    assert_eq!(disk.store().attempts(&LogQuery::default()).unwrap().rows.len(), 15);
}

/// Where the next test leaves the store that it makes.
const KEPT_FOLDER: &str = "CONSENTRY_STORE_TO_KEEP";

/// Makes the file for `tests/stores`, once for each layout:
/// `CONSENTRY_STORE_TO_KEEP=/some/folder cargo test -p consentry-runtime make_a_store_to_keep -- --ignored`.
#[test]
#[ignore = "run by hand when the layout changes"]
fn make_a_store_to_keep() {
    let folder = std::env::var_os(KEPT_FOLDER).unwrap();
    let store = Arc::new(Store::open(Path::new(&folder)).unwrap());
    store.secret().unwrap();
    store.set_retention(Retention { days: 3_650, megabytes: 50 }).unwrap();
    store.set_preference("app/theme", Some("dark")).unwrap();
    store.set_preference("muted/google.fcm", Some("2023-11-14T22:13:20.000Z")).unwrap();
    store.run_began(&at(7, 0)).unwrap();
    let mut stored = ConsentLedger::open(store.clone()).unwrap();
    let clock = Clock { wall_ms: START_MS, boot_ms: 60_000, boot_id: [7; 16] };
    let catalogue = Catalogue::builtin();
    for service in [SERVICE, "xiaomi.cloud_messaging"] {
        let consents = stored.consents();
        let change = consents.grant(catalogue, service, Scope::AllApps, Term::Forever, Via::Screen, &clock);
        stored.record(&change.unwrap()).unwrap();
    }
    let change = stored.consents().revoke(
        catalogue,
        "xiaomi.cloud_messaging",
        Scope::AllApps,
        Via::Notification,
        &clock,
    );
    stored.record(&change.unwrap()).unwrap();
    let change = stored.consents().set_strict("com.example.app", true, Via::Screen, &clock);
    stored.record(&change.unwrap()).unwrap();
    for turn in 0..30 {
        let host = format!("host{}.example", turn % 5);
        let at_ms = START_MS + turn * 120_000;
        let mut one = row(&host, at_ms);
        one.attempt.path = (turn % 5 == 0).then(|| "/a/{}".to_owned());
        let sinkholes = vec![(host, (turn % 5) as u32)];
        store.record(&Batch { attempts: vec![one], sinkholes, ..Batch::default() }, at_ms).unwrap();
    }
    store.run_ended(&at(7, 3_600_000), Cause::TurnedOff).unwrap();
}

#[test]
fn a_store_of_the_present_layout_is_opened() {
    assert_eq!(SCHEMA, 2, "a new layout: keep a store of it, and migrate this one");
    let folder = stored_by("layout-2.redb");
    let store = Store::open(folder.path()).unwrap();
    let gap =
        Gap { from_ms: START_MS + 3_600_000, until_ms: None, certain_from: true, cause: Cause::TurnedOff };
    assert_eq!(store.protection(0, &at(7, 7_200_000)).unwrap().gaps, [gap]);
    drop(store);
    check_kept_store(folder.path());
    let store = Arc::new(Store::open(folder.path()).unwrap());
    assert!(ConsentLedger::open(store).unwrap().consents().grants().all(|grant| grant.covers.is_some()));
}
