//! The sockets that lead outside: non-blocking, edge-triggered, one per [`SocketId`].
mod error_queue;
mod options;

pub(crate) use options::ping_is_allowed;

use consentry_engine::io::{Family, NetError, Readiness, Received, SocketId, Sockets, UdpError};
use error_queue::QueuedError;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Network errors kept for one UDP socket until the engine asks for them.
const MOST_ERRORS: usize = 64;
/// An error that ICMP reported for an earlier datagram is handed to whatever call comes next, which then has not happened
/// and is tried again; more than a few in a row are not about earlier datagrams.
const MOST_TRIES: usize = 8;

/// Called with each new socket before it is used, so that its packets bypass the tunnel (`VpnService.protect` on Android);
/// false means that they would not.
pub type Protect = Box<dyn Fn(RawFd) -> bool + Send>;

/// The open sockets. Their events arrive at the poll whose registry this holds, under [`token`].
pub struct OutsideSockets {
    registry: Registry,
    open: HashMap<Token, Socket>,
    limit: usize,
    protect: Option<Protect>,
}

struct Socket {
    id: SocketId,
    descriptor: OwnedFd,
    kind: Kind,
}

enum Kind {
    Tcp { connected: bool },
    Udp { family: Family, dont_fragment: Option<bool>, errors: VecDeque<UdpError> },
    Ping { family: Family },
}

/// The token under which a socket's events arrive. The two highest values are free for other uses.
///
/// Where a word has 32 bits, identifiers share tokens after some thousand million sockets; an identifier whose token is still
/// in use is refused as if at the limit.
pub fn token(id: SocketId) -> Token {
    Token(id.0 as usize & (usize::MAX >> 1))
}

impl OutsideSockets {
    /// No sockets yet; at most `limit` at one time.
    pub fn new(registry: Registry, limit: usize, protect: Option<Protect>) -> Self {
        Self { registry, open: HashMap::new(), limit, protect }
    }

    /// Which socket an event is for; `None` when it was closed in the meantime.
    pub fn id_of(&self, token: Token) -> Option<SocketId> {
        self.open.get(&token).map(|socket| socket.id)
    }

    /// How many sockets are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no socket is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Closes every socket at once; TCP peers get a reset.
    pub fn abort_all(&mut self) {
        for (_, socket) in self.open.drain() {
            socket.abort(&self.registry);
        }
    }

    fn find(&self, id: SocketId) -> Result<&Socket, NetError> {
        self.open.get(&token(id)).filter(|socket| socket.id == id).ok_or(NetError::Failed)
    }

    fn find_udp(&mut self, id: SocketId) -> Result<UdpSocket<'_>, NetError> {
        match self.open.get_mut(&token(id)).filter(|socket| socket.id == id) {
            Some(Socket { descriptor, kind: Kind::Udp { family, dont_fragment, errors }, .. }) => {
                Ok(UdpSocket { descriptor, family: *family, dont_fragment, errors })
            }
            _ => Err(NetError::Failed),
        }
    }

    fn remove(&mut self, id: SocketId) -> Option<Socket> {
        self.find(id).ok()?;
        self.open.remove(&token(id))
    }

    /// Whether one more socket may be opened under this identifier.
    fn admit(&self, id: SocketId) -> Result<(), NetError> {
        if self.open.len() >= self.limit || self.open.contains_key(&token(id)) {
            return Err(NetError::Limit);
        }
        Ok(())
    }

    fn protected(&self, descriptor: OwnedFd) -> Result<OwnedFd, NetError> {
        match &self.protect {
            Some(protect) if !protect(descriptor.as_raw_fd()) => {
                log::warn!("a socket could not be kept out of the tunnel, and was closed");
                Err(NetError::Failed)
            }
            _ => Ok(descriptor),
        }
    }

    fn register(
        &mut self,
        id: SocketId,
        descriptor: OwnedFd,
        kind: Kind,
        interest: Interest,
    ) -> Result<(), NetError> {
        let raw = descriptor.as_raw_fd();
        self.registry.register(&mut SourceFd(&raw), token(id), interest).map_err(|error| failure(&error))?;
        self.open.insert(token(id), Socket { id, descriptor, kind });
        Ok(())
    }
}

/// What a mio event says, in the engine's words.
pub fn readiness(event: &mio::event::Event) -> Readiness {
    Readiness {
        readable: event.is_readable() || event.is_read_closed(),
        finished: event.is_read_closed(),
        writable: event.is_writable() || event.is_write_closed(),
        error: event.is_error(),
    }
}

