//! Questions that go out, and what counts as their answer.
use super::*;

fn udp(server: &str) -> Asker {
    Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(server) }
}

fn tcp(server: &str) -> Asker {
    Asker::Tcp { flow: FlowId(7), app: socket("10.111.0.2:40001"), server: socket(server) }
}

fn www() -> Vec<u8> {
    dns::query(0x1234, &name("www.example"), dns::A)
}

fn lab_with_www() -> Lab {
    Lab::new().with("www.example", dns::A, &[address_record("www.example", "203.0.113.9")])
}

#[test]
fn an_ordinary_question_passes_unchanged_but_for_its_id() {
    let mut lab = lab_with_www();
    let message = www();
    lab.ask_as(udp(OWN), &message);
    let [sent] = &lab.sent[..] else { panic!("one question went out") };
    assert_eq!(sent.to, socket(FIRST));
    assert_eq!(sent.message[2..], message[2..], "EDNS and all");
    let reply = lab.take_reply();
    assert_eq!(reply.id, 0x1234);
    assert_eq!(addresses(&reply), [ip("203.0.113.9")]);
    assert_eq!(lab.dns.names().names(ip("203.0.113.9")).len(), 1);
    assert!(lab.open.is_empty() && lab.attempts.is_empty());
    assert_eq!(lab.dns.poll_at(), None);
}

#[test]
fn questions_to_a_server_of_the_apps_choice_go_there() {
    let mut lab = lab_with_www();
    lab.ask_as(udp(FOREIGN), &www());
    assert_eq!(lab.sent[0].to, socket(FOREIGN));
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
}

#[test]
fn every_try_has_an_id_of_its_own() {
    let mut lab = lab_with_www();
    for _ in 0..200 {
        lab.ask_as(udp(OWN), &www());
    }
    let ids: BTreeSet<[u8; 2]> = lab.sent.iter().map(|sent| [sent.message[0], sent.message[1]]).collect();
    assert!(ids.len() > 190, "ids repeat by chance only");
    assert!(ids.iter().filter(|id| **id == [0x12, 0x34]).count() <= 1, "the app's own id does not show");
}

#[test]
fn lan_answers_for_allowed_names_pass() {
    let mut lab = Lab::new().with("nas.lan", dns::A, &[address_record("nas.lan", "192.168.1.5")]);
    assert_eq!(addresses(&lab.ask("nas.lan", dns::A)), [ip("192.168.1.5")]);
}

#[test]
fn aliases_and_hints_are_learnt_under_every_name_on_the_way() {
    let binding =
        Data::Service { priority: 1, target: name("svc.example"), hints: vec![ip("203.0.113.7")], ech: true };
    let mut lab = Lab::new()
        .with(
            "www.example",
            dns::A,
            &[
                // Out of order, as some servers send them.
                address_record("cdn.example", "203.0.113.9"),
                cname("edge.example", "cdn.example"),
                cname("www.example", "edge.example"),
                address_record("unrelated.example", "203.0.113.66"),
            ],
        )
        .with("www.example", dns::HTTPS, &[record("www.example", dns::HTTPS, binding)]);
    lab.ask("www.example", dns::A);
    lab.ask("www.example", dns::HTTPS);
    let names = |address: &str| -> BTreeSet<String> {
        lab.dns.names().names(ip(address)).iter().map(ToString::to_string).collect()
    };
    let expected = |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
    assert_eq!(names("203.0.113.9"), expected(&["www.example", "edge.example", "cdn.example"]));
    assert_eq!(names("203.0.113.7"), expected(&["www.example", "svc.example"]));
    assert!(
        names("203.0.113.66").is_empty(),
        "a record that does not belong to the question teaches nothing"
    );
}

#[test]
fn sinkhole_addresses_from_outside_are_not_learnt() {
    let mut lab = Lab::new().with("www.example", dns::A, &[address_record("www.example", "198.18.0.77")]);
    assert_eq!(addresses(&lab.ask("www.example", dns::A)), [ip("198.18.0.77")]);
    assert!(lab.dns.names().is_empty());
    assert_eq!(lab.dns.pool().name_of(ip("198.18.0.77")), crate::dns::PoolAddress::Unmapped);
}

#[test]
fn a_silent_resolver_is_replaced_after_a_second_and_then_not_preferred() {
    let mut lab = lab_with_www().server(FIRST, Manner::Silent);
    lab.ask_as(udp(OWN), &www());
    assert!(lab.replies.is_empty());
    lab.wait(Duration::from_secs(1));
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    lab.sent.clear();
    lab.ask_as(udp(OWN), &www());
    assert_eq!(lab.sent[0].to, socket(SECOND), "the one that answered is asked first from now on");
    assert_eq!(lab.replies.len(), 1);
}

