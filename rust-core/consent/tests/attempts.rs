//! Rows of the attempt log and their form.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_catalogue::{Certainty, Transport};
use consentry_consent::attempt::{Attempt, AttemptRow, COALESCE_MS};
use consentry_consent::{Owner, Signal, judge_question, rfc3339};
use consentry_inspect::identifiers::{Form, Identifier, Kind};
use phone::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn attempt() -> Attempt {
    let verdict = flow().sinkhole(SHARED_HOST).http(SHARED_HOST, LOOK_UP).judge(&granted(&[]));
    Attempt {
        address: Some("198.18.0.9".parse().unwrap()),
        port: Some(80),
        bytes_held: 200,
        path: Some("/pass/user@id".into()),
        ..Attempt::new(catalogue(), &verdict, Transport::Tcp, &app(CATALOGUED))
    }
}

fn identifier(kind: Kind) -> Identifier {
    Identifier { kind, form: Form::Plain, place: "query parameter".into() }
}

#[test]
fn an_attempt_tells_what_the_verdict_tells() {
    let attempt = attempt();
    assert_eq!(attempt.app.as_deref(), Some(CATALOGUED));
    assert_eq!(attempt.service.as_deref(), Some(MESSAGING));
    assert_eq!(attempt.host.as_deref(), Some(SHARED_HOST));
    assert_eq!(attempt.signal, Some(Signal::HttpHost));
    assert_eq!(attempt.certainty, Some(Certainty::Confirmed));
    let strict = Attempt::new(
        catalogue(),
        &judge_question(catalogue(), &granted(&[]), PUSH_HOST),
        Transport::Udp,
        &Owner::Shared { uid: 1000 },
    );
    assert_eq!(strict.app.as_deref(), Some("uid:1000"));
    assert_eq!((strict.address, strict.port), (None, None));
}

#[test]
fn a_row_has_the_keys_of_the_log() {
    let row = AttemptRow::new(Attempt { path: None, ..attempt() }, now().wall_ms);
    let json = serde_json::to_value(&row).unwrap();
    let keys: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
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
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(json["first"], "2026-01-01T00:00:00.000Z");
    assert_eq!(json["signal"], "http_host");
    assert_eq!(json["proto"], "tcp");
    assert_eq!(json["certainty"], "confirmed");
    assert_eq!(serde_json::from_value::<AttemptRow>(json).unwrap(), row);
}

#[test]
fn repeats_are_counted_in_one_row() {
    let start = now().wall_ms;
    let mut row = AttemptRow::new(Attempt { identifiers: vec![identifier(Kind::Imei)], ..attempt() }, start);
    let repeat = Attempt { identifiers: vec![identifier(Kind::Imei), identifier(Kind::Imsi)], ..attempt() };
    assert_eq!(repeat.key(), row.key());
    assert!(row.takes(start) && row.takes(start + COALESCE_MS));
    assert!(!row.takes(start + COALESCE_MS + 1) && !row.takes(start - 1) && !row.takes(i64::MIN));
    row.add(repeat, start + 5);
    assert_eq!((row.first_ms, row.last_ms, row.count, row.attempt.bytes_held), (start, start + 5, 2, 400));
    assert_eq!(row.attempt.identifiers, [identifier(Kind::Imei), identifier(Kind::Imsi)]);
}

#[test]
fn what_differs_in_its_key_has_its_own_row() {
    let key = attempt().key();
    for other in [
        Attempt { app: None, ..attempt() },
        Attempt { service: None, ..attempt() },
        Attempt { host: None, ..attempt() },
        Attempt { address: None, ..attempt() },
        Attempt { port: Some(8080), ..attempt() },
        Attempt { signal: Some(Signal::DnsAnswer), ..attempt() },
    ] {
        assert_ne!(other.key(), key);
    }
    assert_eq!(Attempt { bytes_held: 1, path: None, reason: String::new(), ..attempt() }.key(), key);
}

#[test]
fn known_times_have_known_texts() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (1_407_403_800_123, "2014-08-07T09:30:00.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(rfc3339::format(ms), text);
        assert_eq!(rfc3339::parse(text), Some(ms));
    }
    assert_eq!(rfc3339::parse("2014-08-07T09:30:00Z"), Some(1_407_403_800_000));
    assert_eq!(rfc3339::parse("2014-08-07T09:30:00.12345Z"), Some(1_407_403_800_123));
    for wrong in [
        "",
        "Z",
        "2014-08-07",
        "2014-08-07T09:30:00",
        "2014-08-07T09:30:00+00:00",
        "2014-02-29T00:00:00Z",
        "2014-13-01T00:00:00Z",
        "2014-00-01T00:00:00Z",
        "2014-01-00T00:00:00Z",
        "2014-01-01T24:00:00Z",
        "2014-01-01T00:60:00Z",
        "2014-01-01T00:00:60Z",
        "2014-01-01T00:00:00.Z",
        "+014-01-01T00:00:00Z",
        "2014-01-01t00:00:00z",
        "2014-01-01T00:00:0\u{e9}Z",
    ] {
        assert_eq!(rfc3339::parse(wrong), None, "{wrong}");
    }
    assert_eq!(rfc3339::format(i64::MAX), "9999-12-31T23:59:59.999Z");
    assert_eq!(rfc3339::format(i64::MIN), "0000-01-01T00:00:00.000Z");
}

proptest! {
    #[test]
    fn times_survive_as_text(ms in -62_167_219_200_000..=253_402_300_799_999i64) {
        prop_assert_eq!(rfc3339::parse(&rfc3339::format(ms)), Some(ms));
    }

    #[test]
    fn any_text_is_read_or_refused_as_a_time(text in "\\PC{0,30}") {
        let _ = rfc3339::parse(&text);
    }

    #[test]
    fn times_in_order_have_texts_in_order(a in -62_167_219_200_000..=253_402_300_799_999i64, b in 0..1_000_000_000_000i64) {
        let later = a.saturating_add(b).min(253_402_300_799_999);
        prop_assert!(rfc3339::format(a) <= rfc3339::format(later));
    }
}
