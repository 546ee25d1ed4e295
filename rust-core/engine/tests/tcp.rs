//! TCP through the engine, against a scripted internet: what is dialled, what is held, what comes through.
#![allow(missing_docs)]
mod world;

use consentry_consent::{Owner, Signal};
use consentry_engine::io::OwnerAnswer;
use smoltcp::socket::tcp::State;
use std::time::Duration;
use world::{Manner, World, client_hello, get, ip, socket};

const WEB: &str = "192.0.2.80:443";

#[test]
fn nothing_is_dialled_before_the_first_bytes_have_been_judged() {
    let mut world = World::new();
    let app = world.phone.connect(WEB);
    world.settle();
    assert_eq!(world.phone.state(app), State::Established, "accepted locally");
    assert!(world.internet.dialled.is_empty(), "dialled late");

    let hello = client_hello("example.com");
    let (first, second) = hello.split_at(20);
    world.phone.send(app, first);
    world.settle();
    assert!(world.internet.dialled.is_empty(), "half a hello is no reason to dial");
    world.phone.send(app, second);
    world.settle();
    assert_eq!(world.internet.dialled, [socket(WEB)]);
    assert_eq!(world.internet.connection(WEB).received, hello, "the bytes judged are the bytes relayed");

    world.internet.say(WEB, b"server hello");
    world.settle();
    assert_eq!(world.phone.read(app), b"server hello");
    assert!(world.attempts.is_empty());
}

#[test]
fn both_sides_can_finish_in_either_order() {
    for app_first in [true, false] {
        let mut world = World::new();
        let app = world.phone.connect(WEB);
        world.settle();
        world.phone.send(app, &client_hello("example.com"));
        world.settle();
        if app_first {
            world.phone.tcp(app).close();
            world.settle();
            assert!(world.internet.connection(WEB).shutdown, "the app's FIN reaches the server");
            world.internet.say(WEB, b"late words");
            world.internet.finish(WEB);
            world.settle();
            assert_eq!(world.phone.read(app), b"late words", "the other half stays open");
        } else {
            world.internet.say(WEB, b"all I have");
            world.internet.finish(WEB);
            world.settle();
            assert_eq!(world.phone.read(app), b"all I have");
            assert_eq!(world.phone.state(app), State::CloseWait);
            world.phone.send(app, b"one more word");
            world.settle();
            assert!(world.internet.connection(WEB).received.ends_with(b"one more word"));
            world.phone.tcp(app).close();
        }
        world.pass(Duration::from_millis(100));
        assert!(world.internet.connection(WEB).closed, "closed in good order");
        assert!(!world.internet.connection(WEB).aborted);
        assert_eq!(world.engine.counters().tcp_alive, 0);
        assert_eq!(world.buffers.lent, 0, "buffers come back");
    }
}

#[test]
fn an_end_that_comes_together_with_the_last_bytes_is_noticed() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = world.phone.connect(server);
    world.settle();
    world.internet.say_and_finish(server, b"last words");
    world.settle();
    assert_eq!(world.phone.read(app), b"last words");
    assert_eq!(world.phone.state(app), State::CloseWait, "the app is told of the end");
}

#[test]
fn a_hello_for_a_service_without_consent_is_never_dialled() {
    for host in ["api.account.xiaomi.com", "API.Account.XIAOMI.com", "mtalk.google.com"] {
        let mut world = World::new();
        let app = world.phone.connect(WEB);
        world.settle();
        world.phone.send(app, &client_hello(host));
        world.settle();
        assert!(world.internet.dialled.is_empty(), "{host}");
        assert_eq!(world.phone.state(app), State::Closed, "reset");
        assert_eq!(world.attempts.len(), 1);
        assert_eq!(world.attempts[0].signal, Some(Signal::TlsSni));
        assert_eq!(world.buffers.lent, 0);
    }
}