impl Sockets for OutsideSockets {
    fn tcp_connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), NetError> {
        self.admit(id)?;
        let descriptor = self.protected(options::tcp(Family::of(remote.ip()))?)?;
        match rustix::net::connect(&descriptor, &remote) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(net_error(error)),
        }
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.register(id, descriptor, Kind::Tcp { connected: false }, interest)
    }

    fn tcp_connected(&mut self, id: SocketId) -> Result<bool, NetError> {
        let Some(Socket { descriptor, kind: Kind::Tcp { connected }, .. }) =
            self.open.get_mut(&token(id)).filter(|socket| socket.id == id)
        else {
            return Err(NetError::Failed);
        };
        if *connected {
            return Ok(true);
        }
        match rustix::net::sockopt::socket_error(&*descriptor) {
            Ok(Ok(())) => {}
            Ok(Err(error)) | Err(error) => return Err(net_error(error)),
        }
        match rustix::net::getpeername(&*descriptor) {
            Ok(_) => {
                *connected = true;
                Ok(true)
            }
            Err(Errno::NOTCONN) => Ok(false),
            Err(error) => Err(net_error(error)),
        }
    }

    fn tcp_send(&mut self, id: SocketId, bytes: &[u8]) -> Result<usize, NetError> {
        let socket = self.find(id)?;
        retry(|| rustix::net::send(&socket.descriptor, bytes, SendFlags::NOSIGNAL))
    }

    fn tcp_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<usize, NetError> {
        let socket = self.find(id)?;
        retry(|| rustix::io::read(&socket.descriptor, &mut *buffer))
    }

    fn tcp_shutdown(&mut self, id: SocketId) {
        if let Ok(socket) = self.find(id) {
            // It fails only when the connection is gone already.
            let _ = rustix::net::shutdown(&socket.descriptor, Shutdown::Write);
        }
    }

    fn udp_open(&mut self, id: SocketId, family: Family) -> Result<(), NetError> {
        self.admit(id)?;
        let descriptor = self.protected(options::udp(family)?)?;
        let kind = Kind::Udp { family, dont_fragment: None, errors: VecDeque::new() };
        // Room to write is the usual state of a UDP socket, and would be reported after every datagram sent. Nothing waits for
        // it: a datagram that finds no room is lost, as on any network.
        self.register(id, descriptor, kind, Interest::READABLE)
    }

    fn udp_send(
        &mut self,
        id: SocketId,
        to: SocketAddr,
        payload: &[u8],
        dont_fragment: bool,
    ) -> Result<(), NetError> {
        self.find_udp(id)?.send(to, payload, dont_fragment)
    }

    fn udp_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<Received, NetError> {
        receive_from(self.find_udp(id)?.descriptor, buffer)
    }

    fn udp_error(&mut self, id: SocketId) -> Option<UdpError> {
        let mut socket = self.find_udp(id).ok()?;
        if socket.errors.is_empty() {
            socket.collect_errors();
        }
        socket.errors.pop_front()
    }

    fn ping_open(&mut self, id: SocketId, family: Family) -> Result<(), NetError> {
        self.admit(id)?;
        let descriptor = self.protected(options::ping(family)?)?;
        self.register(id, descriptor, Kind::Ping { family }, Interest::READABLE)
    }

    fn ping_send(&mut self, id: SocketId, to: IpAddr, message: &[u8]) -> Result<(), NetError> {
        let socket = self.find(id)?;
        if !matches!(socket.kind, Kind::Ping { family } if family == Family::of(to)) {
            return Err(NetError::Failed);
        }
        let to = SocketAddr::new(to, 0);
        retry(|| rustix::net::sendto(&socket.descriptor, message, SendFlags::NOSIGNAL, &to)).map(|_| ())
    }

    fn ping_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<Received, NetError> {
        receive_from(&self.find(id)?.descriptor, buffer)
    }

    fn close(&mut self, id: SocketId) {
        if let Some(socket) = self.remove(id) {
            socket.deregister(&self.registry);
        }
    }

    fn abort(&mut self, id: SocketId) {
        if let Some(socket) = self.remove(id) {
            socket.abort(&self.registry);
        }
    }
}

impl Socket {
    fn deregister(&self, registry: &Registry) {
        // Closing would do it too; asking first keeps mio's own books right.
        let _ = registry.deregister(&mut SourceFd(&self.descriptor.as_raw_fd()));
    }

