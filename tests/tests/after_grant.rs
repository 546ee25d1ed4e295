//! What the owner opted in to gets through whole, nothing else does, and opting out ends it at once.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in any of its functions too")]

use consentry_tests::{
    lab::{
        Between, Lab,
        addresses::{MI_PUSH, held_v4, held_v6, is_held},
        capture::Packet,
        client::mi_push_hello,
        internet::Bytes,
        quic::{self, QuicOutcome},
    },
    scenario::{Expect, Family, steps},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

const MESSAGING: &str = "xiaomi.cloud_messaging";
const PUSH: &str = "xiaomi.push";
const NAME: &str = "api.account.xiaomi.com";
/// A request this service is known for.
const LOOK_UP: &str = "/pass/user@id?type=MXPH&externalId=%2B447700900456";
const SOON: Duration = Duration::from_secs(5);

#[test]
fn http_and_https_arrive_whole_both_ways() {
    let lab = Lab::new(Between::Consentry).unwrap();
    // A refused attempt first: the sinkhole address that the phone may have cached must work from now on.
    assert!(!lab.curl(&["https://api.account.xiaomi.com/"]).unwrap().ok());
    lab.firewall().grant(MESSAGING).unwrap();
    // In clear the path is judged too, so the file lies where this service keeps its look-ups.
    let hash = lab.internet().publish("pass/user@id", 20_000_000).unwrap();
    let (file, sent) = lab.internet().file_to_send("up", 5_000_000).unwrap();
    let authority = lab.authority().display().to_string();
    for flag in ["-4", "-6"] {
        for scheme in ["http", "https"] {
            let curl = format!("curl -sS --fail -m 30 {flag} --cacert {authority}");
            let said =
                lab.on_phone_shell(&format!("{curl} '{scheme}://{NAME}{LOOK_UP}' | sha256sum")).unwrap();
            assert!(said.out.starts_with(&hash), "{scheme} {flag}: {said:?}");
        }
        let name = format!("https{flag}");
        let url = format!("https://{NAME}/upload/{name}");
        let said = lab.curl(&["-m", "30", flag, "--fail", "-T", &file.display().to_string(), &url]).unwrap();
        assert!(said.ok(), "{url}: {}", said.err);
        assert_eq!(lab.internet().hash_of_upload(&name).unwrap(), sent, "{url}");
        let said = lab.curl(&[flag, &format!("http://{NAME}/somewhere/else")]).unwrap();
        assert!(!said.ok(), "a path that the service is not known for passed in clear over {flag}");
    }
}

#[test]
fn mi_push_bytes_arrive_whole() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let mut session = mi_push_hello();
    session.extend(Bytes::new(7).take(300_000));
    let push = |to: SocketAddr| lab.tcp_exchange(to, &[&session], session.len(), SOON).unwrap() == session;
    assert!(!push((MI_PUSH, 443).into()));
    lab.firewall().grant(PUSH).unwrap();
    assert!(push((MI_PUSH, 443).into()));
    assert!(push((MI_PUSH, 5222).into()));
    for family in [Family::V4, Family::V6] {
        let said = lab.dig(&[family.record(), "app.chat.xiaomi.net"]).unwrap();
        let address: IpAddr = said.out.trim().parse().unwrap();
        assert!(push((address, 5222).into()), "{family:?}");
    }
}

#[test]
fn quic_arrives_whole() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let bytes = Bytes::new(9).take(1_000_000);
    let exchange = |to: IpAddr| {
        quic::exchange(&lab.phone, &lab.authority(), (to, 443).into(), NAME, &bytes, Duration::from_secs(10))
            .unwrap()
    };
    assert!(matches!(exchange(held_v4(1).into()), QuicOutcome::Failed(_)));
    lab.firewall().grant(MESSAGING).unwrap();
    assert_eq!(exchange(held_v4(1).into()), QuicOutcome::Answered(bytes.clone()));
    assert_eq!(exchange(held_v6(1).into()), QuicOutcome::Answered(bytes.clone()));
    let said = lab.dig(&["A", NAME]).unwrap();
    assert_eq!(exchange(said.out.trim().parse().unwrap()), QuicOutcome::Answered(bytes.clone()));
}

