//! Before consent, not one packet leaves for a service that needs it. Each case is something an app may try; a capture on
//! the gateway's outward link must show no packet to the service and no word of its name.
//!
//! That this test can fail is shown by running the same cases with the rules switched off: every one of them must be
//! caught then.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in any of its functions too")]

use consentry_tests::{
    lab::{
        Between, Lab, Result,
        addresses::{
            ALIASES, HELD, MI_PUSH, MI_PUSH_NAT64, PUBLIC_RESOLVER_V4, PUBLIC_RESOLVER_V6, WEB_V4, WEB_V6,
            held_v4, held_v6, is_held,
        },
        capture::{Capture, Packet},
        client::mi_push_hello,
        quic,
        servers::{ECHO_PORT, UDP_ECHO_PORT},
    },
    scenario::{Expect, Family, steps},
};
use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

/// Something an app may try. It returns whatever has to stay open until the end of the test.
struct Case {
    name: &'static str,
    attempt: fn(&Lab, Family) -> Result<Option<TcpStream>>,
}

const SOON: Duration = Duration::from_secs(3);
const NAME: &str = "api.account.xiaomi.com";

const CASES: &[Case] = &[
    Case { name: "DNS question", attempt: |lab, family| dig(lab, &[family.record(), NAME]) },
    Case {
        name: "DNS question in odd case",
        attempt: |lab, family| dig(lab, &[family.record(), "aPi.AcCoUnT.XiaoMI.cOm"]),
    },
    Case { name: "DNS question for HTTPS records", attempt: |lab, _| dig(lab, &["HTTPS", NAME]) },
    Case {
        name: "DNS question with a port prefix",
        attempt: |lab, _| dig(lab, &["HTTPS", "_8443._https.api.account.xiaomi.com"]),
    },
    Case {
        name: "DNS question with a search suffix",
        attempt: |lab, family| dig(lab, &[family.record(), "api.account.xiaomi.com.lan"]),
    },
    Case {
        name: "hard-coded resolver over UDP",
        attempt: |lab, family| dig(lab, &[&public_resolver(family), "+notcp", NAME]),
    },
    Case {
        name: "hard-coded resolver over TCP",
        attempt: |lab, family| dig(lab, &[&public_resolver(family), "+tcp", NAME]),
    },
    Case {
        name: "subdomain of a catalogued domain",
        attempt: |lab, family| dig(lab, &[family.record(), "data.mistat.xiaomi.com"]),
    },
    Case {
        name: "HTTPS by name",
        attempt: |lab, family| curl(lab, &[family.flag(), "https://api.account.xiaomi.com/"]),
    },
    Case {
        name: "HTTPS by name in odd case",
        attempt: |lab, family| curl(lab, &[family.flag(), "https://API.Account.Xiaomi.COM/"]),
    },
    Case {
        name: "HTTPS to the service's address, no DNS",
        attempt: |lab, family| {
            let to = format!("{NAME}:443:{}", bracketed(held(family)));
            curl(lab, &[family.flag(), "--resolve", &to, "https://api.account.xiaomi.com/"])
        },
    },
    Case {
        name: "HTTP by name",
        attempt: |lab, family| {
            curl(lab, &[family.flag(), "http://api.account.xiaomi.com/pass/user@id?type=MXPH"])
        },
    },
    Case {
        name: "Host in upper case, at an address nobody has named",
        attempt: |lab, family| {
            curl(
                lab,
                &[
                    "-H",
                    "Host: API.ACCOUNT.XIAOMI.COM",
                    &format!("http://{}/pass/user@id", bracketed(unnamed(family))),
                ],
            )
        },
    },
    Case {
        name: "absolute-form URI, at an address nobody has named",
        attempt: |lab, family| {
            let target = "http://api.account.xiaomi.com/pass/user@id";
            let url = format!("http://{}/", bracketed(unnamed(family)));
            curl(lab, &["--request-target", target, "-H", "Host: api.account.xiaomi.com", &url])
        },
    },
    Case {
        name: "absolute-form URI that disagrees with Host",
        attempt: |lab, family| {
            let target = "http://api.account.xiaomi.com/pass/user@id";
            curl(lab, &["--request-target", target, &format!("http://{}/", bracketed(unnamed(family)))])
        },
    },
    Case {
        name: "second Host on a kept-alive connection",
        attempt: |lab, family| {
            let first = b"GET /one HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
            let second = b"GET /pass/user@id HTTP/1.1\r\nHost: api.account.xiaomi.com\r\n\r\n";
            send(lab, (web(family), 80).into(), &[first, second])
        },
    },
    Case {
        name: "second Host in the same segment as the first",
        attempt: |lab, family| {
            let both = b"GET /one HTTP/1.1\r\nHost: www.example.com\r\n\r\nGET /two HTTP/1.1\r\nHost: api.account.xiaomi.com\r\n\r\n";
            send(lab, (web(family), 8080).into(), &[both])
        },
    },
    Case {
        name: "second Host after a chunked body",
        attempt: |lab, family| {
            let first = b"POST /one HTTP/1.1\r\nHost: www.example.com\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n";
            let second = b"GET / HTTP/1.1\r\nHost: api.account.xiaomi.com\r\n\r\n";
            send(lab, (web(family), 80).into(), &[first, second])
        },
    },
    Case {
        name: "request split into single bytes",
        attempt: |lab, family| {
            let request = b"GET / HTTP/1.1\r\nHost: api.account.xiaomi.com\r\n\r\n";
            let parts: Vec<&[u8]> = request.chunks(1).collect();
            send(lab, (unnamed(family), 80).into(), &parts)
        },
    },
    Case {
        name: "CONNECT through a proxy",
        attempt: |lab, family| {
            let proxy = format!("http://{}:8080", bracketed(web(family)));
            curl(lab, &["--proxytunnel", "--proxy", &proxy, "http://api.account.xiaomi.com/"])
        },
    },
    Case {
        name: "SNI at an address nobody has named",
        attempt: |lab, family| {
            let to = format!("{NAME}:443:{}", bracketed(unnamed(family)));
            curl(lab, &["--resolve", &to, "https://api.account.xiaomi.com/"])
        },
    },
    Case {
        name: "SNI split over segments",
        attempt: |lab, family| {
            let hello = client_hello(NAME);
            let parts: Vec<&[u8]> = hello.chunks(7).collect();
            send(lab, (unnamed(family), 443).into(), &parts)
        },
    },
    Case {
        name: "SNI split over records",
        attempt: |lab, family| {
            let hello = in_small_records(&client_hello(NAME));
            send(lab, (unnamed(family), 443).into(), &[&hello])
        },
    },
    Case {
        name: "SNI on an ordinary port",
        attempt: |lab, family| send(lab, (web(family), ECHO_PORT).into(), &[&client_hello(NAME)]),
    },
    Case {
        name: "SNI behind STARTTLS",
        attempt: |lab, family| {
            let parts: [&[u8]; 3] = [b"EHLO phone\r\n", b"STARTTLS\r\n", &client_hello(NAME)];
            send(lab, (web(family), ECHO_PORT).into(), &parts)
        },
    },
    Case {
        name: "domain of an XMPP stream",
        attempt: |lab, family| {
            let header = format!("<?xml version='1.0'?><stream:stream to='{NAME}' version='1.0'>");
            send(lab, (web(family), ECHO_PORT).into(), &[header.as_bytes()])
        },
    },
    Case {
        name: "HTTP/2 without TLS, at an address nobody has named",
        attempt: |lab, family| {
            let request = http2_request(NAME);
            let parts: Vec<&[u8]> = request.chunks(9).collect();
            send(lab, (unnamed(family), 80).into(), &parts)
        },
    },
    Case {
        name: "DTLS hello",
        attempt: |lab, family| datagram(lab, (web(family), UDP_ECHO_PORT).into(), &[&dtls_hello(NAME)]),
    },
    Case {
        name: "DTLS hello behind another datagram",
        attempt: |lab, family| {
            datagram(lab, (web(family), UDP_ECHO_PORT).into(), &[b"\0\x01", &dtls_hello(NAME)])
        },
    },
    Case { name: "QUIC to the service's address", attempt: |lab, family| quic(lab, held(family)) },
    Case {
        name: "QUIC with the name in the Initial, at an address nobody has named",
        attempt: |lab, family| quic(lab, unnamed(family)),
    },
    Case {
        name: "Mi Push to a literal on 443",
        attempt: |lab, family| {
            send(lab, (family.pick(MI_PUSH, MI_PUSH_NAT64), 443).into(), &[&mi_push_hello()])
        },
    },
    Case {
        name: "Mi Push to a literal on 5222",
        attempt: |lab, family| {
            send(lab, (family.pick(MI_PUSH, MI_PUSH_NAT64), 5222).into(), &[&mi_push_hello()])
        },
    },
    Case {
        name: "a catalogued literal with an allowed name in the SNI",
        attempt: |lab, family| {
            let to = format!("www.example.com:443:{}", bracketed(family.pick(MI_PUSH, MI_PUSH_NAT64)));
            curl(lab, &["--resolve", &to, "https://www.example.com/"])
        },
    },
    Case {
        name: "a catalogued literal as an allowed Host",
        attempt: |lab, family| {
            let literal = bracketed(family.pick(MI_PUSH, MI_PUSH_NAT64));
            curl(lab, &["-H", "Host: www.example.com", &format!("http://{literal}/")])
        },
    },
    Case {
        name: "UDP to a catalogued literal",
        attempt: |lab, family| quic_as(lab, family.pick(MI_PUSH, MI_PUSH_NAT64), "www.example.com"),
    },
    Case {
        name: "alias of a held name",
        attempt: |lab, family| curl(lab, &[family.flag(), "https://cdn.example.com/"]),
    },
    Case {
        name: "alias of an alias of a held name",
        attempt: |lab, family| curl(lab, &[family.flag(), "http://shop.example.com/"]),
    },
    Case {
        name: "alias through a hard-coded resolver",
        attempt: |lab, family| {
            let said = lab.dig(&[&public_resolver(family), family.record(), "cdn.example.com"])?;
            let address = said.out.lines().find_map(|line| line.parse::<IpAddr>().ok());
            address
                .map_or(Ok(None), |address| curl(lab, &["-k", &format!("https://{}/", bracketed(address))]))
        },
    },
    Case {
        name: "silent preconnect by name",
        attempt: |lab, family| {
            let said = lab.dig(&[family.record(), NAME])?;
            match said.out.lines().find_map(|line| line.parse::<IpAddr>().ok()) {
                Some(address) => silent(lab, (address, 443).into()),
                None => Ok(None),
            }
        },
    },
    Case {
        name: "silent preconnect to a literal",
        attempt: |lab, family| silent(lab, (family.pick(MI_PUSH, MI_PUSH_NAT64), 443).into()),
    },
];

