use super::*;
use crate::lab::{Lab, SERVICE, look_up};
use consentry_catalogue::{Catalogue, Certainty, Standing};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

/// Cloud Messaging and Mi Account share a host.
const SHARING: [&str; 2] = ["xiaomi.cloud_messaging", "xiaomi.account"];

fn grant(service: &str, app: Option<&str>, term: Option<&str>) -> Value {
    json!({"do": "grant", "service": service, "app": app, "for": term, "via": "screen"})
}

fn revoke(service: &str, app: Option<&str>) -> Value {
    json!({"do": "revoke", "service": service, "app": app, "via": "notification"})
}

fn code(lab: &Lab, request: &str) -> &'static str {
    lab.session.request(request).unwrap_err().code.as_str()
}

fn essential() -> &'static str {
    let services = Catalogue::builtin().services();
    &services.iter().find(|service| service.standing == Standing::Essential).unwrap().id
}

#[test]
fn every_service_is_told_in_full() {
    let lab = Lab::new();
    let answer = lab.ask(&json!({"do": "services"}));
    let services = answer["services"].as_array().unwrap();
    let catalogue = Catalogue::builtin().services();
    assert_eq!(services.len(), catalogue.len());
    for (told, known) in services.iter().zip(catalogue) {
        assert_eq!(told["id"], known.id.as_str());
        assert_eq!(told["short_name"], known.short_name.as_str());
        assert_eq!(told["breaks_short"], known.breaks_short.as_str());
        assert_eq!(told["hosts"].as_array().unwrap().len(), known.names.len());
        let likely = known.names.iter().filter(|rule| rule.certainty == Certainty::Inferred).count();
        assert_eq!(told["likely_hosts"].as_array().unwrap().len(), likely);
        assert_eq!((&told["changed"], &told["new_hosts"]), (&json!(false), &json!([])));
        assert_eq!(told["sources"].as_array().unwrap().len(), known.sources.len());
        assert_eq!(told["packages"].as_array().unwrap().len(), known.packages.len());
        assert_eq!((&told["attempts_today"], &told["attempts_7d"]), (&json!(0), &json!(0)));
        assert_eq!((&told["last_ms"], &told["muted"]), (&json!(null), &json!(false)));
        let kind = if known.standing == Standing::Essential { "on" } else { "off" };
        assert_eq!(told["state"], json!({"kind": kind, "until_ms": null, "apps": []}));
    }
    let push = lab.service(SERVICE);
    assert_eq!((&push["standing"], &push["category"]), (&json!("needs_consent"), &json!("push")));
    assert!(push["hosts"].as_array().unwrap().contains(&json!(format!("*.{}", crate::lab::NAME))), "{push}");
    assert_eq!(lab.service(SHARING[0])["shares_with"], json!([SHARING[1]]));
}

#[test]
fn consent_is_given_and_withdrawn() {
    let lab = Lab::new();
    let state = || lab.service(SERVICE)["state"].clone();
    let kind = |kind: &str| json!({"kind": kind, "until_ms": null, "apps": []});
    assert_eq!(lab.ask(&grant(SERVICE, None, None)), json!({"ok": true, "warns": []}));
    assert_eq!(state(), kind("on"));
    assert_eq!(lab.event("consents"), json!({"event": "consents"}));
    assert_eq!(lab.ask(&grant(SERVICE, None, Some("restart"))), json!({"ok": true, "warns": []}));
    assert_eq!(state(), kind("restart"));

    let before = clock::wall_ms();
    lab.ask(&grant(SERVICE, None, Some("15m")));
    let until = state();
    let length = until["until_ms"].as_i64().unwrap() - before;
    assert_eq!((&until["kind"], length / 60_000), (&json!("until"), 15));
    assert_eq!(state(), until, "the end stays the same however often it is asked for");

    assert_eq!(lab.ask(&revoke(SERVICE, None)), json!({"ok": true}));
    assert_eq!(state(), kind("off"));
    lab.ask(&grant(SERVICE, Some("com.example.app"), Some("1h")));
    assert_eq!(state(), json!({"kind": "apps", "until_ms": null, "apps": ["com.example.app"]}));
    lab.ask(&revoke(SERVICE, Some("com.example.app")));
    assert_eq!(state(), kind("off"));
}