#[test]
fn a_slow_answer_still_counts_after_the_next_server_was_asked() {
    let mut lab = Lab::new().server(FIRST, Manner::Silent).server(SECOND, Manner::Silent);
    lab.ask_as(udp(OWN), &www());
    let first = *lab.open.first_key_value().unwrap().0;
    lab.wait(Duration::from_secs(1));
    assert_eq!(lab.sent.len(), 2);
    let answer = dns::reply(
        &dns::parse(&lab.sent[0].message).unwrap(),
        dns::NOERROR,
        &[address_record("www.example", "203.0.113.9")],
    );
    lab.dns.udp_answer(lab.now, first, socket(FIRST), &answer, catalogue(), &lab.policy);
    lab.run();
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    assert!(lab.open.is_empty(), "both sockets are closed");
}

#[test]
fn servfail_and_refused_make_the_next_resolver_asked_at_once() {
    for manner in [Manner::Fails(dns::SERVFAIL), Manner::Fails(dns::REFUSED), Manner::Closed] {
        let mut lab = lab_with_www().server(FIRST, manner);
        lab.ask_as(udp(OWN), &www());
        assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
        assert!(lab.open.is_empty());
    }
}

#[test]
fn the_last_refusal_is_passed_on_when_all_refuse() {
    let mut lab =
        Lab::new().server(FIRST, Manner::Fails(dns::SERVFAIL)).server(SECOND, Manner::Fails(dns::REFUSED));
    lab.ask_as(udp(OWN), &www());
    assert_eq!(lab.take_reply().rcode, dns::REFUSED);
    assert_eq!(lab.sent.len(), 2);
    let mut lab = Lab::new().server(FIRST, Manner::Closed).server(SECOND, Manner::Closed);
    lab.ask_as(udp(OWN), &www());
    assert_eq!(lab.take_reply().rcode, dns::SERVFAIL, "at once, not after six seconds");
}

#[test]
fn a_server_of_the_apps_choice_is_tried_again_and_never_replaced() {
    let mut lab = Lab::new().server(FOREIGN, Manner::Silent);
    lab.ask_as(udp(FOREIGN), &www());
    lab.wait(Duration::from_secs(10));
    assert_eq!(lab.take_reply().rcode, dns::SERVFAIL);
    assert!(lab.sent.iter().all(|sent| sent.to == socket(FOREIGN)));
    assert_eq!(lab.sent.len(), 4);
    let ids: BTreeSet<[u8; 2]> = lab.sent.iter().map(|sent| [sent.message[0], sent.message[1]]).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(lab.used.len(), 5, "four datagrams and one connection, each on a socket of its own");
    assert!(lab.open.is_empty() && lab.most_open <= 2);
}

#[test]
fn silence_is_answered_with_servfail_after_six_seconds() {
    let mut lab = Lab::new().server(FIRST, Manner::Silent).server(SECOND, Manner::Silent);
    lab.ask_as(udp(OWN), &www());
    lab.wait(Duration::from_millis(5999));
    assert!(lab.replies.is_empty());
    lab.wait(Duration::from_millis(1));
    assert_eq!(lab.take_reply().rcode, dns::SERVFAIL);
    assert_eq!(lab.dns.counters().failed, 1);
    assert_eq!(lab.dns.poll_at(), None);
}

#[test]
fn a_path_that_swallows_datagrams_is_crossed_over_tcp() {
    let mut lab = lab_with_www().server(FIRST, Manner::TcpOnly).server(SECOND, Manner::TcpOnly);
    lab.ask_as(udp(OWN), &www());
    lab.wait(Duration::from_secs(4));
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    assert!(lab.sent.last().unwrap().tcp);
    assert!(lab.open.is_empty());
}

#[test]
fn a_shortened_answer_goes_to_the_app_which_comes_back_over_tcp() {
    let mut lab = lab_with_www().server(FIRST, Manner::Truncating);
    lab.ask_as(udp(OWN), &www());
    assert!(lab.take_reply().truncated);
    lab.ask_as(tcp(OWN), &www());
    let (asker, _) = lab.replies[0].clone();
    assert_eq!(asker, tcp(OWN));
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    assert_eq!(lab.sent.iter().filter(|sent| sent.tcp).count(), 1, "straight over TCP");
    assert_eq!(lab.sent.len(), 2);
}

#[test]
fn an_answer_larger_than_the_app_can_take_is_shortened() {
    let many: Vec<Record> =
        (0..60).map(|host| address_record("www.example", &format!("203.0.113.{host}"))).collect();
    let mut lab = Lab::new().with("www.example", dns::A, &many);
    let mut plain = www();
    plain.truncate(plain.len() - 11); // without EDNS: 512 bytes at most
    plain[11] = 0;
    lab.ask_as(udp(OWN), &plain);
    let (_, reply) = lab.replies[0].clone();
    assert!(reply.len() <= 512);
    let reply = lab.take_reply();
    assert!(reply.truncated);
    assert_eq!(reply.question_bytes, dns::parse(&plain).unwrap().question_bytes);
    lab.ask_as(udp(OWN), &www());
    assert_eq!(addresses(&lab.take_reply()).len(), 60, "EDNS makes room");
    lab.ask_as(tcp(OWN), &plain);
    assert_eq!(addresses(&lab.take_reply()).len(), 60);
}

