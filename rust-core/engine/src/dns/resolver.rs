//! Questions on their way: which server is asked when, and which answers count.
use super::random::QueryIds;
use super::stream::{MessageReader, framed};
use super::{Asker, DnsCounters, Output, QueryId};
use consentry_consent::Owner;
use consentry_inspect::dns::{self, Message};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Most questions pending at one time, oldest out.
pub(super) const MAX_PENDING: usize = 2048;

/// Most connections to servers at one time. Each may hold one message of 64 KiB.
const MAX_TCP: usize = 256;

/// Most resolvers used of those the network offers.
const MAX_RESOLVERS: usize = 8;

/// How long a datagram is waited for before the next try, and how often: the tries start at 0, 1, 2, 3 and 4 s, the last of them
/// over TCP, where a path that swallows datagrams still answers (RFC 7766 section 5).
const UDP_PATIENCE: Duration = Duration::from_secs(1);
const LAST_STEP: u32 = 4;

/// The same where only TCP will do.
const TCP_PATIENCE: Duration = Duration::from_secs(2);

/// When a question is given up. Stub resolvers ask again after 5 s, and that repeat still finds the question pending.
const GIVE_UP: Duration = Duration::from_secs(6);

/// Sockets kept open for one question: the try under way and the one before it, whose answer may only be slow.
const MAX_LIVE: usize = 2;

/// A question to be answered by a server outside.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub(super) waiting: Waiting,
    /// The server the app chose; `None`: the network's resolvers.
    pub(super) server: Option<SocketAddr>,
    /// The question as it goes out, but for the id.
    pub(super) bytes: Vec<u8>,
    /// What it says; with exactly one question, written without compression.
    pub(super) message: Message,
}

/// Who waits for an answer.
#[derive(Debug)]
pub(super) enum Waiting {
    App {
        asker: Asker,
        owner: Owner,
    },
    /// The engine itself; the number of the look-up.
    Lookup(u64),
    /// The engine itself, to learn the network's NAT64 prefix.
    Nat64,
}

/// A question that a server has answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) inquiry: Inquiry,
    /// The answer's bytes, with the id of the try.
    pub(super) bytes: Vec<u8>,
    /// What they say.
    pub(super) message: Message,
}

/// A question that no server has answered.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) inquiry: Inquiry,
    /// The response code that says so.
    pub(super) rcode: u8,
}

/// What became of bytes that came for a try.
enum Taken {
    /// They are not an answer to it.
    Mismatch,
    /// They are one that does not help; the next server is being asked.
    Refusal,
    /// They end the question.
    Answer(Box<Answered>),
}

struct Pending {
    inquiry: Inquiry,
    only_tcp: bool,
    /// Tries that waited their time out.
    step: u32,
    /// All tries; picks the resolver.
    turn: usize,
    due: Instant,
    ends: Instant,
    live: Vec<Try>,
    /// Servers that said no, or whose socket failed: not asked again for this question.
    refused: Vec<SocketAddr>,
    /// What the app is told if nothing better comes.
    refusal: u8,
}

struct Try {
    query: QueryId,
    to: SocketAddr,
    /// The DNS id; has nothing to do with the app's own.
    id: u16,
    /// Present on TCP.
    reader: Option<MessageReader>,
}

/// Who asked what: the app's end, the server's, and the app's id.
type RepeatKey = (SocketAddr, SocketAddr, u16);

pub(super) struct Resolver {
    resolvers: Vec<SocketAddr>,
    /// Index of the resolver that answered last: the first to be asked.
    preferred: usize,
    ids: QueryIds,
    /// By age.
    pending: BTreeMap<u64, Pending>,
    due: BTreeSet<(Instant, u64)>,
    tries: BTreeMap<QueryId, u64>,
    repeats: BTreeMap<RepeatKey, u64>,
    next_key: u64,
    next_query: u64,
    tcp_open: usize,
    unanswered: VecDeque<Unanswered>,
    pub(super) outputs: VecDeque<Output>,
    pub(super) counters: DnsCounters,
}

impl Resolver {
    pub(super) fn new(resolvers: Vec<SocketAddr>, secret: &[u8; 16]) -> Self {
        let mut resolver = Self {
            resolvers,
            preferred: 0,
            ids: QueryIds::new(secret),
            pending: BTreeMap::new(),
            due: BTreeSet::new(),
            tries: BTreeMap::new(),
            repeats: BTreeMap::new(),
            next_key: 0,
            next_query: 0,
            tcp_open: 0,
            unanswered: VecDeque::new(),
            outputs: VecDeque::new(),
            counters: DnsCounters::default(),
        };
        resolver.resolvers.truncate(MAX_RESOLVERS);
        resolver
    }

