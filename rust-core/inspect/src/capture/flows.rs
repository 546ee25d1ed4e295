//! Packets to flows: who talks with whom, and what each side says, in order.

use super::Timestamp;
use super::fragments::Fragments;
use super::packet::{Packet, Payload, TcpHeader, Transport};
use super::stream::{Piece, Stream};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The side that began the flow: the phone.
    Out,
    /// The side that answers.
    In,
}

/// The two ends of a flow. Echo flows have port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// TCP, UDP or ICMP.
    pub transport: Transport,
    /// The side that began the flow, as far as the capture shows.
    pub client: SocketAddr,
    /// The side that answers.
    pub server: SocketAddr,
}

/// Whether an [`Observer`] wants to hear more of one direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Go on.
    More,
    /// Enough: [`Observer::stream`] is not called for this direction again.
    Enough,
}

/// Hears what the flows of a capture say. Each flow has a state of the observer's choosing.
pub trait Observer {
    /// What the observer keeps for each flow that is open.
    type State;

    /// A flow's first packet was seen. Flows are numbered from 1 in the order of their first packets.
    fn opened(&mut self, flow: u64, endpoints: &Endpoints, time: Timestamp) -> Self::State;

    /// A packet of a flow was seen, with so many bytes of payload on the wire. Called before the payload is handed on.
    fn packet(&mut self, state: &mut Self::State, direction: Direction, payload: u64, time: Timestamp);

    /// The next piece of a TCP stream, in order.
    fn stream(&mut self, state: &mut Self::State, direction: Direction, piece: Piece<'_>) -> Interest;

    /// A UDP datagram. `missing`: bytes at its end that were not captured.
    fn datagram(&mut self, state: &mut Self::State, direction: Direction, bytes: &[u8], missing: u32);

    /// The flow is over, or the capture is.
    fn closed(&mut self, state: Self::State);
}

/// Flows that are remembered at one time. At the limit, the eighth that has been idle longest is closed.
const MOST_FLOWS: usize = 32_768;
/// Bytes of segments that wait for an earlier one, over all flows.
const MOST_PENDING_BYTES: usize = 64 << 20;
/// A UDP or echo exchange that was silent for so long (in nanoseconds) is over; the next packet begins another.
const DATAGRAM_IDLE: u64 = 300_000_000_000;

/// A flow's two ends, the lower first, so that both directions find the same entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    transport: Transport,
    low: SocketAddr,
    high: SocketAddr,
    /// Identifier of an echo flow, 0 otherwise.
    identifier: u16,
}

struct Flow<S> {
    number: u64,
    client: SocketAddr,
    last_seen: Timestamp,
    last_packet: u64,
    /// `None` once the flow is over: stragglers of a closed connection do not open another.
    state: Option<S>,
    tcp: Option<Box<Tcp>>,
}

#[derive(Default)]
struct Tcp {
    /// Sequence number of the client's SYN.
    first_syn: Option<u32>,
    out: Stream,
    back: Stream,
    /// Sequence number of each side's FIN.
    out_end: Option<u32>,
    back_end: Option<u32>,
}

/// Puts the packets of a capture together into flows and tells an [`Observer`] about them.
///
/// Memory is bounded by constants, whatever the capture holds: flows, bytes waiting for a lost segment, fragments.
pub struct Flows<O: Observer> {
    observer: O,
    known: HashMap<Key, Flow<O::State>>,
    fragments: Fragments,
    opened: u64,
    packets: u64,
    pending_bytes: usize,
    limit: usize,
}

impl<O: Observer> Flows<O> {
    /// No flows yet.
    pub fn new(observer: O) -> Self {
        Self {
            observer,
            known: HashMap::new(),
            fragments: Fragments::default(),
            opened: 0,
            packets: 0,
            pending_bytes: 0,
            limit: MOST_FLOWS,
        }
    }

    /// The same with another limit on flows, for tests.
    #[cfg(test)]
    pub(super) fn with_limit(observer: O, limit: usize) -> Self {
        Self { limit, ..Self::new(observer) }
    }

    /// Takes one IP packet. Returns whether it could be read.
    pub fn packet(&mut self, time: Timestamp, ip: &[u8]) -> bool {
        let Some(packet) = Packet::parse(ip) else { return false };
        let Payload::Fragment(part) = &packet.payload else {
            self.whole_packet(time, &packet);
            return true;
        };
        let whole = self.fragments.add(time, packet.source, packet.destination, part);
        if let Some((protocol, bytes)) = whole {
            let packet = Packet::reassembled(packet.source, packet.destination, protocol, &bytes);
            let Some(packet) = packet else { return false };
            self.whole_packet(time, &packet);
        }
        true
    }

