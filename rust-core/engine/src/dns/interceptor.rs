//! The interceptor's face, and what becomes of a question and of its answer.
use super::answer::{follow, targets};
use super::inside;
use super::judging::{Judged, Judging, bare_host, without_service_labels};
use super::lookup::{Done, Lookups, is_on_the_internet};
use super::resolver::{Answered, Inquiry, Resolver, Unanswered, Waiting};
use super::{Asker, DnsConfig, DnsCounters, Intake, NameMap, Output, QueryId, SinkholePool, nat64};
use crate::config::Network;
use crate::io::FlowId;
use consentry_catalogue::{Catalogue, DnsAnswer, ServiceIndex, Transport};
use consentry_consent::attempt::Attempt;
use consentry_consent::{
    Nat64Prefix, Owner, Policy, Rule, Verdict, canonical_address, canonical_address_with, judge_question,
};
use consentry_inspect::dns::{self, Message, Name, Question, Record};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Longest question taken in, in bytes; with EDNS options and padding real ones stay under a quarter of it.
const MAX_QUESTION: usize = 4096;

/// The DNS interceptor. See the [module](super) for how to drive it.
pub struct Interceptor {
    own: Vec<IpAddr>,
    network: Network,
    names: NameMap,
    pool: SinkholePool,
    nat64: Vec<Nat64Prefix>,
    /// The network may have a NAT64 prefix that nobody has asked for yet.
    nat64_unasked: bool,
    resolver: Resolver,
    lookups: Lookups,
}

impl Interceptor {
    /// An interceptor with nothing pending.
    pub fn new(config: DnsConfig) -> Self {
        let DnsConfig { own_addresses, network, pool, secret } = config;
        Self {
            resolver: Resolver::new(usable_resolvers(&network, &own_addresses), &secret),
            pool: SinkholePool::new(pool, &secret, &own_addresses),
            names: NameMap::new(),
            nat64: Vec::new(),
            nat64_unasked: has_only_ipv6(&network),
            lookups: Lookups::default(),
            own: own_addresses,
            network,
        }
    }

    /// Restores a stored sinkhole mapping; returns whether it is in force. Call before the first question.
    pub fn restore(&mut self, name: &str, index: u32) -> bool {
        self.pool.restore(name, index)
    }

    /// Takes a message that an app sent to port 53 (without the length that goes before it on TCP). Broken DNS is answered
    /// with an error; what is not DNS at all is handed back as [`Intake::NotDns`].
    pub fn question(
        &mut self,
        now: Instant,
        asker: Asker,
        owner: &Owner,
        message: &[u8],
        catalogue: &Catalogue,
        policy: &Policy,
    ) -> Intake {
        let Ok(query) = dns::parse(message) else {
            if !dns::looks_like_query(message) {
                let denied = dns::first_name(message)
                    .ok()
                    .map(|name| judge_question(catalogue, policy, name.as_str()))
                    .filter(|verdict| !verdict.allow);
                let Some(verdict) = denied else {
                    self.resolver.counters.not_dns += 1;
                    return Intake::NotDns;
                };
                // No question by the rules, but a lenient server might answer it all the same.
                self.resolver.counters.malformed += 1;
                let attempt = Box::new(Attempt::new(catalogue, &verdict, Transport::Udp, owner));
                self.resolver.outputs.push_back(Output::Attempt { asker, attempt });
                return Intake::Taken;
            }
            self.resolver.counters.questions += 1;
            self.resolver.counters.malformed += 1;
            self.reply(asker, inside::unreadable(message));
            return Intake::Taken;
        };
        self.resolver.counters.questions += 1;
        // One question, and no records that could carry further names to a server that looks for them there.
        let ordinary = query.questions.len() == 1
            && query.answers.is_empty()
            && !query.question_bytes.is_empty()
            && message.len() <= MAX_QUESTION;
        if query.response {
            // Answering an answer could go on for ever.
            self.resolver.counters.malformed += 1;
        } else if query.opcode != 0 {
            self.reply(asker, dns::reply(&query, dns::NOTIMP, &[]));
        } else if !ordinary {
            self.resolver.counters.malformed += 1;
            self.reply(asker, dns::reply(&query, dns::FORMERR, &[]));
        } else {
            let waiting = Waiting::App { asker, owner: owner.clone() };
            let server = self.chosen_server(asker.server());
            let inquiry = Inquiry { waiting, server, bytes: message.to_vec(), message: query };
            self.ask(now, inquiry, asker, owner, catalogue, policy);
        }
        Intake::Taken
    }

