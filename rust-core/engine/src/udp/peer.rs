//! One destination of one app endpoint, and whether datagrams to it pass.
use crate::about::{About, StatedName};
use crate::core::Core;
use crate::io::FlowId;
use consentry_catalogue::{SignatureMatch, Transport};
use consentry_consent::{Owner, Signal, Verdict};
use consentry_inspect::Progress;
use consentry_inspect::quic::{self, InitialReader};
use consentry_inspect::tls::ClientHello;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Most datagrams held for one destination while its hello is incomplete or its owner unknown.
const HELD_MAX: usize = 8;

/// Most connection IDs remembered for one destination; a repeat of an older one is judged again.
const ALLOWED_IDS_MAX: usize = 16;

/// Longest a QUIC hello may take.
pub(super) const HELLO_PATIENCE: Duration = Duration::from_secs(1);

/// Longest a destination waits to learn whose it is.
pub(super) const OWNER_PATIENCE: Duration = Duration::from_millis(200);

/// Longest the engine's own look-up may take.
pub(super) const LOOKUP_PATIENCE: Duration = Duration::from_secs(10);

/// A datagram held back.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) payload: Vec<u8>,
    pub(super) dont_fragment: bool,
}

/// What datagrams to the destination wait for.
enum State {
    /// Nothing is known yet.
    New,
    /// Whose flow this is.
    Owner,
    /// The rest of a QUIC hello.
    Hello(Box<InitialReader>),
    /// The engine's own look-up of the name behind a sinkhole address.
    Lookup { quic: bool },
    /// Nothing: they pass. For QUIC each further hello is judged as well.
    Passing { quic: bool },
    /// Consent was withdrawn: nothing passes either way.
    Mute { until: Instant },
}

/// What is to be done with what was held.
pub(super) enum Step {
    /// Nothing yet.
    Wait,
    /// The name behind the sinkhole address has to be looked up first.
    LookUp,
    /// Send these to the target.
    Pass(Vec<Held>),
    /// Denied: to be reported and refused.
    Deny(Box<Verdict>, u64),
    /// Refused because nobody can tell what it is: no service to report.
    Refuse,
}

/// See the module's text.
pub(super) struct Peer {
    pub(super) flow: FlowId,
    pub(super) about: About,
    /// Where datagrams really go: the remote end, unless that is a sinkhole address.
    pub(super) target: SocketAddr,
    pub(super) last: Instant,
    pub(super) deadline: Option<Instant>,
    state: State,
    held: Vec<Held>,
    /// The connection IDs that allowed hellos began under: what repeats them belongs to the same connection.
    allowed_ids: Vec<Vec<u8>>,
}

impl Peer {
    pub(super) fn new(flow: FlowId, about: About, now: Instant) -> Self {
        let target = about.key.remote;
        Self {
            flow,
            about,
            target,
            last: now,
            deadline: None,
            state: State::New,
            held: Vec::new(),
            allowed_ids: Vec::new(),
        }
    }

    /// The owner is being looked up.
    pub(super) fn await_owner(&mut self, now: Instant) {
        self.state = State::Owner;
        self.deadline = Some(now + OWNER_PATIENCE);
    }

    /// Whether this datagram passes without a further look: the way of nearly all.
    pub(super) fn passes(&self, payload: &[u8]) -> bool {
        match self.state {
            State::Passing { quic: false } => true,
            // A long header may begin a further connection on the same ports.
            State::Passing { quic: true } => payload.first().is_none_or(|first| first & 0x80 == 0),
            _ => false,
        }
    }

    /// Whether datagrams from the destination are let through.
    pub(super) fn hears(&self) -> bool {
        matches!(self.state, State::Passing { .. })
    }

    /// Whether this is a QUIC connection that was allowed.
    pub(super) fn is_allowed_quic(&self) -> bool {
        matches!(self.state, State::Passing { quic: true })
    }