#[test]
fn a_grant_opens_one_service_and_no_other() {
    let lab = Lab::new(Between::Consentry).unwrap();
    lab.firewall().grant(MESSAGING).unwrap();
    let capture = lab.capture().unwrap();
    let mut wrong = Vec::new();
    for step in steps() {
        for action in step.actions {
            let right = match action.expect {
                // Cleartext to a path that the service is not known for stays held: what it is known for passes.
                Expect::Held(MESSAGING) => {
                    action.about.ends_with("'s number") || action.about == "IMEI, hashed"
                }
                Expect::Pass => true,
                Expect::Held(_) => false,
            };
            if action.perform(&lab, Family::V4).unwrap() != right {
                wrong.push(action.about);
            }
        }
    }
    assert_eq!(wrong, Vec::<&str>::new());
    let others = |address: IpAddr| {
        is_held(address) && address != IpAddr::from(held_v4(1)) && address != IpAddr::from(held_v6(1))
    };
    let seen: Vec<String> =
        capture.finish().unwrap().iter().filter(|packet| packet.touches(others)).map(Packet::line).collect();
    assert_eq!(seen, Vec::<String>::new());
}

#[test]
fn revoking_resets_live_flows_within_a_second_and_nothing_more_leaves() {
    let lab = Lab::new(Between::Consentry).unwrap();
    lab.firewall().grant(MESSAGING).unwrap();
    lab.firewall().grant(PUSH).unwrap();
    let address: IpAddr = lab.dig(&["A", NAME]).unwrap().out.trim().parse().unwrap();
    let request = format!("GET {LOOK_UP} HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    let mut web = live(&lab, (address, 80).into(), request.as_bytes());
    let mut push = live(&lab, (MI_PUSH, 443).into(), &mi_push_hello());
    // The server has answered both, so both are through.
    let mut capture = lab.capture().unwrap();
    lab.firewall().revoke(MESSAGING).unwrap();
    lab.firewall().revoke(PUSH).unwrap();
    let revoked = Instant::now();
    for (name, stream) in [("HTTP", &mut web), ("Mi Push", &mut push)] {
        let ended = until_end(stream);
        assert_eq!(ended, Some(ErrorKind::ConnectionReset), "{name}");
        assert!(revoked.elapsed() < Duration::from_secs(1), "{name}: {:?}", revoked.elapsed());
    }
    // Whatever the apps still try stays inside; the service sees the resets and nothing else.
    let _ = web.write_all(request.as_bytes());
    assert!(!lab.curl(&["-m", "3", &format!("http://{NAME}{LOOK_UP}")]).unwrap().ok());
    let to_service: Vec<Packet> = capture
        .so_far()
        .unwrap()
        .into_iter()
        .filter(|packet| is_held(packet.destination) || packet.destination == IpAddr::from(MI_PUSH))
        .collect();
    for packet in &to_service {
        let flags = packet.payload[13];
        assert!(packet.protocol == 6 && flags & 0x04 != 0, "not a reset: {}", packet.line());
    }
}

#[test]
fn a_grant_for_some_seconds_ends_by_itself() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let said = lab.firewall().command(&["consent", "grant", PUSH, "--for", "3s"]).unwrap();
    assert!(said.ok(), "{}", said.err);
    let granted = Instant::now();
    let mut push = live(&lab, (MI_PUSH, 443).into(), &mi_push_hello());
    assert_eq!(until_end(&mut push), Some(ErrorKind::ConnectionReset));
    let lasted = granted.elapsed();
    assert!(lasted > Duration::from_secs(2) && lasted < Duration::from_secs(5), "{lasted:?}");
    let history = lab.firewall().command(&["consent", "history"]).unwrap().out;
    assert!(history.contains("grant") && history.contains("expire"), "{history}");
}

#[test]
fn consent_outlives_a_restart_and_a_kill() {
    let mut lab = Lab::new(Between::Consentry).unwrap();
    lab.firewall().grant(PUSH).unwrap();
    // Dropping the firewall kills it (SIGKILL).
    lab.restart_firewall().unwrap();
    let hello = mi_push_hello();
    assert_eq!(lab.tcp_exchange((MI_PUSH, 443).into(), &[&hello], hello.len(), SOON).unwrap(), hello);
    let list = lab.firewall().command(&["consent", "list"]).unwrap().out;
    assert!(list.contains(PUSH), "{list}");
}

/// A connection from the phone that has said `hello` and has had the beginning of an answer.
fn live(lab: &Lab, to: SocketAddr, hello: &[u8]) -> TcpStream {
    let mut stream = lab.connect(to, SOON).unwrap().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    stream.write_all(hello).unwrap();
    let mut start = [0; 1];
    stream.read_exact(&mut start).unwrap();
    stream
}

/// Reads on until the stream ends; `None` if it was closed in good order.
fn until_end(stream: &mut TcpStream) -> Option<ErrorKind> {
    std::io::copy(stream, &mut std::io::sink()).err().map(|error| error.kind())
}
