//! Questions that must not go out.
use super::*;
use crate::dns::PoolAddress;
use consentry_consent::Signal;

fn sinkhole_name(lab: &Lab, address: IpAddr) -> Option<String> {
    match lab.dns.pool().name_of(address) {
        PoolAddress::Mapped(name) => Some(name.to_string()),
        PoolAddress::Unmapped | PoolAddress::Outside => None,
    }
}

#[test]
fn a_question_for_a_service_without_consent_gets_a_sinkhole_address_and_is_reported() {
    let mut lab = Lab::new();
    let v4 = lab.ask("Chat.Test.EXAMPLE", dns::A);
    let v6 = lab.ask("chat.test.example", dns::AAAA);
    assert!(lab.sent.is_empty(), "nothing goes out");
    for reply in [&v4, &v6] {
        assert_eq!((reply.id, reply.rcode), (0x1234, dns::NOERROR));
        let [address] = addresses(reply)[..] else { panic!("one address") };
        assert_eq!(sinkhole_name(&lab, address).as_deref(), Some("chat.test.example"));
        assert_eq!(reply.answers[0].ttl, 10);
    }
    assert!(addresses(&v4)[0].is_ipv4() && addresses(&v6)[0].is_ipv6());
    let [(stored, _)] = &lab.assigned[..] else { panic!("one mapping, stored once") };
    assert_eq!(stored, "chat.test.example");
    let attempt = &lab.attempts[0];
    assert_eq!(attempt.service.as_deref(), Some("test.push"));
    assert_eq!(attempt.host.as_deref(), Some("chat.test.example"));
    assert_eq!(attempt.signal, Some(Signal::DnsQuestion));
    assert!(attempt.reason.contains("Test Push"), "{}", attempt.reason);
    assert_eq!(attempt.address, None);
    assert!(attempt.bytes_held > 0);
}

#[test]
fn the_spelling_of_the_question_comes_back_as_it_was_sent() {
    let mut lab = Lab::new().with("www.example", dns::A, &[address_record("www.example", "192.0.2.1")]);
    for host in ["chat.test.example", "www.example"] {
        let mut message = dns::query(1, &name(host), dns::A);
        let upper: Vec<u8> = message[12..30].to_ascii_uppercase();
        message[12..30].copy_from_slice(&upper);
        let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(OWN) };
        lab.ask_as(asker, &message);
        let sent = dns::parse(&message).unwrap().question_bytes;
        assert_eq!(lab.take_reply().question_bytes, sent, "{host}");
    }
}

#[test]
fn each_service_is_answered_in_its_own_way() {
    let mut lab = Lab::new();
    let ads = lab.ask("ads.test.example", dns::A);
    assert_eq!((ads.rcode, ads.answers.len()), (dns::NXDOMAIN, 0));
    let cloud = lab.ask("cloud.test.example", dns::A);
    assert_eq!((cloud.rcode, cloud.answers.len()), (dns::NOERROR, 0));
    for rtype in [dns::HTTPS, dns::SVCB, dns::TXT, dns::SRV, dns::SOA, 15] {
        let other = lab.ask("chat.test.example", rtype);
        assert_eq!((other.rcode, other.answers.len()), (dns::NOERROR, 0), "type {rtype}");
    }
    assert!(lab.sent.is_empty() && lab.assigned.is_empty());
    assert_eq!(lab.attempts.len(), 8);
}

#[test]
fn without_ipv6_there_is_no_ipv6_sinkhole() {
    let mut lab = Lab::on(&[FIRST], true, false);
    let reply = lab.ask("chat.test.example", dns::AAAA);
    assert_eq!((reply.rcode, reply.answers.len()), (dns::NOERROR, 0));
    assert_eq!(addresses(&lab.ask("chat.test.example", dns::ANY)).len(), 1);
}

#[test]
fn other_spellings_of_a_name_are_the_name() {
    let mut lab = Lab::new();
    for alias in [
        "chat.test.example.lan",
        "chat.test.example.fritz.box",
        "_443._https.chat.test.example",
        "_xmpp-client._tcp.chat.test.example",
    ] {
        let reply = lab.ask(alias, dns::A);
        let [address] = addresses(&reply)[..] else { panic!("{alias}: one address") };
        // After a grant the connection to this address has to find its way: so the name behind it is the true one.
        assert_eq!(sinkhole_name(&lab, address).as_deref(), Some("chat.test.example"), "{alias}");
    }
    let deep = lab.ask("eu-1.push.test.example.lan", dns::A);
    assert_eq!(sinkhole_name(&lab, addresses(&deep)[0]).as_deref(), Some("eu-1.push.test.example"));
    assert!(lab.sent.is_empty());
}