    fn abort(self, registry: &Registry) {
        self.deregister(registry);
        if matches!(self.kind, Kind::Tcp { .. }) {
            options::discard_on_close(&self.descriptor);
        }
    }
}

/// One UDP socket, borrowed for one call.
struct UdpSocket<'a> {
    descriptor: &'a OwnedFd,
    family: Family,
    dont_fragment: &'a mut Option<bool>,
    errors: &'a mut VecDeque<UdpError>,
}

impl UdpSocket<'_> {
    fn send(&mut self, to: SocketAddr, payload: &[u8], dont_fragment: bool) -> Result<(), NetError> {
        if Family::of(to.ip()) != self.family {
            return Err(NetError::Failed);
        }
        if *self.dont_fragment != Some(dont_fragment) {
            options::set_dont_fragment(self.descriptor, self.family, dont_fragment)?;
            *self.dont_fragment = Some(dont_fragment);
        }
        let mut last = NetError::Failed;
        for _ in 0..MOST_TRIES {
            match rustix::net::sendto(self.descriptor, payload, SendFlags::NOSIGNAL, &to) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::MSGSIZE) => return Err(NetError::TooBig { mtu: self.local_mtu() }),
                Err(error) => {
                    last = net_error(error);
                    if !is_reported_later(error) {
                        return Err(last);
                    }
                }
            }
        }
        Err(last)
    }

    /// The MTU that made the system refuse a datagram just now; it says so in the error queue.
    fn local_mtu(&mut self) -> u32 {
        self.collect_errors().unwrap_or(0)
    }

    /// Empties the system's error queue into ours. Returns the MTU of the last datagram that this machine itself refused: the
    /// sender of that has been told.
    fn collect_errors(&mut self) -> Option<u32> {
        let mut local = None;
        for _ in 0..MOST_ERRORS {
            match error_queue::next(self.descriptor) {
                Some(QueuedError::Local { mtu }) => local = mtu.or(local),
                Some(QueuedError::Network(error)) => {
                    if self.errors.len() < MOST_ERRORS {
                        self.errors.push_back(error);
                    }
                }
                Some(QueuedError::Other) => {}
                None => break,
            }
        }
        local
    }
}

fn receive_from(descriptor: &OwnedFd, buffer: &mut [u8]) -> Result<Received, NetError> {
    let mut last = NetError::Failed;
    for _ in 0..MOST_TRIES {
        match rustix::net::recvfrom(descriptor, &mut *buffer, RecvFlags::empty()) {
            Ok((len, _, Some(from))) => {
                let from = SocketAddr::try_from(from).map_err(|_| NetError::Failed)?;
                return Ok(Received { len, from });
            }
            Ok((_, _, None)) => return Err(NetError::Failed),
            Err(Errno::INTR) => {}
            Err(error) => {
                last = net_error(error);
                if !is_reported_later(error) {
                    return Err(last);
                }
            }
        }
    }
    Err(last)
}

/// Whether an error of a UDP call may be about an earlier datagram, and come back through the error queue.
fn is_reported_later(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNREFUSED
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::OPNOTSUPP
            | Errno::ACCESS
            | Errno::PROTO
            | Errno::MSGSIZE
    )
}

fn retry(mut call: impl FnMut() -> Result<usize, Errno>) -> Result<usize, NetError> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result.map_err(net_error),
        }
    }
}

fn failure(error: &io::Error) -> NetError {
    Errno::from_io_error(error).map_or(NetError::Failed, net_error)
}

/// The engine's word for a system error.
fn net_error(error: Errno) -> NetError {
    match error {
        Errno::AGAIN | Errno::INPROGRESS | Errno::ALREADY => NetError::WouldBlock,
        Errno::CONNREFUSED => NetError::Refused,
        Errno::NETUNREACH
        | Errno::HOSTUNREACH
        | Errno::NETDOWN
        | Errno::HOSTDOWN
        | Errno::NONET
        | Errno::ADDRNOTAVAIL
        | Errno::AFNOSUPPORT
        | Errno::ACCESS
        | Errno::PERM => NetError::Unreachable,
        Errno::TIMEDOUT => NetError::TimedOut,
        Errno::CONNRESET | Errno::PIPE | Errno::CONNABORTED => NetError::Reset,
        Errno::MSGSIZE => NetError::TooBig { mtu: 0 },
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => NetError::Limit,
        error => {
            log::debug!("a socket call failed: {error}");
            NetError::Failed
        }
    }
}

#[cfg(test)]
mod tests;
