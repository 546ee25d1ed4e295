//! The library in a JVM: what an app can do to it.
#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]
mod packets;
mod real_tun;
mod remote;

use packets::{NAME, SERVICE, apps_and_tun, datagram, is_closed, look_up, settings};
use remote::{Note, Remote, has_jdk};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

fn code(result: Result<String, remote::Thrown>) -> String {
    result.expect_err("nothing was thrown").code
}

#[test]
fn a_session_from_beginning_to_end() {
    if !has_jdk() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (apps, tun) = apps_and_tun();
    let mut app = Remote::start(&tun);
    let number = tun.as_raw_fd().to_string();
    let handle = app.open(folder.path());
    assert!(app.ask(&handle, &json!({"do": "services"}))["services"].as_array().unwrap().len() > 100);

    app.call(&["start", &handle, &number, &settings(&[])]).unwrap();
    assert_eq!(app.event("state"), json!({"event": "state", "state": "running", "reason": ""}));
    apps.send(&look_up(NAME)).unwrap();
    assert!(apps.recv(&mut [0; 2000]).unwrap() > 28, "it is answered from inside");
    let event = app.event("attempt");
    assert_eq!((&event["service"], &event["first_of_service"]), (&json!(SERVICE), &json!(true)));
    assert_eq!(app.ask(&handle, &json!({"do": "status"}))["held_today"], 1);

    // Who owns a flow is asked for and answered.
    apps.send(&datagram("203.0.113.9:9999", b"hello")).unwrap();
    let flow = app.note(|note| match note {
        Note::Owner { flow, transport, app, remote } => {
            assert_eq!(
                (transport, app.as_str(), remote.as_str()),
                (17, "10.0.0.2:40000", "203.0.113.9:9999")
            );
            Some(flow)
        }
        _ => None,
    });
    app.call(&["owner", &handle, &flow.to_string(), r#"{"uid":10050,"packages":["com.xiaomi.xmsf"]}"#])
        .unwrap();
    assert_eq!(app.event("attempt")["app"], "com.xiaomi.xmsf");

    // What leaves the phone leaves through protected sockets.
    let resolver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let network: Value = serde_json::from_str(&settings(&[resolver.local_addr().unwrap()])).unwrap();
    app.call(&["network", &handle, &network["network"].to_string()]).unwrap();
    apps.send(&look_up("example.com")).unwrap();
    assert!(resolver.recv(&mut [0; 2000]).unwrap() > 12);
    app.note(|note| (note == Note::Protect).then_some(()));

    app.call(&["stop", &handle]).unwrap();
    assert_eq!(app.event("state")["state"], "stopped");
    assert_eq!(app.ask(&handle, &json!({"do": "status"}))["running"], false);
    app.call(&["start", &handle, &number, &settings(&[])]).unwrap();
    app.call(&["close", &handle]).unwrap();
    assert_eq!(code(app.call(&["request", &handle, r#"{"do":"status"}"#])), "closed");
    // The JVM has its own descriptor still.
    drop(tun);
    assert!(!is_closed(&apps));
    app.end();
    assert!(is_closed(&apps));
}

#[test]
fn nonsense_is_answered_with_exceptions() {
    if !has_jdk() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_apps, tun) = apps_and_tun();
    let mut app = Remote::start(&tun);
    let number = tun.as_raw_fd().to_string();
    for folder in ["null", "relative", ""] {
        assert_eq!(code(app.call(&["open", folder])), "bad_request", "{folder:?}");
    }
    assert_eq!(code(app.call(&["open", "/proc/nowhere"])), "store_unwritable");
    assert_eq!(code(app.call(&["open without a host", folder.path().to_str().unwrap()])), "bad_request");
    let handle = app.open(folder.path());
    assert_eq!(code(app.call(&["open", folder.path().to_str().unwrap()])), "locked");

    for request in
        ["null", "", "{", r#"{"do":"dance"}"#, r#"{"do":"grant","service":"xiaomi.push","via":"whim"}"#]
    {
        assert_eq!(code(app.call(&["request", &handle, request])), "bad_request", "{request}");
    }
    let unknown = r#"{"do":"grant","service":"no.such","via":"screen"}"#;
    let thrown = app.call(&["request", &handle, unknown]).unwrap_err();
    assert_eq!(thrown.code, "unknown_service");
    assert!(thrown.message.contains("no.such"), "{thrown:?}");
    // Half a character is read as something, and is no reason to fall over.
    app.call(&["half a character", &handle]).unwrap();
    let whole = "\u{1F600} \u{4E2D}\u{6587} \u{0627}";
    app.ask(&handle, &json!({"do": "set", "key": "text", "value": whole}));
    assert_eq!(app.ask(&handle, &json!({"do": "settings"}))["settings"]["text"], whole);

    // The standard input is no TUN device, the others are not open.
    for descriptor in ["0", "-1", "100000", "-2147483648"] {
        assert_eq!(code(app.call(&["start", &handle, descriptor, &settings(&[])])), "tun", "{descriptor}");
    }
    assert_eq!(code(app.call(&["start", &handle, &number, "{}"])), "bad_request");
    assert_eq!(code(app.call(&["start", &handle, &number, "null"])), "bad_request");
    app.call(&["stop", &handle]).unwrap();
    app.call(&["start", &handle, &number, &settings(&[])]).unwrap();
    assert_eq!(code(app.call(&["start", &handle, &number, &settings(&[])])), "bad_request");
    app.call(&["stop", &handle]).unwrap();
    app.call(&["stop", &handle]).unwrap();
    assert_eq!(code(app.call(&["network", &handle, "[]"])), "bad_request");
    assert_eq!(code(app.call(&["owner", &handle, "1", "null"])), "bad_request");

    app.call(&["close", &handle]).unwrap();
    for dead in [handle.as_str(), "0", "-1", "9223372036854775807", "140737488355328"] {
        for call in [
            &["start", dead, "0", "{}"][..],
            &["stop", dead],
            &["network", dead, "{}"],
            &["owner", dead, "1", "{}"],
            &["request", dead, "{}"],
            &["close", dead],
        ] {
            assert_eq!(code(app.call(call)), "closed", "{call:?}");
        }
    }
    app.end();
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_is_an_exception_and_a_failed_engine_a_closed_door() {
    if !has_jdk() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (apps, tun) = apps_and_tun();
    let mut app = Remote::start(&tun);
    let number = tun.as_raw_fd().to_string();
    let handle = app.open(folder.path());
    for _ in 0..3 {
        let thrown = app.call(&["request", &handle, r#"{"do":"fail","what":"request"}"#]).unwrap_err();
        assert_eq!(thrown.code, "panic");
        assert!(thrown.message.contains("a fault made for a test"), "{thrown:?}");
    }
    app.call(&["start", &handle, &number, &settings(&[])]).unwrap();
    app.ask(&handle, &json!({"do": "fail", "what": "engine"}));
    apps.send(&datagram("203.0.113.9:9999", b"hello")).unwrap();
    let state = app.note(|note| match note {
        Note::Event(event) if event["state"] == "failed" => Some(event),
        _ => None,
    });
    assert_eq!(state["reason"], "a fault made for a test");
    assert_eq!(app.ask(&handle, &json!({"do": "status"}))["running"], false);
    // Nobody reads any more, and nobody hears that there is no tunnel.
    drop(tun);
    assert!(!is_closed(&apps));
    app.call(&["stop", &handle]).unwrap();
    app.call(&["start", &handle, &number, &settings(&[])]).unwrap();
    assert_eq!(app.ask(&handle, &json!({"do": "status"}))["running"], true);
    app.call(&["close", &handle]).unwrap();
    app.end();
}

#[test]
fn an_app_that_throws_in_every_call_does_no_harm() {
    if !has_jdk() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (apps, tun) = apps_and_tun();
    let mut app = Remote::start(&tun);
    let handle = app.open(folder.path());
    app.call(&["be rude"]).unwrap();
    let resolver = UdpSocket::bind("127.0.0.1:0").unwrap();
    resolver.set_nonblocking(true).unwrap();
    let settings = settings(&[resolver.local_addr().unwrap()]);
    app.call(&["start", &handle, &tun.as_raw_fd().to_string(), &settings]).unwrap();
    for _ in 0..3 {
        apps.send(&look_up(NAME)).unwrap();
        apps.recv(&mut [0; 2000]).unwrap();
        apps.send(&look_up("example.com")).unwrap();
        app.note(|note| (note == Note::Protect).then_some(()));
        apps.send(&datagram("203.0.113.9:9999", b"hello")).unwrap();
    }
    app.event("attempt");
    // What was not protected was not used.
    assert!(resolver.recv(&mut [0; 2000]).is_err());
    assert_eq!(app.ask(&handle, &json!({"do": "status"}))["running"], true);
    app.call(&["close", &handle]).unwrap();
    app.end();
}

#[test]
fn a_socket_that_cannot_be_protected_is_not_used() {
    if !has_jdk() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (apps, tun) = apps_and_tun();
    let mut app = Remote::start(&tun);
    let handle = app.open(folder.path());
    app.call(&["protect nothing"]).unwrap();
    let resolver = UdpSocket::bind("127.0.0.1:0").unwrap();
    resolver.set_nonblocking(true).unwrap();
    let settings = settings(&[resolver.local_addr().unwrap()]);
    app.call(&["start", &handle, &tun.as_raw_fd().to_string(), &settings]).unwrap();
    apps.send(&look_up("example.com")).unwrap();
    app.note(|note| (note == Note::Protect).then_some(()));
    app.call(&["stop", &handle]).unwrap();
    assert!(resolver.recv(&mut [0; 2000]).is_err());
    app.call(&["close", &handle]).unwrap();
    app.end();
}

#[test]
fn many_threads_and_a_close_in_their_midst() {
    if !has_jdk() {
        return;
    }
    let (_apps, tun) = apps_and_tun();
    let mut app = Remote::start(&tun);
    let number = tun.as_raw_fd().to_string();
    for _ in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let handle = app.open(folder.path());
        app.call(&["storm", &handle, &number, &settings(&[]), path]).unwrap();
        assert_eq!(code(app.call(&["stop", &handle])), "closed");
        // Everything was let go.
        let again = app.open(folder.path());
        app.call(&["start", &again, &number, &settings(&[])]).unwrap();
        app.call(&["close", &again]).unwrap();
    }
    app.end();
}
