//! Ping: ICMP and `ICMPv6` echo requests, relayed over ping sockets.
use crate::about::About;
use crate::core::{Core, Evidence};
use crate::io::{Family, FlowKey, Io, NetError, SocketId};
use crate::packet::build;
use crate::timers::Timers;
use consentry_catalogue::Transport;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Marks socket identifiers of this module.
pub(crate) const SOCKET_KIND: u64 = 2 << 60;

/// How long a ping socket outlives its last request (RFC 5508 §3.2 asks for a minute at least).
const IDLE: Duration = Duration::from_mins(1);

/// Most pinging processes at one time; the one quiet for longest goes first.
const PINGERS_MAX: usize = 256;

/// Replies read from one socket for one event.
const READ_MAX: usize = 64;

/// One pinging process: its address and the identifier it put into its requests.
type Pinger = (IpAddr, u16);

struct Session {
    pinger: Pinger,
    last: Instant,
}

/// All ping sockets.
pub(crate) struct EchoFlows {
    sessions: BTreeMap<u64, Session>,
    by_pinger: BTreeMap<Pinger, u64>,
    next: u64,
    timers: Timers<u64>,
    buffer: Vec<u8>,
}

impl EchoFlows {
    pub(crate) fn new() -> Self {
        Self {
            sessions: BTreeMap::new(),
            by_pinger: BTreeMap::new(),
            next: 0,
            timers: Timers::new(),
            buffer: vec![0; 65_535],
        }
    }

    /// Takes an echo request: `message` from its ICMP type byte on, `packet` the whole of it.
    pub(crate) fn request(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        (src, dst): (IpAddr, IpAddr),
        ident: u16,
        message: &[u8],
        packet: &[u8],
    ) {
        core.counters.echo_requests += 1;
        let key = FlowKey {
            transport: Transport::Icmp,
            app: SocketAddr::new(src, 0),
            remote: SocketAddr::new(dst, 0),
        };
        let about = About { first_bytes_seen: true, ..About::new(key) };
        let verdict = about.judge(core);
        if !verdict.allow {
            core.attempt(
                &about,
                &verdict,
                Evidence { bytes_held: message.len() as u64, ..Evidence::default() },
            );
            return unreachable(core, io, packet);
        }
        // A sinkhole address stands for a name, not for a host that could be pinged.
        if core.dns.pool().contains(about.address) || core.is_own_dns(dst) || !core.has_upstream(dst) {
            return unreachable(core, io, packet);
        }
        let Some(id) = self.session(core, io, now, (src, ident)) else {
            return unreachable(core, io, packet);
        };
        match io.sockets.ping_send(SocketId(SOCKET_KIND | id), dst, message) {
            Ok(()) => core.counters.bytes_out += message.len() as u64,
            Err(NetError::WouldBlock) => {}
            Err(_) => unreachable(core, io, packet),
        }
    }

    fn session(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, pinger: Pinger) -> Option<u64> {
        if let Some(id) = self.by_pinger.get(&pinger) {
            if let Some(session) = self.sessions.get_mut(id) {
                session.last = now;
            }
            return Some(*id);
        }
        if self.sessions.len() >= PINGERS_MAX {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.last).map(|(id, _)| *id)?;
            core.counters.evicted += 1;
            self.forget(io, oldest);
        }
        let id = self.next;
        self.next += 1;
        if io.sockets.ping_open(SocketId(SOCKET_KIND | id), Family::of(pinger.0)).is_err() {
            core.counters.exhausted += 1;
            return None;
        }
        self.sessions.insert(id, Session { pinger, last: now });
        self.by_pinger.insert(pinger, id);
        self.timers.set(now + IDLE, id);
        Some(id)
    }

    fn forget(&mut self, io: &mut Io<'_>, id: u64) {
        if let Some(session) = self.sessions.remove(&id) {
            self.by_pinger.remove(&session.pinger);
            self.timers.clear(id);
            io.sockets.close(SocketId(SOCKET_KIND | id));
        }
    }

    /// Takes the event of one of our sockets.
    pub(crate) fn socket_event(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, socket: SocketId) {
        let id = socket.0 & !SOCKET_KIND;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.last = now;
        let (address, ident) = session.pinger;
        for _ in 0..READ_MAX {
            let Ok(received) = io.sockets.ping_receive(socket, &mut self.buffer) else { return };
            core.counters.bytes_in += received.len as u64;
            let message = &self.buffer[..received.len];
            if build::echo_reply(received.from.ip(), address, ident, message, &mut core.packet).is_ok() {
                core.send_packet(io);
            }
        }
    }

    /// Closes the sockets of those that have stopped pinging.
    pub(crate) fn handle_timeout(&mut self, io: &mut Io<'_>, now: Instant) {
        while let Some(id) = self.timers.pop_due(now) {
            let Some(session) = self.sessions.get(&id) else { continue };
            let due = session.last + IDLE;
            if due <= now {
                self.forget(io, id);
            } else {
                self.timers.set(due, id);
            }
        }
    }

    /// When [`EchoFlows::handle_timeout`] is wanted.
    pub(crate) fn poll_at(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Closes every socket: the network they used is gone.
    pub(crate) fn reset_all(&mut self, io: &mut Io<'_>) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.forget(io, id);
        }
    }
}

fn unreachable(core: &mut Core, io: &mut Io<'_>, packet: &[u8]) {
    if build::no_route(packet, &mut core.packet) {
        core.send_packet(io);
    }
}