#[test]
fn reverse_look_ups_of_denied_and_sinkhole_addresses_stay_inside() {
    let mut lab = Lab::new().with("1.2.0.192.in-addr.arpa", dns::PTR, &[]);
    let sinkhole = addresses(&lab.ask("chat.test.example", dns::A))[0];
    let IpAddr::V4(v4) = sinkhole else { panic!("asked for IPv4") };
    let [a, b, c, d] = v4.octets();
    let reply = lab.ask(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"), dns::PTR);
    assert_eq!(reply.answers[0].data, Data::Ptr(name("chat.test.example")));
    assert_eq!(lab.ask("9.9.19.198.in-addr.arpa", dns::PTR).rcode, dns::NXDOMAIN);
    lab.attempts.clear();
    for literal in
        ["211.141.13.111.in-addr.arpa", "lb._dns-sd._udp.211.141.13.111.in-addr.arpa", "111.13.141.211.lan"]
    {
        assert_eq!(lab.ask(literal, dns::PTR).rcode, dns::NXDOMAIN, "{literal}");
    }
    // 64:ff9b::111.13.141.211
    let nat64 = "3.d.d.8.d.0.f.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa";
    assert_eq!(lab.ask(nat64, dns::PTR).rcode, dns::NXDOMAIN);
    assert!(lab.attempts.iter().all(|attempt| attempt.service.as_deref() == Some("test.push")));
    assert!(lab.attempts.iter().all(|attempt| attempt.address == Some(ip("111.13.141.211"))));
    assert_eq!(lab.attempts.len(), 4);
    assert!(lab.sent.is_empty());
    lab.ask("1.2.0.192.in-addr.arpa", dns::PTR);
    assert_eq!(lab.sent.len(), 1, "others go out");
}

#[test]
fn an_alias_in_the_answer_is_judged_and_the_sinkhole_stands_for_the_alias() {
    let records = [
        cname("shop.example", "edge.example"),
        cname("edge.example", "Chat.Test.Example"),
        address_record("chat.test.example", "203.0.113.9"),
    ];
    let mut lab = Lab::new().with("shop.example", dns::A, &records);
    let reply = lab.ask("shop.example", dns::A);
    let [address] = addresses(&reply)[..] else { panic!("one address") };
    assert_eq!(reply.answers[0].name, name("shop.example"), "given for the name that was asked for");
    assert_eq!(sinkhole_name(&lab, address).as_deref(), Some("chat.test.example"));
    assert_eq!(lab.attempts[0].service.as_deref(), Some("test.push"));
    assert_eq!(lab.attempts[0].host.as_deref(), Some("chat.test.example"));
    assert!(lab.attempts[0].reason.contains("shop.example"), "the log says what the app asked for");
    assert!(lab.dns.names().names(ip("203.0.113.9")).is_empty(), "nothing is learnt from it");
}

#[test]
fn an_address_that_comes_along_with_another_answer_is_judged_too() {
    let server = record("_chat._tcp.shop.example", dns::SRV, Data::Other);
    let records = [server, address_record("chat.test.example", "203.0.113.9")];
    let mut lab = Lab::new().with("_chat._tcp.shop.example", dns::SRV, &records);
    let reply = lab.ask("_chat._tcp.shop.example", dns::SRV);
    assert!(addresses(&reply).is_empty(), "the app does not learn the address");
    assert_eq!(lab.attempts[0].service.as_deref(), Some("test.push"));
}

#[test]
fn a_service_binding_that_leads_to_a_denied_host_is_emptied() {
    let data = Data::Service {
        priority: 1,
        target: name("chat.test.example"),
        hints: vec![ip("203.0.113.9")],
        ech: false,
    };
    let mut lab = Lab::new().with("shop.example", dns::HTTPS, &[record("shop.example", dns::HTTPS, data)]);
    let reply = lab.ask("shop.example", dns::HTTPS);
    assert_eq!((reply.rcode, reply.answers.len()), (dns::NOERROR, 0));
    assert_eq!(lab.attempts.len(), 1);
    assert!(lab.dns.names().is_empty());
}

#[test]
fn a_grant_to_all_apps_lets_the_question_out_and_one_to_one_app_does_not() {
    let mut lab =
        Lab::new().with("chat.test.example", dns::A, &[address_record("chat.test.example", "203.0.113.9")]);
    lab.grant(&[("test.push", Scope::App("com.example.chat".to_owned()))]);
    let reply = lab.ask("chat.test.example", dns::A);
    assert!(lab.dns.pool().contains(addresses(&reply)[0]));
    lab.grant(&[("test.push", Scope::AllApps)]);
    assert_eq!(addresses(&lab.ask("chat.test.example", dns::A)), [ip("203.0.113.9")]);
    assert_eq!(lab.dns.names().addresses("chat.test.example"), [ip("203.0.113.9")]);
}

#[test]
fn a_revoke_takes_pending_questions_back() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    lab.grant(&[("test.push", Scope::AllApps)]);
    let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(OWN) };
    lab.ask_as(asker, &dns::query(1, &name("chat.test.example"), dns::A));
    assert_eq!(lab.sent.len(), 1);
    lab.grant(&[]);
    let reply = lab.take_reply();
    assert!(lab.dns.pool().contains(addresses(&reply)[0]));
    assert!(lab.open.is_empty(), "its socket is closed");
    lab.wait(Duration::from_secs(20));
    assert_eq!(lab.sent.len(), 1, "it is not asked again");
}

