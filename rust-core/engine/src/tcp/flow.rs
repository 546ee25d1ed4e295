//! One TCP flow: from its first SYN, through the verdict, to the last byte.
use super::dial::Dial;
use super::dns_stream::DnsStream;
use super::gate::Gate;
use super::stack::{Connection, Stack, Stage};
use crate::about::About;
use crate::core::{Core, Evidence};
use crate::dns::Asker;
use crate::io::{FlowId, Io, NetError, Readiness, SocketId};
use crate::packet::build;
use consentry_catalogue::Transport;
use consentry_consent::{Owner, Rule, Verdict, judge_question};
use consentry_inspect::dns::DnsError;
use consentry_inspect::http1::Request;
use std::time::{Duration, Instant};

/// Longest a flow waits to learn whose it is.
const OWNER_PATIENCE: Duration = Duration::from_millis(200);

/// How long a denied flow may take to say what it wanted before it is reset.
pub(super) const EVIDENCE_PATIENCE: Duration = Duration::from_secs(3);

/// How long a flow whose server has finished may stay open without a byte (smoltcp has no timer for it).
const HALF_OPEN_PATIENCE: Duration = Duration::from_mins(10);

/// What the engine lends a flow for one call.
pub(super) struct Lent<'a, 'io> {
    pub(super) core: &'a mut Core,
    pub(super) stack: &'a mut Stack,
    pub(super) io: &'a mut Io<'io>,
    pub(super) now: Instant,
}

/// Whether a flow goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Alive,
    Over,
}

/// How the server is being reached.
pub(super) enum Way {
    /// The engine looks up the name whose sinkhole address the app used.
    Resolving,
    Dialing(Dial),
}

/// A denied request whose body is still being read.
pub(super) struct Collecting {
    pub(super) verdict: Verdict,
    pub(super) request: Box<Request>,
    pub(super) body: Vec<u8>,
    pub(super) wanted: usize,
}

pub(super) enum State {
    /// The SYN waits until the owner is known.
    AwaitingOwner { syn: Vec<u8> },
    /// The SYN waits until the server has accepted.
    Held { syn: Vec<u8>, way: Way },
    /// Accepted locally; the first bytes are read and nothing has been dialled. `condemned` flows are denied whatever they say
    /// and read for evidence only.
    Reading { condemned: Option<Box<Verdict>> },
    /// Judged; the server is being reached.
    Reaching { way: Way },
    /// Connected: bytes flow both ways.
    Relaying,
    /// Denied; the rest of the request is read as evidence.
    Collecting(Box<Collecting>),
    /// DNS over TCP, answered by the interceptor.
    Dns(DnsStream),
    /// Reset; what the stack still has to send goes out, then it is over.
    Ending,
}

/// See the module's text.
pub(super) struct Flow {
    pub(super) id: FlowId,
    pub(super) about: About,
    pub(super) last: Instant,
    /// No bytes have come since its buffers were looked at, and let their memory go where nothing was in them.
    pub(super) at_rest: bool,
    /// Whether the flow is in the list of those to look at in the next flush.
    pub(super) touched: bool,
    /// Whether the flow is in the list of those that wait for room in the TUN device.
    pub(super) stalled: bool,
    /// When the table's timer fires for this flow.
    pub(super) alarm: Option<Instant>,
    pub(super) state: State,
    pub(super) deadline: Option<Instant>,
    pub(super) connection: Option<Connection>,
    pub(super) gate: Gate,
    pub(super) server: Option<SocketId>,
    pub(super) sockets_opened: u64,
    pub(super) server_readable: bool,
    /// The server has finished; the end of its stream has yet to be read.
    pub(super) server_finished: bool,
    pub(super) server_ended: bool,
    /// The app has finished, and all that it said has been taken in.
    pub(super) app_ended: bool,
    pub(super) told_server: bool,
}

impl Flow {
    /// A flow whose SYN has just come in. It decides nothing before [`Flow::begin`].
    pub(super) fn new(id: FlowId, about: About, now: Instant) -> Self {
        Self {
            id,
            about,
            last: now,
            at_rest: true,
            touched: false,
            stalled: false,
            alarm: None,
            state: State::Ending,
            deadline: None,
            connection: None,
            gate: Gate::new(),
            server: None,
            sockets_opened: 0,
            server_readable: false,
            server_finished: false,
            server_ended: false,
            app_ended: false,
            told_server: false,
        }
    }

    /// The owner is being looked up: the SYN waits.
    pub(super) fn await_owner(&mut self, now: Instant, syn: &[u8]) {
        self.state = State::AwaitingOwner { syn: syn.to_vec() };
        self.deadline = Some(now + OWNER_PATIENCE);
    }

