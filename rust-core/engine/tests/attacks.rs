//! What an app may try to get past the engine on TCP, and what must come through all the same.
#![allow(missing_docs)]
mod world;

use consentry_consent::Owner;
use consentry_engine::Engine;
use consentry_engine::io::OwnerAnswer;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;
use std::time::Duration;
use world::{OWN_DNS, World, client_hello, get};

const WEB: &str = "192.0.2.80:443";
const PLAIN: &str = "192.0.2.80:80";
const DENIED: &str = "data.mistat.xiaomi.com";

fn dedicated() -> Owner {
    Owner::App { uid: 10_050, packages: vec!["com.xiaomi.xmsf".into()] }
}

fn open(world: &mut World, to: &str) -> SocketHandle {
    let app = world.phone.connect(to);
    world.settle();
    app
}

/// Sends all of it, however large, and lets the engine take it in.
fn send_all(world: &mut World, app: SocketHandle, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() && world.phone.tcp(app).may_send() {
        sent += world.phone.tcp(app).send_slice(&bytes[sent..]).expect("open");
        world.pass(Duration::from_millis(5));
    }
}

fn nothing_went_out(world: &World) -> bool {
    world.internet.sockets.values().all(|remote| remote.received.is_empty())
}

#[test]
fn a_hello_that_breaks_off_is_not_let_through() {
    let hello = client_hello(DENIED);
    for cut in [2, 3, 5, 60, hello.len() - 1] {
        let mut world = World::new();
        let app = open(&mut world, WEB);
        world.phone.send(app, &hello[..cut]);
        world.phone.tcp(app).close();
        world.settle();
        assert!(nothing_went_out(&world), "{cut} bytes of the hello");
    }
}

#[test]
fn part_of_a_request_line_is_not_let_through() {
    let mut world = World::new();
    let app = open(&mut world, PLAIN);
    world.phone.send(app, b"GET http://data.mistat.xiaomi.com/?imei=355");
    world.phone.tcp(app).close();
    world.settle();
    assert!(nothing_went_out(&world));
}

#[test]
fn a_request_is_recognised_however_it_is_dressed_up() {
    let request = get(DENIED, "/");
    let mut after_empty_lines = b"\r\n".repeat(40_000);
    after_empty_lines.extend(&request);
    let mut long = b"GET http://data.mistat.xiaomi.com/?".to_vec();
    long.extend(b"a".repeat(70_000));
    long.extend(b" HTTP/1.1\r\n\r\n");
    let shapes: [&[u8]; 7] = [
        &after_empty_lines,
        &long,
        b"GET\x0b/ HTTP/1.1\r\nHost: data.mistat.xiaomi.com\r\n\r\n",
        b"GET\x0c/ HTTP/1.1\r\nHost: data.mistat.xiaomi.com\r\n\r\n",
        b"GET \x0b/ HTTP/1.1\r\nHost: data.mistat.xiaomi.com\r\n\r\n",
        b"GET\t/ HTTP/1.1\r\nHost: data.mistat.xiaomi.com\r\n\r\n",
        b"GET http://data.mistat.xiaomi.com/\r\n",
    ];
    for shape in shapes {
        let mut world = World::new();
        let app = open(&mut world, PLAIN);
        send_all(&mut world, app, shape);
        world.settle();
        assert!(nothing_went_out(&world), "{:?}", String::from_utf8_lossy(&shape[..shape.len().min(60)]));
    }
}

#[test]
fn words_that_are_no_requests_pass_at_once() {
    for line in [
        "get key\r\n",
        "DELETE mail\r\n",
        "USER me\r\n",
        "OPTIONS sip:me@example.com SIP/2.0\r\n",
        "QUIT\r\n",
    ] {
        let mut world = World::new();
        let server = "192.0.2.25:2525";
        let app = open(&mut world, server);
        world.phone.send(app, line.as_bytes());
        world.settle();
        assert_eq!(world.internet.connection(server).received, line.as_bytes());
    }
}

#[test]
fn a_hello_in_very_many_records_takes_no_more_memory_than_others() {
    let mut world = World::new();
    let app = open(&mut world, WEB);
    let mut records = vec![22, 3, 1, 0, 4, 1, 0, 0xff, 0xff];
    for _ in 0..20_000 {
        records.extend([22, 3, 1, 0, 1, 0]);
    }
    send_all(&mut world, app, &records);
    assert_eq!(world.phone.state(app), State::Closed, "reset once more is held than any client sends");
    assert!(nothing_went_out(&world));
}

#[test]
fn an_owner_that_becomes_known_late_is_judged_all_the_same() {
    for speaks in [false, true] {
        let mut world = World::new();
        world.owners.answer = OwnerAnswer::Later;
        let server = "192.0.2.22:2222";
        let app = open(&mut world, server);
        world.pass(Duration::from_millis(250));
        if speaks {
            world.phone.send(app, b"first words\r\n");
            world.settle();
        }
        let flow = *world.owners.asked.last().expect("the owner was asked for");
        world.with(|engine, now, io| engine.owner_known(now, io, flow, dedicated()));
        world.settle();
        assert!(world.internet.connection(server).aborted, "a dedicated app has no business there");
        assert_eq!(world.phone.state(app), State::Closed);
        assert_eq!(world.attempts.len(), 1, "and it is reported");
    }
}