#[test]
fn silence_never_dials() {
    let mut world = World::new();
    let app = world.phone.connect(WEB);
    world.settle();
    world.pass(Duration::from_secs(10));
    world.phone.tcp(app).close();
    world.pass(Duration::from_secs(1));
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.engine.counters().tcp_alive, 0);
}

#[test]
fn a_literal_is_denied_even_under_an_innocent_name() {
    let mut world = World::new();
    let app = world.phone.connect("111.13.141.211:443");
    world.settle();
    world.phone.send(app, &client_hello("example.com"));
    world.settle();
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.attempts.len(), 1);
    assert_eq!(world.attempts[0].service.as_deref(), Some("xiaomi.push"));
    assert_eq!(world.attempts[0].signal, Some(Signal::Address));
    assert_eq!(world.phone.state(app), State::Closed);
}

#[test]
fn every_request_of_a_kept_alive_connection_is_judged() {
    let mut world = World::new();
    let web = "192.0.2.80:80";
    let app = world.phone.connect(web);
    world.settle();
    let first = get("example.com", "/");
    world.phone.send(app, &first);
    world.settle();
    world.internet.say(web, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    world.settle();
    assert_eq!(world.phone.read(app), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

    world
        .phone
        .send(app, &get("api.account.xiaomi.com", "/pass/user@id?type=MXPH&externalId=%2B447700900456"));
    world.settle();
    assert_eq!(world.internet.connection(web).received, first, "not a byte of the second request");
    assert!(world.internet.connection(web).aborted);
    assert_eq!(world.phone.state(app), State::Closed);
    let attempt = &world.attempts[0];
    assert_eq!(attempt.service.as_deref(), Some("xiaomi.cloud_messaging"));
    assert_eq!(attempt.signal, Some(Signal::HttpHost));
    assert!(!attempt.identifiers.is_empty(), "the contact's number is reported by kind");
    assert!(!format!("{attempt:?}").contains("447700900456"), "never the number itself");
}

#[test]
fn pipelined_requests_are_held_one_by_one() {
    let mut world = World::new();
    let web = "192.0.2.80:80";
    let app = world.phone.connect(web);
    world.settle();
    let mut both = get("example.com", "/");
    let first = both.len();
    both.extend(get("data.mistat.xiaomi.com", "/"));
    world.phone.send(app, &both);
    world.settle();
    assert!(world.internet.sockets.values().all(|remote| remote.received.len() <= first));
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn a_body_passes_unread_and_whole() {
    let mut world = World::new();
    let web = "192.0.2.80:80";
    let app = world.phone.connect(web);
    world.settle();
    let body: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
    let mut request = b"POST /up HTTP/1.1\r\nHost: example.com\r\nContent-Length: 50000\r\n\r\n".to_vec();
    request.extend(&body);
    let next = get("example.com", "/next");
    request.extend(&next);
    world.phone.send(app, &request);
    world.settle();
    assert_eq!(world.internet.connection(web).received, request);
}

#[test]
fn on_other_ports_a_refusal_is_a_refusal() {
    let mut world = World::new();
    let ssh = "192.0.2.22:22";
    world.internet.manners.insert(socket(ssh), Manner::Refuse);
    let app = world.phone.connect(ssh);
    world.settle();
    assert_eq!(world.phone.state(app), State::Closed, "refused at once");
    assert_eq!(world.internet.dialled, [socket(ssh)]);
}

#[test]
fn on_other_ports_silence_stays_silence() {
    let mut world = World::new();
    let nobody = "192.0.2.22:22";
    world.internet.manners.insert(socket(nobody), Manner::Silent);
    let app = world.phone.connect(nobody);
    world.pass(Duration::from_secs(3));
    assert_eq!(world.phone.state(app), State::SynSent, "the app sees what the network shows");
    assert_eq!(world.internet.dialled.len(), 1, "repeated SYNs do not dial again");
}

#[test]
fn a_server_may_speak_first() {
    let mut world = World::new();
    let smtp = "192.0.2.25:25";
    let app = world.phone.connect(smtp);
    world.settle();
    assert_eq!(world.phone.state(app), State::Established);
    world.internet.say(smtp, b"220 ready\r\n");
    world.settle();
    assert_eq!(world.phone.read(app), b"220 ready\r\n");
    world.phone.send(app, b"EHLO phone\r\n");
    world.settle();
    assert_eq!(world.internet.connection(smtp).received, b"EHLO phone\r\n");
}

#[test]
fn a_client_that_says_one_word_and_waits_is_heard() {
    let mut world = World::new();
    let server = "192.0.2.25:7000";
    let app = world.phone.connect(server);
    world.settle();
    world.phone.send(app, b"x");
    world.settle();
    assert_eq!(world.internet.connection(server).received, b"x");
    world.phone.send(app, b"yz?\r\n");
    world.settle();
    assert_eq!(world.internet.connection(server).received, b"xyz?\r\n", "each byte once");
}

#[test]
fn a_request_said_letter_by_letter_is_still_judged() {
    for (host, allowed) in [("example.com", true), ("data.mistat.xiaomi.com", false)] {
        let mut world = World::new();
        let server = "192.0.2.25:7000";
        let app = world.phone.connect(server);
        world.settle();
        let request = get(host, "/some/path");
        for byte in &request {
            if world.phone.tcp(app).may_send() {
                world.phone.send(app, &[*byte]);
            }
            world.settle();
        }
        let received = &world.internet.connection(server).received;
        let expected: &[u8] = if allowed { &request } else { b"GET" };
        assert_eq!(received, expected, "the path and the name are held back");
        assert_eq!(world.attempts.len(), usize::from(!allowed));
    }
}

#[test]
fn mi_push_is_recognised_on_any_port() {
    let mut world = World::new();
    let somewhere = "192.0.2.99:7777";
    let app = world.phone.connect(somewhere);
    world.settle();
    world.phone.send(app, &[0xc2, 0xfe, 0x00, 0x05, 0, 0, 0, 0, 0, 0, 0, 1]);
    world.settle();
    assert_eq!(world.internet.connection(somewhere).received, b"", "not one byte");
    assert!(world.internet.connection(somewhere).aborted);
    assert_eq!(world.attempts[0].service.as_deref(), Some("xiaomi.push"));
}

#[test]
fn a_slow_server_stalls_the_app_and_loses_nothing() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = world.phone.connect(server);
    world.settle();
    world.internet.connection(server).stuffed = true;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 253) as u8).collect();
    let mut sent = 0;
    for _ in 0..200 {
        sent += world.phone.tcp(app).send_slice(&bytes[sent..]).expect("open");
        world.settle();
    }
    assert!(sent < 120_000, "two buffers' worth at the most, not {sent}");
    world.internet.unstuff(server);
    while sent < bytes.len() {
        world.pass(Duration::from_millis(50));
        sent += world.phone.tcp(app).send_slice(&bytes[sent..]).expect("open");
    }
    world.pass(Duration::from_secs(2));
    assert_eq!(world.internet.connection(server).received, bytes);
}