    /// The owner is known now.
    pub(super) fn owner_known(&mut self, lent: &mut Lent<'_, '_>, owner: Owner) -> Fate {
        self.about.owner = owner;
        match std::mem::replace(&mut self.state, State::Ending) {
            State::AwaitingOwner { syn } => self.begin(lent, &syn),
            other => {
                // It came late: what was let through for an unknown owner may be denied to this one.
                self.state = other;
                if self.is_undecided_or_allowed() {
                    let verdict = self.about.judge(lent.core);
                    if !verdict.allow {
                        let evidence = self.evidence(None, &[]);
                        self.deny(lent, &verdict, evidence);
                    }
                }
                Fate::Alive
            }
        }
    }

    /// Whether a verdict that denies would still hold something back.
    fn is_undecided_or_allowed(&self) -> bool {
        match &self.state {
            State::Held { .. } | State::Reaching { .. } | State::Relaying => true,
            State::Reading { condemned } => condemned.is_none(),
            State::AwaitingOwner { .. } | State::Collecting(_) | State::Dns(_) | State::Ending => false,
        }
    }

    /// Decides what becomes of a new flow by what is known at its SYN.
    pub(super) fn begin(&mut self, lent: &mut Lent<'_, '_>, syn: &[u8]) -> Fate {
        self.deadline = None;
        let remote = self.about.key.remote;
        if remote.port() == 53 {
            self.state = State::Dns(DnsStream::new(lent.now));
            return self.accept(lent, syn);
        }
        if lent.core.is_own_dns(remote.ip()) {
            // Nothing else listens at our own address. For port 853 this makes Android's automatic Private DNS fall back.
            refuse_syn(lent, syn, NetError::Refused);
            return Fate::Over;
        }
        let verdict = self.about.judge(lent.core);
        if !verdict.allow {
            return self.condemn(lent, syn, verdict);
        }
        let sinkhole = lent.core.sinkhole_name(self.about.address).is_some();
        if !sinkhole && !lent.core.has_upstream(remote.ip()) {
            refuse_syn(lent, syn, NetError::Unreachable);
            return Fate::Over;
        }
        if verdict.rule == Rule::MixedNames
            || lent.core.speaks_first(Transport::Tcp, remote.port())
            || lent.core.is_catalogued_app(&self.about.owner)
        {
            self.state = State::Reading { condemned: None };
            return self.accept(lent, syn);
        }
        let way = if sinkhole {
            self.resolve(lent);
            Way::Resolving
        } else {
            Way::Dialing(Dial::new([remote], lent.now))
        };
        self.state = State::Held { syn: syn.to_vec(), way };
        self.advance(lent)
    }

    /// Denied at the SYN. The connection is accepted all the same, so that the log can say what it was about to say; nothing of
    /// it goes out. An app that retries in a loop gets silence instead.
    fn condemn(&mut self, lent: &mut Lent<'_, '_>, syn: &[u8], verdict: Verdict) -> Fate {
        if lent.core.answers_refusal(self.about.key.remote, lent.now) {
            self.state = State::Reading { condemned: Some(Box::new(verdict)) };
            self.deadline = Some(lent.now + EVIDENCE_PATIENCE);
            return self.accept(lent, syn);
        }
        lent.core.attempt(&self.about, &verdict, Evidence::default());
        Fate::Over
    }

    pub(super) fn accept(&mut self, lent: &mut Lent<'_, '_>, syn: &[u8]) -> Fate {
        let port = self.about.key.remote.port();
        let io = &mut *lent.io;
        self.connection = Connection::accept(lent.stack, lent.now, io.buffers, io.tun, port, syn);
        if self.connection.is_none() {
            lent.core.counters.exhausted += 1;
            refuse_syn(lent, syn, NetError::Limit);
            return Fate::Over;
        }
        Fate::Alive
    }

    /// Takes a packet of this flow from the app.
    pub(super) fn packet(&mut self, lent: &mut Lent<'_, '_>, packet: &[u8]) {
        self.last = lent.now;
        // A flow without a connection holds a SYN; what comes is the same SYN again.
        if let Some(connection) = &mut self.connection {
            let brings_bytes = connection.packet(lent.stack, lent.now, lent.io.tun, packet);
            self.at_rest &= !brings_bytes;
        }
    }

    /// The server's socket has something to read.
    pub(super) fn server_event(&mut self, readiness: Readiness) {
        self.server_readable |= readiness.readable || readiness.error;
        self.server_finished |= readiness.finished || readiness.error;
    }

    /// A reply of the DNS interceptor for this flow.
    pub(super) fn dns_reply(&mut self, message: &[u8]) {
        if let State::Dns(stream) = &mut self.state {
            stream.reply(message);
        }
    }