#[test]
fn a_decision_against_is_a_decision() {
    let lab = Lab::new();
    assert_eq!(lab.service(SERVICE)["kept_blocked"], false);
    for _ in 0..2 {
        assert_eq!(lab.ask(&revoke(SERVICE, None)), json!({"ok": true}));
    }
    assert_eq!(lab.service(SERVICE)["kept_blocked"], true);
    assert_eq!(lab.ask(&json!({"do": "history"}))["changes"].as_array().unwrap().len(), 1);
    // Nothing to withdraw from one app: it is as asked for.
    assert_eq!(lab.ask(&revoke(SERVICE, Some("com.example.app"))), json!({"ok": true}));
    lab.ask(&grant(SERVICE, None, None));
    assert_eq!(lab.service(SERVICE)["kept_blocked"], false);
}

#[test]
fn what_the_phone_needs_can_be_switched_off_and_on() {
    let lab = Lab::new();
    let service = essential();
    // As it is already.
    assert_eq!(lab.ask(&grant(service, None, None))["ok"], true);
    lab.ask(&revoke(service, None));
    assert_eq!(lab.service(service)["state"]["kind"], "off");
    lab.ask(&grant(service, None, Some("15m")));
    assert_eq!(lab.service(service)["state"]["kind"], "until");
    lab.ask(&grant(service, None, None));
    assert_eq!(lab.service(service)["state"]["kind"], "on");
}

#[test]
fn who_can_connect_too_is_named_and_not_granted() {
    let lab = Lab::new();
    assert_eq!(lab.ask(&grant(SHARING[0], None, None)), json!({"ok": true, "warns": [SHARING[1]]}));
    assert_eq!(lab.service(SHARING[1])["state"]["kind"], "off");
    assert_eq!(lab.ask(&grant(SHARING[1], None, None))["warns"], json!([]));
}