#[test]
fn a_slow_reader_leaves_bytes_with_the_server() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = world.phone.connect(server);
    world.settle();
    let bytes: Vec<u8> = (0..500_000_u32).map(|n| (n % 253) as u8).collect();
    world.internet.say(server, &bytes);
    world.pass(Duration::from_secs(1));
    assert!(
        world.internet.connection(server).say.len() > 300_000,
        "what the app does not read stays where it is"
    );
    let mut read = Vec::new();
    for _ in 0..2000 {
        read.extend(world.phone.read(app));
        world.pass(Duration::from_millis(10));
        if read.len() == bytes.len() {
            break;
        }
    }
    assert!(read == bytes, "{} of {} bytes", read.len(), bytes.len());
}

#[test]
fn resets_travel_both_ways() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = world.phone.connect(server);
    world.settle();
    world.internet.fail(server);
    world.settle();
    assert_eq!(world.phone.state(app), State::Closed);

    let other = "192.0.2.23:2222";
    let app = world.phone.connect(other);
    world.settle();
    world.phone.tcp(app).abort();
    world.settle();
    assert!(world.internet.connection(other).aborted);
    assert_eq!(world.engine.counters().tcp_alive, 0);
    assert_eq!(world.buffers.lent, 0);
}

#[test]
fn a_sinkhole_leads_nowhere_until_consent_and_nowhere_again_after() {
    let mut world = World::new();
    world.internet.host("api.account.xiaomi.com", &["192.0.2.10"]);
    let hole = world.resolve("api.account.xiaomi.com").expect("an answer");
    assert!(world.internet.datagrams.is_empty(), "not even the question goes out");
    let there = format!("{hole}:443");
    let app = world.phone.connect(&there);
    world.settle();
    world.phone.send(app, &client_hello("api.account.xiaomi.com"));
    world.settle();
    assert_eq!(world.phone.state(app), State::Closed);
    assert!(world.internet.dialled.is_empty());

    world.grant("xiaomi.cloud_messaging");
    let app = world.phone.connect(&there);
    world.settle();
    let hello = client_hello("api.account.xiaomi.com");
    world.phone.send(app, &hello);
    world.settle();
    assert_eq!(
        world.internet.dialled,
        [socket("192.0.2.10:443")],
        "the address the phone remembers now works"
    );
    assert_eq!(world.internet.connection("192.0.2.10:443").received, hello);

    world.revoke("xiaomi.cloud_messaging");
    assert!(world.internet.connection("192.0.2.10:443").aborted, "cut at once");
    assert_eq!(world.phone.state(app), State::Closed);
    assert_eq!(world.engine.counters().cut, 1);
}

