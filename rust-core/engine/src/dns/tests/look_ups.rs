//! Look-ups of the engine itself.
use super::*;

const FLOW: FlowId = FlowId(42);

fn granted() -> Lab {
    let mut lab = Lab::new()
        .with("chat.test.example", dns::A, &[address_record("chat.test.example", "203.0.113.9")])
        .with("chat.test.example", dns::AAAA, &[address_record("chat.test.example", "2001:db8::9")]);
    lab.grant(&[("test.push", Scope::App("com.example.chat".to_owned()))]);
    lab
}

fn resolve(lab: &mut Lab, host: &str) -> Vec<IpAddr> {
    lab.dns.resolve(lab.now, FLOW, host);
    lab.run();
    lab.wait(Duration::from_secs(10));
    let [(FLOW, addresses)] = &lab.resolved[..] else { panic!("one answer for the flow") };
    addresses.clone()
}

#[test]
fn both_families_are_looked_up() {
    let mut lab = granted();
    assert_eq!(resolve(&mut lab, "chat.test.example"), [ip("2001:db8::9"), ip("203.0.113.9")]);
    assert_eq!(lab.dns.names().addresses("chat.test.example").len(), 2);
    assert!(lab.open.is_empty());
}

#[test]
fn only_families_that_lead_somewhere_are_asked_for() {
    let mut lab = Lab::on(&[FIRST], true, false);
    resolve(&mut lab, "chat.test.example");
    assert_eq!(lab.asked_outside(), [("chat.test.example".to_owned(), dns::A)]);
}

#[test]
fn addresses_that_no_service_on_the_internet_has_are_refused() {
    let records: Vec<Record> = [
        "127.0.0.1",
        "192.168.1.1",
        "10.0.0.1",
        "169.254.1.1",
        "0.0.0.0",
        "224.0.0.1",
        "198.18.0.9",
        "203.0.113.9",
    ]
    .iter()
    .map(|address| address_record("chat.test.example", address))
    .collect();
    let six: Vec<Record> =
        ["::1", "fe80::1", "fd00::1", "::", "ff02::1", "2001:2::5", "::ffff:10.0.0.1", "64:ff9b::127.0.0.1"]
            .iter()
            .map(|address| address_record("chat.test.example", address))
            .collect();
    let mut lab =
        granted().with("chat.test.example", dns::A, &records).with("chat.test.example", dns::AAAA, &six);
    assert_eq!(resolve(&mut lab, "chat.test.example"), [ip("203.0.113.9")]);
}

#[test]
fn an_alias_inside_the_service_is_followed_and_one_into_another_is_not() {
    let into = |target: &str| [cname("chat.test.example", target), address_record(target, "203.0.113.9")];
    let mut lab = granted().with("chat.test.example", dns::A, &into("eu.push.test.example"));
    assert!(resolve(&mut lab, "chat.test.example").contains(&ip("203.0.113.9")));
    let mut lab = granted().with("chat.test.example", dns::A, &into("cdn.example"));
    assert!(resolve(&mut lab, "chat.test.example").contains(&ip("203.0.113.9")));
    let mut lab = granted().with("chat.test.example", dns::A, &into("ads.test.example"));
    assert_eq!(resolve(&mut lab, "chat.test.example"), [ip("2001:db8::9")]);
}

#[test]
fn shortened_answers_are_fetched_over_tcp() {
    let mut lab = granted().server(FIRST, Manner::Truncating).server(SECOND, Manner::Silent);
    assert_eq!(resolve(&mut lab, "chat.test.example").len(), 2);
    assert_eq!(lab.sent.iter().filter(|sent| sent.tcp).count(), 2);
}

#[test]
fn a_family_that_nobody_answers_for_does_not_hold_up_the_other() {
    let mut lab = Lab::on(&[FIRST], true, true).server(FIRST, Manner::Silent);
    let start = lab.now;
    lab.dns.resolve(lab.now, FLOW, "chat.test.example");
    lab.run();
    let (place, question) = lab
        .sent
        .iter()
        .map(|sent| dns::parse(&sent.message).unwrap())
        .enumerate()
        .find(|(_, query)| query.questions[0].rtype == dns::A)
        .unwrap();
    let query = *lab.open.keys().nth(place).unwrap();
    let answer = dns::reply(&question, dns::NOERROR, &[address_record("chat.test.example", "203.0.113.9")]);
    lab.dns.udp_answer(lab.now, query, socket(FIRST), &answer, catalogue(), &lab.policy);
    lab.run();
    assert!(lab.resolved.is_empty());
    lab.wait(Duration::from_millis(50));
    assert_eq!(lab.resolved, [(FLOW, vec![ip("203.0.113.9")])]);
    assert_eq!(lab.now - start, Duration::from_millis(50));
    assert!(lab.open.is_empty(), "the other question is dropped");
    assert_eq!(lab.dns.poll_at(), None);
}

#[test]
fn nobody_answers_or_the_name_is_none() {
    let mut lab = Lab::new().server(FIRST, Manner::Silent).server(SECOND, Manner::Silent);
    assert!(resolve(&mut lab, "chat.test.example").is_empty());
    for bad in ["a..b", "chat.test.exämple"] {
        let mut lab = Lab::new();
        assert!(resolve(&mut lab, bad).is_empty());
        assert!(lab.sent.is_empty());
    }
}

#[test]
fn a_cancelled_look_up_asks_nothing_more_and_says_nothing() {
    let mut lab = granted().server(FIRST, Manner::Silent);
    lab.dns.resolve(lab.now, FLOW, "chat.test.example");
    lab.run();
    let before = lab.sent.len();
    lab.dns.cancel_flow(FLOW);
    lab.run();
    lab.wait(Duration::from_secs(10));
    assert_eq!(lab.sent.len(), before);
    assert!(lab.resolved.is_empty() && lab.open.is_empty());
    assert_eq!(lab.dns.poll_at(), None);
}

#[test]
fn a_revoke_ends_look_ups_unless_another_app_still_has_a_grant() {
    let app = |package: &str| ("test.push", Scope::App(package.to_owned()));
    let mut lab = granted().server(FIRST, Manner::Silent).server(SECOND, Manner::Silent);
    lab.dns.resolve(lab.now, FLOW, "chat.test.example");
    lab.run();
    let before = lab.sent.len();
    lab.grant(&[app("com.example.other")]);
    assert!(lab.resolved.is_empty(), "the flow may be the other app's");
    lab.grant(&[]);
    assert_eq!(lab.resolved, [(FLOW, Vec::new())]);
    lab.wait(Duration::from_secs(10));
    assert_eq!(lab.sent.len(), before, "not asked again");
    assert!(lab.open.is_empty());
}
