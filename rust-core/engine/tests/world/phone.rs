//! The phone: a TCP/IP stack with apps on it.
use super::MTU;
use consentry_engine::packet::{Checksums, Demultiplexer, Segment, build};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::wire::{HardwareAddress, IpEndpoint};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

#[derive(Default)]
struct Queues {
    arriving: VecDeque<Vec<u8>>,
    leaving: Vec<Vec<u8>>,
}

struct Arrived(Vec<u8>);
struct Leaving<'a>(&'a mut Vec<Vec<u8>>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let result = write(&mut packet);
        self.0.push(packet);
        result
    }
}

impl Device for Queues {
    type RxToken<'t> = Arrived;
    type TxToken<'t> = Leaving<'t>;
    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Arrived, Leaving<'_>)> {
        self.arriving.pop_front().map(|packet| (Arrived(packet), Leaving(&mut self.leaving)))
    }
    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.leaving))
    }
    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

/// Names one datagram's way back.
#[derive(Clone, Copy)]
pub struct Ask {
    port: u16,
}

pub struct Phone {
    interface: Interface,
    sockets: SocketSet<'static>,
    queues: Queues,
    origin: Instant,
    next_port: u16,
    /// Datagrams that came back: remote end, our port, payload.
    pub datagrams: Vec<(SocketAddr, u16, Vec<u8>)>,
    /// ICMP errors that came back: what the phone's packet was, remote end and our port.
    pub errors: Vec<(u8, SocketAddr, u16)>,
    /// Echo replies that came back: from whom, identifier and the rest.
    pub echoes: Vec<(IpAddr, Vec<u8>)>,
}

const PHONE_V4: &str = "10.111.222.1";
const PHONE_V6: &str = "fd00:c0::1";

impl Phone {
    pub fn new(now: Instant) -> Self {
        let mut queues = Queues::default();
        let mut interface =
            Interface::new(Config::new(HardwareAddress::Ip), &mut queues, smoltcp::time::Instant::ZERO);
        interface.set_any_ip(true);
        Self {
            interface,
            sockets: SocketSet::new(Vec::new()),
            queues,
            origin: now,
            next_port: 40_000,
            datagrams: Vec::new(),
            errors: Vec::new(),
            echoes: Vec::new(),
        }
    }

    /// Lets the stack work; returns the packets it sends.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let at = smoltcp::time::Instant::from_micros((now - self.origin).as_micros() as i64);
        self.interface.poll(at, &mut self.queues, &mut self.sockets);
        std::mem::take(&mut self.queues.leaving)
    }

    /// A packet arrives from the tunnel.
    pub fn receive(&mut self, packet: Vec<u8>) {
        let mut demultiplexer = Demultiplexer::new(Checksums::Verify);
        let now = Instant::now();
        match demultiplexer
            .take(now, &packet)
            .map(|datagram| datagram.map(|datagram| (datagram.src, datagram.transport)))
        {
            Ok(Some((src, Segment::Udp { src_port, dst_port, payload }))) => {
                self.datagrams.push((SocketAddr::new(src, src_port), dst_port, payload.to_vec()));
            }
            Ok(Some((_, Segment::IcmpError { kind, about: Some(about), .. }))) => {
                self.errors.push((kind, about.dst, about.src.port()));
            }
            Ok(Some((_, Segment::Tcp { .. }))) => self.queues.arriving.push_back(packet),
            _ => {
                let (source, icmp) = if packet[0] >> 4 == 4 {
                    (IpAddr::from([packet[12], packet[13], packet[14], packet[15]]), &packet[20..])
                } else {
                    let source: [u8; 16] = packet[8..24].try_into().expect("sixteen bytes");
                    (IpAddr::from(source), &packet[40..])
                };
                self.echoes.push((source, icmp.to_vec()));
            }
        }
    }

    fn port(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }

    fn address(remote: SocketAddr) -> IpAddr {
        super::ip(if remote.is_ipv4() { PHONE_V4 } else { PHONE_V6 })
    }

    /// An app connects.
    pub fn connect(&mut self, to: &str) -> SocketHandle {
        let remote = super::socket(to);
        let mut socket =
            Socket::new(SocketBuffer::new(vec![0; 64 * 1024]), SocketBuffer::new(vec![0; 64 * 1024]));
        let local = IpEndpoint::from(SocketAddr::new(Self::address(remote), self.port()));
        socket
            .connect(self.interface.context(), IpEndpoint::from(remote), local)
            .expect("a fresh socket can connect");
        socket.set_nagle_enabled(false);
        self.sockets.add(socket)
    }

    pub fn tcp(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(handle)
    }

    pub fn send(&mut self, handle: SocketHandle, bytes: &[u8]) {
        let sent = self.tcp(handle).send_slice(bytes).expect("the socket is open");
        assert_eq!(sent, bytes.len(), "the test sends no more than the buffer holds");
    }

    pub fn read(&mut self, handle: SocketHandle) -> Vec<u8> {
        let socket = self.tcp(handle);
        let mut all = Vec::new();
        while socket.can_recv() {
            socket
                .recv(|bytes| {
                    all.extend_from_slice(bytes);
                    (bytes.len(), ())
                })
                .expect("the socket can be read");
        }
        all
    }

    pub fn state(&mut self, handle: SocketHandle) -> State {
        self.tcp(handle).state()
    }

    /// An app sends a datagram from a fresh port.
    pub fn ask(&mut self, to: SocketAddr, payload: &[u8]) -> Ask {
        let port = self.port();
        self.send_from(port, to, payload);
        Ask { port }
    }

    pub fn send_from(&mut self, port: u16, to: SocketAddr, payload: &[u8]) {
        let mut packet = Vec::new();
        build::udp(SocketAddr::new(Self::address(to), port), to, payload, &mut packet).expect("it fits");
        let mut pieces = Vec::new();
        build::Fragmenter::new(1)
            .send(&packet, MTU, |piece| pieces.push(piece.to_vec()))
            .expect("a packet that we built");
        self.queues.leaving.extend(pieces);
    }

    /// An app sends a ready packet.
    pub fn inject(&mut self, packet: Vec<u8>) {
        self.queues.leaving.push(packet);
    }

    pub fn reply_to(&self, ask: Ask) -> Option<Vec<u8>> {
        self.datagrams
            .iter()
            .rev()
            .find(|(_, port, _)| *port == ask.port)
            .map(|(_, _, payload)| payload.clone())
    }
}