#[test]
fn cleartext_to_a_shared_host_is_told_apart_by_its_path() {
    let mut world = World::new();
    world.internet.host("api.account.xiaomi.com", &["192.0.2.10"]);
    let hole = world.resolve("api.account.xiaomi.com").expect("an answer");
    world.grant("xiaomi.cloud_messaging");
    let app = world.phone.connect(&format!("{hole}:80"));
    world.settle();
    world.phone.send(app, &get("api.account.xiaomi.com", "/pass/user@id?type=MXPH&externalId=1"));
    world.settle();
    assert_eq!(world.internet.dialled.len(), 1);
    let app = world.phone.connect(&format!("{hole}:80"));
    world.settle();
    world.phone.send(app, &get("api.account.xiaomi.com", "/something/else"));
    world.settle();
    assert_eq!(world.internet.dialled.len(), 1, "a path that is neither service's is denied");
    assert_eq!(world.phone.state(app), State::Closed);
}

#[test]
fn an_unmapped_sinkhole_address_is_never_dialled() {
    let mut world = World::new();
    world.phone.connect("198.18.200.200:443");
    world.phone.connect("198.18.200.200:22");
    world.pass(Duration::from_secs(5));
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.attempts.len(), 2);
}

#[test]
fn addresses_of_the_stated_name_are_raced() {
    let mut world = World::new();
    world.internet.host("example.com", &["192.0.2.80", "192.0.2.81"]);
    assert_eq!(world.resolve("example.com"), Some(ip("192.0.2.80")));
    world.internet.manners.insert(socket("192.0.2.80:443"), Manner::Silent);
    let app = world.phone.connect("192.0.2.80:443");
    world.settle();
    world.phone.send(app, &client_hello("example.com"));
    world.pass(Duration::from_millis(400));
    assert_eq!(world.internet.dialled, [socket("192.0.2.80:443"), socket("192.0.2.81:443")]);
    world.internet.say("192.0.2.81:443", b"here");
    world.settle();
    assert_eq!(world.phone.read(app), b"here");
}

