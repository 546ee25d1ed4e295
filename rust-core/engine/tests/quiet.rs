//! What rests costs nothing: no timer fires for ever, nothing is kept that is over, and no byte is lost at an end.
#![allow(missing_docs)]
mod world;

use consentry_engine::Engine;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;
use std::time::Duration;
use world::{World, client_hello, get, socket};

const SERVER: &str = "192.0.2.22:2222";
const HOUR: Duration = Duration::from_hours(1);

fn open(world: &mut World, to: &str) -> SocketHandle {
    let app = world.phone.connect(to);
    world.settle();
    app
}

/// How often the engine wants to be woken within a time in which nobody says anything.
fn wake_ups(world: &mut World, time: Duration) -> usize {
    let end = world.now + time;
    let mut count = 0;
    while let Some(at) = world.engine.poll_at().filter(|at| *at <= end) {
        world.now = world.now.max(at);
        world.with(Engine::handle_timeout);
        world.settle();
        count += 1;
        assert!(count < 10_000, "it never comes to rest");
    }
    world.now = end;
    world.settle();
    count
}

/// What is going on, the most wake-ups it may cost in an hour, and how to get there.
type Scene = (&'static str, usize, fn(&mut World));

#[test]
fn what_waits_does_not_wake_the_phone() {
    let scenes: [Scene; 9] = [
        ("a connection nobody uses", 2, |world| {
            let app = open(world, SERVER);
            world.phone.send(app, b"hello\r\n");
            world.settle();
        }),
        ("a client that says nothing", 2, |world| {
            open(world, "192.0.2.80:443");
        }),
        ("half a hello", 2, |world| {
            let app = open(world, "192.0.2.80:443");
            world.phone.send(app, &client_hello("example.com")[..30]);
            world.settle();
        }),
        ("a server that has finished", 3, |world| {
            open(world, SERVER);
            world.internet.finish(SERVER);
            world.settle();
        }),
        ("an app that has finished", 3, |world| {
            let app = open(world, SERVER);
            world.phone.tcp(app).close();
            world.settle();
        }),
        ("a server that takes nothing", 5, |world| {
            let app = open(world, SERVER);
            world.internet.connection(SERVER).stuffed = true;
            world.phone.send(app, &vec![7; 50_000]);
            world.settle();
        }),
        ("an app that reads nothing", 100, |world| {
            open(world, SERVER);
            world.internet.say(SERVER, &vec![7; 300_000]);
            world.settle();
        }),
        ("a denied app", 4, |world| {
            let app = open(world, "192.0.2.80:80");
            world.phone.send(app, &get("data.mistat.xiaomi.com", "/"));
            world.settle();
        }),
        ("datagrams and pings of a while ago", 8, |world| {
            world.phone.send_from(5000, socket("192.0.2.7:7000"), b"one");
            world.phone.send_from(5001, socket("111.13.141.211:443"), b"two");
            world.resolve("example.com");
        }),
    ];
    for (what, most, scene) in scenes {
        let mut world = World::new();
        scene(&mut world);
        let count = wake_ups(&mut world, HOUR);
        assert!(count <= most, "{what}: {count} wake-ups in an hour");
        let again = wake_ups(&mut world, HOUR);
        assert!(again <= most, "{what}: {again} wake-ups in the next hour");
    }
}

#[test]
fn quiet_connections_let_the_memory_of_their_buffers_go() {
    let mut world = World::new();
    let app = open(&mut world, SERVER);
    for round in 1..=3 {
        world.phone.send(app, b"a word\r\n");
        world.settle();
        world.internet.say(SERVER, b"and another\r\n");
        world.settle();
        assert_eq!(world.phone.read(app), b"and another\r\n");
        assert_eq!(world.internet.connection(SERVER).received, b"a word\r\n".repeat(round));
        assert!(wake_ups(&mut world, HOUR) <= 3);
        assert_eq!(world.buffers.rested.len(), round, "once after each time it spoke");
    }
}

#[test]
fn buffers_that_hold_something_do_not_rest() {
    let mut world = World::new();
    open(&mut world, SERVER);
    // More than the phone's own buffer takes.
    world.internet.say(SERVER, &vec![7; 300_000]);
    world.settle();
    wake_ups(&mut world, Duration::from_mins(10));
    assert!(world.buffers.rested.is_empty(), "the app has not read it all");

    let mut world = World::new();
    let app = open(&mut world, SERVER);
    world.internet.connection(SERVER).stuffed = true;
    world.phone.send(app, &vec![7; 60_000]);
    world.settle();
    wake_ups(&mut world, Duration::from_mins(10));
    assert!(world.buffers.rested.is_empty(), "the server has not taken it");
    world.internet.unstuff(SERVER);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.internet.connection(SERVER).received, vec![7; 60_000]);
}

#[test]
fn nothing_is_lost_when_both_sides_have_finished_and_the_server_is_slow() {
    for words in [&b"the last words"[..], &[0; 12_000]] {
        let mut world = World::new();
        let app = open(&mut world, SERVER);
        world.phone.send(app, b"hello\r\n");
        world.settle();
        world.internet.finish(SERVER);
        world.settle();
        world.internet.connection(SERVER).stuffed = true;
        world.phone.send(app, words);
        world.phone.tcp(app).close();
        world.settle();
        assert!(wake_ups(&mut world, Duration::from_mins(1)) < 5);
        world.internet.unstuff(SERVER);
        world.settle();
        assert_eq!(world.internet.connection(SERVER).received.len(), 7 + words.len());
        assert!(world.internet.connection(SERVER).shutdown, "and the server is told that they were the last");
        assert!(!world.internet.connection(SERVER).aborted);
        wake_ups(&mut world, HOUR);
        assert_eq!(world.engine.counters().tcp_alive, 0);
        assert_eq!(world.buffers.lent, 0);
    }
}

#[test]
fn a_server_that_never_takes_the_last_bytes_is_given_up() {
    let mut world = World::new();
    let app = open(&mut world, SERVER);
    world.internet.connection(SERVER).stuffed = true;
    world.phone.send(app, b"the last words");
    world.settle();
    world.phone.tcp(app).abort();
    world.settle();
    wake_ups(&mut world, HOUR);
    assert_eq!(world.engine.counters().tcp_alive, 0);
    assert_eq!(world.buffers.lent, 0);
}

#[test]
fn resets_wait_for_room_in_the_tun_device() {
    let mut world = World::new();
    let apps: Vec<_> = (0..100).map(|host| open(&mut world, &format!("192.0.2.{host}:2222"))).collect();
    for _ in 0..500 {
        world.tun.packets.push_back(Vec::new());
    }
    let network = consentry_engine::Network { resolvers: vec![], ipv4: true, ipv6: true };
    world.with(|engine, now, io| engine.network_changed(now, io, network));
    world.tun.packets.clear();
    world.with(Engine::tun_writable);
    world.settle();
    for app in apps {
        assert_eq!(world.phone.state(app), State::Closed, "every app is told");
    }
    assert_eq!(world.buffers.lent, 0);
}
