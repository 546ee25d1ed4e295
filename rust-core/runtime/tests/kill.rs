//! A process that is killed at any moment loses nothing that it confirmed, and leaves nothing that it did not do.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::attempt::{Attempt, AttemptRow};
use consentry_consent::{Change, Consents, How, Scope, Signal, Term, Via, receipt};
use consentry_runtime::OpenState;
use consentry_runtime::store::{Batch, LogQuery, Retention, Store};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Set for the processes that are killed: the folder that they write to.
const FOLDER: &str = "CONSENTRY_TEST_KILLED_FOLDER";
const SERVICES: [&str; 3] = ["xiaomi.push", "google.fcm", "xiaomi.cloud_messaging"];
const ROUNDS: usize = 20;

/// Not a test by itself: what the killed processes do. Each change of consent and each batch of attempts is numbered, and
/// said on standard output once it was confirmed.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let state = OpenState::open(folder, Catalogue::builtin(), None).unwrap();
    state.store().set_retention(Retention { days: 3_650, megabytes: 1_000 }).unwrap();
    let mut changes = state.history().unwrap().len();
    let mut batches = batches(state.store()).last().map_or(0, |last| last + 1);
    let mut output = std::io::stdout().lock();
    loop {
        let service = SERVICES[changes % SERVICES.len()];
        let how = How { via: Via::Command, wording: Some(changes.to_string()) };
        let granted = state.consents().grants().any(|grant| grant.service == service);
        if granted {
            state.revoke(service, Scope::AllApps, how).unwrap();
        } else {
            state.grant(service, Scope::AllApps, Term::Forever, how).unwrap();
        }
        writeln!(output, "\nchange {changes}").unwrap();
        changes += 1;
        let rows = (0..=batches % 20).map(|row| AttemptRow::new(attempt(batches, row), 1_700_000_000_000));
        let batch = Batch { attempts: rows.collect(), ..Batch::default() };
        state.store().record(&batch, 1_700_000_000_000).unwrap();
        writeln!(output, "batch {batches}").unwrap();
        output.flush().unwrap();
        batches += 1;
    }
}

fn attempt(batch: usize, row: usize) -> Attempt {
    Attempt {
        app: None,
        service: None,
        host: Some(format!("{batch}.{row}.example")),
        signal: Some(Signal::DnsQuestion),
        address: None,
        port: None,
        transport: Transport::Udp,
        certainty: None,
        reason: String::new(),
        identifiers: Vec::new(),
        path: None,
        bytes_held: 1,
    }
}

/// The numbers of the batches in the log, each of which must be there whole.
fn batches(store: &Store) -> BTreeSet<usize> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut query = LogQuery::default();
    loop {
        let page = store.attempts(&query).unwrap();
        for row in page.rows {
            assert_eq!((row.count, row.attempt.bytes_held), (1, 1));
            let host = row.attempt.host.unwrap();
            let mut parts = host.split('.').map(|part| part.parse().unwrap_or(usize::MAX));
            found.push((parts.next().unwrap(), parts.next().unwrap()));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let numbers: BTreeSet<usize> = found.iter().map(|(batch, _)| *batch).collect();
    let expected = numbers.iter().flat_map(|batch| (0..=batch % 20).map(|row| (*batch, row)));
    assert!(found.iter().copied().collect::<BTreeSet<_>>().into_iter().eq(expected), "half a batch");
    assert_eq!(found.len(), numbers.iter().map(|batch| 1 + batch % 20).sum::<usize>(), "a row twice");
    numbers
}

fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills after so many confirmations. Returns the numbers confirmed last: a change, a batch.
fn kill_after(folder: &Path, confirmations: usize) -> (Option<usize>, Option<usize>) {
    let mut child = start(folder);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut change, mut batch) = (None, None);
    let mut confirmed = 0;
    let mut line = String::new();
    let mut killed = false;
    loop {
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        // What was said before the kill, and is read after it, was confirmed too; half a line was not.
        match line.strip_suffix('\n').and_then(|line| line.split_once(' ')) {
            Some(("change", number)) => change = Some(number.parse().unwrap()),
            Some(("batch", number)) => batch = Some(number.parse().unwrap()),
            _ => continue,
        }
        confirmed += 1;
        if confirmed >= confirmations && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "it ended by itself");
    (change, batch)
}

#[test]
fn nothing_confirmed_is_lost_and_nothing_is_invented() {
    let folder = tempfile::tempdir().unwrap();
    let (mut changes, mut last_batch) = (0, None);
    // xorshift32: where to kill, the same each time, but for how far the process has come beyond that.
    let mut chance = 2_463_534_242_u32;
    for round in 0..ROUNDS {
        chance ^= chance << 13;
        chance ^= chance >> 17;
        chance ^= chance << 5;
        let (last_change, batch) = kill_after(folder.path(), 1 + chance as usize % 60);
        let state = OpenState::open(folder.path(), Catalogue::builtin(), None).unwrap();
        let history = state.history().unwrap();
        let numbers: Vec<usize> =
            history.iter().map(|change| change.wording.as_ref().unwrap().parse().unwrap()).collect();
        assert!(numbers.iter().copied().eq(0..numbers.len()), "round {round}: the history has holes");
        let confirmed = last_change.map_or(changes, |last| last + 1);
        assert!(
            (confirmed..=confirmed + 1).contains(&numbers.len()),
            "round {round}: {confirmed} changes were confirmed, {} are there",
            numbers.len()
        );
        assert_eq!(state.consents(), Consents::replay(&history));
        let found = batches(state.store());
        let confirmed_batch = batch.or(last_batch);
        assert!(found.iter().copied().eq(0..found.len()), "round {round}: the log has holes");
        let least = confirmed_batch.map_or(0, |batch| batch + 1);
        assert!(
            (least..=least + 1).contains(&found.len()),
            "round {round}: {least} batches were confirmed, {} are there",
            found.len()
        );
        assert!(receipt::verify(&state.receipts(None).unwrap(), None).is_ok());
        assert!(history.iter().all(|change: &Change| change.via == Via::Command));
        changes = numbers.len();
        last_batch = found.last().copied();
    }
    assert!(changes > 150, "too few to show anything: {changes}");
}