#[test]
fn a_family_without_upstream_is_refused_at_the_syn() {
    let mut world = World::with_limits(16, false);
    let app = world.phone.connect("[2001:db8::1]:443");
    world.settle();
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.phone.errors.len(), 1, "no route, said by ICMPv6");
    assert_eq!(world.phone.state(app), State::SynSent, "this stack does not act on the error; Linux does");
}

#[test]
fn at_the_limit_the_longest_idle_flow_makes_room() {
    let mut world = World::with_limits(4, true);
    let mut apps = Vec::new();
    for host in 0..4 {
        apps.push(world.phone.connect(&format!("192.0.2.{host}:2222")));
        world.pass(Duration::from_millis(10));
    }
    world.phone.send(apps[0], b"I am not idle");
    world.pass(Duration::from_millis(10));
    let fifth = world.phone.connect("192.0.2.9:2222");
    world.pass(Duration::from_millis(50));
    assert_eq!(world.phone.state(fifth), State::Established);
    assert_eq!(world.phone.state(apps[0]), State::Established);
    assert_eq!(world.phone.state(apps[1]), State::Closed, "the one idle for longest");
    assert_eq!(world.engine.counters().evicted, 1);
}

#[test]
fn an_app_that_retries_in_a_loop_gets_silence() {
    let mut world = World::new();
    let literal = "111.13.141.211:5222";
    for _ in 0..10 {
        let app = world.phone.connect(literal);
        world.settle();
        world.phone.send(app, &[0xc2, 0xfe, 0x00, 0x05]);
        world.pass(Duration::from_millis(20));
        world.phone.tcp(app).abort();
        world.settle();
    }
    let app = world.phone.connect(literal);
    world.settle();
    assert_eq!(world.phone.state(app), State::SynSent, "no answer at all");
    assert_eq!(world.engine.counters().silenced, 1);
    assert_eq!(world.attempts.len(), 11, "every attempt is reported");
}

#[test]
fn a_flow_waits_for_its_owner_but_not_for_ever() {
    let mut world = World::new();
    world.owners.answer = OwnerAnswer::Later;
    let ssh = "192.0.2.22:2222";
    world.phone.connect(ssh);
    world.pass(Duration::from_millis(150));
    assert!(world.internet.dialled.is_empty());
    world.pass(Duration::from_millis(100));
    assert_eq!(world.internet.dialled, [socket(ssh)], "after 200 ms the owner counts as unknown");

    let web = "192.0.2.24:2222";
    world.phone.connect(web);
    world.settle();
    let flow = *world.owners.asked.last().expect("the owner was asked for");
    let owner = Owner::App { uid: 10_050, packages: vec!["com.xiaomi.xmsf".into()] };
    world.with(|engine, now, io| engine.owner_known(now, io, flow, owner));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.internet.dialled.len(), 1, "a dedicated app reaching something unlisted is denied");
    assert_eq!(world.attempts.last().and_then(|attempt| attempt.service.as_deref()), Some("xiaomi.unlisted"));
}

