//! UDP, ping and DNS through the engine, against a scripted internet.
#![allow(missing_docs)]
mod world;

use consentry_consent::Signal;
use consentry_engine::io::{NetError, UdpError};
use consentry_engine::packet::build;
use consentry_inspect::dns;
use std::time::Duration;
use world::{OWN_DNS, RESOLVER, World, ip, socket};

const PEER: &str = "192.0.2.7:7000";

fn query(name: &str, rtype: u16) -> Vec<u8> {
    dns::query(99, &name.parse().expect("a name"), rtype)
}

#[test]
fn one_socket_serves_all_destinations_of_an_app_endpoint() {
    let mut world = World::new();
    world.phone.send_from(5000, socket(PEER), b"one");
    world.phone.send_from(5000, socket("192.0.2.8:8000"), b"two");
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 2);
    let sockets = world.internet.udp_sockets();
    assert_eq!(sockets.len(), 1, "endpoint-independent mapping");
    world.internet.answer(socket("192.0.2.9:9000"), sockets[0], b"from a third");
    world.settle();
    assert_eq!(
        world.phone.datagrams,
        [(socket("192.0.2.9:9000"), 5000, b"from a third".to_vec())],
        "and endpoint-independent filtering: a third party may answer"
    );
}

#[test]
fn nobody_whom_the_app_may_not_speak_to_may_answer() {
    let mut world = World::new();
    world.phone.send_from(5000, socket(PEER), b"one");
    world.settle();
    let sockets = world.internet.udp_sockets();
    world.internet.answer(socket("111.13.141.211:5222"), sockets[0], b"psst");
    world.settle();
    assert!(world.phone.datagrams.is_empty());
}

#[test]
fn a_mapping_ends_after_two_idle_minutes() {
    let mut world = World::new();
    world.phone.send_from(5000, socket(PEER), b"one");
    world.settle();
    world.pass(Duration::from_secs(119));
    assert_eq!(world.internet.udp_sockets().len(), 1);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.internet.udp_sockets().len(), 0);
    assert_eq!(world.engine.counters().udp_alive, 0);
}

#[test]
fn ipsec_may_be_quiet_for_longer() {
    let mut world = World::new();
    world.phone.send_from(5000, socket("192.0.2.7:4500"), b"one");
    world.pass(Duration::from_secs(290));
    assert_eq!(world.internet.udp_sockets().len(), 1);
}

#[test]
fn large_datagrams_pass_whole_both_ways() {
    let mut world = World::new();
    let large: Vec<u8> = (0..9000_u32).map(|n| (n % 251) as u8).collect();
    world.phone.send_from(5000, socket(PEER), &large);
    world.settle();
    assert_eq!(world.internet.datagrams, [(socket(PEER), large)], "reassembled");
    let sockets = world.internet.udp_sockets();
    world.internet.answer(socket(PEER), sockets[0], &[7; 4000]);
    world.with(|engine, now, io| {
        let events = consentry_engine::io::Readiness { readable: true, ..Default::default() };
        engine.socket_event(now, io, sockets[0], events);
    });
    assert!(world.tun.packets.len() >= 3, "in fragments that fit the MTU: the device checks each");
}

#[test]
fn what_the_network_says_of_a_datagram_reaches_the_app() {
    let mut world = World::new();
    for (error, kind) in
        [(NetError::Refused, 3), (NetError::TooBig { mtu: 1400 }, 3), (NetError::Unreachable, 3)]
    {
        world.phone.errors.clear();
        world.phone.send_from(5000, socket(PEER), b"one");
        world.settle();
        let sockets = world.internet.udp_sockets();
        world.internet.report(sockets[0], UdpError { to: socket(PEER), error });
        world.settle();
        assert_eq!(world.phone.errors, [(kind, socket(PEER), 5000)], "{error}");
    }
}

#[test]
fn a_denied_address_gets_port_unreachable_and_nothing_leaves() {
    let mut world = World::new();
    world.phone.send_from(5000, socket("111.13.141.211:443"), b"anything");
    world.settle();
    assert!(world.internet.datagrams.is_empty());
    assert_eq!(world.phone.errors, [(3, socket("111.13.141.211:443"), 5000)]);
    assert_eq!(world.attempts[0].signal, Some(Signal::Address));
}

#[test]
fn a_withdrawn_consent_makes_a_destination_mute() {
    let mut world = World::new();
    world.grant("xiaomi.push");
    let push = "111.13.141.211:443";
    world.phone.send_from(5000, socket(push), b"\x00 not QUIC");
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 1);
    let sockets = world.internet.udp_sockets();
    world.revoke("xiaomi.push");
    assert_eq!(world.internet.udp_sockets().len(), 1, "closing the socket would make the system answer");
    world.internet.answer(socket(push), sockets[0], b"still there?");
    world.phone.send_from(5000, socket(push), b"\x00 again");
    world.settle();
    assert!(world.phone.datagrams.is_empty());
    assert_eq!(world.internet.datagrams.len(), 1, "mute both ways");
    assert_eq!(world.engine.counters().cut, 1);
}

