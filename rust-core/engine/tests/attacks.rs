//! What an app may try to get past the engine on TCP, and what must come through all the same.
#![allow(missing_docs)]
mod world;

use consentry_consent::Owner;
use consentry_engine::Engine;
use consentry_engine::io::OwnerAnswer;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;
use std::time::Duration;
use world::{OWN_DNS, World, client_hello, get, socket};

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
    long.extend([b'a'; 70_000]);
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
