//! TCP: every connection of the phone ends here, and is made anew towards the server once it is allowed.
mod dial;
mod dns_stream;
mod flow;
mod gate;
mod hearing;
mod reaching;
mod received;
mod rest;
mod stack;

use crate::about::About;
use crate::core::Core;
use crate::io::{FlowId, FlowKey, Io, OwnerAnswer, Readiness, SocketId};
use crate::packet::build;
use crate::timers::Timers;
use consentry_catalogue::Transport;
use consentry_consent::Owner;
use flow::{Fate, Flow, Lent};
use rest::Rest;
use stack::Stack;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Bits of a [`FlowId`] that name the slot; the rest counts the slot's tenants.
const SLOT_BITS: u32 = 20;

/// Sockets of one flow are numbered within this many bits: one for each address dialled.
const SOCKET_BITS: u32 = 4;

/// The identifier of the `serial`th socket that a flow opens, counting from 1.
fn socket_id(flow: FlowId, serial: u64) -> SocketId {
    SocketId((flow.0 << SOCKET_BITS) | (serial & ((1 << SOCKET_BITS) - 1)))
}

fn slot(flow: FlowId) -> usize {
    (flow.0 & ((1 << SLOT_BITS) - 1)) as usize
}

/// A TCP segment, as far as the table looks at it.
pub(crate) struct Segment<'a> {
    /// The app's end.
    pub(crate) app: SocketAddr,
    /// The remote end.
    pub(crate) remote: SocketAddr,
    /// Whether it opens a connection.
    pub(crate) opens: bool,
    /// Whether it is a reset.
    pub(crate) resets: bool,
    /// The whole IP packet without extension headers.
    pub(crate) packet: &'a [u8],
}

/// All TCP flows.
pub(crate) struct TcpFlows {
    stack: Stack,
    slots: Vec<Option<Box<Flow>>>,
    free: Vec<usize>,
    tenants: Vec<u64>,
    by_ends: HashMap<(SocketAddr, SocketAddr), FlowId>,
    touched: Vec<FlowId>,
    /// Flows that could not send because the TUN device was full.
    stalled: Vec<FlowId>,
    timers: Timers<FlowId>,
    rest: Rest,
}

impl TcpFlows {
    pub(crate) fn new(seed: u64, tun_mtu: usize, now: Instant) -> Self {
        Self {
            stack: Stack::new(seed, tun_mtu, now),
            slots: Vec::new(),
            free: Vec::new(),
            tenants: Vec::new(),
            by_ends: HashMap::new(),
            touched: Vec::new(),
            stalled: Vec::new(),
            timers: Timers::new(),
            rest: Rest::default(),
        }
    }

    /// Flows alive now.
    pub(crate) fn len(&self) -> usize {
        self.by_ends.len()
    }

    /// Packets that connections have sent to apps so far.
    pub(crate) fn packets_sent(&self) -> u64 {
        self.stack.sent()
    }

    /// Takes a segment from an app.
    pub(crate) fn segment(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, segment: &Segment<'_>) {
        if let Some(id) = self.by_ends.get(&(segment.app, segment.remote)).copied() {
            if let Some(flow) = self.slots[slot(id)].as_mut() {
                flow.packet(&mut Lent { core, stack: &mut self.stack, io, now }, segment.packet);
            }
            self.touch(id);
            return;
        }
        if segment.opens {
            self.open(core, io, now, segment);
        } else if !segment.resets && build::tcp_reset(segment.packet, &mut core.packet) {
            // A connection that nobody knows (any more): the app is told at once.
            core.send_packet(io);
        }
    }

