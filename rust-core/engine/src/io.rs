//! The outside world as the engine sees it. `consentry-runtime` implements these traits with real devices; tests implement
//! them in memory.
use consentry_catalogue::Transport;
use consentry_consent::Owner;
use std::net::{IpAddr, SocketAddr};

/// Names one flow for as long as the engine runs. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// Names one outside socket for as long as the engine runs. Chosen by the engine, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Internet Protocol version 4.
    V4,
    /// Internet Protocol version 6.
    V6,
}

impl Family {
    /// The family an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// Why a socket operation did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// Nothing to read, or no room to write, just now: wait for the socket's next event.
    #[error("the socket is not ready")]
    WouldBlock,
    /// The remote end refused the connection (RST on SYN, ICMP port unreachable).
    #[error("the remote end refused")]
    Refused,
    /// No route, network down, host unreachable, or the address family is not available.
    #[error("no route to the remote end")]
    Unreachable,
    /// Nobody answered in time.
    #[error("the remote end did not answer")]
    TimedOut,
    /// The remote end reset an established connection.
    #[error("the remote end reset the connection")]
    Reset,
    /// The datagram exceeds what the path carries; `mtu` is the path's MTU in bytes (0: not known).
    #[error("the datagram is larger than the path's MTU of {mtu} bytes")]
    TooBig {
        /// Path MTU in bytes, IP header included; 0 when the system did not say.
        mtu: u32,
    },
    /// No more descriptors or memory for sockets.
    #[error("no more sockets can be opened")]
    Limit,
    /// Anything else, or an identifier that is not open.
    #[error("the socket operation failed")]
    Failed,
}

/// What a socket reported. Events are edge-triggered: the engine reads or writes until [`NetError::WouldBlock`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There may be something to read, or the end of the stream.
    pub readable: bool,
    /// The remote end has finished sending: behind what is there to read comes the end of the stream, and no further event.
    pub finished: bool,
    /// There may be room to write; for a connecting TCP socket: the connect ended, one way or the other.
    pub writable: bool,
    /// An error waits ([`Sockets::tcp_connected`] or [`Sockets::udp_error`] tells which).
    pub error: bool,
}

/// A datagram that arrived on a UDP or ping socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes written into the caller's buffer.
    pub len: usize,
    /// Who sent it.
    pub from: SocketAddr,
}

/// An error the network reported for a datagram sent earlier (ICMP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpError {
    /// Where the datagram was going.
    pub to: SocketAddr,
    /// What happened to it.
    pub error: NetError,
}

/// The sockets that lead outside. Each belongs to one [`SocketId`]; all are non-blocking; all bypass the tunnel.
///
/// # Errors
/// Every operation says why it did not happen with a [`NetError`]; [`NetError::WouldBlock`] means "not now".
#[allow(clippy::missing_errors_doc, reason = "said once for all of them")]
pub trait Sockets {
    /// Starts connecting a TCP socket. Completion is reported as a writable event.
    fn tcp_connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), NetError>;
    /// Whether a connect has ended: `Ok(true)` connected, `Ok(false)` still under way, `Err` failed.
    fn tcp_connected(&mut self, id: SocketId) -> Result<bool, NetError>;
    /// Sends from `bytes`; returns how many were taken (at least one).
    fn tcp_send(&mut self, id: SocketId, bytes: &[u8]) -> Result<usize, NetError>;
    /// Receives into `buffer`; `Ok(0)` is the end of the stream.
    fn tcp_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<usize, NetError>;
    /// Sends FIN: nothing more will be sent, receiving goes on.
    fn tcp_shutdown(&mut self, id: SocketId);
    /// Opens a UDP socket on a random port, for datagrams to and from anywhere in `family`.
    fn udp_open(&mut self, id: SocketId, family: Family) -> Result<(), NetError>;
    /// Sends one datagram. `dont_fragment` mirrors the app's DF bit (IPv6: never fragment at the source).
    fn udp_send(
        &mut self,
        id: SocketId,
        to: SocketAddr,
        payload: &[u8],
        dont_fragment: bool,
    ) -> Result<(), NetError>;
    /// Receives one datagram into `buffer`.
    fn udp_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<Received, NetError>;
    /// The next error the network reported for this socket's datagrams, if any.
    fn udp_error(&mut self, id: SocketId) -> Option<UdpError>;
    /// Opens a ping socket (ICMP or `ICMPv6` echo).
    fn ping_open(&mut self, id: SocketId, family: Family) -> Result<(), NetError>;
    /// Sends an echo request: `message` starts at the ICMP type byte; the system fills in identifier and checksum.
    fn ping_send(&mut self, id: SocketId, to: IpAddr, message: &[u8]) -> Result<(), NetError>;
    /// Receives one echo reply into `buffer`, from the ICMP type byte on.
    fn ping_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<Received, NetError>;
    /// Closes in good order: what was sent is still delivered.
    fn close(&mut self, id: SocketId);
    /// Closes at once: queued bytes are discarded, a TCP peer gets a reset (`SO_LINGER` 1, 0).
    fn abort(&mut self, id: SocketId);
}

/// The way back to the apps.
pub trait Tun {
    /// Whether a packet can be taken now. While it cannot, the engine keeps its packets and is called again
    /// ([`crate::Engine::tun_writable`]) once it can.
    fn has_room(&self) -> bool;
    /// Takes one whole IP packet. The engine stops producing when [`Tun::has_room`] is false, but an answer owed to a packet
    /// just read (an ACK, an ICMP error) may still come: implementations queue it.
    fn send(&mut self, packet: &[u8]);
    /// Largest packet the device carries, in bytes.
    fn mtu(&self) -> usize;
}

/// Names a pair of buffers taken from [`Buffers`].
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct BufferId(pub u32);

/// A receive and a send buffer for one TCP flow.
#[derive(Debug)]
pub struct BufferPair {
    /// What to hand back, after both slices are gone.
    pub id: BufferId,
    /// Bytes on their way from the app.
    pub receive: &'static mut [u8],
    /// Bytes on their way to the app.
    pub send: &'static mut [u8],
}

/// Memory for TCP flows, all of one size, that costs nothing until it is touched.
pub trait Buffers {
    /// A pair of buffers, or `None` at the limit.
    fn take(&mut self) -> Option<BufferPair>;
    /// Gives a pair back. The caller has dropped both slices.
    fn give_back(&mut self, id: BufferId);
    /// Says that nothing in a pair that stays lent out will be read before it is written again: its bytes may turn to zero, and
    /// its memory may go until then.
    fn rest(&mut self, id: &BufferId);
}

/// Which flow an owner is asked for, as the app sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// TCP, UDP or ICMP.
    pub transport: Transport,
    /// The app's end.
    pub app: SocketAddr,
    /// The end the app means to reach.
    pub remote: SocketAddr,
}

/// The answer to "whose flow is this?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerAnswer {
    /// Known now (also when it is known that nobody can tell).
    Known(Owner),
    /// Being looked up; [`crate::Engine::owner_known`] brings it.
    Later,
}

/// Knows which app owns a flow.
pub trait Owners {
    /// Asks for a flow's owner. Must not block.
    fn owner(&mut self, flow: FlowId, key: &FlowKey) -> OwnerAnswer;
}

/// All of the outside world, lent to the engine for one call.
pub struct Io<'a> {
    /// Towards the apps.
    pub tun: &'a mut dyn Tun,
    /// Towards the internet.
    pub sockets: &'a mut dyn Sockets,
    /// Memory for TCP flows.
    pub buffers: &'a mut dyn Buffers,
    /// Owners of flows.
    pub owners: &'a mut dyn Owners,
}