    /// Moves everything that can move: bytes, verdicts, dials, packets.
    pub(super) fn advance(&mut self, lent: &mut Lent<'_, '_>) -> Fate {
        if self.deadline.is_some_and(|deadline| lent.now >= deadline) {
            self.deadline = None;
            if self.deadline_passed(lent) == Fate::Over {
                return Fate::Over;
            }
        }
        if self.reach(lent) == Fate::Over {
            return Fate::Over;
        }
        match self.state {
            State::Dns(_) => self.serve_dns(lent),
            State::Collecting(_) => self.collect(lent),
            State::Reading { .. } => self.relay_up(lent),
            State::Relaying => {
                self.relay_up(lent);
                self.relay_down(lent);
            }
            _ => {}
        }
        self.settle(lent)
    }

    fn deadline_passed(&mut self, lent: &mut Lent<'_, '_>) -> Fate {
        match std::mem::replace(&mut self.state, State::Ending) {
            State::AwaitingOwner { syn } => return self.begin(lent, &syn),
            State::Reading { condemned: Some(verdict) } => {
                let evidence = self.evidence(None, &[]);
                self.deny(lent, &verdict, evidence);
            }
            State::Collecting(collecting) => self.finish_collecting(lent, &collecting),
            State::Relaying if lent.now < self.last + HALF_OPEN_PATIENCE => {
                // The app still sends.
                self.deadline = Some(self.last + HALF_OPEN_PATIENCE);
                self.state = State::Relaying;
            }
            State::Relaying | State::Dns(_) => self.reset(lent),
            other => self.state = other,
        }
        Fate::Alive
    }

    /// Ends the flow at once, both ways: queued bytes are discarded.
    pub(super) fn reset(&mut self, lent: &mut Lent<'_, '_>) {
        if let State::Held { way: Way::Dialing(dial), .. } | State::Reaching { way: Way::Dialing(dial) } =
            &mut self.state
        {
            dial.abandon(lent.io.sockets);
        }
        if let State::Held { syn, .. } | State::AwaitingOwner { syn } = &self.state {
            let syn = syn.clone();
            refuse_syn(lent, &syn, NetError::Refused);
        }
        if let Some(server) = self.server.take() {
            lent.io.sockets.abort(server);
        }
        if let Some(connection) = &mut self.connection {
            connection.reset();
        }
        self.deadline = None;
        self.state = State::Ending;
    }

    /// Judges the flow again after a consent change. Returns whether it was cut.
    pub(super) fn judge_again(&mut self, lent: &mut Lent<'_, '_>) -> bool {
        if !self.is_undecided_or_allowed() || self.about.judge(lent.core).allow {
            return false;
        }
        self.reset(lent);
        true
    }

    /// Moves bytes from the server to the app.
    fn relay_down(&mut self, lent: &mut Lent<'_, '_>) {
        let (Some(connection), Some(server)) = (&mut self.connection, self.server) else { return };
        while self.server_readable && !self.server_ended && connection.can_send() {
            let sockets = &mut *lent.io.sockets;
            let received = connection.send(|room| match sockets.tcp_receive(server, room) {
                Ok(count) => (count, Ok((count, room.len()))),
                Err(error) => (0, Err(error)),
            });
            match received {
                None => break,
                Some(Ok((0, _))) => {
                    self.server_ended = true;
                    connection.finish();
                    self.deadline = Some(lent.now + HALF_OPEN_PATIENCE);
                }
                Some(Ok((count, room))) => {
                    lent.core.counters.bytes_in += count as u64;
                    (self.last, self.at_rest) = (lent.now, false);
                    // A short read emptied the socket; the next bytes come with an event of their own. Not so the end of the
                    // stream, whose event may have come before these bytes were read.
                    self.server_readable = count == room || self.server_finished;
                }
                Some(Err(NetError::WouldBlock)) => self.server_readable = false,
                Some(Err(_)) => return self.reset(lent),
            }
        }
    }

    /// Hands whole messages to the interceptor and its replies to the app.
    fn serve_dns(&mut self, lent: &mut Lent<'_, '_>) {
        let State::Dns(stream) = &mut self.state else { return };
        let Some(connection) = &mut self.connection else { return };
        stream.pump(connection, lent.now);
        while !stream.cannot_be_dns()
            && let Some(message) = stream.next_message()
        {
            stream.asked();
            let asker = Asker::Tcp { flow: self.id, app: self.about.key.app, server: self.about.key.remote };
            let Core { dns, catalogue, policy, .. } = &mut *lent.core;
            dns.question(lent.now, asker, &self.about.owner, &message, catalogue, policy);
        }
        let Some(connection) = &mut self.connection else { return };
        let State::Dns(stream) = &mut self.state else { return };
        if stream.cannot_be_dns() {
            match stream.first_name() {
                Err(DnsError::Truncated) if !lent.core.is_own_dns(self.about.key.remote.ip()) => {}
                Err(_) => return self.not_dns(lent),
                Ok(name) => {
                    let verdict = judge_question(lent.core.catalogue, &lent.core.policy, name.as_str());
                    if verdict.allow {
                        return self.not_dns(lent);
                    }
                    let bytes_held = name.as_str().len() as u64;
                    return self.deny(lent, &verdict, Evidence { bytes_held, ..Evidence::default() });
                }
            }
        }
        stream.drain(connection, lent.now);
        if connection.app_finished() && stream.is_idle() {
            connection.finish();
        }
        self.deadline = Some(stream.deadline());
    }