    /// Looks up the addresses of a name for a flow: both families, as far as the network has them. Addresses that no service on
    /// the internet can have are left out. Ends with [`Output::Resolved`], unless [`Self::cancel_flow`] comes first.
    pub fn resolve(&mut self, now: Instant, flow: FlowId, name: &str) {
        let Ok(name) = name.parse::<Name>() else {
            self.resolver.outputs.push_back(Output::Resolved { flow, addresses: Vec::new() });
            return;
        };
        let either = self.network.ipv4 == self.network.ipv6;
        let mut types = Vec::with_capacity(2);
        if either || self.network.ipv6 {
            types.push(dns::AAAA);
        }
        if either || self.network.ipv4 {
            types.push(dns::A);
        }
        let number = self.lookups.begin(flow, types.len());
        for rtype in types {
            self.ask_for_ourselves(now, Waiting::Lookup(number), &name, rtype);
        }
        self.settle(now);
    }

    /// Forgets what is pending for a flow that is gone: its own questions on TCP and its look-ups.
    pub fn cancel_flow(&mut self, flow: FlowId) {
        let numbers = self.lookups.cancel(flow);
        self.resolver.take_back(|inquiry| match &inquiry.waiting {
            Waiting::App { asker: Asker::Tcp { flow: asking, .. }, .. } => *asking == flow,
            Waiting::Lookup(number) => numbers.contains(number),
            Waiting::App { .. } | Waiting::Nat64 => false,
        });
    }

    /// Takes a datagram that arrived on a query's UDP socket.
    pub fn udp_answer(
        &mut self,
        now: Instant,
        query: QueryId,
        from: SocketAddr,
        message: &[u8],
        catalogue: &Catalogue,
        policy: &Policy,
    ) {
        if let Some(answered) = self.resolver.udp_answer(now, query, from, message) {
            self.answered(now, *answered, catalogue, policy);
        }
        self.settle(now);
    }

    /// A query's TCP connection is established.
    pub fn tcp_connected(&mut self, query: QueryId) {
        self.resolver.tcp_connected(query);
    }

    /// Takes bytes that arrived on a query's TCP connection.
    pub fn tcp_bytes(
        &mut self,
        now: Instant,
        query: QueryId,
        bytes: &[u8],
        catalogue: &Catalogue,
        policy: &Policy,
    ) {
        if let Some(answered) = self.resolver.tcp_bytes(now, query, bytes) {
            self.answered(now, *answered, catalogue, policy);
        }
        self.settle(now);
    }

    /// A query's socket could not be opened, failed, or was closed by the other end. Another server is asked, if there is one.
    pub fn failed(&mut self, now: Instant, query: QueryId) {
        self.resolver.failed(now, query);
        self.settle(now);
    }

    /// A new policy is in force: pending questions that it denies are answered from inside and not asked again, and look-ups of
    /// names that no app may reach any more end without addresses. Names learnt stay. A look-up for a flow whose own app lost
    /// its grant, while another has one, is the caller's to cancel.
    pub fn policy_changed(&mut self, catalogue: &Catalogue, policy: &Policy) {
        let Self { names, pool, nat64, resolver, .. } = self;
        let judging = Judging { catalogue, policy, names, pool, nat64 };
        let denied = resolver.take_back(|inquiry| {
            let name = &question(&inquiry.message).name;
            match &inquiry.waiting {
                Waiting::App { asker, owner } => {
                    let server =
                        inquiry.server.map(|server| judging.server(transport(*asker), server, owner));
                    !matches!(judging.name(name), Judged::Pass)
                        || server.is_some_and(|verdict| !verdict.allow)
                }
                Waiting::Lookup(_) => {
                    let verdict = judge_question(catalogue, policy, name.as_str());
                    !verdict.allow && verdict.rule != Rule::GrantedToOthers
                }
                Waiting::Nat64 => false,
            }
        });
        for inquiry in denied {
            match &inquiry.waiting {
                Waiting::App { asker, owner } => {
                    self.held_back(&inquiry, *asker, owner, catalogue, policy);
                }
                Waiting::Lookup(number) => {
                    if let Some(flow) = self.lookups.abandon(*number) {
                        self.resolver.outputs.push_back(Output::Resolved { flow, addresses: Vec::new() });
                    }
                }
                Waiting::Nat64 => {}
            }
        }
    }