    /// What was said so far by the observer's own account.
    pub fn observer(&mut self) -> &mut O {
        &mut self.observer
    }

    /// The capture is over: closes every open flow, in the order they were opened, and gives the observer back.
    pub fn finish(mut self) -> O {
        let mut keys: Vec<(u64, Key)> = self.known.iter().map(|(key, flow)| (flow.number, *key)).collect();
        keys.sort_unstable_by_key(|(number, _)| *number);
        for (_, key) in keys {
            self.close(&key);
            self.known.remove(&key);
        }
        self.observer
    }

    fn whole_packet(&mut self, time: Timestamp, packet: &Packet<'_>) {
        self.packets += 1;
        let at = |port_from, port_to| {
            (SocketAddr::new(packet.source, port_from), SocketAddr::new(packet.destination, port_to))
        };
        match packet.payload {
            Payload::Tcp { header, bytes, missing } => {
                let (from, to) = at(header.source_port, header.destination_port);
                self.segment(time, from, to, header, bytes, missing);
            }
            Payload::Udp { source_port, destination_port, bytes, missing } => {
                let (from, to) = at(source_port, destination_port);
                let key = Key::new(Transport::Udp, from, to, 0);
                self.close_if_idle(&key, time);
                let client = likely_client(from, to);
                self.open(key, client, time);
                let Some(flow) = self.known.get_mut(&key) else { return };
                let direction = flow.seen(from, time, self.packets);
                let Some(state) = &mut flow.state else { return };
                let length = bytes.len() as u64 + u64::from(missing);
                self.observer.packet(state, direction, length, time);
                self.observer.datagram(state, direction, bytes, missing);
            }
            Payload::Echo { request, identifier, length } => {
                let (from, to) = at(0, 0);
                let key = Key::new(Transport::Icmp, from, to, identifier);
                self.close_if_idle(&key, time);
                self.open(key, if request { from } else { to }, time);
                let Some(flow) = self.known.get_mut(&key) else { return };
                let direction = flow.seen(from, time, self.packets);
                if let Some(state) = &mut flow.state {
                    self.observer.packet(state, direction, u64::from(length), time);
                }
            }
            Payload::Fragment(_) | Payload::Other(_) => {}
        }
    }

    fn segment(
        &mut self,
        time: Timestamp,
        from: SocketAddr,
        to: SocketAddr,
        header: TcpHeader,
        bytes: &[u8],
        missing: u32,
    ) {
        let key = Key::new(Transport::Tcp, from, to, 0);
        let client = match (header.syn, header.ack) {
            (true, false) => from,
            (true, true) => to,
            _ => likely_client(from, to),
        };
        if header.syn && !header.ack {
            let is_another = |flow: &Flow<O::State>| {
                let known = flow.tcp.as_ref().and_then(|tcp| tcp.first_syn);
                known != Some(header.sequence) && (flow.client == from || flow.state.is_none())
            };
            if self.known.get(&key).is_some_and(is_another) {
                self.close(&key);
                self.known.remove(&key);
            }
        }
        self.open(key, client, time);
        let Self { observer, known, packets, pending_bytes, .. } = self;
        let Some(flow) = known.get_mut(&key) else { return };
        let direction = flow.seen(from, time, *packets);
        let Some(state) = &mut flow.state else { return };
        let tcp = flow.tcp.get_or_insert_default();
        observer.packet(state, direction, bytes.len() as u64 + u64::from(missing), time);

        let (stream, other) = match direction {
            Direction::Out => (&mut tcp.out, &mut tcp.back),
            Direction::In => (&mut tcp.back, &mut tcp.out),
        };
        let before = stream.pending_bytes();
        let sequence = if header.syn {
            if direction == Direction::Out && !header.ack {
                tcp.first_syn = Some(header.sequence);
            } else if direction == Direction::In && header.ack {
                tcp.first_syn.get_or_insert(header.acknowledgement.wrapping_sub(1));
            }
            header.sequence.wrapping_add(1)
        } else {
            header.sequence
        };
        stream.starts_at(sequence);
        if header.ack && !other.is_placed() {
            // What is acknowledged was sent before the capture began, or is a SYN that it missed.
            other.starts_at(header.acknowledgement);
        }
        let mut interest = Interest::More;
        let mut sink = |piece: Piece<'_>| {
            if interest == Interest::More {
                interest = observer.stream(state, direction, piece);
            }
        };
        stream.segment(sequence, bytes, missing, &mut sink);
        if *pending_bytes + stream.pending_bytes() - before > MOST_PENDING_BYTES {
            stream.flush(&mut sink);
        }
        if interest == Interest::Enough {
            stream.stop();
        }
        *pending_bytes = *pending_bytes + stream.pending_bytes() - before;