    fn open(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, segment: &Segment<'_>) {
        if self.len() >= core.config.max_tcp_flows.min(1 << SLOT_BITS) {
            self.evict(core, io, now);
        }
        let key = FlowKey { transport: Transport::Tcp, app: segment.app, remote: segment.remote };
        let id = self.enter(key, now);
        core.counters.tcp_flows += 1;
        let Some(mut flow) = self.slots[slot(id)].take() else { return };
        let answer = io.owners.owner(id, &key);
        let mut lent = Lent { core, stack: &mut self.stack, io, now };
        let fate = match answer {
            OwnerAnswer::Known(owner) => {
                flow.about.owner = owner;
                flow.begin(&mut lent, segment.packet)
            }
            OwnerAnswer::Later => {
                flow.await_owner(now, segment.packet);
                Fate::Alive
            }
        };
        self.put_back(core, io, now, flow, fate);
        self.touch(id);
    }

    fn enter(&mut self, key: FlowKey, now: Instant) -> FlowId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.tenants.push(0);
            self.slots.len() - 1
        });
        self.tenants[slot] += 1;
        let id = FlowId((self.tenants[slot] << SLOT_BITS) | slot as u64);
        self.slots[slot] = Some(Box::new(Flow::new(id, About::new(key), now)));
        self.by_ends.insert((key.app, key.remote), id);
        id
    }

    /// Makes room: resets the flows that have been idle longest, a few at once so that the search is paid for seldom.
    fn evict(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant) {
        let mut idle: Vec<(Instant, FlowId)> =
            self.slots.iter().flatten().map(|flow| (flow.last, flow.id)).collect();
        let share = (idle.len() / 64).clamp(1, idle.len().max(1));
        if idle.len() > share {
            idle.select_nth_unstable(share - 1);
        }
        for (_, id) in idle.into_iter().take(share) {
            core.counters.evicted += 1;
            self.reset(core, io, now, id);
        }
    }

    fn reset(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, id: FlowId) {
        self.with(core, io, now, id, |flow, lent| {
            flow.reset(lent);
            flow.advance(lent)
        });
        // Its reset may have found no room in the TUN device.
        self.touch(id);
    }

    /// Lends a flow and what it needs to `act`, and buries it if that ends it.
    fn with(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        id: FlowId,
        act: impl FnOnce(&mut Flow, &mut Lent<'_, '_>) -> Fate,
    ) {
        let Some(mut flow) = self.slots.get_mut(slot(id)).and_then(Option::take) else { return };
        if flow.id != id {
            self.slots[slot(id)] = Some(flow);
            return;
        }
        let fate = act(&mut flow, &mut Lent { core, stack: &mut self.stack, io, now });
        self.put_back(core, io, now, flow, fate);
    }

    fn put_back(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, flow: Box<Flow>, fate: Fate) {
        let id = flow.id;
        if fate == Fate::Alive {
            self.slots[slot(id)] = Some(flow);
            return;
        }
        self.by_ends.remove(&(flow.about.key.app, flow.about.key.remote));
        self.timers.clear(id);
        self.free.push(slot(id));
        flow.dismantle(&mut Lent { core, stack: &mut self.stack, io, now });
    }

    fn touch(&mut self, id: FlowId) {
        if let Some(flow) = self.slots.get_mut(slot(id)).and_then(Option::as_mut)
            && flow.id == id
            && !flow.touched
        {
            flow.touched = true;
            self.touched.push(id);
        }
    }

    /// Takes the event of a socket that [`socket_id`] named.
    pub(crate) fn socket_event(&mut self, socket: SocketId, readiness: Readiness) {
        let id = FlowId(socket.0 >> SOCKET_BITS);
        if let Some(flow) = self.slots.get_mut(slot(id)).and_then(Option::as_mut)
            && flow.id == id
        {
            flow.server_event(readiness);
            self.touch(id);
        }
    }

    /// Brings a flow's owner.
    pub(crate) fn owner_known(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        id: FlowId,
        owner: Owner,
    ) {
        self.with(core, io, now, id, |flow, lent| flow.owner_known(lent, owner));
        self.touch(id);
    }

    /// Brings the result of the engine's own look-up.
    pub(crate) fn resolved(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        id: FlowId,
        addresses: &[IpAddr],
    ) {
        self.with(core, io, now, id, |flow, lent| {
            flow.resolved(lent, addresses);
            Fate::Alive
        });
        self.touch(id);
    }

    /// Brings a reply for a flow that speaks DNS.
    pub(crate) fn dns_reply(&mut self, id: FlowId, message: &[u8]) {
        if let Some(flow) = self.slots.get_mut(slot(id)).and_then(Option::as_mut)
            && flow.id == id
        {
            flow.dns_reply(message);
            self.touch(id);
        }
    }

    /// Judges every flow again and cuts those that are no longer allowed.
    pub(crate) fn judge_again(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant) {
        for id in self.ids() {
            let mut cut = false;
            self.with(core, io, now, id, |flow, lent| {
                cut = flow.judge_again(lent);
                if cut { flow.advance(lent) } else { Fate::Alive }
            });
            if cut {
                self.touch(id);
            }
            core.counters.cut += u64::from(cut);
        }
    }

    /// Resets every flow: the network they ran over is gone.
    pub(crate) fn reset_all(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant) {
        for id in self.ids() {
            self.reset(core, io, now, id);
        }
    }

    fn ids(&self) -> Vec<FlowId> {
        self.slots.iter().flatten().map(|flow| flow.id).collect()
    }

    /// Lets the flows whose time has come be looked at in the next [`TcpFlows::flush`], and those that are quiet rest.
    pub(crate) fn handle_timeout(&mut self, io: &mut Io<'_>, now: Instant) {
        self.rest.handle_timeout(self.slots.iter_mut().flatten(), io.buffers, now);
        while let Some(id) = self.timers.pop_due(now) {
            if let Some(flow) = self.slots.get_mut(slot(id)).and_then(Option::as_mut)
                && flow.id == id
            {
                flow.alarm = None;
                self.touch(id);
            }
        }
    }

    /// The TUN device has room again: flows that waited for it are looked at.
    pub(crate) fn tun_writable(&mut self) {
        for id in std::mem::take(&mut self.stalled) {
            if let Some(flow) = self.slots.get_mut(slot(id)).and_then(Option::as_mut)
                && flow.id == id
            {
                flow.stalled = false;
            }
            self.touch(id);
        }
    }

    /// When [`TcpFlows::handle_timeout`] is wanted.
    pub(crate) fn poll_at(&self) -> Option<Instant> {
        [self.timers.next(), self.rest.poll_at()].into_iter().flatten().min()
    }

    /// Moves bytes for every flow touched since the last call.
    pub(crate) fn flush(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant) {
        let mut touched = std::mem::take(&mut self.touched);
        let mut moved = false;
        for id in touched.drain(..) {
            self.with(core, io, now, id, |flow, lent| {
                flow.touched = false;
                let fate = flow.advance(lent);
                moved |= !flow.at_rest;
                fate
            });
            self.rearm(io, now, id);
        }
        // Keep the allocation, and whatever was touched meanwhile.
        touched.append(&mut self.touched);
        self.touched = touched;
        if moved {
            self.rest.disturbed(now);
        }
    }

    fn rearm(&mut self, io: &Io<'_>, now: Instant, id: FlowId) {
        let Some(flow) = self.slots.get_mut(slot(id)).and_then(Option::as_mut).filter(|flow| flow.id == id)
        else {
            return;
        };
        if !io.tun.has_room() {
            // Whatever the stack wants to send has to wait: no timer can help.
            if !flow.stalled {
                flow.stalled = true;
                self.stalled.push(id);
            }
            return;
        }
        let due = flow.poll_at(&mut self.stack, now);
        match (due, flow.alarm) {
            // An alarm that fires too early finds nothing to do; moving it for every packet would cost more.
            (Some(due), Some(alarm)) if alarm <= due => {}
            (Some(due), _) => {
                flow.alarm = Some(due);
                self.timers.set(due, id);
            }
            (None, Some(_)) => {
                flow.alarm = None;
                self.timers.clear(id);
            }
            (None, None) => {}
        }
    }
}