#[test]
fn tcp_askers_get_the_next_resolver_when_a_connection_fails() {
    let mut lab = lab_with_www().server(FIRST, Manner::Closed);
    lab.ask_as(tcp(OWN), &www());
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    let mut lab = lab_with_www().server(FIRST, Manner::Silent);
    lab.ask_as(tcp(OWN), &www());
    lab.wait(Duration::from_secs(2));
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    assert!(lab.sent.iter().all(|sent| sent.tcp));
}

#[test]
fn answers_that_do_not_match_are_ignored() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    lab.ask_as(udp(OWN), &www());
    let query = *lab.open.first_key_value().unwrap().0;
    let sent = dns::parse(&lab.sent[0].message).unwrap();
    let good = dns::reply(&sent, dns::NOERROR, &[address_record("www.example", "203.0.113.9")]);
    let forged = dns::reply(&sent, dns::NOERROR, &[address_record("www.example", "203.0.113.66")]);

    let mut wrong_id = forged.clone();
    wrong_id[1] ^= 1;
    let mut other_case = forged.clone();
    other_case[13] ^= 0x20;
    let mut no_answer = forged.clone();
    no_answer[2] &= 0x7F;
    let mut broken = forged.clone();
    broken.truncate(40);
    let other_name = dns::reply(
        &dns::parse(&dns::query(sent.id, &name("wwx.example"), dns::A)).unwrap(),
        dns::NOERROR,
        &[address_record("wwx.example", "203.0.113.66")],
    );
    let cases = [
        (FIRST, wrong_id),
        (FIRST, other_case),
        (FIRST, no_answer),
        (FIRST, broken),
        (FIRST, other_name),
        (SECOND, forged.clone()),
        ("192.0.2.53:5353", forged.clone()),
    ];
    for (from, message) in &cases {
        lab.dns.udp_answer(lab.now, query, socket(from), message, catalogue(), &lab.policy);
    }
    lab.dns.udp_answer(lab.now, QueryId(999), socket(FIRST), &forged, catalogue(), &lab.policy);
    lab.run();
    assert!(lab.replies.is_empty());
    let counters = lab.dns.counters();
    assert_eq!((counters.mismatched, counters.late), (cases.len() as u64, 1));
    lab.dns.udp_answer(lab.now, query, socket(FIRST), &good, catalogue(), &lab.policy);
    lab.run();
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    lab.dns.udp_answer(lab.now, query, socket(FIRST), &good, catalogue(), &lab.policy);
    assert_eq!(lab.dns.counters().late, 2);
}

#[test]
fn a_header_alone_can_report_an_error() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    lab.ask_as(udp(OWN), &www());
    let query = *lab.open.first_key_value().unwrap().0;
    let id = dns::parse(&lab.sent[0].message).unwrap().id.to_be_bytes();
    let header = [id[0], id[1], 0x80, dns::FORMERR, 0, 0, 0, 0, 0, 0, 0, 0];
    lab.dns.udp_answer(lab.now, query, socket(FIRST), &header, catalogue(), &lab.policy);
    lab.run();
    assert_eq!(lab.take_reply().rcode, dns::FORMERR);
}

#[test]
fn a_repeat_while_pending_is_not_forwarded_twice() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    lab.ask_as(udp(OWN), &www());
    lab.ask_as(udp(OWN), &www());
    assert_eq!((lab.sent.len(), lab.dns.counters().repeated), (1, 1));
    // Another id, another question and another asker are not repeats.
    lab.ask_as(udp(OWN), &dns::query(0x1235, &name("www.example"), dns::A));
    lab.ask_as(udp(OWN), &dns::query(0x1234, &name("www.example"), dns::AAAA));
    lab.ask_as(Asker::Udp { app: socket("10.111.0.2:40009"), server: socket(OWN) }, &www());
    assert_eq!(lab.sent.len(), 4);
    lab.wait(Duration::from_secs(6));
    assert_eq!(lab.replies.len(), 4);
    lab.ask_as(udp(OWN), &www());
    assert_eq!(lab.dns.counters().repeated, 1, "once answered it is a new question");
}