    /// The network changed: names learnt are forgotten, pending questions are asked anew through it.
    pub fn network_changed(&mut self, now: Instant, network: Network) {
        self.nat64.clear();
        self.names.set_nat64(&[]);
        self.names.forget_all();
        self.nat64_unasked = has_only_ipv6(&network);
        self.take_network(now, network);
    }

    /// The network is the same, but its resolvers or the families that lead out are not: what was learnt stays.
    pub fn network_amended(&mut self, now: Instant, network: Network) {
        self.nat64_unasked |= has_only_ipv6(&network) && !has_only_ipv6(&self.network);
        self.take_network(now, network);
    }

    fn take_network(&mut self, now: Instant, network: Network) {
        self.resolver.network_changed(now, usable_resolvers(&network, &self.own));
        self.network = network;
        self.settle(now);
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.resolver.handle_timeout(now);
        self.settle(now);
        while let Some(done) = self.lookups.take_due(now) {
            self.resolved(done);
        }
    }

    /// When [`Self::handle_timeout`] is wanted; `None`: nothing is pending.
    pub fn poll_at(&self) -> Option<Instant> {
        [self.resolver.next_due(), self.lookups.next_due()].into_iter().flatten().min()
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.resolver.outputs.pop_front()
    }

    /// The names learnt from answers.
    pub fn names(&self) -> &NameMap {
        &self.names
    }

    /// The sinkhole addresses given so far.
    pub fn pool(&self) -> &SinkholePool {
        &self.pool
    }

    /// The network's own NAT64 prefixes, as far as known: for [`canonical_address_with`].
    pub fn nat64_prefixes(&self) -> &[Nat64Prefix] {
        &self.nat64
    }

    /// Totals so far.
    pub fn counters(&self) -> DnsCounters {
        self.resolver.counters
    }

    /// Forwards an app's question, unless it is answered here.
    fn ask(
        &mut self,
        now: Instant,
        inquiry: Inquiry,
        asker: Asker,
        owner: &Owner,
        catalogue: &Catalogue,
        policy: &Policy,
    ) {
        if self.held_back(&inquiry, asker, owner, catalogue, policy) {
            return;
        }
        if std::mem::take(&mut self.nat64_unasked)
            && let Ok(name) = nat64::IPV4_ONLY_NAME.parse()
        {
            self.ask_for_ourselves(now, Waiting::Nat64, &name, dns::AAAA);
        }
        self.resolver.ask(now, inquiry);
        self.settle(now);
    }

    /// Answers a question that must not go out; `false`: it may.
    fn held_back(
        &mut self,
        inquiry: &Inquiry,
        asker: Asker,
        owner: &Owner,
        catalogue: &Catalogue,
        policy: &Policy,
    ) -> bool {
        if let Some(rcode) = inside::local_answer(question(&inquiry.message)) {
            self.reply(asker, dns::reply(&inquiry.message, rcode, &[]));
            return true;
        }
        let judged = self.judging(catalogue, policy).name(&question(&inquiry.message).name);
        if !matches!(judged, Judged::Pass) {
            self.answer_inside(inquiry, asker, owner, judged, catalogue);
            return true;
        }
        let Some(server) = inquiry.server else { return false };
        let verdict = self.judging(catalogue, policy).server(transport(asker), server, owner);
        if !verdict.allow {
            let attempt = Attempt {
                address: Some(server.ip()),
                port: Some(server.port()),
                ..attempt(catalogue, &verdict, asker, owner, inquiry)
            };
            self.denied(asker, attempt);
        }
        // Behind a sinkhole address there is no DNS server, whatever is granted.
        let refused = !verdict.allow || self.pool.contains(self.canonical(server.ip()));
        if refused {
            self.reply(asker, dns::reply(&inquiry.message, dns::REFUSED, &[]));
        }
        refused
    }

    fn ask_for_ourselves(&mut self, now: Instant, waiting: Waiting, name: &Name, rtype: u16) {
        let bytes = dns::query(0, name, rtype);
        let Ok(message) = dns::parse(&bytes) else { return };
        self.resolver.ask(now, Inquiry { waiting, server: None, bytes, message });
    }