    /// Sends a question on its way, unless it is the repeat of one that is.
    pub(super) fn ask(&mut self, now: Instant, inquiry: Inquiry) {
        let repeat = repeat_key(&inquiry);
        if let Waiting::App { asker, .. } = &inquiry.waiting {
            let earlier = repeat.and_then(|key| self.repeats.get(&key)).and_then(|key| self.pending.get(key));
            if earlier.is_some_and(|earlier| {
                earlier.inquiry.message.question_bytes == inquiry.message.question_bytes
            }) {
                self.counters.repeated += 1;
                return;
            }
            self.counters.forwarded += 1;
            self.ids.fold_in(asker.app(), &inquiry.bytes);
        }
        while self.pending.len() >= MAX_PENDING {
            let oldest = *self.pending.first_key_value().expect("the map is at its limit, so not empty").0;
            self.counters.overflowed += 1;
            self.give_up(oldest, dns::SERVFAIL);
        }
        let key = self.next_key;
        self.next_key += 1;
        if let Some(repeat) = repeat {
            self.repeats.insert(repeat, key);
        }
        let only_tcp = matches!(inquiry.waiting, Waiting::App { asker: Asker::Tcp { .. }, .. });
        let ends = now + GIVE_UP;
        self.due.insert((ends, key));
        self.pending.insert(
            key,
            Pending {
                inquiry,
                only_tcp,
                step: 0,
                turn: 0,
                due: ends,
                ends,
                live: Vec::new(),
                refused: Vec::new(),
                refusal: dns::SERVFAIL,
            },
        );
        self.start_try(now, key, None);
    }

