//! `consentry log`, on a log that was written as the engine writes it.

use crate::program::{Folder, json_lines};
use consentry_catalogue::{Certainty, Transport};
use consentry_consent::Signal;
use consentry_consent::attempt::{Attempt, AttemptRow};
use consentry_inspect::identifiers::{Form, Identifier, Kind};
use consentry_runtime::clock;
use consentry_runtime::store::{Batch, Store};

fn attempt(service: &str, host: &str) -> Attempt {
    Attempt {
        app: Some("com.example.app".to_owned()),
        service: Some(service.to_owned()),
        host: Some(host.to_owned()),
        signal: Some(Signal::HttpHost),
        address: Some("192.0.2.7".parse().unwrap()),
        port: Some(80),
        transport: Transport::Tcp,
        certainty: Some(Certainty::Confirmed),
        reason: "because, \"of course\"".to_owned(),
        identifiers: vec![Identifier {
            kind: Kind::Imei,
            form: Form::Plain,
            place: "query parameter imei".to_owned(),
        }],
        path: Some("/pass/*".to_owned()),
        bytes_held: 321,
    }
}

/// A folder whose log holds an old attempt, a fresh one twice, and one whose host looks like a formula.
fn with_log() -> Folder {
    let folder = Folder::new();
    let now = clock::wall_ms();
    let hour = 3_600_000;
    let store = Store::open(&folder.path("state")).unwrap();
    let rows = [
        (attempt("xiaomi.ads", "old.example"), now - 5 * hour),
        (attempt("xiaomi.push", "fresh.example"), now - 2000),
        (attempt("xiaomi.push", "fresh.example"), now - 1000),
        (attempt("xiaomi.ads", "=cmd|' /C calc'!A0"), now - 500),
    ];
    for (attempt, time) in rows {
        let batch = Batch { attempts: vec![AttemptRow::new(attempt, time)], ..Batch::default() };
        store.record(&batch, time).unwrap();
    }
    folder
}

#[test]
fn json_lines_have_the_documented_keys() {
    let folder = with_log();
    let rows = json_lines(&folder.on_state(&["log", "--format", "jsonl"]).fine());
    assert_eq!(rows.len(), 3);
    let fresh = rows.iter().find(|row| row["host"] == "fresh.example").unwrap();
    assert_eq!((fresh["count"].as_u64(), fresh["bytes_held"].as_u64()), (Some(2), Some(642)));
    assert_eq!((fresh["proto"].as_str(), fresh["signal"].as_str()), (Some("tcp"), Some("http_host")));
    assert_eq!(fresh["identifiers"][0]["kind"], "imei");
    assert_eq!(fresh["identifiers"][0]["where"], "query parameter imei");
    for key in [
        "first",
        "last",
        "count",
        "app",
        "service",
        "host",
        "signal",
        "address",
        "port",
        "proto",
        "certainty",
        "reason",
        "identifiers",
        "bytes_held",
    ] {
        assert!(fresh.get(key).is_some(), "{key}");
    }
}

#[test]
fn filters_choose_rows() {
    let folder = with_log();
    let hosts = |words: &[&str]| -> Vec<String> {
        let words = [&["log", "--format", "jsonl"], words].concat();
        json_lines(&folder.on_state(&words).fine())
            .iter()
            .map(|row| row["host"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(hosts(&["--service", "xiaomi.push"]), ["fresh.example"]);
    assert_eq!(hosts(&["--search", "OLD.ex"]), ["old.example"]);
    assert_eq!(hosts(&["--since", "1h"]).len(), 2);
    assert_eq!(hosts(&["--app", "com.example.app", "--since", "6h"]).len(), 3);
    assert!(hosts(&["--app", "com.example.other"]).is_empty());
    let line = folder.on_state(&["log", "--since", "whenever"]).failed(2);
    assert!(line.contains("whenever"), "{line}");
}

#[test]
fn csv_opens_in_a_spreadsheet_without_running_anything() {
    let folder = with_log();
    let csv = folder.on_state(&["log", "--format", "csv"]).fine();
    let lines: Vec<&str> = csv.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "first,last,count,app,service,host,signal,address,port,proto,certainty,reason,identifiers,bytes_held"
    );
    assert_eq!(lines.len(), 4);
    assert!(csv.contains(",'=cmd|' /C calc'!A0,"), "{csv}");
    assert!(csv.contains(r#","because, ""of course""","#), "{csv}");
    assert!(csv.contains("imei (plain) in query parameter imei"), "{csv}");
}

#[test]
fn the_table_reads_well_at_eighty_columns() {
    let folder = with_log();
    let table = folder.on_state(&["log"]).fine();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for word in
        ["fresh.example", "192.0.2.7:80 over tcp", "carries: imei", "321 bytes held", "by com.example.app"]
    {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(Folder::new().on_state(&["log"]).fine().contains("Nothing was held back"));
}

#[test]
fn following_prints_what_is_stored_and_then_needs_a_firewall() {
    let folder = with_log();
    let said = folder.on_state(&["log", "--follow", "--format", "jsonl"]);
    assert_eq!(json_lines(&said.out).len(), 3);
    let line = said.failed(2);
    assert!(line.contains("no firewall is running"), "{line}");
}