#[test]
fn a_revoke_takes_questions_to_a_server_of_the_service_back() {
    let mut lab = Lab::new().server("111.13.141.211:53", Manner::Silent);
    lab.grant(&[("test.push", Scope::AllApps)]);
    let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket("111.13.141.211:53") };
    lab.ask_as(asker, &dns::query(1, &name("www.example"), dns::A));
    assert_eq!(lab.sent.len(), 1);
    lab.grant(&[]);
    assert_eq!(lab.take_reply().rcode, dns::REFUSED);
    lab.wait(Duration::from_secs(20));
    assert_eq!(lab.sent.len(), 1);
}

#[test]
fn with_the_rules_off_everything_goes_out() {
    let mut lab =
        Lab::new().with("chat.test.example", dns::A, &[address_record("chat.test.example", "203.0.113.9")]);
    lab.policy = Policy::everything_allowed();
    assert_eq!(addresses(&lab.ask("chat.test.example", dns::A)), [ip("203.0.113.9")]);
    assert_eq!(lab.sent.len(), 1, "so the tests above can fail");
}

#[test]
fn an_answer_that_crosses_a_revoke_does_not_come_in() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    lab.grant(&[("test.push", Scope::AllApps)]);
    let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(OWN) };
    lab.ask_as(asker, &dns::query(1, &name("chat.test.example"), dns::A));
    lab.policy = policy_with(&[]);
    let query = *lab.open.first_key_value().unwrap().0;
    let sent = dns::parse(&lab.sent[0].message).unwrap();
    let answer = dns::reply(&sent, dns::NOERROR, &[address_record("chat.test.example", "203.0.113.9")]);
    lab.dns.udp_answer(lab.now, query, socket(FIRST), &answer, catalogue(), &lab.policy);
    lab.run();
    let reply = lab.take_reply();
    assert!(lab.dns.pool().contains(addresses(&reply)[0]));
}

#[test]
fn hard_coded_servers_make_no_difference() {
    let mut lab = Lab::new();
    let app = socket("10.111.0.2:40000");
    let server = socket("8.8.8.8:53");
    let message = dns::query(1, &name("chat.test.example"), dns::A);
    for asker in [Asker::Udp { app, server }, Asker::Tcp { flow: FlowId(4), app, server }] {
        lab.ask_as(asker, &message);
        let reply = lab.take_reply();
        assert!(lab.dns.pool().contains(addresses(&reply)[0]));
    }
    assert!(lab.sent.is_empty());
}

#[test]
fn a_server_at_an_address_of_a_denied_service_or_of_the_pool_is_not_asked() {
    let mut lab = Lab::new();
    let app = socket("10.111.0.2:40000");
    let sinkhole = addresses(&lab.ask("chat.test.example", dns::A))[0];
    lab.attempts.clear();
    let message = dns::query(1, &name("www.example"), dns::A);
    for server in [socket("111.13.141.211:53"), SocketAddr::new(sinkhole, 53), socket("198.18.99.99:53")] {
        lab.ask_as(Asker::Udp { app, server }, &message);
        assert_eq!(lab.take_reply().rcode, dns::REFUSED, "{server}");
    }
    assert!(lab.sent.is_empty());
    assert_eq!(lab.attempts.len(), 3);
    assert_eq!(lab.attempts[0].address, Some(ip("111.13.141.211")));
    assert_eq!(lab.attempts[0].port, Some(53));
    lab.grant(&[("test.push", Scope::AllApps)]);
    lab.ask_as(Asker::Udp { app, server: SocketAddr::new(sinkhole, 53) }, &message);
    assert_eq!(lab.take_reply().rcode, dns::REFUSED, "no DNS server is behind it, granted or not");
    assert!(lab.sent.is_empty());
}