    /// Takes one more datagram. `known_elsewhere`: the same app has an allowed QUIC connection to the same remote end.
    pub(super) fn take(
        &mut self,
        core: &mut Core,
        now: Instant,
        datagram: Held,
        known_elsewhere: bool,
    ) -> Step {
        match &mut self.state {
            State::New => {
                self.held.push(datagram);
                self.begin(core, now, known_elsewhere)
            }
            State::Owner | State::Lookup { .. } => {
                if self.held.len() < HELD_MAX {
                    self.held.push(datagram);
                }
                Step::Wait
            }
            State::Hello(_) => {
                self.held.push(datagram);
                self.read_hello(core, now, self.held.len() - 1)
            }
            State::Passing { .. } => self.another_hello(core, now, datagram),
            State::Mute { until } => {
                let verdict = self.about.judge(core);
                if verdict.allow {
                    self.state = State::New;
                    return self.take(core, now, datagram, known_elsewhere);
                }
                *until = now + super::MUTE;
                Step::Deny(Box::new(verdict), datagram.payload.len() as u64)
            }
        }
    }

    /// The owner is known, or the wait for it is over.
    pub(super) fn owner_known(
        &mut self,
        core: &mut Core,
        now: Instant,
        owner: Owner,
        known_elsewhere: bool,
    ) -> Step {
        if !matches!(self.state, State::Owner) {
            return Step::Wait;
        }
        self.about.owner = owner;
        self.begin(core, now, known_elsewhere)
    }

    /// The look-up ended.
    pub(super) fn resolved(&mut self, target: Option<SocketAddr>) -> Step {
        let State::Lookup { quic } = self.state else { return Step::Wait };
        self.deadline = None;
        let Some(target) = target else { return Step::Refuse };
        self.target = target;
        self.open(quic)
    }