/// Cases in which the name is what the network's own DNS server is asked for anyway, and only the flow must be held.
const ASKED_FOR_ALIAS: &[&str] =
    &["alias of a held name", "alias of an alias of a held name", "alias through a hard-coded resolver"];

/// Cases that the engine never lets out, rules or no rules: silence is not dialled, and a request that two servers could read
/// in two ways is not relayed.
const NEVER_DIALLED: &[&str] =
    &["silent preconnect to a literal", "absolute-form URI that disagrees with Host"];

#[test]
fn nothing_leaves_over_ipv4() {
    let lab = Lab::new(Between::Consentry).unwrap();
    assert_eq!(leaks(&lab, Family::V4), Vec::<String>::new());
}

#[test]
fn nothing_leaves_over_ipv6() {
    let lab = Lab::new(Between::Consentry).unwrap();
    assert_eq!(leaks(&lab, Family::V6), Vec::<String>::new());
}

#[test]
fn the_scenario_of_2014_is_held_back_and_the_rest_passes() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for family in [Family::V4, Family::V6] {
        let capture = lab.capture().unwrap();
        let mut wrong = Vec::new();
        for step in steps() {
            for action in step.actions {
                let passed = action.perform(&lab, family).unwrap();
                if passed != (action.expect == Expect::Pass) {
                    wrong.push(format!("{family:?}: {}: {}: passed: {passed}", step.owner, action.about));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(leaked(&capture.finish().unwrap(), &[]), Vec::<String>::new());
    }
    let attempts = lab.firewall().attempts().unwrap();
    for step in steps() {
        for action in step.actions {
            let Expect::Held(service) = action.expect else { continue };
            assert!(
                attempts.iter().any(|attempt| attempt["service"] == service),
                "{}: nothing logged for {service}",
                action.about
            );
        }
    }
    let kinds: Vec<&str> = attempts
        .iter()
        .filter_map(|attempt| attempt["identifiers"].as_array())
        .flatten()
        .filter_map(|identifier| identifier["kind"].as_str())
        .collect();
    for kind in ["imei", "imsi", "phone_number", "operator_name"] {
        assert!(kinds.contains(&kind), "{kind} was not named among {kinds:?}");
    }
    let log = lab.firewall().command(&["log", "--format", "jsonl"]).unwrap().out;
    for secret in
        [consentry_tests::scenario::IMEI, consentry_tests::scenario::IMSI, "447700900456", "Test Telco"]
    {
        assert!(!log.contains(secret), "{secret} is in the log in clear");
    }
}

#[test]
fn every_case_is_caught_with_the_rules_switched_off() {
    every_case_is_caught(&Lab::new(Between::RulesOff).unwrap(), NEVER_DIALLED);
}

#[test]
fn every_case_is_caught_without_a_firewall() {
    every_case_is_caught(&Lab::new(Between::Nothing).unwrap(), &[]);
}

fn every_case_is_caught(lab: &Lab, but: &[&str]) {
    for family in [Family::V4, Family::V6] {
        let mut capture = lab.capture().unwrap();
        let mut open = Vec::new();
        let mut unnoticed = Vec::new();
        for case in CASES {
            open.extend((case.attempt)(lab, family).unwrap());
            if seen_by(&mut capture, &[]).is_empty() && !but.contains(&case.name) {
                unnoticed.push(case.name);
            }
        }
        assert_eq!(unnoticed, Vec::<&str>::new(), "{family:?}: these would leak unnoticed");
    }
}

/// Plays every case and says what left, case by case, and in the end over all (a late packet counts too).
fn leaks(lab: &Lab, family: Family) -> Vec<String> {
    let mut capture = lab.capture().unwrap();
    let mut open = Vec::new();
    let mut found = Vec::new();
    for case in CASES {
        let words: &[&str] =
            if ASKED_FOR_ALIAS.contains(&case.name) { &[NAME, "account.xiaomi.com"] } else { &[] };
        open.extend((case.attempt)(lab, family).unwrap());
        found.extend(seen_by(&mut capture, words).into_iter().map(|line| format!("{}: {line}", case.name)));
    }
    // What is ordinary still works, and gives anything late the time to show.
    let said = lab.curl(&[family.flag(), "https://www.example.com/"]).unwrap();
    assert!(said.ok(), "an ordinary fetch failed: {}", said.err);
    found.extend(seen_by(&mut capture, &[]).into_iter().map(|line| format!("afterwards: {line}")));
    found
}

fn seen_by(capture: &mut Capture, pardoned: &[&str]) -> Vec<String> {
    leaked(&capture.so_far().unwrap(), pardoned)
}

/// Every packet that has to do with a service nobody consented to. `pardoned` names may be spoken by the network's own
/// resolver, in the answer to a question that nobody can know to lead there.
fn leaked(packets: &[Packet], pardoned: &[&str]) -> Vec<String> {
    let literals = [IpAddr::from(MI_PUSH), MI_PUSH_NAT64.into()];
    let to_service =
        |packet: &&Packet| packet.touches(|address| is_held(address) || literals.contains(&address));
    let names: Vec<&str> = HELD
        .iter()
        .map(|(name, _)| *name)
        .chain(["mistat.xiaomi.com"])
        .filter(|name| !ALIASES.iter().any(|(alias, _)| alias == name))
        .collect();
    let speaks = |packet: &&Packet| {
        names.iter().any(|name| packet.mentions(name) && !(pardoned.contains(name) && is_answer(packet)))
    };
    packets.iter().filter(|packet| to_service(packet) || speaks(packet)).map(Packet::line).collect()
}

/// From a resolver to the gateway.
fn is_answer(packet: &Packet) -> bool {
    packet.payload.get(..2) == Some(&53u16.to_be_bytes())
}

fn dig(lab: &Lab, words: &[&str]) -> Result<Option<TcpStream>> {
    lab.dig(words)?;
    Ok(None)
}

fn curl(lab: &Lab, words: &[&str]) -> Result<Option<TcpStream>> {
    let mut all = vec!["--max-time", "3", "--output", "/dev/null"];
    all.extend(words);
    lab.curl(&all)?;
    Ok(None)
}

/// Writes each part as a segment of its own, and waits for an answer, a reset or the end of patience.
fn send(lab: &Lab, to: SocketAddr, parts: &[&[u8]]) -> Result<Option<TcpStream>> {
    lab.tcp_exchange(to, parts, usize::MAX, Duration::from_secs(1))?;
    Ok(None)
}

/// Sends datagrams from one port to a server that sends each back, and waits for that, for a refusal or the end of patience.
fn datagram(lab: &Lab, to: SocketAddr, payloads: &[&[u8]]) -> Result<Option<TcpStream>> {
    lab.phone.enter(|| {
        let any =
            if to.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).expect("the phone has ports left");
        socket.connect(to).expect("the phone has a route");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a second is a timeout");
        for payload in payloads {
            // A refusal shows as an error here: that is as it should be.
            let _ = socket.send(payload);
            let _ = socket.recv(&mut [0; 2048]);
        }
    })?;
    Ok(None)
}

/// Connects and says nothing; the connection stays open.
fn silent(lab: &Lab, to: SocketAddr) -> Result<Option<TcpStream>> {
    Ok(lab.connect(to, SOON)?.ok().inspect(|mut stream| {
        // Nothing is in the buffer, so this sends no segment.
        let _ = stream.flush();
    }))
}

fn quic(lab: &Lab, to: IpAddr) -> Result<Option<TcpStream>> {
    quic_as(lab, to, NAME)
}

fn quic_as(lab: &Lab, to: IpAddr, name: &str) -> Result<Option<TcpStream>> {
    quic::exchange(&lab.phone, &lab.authority(), (to, 443).into(), name, b"hello", Duration::from_secs(2))?;
    Ok(None)
}

fn web(family: Family) -> IpAddr {
    family.pick(WEB_V4, WEB_V6)
}

/// An address that no name and no rule leads to: only what the flow says can tell. No packet may reach it, so that a name
/// cut in pieces is noticed too.
fn unnamed(family: Family) -> IpAddr {
    family.pick(held_v4(40), held_v6(40))
}

fn held(family: Family) -> IpAddr {
    family.pick(held_v4(1), held_v6(1))
}

fn public_resolver(family: Family) -> String {
    format!("@{}", family.pick(PUBLIC_RESOLVER_V4, PUBLIC_RESOLVER_V6))
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// A TLS 1.2 `ClientHello` with one cipher and a server name (RFC 5246 section 7.4.1.2, RFC 6066 section 3), in one record.
fn client_hello(name: &str) -> Vec<u8> {
    let length = |value: usize, bytes: usize| value.to_be_bytes()[8 - bytes..].to_vec();
    let server_name = [vec![0], length(name.len(), 2), name.as_bytes().to_vec()].concat();
    let list = [length(server_name.len(), 2), server_name].concat();
    let extension = [vec![0, 0], length(list.len(), 2), list].concat();
    let body = [
        vec![3, 3],
        vec![7; 32],
        vec![0],
        vec![0, 2, 0xc0, 0x2b],
        vec![1, 0],
        length(extension.len(), 2),
        extension,
    ]
    .concat();
    let message = [vec![1], length(body.len(), 3), body].concat();
    [vec![0x16, 3, 1], length(message.len(), 2), message].concat()
}

/// The same hello for DTLS 1.2: with an empty cookie, in one datagram (RFC 6347 section 4.2).
fn dtls_hello(name: &str) -> Vec<u8> {
    let body = client_hello(name)[9..].to_vec();
    let (fixed, rest) = body.split_at(2 + 32 + 1);
    let body = [fixed, &[0], rest].concat();
    let length = &(body.len() as u32).to_be_bytes()[1..];
    let message = [&[1], length, &[0, 0, 0, 0, 0], length, &body].concat();
    let record = [0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    [&record[..], &(message.len() as u16).to_be_bytes(), &message].concat()
}

/// A GET over HTTP/2 with its headers as plain literals (RFC 9113 sections 3.4 and 6.2, RFC 7541 section 6.2.2).
fn http2_request(host: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", "/")];
    let block: Vec<u8> =
        fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let headers = [0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1];
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &headers, &block].concat()
}

/// The same handshake message, five bytes to a record.
fn in_small_records(record: &[u8]) -> Vec<u8> {
    record[5..].chunks(5).flat_map(|part| [&[0x16, 3, 1, 0, part.len() as u8], part].concat()).collect()
}
