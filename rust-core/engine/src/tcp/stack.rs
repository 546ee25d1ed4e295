//! The only place that knows smoltcp's sockets: one shared interface, and for each flow a socket set with a single slot.
//!
//! One set for all flows would be walked for every packet; a set for each flow keeps the cost of a packet independent of the
//! number of flows.
use super::received::Received;
use crate::io::{BufferId, Buffers, Tun};
use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as StackInstant;
use smoltcp::wire::HardwareAddress;
use std::time::{Duration, Instant};

/// The TCP/IP stack that plays the server's part towards the apps.
pub(crate) struct Stack {
    interface: Interface,
    scratch: Vec<u8>,
    origin: Instant,
    /// Packets handed to the TUN device.
    sent: u64,
}

/// What one pass over a connection told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The handshake is not finished.
    Opening,
    /// Bytes may flow in at least one direction.
    Open,
    /// Nothing more will flow; the connection can be forgotten.
    Closed,
}

impl Stack {
    /// A stack whose sequence numbers derive from `seed`. `tun` tells the MTU.
    pub(crate) fn new(seed: u64, tun_mtu: usize, now: Instant) -> Self {
        let mut config = smoltcp::iface::Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut nothing = Nothing(tun_mtu);
        let mut interface = Interface::new(config, &mut nothing, StackInstant::ZERO);
        interface.set_any_ip(true);
        Self { interface, scratch: vec![0; tun_mtu.max(1280)], origin: now, sent: 0 }
    }

    /// Packets handed to the TUN device so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    fn at(&self, now: Instant) -> StackInstant {
        StackInstant::from_micros(now.saturating_duration_since(self.origin).as_micros() as i64)
    }
}

/// The app's side of one TCP flow.
pub(crate) struct Connection {
    set: SocketSet<'static>,
    handle: SocketHandle,
    buffers: BufferId,
    received: Received,
    /// See [`Connection::clock`].
    clock_stops: Option<Instant>,
}

impl Connection {
    /// Answers a SYN: a socket that listens on the port asked for takes it. `None` when no buffers are left or the
    /// port is 0.
    pub(crate) fn accept(
        stack: &mut Stack,
        now: Instant,
        buffers: &mut dyn Buffers,
        tun: &mut dyn Tun,
        port: u16,
        syn: &[u8],
    ) -> Option<Self> {
        if port == 0 {
            return None;
        }
        let pair = buffers.take()?;
        let mut socket = Socket::new(SocketBuffer::new(pair.receive), SocketBuffer::new(pair.send));
        socket.set_nagle_enabled(false);
        socket.listen(port).expect("a fresh socket can listen on any port but 0");
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        let received = Received::after_syn(syn);
        let mut connection = Self { set, handle, buffers: pair.id, received, clock_stops: None };
        connection.packet(stack, now, tun, syn);
        Some(connection)
    }

    /// Feeds one of the flow's packets to the stack; an answer owed at once goes out on `tun`. Says whether it brings bytes of
    /// the app's, rather than news of the connection only.
    pub(crate) fn packet(
        &mut self,
        stack: &mut Stack,
        now: Instant,
        tun: &mut dyn Tun,
        packet: &[u8],
    ) -> bool {
        let brings_bytes = self.received.note(packet);
        let at = stack.at(now);
        let Stack { interface, scratch, sent, .. } = stack;
        let mut port = Port { packet: Some(packet), tun, scratch, sent };
        interface.poll_ingress_single(at, &mut port, &mut self.set);
        brings_bytes
    }

    /// Sends what is due: data, acknowledgements, FIN, RST. Stops when the TUN device is full.
    pub(crate) fn transmit(&mut self, stack: &mut Stack, now: Instant, tun: &mut dyn Tun) {
        let at = stack.at(self.clock(now));
        let Stack { interface, scratch, sent, .. } = stack;
        let mut port = Port { packet: None, tun, scratch, sent };
        while interface.poll_egress(at, &mut port, &mut self.set) == PollResult::SocketStateChanged {}
    }

    /// When the stack wants [`Connection::transmit`] again by itself (delayed ACK, retransmission), if at all.
    pub(crate) fn poll_at(&self, stack: &mut Stack, now: Instant) -> Option<Instant> {
        let at = stack.at(now);
        let due = stack.interface.poll_at(at, &self.set)?;
        let due = stack.origin + Duration::from_micros(due.total_micros().max(0) as u64);
        let stands_still = self.clock_stops.filter(|_| self.keeps_last_bytes());
        stands_still.is_none_or(|stop| due <= stop).then_some(due)
    }

    /// The time that smoltcp is told. When both sides have finished and some of the app's bytes are still to be read, it would
    /// discard them after ten seconds; its clock stands still before that, but not before the last acknowledgement.
    fn clock(&mut self, now: Instant) -> Instant {
        if !self.keeps_last_bytes() {
            return now;
        }
        now.min(*self.clock_stops.get_or_insert(now + Duration::from_secs(1)))
    }

    fn keeps_last_bytes(&self) -> bool {
        self.socket().state() == State::TimeWait && self.socket().can_recv()
    }

