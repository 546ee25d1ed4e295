//! UDP: one outside socket for each app endpoint (endpoint-independent mapping, RFC 4787 §4.1), judged for each destination.
mod peer;

use crate::about::About;
use crate::core::{Core, Evidence};
use crate::io::{Family, FlowId, FlowKey, Io, NetError, OwnerAnswer, Readiness, SocketId};
use crate::packet::build;
use crate::timers::Timers;
use consentry_catalogue::Transport;
use consentry_consent::Owner;
use consentry_inspect::dns;
use peer::{Held, LOOKUP_PATIENCE, Peer, Step};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Marks socket identifiers of this module.
pub(crate) const SOCKET_KIND: u64 = 1 << 60;

/// Marks flow identifiers of this module.
pub(crate) const FLOW_KIND: u64 = 1 << 57;

/// How long a mapping outlives its last datagram (RFC 4787 §4.3 asks for two minutes at least).
const IDLE: Duration = Duration::from_mins(2);

/// The same for `IPsec` and STUN, whose clients keep alive at longer intervals.
const IDLE_LONG: Duration = Duration::from_mins(5);

/// How long a destination whose consent was withdrawn stays mute. The socket stays open meanwhile: closing it would make the
/// system answer what still arrives.
const MUTE: Duration = Duration::from_mins(1);

/// Most destinations of one app endpoint; the one heard of longest ago is forgotten first.
const PEERS_MAX: usize = 1024;

/// Most destinations that may wait at a time for an owner, the rest of a hello or a look-up: each may hold up to 64 KiB.
const WAITING_MAX: usize = 512;

/// Datagrams read from one socket before the others get their turn.
const READ_MAX: usize = 64;

/// A datagram from an app.
pub(crate) struct FromApp<'a> {
    /// The app's end.
    pub(crate) app: SocketAddr,
    /// The remote end.
    pub(crate) remote: SocketAddr,
    /// What it says.
    pub(crate) payload: &'a [u8],
    /// Whether it must not be fragmented on its way.
    pub(crate) dont_fragment: bool,
}

struct Mapping {
    app: SocketAddr,
    /// Whether the outside socket is open.
    open: bool,
    last: Instant,
    idle: Duration,
    peers: BTreeMap<SocketAddr, Peer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    /// The mapping may have been idle for long enough.
    Idle(u64),
    /// A destination has been held for long enough.
    Held(FlowId),
}

/// All UDP mappings.
pub(crate) struct UdpFlows {
    mappings: BTreeMap<u64, Mapping>,
    by_app: HashMap<SocketAddr, u64>,
    /// Destinations that wait for something, by the identifier under which it was asked for.
    waiting: HashMap<FlowId, (u64, SocketAddr)>,
    next: u64,
    timers: Timers<Alarm>,
    /// Mappings with datagrams left to read, because the TUN device was full or others had their turn.
    unread: Vec<u64>,
    buffer: Vec<u8>,
}

impl UdpFlows {
    pub(crate) fn new() -> Self {
        Self {
            mappings: BTreeMap::new(),
            by_app: HashMap::new(),
            waiting: HashMap::new(),
            next: 0,
            timers: Timers::new(),
            unread: Vec::new(),
            buffer: vec![0; 65_535],
        }
    }

    /// Mappings alive now.
    pub(crate) fn len(&self) -> usize {
        self.mappings.len()
    }

    /// Takes a datagram from an app.
    pub(crate) fn datagram(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        datagram: &FromApp<'_>,
    ) {
        let FromApp { app, remote, payload, dont_fragment } = *datagram;
        if core.is_own_dns(remote.ip()) {
            return refuse(core, io, app, remote, NetError::Refused);
        }
        if remote.port() == 5353 && !is_local_mdns(payload) {
            // Multicast DNS asks for names on the LAN; any other name has no business there.
            core.counters.packets_dropped += 1;
            return;
        }
        let id = self.mapping(core, io, now, app, remote.port());
        let Some(mapping) = self.mappings.get_mut(&id) else { return };
        mapping.last = now;
        if let Some(peer) = mapping.peers.get_mut(&remote)
            && peer.passes(payload)
        {
            peer.last = now;
            let target = peer.target;
            return self.send(core, io, id, remote, target, payload, dont_fragment);
        }
        let mut peer = mapping.peers.remove(&remote).unwrap_or_else(|| {
            self.next += 1;
            let flow = FlowId(FLOW_KIND | self.next);
            let about = About::new(FlowKey { transport: Transport::Udp, app, remote });
            let mut peer = Peer::new(flow, about, now);
            match io.owners.owner(flow, &peer.about.key) {
                OwnerAnswer::Known(owner) => peer.about.owner = owner,
                OwnerAnswer::Later => peer.await_owner(now),
            }
            peer
        });
        peer.last = now;
        let held = Held { payload: payload.to_vec(), dont_fragment };
        let elsewhere = peer.may_have_moved(Some(payload)) && self.is_known_elsewhere(&peer);
        let step = peer.take(core, now, held, elsewhere);
        self.carry_out(core, io, now, id, peer, step);
    }

