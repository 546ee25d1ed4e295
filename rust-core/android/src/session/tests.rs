use super::*;
use crate::lab::{Lab, NAME, SERVICE, datagram, look_up, settings};
use serde_json::json;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

/// Takes packets for the apps until the other end is closed.
fn is_closed(apps: &UnixDatagram) -> bool {
    apps.set_nonblocking(true).unwrap();
    loop {
        match apps.send(&look_up()) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}

fn state(state: &str) -> serde_json::Value {
    json!({"event": "state", "state": state, "reason": ""})
}

fn code<T: fmt::Debug>(result: Result<T, EngineError>) -> &'static str {
    result.unwrap_err().code.as_str()
}

struct Deaf;

impl Host for Deaf {
    fn protect(&self, _: RawFd) -> bool {
        false
    }

    fn owner(&self, _: i64, _: i32, _: &str, _: &str) {}

    fn event(&self, _: &str) {}
}

fn open(folder: &Path) -> Result<Session, EngineError> {
    Session::open(folder.to_str().unwrap(), Arc::new(Deaf))
}

#[test]
fn an_attempt_is_held_back_logged_and_told() {
    let lab = Lab::new();
    let apps = lab.start();
    assert_eq!(lab.event("state"), state("running"));
    apps.send(&look_up()).unwrap();
    assert!(apps.recv(&mut [0; 2000]).unwrap() > 28, "it is answered from inside");
    let event = lab.event("attempt");
    assert_eq!((&event["service"], &event["host"]), (&json!(SERVICE), &json!(NAME)));
    assert_eq!(event["first_of_service"], true);
    let row = lab.ask(&json!({"do": "log"}))["rows"][0].clone();
    for (key, value) in row.as_object().unwrap() {
        assert_eq!(value, &event[key], "{key}");
    }
    let status = lab.ask(&json!({"do": "status"}));
    assert_eq!((&status["running"], &status["held_today"]), (&json!(true), &json!(1)));
    assert_eq!(status["counters"]["denied"], 1);
    lab.session.stop();
    assert_eq!(lab.event("state"), state("stopped"));
    let status = lab.ask(&json!({"do": "status"}));
    assert_eq!((&status["running"], &status["held_today"]), (&json!(false), &json!(1)));
    assert!(is_closed(&apps));
}

#[test]
fn a_second_attempt_is_not_the_first() {
    let lab = Lab::new();
    for first in [true, false] {
        let apps = lab.start();
        apps.send(&look_up()).unwrap();
        apps.recv(&mut [0; 2000]).unwrap();
        lab.session.stop();
        assert_eq!(lab.event("attempt")["first_of_service"], first);
    }
}

#[test]
fn the_engine_obeys_a_grant_at_once() {
    let lab = Lab::new();
    let apps = lab.start();
    lab.ask(&json!({"do": "grant", "service": SERVICE, "app": null, "for": null, "via": "screen"}));
    apps.send(&look_up()).unwrap();
    // There is no resolver to ask: what counts is that nothing was held back.
    assert!(apps.recv(&mut [0; 2000]).unwrap() > 28);
    assert_eq!(lab.ask(&json!({"do": "status"}))["counters"]["denied"], 0);
    lab.ask(&json!({"do": "revoke", "service": SERVICE, "app": null, "via": "tile"}));
    apps.send(&look_up()).unwrap();
    assert!(apps.recv(&mut [0; 2000]).unwrap() > 28);
    assert_eq!(lab.ask(&json!({"do": "status"}))["counters"]["denied"], 1);
}

#[test]
fn two_starts_are_one_too_many_and_two_stops_are_fine() {
    let lab = Lab::new();
    lab.session.stop();
    let apps = lab.start();
    let (second, _other) = UnixDatagram::pair().unwrap();
    assert_eq!(code(lab.session.start(second.as_raw_fd(), &settings())), "bad_request");
    apps.send(&look_up()).unwrap();
    assert!(apps.recv(&mut [0; 2000]).is_ok(), "the first goes on");
    lab.session.stop();
    lab.session.stop();
    drop(lab.start());
}

#[test]
fn a_start_that_fails_leaves_everything_as_it_was() {
    let lab = Lab::new();
    assert_eq!(code(lab.session.start(-1, &settings())), "tun");
    let file = tempfile::tempfile().unwrap();
    assert_eq!(code(lab.session.start(file.as_raw_fd(), &settings())), "tun");
    let (ours, _apps) = UnixDatagram::pair().unwrap();
    let start = |settings: &str| lab.session.start(ours.as_raw_fd(), settings);
    for bad in [
        "",
        "{}",
        "null",
        r#"{"mtu":1500}"#,
        r#"{"mtu":"1500","network":{"resolvers":[],"ipv4":true,"ipv6":true}}"#,
        r#"{"mtu":-1,"network":{"resolvers":[],"ipv4":true,"ipv6":true}}"#,
        r#"{"mtu":1279,"network":{"resolvers":[],"ipv4":true,"ipv6":true}}"#,
        r#"{"mtu":1500,"network":{"resolvers":["nowhere"],"ipv4":true,"ipv6":true}}"#,
        r#"{"mtu":1500,"network":{"resolvers":[],"ipv4":true,"ipv6":true},"more":1}"#,
    ] {
        assert_eq!(code(start(bad)), "bad_request", "{bad}");
    }
    start(&settings()).unwrap();
}