    pub(super) fn udp_answer(
        &mut self,
        now: Instant,
        query: QueryId,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Option<Box<Answered>> {
        let Some((key, place)) = self.place(query) else {
            self.counters.late += 1;
            return None;
        };
        let a_try = &self.pending[&key].live[place];
        // A scope or flow label may differ between what was asked and what the system reports.
        if a_try.reader.is_some() || (a_try.to.ip(), a_try.to.port()) != (from.ip(), from.port()) {
            self.counters.mismatched += 1;
            return None;
        }
        match self.take_answer(now, key, place, bytes) {
            Taken::Answer(answered) => Some(answered),
            Taken::Refusal => None,
            Taken::Mismatch => {
                // Forged or a stray: the true answer may still come.
                self.counters.mismatched += 1;
                None
            }
        }
    }

    pub(super) fn tcp_connected(&mut self, query: QueryId) {
        let Some((key, place)) = self.place(query) else { return };
        let pending = &self.pending[&key];
        let a_try = &pending.live[place];
        if a_try.reader.is_none() {
            return;
        }
        let mut bytes = pending.inquiry.bytes.clone();
        dns::set_id(&mut bytes, a_try.id);
        self.outputs.push_back(Output::SendTcp { query, bytes: framed(&bytes) });
    }

    pub(super) fn tcp_bytes(
        &mut self,
        now: Instant,
        query: QueryId,
        mut bytes: &[u8],
    ) -> Option<Box<Answered>> {
        let Some((key, place)) = self.place(query) else {
            self.counters.late += 1;
            return None;
        };
        let pending = self.pending.get_mut(&key).expect("the place of a try is in a pending question");
        let message = pending.live[place].reader.as_mut()?.next(&mut bytes)?;
        match self.take_answer(now, key, place, &message) {
            Taken::Answer(answered) => Some(answered),
            Taken::Refusal => None,
            Taken::Mismatch => {
                // A stream has one sender: a wrong answer on it will not be followed by a right one.
                self.counters.mismatched += 1;
                self.outputs.push_back(Output::CloseSocket { query });
                self.failed(now, query);
                None
            }
        }
    }

    /// The socket of a try is gone.
    pub(super) fn failed(&mut self, now: Instant, query: QueryId) {
        let Some((key, place)) = self.place(query) else { return };
        let server = self.forget_try(key, place).to;
        self.refuse(now, key, server, dns::SERVFAIL);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some((due, key)) = self.due.first().copied() {
            if due > now {
                break;
            }
            let pending = self.pending.get_mut(&key).expect("every timer belongs to a pending question");
            if now >= pending.ends {
                let refusal = pending.refusal;
                self.give_up(key, refusal);
            } else {
                pending.step += 1;
                self.start_try(now, key, None);
            }
        }
    }

    /// When [`Self::handle_timeout`] is wanted.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Asks everything that is pending anew, through the new network.
    pub(super) fn network_changed(&mut self, now: Instant, mut resolvers: Vec<SocketAddr>) {
        resolvers.truncate(MAX_RESOLVERS);
        self.resolvers = resolvers;
        self.preferred = 0;
        let keys: Vec<u64> = self.pending.keys().copied().collect();
        for key in keys {
            self.close_tries(key);
            let Some(pending) = self.pending.get_mut(&key) else { continue };
            pending.step = 0;
            pending.turn = 0;
            pending.ends = now + GIVE_UP;
            pending.refused.clear();
            pending.refusal = dns::SERVFAIL;
            self.start_try(now, key, None);
        }
    }

    /// Takes back every pending question that `wanted` picks.
    pub(super) fn take_back(&mut self, mut wanted: impl FnMut(&Inquiry) -> bool) -> Vec<Inquiry> {
        let keys: Vec<u64> = self
            .pending
            .iter()
            .filter(|(_, pending)| wanted(&pending.inquiry))
            .map(|(key, _)| *key)
            .collect();
        keys.into_iter().filter_map(|key| self.remove(key)).collect()
    }

    /// The next question that was given up.
    pub(super) fn next_unanswered(&mut self) -> Option<Unanswered> {
        self.unanswered.pop_front()
    }

    fn take_answer(&mut self, now: Instant, key: u64, place: usize, bytes: &[u8]) -> Taken {
        let pending = self.pending.get_mut(&key).expect("the caller found the try in this question");
        let a_try = &pending.live[place];
        let Ok(answer) = dns::parse(bytes) else { return Taken::Mismatch };
        if answer.id != a_try.id || !answer.response || answer.opcode != pending.inquiry.message.opcode {
            return Taken::Mismatch;
        }
        let (to, over_tcp) = (a_try.to, a_try.reader.is_some());
        // Servers that cannot read a question may answer with nothing but a header (RFC 6891 section 7).
        let bare_error =
            answer.questions.is_empty() && answer.rcode != dns::NOERROR && answer.answers.is_empty();
        if answer.question_bytes != pending.inquiry.message.question_bytes && !bare_error {
            return Taken::Mismatch;
        }
        let for_app = matches!(pending.inquiry.waiting, Waiting::App { .. });
        if answer.truncated && !over_tcp && !for_app {
            pending.only_tcp = true;
            self.close_tries(key);
            self.start_try(now, key, Some(to));
            return Taken::Refusal;
        }
        let refusal = matches!(answer.rcode, dns::SERVFAIL | dns::REFUSED);
        if refusal && pending.inquiry.server.is_none() {
            let others = self.resolvers.iter().any(|other| *other != to && !pending.refused.contains(other));
            if others {
                let query = self.forget_try(key, place).query;
                self.outputs.push_back(Output::CloseSocket { query });
                self.refuse(now, key, to, answer.rcode);
                return Taken::Refusal;
            }
        }
        if pending.inquiry.server.is_none() && !refusal {
            self.preferred = self.resolvers.iter().position(|resolver| *resolver == to).unwrap_or(0);
        }
        if bare_error {
            self.give_up(key, answer.rcode);
            return Taken::Refusal;
        }
        let inquiry = self.remove(key).expect("the question was pending a moment ago");
        Taken::Answer(Box::new(Answered { inquiry, bytes: bytes.to_vec(), message: answer }))
    }

    /// A server will not answer this question: the next one is asked at once.
    fn refuse(&mut self, now: Instant, key: u64, server: SocketAddr, rcode: u8) {
        let Some(pending) = self.pending.get_mut(&key) else { return };
        pending.refusal = rcode;
        if !pending.refused.contains(&server) {
            pending.refused.push(server);
        }
        let refusal = pending.refusal;
        let waits = !pending.live.is_empty();
        if self.next_server(key).is_some() {
            self.start_try(now, key, None);
        } else if !waits {
            self.give_up(key, refusal);
        }
    }

    /// Asks the next server in turn, or the one given, and sets the time for the try after it.
    fn start_try(&mut self, now: Instant, key: u64, server: Option<SocketAddr>) {
        let Some(to) = server.or_else(|| self.next_server(key)) else {
            let Some(pending) = self.pending.get(&key) else { return };
            if pending.live.is_empty() {
                let refusal = pending.refusal;
                self.give_up(key, refusal);
            } else {
                self.set_due(key, None);
            }
            return;
        };
        let Some(pending) = self.pending.get_mut(&key) else { return };
        let room_for_tcp = self.tcp_open < MAX_TCP;
        if pending.only_tcp && !room_for_tcp {
            self.counters.overflowed += 1;
            self.give_up(key, dns::SERVFAIL);
            return;
        }
        let over_tcp = room_for_tcp && (pending.only_tcp || pending.step >= LAST_STEP);
        let query = QueryId(self.next_query);
        self.next_query += 1;
        let id = self.ids.next_id();
        pending.turn += 1;
        let crowded = pending.live.len() >= MAX_LIVE;
        let output = if over_tcp {
            self.tcp_open += 1;
            Output::ConnectTcp { query, to }
        } else {
            let mut message = pending.inquiry.bytes.clone();
            dns::set_id(&mut message, id);
            Output::SendUdp { query, to, message }
        };
        pending.live.push(Try { query, to, id, reader: over_tcp.then(MessageReader::new) });
        let patience = if pending.only_tcp { TCP_PATIENCE } else { UDP_PATIENCE };
        let next = (pending.step < LAST_STEP).then(|| now + patience);
        self.tries.insert(query, key);
        if crowded {
            let query = self.forget_try(key, 0).query;
            self.outputs.push_back(Output::CloseSocket { query });
        }
        self.outputs.push_back(output);
        self.set_due(key, next);
    }

    /// The server whose turn it is, of those that have not refused.
    fn next_server(&self, key: u64) -> Option<SocketAddr> {
        let pending = self.pending.get(&key)?;
        let servers = match &pending.inquiry.server {
            Some(server) => std::slice::from_ref(server),
            None => &self.resolvers,
        };
        (0..servers.len())
            .map(|step| servers[(self.preferred + pending.turn + step) % servers.len()])
            .find(|server| !pending.refused.contains(server))
    }

    /// When the next try is due; `None`: there is none before the end.
    fn set_due(&mut self, key: u64, due: Option<Instant>) {
        let Some(pending) = self.pending.get_mut(&key) else { return };
        self.due.remove(&(pending.due, key));
        pending.due = due.unwrap_or(pending.ends).min(pending.ends);
        self.due.insert((pending.due, key));
    }

    fn place(&self, query: QueryId) -> Option<(u64, usize)> {
        let key = *self.tries.get(&query)?;
        let place = self.pending.get(&key)?.live.iter().position(|a_try| a_try.query == query)?;
        Some((key, place))
    }

    /// Forgets a try; its socket is the caller's concern.
    fn forget_try(&mut self, key: u64, place: usize) -> Try {
        let pending = self.pending.get_mut(&key).expect("the caller found the try in this question");
        let a_try = pending.live.remove(place);
        self.tries.remove(&a_try.query);
        self.tcp_open -= usize::from(a_try.reader.is_some());
        a_try
    }

    fn close_tries(&mut self, key: u64) {
        while self.pending.get(&key).is_some_and(|pending| !pending.live.is_empty()) {
            let query = self.forget_try(key, 0).query;
            self.outputs.push_back(Output::CloseSocket { query });
        }
    }

    fn give_up(&mut self, key: u64, rcode: u8) {
        let Some(inquiry) = self.remove(key) else { return };
        self.counters.failed += 1;
        self.unanswered.push_back(Unanswered { inquiry, rcode });
    }

    fn remove(&mut self, key: u64) -> Option<Inquiry> {
        self.close_tries(key);
        let pending = self.pending.remove(&key)?;
        self.due.remove(&(pending.due, key));
        if let Some(repeat) = repeat_key(&pending.inquiry)
            && self.repeats.get(&repeat) == Some(&key)
        {
            self.repeats.remove(&repeat);
        }
        Some(pending.inquiry)
    }
}

/// Only datagrams get lost and are repeated.
fn repeat_key(inquiry: &Inquiry) -> Option<RepeatKey> {
    match &inquiry.waiting {
        Waiting::App { asker: Asker::Udp { app, server }, .. } => Some((*app, *server, inquiry.message.id)),
        Waiting::App { .. } | Waiting::Lookup(_) | Waiting::Nat64 => None,
    }
}