    /// Does what a destination's next step says, and keeps or forgets it.
    fn carry_out(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        id: u64,
        mut peer: Peer,
        step: Step,
    ) {
        let remote = peer.about.key.remote;
        let app = peer.about.key.app;
        self.waiting.remove(&peer.flow);
        self.timers.clear(Alarm::Held(peer.flow));
        match step {
            Step::Wait => {}
            Step::LookUp => {
                if let Some(name) = core.sinkhole_name(peer.about.address).map(str::to_owned) {
                    core.dns.resolve(now, peer.flow, &name);
                }
                peer.deadline = Some(now + LOOKUP_PATIENCE);
            }
            Step::Pass(held) => {
                for Held { payload, dont_fragment } in held {
                    self.send(core, io, id, remote, peer.target, &payload, dont_fragment);
                }
            }
            Step::Deny(verdict, bytes_held) => {
                core.attempt(&peer.about, &verdict, Evidence { bytes_held, ..Evidence::default() });
                if core.answers_refusal(remote, now) {
                    refuse(core, io, app, remote, NetError::Refused);
                }
                if peer.is_forgettable(now) {
                    return;
                }
            }
            Step::Refuse => {
                refuse(core, io, app, remote, NetError::Refused);
                return;
            }
        }
        if let Some(deadline) = peer.deadline {
            if self.waiting.len() >= WAITING_MAX {
                // An app that begins so many at once has to begin again.
                core.counters.packets_dropped += 1;
                core.dns.cancel_flow(peer.flow);
                return;
            }
            self.waiting.insert(peer.flow, (id, remote));
            self.timers.set(deadline, Alarm::Held(peer.flow));
        }
        let Some(mapping) = self.mappings.get_mut(&id) else { return };
        mapping.peers.insert(remote, peer);
        if mapping.peers.len() > PEERS_MAX
            && let Some(oldest) =
                mapping.peers.iter().min_by_key(|(_, peer)| peer.last).map(|(remote, _)| *remote)
            && let Some(forgotten) = mapping.peers.remove(&oldest)
        {
            self.wait_no_more(core, forgotten.flow);
        }
    }

    /// Lends a waiting destination to `act`, and carries out the step it returns.
    fn resume(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        flow: FlowId,
        act: impl FnOnce(&mut Peer, &mut Core, bool) -> Step,
    ) {
        let Some((id, remote)) = self.waiting.get(&flow).copied() else { return };
        self.lend(core, io, now, (id, remote), act);
    }

    fn lend(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        (id, remote): (u64, SocketAddr),
        act: impl FnOnce(&mut Peer, &mut Core, bool) -> Step,
    ) {
        let Some(mut peer) = self.mappings.get_mut(&id).and_then(|mapping| mapping.peers.remove(&remote))
        else {
            return;
        };
        let elsewhere = peer.may_have_moved(None) && self.is_known_elsewhere(&peer);
        let step = act(&mut peer, core, elsewhere);
        self.carry_out(core, io, now, id, peer, step);
    }

    /// Brings a flow's owner.
    pub(crate) fn owner_known(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        flow: FlowId,
        owner: Owner,
    ) {
        let place = self.waiting.get(&flow).copied().or_else(|| self.place_of(flow));
        let Some(place) = place else { return };
        self.lend(core, io, now, place, |peer, core, elsewhere| {
            peer.owner_known(core, now, owner, elsewhere)
        });
    }

    /// Where a destination is that no longer waits: looked for only when an owner becomes known late.
    fn place_of(&self, flow: FlowId) -> Option<(u64, SocketAddr)> {
        self.mappings.iter().find_map(|(id, mapping)| {
            let (remote, _) = mapping.peers.iter().find(|(_, peer)| peer.flow == flow)?;
            Some((*id, *remote))
        })
    }

