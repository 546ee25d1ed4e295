//! Whatever comes from apps and servers: no panic, no question about a denied service outside, no timer or socket left behind.
use super::*;
use proptest::prelude::*;

/// Bytes that are often nearly DNS.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let host = prop_oneof![
        Just("www.example"),
        Just("chat.test.example"),
        Just("_1._tcp.a.push.test.example"),
        Just("211.141.13.111.in-addr.arpa"),
        Just("ads.test.example.lan"),
    ];
    let rtype = prop_oneof![Just(dns::A), Just(dns::AAAA), Just(dns::HTTPS), Just(dns::PTR), any::<u16>()];
    let nearly = (any::<u16>(), host, rtype, proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4))
        .prop_map(|(id, host, rtype, flips)| {
            let mut bytes = dns::query(id, &name(host), rtype);
            for (place, value) in flips {
                let length = bytes.len();
                bytes[place % length] = value;
            }
            bytes
        });
    prop_oneof![1 => proptest::collection::vec(any::<u8>(), 0..200), 4 => nearly]
}

/// What the server does with a question.
#[derive(Clone, Debug)]
enum Deed {
    Nothing,
    Fails,
    Bytes(Vec<u8>),
    /// The true answer with some bytes changed.
    Answers(Vec<(usize, u8)>),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        Just(Deed::Nothing),
        Just(Deed::Fails),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(Deed::Bytes),
        proptest::collection::vec((any::<usize>(), any::<u8>()), 0..4).prop_map(Deed::Answers),
    ]
}

fn denied(host: &str) -> bool {
    // Whole labels: a changed length makes `a\004push` one of them, which is another name.
    let lower = format!(".{}.", host.to_ascii_lowercase());
    ["push.test.example", "chat.test.example", "ads.test.example"]
        .iter()
        .any(|name| lower.contains(&format!(".{name}.")))
}

proptest! {
    #[test]
    fn any_exchange_ends_in_good_order(
        messages in proptest::collection::vec((message(), any::<bool>(), any::<bool>()), 1..20),
        deeds in proptest::collection::vec(deed(), 1..20),
    ) {
        let mut lab = Lab::new();
        let mut deeds = deeds.iter().cycle();
        let mut sockets: BTreeMap<QueryId, (SocketAddr, bool)> = BTreeMap::new();
        let mut steps = messages.iter();
        let app = socket("10.111.0.2:40000");
        loop {
            match steps.next() {
                Some((bytes, over_tcp, foreign)) => {
                    let server = socket(if *foreign { FOREIGN } else { OWN });
                    let asker = if *over_tcp {
                        Asker::Tcp { flow: FlowId(1), app, server }
                    } else {
                        Asker::Udp { app, server }
                    };
                    lab.dns.question(lab.now, asker, &Owner::Unknown, bytes, catalogue(), &lab.policy);
                }
                None => match lab.dns.poll_at() {
                    Some(due) => {
                        lab.now = lab.now.max(due);
                        lab.dns.handle_timeout(lab.now);
                    }
                    None => break,
                },
            }
            while let Some(output) = lab.dns.poll_output() {
                let (query, question) = match output {
                    Output::SendUdp { query, to, message } => {
                        prop_assert!(sockets.insert(query, (to, false)).is_none());
                        (query, message)
                    }
                    Output::ConnectTcp { query, to } => {
                        prop_assert!(sockets.insert(query, (to, true)).is_none());
                        lab.dns.tcp_connected(query);
                        continue;
                    }
                    Output::SendTcp { query, bytes } => (query, bytes[2..].to_vec()),
                    Output::CloseSocket { query } => {
                        prop_assert!(sockets.remove(&query).is_some());
                        continue;
                    }
                    Output::Reply { message, .. } => {
                        prop_assert!(message.len() >= 12 && message[2] & 0x80 != 0);
                        continue;
                    }
                    Output::Attempt { .. } | Output::Assigned { .. } | Output::Resolved { .. } => continue,
                };
                let asked = dns::parse(&question).expect("what goes out is well-formed");
                prop_assert!(!asked.questions.iter().any(|asked| denied(asked.name.as_str())), "{:?}", asked.questions);
                let (to, over_tcp) = sockets[&query];
                let bytes = match deeds.next().unwrap() {
                    Deed::Nothing => continue,
                    Deed::Fails => {
                        sockets.remove(&query);
                        lab.dns.failed(lab.now, query);
                        continue;
                    }
                    Deed::Bytes(bytes) => bytes.clone(),
                    Deed::Answers(flips) => {
                        let alias = cname("www.example", "chat.test.example");
                        let mut bytes = dns::reply(&asked, dns::NOERROR, &[alias, address_record("www.example", "203.0.113.9")]);
                        for (place, value) in flips {
                            let length = bytes.len();
                            bytes[place % length] = *value;
                        }
                        bytes
                    }
                };
                if over_tcp {
                    lab.dns.tcp_bytes(lab.now, query, &framed(&bytes), catalogue(), &lab.policy);
                } else {
                    lab.dns.udp_answer(lab.now, query, to, &bytes, catalogue(), &lab.policy);
                }
            }
        }
        prop_assert!(sockets.is_empty(), "every socket is closed");
        prop_assert!(lab.dns.names().addresses("chat.test.example").is_empty());
    }
}