    /// Passes an answer on, unless it leads to a service without consent.
    fn answered(&mut self, now: Instant, answered: Answered, catalogue: &Catalogue, policy: &Policy) {
        let Answered { inquiry, mut bytes, message: answer } = answered;
        match &inquiry.waiting {
            Waiting::App { asker, owner } => {
                let judging = self.judging(catalogue, policy);
                // The policy may have changed since the question went out.
                let denied = std::iter::once(&question(&inquiry.message).name)
                    .chain(targets(&answer))
                    .map(|name| judging.name(name))
                    .find(|judged| !matches!(judged, Judged::Pass));
                if let Some(judged) = denied {
                    self.answer_inside(&inquiry, *asker, owner, judged, catalogue);
                    return;
                }
                let learnt = self.learn(&question(&inquiry.message).name, &answer);
                if inquiry.server.is_none()
                    && question(&inquiry.message).name.as_str() == nat64::IPV4_ONLY_NAME
                {
                    self.learn_nat64(&learnt);
                }
                dns::set_id(&mut bytes, inquiry.message.id);
                self.reply(*asker, inside::fitted(*asker, &inquiry.message, answer.rcode, bytes));
            }
            Waiting::Lookup(number) => {
                let addresses = self.lookup_addresses(&inquiry, &answer, catalogue, policy);
                self.lookup_answered(now, *number, addresses);
            }
            Waiting::Nat64 => {
                let addresses = follow(&question(&inquiry.message).name, &answer).addresses;
                self.learn_nat64(&addresses);
            }
        }
    }

    /// The addresses of an answer to one of our own look-ups that may be dialled.
    fn lookup_addresses(
        &mut self,
        inquiry: &Inquiry,
        answer: &Message,
        catalogue: &Catalogue,
        policy: &Policy,
    ) -> Vec<IpAddr> {
        let name = &question(&inquiry.message).name;
        let wanted = services(catalogue, name);
        // The service is granted, perhaps to one app only; an alias must not lead into another one that is not.
        let led_astray = targets(answer).any(|target| {
            let same = services(catalogue, target).iter().any(|service| wanted.contains(service));
            !same && !judge_question(catalogue, policy, target.as_str()).allow
        });
        if led_astray {
            return Vec::new();
        }
        let mut addresses = self.learn(name, answer);
        addresses.retain(|address| is_on_the_internet(self.canonical(*address)));
        addresses
    }

    /// Remembers what an answer says; returns the addresses, but for those that only the sinkhole may give.
    fn learn(&mut self, asked: &Name, answer: &Message) -> Vec<IpAddr> {
        let chain = follow(asked, answer);
        let mut addresses = chain.addresses;
        addresses.retain(|address| !self.pool.contains(self.canonical(*address)));
        let names: Vec<&str> = chain.names.iter().map(|name| without_service_labels(name.as_str())).collect();
        self.names.learn(&names, &addresses);
        addresses
    }

    fn learn_nat64(&mut self, addresses: &[IpAddr]) {
        nat64::learn(&mut self.nat64, addresses);
        self.names.set_nat64(&self.nat64);
    }

    /// Answers a question that must not go out, or whose answer must not come in.
    fn answer_inside(
        &mut self,
        inquiry: &Inquiry,
        asker: Asker,
        owner: &Owner,
        judged: Judged,
        catalogue: &Catalogue,
    ) {
        let (rcode, records) = match judged {
            Judged::Pass => return,
            Judged::Name { verdict, host } => {
                self.denied(asker, attempt(catalogue, &verdict, asker, owner, inquiry));
                self.sinkhole_answer(question(&inquiry.message), &verdict, &host, catalogue)
            }
            Judged::Address { verdict, address } => {
                let attempt =
                    Attempt { address: Some(address), ..attempt(catalogue, &verdict, asker, owner, inquiry) };
                self.denied(asker, attempt);
                (dns::NXDOMAIN, Vec::new())
            }
            Judged::Pool(name) => inside::reverse_answer(question(&inquiry.message), name.as_deref()),
        };
        let reply = dns::reply(&inquiry.message, rcode, &records);
        self.reply(asker, inside::fitted(asker, &inquiry.message, rcode, reply));
    }