    /// Brings the result of the engine's own look-up.
    pub(crate) fn resolved(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        flow: FlowId,
        addresses: &[IpAddr],
    ) {
        self.resume(core, io, now, flow, |peer, core, _| {
            let port = peer.about.key.remote.port();
            let app_is_v4 = peer.about.key.app.is_ipv4();
            let target = addresses
                .iter()
                .filter(|address| core.has_upstream(**address) && peer.about.judge_at(core, **address).allow)
                // The mapping's socket has the family of the app's endpoint.
                .find(|address| address.is_ipv4() == app_is_v4)
                .map(|address| SocketAddr::new(*address, port));
            peer.resolved(target)
        });
    }

    /// Whether the same app has an allowed QUIC connection to the same remote end under other ports.
    fn is_known_elsewhere(&self, peer: &Peer) -> bool {
        let key = &peer.about.key;
        self.mappings.values().filter(|mapping| mapping.app.ip() == key.app.ip()).any(|mapping| {
            mapping
                .peers
                .get(&key.remote)
                .is_some_and(|other| other.is_allowed_quic() && other.about.owner == peer.about.owner)
        })
    }

    fn mapping(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, app: SocketAddr, port: u16) -> u64 {
        if let Some(id) = self.by_app.get(&app) {
            return *id;
        }
        if self.mappings.len() >= core.config.max_udp_mappings {
            let oldest = self.mappings.iter().min_by_key(|(_, mapping)| mapping.last).map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                core.counters.evicted += 1;
                self.forget(core, io, oldest);
            }
        }
        let id = self.next;
        self.next += 1;
        let idle = if matches!(port, 500 | 4500 | 3478) { IDLE_LONG } else { IDLE };
        self.mappings.insert(id, Mapping { app, open: false, last: now, idle, peers: BTreeMap::new() });
        self.by_app.insert(app, id);
        self.timers.set(now + idle, Alarm::Idle(id));
        core.counters.udp_mappings += 1;
        id
    }

    fn forget(&mut self, core: &mut Core, io: &mut Io<'_>, id: u64) {
        let Some(mapping) = self.mappings.remove(&id) else { return };
        self.by_app.remove(&mapping.app);
        self.timers.clear(Alarm::Idle(id));
        for peer in mapping.peers.values() {
            self.wait_no_more(core, peer.flow);
        }
        if mapping.open {
            io.sockets.close(SocketId(SOCKET_KIND | id));
        }
    }

    fn wait_no_more(&mut self, core: &mut Core, flow: FlowId) {
        if self.waiting.remove(&flow).is_some() {
            self.timers.clear(Alarm::Held(flow));
            core.dns.cancel_flow(flow);
        }
    }

    /// An identifier for a flow of this module's.
    pub(crate) fn next_flow(&mut self) -> FlowId {
        self.next += 1;
        FlowId(FLOW_KIND | self.next)
    }

    fn send(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        id: u64,
        remote: SocketAddr,
        target: SocketAddr,
        payload: &[u8],
        dont_fragment: bool,
    ) {
        let Some(mapping) = self.mappings.get_mut(&id) else { return };
        let app = mapping.app;
        if !core.has_upstream(target.ip()) {
            return refuse(core, io, app, remote, NetError::Unreachable);
        }
        let socket = SocketId(SOCKET_KIND | id);
        if !mapping.open {
            if let Err(error) = io.sockets.udp_open(socket, Family::of(target.ip())) {
                core.counters.exhausted += 1;
                return refuse(core, io, app, remote, error);
            }
            mapping.open = true;
        }
        match io.sockets.udp_send(socket, target, payload, dont_fragment) {
            Ok(()) => core.counters.bytes_out += payload.len() as u64,
            // UDP may lose datagrams: there is nothing to wait for.
            Err(NetError::WouldBlock) => {}
            Err(error) => refuse(core, io, app, remote, error),
        }
    }

    /// Takes the event of one of our sockets.
    pub(crate) fn socket_event(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        socket: SocketId,
        readiness: Readiness,
    ) {
        let id = socket.0 & !SOCKET_KIND;
        if readiness.error {
            self.read_errors(core, io, id);
        }
        if readiness.readable {
            self.read(core, io, now, id);
        }
    }

    fn read_errors(&mut self, core: &mut Core, io: &mut Io<'_>, id: u64) {
        let Some(mapping) = self.mappings.get(&id) else { return };
        while let Some(failure) = io.sockets.udp_error(SocketId(SOCKET_KIND | id)) {
            let remote = mapping.as_seen_by_app(failure.to);
            refuse(core, io, mapping.app, remote, failure.error);
        }
    }

    fn read(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, id: u64) {
        let Some(mapping) = self.mappings.get_mut(&id).filter(|mapping| mapping.open) else { return };
        for _ in 0..READ_MAX {
            if !io.tun.has_room() {
                break;
            }
            match io.sockets.udp_receive(SocketId(SOCKET_KIND | id), &mut self.buffer) {
                Ok(received) => {
                    mapping.last = now;
                    let from = mapping.as_seen_by_app(received.from);
                    let lets = if let Some(peer) = mapping.peers.get_mut(&from) {
                        peer.last = now;
                        peer.hears()
                    } else {
                        // Anyone may answer (RFC 4787 §5), but nobody whom the app may not speak to.
                        let key = FlowKey { transport: Transport::Udp, app: mapping.app, remote: from };
                        let owner = mapping.peers.values().next().map(|peer| peer.about.owner.clone());
                        let owner = owner.unwrap_or(Owner::Unknown);
                        About { owner, ..About::new(key) }.judge(core).allow
                    };
                    if lets {
                        core.counters.bytes_in += received.len as u64;
                        let payload = &self.buffer[..received.len];
                        if build::udp(from, mapping.app, payload, &mut core.packet).is_ok() {
                            core.send_packet(io);
                        }
                    }
                }
                Err(NetError::WouldBlock) => return,
                Err(_) => {
                    // An ICMP error that belongs to an earlier datagram; the error queue tells which.
                    return self.read_errors(core, io, id);
                }
            }
        }
        self.unread.push(id);
    }

    /// Goes on with the sockets that were left with something to read.
    pub(crate) fn flush(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant) {
        if !io.tun.has_room() {
            return;
        }
        for id in std::mem::take(&mut self.unread) {
            self.read(core, io, now, id);
        }
    }

    /// Does what has become due.
    pub(crate) fn handle_timeout(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant) {
        while let Some(alarm) = self.timers.pop_due(now) {
            match alarm {
                Alarm::Held(flow) => {
                    self.resume(core, io, now, flow, |peer, core, elsewhere| peer.late(core, now, elsewhere));
                }
                Alarm::Idle(id) => {
                    let Some(mapping) = self.mappings.get(&id) else { continue };
                    let due = mapping.last + mapping.idle;
                    if due <= now {
                        self.forget(core, io, id);
                    } else {
                        self.timers.set(due, Alarm::Idle(id));
                    }
                }
            }
        }
    }

    /// When [`UdpFlows::handle_timeout`] is wanted.
    pub(crate) fn poll_at(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Judges every destination again; those no longer allowed go mute.
    pub(crate) fn judge_again(&mut self, core: &mut Core, now: Instant) {
        for mapping in self.mappings.values_mut() {
            for peer in mapping.peers.values_mut() {
                core.counters.cut += u64::from(peer.judge_again(core, now));
            }
        }
    }

    /// Forgets every mapping: the network they ran over is gone.
    pub(crate) fn reset_all(&mut self, core: &mut Core, io: &mut Io<'_>) {
        for id in self.mappings.keys().copied().collect::<Vec<_>>() {
            self.forget(core, io, id);
        }
    }
}