#[test]
fn nothing_but_dns_reaches_our_own_resolver() {
    let mut world = World::new();
    let app = open(&mut world, &format!("{OWN_DNS}:53"));
    world.phone.send(app, b"this is no DNS at all, whatever the port\r\n");
    world.settle();
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.phone.state(app), State::Closed);
}

#[test]
fn a_long_upload_after_the_server_has_finished_is_not_cut() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = open(&mut world, server);
    world.internet.finish(server);
    world.settle();
    for _ in 0..12 {
        world.phone.send(app, b"more");
        world.now += Duration::from_mins(1);
        world.with(Engine::handle_timeout);
        world.settle();
    }
    assert!(!world.internet.connection(server).aborted);
    assert_eq!(world.internet.connection(server).received.len(), 48);
    world.now += Duration::from_mins(11);
    world.with(Engine::handle_timeout);
    world.settle();
    assert!(world.internet.connection(server).aborted, "an idle half is not kept for ever");
}

const PROXY: &str = "192.0.2.80:1080";

/// What a SOCKS 5 client says to reach `host`.
fn socks5(host: &str) -> Vec<u8> {
    let mut said = vec![5, 1, 0, 5, 1, 0, 3, host.len() as u8];
    said.extend(host.as_bytes());
    said.extend([1, 0xbb]);
    said
}

#[test]
fn a_socks_proxy_is_not_asked_for_a_denied_name_or_address() {
    let v4 = [5, 1, 0, 5, 1, 0, 1, 111, 13, 141, 211, 1, 0xbb];
    let old = [4, 1, 1, 0xbb, 111, 13, 141, 211, 0];
    let old_name = [&[4, 1, 1, 0xbb, 0, 0, 0, 1, 0][..], DENIED.as_bytes(), &[0]].concat();
    for said in [&socks5(DENIED)[..], &socks5("111.13.141.211"), &socks5("0x6f0d8dd3"), &v4, &old, &old_name]
    {
        for slowly in [false, true] {
            let mut world = World::new();
            let app = open(&mut world, PROXY);
            for piece in said.chunks(if slowly { 1 } else { 100 }) {
                send_all(&mut world, app, piece);
            }
            assert!(world.internet.connection(PROXY).received.len() <= 3, "no more than the greeting");
            assert_eq!(world.attempts.len(), 1);
            assert_eq!(world.phone.state(app), State::Closed);
        }
    }
}

#[test]
fn inside_a_socks_tunnel_inspection_begins_again() {
    for (host, allowed) in [("example.com", true), (DENIED, false)] {
        let mut world = World::new();
        let app = open(&mut world, PROXY);
        let mut expected = socks5("example.com");
        world.phone.send(app, &expected);
        world.settle();
        assert_eq!(world.internet.connection(PROXY).received, expected);
        world.internet.say(PROXY, &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        world.settle();
        let hello = client_hello(host);
        world.phone.send(app, &hello);
        world.settle();
        if allowed {
            expected.extend(&hello);
        }
        assert_eq!(world.internet.connection(PROXY).received, expected);
        assert_eq!(world.phone.state(app) == State::Established, allowed);
    }
}

#[test]
fn a_tunnel_to_a_service_ends_with_its_consent_whatever_is_said_inside() {
    let connect = b"CONNECT api.account.xiaomi.com:443 HTTP/1.1\r\nHost: api.account.xiaomi.com:443\r\n\r\n";
    for (proxy, request) in [("192.0.2.80:8080", connect.to_vec()), (PROXY, socks5("api.account.xiaomi.com"))]
    {
        let mut world = World::new();
        world.grant("xiaomi.cloud_messaging");
        let app = open(&mut world, proxy);
        world.phone.send(app, &request);
        world.settle();
        assert_eq!(world.internet.connection(proxy).received, request, "granted");
        world.phone.send(app, &client_hello("example.com"));
        world.settle();
        world.revoke("xiaomi.cloud_messaging");
        assert!(world.internet.connection(proxy).aborted);
        assert_eq!(world.phone.state(app), State::Closed);
    }
}

#[test]
fn a_proxy_is_not_asked_for_a_denied_address_in_any_spelling() {
    for host in [
        "111.13.141.211",
        "0157.015.0215.0323",
        "0x6f.0xd.0x8d.0xd3",
        "1863159251",
        "111.13.36307",
        "[::ffff:6f0d:8dd3]",
    ] {
        let mut world = World::new();
        let app = open(&mut world, "192.0.2.80:8080");
        world.phone.send(app, format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        world.settle();
        assert!(world.internet.dialled.is_empty(), "{host}");
        assert_eq!(world.attempts.len(), 1);
    }
}

#[test]
fn tunnels_inside_tunnels_come_to_an_end() {
    let mut world = World::new();
    let proxy = "192.0.2.80:8080";
    let app = open(&mut world, proxy);
    for host in 0..20 {
        if world.phone.tcp(app).may_send() {
            world.phone.send(app, format!("CONNECT h{host}.example:443 HTTP/1.1\r\n\r\n").as_bytes());
        }
        world.settle();
    }
    assert_eq!(world.phone.state(app), State::Closed);
    assert_eq!(world.engine.counters().ambiguous, 1);
}