    /// A flow to port 53 that does not speak DNS is judged as unknown: by its address and its owner, and its bytes go through
    /// the gate.
    fn not_dns(&mut self, lent: &mut Lent<'_, '_>) {
        if lent.core.is_own_dns(self.about.key.remote.ip()) {
            // Nothing but DNS is spoken there.
            return self.reset(lent);
        }
        let State::Dns(stream) = std::mem::replace(&mut self.state, State::Reading { condemned: None })
        else {
            return;
        };
        self.deadline = None;
        self.gate.take_in(stream.into_taken());
        self.relay_up(lent);
    }

    /// Lets the stack send, sees whether the flow is over, and sets the deadline for half-open ones.
    fn settle(&mut self, lent: &mut Lent<'_, '_>) -> Fate {
        let Some(connection) = &mut self.connection else {
            return if matches!(self.state, State::Ending) { Fate::Over } else { Fate::Alive };
        };
        connection.transmit(lent.stack, lent.now, lent.io.tun);
        if connection.stage() != Stage::Closed {
            return Fate::Alive;
        }
        if !lent.io.tun.has_room() && connection.poll_at(lent.stack, lent.now).is_some() {
            // The reset has yet to go out: without it the app would wait for ever.
            return Fate::Alive;
        }
        let unsent = connection.can_receive() || !self.gate.outbox().is_empty();
        if unsent && self.server.is_some() && matches!(self.state, State::Relaying) {
            // Bytes the server has not taken yet.
            return Fate::Alive;
        }
        // The app is gone. Anything condemned is still worth a line in the log.
        match std::mem::replace(&mut self.state, State::Ending) {
            State::Reading { condemned: Some(verdict) } => {
                let evidence = self.evidence(None, &[]);
                lent.core.attempt(&self.about, &verdict, evidence);
            }
            State::Collecting(collecting) => {
                let evidence = self.evidence(Some(&collecting.request), &collecting.body);
                lent.core.attempt(&self.about, &collecting.verdict, evidence);
            }
            State::Reaching { way: Way::Dialing(mut dial) }
            | State::Held { way: Way::Dialing(mut dial), .. } => {
                dial.abandon(lent.io.sockets);
            }
            _ => {}
        }
        if let Some(server) = self.server.take() {
            if self.server_ended && self.told_server {
                lent.io.sockets.close(server);
            } else {
                lent.io.sockets.abort(server);
            }
        }
        Fate::Over
    }

    /// When the flow wants to be looked at again by itself.
    pub(super) fn poll_at(&self, stack: &mut Stack, now: Instant) -> Option<Instant> {
        let dial = match &self.state {
            State::Held { way: Way::Dialing(dial), .. } | State::Reaching { way: Way::Dialing(dial) } => {
                Some(dial.poll_at())
            }
            _ => None,
        };
        let stack = self.connection.as_ref().and_then(|connection| connection.poll_at(stack, now));
        [dial, stack, self.deadline].into_iter().flatten().min()
    }

    /// Gives back what the flow holds.
    pub(super) fn dismantle(self, lent: &mut Lent<'_, '_>) {
        if matches!(self.about.key.remote.port(), 53) || lent.core.dns.pool().contains(self.about.address) {
            lent.core.dns.cancel_flow(self.id);
        }
        if let Some(connection) = self.connection {
            connection.dismantle(lent.io.buffers);
        }
    }
}

/// Tells the app that its SYN came to nothing, the way a network would.
pub(super) fn refuse_syn(lent: &mut Lent<'_, '_>, syn: &[u8], error: NetError) {
    let packet = &mut lent.core.packet;
    let built = match error {
        NetError::Refused | NetError::Reset | NetError::Limit | NetError::Failed => {
            build::tcp_reset(syn, packet)
        }
        NetError::Unreachable => build::no_route(syn, packet),
        // A network that does not answer does not answer.
        NetError::TimedOut | NetError::WouldBlock | NetError::TooBig { .. } => false,
    };
    if built {
        lent.core.send_packet(lent.io);
    }
}