impl Mapping {
    /// The address the app knows a sender by: the sinkhole address, if it was reached through one.
    fn as_seen_by_app(&self, sender: SocketAddr) -> SocketAddr {
        if self.peers.contains_key(&sender) {
            return sender;
        }
        self.peers.values().find(|peer| peer.target == sender).map_or(sender, |peer| peer.about.key.remote)
    }
}

/// Tells the app with an ICMP error what became of its datagram.
fn refuse(core: &mut Core, io: &mut Io<'_>, app: SocketAddr, remote: SocketAddr, error: NetError) {
    // The error quotes the beginning of a datagram from these ports to those; what it said does not matter.
    let mut quoted = Vec::new();
    if build::udp(app, remote, &[], &mut quoted).is_err() {
        return;
    }
    let built = match error {
        NetError::Refused => build::port_unreachable(&quoted, &mut core.packet),
        NetError::TooBig { mtu } => build::packet_too_big(&quoted, mtu, &mut core.packet),
        NetError::Unreachable => build::no_route(&quoted, &mut core.packet),
        // A network that loses a datagram says nothing.
        _ => return,
    };
    if built {
        core.send_packet(io);
    }
}

/// Whether a multicast DNS message asks only for names that belong to the LAN (RFC 6762 §3), or does not ask at all.
fn is_local_mdns(payload: &[u8]) -> bool {
    dns::parse(payload).is_ok_and(|message| {
        message.response
            || message.questions.iter().all(|question| {
                let name = question.name.as_str();
                let under = |zone: &str| {
                    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                };
                under("local") || under("254.169.in-addr.arpa") || under("ip6.arpa")
            })
    })
}