    /// The answer to a question for a service without consent: response code and records.
    fn sinkhole_answer(
        &mut self,
        question: &Question,
        verdict: &Verdict,
        host: &str,
        catalogue: &Catalogue,
    ) -> (u8, Vec<Record>) {
        let way = verdict.service.map_or(DnsAnswer::NoData, |service| catalogue.service(service).dns_answer);
        let wants_address = inside::wants_address(question, self.network.ipv6);
        match way {
            DnsAnswer::NxDomain => return (dns::NXDOMAIN, Vec::new()),
            DnsAnswer::Sinkhole if wants_address => {}
            DnsAnswer::NoData | DnsAnswer::Sinkhole => return (dns::NOERROR, Vec::new()),
        }
        let place = self.pool.place(host).map(|place| (place, host)).or_else(|| {
            let stand_in = &catalogue.service(verdict.service?).names.first()?.pattern;
            Some((self.pool.place_of_service(stand_in)?, stand_in.as_str()))
        });
        let Some((place, name)) = place else { return (dns::NOERROR, Vec::new()) };
        if place.new {
            self.resolver.outputs.push_back(Output::Assigned { name: name.to_owned(), index: place.index });
        }
        (dns::NOERROR, inside::addresses(question, &place, self.network.ipv6))
    }

    /// Tells everybody whose question was given up.
    fn settle(&mut self, now: Instant) {
        while let Some(Unanswered { inquiry, rcode }) = self.resolver.next_unanswered() {
            match inquiry.waiting {
                Waiting::App { asker, .. } => self.reply(asker, dns::reply(&inquiry.message, rcode, &[])),
                Waiting::Lookup(number) => self.lookup_answered(now, number, Vec::new()),
                Waiting::Nat64 => {}
            }
        }
    }

    fn lookup_answered(&mut self, now: Instant, number: u64, addresses: Vec<IpAddr>) {
        if let Some(done) = self.lookups.answered(now, number, addresses) {
            self.resolved(done);
        }
    }

    fn resolved(&mut self, done: Done) {
        let Done { number, flow, addresses } = done;
        self.resolver.take_back(|inquiry| matches!(inquiry.waiting, Waiting::Lookup(open) if open == number));
        self.resolver.outputs.push_back(Output::Resolved { flow, addresses });
    }

    fn denied(&mut self, asker: Asker, attempt: Attempt) {
        self.resolver.counters.denied += 1;
        self.resolver.outputs.push_back(Output::Attempt { asker, attempt: Box::new(attempt) });
    }

    fn reply(&mut self, asker: Asker, message: Vec<u8>) {
        self.resolver.outputs.push_back(Output::Reply { asker, message });
    }

    fn judging<'a>(&'a self, catalogue: &'a Catalogue, policy: &'a Policy) -> Judging<'a> {
        Judging { catalogue, policy, names: &self.names, pool: &self.pool, nat64: &self.nat64 }
    }

    /// The server an app chose by itself; `None`: it asked us.
    fn chosen_server(&self, server: SocketAddr) -> Option<SocketAddr> {
        let own = self.own.iter().any(|own| canonical_address(*own) == canonical_address(server.ip()));
        (!own).then_some(server)
    }

    fn canonical(&self, address: IpAddr) -> IpAddr {
        canonical_address_with(address, &self.nat64)
    }
}

/// The network's resolvers without our own addresses, which would lead the questions round in a circle.
fn usable_resolvers(network: &Network, own: &[IpAddr]) -> Vec<SocketAddr> {
    network.resolvers.iter().filter(|resolver| !own.contains(&resolver.ip())).copied().collect()
}

/// Only such networks need NAT64, and have a prefix to be asked for.
fn has_only_ipv6(network: &Network) -> bool {
    network.ipv6 && !network.ipv4
}

fn question(message: &Message) -> &Question {
    message.questions.first().expect("an inquiry is made of a message with one question")
}

fn transport(asker: Asker) -> Transport {
    match asker {
        Asker::Udp { .. } => Transport::Udp,
        Asker::Tcp { .. } => Transport::Tcp,
    }
}

fn attempt(
    catalogue: &Catalogue,
    verdict: &Verdict,
    asker: Asker,
    owner: &Owner,
    inquiry: &Inquiry,
) -> Attempt {
    let mut attempt = Attempt::new(catalogue, verdict, transport(asker), owner);
    attempt.bytes_held = inquiry.bytes.len() as u64;
    let name = &question(&inquiry.message).name;
    if attempt.host.as_deref() != Some(name.as_str()) {
        // An alias, an address or a server was denied: say what the app itself asked for.
        attempt.reason.push_str("; the question was for ");
        attempt.reason.push_str(name.as_str());
    }
    attempt
}

fn services<'c>(catalogue: &'c Catalogue, name: &Name) -> &'c [ServiceIndex] {
    catalogue.match_name(bare_host(catalogue, name.as_str())).map_or(&[], |found| found.services)
}