#[test]
fn the_engine_has_a_descriptor_of_its_own() {
    let lab = Lab::new();
    let (theirs, apps) = UnixDatagram::pair().unwrap();
    lab.session.start(theirs.as_raw_fd(), &settings()).unwrap();
    drop(theirs);
    apps.send(&look_up()).unwrap();
    assert!(apps.recv(&mut [0; 2000]).unwrap() > 28);
    lab.session.stop();
    assert!(is_closed(&apps));
    // And ours is not closed with the engine's.
    let (theirs, apps) = UnixDatagram::pair().unwrap();
    lab.session.start(theirs.as_raw_fd(), &settings()).unwrap();
    lab.session.stop();
    assert!(!is_closed(&apps));
}

#[test]
fn the_app_is_asked_for_owners_and_its_answer_counts() {
    let lab = Lab::new();
    let apps = lab.start();
    let elsewhere: SocketAddr = "203.0.113.9:9999".parse().unwrap();
    apps.send(&datagram(elsewhere, b"hello")).unwrap();
    let (number, transport, app, remote) = lab.question();
    assert_eq!((transport, app.as_str(), remote.as_str()), (17, "10.0.0.2:40000", "203.0.113.9:9999"));
    // A dedicated package that goes somewhere unlisted: denied for that reason alone.
    lab.session.owner(number, r#"{"uid":10050,"packages":["com.xiaomi.xmsf"]}"#).unwrap();
    let event = lab.event("attempt");
    assert_eq!((&event["app"], &event["address"]), (&json!("com.xiaomi.xmsf"), &json!("203.0.113.9")));
    assert_eq!(event["service"], "xiaomi.unlisted");
    for (number, owner) in [(number, "{}"), (-1, "{}"), (i64::MAX, r#"{"shared":1000}"#)] {
        lab.session.owner(number, owner).unwrap();
    }
    assert_eq!(code(lab.session.owner(number, r#"{"uid":"me"}"#)), "bad_request");
    lab.session.stop();
    lab.session.owner(number, "{}").unwrap();
}

#[test]
fn the_network_can_change_at_any_time() {
    let lab = Lab::new();
    let network = json!({"resolvers": ["[fe80::1%1]:53"], "ipv4": false, "ipv6": true}).to_string();
    lab.session.network(&network).unwrap();
    let _apps = lab.start();
    lab.session.network(&network).unwrap();
    let same = json!({"resolvers": [], "ipv4": true, "ipv6": true, "keeps_flows": true}).to_string();
    lab.session.network(&same).unwrap();
    assert_eq!(code(lab.session.network("{}")), "bad_request");
    assert_eq!(lab.ask(&json!({"do": "status"}))["running"], true);
}

#[test]
fn a_failed_engine_says_so_and_the_tunnel_stays_closed() {
    let lab = Lab::new();
    let apps = lab.start();
    assert_eq!(lab.event("state"), state("running"));
    lab.ask(&json!({"do": "fail", "what": "engine"}));
    let somewhere: SocketAddr = "203.0.113.9:9999".parse().unwrap();
    apps.send(&datagram(somewhere, b"hello")).unwrap();
    let event = lab.event("state");
    assert_eq!((&event["state"], &event["reason"]), (&json!("failed"), &json!("a fault made for a test")));
    let status = lab.ask(&json!({"do": "status"}));
    assert_eq!((&status["running"], &status["failure"]), (&json!(false), &json!("a fault made for a test")));
    assert!(!is_closed(&apps), "the descriptor stays open and unread");
    // Decisions are still taken, and the next engine starts without a stop in between.
    lab.ask(&json!({"do": "grant", "service": SERVICE, "app": null, "for": null, "via": "screen"}));
    let apps = lab.start();
    apps.send(&look_up()).unwrap();
    assert!(apps.recv(&mut [0; 2000]).unwrap() > 28);
    assert_eq!(lab.ask(&json!({"do": "status"}))["running"], true);
}

#[test]
fn a_closed_session_does_nothing_any_more() {
    let lab = Lab::new();
    let apps = lab.start();
    lab.session.close();
    assert!(is_closed(&apps));
    let (ours, _apps) = UnixDatagram::pair().unwrap();
    assert_eq!(code(lab.session.start(ours.as_raw_fd(), &settings())), "closed");
    assert_eq!(code(lab.session.request(r#"{"do":"status"}"#)), "closed");
    assert_eq!(code(lab.session.owner(1, "{}")), "closed");
    let network = json!({"resolvers": [], "ipv4": true, "ipv6": true}).to_string();
    assert_eq!(code(lab.session.network(&network)), "closed");
    lab.session.stop();
    lab.session.close();
    // And its folder is free.
    open(lab.folder.path()).unwrap();
}

#[test]
fn what_was_decided_is_there_again() {
    let lab = Lab::new();
    lab.ask(&json!({"do": "grant", "service": SERVICE, "app": null, "for": "restart", "via": "screen"}));
    lab.ask(&json!({"do": "mute", "service": SERVICE, "on": true}));
    lab.session.close();
    let session = open(lab.folder.path()).unwrap();
    let answer = session.request(r#"{"do":"services"}"#).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let services = answer["services"].as_array().unwrap();
    let service = services.iter().find(|service| service["id"] == SERVICE).unwrap();
    assert_eq!((&service["state"]["kind"], &service["muted"]), (&json!("restart"), &json!(true)));
}

#[test]
fn folders_that_cannot_be_used_are_refused() {
    let lab = Lab::new();
    assert_eq!(code(open(lab.folder.path())), "locked");
    assert_eq!(code(open(Path::new("some/where"))), "bad_request");
    assert_eq!(code(open(Path::new(""))), "bad_request");
    assert_eq!(code(open(Path::new("/dev/null/state"))), "store_unwritable");
    assert_eq!(code(open(Path::new("/proc/state"))), "store_unwritable");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("consentry.redb");
    std::fs::write(&file, b"something else\n".repeat(1000)).unwrap();
    drop(open(folder.path()).unwrap());
    let aside = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<_> = aside.filter(|path| path.to_string_lossy().contains(".damaged-")).collect();
    assert_eq!(std::fs::read(&aside[0]).unwrap(), b"something else\n".repeat(1000), "it is kept as it was");
    // /dev/full has no room for anything.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("consentry.redb")).unwrap();
    assert!(["disk_full", "store_unwritable", "store_corrupt"].contains(&code(open(folder.path()))));
}

#[test]
fn calls_from_many_threads_do_not_get_into_each_others_way() {
    let lab = Lab::new();
    let session = &lab.session;
    let requests = [
        r#"{"do":"services"}"#,
        r#"{"do":"status"}"#,
        r#"{"do":"log","limit":3}"#,
        r#"{"do":"history"}"#,
        r#"{"do":"grant","service":"xiaomi.push","via":"screen"}"#,
        r#"{"do":"revoke","service":"xiaomi.push","via":"screen"}"#,
        r#"{"do":"nonsense"}"#,
    ];
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || {
                let (ours, apps) = UnixDatagram::pair().unwrap();
                for round in 0..12 {
                    match (thread + round) % 4 {
                        // Somebody else may have started it already.
                        0 => drop(session.start(ours.as_raw_fd(), &settings())),
                        1 => session.stop(),
                        _ => {}
                    }
                    apps.set_nonblocking(true).unwrap();
                    let _ = apps.send(&look_up());
                    let request = requests[(thread * 5 + round) % requests.len()];
                    assert_eq!(session.request(request).is_ok(), !request.contains("nonsense"), "{request}");
                    let _ = session.owner(round as i64, "{}");
                }
            });
        }
    });
    session.stop();
    assert_eq!(lab.ask(&json!({"do": "status"}))["running"], false);
    drop(lab.start());
}

/// Turns to the session in the midst of its calls.
struct Meddler(Mutex<Option<Arc<Session>>>);

impl Meddler {
    fn meddle(&self) {
        let session = lock(&self.0).clone();
        if let Some(session) = session {
            session.stop();
            session.request(r#"{"do":"services"}"#).unwrap();
        }
    }
}

impl Host for Meddler {
    fn protect(&self, _: RawFd) -> bool {
        self.meddle();
        true
    }

    fn owner(&self, _: i64, _: i32, _: &str, _: &str) {
        self.meddle();
    }

    fn event(&self, _: &str) {
        self.meddle();
    }
}

#[test]
fn an_app_that_stops_the_engine_in_the_midst_of_its_calls_does_not_hang() {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(Meddler(Mutex::default()));
    let session = Session::open(folder.path().to_str().unwrap(), host.clone()).map(Arc::new).unwrap();
    *lock(&host.0) = Some(session.clone());
    let resolver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings =
        json!({"mtu": 1500, "network": {"resolvers": [resolver], "ipv4": true, "ipv6": true}}).to_string();
    for _ in 0..10 {
        let (ours, apps) = UnixDatagram::pair().unwrap();
        // The event about the start stops it, sooner or later.
        session.start(ours.as_raw_fd(), &settings).unwrap();
        apps.set_nonblocking(true).unwrap();
        let question = consentry_inspect::dns::query(7, &"example.com".parse().unwrap(), 1);
        let own = SocketAddr::new(consentry_runtime::firewall::OWN_DNS[0], 53);
        // May come too late.
        let _ = apps.send(&datagram(own, &question));
        let _ = apps.send(&datagram("203.0.113.9:9999".parse().unwrap(), b"hello"));
        session.stop();
    }
    session.close();
    lock(&host.0).take();
}