#[test]
fn dns_over_tcp_is_answered_by_the_interceptor() {
    use consentry_inspect::dns;
    let mut world = World::new();
    let app = world.phone.connect("8.8.8.8:53");
    world.settle();
    let query = dns::query(5, &"api.account.xiaomi.com".parse().expect("a name"), dns::A);
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend(&query);
    world.phone.send(app, &framed);
    world.settle();
    assert!(world.internet.dialled.is_empty() && world.internet.datagrams.is_empty());
    let answer = world.phone.read(app);
    let message = dns::parse(&answer[2..]).expect("a DNS message");
    assert_eq!(message.id, 5);
    assert!(matches!(message.answers[0].data, dns::Data::A(address) if address.octets()[..2] == [198, 18]
        || address.octets()[..2] == [198, 19]));
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn a_denied_name_does_not_leave_over_tcp_in_a_message_with_an_odd_header() {
    use consentry_inspect::dns;
    let mut world = World::new();
    let app = world.phone.connect("8.8.8.8:53");
    world.settle();
    let mut query = dns::query(5, &"api.account.xiaomi.com".parse().expect("a name"), dns::A);
    query[4] = 9;
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend(&query);
    for byte in framed {
        if world.phone.tcp(app).may_send() {
            world.phone.send(app, &[byte]);
        }
        world.settle();
    }
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn bytes_on_port_53_that_are_not_dns_are_judged_like_any_others() {
    let mut world = World::new();
    let odd = "192.0.2.53:53";
    let app = world.phone.connect(odd);
    world.settle();
    assert!(world.internet.dialled.is_empty());
    world.phone.send(app, b"SSH-2.0-OpenSSH_9.2\r\n");
    world.settle();
    assert_eq!(world.internet.connection(odd).received, b"SSH-2.0-OpenSSH_9.2\r\n");
}

#[test]
fn private_dns_on_our_own_address_is_refused_at_once() {
    let mut world = World::new();
    let app = world.phone.connect(&format!("{}:853", world::OWN_DNS));
    world.settle();
    assert_eq!(world.phone.state(app), State::Closed);
    assert!(world.internet.dialled.is_empty());
}

#[test]
fn ambiguous_framing_is_reset() {
    let mut world = World::new();
    let app = world.phone.connect("192.0.2.80:80");
    world.settle();
    world.phone.send(
        app,
        b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    world.settle();
    assert!(world.internet.dialled.is_empty());
    assert_eq!(world.phone.state(app), State::Closed);
    assert_eq!(world.engine.counters().ambiguous, 1);
}

#[test]
fn inside_a_connect_tunnel_inspection_begins_again() {
    let mut world = World::new();
    let proxy = "192.0.2.80:8080";
    let app = world.phone.connect(proxy);
    world.settle();
    let connect = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    world.phone.send(app, connect);
    world.settle();
    world.internet.say(proxy, b"HTTP/1.1 200 OK\r\n\r\n");
    world.settle();
    world.phone.read(app);
    world.phone.send(app, &client_hello("api.account.xiaomi.com"));
    world.settle();
    assert_eq!(world.internet.connection(proxy).received, connect);
    assert_eq!(world.phone.state(app), State::Closed);
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn a_new_network_resets_every_flow() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = world.phone.connect(server);
    world.settle();
    let network = consentry_engine::Network { resolvers: vec![], ipv4: true, ipv6: true };
    world.with(|engine, now, io| engine.network_changed(now, io, network));
    world.settle();
    assert_eq!(world.phone.state(app), State::Closed);
    assert!(world.internet.connection(server).aborted);
    assert_eq!(world.buffers.lent, 0);
}

/// One request over HTTP/2 without TLS: what the client says first, its settings, and its headers (RFC 9113 §3.4, §6).
fn http2_get(host: &str, path: &str, stream: u8) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    let field = |name: &str, value: &str| [vec![0], text(name), text(value)].concat();
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", path)];
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| field(name, value)).collect();
    [&[0, 0, block.len() as u8, 1, 5, 0, 0, 0, stream][..], &block].concat()
}

#[test]
fn http2_without_tls_is_judged_request_by_request() {
    let mut world = World::new();
    let server = "192.0.2.80:8080";
    let app = world.phone.connect(server);
    world.settle();
    let start = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 0, 0, 4, 0, 0, 0, 0, 0][..]].concat();
    world.phone.send(app, &start);
    world.settle();
    assert!(world.internet.dialled.is_empty(), "nothing was asked for yet");
    let first = http2_get("example.com", "/", 1);
    world.phone.send(app, &first);
    world.settle();
    let said = [start, first].concat();
    assert_eq!(world.internet.connection(server).received, said);
    let window = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0];
    world.phone.send(app, &window);
    world.settle();
    assert_eq!(world.internet.connection(server).received, [&said[..], &window].concat());
    world
        .phone
        .send(app, &http2_get("api.account.xiaomi.com", "/pass/user@id?externalId=%2B447700900456", 3));
    world.settle();
    assert_eq!(world.internet.connection(server).received, [&said[..], &window].concat());
    assert_eq!(world.phone.state(app), State::Closed);
    assert_eq!(world.attempts.len(), 1);
    assert_eq!(world.attempts[0].identifiers.len(), 1, "{:?}", world.attempts[0]);
}