#[test]
fn senseless_requests_are_refused_and_change_nothing() {
    let lab = Lab::new();
    let nested = "[".repeat(100_000);
    let long = format!(r#"{{"do":"set","key":"k","value":"{}"}}"#, "x".repeat(300_000));
    for request in [
        "",
        "{",
        "null",
        "7",
        r#""services""#,
        "{}",
        r#"{"do":null}"#,
        r#"{"do":"dance"}"#,
        r#"{"do":"services","and":"more"}"#,
        r#"{"do":"grant"}"#,
        r#"{"do":"grant","service":"xiaomi.push"}"#,
        r#"{"do":"grant","service":"xiaomi.push","via":"clock"}"#,
        r#"{"do":"grant","service":"xiaomi.push","for":"0s","via":"screen"}"#,
        r#"{"do":"grant","service":"xiaomi.push","for":"soon","via":"screen"}"#,
        r#"{"do":"grant","service":"xiaomi.push","for":"99999999999d","via":"screen"}"#,
        r#"{"do":"grant","service":"xiaomi.push","app":"uid:1000","via":"screen"}"#,
        r#"{"do":"grant","service":7,"via":"screen"}"#,
        r#"{"do":"log","limit":-1}"#,
        r#"{"do":"log","before":"first"}"#,
        r#"{"do":"log","signal":"smell"}"#,
        r#"{"do":"log","service":[7]}"#,
        r#"{"do":"export","format":"pdf"}"#,
        r#"{"do":"export"}"#,
        r#"{"do":"counts"}"#,
        r#"{"do":"retention","days":0}"#,
        r#"{"do":"retention","days":3651}"#,
        r#"{"do":"retention","megabytes":0}"#,
        r#"{"do":"retention","megabytes":1001}"#,
        r#"{"do":"gaps"}"#,
        r#"{"do":"ended","at_ms":1,"cause":"boredom"}"#,
        r#"{"do":"mute","on":true}"#,
        r#"{"do":"mute","service":"xiaomi.push","app":"a.b","on":true}"#,
        r#"{"do":"mute","app":"","on":true}"#,
        r#"{"do":"attempt","id":"x"}"#,
        r#"{"do":"set","key":"","value":"x"}"#,
        r#"{"do":"set","key":"a b","value":"x"}"#,
        r#"{"do":"strict","app":"no app","on":true,"via":"screen"}"#,
        &nested,
        &long,
    ] {
        assert_eq!(code(&lab, request), "bad_request", "{request:.80}");
    }
    for request in [grant("xiaomi.pusk", None, None), revoke("xiaomi.pusk", None)] {
        assert_eq!(code(&lab, &request.to_string()), "unknown_service");
    }
    assert_eq!(code(&lab, r#"{"do":"mute","service":"xiaomi.pusk","on":true}"#), "unknown_service");
    assert_eq!(lab.ask(&json!({"do": "history"})), json!({"changes": []}));
    // One app cannot be left out of a grant to all.
    lab.ask(&grant(SERVICE, None, None));
    assert_eq!(code(&lab, &revoke(SERVICE, Some("com.example.app")).to_string()), "bad_request");
    assert_eq!(lab.service(SERVICE)["state"]["kind"], "on");
}

#[test]
fn history_is_told_latest_first() {
    let lab = Lab::new();
    lab.ask(&grant(SERVICE, Some("com.example.app"), Some("1h")));
    lab.ask(&grant(SERVICE, None, Some("restart")));
    lab.ask(&revoke(SERVICE, None));
    lab.ask(&grant(SHARING[0], None, None));
    lab.ask(&json!({"do": "strict", "app": "com.example.app", "on": true, "via": "screen"}));
    let changes = |request: Value| {
        let answer = lab.ask(&request);
        let changes = answer["changes"].as_array().unwrap().clone();
        changes
            .into_iter()
            .map(|mut change| {
                assert!(change.as_object_mut().unwrap().remove("time_ms").unwrap().as_i64().unwrap() > 0);
                change
            })
            .collect::<Vec<_>>()
    };
    let all = changes(json!({"do": "history", "service": null}));
    assert_eq!(all.len(), 5);
    let strict = json!({"kind": "strict_on", "service": null, "app": "com.example.app", "via": "screen",
        "until_ms": null, "until_restart": false, "wording": null, "why": null});
    assert_eq!(all[0], strict);
    let mut of_one = changes(json!({"do": "history", "service": SERVICE}));
    let until = of_one[2]["until_ms"].take();
    assert!(until.as_i64().unwrap() > clock::wall_ms());
    let change = |kind: &str, app: Option<&str>, via: &str, restart: bool| json!({"kind": kind, "service": SERVICE, "app": app, "via": via, "until_ms": null, "until_restart": restart, "wording": null, "why": null});
    assert_eq!(
        of_one,
        [
            change("revoke", None, "notification", false),
            change("grant", None, "screen", true),
            change("grant", Some("com.example.app"), "screen", false),
        ]
    );
}

#[test]
fn a_muted_service_is_still_undecided() {
    let lab = Lab::new();
    lab.ask(&json!({"do": "mute", "service": SERVICE, "on": true}));
    let service = lab.service(SERVICE);
    assert_eq!((&service["muted"], &service["kept_blocked"]), (&json!(true), &json!(false)));
    assert_eq!(lab.event("consents"), json!({"event": "consents"}));
    lab.ask(&json!({"do": "mute", "service": SERVICE, "on": false}));
    assert_eq!(lab.service(SERVICE)["muted"], false);
}

#[test]
fn an_app_can_be_muted() {
    let lab = Lab::new();
    let muted = || lab.ask(&json!({"do": "status"}))["muted_apps"].clone();
    assert_eq!(muted(), json!([]));
    lab.ask(&json!({"do": "mute", "app": "com.example.app", "on": true}));
    assert_eq!(muted(), json!(["com.example.app"]));
    assert_eq!(lab.service(SERVICE)["muted"], false);
    lab.ask(&json!({"do": "mute", "app": "com.example.app", "on": false}));
    assert_eq!(muted(), json!([]));
}

#[test]
fn gaps_lie_between_two_engines() {
    let lab = Lab::new();
    let gaps = || lab.ask(&json!({"do": "gaps", "since_ms": 0}));
    assert_eq!(gaps(), json!({"gaps": [], "protected_percent": null, "counted_from_ms": null}));
    let before = clock::wall_ms();
    let apps = lab.start();
    apps.send(&look_up()).unwrap();
    apps.recv(&mut [0; 2000]).unwrap();
    assert_eq!((&gaps()["gaps"], &gaps()["protected_percent"]), (&json!([]), &json!(100)));
    lab.ask(&json!({"do": "heartbeat"}));
    lab.session.stop();
    let after = clock::wall_ms();
    let mut found = gaps();
    let from = found["gaps"][0]["from_ms"].take().as_i64().unwrap();
    assert!((before - 1..=after + 1).contains(&from), "{before} {from} {after}");
    let gap =
        |cause: &str| json!([{"from_ms": null, "until_ms": null, "certain_from": true, "cause": cause}]);
    assert_eq!(found["gaps"], gap("turned_off"));
    lab.ask(&json!({"do": "ended", "cause": "other_vpn"}));
    let mut found = gaps();
    found["gaps"][0]["from_ms"].take();
    assert_eq!(found["gaps"], gap("other_vpn"));
    // Nothing is known of a time before the first start.
    lab.ask(&json!({"do": "ended", "at_ms": 1, "cause": "killed"}));
    assert_eq!(gaps()["gaps"].as_array().unwrap().len(), 1);
}

#[test]
fn the_log_comes_in_pages_and_its_rows_are_found_again() {
    let lab = Lab::new();
    let apps = lab.start();
    for name in ["app.chat.xiaomi.net", "api.chat.xiaomi.net", "api.account.xiaomi.com", "mtalk.google.com"] {
        let question = consentry_inspect::dns::query(7, &name.parse().unwrap(), 1);
        let own = std::net::SocketAddr::new(OWN_DNS[0], 53);
        apps.send(&crate::lab::datagram(own, &question)).unwrap();
        apps.recv(&mut [0; 2000]).unwrap();
    }
    lab.session.stop();
    let whole = lab.ask(&json!({"do": "log", "service": null, "app": null, "since_ms": null, "search": null,
        "before": null, "limit": 500}));
    let whole = whole["rows"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 4);
    let (mut paged, mut before) = (Vec::new(), json!(null));
    loop {
        let page = lab.ask(&json!({"do": "log", "before": before, "limit": 1}));
        paged.extend(page["rows"].as_array().unwrap().clone());
        before = page["next"].clone();
        if before.is_null() {
            break;
        }
    }
    assert_eq!(paged, whole);
    for row in &whole {
        assert_eq!(lab.ask(&json!({"do": "attempt", "id": row["id"]}))["row"], *row);
    }
    assert_eq!(lab.ask(&json!({"do": "attempt", "id": 1})), json!({"row": null}));
    let found = |query: Value| lab.ask(&query)["rows"].as_array().unwrap().len();
    assert_eq!(found(json!({"do": "log", "search": "MTALK"})), 1);
    assert_eq!(found(json!({"do": "log", "search": "Firebase cloud"})), 1, "the service's name is in no row");
    assert_eq!(found(json!({"do": "log", "service": SERVICE})), 2);
    assert_eq!(found(json!({"do": "log", "since_ms": clock::wall_ms() + 1_000})), 0);
    assert_eq!(found(json!({"do": "log", "app": "com.example.app"})), 0);
    assert_eq!(found(json!({"do": "log", "limit": 0})), 0);
}

#[test]
fn status_counts_what_was_tried_and_decided() {
    let lab = Lab::new();
    let status = lab.ask(&json!({"do": "status"}));
    assert_eq!((&status["allowed"], &status["undecided"]), (&json!(0), &json!(0)));
    assert_eq!(status["counters"]["packets_in"], 0);
    assert_eq!(status["drops"], json!({}));
    assert_eq!(status["own_dns"], json!(["192.0.0.53", "2001:db8:c05e::53"]));
    let apps = lab.start();
    for _ in 0..3 {
        apps.send(&look_up()).unwrap();
        apps.recv(&mut [0; 2000]).unwrap();
    }
    apps.send(b"no packet").unwrap();
    // Answered after what came before it.
    apps.send(&look_up()).unwrap();
    apps.recv(&mut [0; 2000]).unwrap();
    assert_eq!(lab.ask(&json!({"do": "status"}))["drops"].as_object().unwrap().len(), 1);
    lab.session.stop();
    let status = lab.ask(&json!({"do": "status"}));
    assert_eq!((&status["allowed"], &status["undecided"]), (&json!(0), &json!(1)));
    assert_eq!(status["held_today"], 4);
    let days = status["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[6]["count"], &days[5]["count"]), (7, &json!(4), &json!(0)));
    assert_eq!(days[6]["date"].as_str().unwrap().len(), "2026-11-22".len());
    let service = lab.service(SERVICE);
    assert_eq!((&service["attempts_today"], &service["attempts_7d"]), (&json!(4), &json!(4)));
    assert!(service["last_ms"].as_i64().unwrap() > 0);
    lab.ask(&revoke(SERVICE, None));
    assert_eq!(lab.ask(&json!({"do": "status"}))["undecided"], 0);
    lab.ask(&grant(SERVICE, Some("com.example.app"), None));
    assert_eq!(lab.ask(&json!({"do": "status"}))["allowed"], 1);
}

#[test]
fn settings_are_remembered_within_bounds() {
    let lab = Lab::new();
    let set = |key: &str, value: Option<&str>| {
        lab.session.request(&json!({"do": "set", "key": key, "value": value}).to_string())
    };
    set("theme", Some("dark")).unwrap();
    set("questions/seen", Some("\u{1F600} \"quoted\"")).unwrap();
    set("theme", Some("light")).unwrap();
    set("never", None).unwrap();
    assert_eq!(
        lab.ask(&json!({"do": "settings"})),
        json!({"settings": {"theme": "light", "questions/seen": "\u{1F600} \"quoted\""}})
    );
    set("theme", None).unwrap();
    assert_eq!(set(&"k".repeat(129), Some("x")).unwrap_err().code, Code::BadRequest);
    assert_eq!(set("k", Some(&"x".repeat(LONGEST_VALUE + 1))).unwrap_err().code, Code::BadRequest);
    // A mute is no setting, and no setting is a mute.
    lab.ask(&json!({"do": "mute", "service": SERVICE, "on": true}));
    set("muted/google.fcm", Some("x")).unwrap();
    assert_eq!(lab.ask(&json!({"do": "settings"}))["settings"].as_object().unwrap().len(), 2);
}

#[test]
fn receipts_can_be_verified_by_anybody() {
    let lab = Lab::new();
    lab.ask(&grant(SERVICE, None, None));
    let answer = lab.ask(&json!({"do": "receipts"}));
    let verified = consentry_consent::receipt::verify(answer["text"].as_str().unwrap(), None).unwrap();
    assert_eq!(verified.changes.len(), 1);
}

#[test]
fn a_receipt_of_one_service_tells_nothing_of_the_others() {
    let lab = Lab::new();
    lab.ask(&grant(SERVICE, None, None));
    lab.ask(&grant("google.fcm", None, None));
    let answer = lab.ask(&json!({"do": "receipts", "service": SERVICE}));
    let text = answer["text"].as_str().unwrap();
    assert_eq!(consentry_consent::receipt::verify(text, None).unwrap().changes.len(), 1);
    assert!(!text.contains("google"));
}

#[test]
fn the_wording_that_was_shown_is_recorded() {
    let lab = Lab::new();
    lab.ask(&json!({"do": "grant", "service": SERVICE, "via": "screen", "wording": "3 pt-BR"}));
    assert_eq!(lab.ask(&json!({"do": "history"}))["changes"][0]["wording"], "3 pt-BR");
    let long = json!({"do": "revoke", "service": SERVICE, "via": "screen", "wording": "x".repeat(65)});
    assert_eq!(code(&lab, &long.to_string()), "bad_request");
    assert_eq!(lab.service(SERVICE)["state"]["kind"], "on");
}

#[test]
fn a_backup_is_put_back_after_a_look_at_it() {
    let lab = Lab::new();
    lab.ask(&grant(SERVICE, None, None));
    lab.ask(&grant("google.fcm", Some("com.example.app"), None));
    lab.ask(&json!({"do": "set", "key": "theme", "value": "dark"}));
    lab.ask(&json!({"do": "mute", "app": "com.example.app", "on": true}));
    let before = clock::wall_ms();
    let backup = lab.ask(&json!({"do": "backup"}));
    assert_eq!(backup["decisions"], 2);

    let other = Lab::new();
    other.ask(&grant(SHARING[0], None, None));
    other.ask(&json!({"do": "set", "key": "language", "value": "de"}));
    let restore = |preview: bool| json!({"do": "restore", "text": backup["text"], "preview": preview});
    let mut told = other.ask(&restore(true));
    assert!((before - 1..=clock::wall_ms()).contains(&told["made_ms"].take().as_i64().unwrap()));
    let answer = json!({"made_ms": null, "decisions": 2, "granted": 2, "withdrawn": 1, "left_out": []});
    assert_eq!(told, answer);
    assert_eq!(other.service(SERVICE)["state"]["kind"], "off", "a look changes nothing");

    let mut done = other.ask(&restore(false));
    done["made_ms"].take();
    assert_eq!(done, answer);
    assert_eq!(other.service(SERVICE)["state"]["kind"], "on");
    assert_eq!(other.service("google.fcm")["state"]["apps"], json!(["com.example.app"]));
    assert_eq!(other.service(SHARING[0])["state"]["kind"], "off");
    assert_eq!(other.ask(&json!({"do": "settings"})), json!({"settings": {"theme": "dark"}}));
    assert_eq!(other.ask(&json!({"do": "status"}))["muted_apps"], json!(["com.example.app"]));
    let history = other.ask(&json!({"do": "history"}));
    let vias: Vec<_> = history["changes"].as_array().unwrap().iter().map(|change| &change["via"]).collect();
    assert_eq!(vias, ["restore", "restore", "restore", "screen"], "the history keeps both");

    let damaged = backup["text"].as_str().unwrap().replace("dark", "lark");
    for bad in [damaged.as_str(), "", "{}", &"x".repeat(2_000_000)] {
        assert_eq!(code(&other, &json!({"do": "restore", "text": bad}).to_string()), "bad_request");
    }
    assert_eq!(other.ask(&json!({"do": "history"})), history);
}

#[test]
fn a_ledger_that_was_tampered_with_is_set_aside_and_the_owner_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consentry.redb");
    std::fs::write(&path, b"nothing that could be a store".repeat(1_000)).unwrap();
    let lab = Lab::on(folder);
    let status = lab.ask(&json!({"do": "status"}));
    assert!(status["reset"]["time_ms"].as_i64().unwrap() > 0);
    assert!(!status["reset"]["why"].as_str().unwrap().is_empty());
    assert_eq!(status["allowed"], 0);
    assert_eq!(lab.ask(&json!({"do": "history"}))["changes"][0]["kind"], "reset");
    assert_eq!(Lab::new().ask(&json!({"do": "status"}))["reset"], json!(null));
}

#[test]
fn strict_mode_is_switched_per_app() {
    let lab = Lab::new();
    let strict = |on: bool| json!({"do": "strict", "app": "com.example.app", "on": on, "via": "screen"});
    for on in [true, true, false, false] {
        assert_eq!(lab.ask(&strict(on)), json!({"ok": true}));
        let apps = lab.ask(&json!({"do": "status"}))["strict_apps"].clone();
        assert_eq!(apps.as_array().unwrap().len(), usize::from(on));
    }
}

#[test]
fn a_grant_that_has_ended_counts_no_more_and_is_written_down() {
    let lab = Lab::new();
    lab.ask(&grant(SERVICE, None, Some("1s")));
    let start = std::time::Instant::now();
    while lab.service(SERVICE)["state"]["kind"] != "off" {
        assert!(start.elapsed().as_secs() < 20, "it does not end");
        std::thread::yield_now();
    }
    while lab.ask(&json!({"do": "history"}))["changes"][0]["kind"] != "expire" {
        assert!(start.elapsed().as_secs() < 20, "its end is not written down");
        std::thread::yield_now();
    }
}

/// Anything that a key of a request may hold.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        proptest::sample::select(vec![
            SERVICE,
            "google.fcm",
            "screen",
            "15m",
            "restart",
            "com.example.app",
            "csv",
            "killed"
        ])
        .prop_map(Value::from),
        proptest::collection::vec(proptest::sample::select(vec![SERVICE, "tls_sni", ""]), 0..3)
            .prop_map(Value::from),
        (any::<i64>(), any::<u64>())
            .prop_map(|(first_ms, serial)| json!({"first_ms": first_ms, "serial": serial})),
    ]
}