#[test]
fn an_allowed_question_is_forwarded_and_its_answer_comes_back() {
    let mut world = World::new();
    world.internet.host("example.com", &["192.0.2.80"]);
    assert_eq!(world.resolve("example.com"), Some(ip("192.0.2.80")));
    assert_eq!(world.internet.datagrams[0].0, socket(RESOLVER));
    assert_eq!(world.internet.udp_sockets().len(), 0, "the query's socket is closed again");
}

#[test]
fn a_question_to_a_foreign_resolver_is_intercepted_too() {
    let mut world = World::new();
    let ask = world.phone.ask(socket("8.8.8.8:53"), &query("data.mistat.xiaomi.com", dns::A));
    world.settle();
    assert!(world.internet.datagrams.is_empty());
    let reply = dns::parse(&world.phone.reply_to(ask).expect("an answer from inside")).expect("DNS");
    assert_eq!(reply.id, 99);
    assert_eq!(reply.answers.len(), 1);
    assert_eq!(world.attempts[0].signal, Some(Signal::DnsQuestion));

    let ask = world.phone.ask(socket("8.8.8.8:53"), &query("example.com", dns::A));
    world.internet.host("example.com", &["192.0.2.80"]);
    world.settle();
    assert_eq!(world.internet.datagrams[0].0, socket("8.8.8.8:53"), "the server that was asked");
    assert!(world.phone.reply_to(ask).is_some());
}

#[test]
fn a_denied_name_does_not_leave_in_a_message_with_an_odd_header() {
    let mut world = World::new();
    for (at, value) in [(2, 0x9d), (2, 0xc4), (4, 0x01), (5, 0x00), (5, 0x89)] {
        let mut question = query("api.account.xiaomi.com", dns::A);
        question[at] = value;
        world.phone.ask(socket("8.8.8.8:53"), &question);
        world.settle();
        assert!(world.internet.datagrams.is_empty(), "byte {at} is {value:#x}");
    }
}

#[test]
fn an_alias_of_a_denied_name_is_denied() {
    let mut world = World::new();
    world.internet.zone.insert(
        "innocent.example".into(),
        vec![
            dns::Record {
                name: "innocent.example".parse().expect("a name"),
                rtype: dns::CNAME,
                class: dns::IN,
                ttl: 60,
                data: dns::Data::Cname("data.mistat.xiaomi.com".parse().expect("a name")),
            },
            world::address_record("data.mistat.xiaomi.com", ip("192.0.2.66")),
        ],
    );
    let address = world.resolve("innocent.example").expect("an answer");
    assert!(matches!(address, std::net::IpAddr::V4(v4) if v4.octets()[0] == 198), "{address} is a sinkhole");
    assert_eq!(world.attempts.len(), 1);
    world.phone.connect(&format!("{address}:443"));
    world.pass(Duration::from_secs(4));
    assert!(world.internet.dialled.is_empty());
}

#[test]
fn a_granted_sinkhole_works_for_udp() {
    let mut world = World::new();
    world.internet.host("app.chat.xiaomi.net", &["192.0.2.10"]);
    let hole = world.resolve("app.chat.xiaomi.net").expect("an answer");
    world.grant("xiaomi.push");
    let there = std::net::SocketAddr::new(hole, 5222);
    world.phone.send_from(5000, there, b"hello");
    world.settle();
    let last = world.internet.datagrams.last().expect("sent");
    assert_eq!(*last, (socket("192.0.2.10:5222"), b"hello".to_vec()));
    let sockets = world.internet.udp_sockets();
    world.internet.answer(socket("192.0.2.10:5222"), sockets[0], b"hi");
    world.settle();
    assert!(world.phone.datagrams.contains(&(there, 5000, b"hi".to_vec())), "under the address the app used");
}

#[test]
fn multicast_dns_asks_only_for_local_names() {
    let mut world = World::new();
    let group = socket("224.0.0.251:5353");
    world.phone.send_from(5353, group, &query("printer.local", dns::A));
    world.phone.send_from(5353, group, &query("api.account.xiaomi.com", dns::A));
    world.phone.send_from(5353, group, &query("example.com", dns::A));
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 1);
    assert_eq!(world.internet.datagrams[0].1, query("printer.local", dns::A));
}

#[test]
fn our_own_address_listens_on_port_53_only() {
    let mut world = World::new();
    world.phone.send_from(5000, socket(&format!("{OWN_DNS}:853")), b"hello");
    world.settle();
    assert_eq!(world.phone.errors.len(), 1);
    assert!(world.internet.datagrams.is_empty());
}