    /// The deadline has passed.
    pub(super) fn late(&mut self, core: &mut Core, now: Instant, known_elsewhere: bool) -> Step {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Step::Wait;
        }
        self.deadline = None;
        match self.state {
            State::Owner => self.begin(core, now, known_elsewhere),
            State::Hello(_) | State::Lookup { .. } => self.not_understood(core),
            State::New | State::Passing { .. } | State::Mute { .. } => Step::Wait,
        }
    }

    /// Judges again after a consent change. Returns whether it went mute.
    pub(super) fn judge_again(&mut self, core: &Core, now: Instant) -> bool {
        if !matches!(self.state, State::Passing { .. }) || self.about.judge(core).allow {
            return false;
        }
        self.state = State::Mute { until: now + super::MUTE };
        true
    }

    /// Whether the silence after a withdrawn consent is over and the destination can be forgotten.
    pub(super) fn is_forgettable(&self, now: Instant) -> bool {
        !matches!(self.state, State::Mute { until } if until > now)
    }

    /// Judges by what is known before the first datagram is understood, then by what it is.
    fn begin(&mut self, core: &mut Core, now: Instant, known_elsewhere: bool) -> Step {
        self.deadline = None;
        let verdict = self.about.judge(core);
        if !verdict.allow {
            return self.denied(verdict);
        }
        let Some(first) = self.held.first() else { return Step::Wait };
        let web = matches!(self.about.key.remote.port(), 80 | 443 | 8080 | 8443);
        match quic::classify(&first.payload) {
            quic::Datagram::Initial { .. } | quic::Datagram::OtherLong => {
                self.state = State::Hello(Box::default());
                self.deadline = Some(now + HELLO_PATIENCE);
                self.read_hello(core, now, 0)
            }
            // A connection that moved: it was judged under its former ports.
            quic::Datagram::Short if web && known_elsewhere => self.pass(core, true),
            quic::Datagram::Short
            | quic::Datagram::UnknownVersion(_)
            | quic::Datagram::VersionNegotiation
                if web =>
            {
                self.not_understood(core)
            }
            _ => self.speak_plainly(core),
        }
    }

    /// Not QUIC: judged by its first datagram as it is.
    fn speak_plainly(&mut self, core: &mut Core) -> Step {
        if let Some(first) = self.held.first()
            && let SignatureMatch::Service(service) =
                core.catalogue.match_signature(Transport::Udp, &first.payload)
        {
            self.about.signature = Some(service);
        }
        self.about.first_bytes_seen = true;
        let verdict = self.about.judge(core);
        if verdict.allow { self.pass(core, false) } else { self.denied(verdict) }
    }

    fn read_hello(&mut self, core: &mut Core, now: Instant, from: usize) -> Step {
        let State::Hello(reader) = &mut self.state else { return Step::Wait };
        let mut progress = Progress::NeedMore;
        for datagram in &self.held[from..] {
            progress = reader.push(&datagram.payload);
            if progress != Progress::NeedMore {
                break;
            }
        }
        self.heard(core, now, progress)
    }

    /// Acts on what the hello has told so far.
    fn heard(&mut self, core: &mut Core, now: Instant, progress: Progress<ClientHello>) -> Step {
        match progress {
            Progress::Done(hello) => {
                self.deadline = None;
                self.state_name(hello.sni, hello.ech);
                let verdict = self.about.judge(core);
                if verdict.allow { self.pass(core, true) } else { self.denied(verdict) }
            }
            Progress::Not => {
                self.deadline = None;
                let web = matches!(self.about.key.remote.port(), 80 | 443 | 8080 | 8443);
                if web { self.not_understood(core) } else { self.speak_plainly(core) }
            }
            Progress::NeedMore
                if self.held.len() >= HELD_MAX || self.deadline.is_some_and(|deadline| now >= deadline) =>
            {
                self.not_understood(core)
            }
            Progress::NeedMore => Step::Wait,
        }
    }

    /// An allowed QUIC destination sends another long header: a new connection is judged, anything else belongs to an old one.
    /// Only a client's first Initials can be opened with keys that derive from the connection ID they carry.
    fn another_hello(&mut self, core: &mut Core, now: Instant, datagram: Held) -> Step {
        let begins = matches!(quic::classify(&datagram.payload), quic::Datagram::Initial { .. })
            && quic::destination(&datagram.payload)
                .is_some_and(|id| self.allowed_ids.iter().all(|allowed| allowed != id));
        if begins {
            let mut reader = Box::new(InitialReader::default());
            let progress = reader.push(&datagram.payload);
            if reader.has_opened() || progress != Progress::NeedMore {
                self.held.push(datagram);
                self.state = State::Hello(reader);
                self.deadline = Some(now + HELLO_PATIENCE);
                return self.heard(core, now, progress);
            }
        }
        Step::Pass(vec![datagram])
    }

    fn state_name(&mut self, sni: Option<String>, ech: bool) {
        self.about.first_bytes_seen = true;
        self.about.stated =
            sni.map(|host| Box::new(StatedName { signal: Signal::QuicSni, host, request: None, ech }));
    }

    fn pass(&mut self, core: &mut Core, quic: bool) -> Step {
        if self.target == self.about.key.remote && core.dns.pool().contains(self.about.address) {
            self.state = State::Lookup { quic };
            return Step::LookUp;
        }
        self.open(quic)
    }

    fn open(&mut self, quic: bool) -> Step {
        if quic {
            for id in self.held.iter().filter_map(|datagram| quic::destination(&datagram.payload)) {
                if !self.allowed_ids.iter().any(|allowed| allowed == id) {
                    self.allowed_ids.push(id.to_vec());
                }
            }
            let excess = self.allowed_ids.len().saturating_sub(ALLOWED_IDS_MAX);
            self.allowed_ids.drain(..excess);
        }
        self.state = State::Passing { quic };
        Step::Pass(std::mem::take(&mut self.held))
    }

    fn denied(&mut self, verdict: Verdict) -> Step {
        let bytes = self.held.drain(..).map(|datagram| datagram.payload.len() as u64).sum();
        self.state = State::New;
        Step::Deny(Box::new(verdict), bytes)
    }

    /// Nobody can tell what this is. It is not let through; where another signal names a service, that is reported.
    fn not_understood(&mut self, core: &mut Core) -> Step {
        core.counters.ambiguous += 1;
        self.about.first_bytes_seen = true;
        let verdict = self.about.judge(core);
        if verdict.allow {
            self.held.clear();
            self.state = State::New;
            return Step::Refuse;
        }
        self.denied(verdict)
    }
}