#[test]
fn pending_questions_are_bounded_and_the_oldest_goes() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    for port in 0..3000 {
        let app = SocketAddr::new(ip("10.111.0.2"), 10_000 + port);
        lab.ask_as(Asker::Udp { app, server: socket(OWN) }, &www());
    }
    assert_eq!(lab.open.len(), 2048);
    assert_eq!(lab.replies.len(), 3000 - 2048);
    assert_eq!(lab.replies[0].0.app().port(), 10_000, "the oldest is told so");
    assert_eq!(dns::parse(&lab.replies[0].1).unwrap().rcode, dns::SERVFAIL);
    assert_eq!(lab.dns.counters().overflowed, 3000 - 2048);
}

#[test]
fn connections_to_servers_are_bounded() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    for port in 0..1000 {
        let app = SocketAddr::new(ip("10.111.0.2"), 10_000 + port);
        lab.ask_as(Asker::Tcp { flow: FlowId(u64::from(port)), app, server: socket(OWN) }, &www());
    }
    assert_eq!(lab.open.len(), 256);
    assert_eq!(lab.replies.len(), 1000 - 256);
}

#[test]
fn a_network_change_asks_pending_questions_anew_and_forgets_names() {
    let mut lab = lab_with_www().server(FIRST, Manner::Silent).with(
        "a.example",
        dns::A,
        &[address_record("a.example", "203.0.113.1")],
    );
    lab.ask_as(udp(FOREIGN), &dns::query(1, &name("a.example"), dns::A));
    lab.take_reply();
    assert!(!lab.dns.names().is_empty());
    lab.sent.clear();
    lab.ask_as(udp(OWN), &www());
    let network = Network { resolvers: vec![socket(OWN), socket("192.0.2.99:53")], ipv4: true, ipv6: false };
    lab.dns.network_changed(lab.now, network);
    assert!(lab.dns.names().is_empty());
    lab.run();
    assert_eq!(lab.sent.last().unwrap().to, socket("192.0.2.99:53"), "our own address is no resolver for us");
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
    assert!(lab.open.is_empty());
}

#[test]
fn another_resolver_of_the_same_network_is_asked_and_names_stay() {
    let mut lab = lab_with_www().server(FIRST, Manner::Silent).with(
        "a.example",
        dns::A,
        &[address_record("a.example", "203.0.113.1")],
    );
    lab.ask_as(udp(FOREIGN), &dns::query(1, &name("a.example"), dns::A));
    lab.take_reply();
    lab.sent.clear();
    lab.ask_as(udp(OWN), &www());
    let network = Network { resolvers: vec![socket("192.0.2.99:53")], ipv4: true, ipv6: false };
    lab.dns.network_amended(lab.now, network);
    assert_eq!(lab.dns.names().names(ip("203.0.113.1")).len(), 1, "learnt from the same network");
    lab.run();
    assert_eq!(lab.sent.last().unwrap().to, socket("192.0.2.99:53"));
    assert_eq!(addresses(&lab.take_reply()), [ip("203.0.113.9")]);
}

#[test]
fn without_resolvers_questions_fail_at_once() {
    let mut lab = Lab::on(&[], true, true);
    assert_eq!(lab.ask("www.example", dns::A).rcode, dns::SERVFAIL);
    assert_eq!(lab.dns.poll_at(), None);
}

#[test]
fn a_flow_that_is_gone_gets_no_reply() {
    let mut lab = lab_with_www().server(FIRST, Manner::Silent);
    lab.ask_as(tcp(OWN), &www());
    assert_eq!(lab.open.len(), 1);
    lab.dns.cancel_flow(FlowId(7));
    lab.run();
    assert!(lab.open.is_empty());
    lab.wait(Duration::from_secs(10));
    assert!(lab.replies.is_empty());
}

#[test]
fn a_network_of_ipv6_alone_is_asked_for_its_nat64_prefix() {
    let mut lab = Lab::on(&[FIRST], false, true)
        .with("ipv4only.arpa", dns::AAAA, &[address_record("ipv4only.arpa", "2001:db8:64::192.0.0.170")])
        .with("www.example", dns::AAAA, &[address_record("www.example", "2001:db8:64::203.0.113.9")]);
    lab.ask("www.example", dns::AAAA);
    lab.ask("www.example", dns::AAAA);
    assert_eq!(lab.asked_outside().iter().filter(|(name, _)| name == "ipv4only.arpa").count(), 1);
    assert_eq!(lab.dns.nat64_prefixes().len(), 1);
    assert_eq!(lab.dns.names().names(ip("203.0.113.9")).len(), 1, "known by its IPv4 address");
    assert_eq!(
        lab.dns.names().addresses("www.example"),
        [ip("2001:db8:64::203.0.113.9")],
        "dialled as it came"
    );
    // 2001:db8:64::111.13.141.211 is a denied literal in disguise.
    let reverse = "3.d.d.8.d.0.f.6.0.0.0.0.0.0.0.0.0.0.0.0.4.6.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    assert_eq!(lab.ask(reverse, dns::PTR).rcode, dns::NXDOMAIN);
    assert_eq!(lab.attempts.len(), 1);
}
