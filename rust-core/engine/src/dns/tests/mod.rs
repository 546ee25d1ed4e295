//! The interceptor against a scripted internet.
use super::{Asker, DnsConfig, Intake, Interceptor, Output, PoolRange, QueryId, framed};
use crate::config::Network;
use crate::io::FlowId;
use consentry_catalogue::Catalogue;
use consentry_consent::attempt::Attempt;
use consentry_consent::{Clock, Consents, Owner, Policy, Scope, Term, Via};
use consentry_inspect::dns::{self, Data, Message, Name, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

mod any_bytes;
mod forwarding;
mod from_inside;
mod look_ups;

pub(super) const OWN: &str = "10.111.0.1:53";
pub(super) const FIRST: &str = "192.0.2.53:53";
pub(super) const SECOND: &str = "198.51.100.53:53";
pub(super) const FOREIGN: &str = "203.0.113.53:53";

const SERVICES: &str = r#"
format = 1
vendor = "Test"

[sources]
T = "Made up for this test"

[[service]]
id = "test.push"
name = "Test Push"
short_name = "Test Push"
category = "push"
does = "Brings notifications."
breaks = "Notifications."
breaks_short = "Stops: notifications"
default = "needs_consent"
dns_answer = "sinkhole"
sources = ["T"]
names = [
    { suffix = "push.test.example", certainty = "confirmed", sources = ["T"] },
    { exact = "chat.test.example", certainty = "confirmed", sources = ["T"] },
]
addresses = [
    { address = "111.13.141.211", transport = "tcp", port = 443, purpose = "fallback", certainty = "confirmed", sources = ["T"] },
]

[[service]]
id = "test.ads"
name = "Test Ads"
short_name = "Test Ads"
category = "ads"
does = "Shows adverts."
breaks = "Adverts."
breaks_short = "Stops: adverts"
default = "needs_consent"
dns_answer = "nxdomain"
sources = ["T"]
names = [{ exact = "ads.test.example", certainty = "confirmed", sources = ["T"] }]

[[service]]
id = "test.cloud"
name = "Test Cloud"
short_name = "Test Cloud"
category = "cloud_sync"
does = "Keeps copies."
breaks = "Copies."
breaks_short = "Stops: copies"
default = "needs_consent"
dns_answer = "nodata"
sources = ["T"]
names = [{ exact = "cloud.test.example", certainty = "confirmed", sources = ["T"] }]
"#;

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        Catalogue::parse([("test.toml", SERVICES)]).expect("the test's catalogue is well-formed")
    })
}

fn policy_with(grants: &[(&str, Scope)]) -> Policy {
    let clock = Clock { wall_ms: 1_700_000_000_000, boot_ms: 1000, boot_id: [0; 16] };
    let mut consents = Consents::new();
    for (service, scope) in grants {
        let change =
            consents.grant(catalogue(), service, scope.clone(), Term::Forever, Via::Command, &clock).unwrap();
        consents.apply(&change);
    }
    Policy::new(catalogue(), &consents, &clock)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn address_record(owner: &str, address: &str) -> Record {
    match ip(address) {
        IpAddr::V4(v4) => record(owner, dns::A, Data::A(v4)),
        IpAddr::V6(v6) => record(owner, dns::AAAA, Data::Aaaa(v6)),
    }
}

fn cname(owner: &str, target: &str) -> Record {
    record(owner, dns::CNAME, Data::Cname(name(target)))
}

fn record(owner: &str, rtype: u16, data: Data) -> Record {
    Record { name: name(owner), rtype, class: dns::IN, ttl: 300, data }
}

/// How a server behaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    /// Answers from the zone.
    Helpful,
    /// Never says a word.
    Silent,
    /// Answers over TCP only: datagrams vanish.
    TcpOnly,
    /// Datagrams are answered with TC and nothing else.
    Truncating,
    /// Answers everything with this response code.
    Fails(u8),
    /// Its port is closed.
    Closed,
}

/// One thing that left the phone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    to: SocketAddr,
    tcp: bool,
    message: Vec<u8>,
}

/// The interceptor, an app, and the internet.
struct Lab {
    dns: Interceptor,
    policy: Policy,
    now: Instant,
    zone: BTreeMap<(String, u16), Vec<Record>>,
    manners: BTreeMap<SocketAddr, Manner>,
    sent: Vec<Sent>,
    replies: Vec<(Asker, Vec<u8>)>,
    attempts: Vec<Attempt>,
    assigned: Vec<(String, u32)>,
    resolved: Vec<(FlowId, Vec<IpAddr>)>,
    open: BTreeMap<QueryId, SocketAddr>,
    used: BTreeSet<QueryId>,
    most_open: usize,
}

impl Lab {
    fn new() -> Self {
        Self::on(&[FIRST, SECOND], true, true)
    }

    fn on(resolvers: &[&str], ipv4: bool, ipv6: bool) -> Self {
        let network = Network { resolvers: resolvers.iter().map(|text| socket(text)).collect(), ipv4, ipv6 };
        let config = DnsConfig {
            own_addresses: vec![socket(OWN).ip()],
            network,
            pool: PoolRange::default(),
            secret: [7; 16],
        };
        Self {
            dns: Interceptor::new(config),
            policy: policy_with(&[]),
            now: Instant::now(),
            zone: BTreeMap::new(),
            manners: BTreeMap::new(),
            sent: Vec::new(),
            replies: Vec::new(),
            attempts: Vec::new(),
            assigned: Vec::new(),
            resolved: Vec::new(),
            open: BTreeMap::new(),
            used: BTreeSet::new(),
            most_open: 0,
        }
    }