#[test]
fn questions_that_would_lead_to_hidden_questions_end_here() {
    let mut lab = Lab::new();
    assert_eq!(lab.ask("use-application-dns.net", dns::A).rcode, dns::NXDOMAIN);
    assert_eq!(lab.ask("_dns.resolver.arpa", dns::SVCB).answers.len(), 0);
    assert!(lab.sent.is_empty() && lab.attempts.is_empty());
    lab.ask("notresolver.arpa", dns::A);
    assert_eq!(lab.sent.len(), 1);
}

#[test]
fn broken_and_odd_messages_are_answered_and_never_forwarded() {
    let mut lab = Lab::new();
    let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(FOREIGN) };
    let good = dns::query(9, &name("www.example"), dns::A);

    let mut two = good.clone();
    two[5] = 2;
    let question = dns::parse(&good).unwrap().question_bytes;
    two.splice(12..12, question);
    let mut cut = good.clone();
    cut.truncate(18);
    let mut loops = good[..12].to_vec();
    loops.extend([0xC0, 12, 0, 1, 0, 1]);
    let mut padded = good.clone();
    padded.resize(5000, 0);
    let mut smuggles = good.clone();
    smuggles[7] = 1; // an answer record in a question
    smuggles.extend([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
    for (what, message) in [
        ("two questions", two),
        ("cut", cut),
        ("pointer loop", loops),
        ("too long", padded),
        ("with answers", smuggles),
    ] {
        lab.ask_as(asker, &message);
        let reply = lab.take_reply();
        assert_eq!((reply.id, reply.rcode), (9, dns::FORMERR), "{what}");
    }
    assert_eq!(lab.dns.counters().malformed, 5);

    let mut update = good.clone();
    update[2] |= 5 << 3;
    lab.ask_as(asker, &update);
    assert_eq!(lab.take_reply().rcode, dns::NOTIMP);

    let mut answer = good;
    answer[2] |= 0x80;
    lab.ask_as(asker, &answer);
    assert!(lab.replies.is_empty(), "an answer is not answered");
    assert!(lab.sent.is_empty());
}

#[test]
fn what_is_not_dns_is_handed_back() {
    let mut lab = Lab::new();
    let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(FOREIGN) };
    for bytes in [
        &b""[..],
        b"hello",
        b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        &[0xC2, 0xFE, 0, 5, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6],
    ] {
        let intake = lab.dns.question(lab.now, asker, &Owner::Unknown, bytes, catalogue(), &lab.policy);
        assert_eq!(intake, Intake::NotDns);
        assert!(lab.dns.poll_output().is_none());
    }
    assert_eq!(lab.dns.counters().not_dns, 4);
}

#[test]
fn a_stored_mapping_is_kept_over_a_restart() {
    let mut lab = Lab::new();
    let before = addresses(&lab.ask("chat.test.example", dns::A))[0];
    let mut again = Lab::new();
    for (name, index) in &lab.assigned {
        assert!(again.dns.restore(name, *index));
    }
    assert_eq!(addresses(&again.ask("chat.test.example", dns::A))[0], before);
    assert!(again.assigned.is_empty(), "nothing new to store");
}

#[test]
fn made_up_names_fill_the_pool_and_then_share_one_address() {
    let mut lab = Lab::new();
    let mut first = None;
    for number in 0..16_400 {
        let reply = lab.ask(&format!("n{number}.push.test.example"), dns::A);
        first.get_or_insert(addresses(&reply)[0]);
    }
    let one = addresses(&lab.ask("late-a.push.test.example", dns::A))[0];
    let other = addresses(&lab.ask("late-b.push.test.example", dns::A))[0];
    assert_eq!(one, other);
    assert_eq!(sinkhole_name(&lab, one).as_deref(), Some("push.test.example"));
    assert_eq!(Some(addresses(&lab.ask("n0.push.test.example", dns::A))[0]), first, "never reassigned");
}