    fn socket(&self) -> &Socket<'static> {
        self.set.get(self.handle)
    }

    fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.set.get_mut(self.handle)
    }

    /// Where the connection stands. A RST during the handshake puts smoltcp's socket back to LISTEN: that is closed, too.
    pub(crate) fn stage(&self) -> Stage {
        match self.socket().state() {
            State::SynReceived | State::SynSent => Stage::Opening,
            State::Closed | State::Listen | State::TimeWait => Stage::Closed,
            _ => Stage::Open,
        }
    }

    /// Whether the app ended its half in good order and everything it sent has been read.
    pub(crate) fn app_finished(&self) -> bool {
        let socket = self.socket();
        let fin_came =
            matches!(socket.state(), State::CloseWait | State::LastAck | State::Closing | State::TimeWait);
        fin_came && !socket.can_recv()
    }

    /// Whether bytes from the app wait to be read.
    pub(crate) fn can_receive(&self) -> bool {
        self.socket().can_recv()
    }

    /// Whether there is room for bytes to the app.
    pub(crate) fn can_send(&self) -> bool {
        self.socket().can_send()
    }

    /// Lends the next contiguous bytes from the app; `take` returns how many it used, and a value of its own.
    pub(crate) fn receive<R>(&mut self, take: impl FnOnce(&[u8]) -> (usize, R)) -> Option<R> {
        let received = self.socket_mut().recv(|bytes| {
            let (used, result) = take(bytes);
            (used, (used, result))
        });
        let (used, result) = received.ok()?;
        self.received.read(used);
        Some(result)
    }

    /// Lends the next contiguous room for bytes to the app; `fill` returns how many it wrote, and a value of its own.
    pub(crate) fn send<R>(&mut self, fill: impl FnOnce(&mut [u8]) -> (usize, R)) -> Option<R> {
        self.socket_mut().send(fill).ok()
    }

    /// Ends our half in good order once everything has been sent.
    pub(crate) fn finish(&mut self) {
        self.socket_mut().close();
    }

    /// Resets the connection; the RST goes out with the next [`Connection::transmit`].
    pub(crate) fn reset(&mut self) {
        self.socket_mut().abort();
    }

    /// Lets the buffers' memory go if there is nothing in them; says whether it did.
    pub(crate) fn rest(&self, buffers: &mut dyn Buffers) -> bool {
        let socket = self.socket();
        let empty = socket.recv_queue() == 0 && socket.send_queue() == 0 && self.received.is_all_read();
        if empty {
            buffers.rest(&self.buffers);
        }
        empty
    }

    /// Forgets the connection and gives its buffers back.
    pub(crate) fn dismantle(self, buffers: &mut dyn Buffers) {
        let Self { set, buffers: id, .. } = self;
        drop(set);
        buffers.give_back(id);
    }
}

/// A device that carries one packet in and any number out.
struct Port<'a> {
    packet: Option<&'a [u8]>,
    tun: &'a mut dyn Tun,
    scratch: &'a mut Vec<u8>,
    sent: &'a mut u64,
}

struct Incoming<'a>(&'a [u8]);

struct Outgoing<'a> {
    tun: &'a mut dyn Tun,
    scratch: &'a mut Vec<u8>,
    sent: &'a mut u64,
}

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        if self.scratch.len() < len {
            self.scratch.resize(len, 0);
        }
        // Exactly `len` bytes: smoltcp computes the TCP checksum over the slice it is given.
        let packet = &mut self.scratch[..len];
        let result = write(packet);
        self.tun.send(packet);
        *self.sent += 1;
        result
    }
}

fn capabilities(mtu: usize) -> DeviceCapabilities {
    let mut checksum = ChecksumCapabilities::ignored();
    checksum.ipv4 = Checksum::Tx;
    checksum.tcp = Checksum::Tx;
    checksum.icmpv4 = Checksum::Tx;
    checksum.icmpv6 = Checksum::Tx;
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = mtu;
    capabilities.checksum = checksum;
    capabilities
}

impl Device for Port<'_> {
    type RxToken<'t>
        = Incoming<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Outgoing<'t>
    where
        Self: 't;

    fn receive(&mut self, _: StackInstant) -> Option<(Incoming<'_>, Outgoing<'_>)> {
        let packet = self.packet.take()?;
        Some((Incoming(packet), Outgoing { tun: self.tun, scratch: self.scratch, sent: self.sent }))
    }

    fn transmit(&mut self, _: StackInstant) -> Option<Outgoing<'_>> {
        self.tun.has_room().then_some(Outgoing { tun: self.tun, scratch: self.scratch, sent: self.sent })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.tun.mtu())
    }
}

/// Stands in while the interface is made: it only tells the MTU.
struct Nothing(usize);

struct Never;

impl RxToken for Never {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&[])
    }
}

impl TxToken for Never {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        write(&mut vec![0; len])
    }
}

impl Device for Nothing {
    type RxToken<'t> = Never;
    type TxToken<'t> = Never;

    fn receive(&mut self, _: StackInstant) -> Option<(Never, Never)> {
        None
    }

    fn transmit(&mut self, _: StackInstant) -> Option<Never> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.0)
    }
}