#[test]
fn after_an_upgrade_http2_is_judged_too() {
    let mut world = World::new();
    let server = "192.0.2.80:80";
    let app = world.phone.connect(server);
    world.settle();
    let upgrade = b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    world.phone.send(app, upgrade);
    world.settle();
    world.internet.say(server, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    world.settle();
    world.phone.read(app);
    let start = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0, 0, 0, 4, 0, 0, 0, 0, 0][..]].concat();
    world.phone.send(app, &start);
    world.settle();
    let said = [&upgrade[..], &start].concat();
    assert_eq!(world.internet.connection(server).received, said, "the client may wait for the server here");
    world.phone.send(app, &http2_get("api.account.xiaomi.com", "/", 3));
    world.settle();
    assert_eq!(world.internet.connection(server).received, said);
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn the_hello_behind_starttls_is_judged() {
    for (name, served) in [("mail.example.com", true), ("api.account.xiaomi.com", false)] {
        let mut world = World::new();
        let server = "192.0.2.25:587";
        let app = world.phone.connect(server);
        world.settle();
        world.internet.say(server, b"220 mail.example.com ESMTP\r\n");
        world.settle();
        world.phone.send(app, b"EHLO phone\r\n");
        world.settle();
        assert_eq!(world.internet.connection(server).received, b"EHLO phone\r\n", "each line passes at once");
        world.phone.send(app, b"STARTTLS\r\n");
        world.settle();
        world.phone.send(app, &client_hello(name));
        world.settle();
        let said = b"EHLO phone\r\nSTARTTLS\r\n".to_vec();
        let expected = if served { [said, client_hello(name)].concat() } else { said };
        assert_eq!(world.internet.connection(server).received, expected, "{name}");
        assert_eq!(world.attempts.len(), usize::from(!served));
    }
}

#[test]
fn a_dialogue_that_never_starts_tls_goes_on() {
    let mut world = World::new();
    let server = "192.0.2.25:587";
    let app = world.phone.connect(server);
    world.settle();
    let said = b"EHLO phone\r\nMAIL FROM:<a@example.com>\r\nDATA\r\nSTARTTLS\r\nGET / HTTP/1.1\r\nHost: a\x01\r\n\r\n.\r\nQUIT\r\n";
    for piece in said.chunks(7) {
        world.phone.send(app, piece);
        world.settle();
    }
    assert_eq!(world.internet.connection(server).received, said, "a message is nobody's business here");
}

#[test]
fn an_xmpp_client_states_its_domain() {
    let mut world = World::new();
    let server = "192.0.2.52:5222";
    let app = world.phone.connect(server);
    world.settle();
    world.phone.send(app, b"<?xml version='1.0'?><stream:stream to='api.account.xiaomi.com' version='1.0'>");
    world.settle();
    assert_eq!(world.phone.state(app), State::Closed);
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn another_resolver_of_the_same_network_resets_no_flow() {
    let mut world = World::new();
    let server = "192.0.2.22:2222";
    let app = world.phone.connect(server);
    world.settle();
    let network = consentry_engine::Network { resolvers: vec![], ipv4: true, ipv6: false };
    world.with(|engine, now, io| engine.network_amended(now, io, network));
    world.internet.say(server, b"still here");
    world.settle();
    assert_eq!(world.phone.read(app), b"still here");
    assert_eq!(world.phone.state(app), State::Established);
}