#[test]
fn any_request_is_answered_or_refused() {
    const WORDS: &str = "services grant revoke mute strict history log log_count export counts retention delete_log gaps \
        heartbeat ended attempt status receipts backup restore settings set nothing";
    const KEYS: &str = "service app signal for via on wording since_ms until_ms search before after limit format days \
        megabytes at_ms cause text preview id key value do more";
    let words = |words: &'static str| words.split_whitespace().collect::<Vec<_>>();
    let lab = Lab::new();
    let request = (
        proptest::sample::select(words(WORDS)),
        proptest::collection::btree_map(proptest::sample::select(words(KEYS)), any_value(), 0..6),
    );
    let answered = |(word, mut keys): (&str, std::collections::BTreeMap<&str, Value>)| {
        keys.entry("do").or_insert(json!(word));
        let request = json!(keys).to_string();
        match lab.session.request(&request) {
            Ok(answer) => prop_assert!(serde_json::from_str::<Value>(&answer).unwrap().is_object()),
            Err(error) => {
                prop_assert!(
                    [Code::BadRequest, Code::UnknownService].contains(&error.code),
                    "{request}: {error:?}"
                );
            }
        }
        Ok(())
    };
    TestRunner::new(ProptestConfig::with_cases(300)).run(&request, answered).unwrap();
    TestRunner::default()
        .run(&".{0,300}", |text| {
            prop_assert_eq!(lab.session.request(&text).unwrap_err().code, Code::BadRequest);
            Ok(())
        })
        .unwrap();
    // Whatever that was, the ledger is whole.
    lab.ask(&json!({"do": "receipts"}));
}