    fn with(mut self, owner: &str, rtype: u16, records: &[Record]) -> Self {
        self.zone.insert((owner.to_owned(), rtype), records.to_vec());
        self
    }

    fn server(mut self, server: &str, manner: Manner) -> Self {
        self.manners.insert(socket(server), manner);
        self
    }

    /// An app asks our own address, and everything that follows without waiting happens.
    fn ask(&mut self, owner: &str, rtype: u16) -> Message {
        let asker = Asker::Udp { app: socket("10.111.0.2:40000"), server: socket(OWN) };
        self.ask_as(asker, &dns::query(0x1234, &name(owner), rtype));
        self.take_reply()
    }

    fn ask_as(&mut self, asker: Asker, message: &[u8]) {
        self.ask_owned(asker, &Owner::Unknown, message);
    }

    fn ask_owned(&mut self, asker: Asker, owner: &Owner, message: &[u8]) {
        let intake = self.dns.question(self.now, asker, owner, message, catalogue(), &self.policy);
        assert_eq!(intake, Intake::Taken);
        self.run();
    }

    /// The only reply so far, read.
    fn take_reply(&mut self) -> Message {
        assert_eq!(self.replies.len(), 1, "one question, one reply");
        let (_, message) = self.replies.remove(0);
        let reply = dns::parse(&message).unwrap();
        assert!(reply.response);
        reply
    }

    /// Carries out outputs until there are none.
    fn run(&mut self) {
        while let Some(output) = self.dns.poll_output() {
            match output {
                Output::Reply { asker, message } => self.replies.push((asker, message)),
                Output::SendUdp { query, to, message } => {
                    self.opens(query, to);
                    self.sent.push(Sent { to, tcp: false, message: message.clone() });
                    match self.manner(to) {
                        Manner::Silent | Manner::TcpOnly => {}
                        Manner::Closed => self.fails(query),
                        manner => {
                            let answer = self.answer(manner, &message, false);
                            self.dns.udp_answer(self.now, query, to, &answer, catalogue(), &self.policy);
                        }
                    }
                }
                Output::ConnectTcp { query, to } => {
                    self.opens(query, to);
                    match self.manner(to) {
                        Manner::Silent => {}
                        Manner::Closed => self.fails(query),
                        _ => self.dns.tcp_connected(query),
                    }
                }
                Output::SendTcp { query, bytes } => {
                    let to = self.open[&query];
                    let message = bytes[2..].to_vec();
                    assert_eq!(bytes, framed(&message));
                    self.sent.push(Sent { to, tcp: true, message: message.clone() });
                    let answer = framed(&self.answer(self.manner(to), &message, true));
                    for piece in answer.chunks(7) {
                        self.dns.tcp_bytes(self.now, query, piece, catalogue(), &self.policy);
                    }
                }
                Output::CloseSocket { query } => {
                    assert!(self.open.remove(&query).is_some(), "only open sockets are closed");
                }
                Output::Attempt { attempt, .. } => self.attempts.push(*attempt),
                Output::Assigned { name, index } => self.assigned.push((name, index)),
                Output::Resolved { flow, addresses } => self.resolved.push((flow, addresses)),
            }
        }
    }

    /// Lets time pass, waking the interceptor exactly when it wants to be woken.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.dns.poll_at().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.dns.handle_timeout(self.now);
            self.run();
            assert!(self.dns.poll_at().is_none_or(|next| next > self.now), "a timer that is never satisfied");
        }
        self.now = end;
    }

    fn grant(&mut self, grants: &[(&str, Scope)]) {
        self.policy = policy_with(grants);
        self.dns.policy_changed(catalogue(), &self.policy);
        self.run();
    }

    fn opens(&mut self, query: QueryId, to: SocketAddr) {
        assert!(self.used.insert(query), "a query id is never used twice");
        self.open.insert(query, to);
        self.most_open = self.most_open.max(self.open.len());
    }

    fn fails(&mut self, query: QueryId) {
        self.open.remove(&query);
        self.dns.failed(self.now, query);
    }

    fn manner(&self, server: SocketAddr) -> Manner {
        self.manners.get(&server).copied().unwrap_or(Manner::Helpful)
    }

    fn answer(&self, manner: Manner, message: &[u8], tcp: bool) -> Vec<u8> {
        let query = dns::parse(message).unwrap();
        let question = &query.questions[0];
        match manner {
            Manner::Fails(rcode) => dns::reply(&query, rcode, &[]),
            Manner::Truncating if !tcp => {
                let mut answer = dns::reply(&query, dns::NOERROR, &[]);
                answer[2] |= 2;
                answer
            }
            _ => match self.zone.get(&(question.name.to_string(), question.rtype)) {
                Some(records) => dns::reply(&query, dns::NOERROR, records),
                None => dns::reply(&query, dns::NXDOMAIN, &[]),
            },
        }
    }

    /// The names asked for outside, with record types, in order.
    fn asked_outside(&self) -> Vec<(String, u16)> {
        let question = |sent: &Sent| dns::parse(&sent.message).unwrap().questions[0].clone();
        self.sent.iter().map(question).map(|question| (question.name.to_string(), question.rtype)).collect()
    }
}

fn addresses(message: &Message) -> Vec<IpAddr> {
    message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            Data::A(address) => Some(IpAddr::V4(*address)),
            Data::Aaaa(address) => Some(IpAddr::V6(*address)),
            _ => None,
        })
        .collect()
}