        if header.fin {
            let end = sequence.wrapping_add(bytes.len() as u32).wrapping_add(missing);
            match direction {
                Direction::Out => tcp.out_end = Some(end),
                Direction::In => tcp.back_end = Some(end),
            }
        }
        // Segments may still come late: the connection is over when nothing before its ends is awaited.
        let is_complete = |stream: &Stream, end: Option<u32>| end.is_some_and(|end| stream.has_reached(end));
        if header.rst || (is_complete(&tcp.out, tcp.out_end) && is_complete(&tcp.back, tcp.back_end)) {
            self.close(&key);
        }
    }

    /// Opens a flow unless it is known.
    fn open(&mut self, key: Key, client: SocketAddr, time: Timestamp) {
        if self.known.len() >= self.limit && !self.known.contains_key(&key) {
            self.evict();
        }
        if let Entry::Vacant(entry) = self.known.entry(key) {
            self.opened += 1;
            let server = if client == key.low { key.high } else { key.low };
            let endpoints = Endpoints { transport: key.transport, client, server };
            let state = self.observer.opened(self.opened, &endpoints, time);
            entry.insert(Flow {
                number: self.opened,
                client,
                last_seen: time,
                last_packet: self.packets,
                state: Some(state),
                tcp: None,
            });
        }
    }

    fn close_if_idle(&mut self, key: &Key, now: Timestamp) {
        if self.known.get(key).is_some_and(|flow| now.since(flow.last_seen) > DATAGRAM_IDLE) {
            self.close(key);
            self.known.remove(key);
        }
    }

    /// Tells the observer what is still held, and that the flow is over. The entry stays, for stragglers.
    fn close(&mut self, key: &Key) {
        let Self { observer, known, pending_bytes, .. } = self;
        let Some(flow) = known.get_mut(key) else { return };
        let Some(mut state) = flow.state.take() else { return };
        if let Some(tcp) = &mut flow.tcp {
            for (direction, stream) in [(Direction::Out, &mut tcp.out), (Direction::In, &mut tcp.back)] {
                *pending_bytes -= stream.pending_bytes();
                let mut interest = Interest::More;
                stream.flush(&mut |piece| {
                    if interest == Interest::More {
                        interest = observer.stream(&mut state, direction, piece);
                    }
                });
                stream.stop();
            }
        }
        observer.closed(state);
    }

    /// Makes room: flows that are over go first, then those that have been idle longest.
    fn evict(&mut self) {
        let mut order: Vec<(bool, u64, Key)> =
            self.known.iter().map(|(key, flow)| (flow.state.is_some(), flow.last_packet, *key)).collect();
        order.sort_unstable_by_key(|(open, last_packet, _)| (*open, *last_packet));
        for (_, _, key) in order.into_iter().take(self.limit.div_ceil(8)) {
            self.close(&key);
            self.known.remove(&key);
        }
    }
}

impl Key {
    fn new(transport: Transport, from: SocketAddr, to: SocketAddr, identifier: u16) -> Self {
        let (low, high) = if from <= to { (from, to) } else { (to, from) };
        Self { transport, low, high, identifier }
    }
}

impl<S> Flow<S> {
    /// Notes a packet, and tells which way it goes.
    fn seen(&mut self, from: SocketAddr, time: Timestamp, packet: u64) -> Direction {
        self.last_seen = time;
        self.last_packet = packet;
        if from == self.client { Direction::Out } else { Direction::In }
    }
}

/// Which end began a flow whose beginning is not in the capture (and for UDP, which has no beginning): the one with the
/// less server-like port, else the one on a private network, else the one with the higher port, else who speaks first.
fn likely_client(from: SocketAddr, to: SocketAddr) -> SocketAddr {
    let well_known = |end: SocketAddr| end.port() < 1024;
    match (well_known(from), well_known(to)) {
        (true, false) => return to,
        (false, true) => return from,
        _ => {}
    }
    match (is_private(from.ip()), is_private(to.ip())) {
        (true, false) => return from,
        (false, true) => return to,
        _ => {}
    }
    if from.port() < to.port() { to } else { from }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        // RFC 1918, and RFC 6598: phones on a mobile network are behind a carrier's NAT.
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}
