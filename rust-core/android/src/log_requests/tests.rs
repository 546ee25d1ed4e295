use crate::lab::{Lab, SERVICE, datagram};
use consentry_inspect::dns;
use consentry_runtime::clock;
use consentry_runtime::firewall::OWN_DNS;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// What was asked for, in this order. The first two are of one service.
const NAMES: [&str; 4] =
    ["app.chat.xiaomi.net", "api.chat.xiaomi.net", "api.account.xiaomi.com", "mtalk.google.com"];

/// A session in whose log each of the names stands once.
fn with_log() -> Lab {
    let lab = Lab::new();
    let apps = lab.start();
    for name in NAMES {
        let question = dns::query(7, &name.parse().unwrap(), dns::A);
        apps.send(&datagram(SocketAddr::new(OWN_DNS[0], 53), &question)).unwrap();
        apps.recv(&mut [0; 2000]).unwrap();
    }
    lab.session.stop();
    lab
}

fn rows(lab: &Lab, request: &Value) -> usize {
    lab.ask(request)["rows"].as_array().unwrap().len()
}

#[test]
fn rows_can_be_chosen_by_several_names() {
    let lab = with_log();
    let chosen = |key: &str, value: Value| {
        let rows = rows(&lab, &json!({"do": "log", key: value}));
        let counted = lab.ask(&json!({"do": "log_count", key: value}));
        assert_eq!(counted, json!({"rows": rows, "attempts": rows}));
        rows
    };
    assert_eq!(chosen("service", json!(SERVICE)), 2);
    assert_eq!(chosen("service", json!([SERVICE, "google.fcm"])), 3);
    assert_eq!(chosen("service", json!([])), 4);
    assert_eq!(chosen("app", json!(["", "com.example.app"])), 4);
    assert_eq!(chosen("app", json!(["com.example.app"])), 0);
    assert_eq!(chosen("signal", json!("dns_question")), 4);
    assert_eq!(chosen("signal", json!(["tls_sni", "address"])), 0);
    assert_eq!(chosen("until_ms", json!(clock::wall_ms() + 1_000)), 4);
    assert_eq!(chosen("until_ms", json!(0)), 0);
}

#[test]
fn counts_need_no_log() {
    let lab = with_log();
    let counts = lab.ask(&json!({"do": "counts", "since_ms": 0}));
    assert_eq!(counts["total"], 4);
    assert_eq!(counts["services"][0], json!({"id": SERVICE, "count": 2}));
    assert_eq!(counts["services"].as_array().unwrap().len(), 3);
    assert_eq!(counts["apps"], json!([{"id": null, "count": 4}]));
    assert_eq!(counts["signals"], json!([{"id": "dns_question", "count": 4}]));
    let days = counts["days"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["count"].as_u64().unwrap()).sum::<u64>(), 4);
    assert!(days.len() <= 2, "at midnight there may be two: {days:?}");
    let none = lab.ask(&json!({"do": "counts", "since_ms": 0, "until_ms": 1}));
    assert_eq!((&none["total"], &none["services"]), (&json!(0), &json!([])));
    lab.ask(&json!({"do": "counts", "since_ms": i64::MIN, "until_ms": i64::MAX}));
}

#[test]
fn an_export_in_parts_is_a_whole_file() {
    let lab = with_log();
    let csv = lab.ask(&json!({"do": "export", "format": "csv"}));
    let text = csv["text"].as_str().unwrap();
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1 + NAMES.len());
    assert!(lines[0].starts_with("first,last,count,app,service,host,"));
    assert!(lines[1..].is_sorted_by_key(|line| &line[..24]), "the oldest come first: {lines:?}");
    for name in NAMES {
        assert_eq!(lines.iter().filter(|line| line.contains(name)).count(), 1, "{name}");
    }
    assert_eq!((&csv["next"], &csv["percent"], &csv["rows"]), (&json!(null), &json!(100), &json!(4)));
    let lines = lab.ask(&json!({"do": "export", "format": "jsonl", "service": SERVICE}));
    let hosts: std::collections::BTreeSet<String> = lines["text"]
        .as_str()
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["host"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(hosts, NAMES[..2].iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn a_long_log_is_exported_part_by_part() {
    use consentry_consent::attempt::{Attempt, AttemptRow};
    let folder = tempfile::tempdir().unwrap();
    let catalogue = consentry_catalogue::Catalogue::builtin();
    let state = consentry_runtime::OpenState::open(folder.path(), catalogue, None).unwrap();
    let verdict = consentry_consent::judge_question(
        catalogue,
        &consentry_consent::Policy::new(catalogue, &consentry_consent::Consents::new(), &clock::now()),
        "app.chat.xiaomi.net",
    );
    let attempt = Attempt::new(
        catalogue,
        &verdict,
        consentry_catalogue::Transport::Udp,
        &consentry_consent::Owner::Unknown,
    );
    let rows = (0..1_200).map(|at| {
        let attempt = Attempt { host: Some(format!("h{at}.example")), ..attempt.clone() };
        AttemptRow::new(attempt, clock::wall_ms() - 10_000 + at)
    });
    let batch = consentry_runtime::store::Batch { attempts: rows.collect(), ..Default::default() };
    state.store().record(&batch, clock::wall_ms()).unwrap();

    let (mut text, mut parts, mut after, mut percents) = (String::new(), 0, None, Vec::new());
    loop {
        let answer =
            super::export(&state, super::ExportFormat::Csv, super::LogQuery::default(), after).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        text.push_str(answer["text"].as_str().unwrap());
        parts += 1;
        percents.push(answer["percent"].as_u64().unwrap());
        if answer["next"].is_null() {
            break;
        }
        after = Some(serde_json::from_value(answer["next"].clone()).unwrap());
    }
    assert_eq!((parts, text.lines().count()), (3, 1_201));
    assert!(percents.is_sorted() && percents[0] > 20 && percents[2] == 100, "{percents:?}");
}

#[test]
fn what_is_kept_can_be_set() {
    let lab = with_log();
    let kept = lab.ask(&json!({"do": "retention"}));
    assert_eq!((&kept["days"], &kept["megabytes"], &kept["rows"]), (&json!(30), &json!(50), &json!(4)));
    assert!(kept["first_ms"].as_i64().unwrap() > 0);
    let kept = lab.ask(&json!({"do": "retention", "days": 7}));
    assert_eq!((&kept["days"], &kept["megabytes"]), (&json!(7), &json!(50)));
    lab.ask(&json!({"do": "retention", "megabytes": 9}));
    let kept = lab.ask(&json!({"do": "retention"}));
    assert_eq!((&kept["days"], &kept["megabytes"]), (&json!(7), &json!(9)));
}

#[test]
fn the_log_is_deleted_and_decisions_stay() {
    let lab = with_log();
    lab.ask(&json!({"do": "revoke", "service": SERVICE, "via": "screen"}));
    assert_eq!(lab.ask(&json!({"do": "delete_log"})), json!({"ok": true, "rows": 4}));
    assert_eq!(rows(&lab, &json!({"do": "log"})), 0);
    assert_eq!(lab.ask(&json!({"do": "status"}))["held_today"], 0);
    assert_eq!(lab.service(SERVICE)["last_ms"], json!(null));
    assert_eq!(lab.service(SERVICE)["kept_blocked"], true);
    assert_eq!(lab.ask(&json!({"do": "history"}))["changes"].as_array().unwrap().len(), 1);
}
