//! One destination of one app endpoint, and whether datagrams to it pass.
use crate::about::{About, StatedName};
use crate::core::Core;
use crate::io::FlowId;
use consentry_catalogue::{SignatureMatch, Transport};
use consentry_consent::{Owner, Signal, Verdict};
use consentry_inspect::quic::{self, InitialReader};
use consentry_inspect::tls::ClientHello;
use consentry_inspect::{Progress, dtls};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Most datagrams held for one destination while its hello is incomplete or its owner unknown.
const HELD_MAX: usize = 8;

/// Most bytes held for one destination.
const HELD_BYTES_MAX: usize = 64 * 1024;

/// Most allowed hellos remembered for one destination; a repeat of an older one is judged again.
const ALLOWED_MAX: usize = 4;

/// Longest a QUIC or DTLS hello may take.
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
    /// The rest of a QUIC hello; `id` is the connection ID it began under.
    Hello { reader: Box<InitialReader>, id: Vec<u8> },
    /// The rest of a DTLS hello; `again` if the destination was allowed before it began.
    DtlsHello { reader: Box<dtls::HelloReader>, again: bool },
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
    /// The hellos that were allowed: what repeats them belongs to the same connection.
    allowed: Vec<InitialReader>,
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
            allowed: Vec::new(),
        }
    }

    /// The owner is being looked up.
    pub(super) fn await_owner(&mut self, now: Instant) {
        self.state = State::Owner;
        self.deadline = Some(now + OWNER_PATIENCE);
    }

    /// Whether this datagram passes without a further look: the way of nearly all.
    pub(super) fn passes(&self, payload: &[u8]) -> bool {
        // A long header may begin a further connection on the same ports, whatever was said before.
        let short = payload.first().is_none_or(|first| first & 0x80 == 0);
        match self.state {
            State::Passing { quic: true } => short,
            State::Passing { quic: false } => {
                let begins = || {
                    matches!(
                        quic::classify(payload),
                        quic::Datagram::Initial { .. } | quic::Datagram::OtherLong
                    )
                };
                (short || !begins()) && !dtls::begins_hello(payload)
            }
            _ => false,
        }
    }

    /// Whether datagrams from the destination are let through.
    pub(super) fn hears(&self) -> bool {
        match self.state {
            State::Passing { .. } => true,
            // An earlier connection on the same ports goes on.
            State::Hello { .. } => !self.allowed.is_empty(),
            State::DtlsHello { again, .. } => again,
            _ => false,
        }
    }

    /// Whether what is judged next, `datagram` if nothing is held, may be of a connection that moved here from other ports.
    pub(super) fn may_have_moved(&self, datagram: Option<&[u8]>) -> bool {
        let first = self.held.first().map(|held| held.payload.as_slice()).or(datagram);
        first.is_some_and(|first| quic::classify(first) == quic::Datagram::Short)
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
                if self.held.len() < HELD_MAX && self.has_room_for(&datagram) {
                    self.held.push(datagram);
                }
                Step::Wait
            }
            State::Hello { id, .. } => {
                let of_this_hello = match quic::destination(&datagram.payload) {
                    Some(destination) => destination == id,
                    // A short header goes on with an earlier connection.
                    None if !self.allowed.is_empty() => return Step::Pass(vec![datagram]),
                    None => true,
                };
                if !of_this_hello || !self.has_room_for(&datagram) {
                    // One at a time: whoever sent it sends it again.
                    return Step::Wait;
                }
                self.held.push(datagram);
                self.read_hello(core, now, self.held.len() - 1)
            }
            State::DtlsHello { again: true, .. } if !dtls::begins_hello(&datagram.payload) => {
                Step::Pass(vec![datagram])
            }
            State::DtlsHello { .. } => {
                if !self.has_room_for(&datagram) {
                    return Step::Wait;
                }
                self.held.push(datagram);
                self.read_dtls_hello(core, now, self.held.len() - 1)
            }
            State::Passing { .. } if dtls::begins_hello(&datagram.payload) => {
                self.held.push(datagram);
                self.begin_dtls_hello(core, now, true)
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
        self.about.owner = owner;
        match self.state {
            State::Owner => self.begin(core, now, known_elsewhere),
            // It came late: what passes for an unknown owner may be denied to this one.
            State::Passing { .. } => {
                let verdict = self.about.judge(core);
                if verdict.allow {
                    return Step::Wait;
                }
                self.state = State::Mute { until: now + super::MUTE };
                Step::Deny(Box::new(verdict), 0)
            }
            // What comes next is judged with it.
            State::New
            | State::Hello { .. }
            | State::DtlsHello { .. }
            | State::Lookup { .. }
            | State::Mute { .. } => Step::Wait,
        }
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
            State::Hello { .. } | State::DtlsHello { .. } | State::Lookup { .. } => self.not_understood(core),
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
                let id = quic::destination(&first.payload).unwrap_or_default().to_vec();
                self.state = State::Hello { reader: Box::default(), id };
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
            _ if dtls::begins_hello(&first.payload) => self.begin_dtls_hello(core, now, false),
            _ => self.speak_plainly(core),
        }
    }

    fn begin_dtls_hello(&mut self, core: &mut Core, now: Instant, again: bool) -> Step {
        self.state = State::DtlsHello { reader: Box::default(), again };
        self.deadline = Some(now + HELLO_PATIENCE);
        self.read_dtls_hello(core, now, 0)
    }

    fn read_dtls_hello(&mut self, core: &mut Core, now: Instant, from: usize) -> Step {
        let State::DtlsHello { reader, .. } = &mut self.state else { return Step::Wait };
        let said = self.held[from..].iter().filter(|datagram| dtls::begins_hello(&datagram.payload));
        let mut progress = Progress::NeedMore;
        for datagram in said {
            progress = reader.push(&datagram.payload);
            if progress != Progress::NeedMore {
                break;
            }
        }
        self.heard(core, now, progress)
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
        let State::Hello { reader, .. } = &mut self.state else { return Step::Wait };
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
                let quic = matches!(self.state, State::Hello { .. });
                let signal = if quic { Signal::QuicSni } else { Signal::TlsSni };
                self.state_name(signal, hello);
                let verdict = self.about.judge(core);
                if verdict.allow { self.pass(core, quic) } else { self.denied(verdict) }
            }
            Progress::Not => {
                self.deadline = None;
                let web = matches!(self.about.key.remote.port(), 80 | 443 | 8080 | 8443);
                let hello = match &self.state {
                    State::Hello { reader, .. } => reader.has_opened(),
                    State::DtlsHello { .. } => true,
                    _ => false,
                };
                if web || hello { self.not_understood(core) } else { self.speak_plainly(core) }
            }
            Progress::NeedMore
                if self.held.len() >= HELD_MAX || self.deadline.is_some_and(|deadline| now >= deadline) =>
            {
                self.not_understood(core)
            }
            Progress::NeedMore => Step::Wait,
        }
    }

    /// An allowed destination is sent another long header: what repeats an allowed hello passes, a new connection is judged,
    /// anything else belongs to an old one. Only a client's first Initials can be opened with keys that derive from the
    /// connection ID they carry.
    fn another_hello(&mut self, core: &mut Core, now: Instant, datagram: Held) -> Step {
        match quic::classify(&datagram.payload) {
            quic::Datagram::Initial { .. } | quic::Datagram::OtherLong => {}
            // Nobody changes to a version that cannot be read here once a connection stands.
            quic::Datagram::UnknownVersion(_) | quic::Datagram::VersionNegotiation => return Step::Wait,
            quic::Datagram::Short | quic::Datagram::NotQuic => return Step::Pass(vec![datagram]),
        }
        match self.allowed.iter_mut().find_map(|hello| hello.repeats(&datagram.payload)) {
            Some(true) => return Step::Pass(vec![datagram]),
            // The server may have missed the first one: the second must not be the one it reads.
            Some(false) => return Step::Wait,
            None => {}
        }
        let mut reader = Box::new(InitialReader::default());
        let progress = reader.push(&datagram.payload);
        if !reader.has_opened() && progress == Progress::NeedMore {
            return Step::Pass(vec![datagram]);
        }
        let id = quic::destination(&datagram.payload).unwrap_or_default().to_vec();
        self.held.push(datagram);
        self.state = State::Hello { reader, id };
        self.deadline = Some(now + HELLO_PATIENCE);
        self.heard(core, now, progress)
    }

    fn has_room_for(&self, datagram: &Held) -> bool {
        let held: usize = self.held.iter().map(|held| held.payload.len()).sum();
        held + datagram.payload.len() <= HELD_BYTES_MAX
    }

    fn state_name(&mut self, signal: Signal, hello: ClientHello) {
        self.about.first_bytes_seen = true;
        let ech = hello.ech;
        self.about.stated = hello.sni.map(|host| Box::new(StatedName { signal, host, request: None, ech }));
    }

    fn pass(&mut self, core: &mut Core, quic: bool) -> Step {
        if let State::Hello { reader, .. } = std::mem::replace(&mut self.state, State::New)
            && quic
        {
            self.allowed.push(*reader);
            let excess = self.allowed.len().saturating_sub(ALLOWED_MAX);
            self.allowed.drain(..excess);
        }
        if self.target == self.about.key.remote && core.dns.pool().contains(self.about.address) {
            self.state = State::Lookup { quic };
            return Step::LookUp;
        }
        self.open(quic)
    }

    fn open(&mut self, quic: bool) -> Step {
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