fn echo_request(to: &str, ident: u16) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 0, 0, 3];
    message.extend_from_slice(b"ping payload");
    let mut packet = Vec::new();
    let (from, to) = (ip("10.111.222.1"), ip(to));
    build::echo_reply(from, to, ident, &message, &mut packet).expect("it fits");
    packet[20] = 8;
    // A request's checksum differs from its reply's by the type: 8 in the high byte (RFC 1624).
    let checksum = u16::from_be_bytes([packet[22], packet[23]]);
    let (sum, borrow) = checksum.overflowing_sub(0x0800);
    packet[22..24].copy_from_slice(&sum.wrapping_sub(u16::from(borrow)).to_be_bytes());
    packet
}

#[test]
fn ping_comes_back_under_its_own_identifier() {
    let mut world = World::new();
    world.phone.inject(echo_request("192.0.2.1", 0x1234));
    world.settle();
    assert_eq!(world.internet.pings, [ip("192.0.2.1")]);
    let (from, message) = &world.phone.echoes[0];
    assert_eq!(*from, ip("192.0.2.1"));
    assert_eq!(message[0], 0, "an echo reply");
    assert_eq!(message[4..8], [0x12, 0x34, 0, 3], "identifier and sequence as sent");
    assert_eq!(&message[8..], b"ping payload");
    world.pass(Duration::from_secs(61));
    assert_eq!(world.internet.udp_sockets().len(), 0);
}

#[test]
fn a_denied_literal_cannot_be_pinged() {
    let mut world = World::new();
    world.phone.inject(echo_request("111.13.141.211", 1));
    world.settle();
    assert!(world.internet.pings.is_empty());
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn mappings_are_bounded_and_the_oldest_goes_first() {
    let mut world = World::new();
    for port in 5000..5065 {
        world.phone.send_from(port, socket(PEER), b"x");
        world.pass(Duration::from_millis(5));
    }
    assert_eq!(world.internet.udp_sockets().len(), 64);
    assert_eq!(world.engine.counters().evicted, 1);
}

/// A DTLS 1.2 hello for `host` in one datagram, or in two fragments (RFC 6347 §4.2.1, §4.2.2).
fn dtls_hello(host: &str, fragments: usize) -> Vec<Vec<u8>> {
    let sized = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat();
    let name = sized(&[&[0][..], &sized(host.as_bytes())].concat());
    let extensions = sized(&[&[0, 0][..], &sized(&name)].concat());
    let body = [&[0xFE, 0xFD][..], &[7; 32], &[0, 0], &[0, 2, 0xC0, 0x2B, 1, 0], &extensions].concat();
    let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
    let step = body.len().div_ceil(fragments);
    let fragment = |(place, part): (usize, &[u8])| {
        let head = [vec![1], u24(body.len()), vec![0, 0], u24(place * step), u24(part.len())].concat();
        [&[22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, place as u8][..], &sized(&[&head[..], part].concat())]
            .concat()
    };
    body.chunks(step).enumerate().map(fragment).collect()
}

#[test]
fn a_dtls_hello_is_held_until_it_is_whole_and_judged() {
    let mut world = World::new();
    let [first, second] = &dtls_hello("turn.example.net", 2)[..] else { panic!("two fragments") };
    world.phone.send_from(5000, socket(PEER), first);
    world.settle();
    assert!(world.internet.datagrams.is_empty(), "half a hello");
    world.phone.send_from(5000, socket(PEER), second);
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 2);
    world.phone.send_from(5000, socket(PEER), b"encrypted");
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 3);

    for (port, fragments) in [(5001, 1), (5002, 2)] {
        for datagram in dtls_hello("api.account.xiaomi.com", fragments) {
            world.phone.send_from(port, socket("192.0.2.8:8000"), &datagram);
        }
    }
    // After something else on the same ports, too.
    world.phone.send_from(5003, socket("192.0.2.8:8000"), b"\0\x01STUN");
    world.phone.send_from(5003, socket("192.0.2.8:8000"), &dtls_hello("api.account.xiaomi.com", 1)[0]);
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 4, "only what is not for the service");
    assert_eq!(world.attempts.len(), 3);
    assert!(world.attempts.iter().all(|attempt| attempt.signal == Some(Signal::TlsSni)));
}

#[test]
fn a_dtls_hello_that_stays_incomplete_is_refused() {
    let mut world = World::new();
    world.phone.send_from(5000, socket(PEER), &dtls_hello("turn.example.net", 2)[0]);
    world.settle();
    world.pass(Duration::from_millis(1100));
    assert!(world.internet.datagrams.is_empty());
    assert_eq!(world.engine.counters().ambiguous, 1);
}
