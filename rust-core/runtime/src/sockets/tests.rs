use super::*;
use mio::{Events, Poll};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The sockets with a poll of their own, which remembers what was reported until it is asked.
struct Lab {
    poll: Poll,
    sockets: OutsideSockets,
    reported: BTreeMap<SocketId, Readiness>,
}

impl Lab {
    fn with(limit: usize, protect: Option<Protect>) -> Self {
        let poll = Poll::new().unwrap();
        let sockets = OutsideSockets::new(poll.registry().try_clone().unwrap(), limit, protect);
        Self { poll, sockets, reported: BTreeMap::new() }
    }

    fn new() -> Self {
        Self::with(100, None)
    }

    /// Polls until `done` gives something.
    fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let start = Instant::now();
        let mut events = Events::with_capacity(16);
        loop {
            if let Some(value) = done(self) {
                return value;
            }
            assert!(start.elapsed() < LONGEST_WAIT, "it never happened; reported: {:?}", self.reported);
            self.poll.poll(&mut events, Some(LONGEST_WAIT)).unwrap();
            for event in &events {
                let Some(id) = self.sockets.id_of(event.token()) else { continue };
                let news = readiness(event);
                let so_far = self.reported.entry(id).or_default();
                so_far.readable |= news.readable;
                so_far.writable |= news.writable;
                so_far.error |= news.error;
            }
        }
    }

    fn connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), NetError> {
        self.sockets.tcp_connect(id, remote)?;
        self.until(|lab| match lab.sockets.tcp_connected(id) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
    }

    fn connected(&mut self, id: SocketId) -> TcpStream {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        self.connect(id, server.local_addr().unwrap()).unwrap();
        server.accept().unwrap().0
    }

    fn receive(&mut self, id: SocketId) -> Result<Vec<u8>, NetError> {
        let mut buffer = vec![0; 70_000];
        self.until(|lab| match lab.sockets.tcp_receive(id, &mut buffer) {
            Err(NetError::WouldBlock) => None,
            result => Some(result.map(|len| buffer[..len].to_vec())),
        })
    }

    fn receive_datagram(&mut self, id: SocketId) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 70_000];
        self.until(|lab| match lab.sockets.udp_receive(id, &mut buffer) {
            Err(NetError::WouldBlock) => None,
            result => {
                let received = result.unwrap();
                Some((buffer[..received.len].to_vec(), received.from))
            }
        })
    }
}

/// A port that nobody listens on: bound a moment ago, and free again.
fn free_udp_port(address: &str) -> SocketAddr {
    UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn bytes_pass_both_ways() {
    let mut lab = Lab::new();
    let mut server = lab.connected(SocketId(1));
    assert_eq!(lab.sockets.tcp_send(SocketId(1), b"hello"), Ok(5));
    let mut buffer = [0; 5];
    server.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"hello");
    server.write_all(b"answer").unwrap();
    assert_eq!(lab.receive(SocketId(1)).unwrap(), b"answer");
}

#[test]
fn a_refused_connection_is_reported_as_refused() {
    let remote = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(Lab::new().connect(SocketId(1), remote), Err(NetError::Refused));
}

#[test]
fn half_close_leaves_the_other_direction_open() {
    let mut lab = Lab::new();
    let mut server = lab.connected(SocketId(1));
    lab.sockets.tcp_send(SocketId(1), b"request").unwrap();
    lab.sockets.tcp_shutdown(SocketId(1));
    let mut request = String::new();
    server.read_to_string(&mut request).unwrap();
    assert_eq!(request, "request");
    server.write_all(b"late answer").unwrap();
    drop(server);
    assert_eq!(lab.receive(SocketId(1)).unwrap(), b"late answer");
    assert_eq!(lab.receive(SocketId(1)).unwrap(), b"");
}

#[test]
fn a_reset_by_the_server_is_reported_as_a_reset() {
    let mut lab = Lab::new();
    let server = lab.connected(SocketId(1));
    rustix::net::sockopt::set_socket_linger(&server, Some(Duration::ZERO)).unwrap();
    drop(server);
    assert_eq!(lab.receive(SocketId(1)), Err(NetError::Reset));
}

#[test]
fn abort_resets_the_server_and_discards_what_was_queued() {
    let mut lab = Lab::new();
    let mut server = lab.connected(SocketId(1));
    // Enough to fill the buffers on both sides, so that some is still queued here.
    while lab.sockets.tcp_send(SocketId(1), &[7; 4096]) != Err(NetError::WouldBlock) {}
    lab.sockets.abort(SocketId(1));
    assert!(lab.sockets.is_empty());
    let mut sink = Vec::new();
    assert_eq!(server.read_to_end(&mut sink).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn close_delivers_what_was_sent() {
    let mut lab = Lab::new();
    let mut server = lab.connected(SocketId(1));
    lab.sockets.tcp_send(SocketId(1), b"last words").unwrap();
    lab.sockets.close(SocketId(1));
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "last words");
}

#[test]
fn a_full_send_buffer_blocks_and_reports_when_there_is_room() {
    let mut lab = Lab::new();
    let mut server = lab.connected(SocketId(1));
    let mut sent = 0;
    while let Ok(len) = lab.sockets.tcp_send(SocketId(1), &[7; 4096]) {
        sent += len;
    }
    lab.reported.clear();
    let reader = std::thread::spawn(move || {
        let mut total = 0;
        let mut buffer = vec![0; 65_536];
        loop {
            match server.read(&mut buffer).unwrap() {
                0 => return total,
                len => total += len,
            }
        }
    });
    lab.until(|lab| lab.reported.get(&SocketId(1)).filter(|ready| ready.writable).map(|_| ()));
    lab.sockets.close(SocketId(1));
    assert_eq!(reader.join().unwrap(), sent);
}

#[test]
fn nagle_is_off_and_keep_alive_on() {
    let mut lab = Lab::new();
    let _server = lab.connected(SocketId(1));
    let descriptor = &lab.sockets.find(SocketId(1)).unwrap().descriptor;
    assert!(rustix::net::sockopt::tcp_nodelay(descriptor).unwrap());
    assert!(rustix::net::sockopt::socket_keepalive(descriptor).unwrap());
    assert_eq!(rustix::net::sockopt::tcp_keepidle(descriptor).unwrap(), Duration::from_secs(30));
}

#[test]
fn one_udp_socket_talks_to_many_and_hears_anybody() {
    for address in ["127.0.0.1", "::1"] {
        let mut lab = Lab::new();
        let Ok(first) = UdpSocket::bind((address, 0)) else { continue };
        let second = UdpSocket::bind((address, 0)).unwrap();
        let third = UdpSocket::bind((address, 0)).unwrap();
        lab.sockets.udp_open(SocketId(1), Family::of(address.parse().unwrap())).unwrap();
        let mut ports = Vec::new();
        for server in [&first, &second] {
            lab.sockets.udp_send(SocketId(1), server.local_addr().unwrap(), b"ping", false).unwrap();
            let mut buffer = [0; 10];
            let (len, from) = server.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], b"ping");
            ports.push(from);
        }
        assert_eq!(ports[0], ports[1]);
        third.send_to(b"unasked", ports[0]).unwrap();
        assert_eq!(lab.receive_datagram(SocketId(1)), (b"unasked".to_vec(), third.local_addr().unwrap()));
    }
}

#[test]
fn large_datagrams_pass_whole() {
    let mut lab = Lab::new();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    lab.sockets.udp_open(SocketId(1), Family::V4).unwrap();
    let payload: Vec<u8> = (0..65_507u32).map(|i| (i % 251) as u8).collect();
    for dont_fragment in [false, true] {
        lab.sockets.udp_send(SocketId(1), server.local_addr().unwrap(), &payload, dont_fragment).unwrap();
        let mut buffer = vec![0; 70_000];
        let (len, from) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..len], payload);
        server.send_to(&payload, from).unwrap();
        assert_eq!(lab.receive_datagram(SocketId(1)).0, payload);
    }
}

#[test]
fn a_datagram_beyond_the_path_is_refused_with_the_mtu() {
    let mut lab = Lab::new();
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    lab.sockets.udp_open(SocketId(1), Family::V4).unwrap();
    let mtu: u32 = std::fs::read_to_string("/sys/class/net/lo/mtu").unwrap().trim().parse().unwrap();
    // 28 bytes of IPv4 and UDP headers on top: one byte more than fits. Beyond 65,507 no datagram exists at all.
    let payload = vec![0; (mtu as usize - 27).min(65_508)];
    let result = lab.sockets.udp_send(SocketId(1), server.local_addr().unwrap(), &payload, true);
    if payload.len() <= 65_507 {
        assert_eq!(result, Err(NetError::TooBig { mtu }));
    } else {
        assert!(matches!(result, Err(NetError::TooBig { .. })));
    }
    // The sender has been told: the queue holds nothing more about it.
    assert_eq!(lab.sockets.udp_error(SocketId(1)), None);
}

#[test]
fn an_unreachable_port_is_reported_with_its_destination() {
    for address in ["127.0.0.1", "::1"] {
        if UdpSocket::bind((address, 0)).is_err() {
            continue;
        }
        let mut lab = Lab::new();
        let alive = UdpSocket::bind((address, 0)).unwrap();
        let dead = free_udp_port(address);
        lab.sockets.udp_open(SocketId(1), Family::of(dead.ip())).unwrap();
        lab.sockets.udp_send(SocketId(1), dead, b"anybody?", false).unwrap();
        lab.until(|lab| lab.reported.get(&SocketId(1)).filter(|ready| ready.error).map(|_| ()));
        // The error concerns one destination only: others are still served, and nothing is lost.
        lab.sockets.udp_send(SocketId(1), alive.local_addr().unwrap(), b"hello", false).unwrap();
        let mut buffer = [0; 10];
        let (len, from) = alive.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], b"hello");
        alive.send_to(b"yes", from).unwrap();
        assert_eq!(lab.receive_datagram(SocketId(1)).0, b"yes");
        assert_eq!(lab.sockets.udp_error(SocketId(1)), Some(UdpError { to: dead, error: NetError::Refused }));
        assert_eq!(lab.sockets.udp_error(SocketId(1)), None);
    }
}

#[test]
fn errors_nobody_collects_do_not_pile_up_or_stop_the_socket() {
    let mut lab = Lab::new();
    let alive = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dead = free_udp_port("127.0.0.1");
    lab.sockets.udp_open(SocketId(1), Family::V4).unwrap();
    for _ in 0..500 {
        lab.sockets.udp_send(SocketId(1), dead, b"x", false).unwrap();
    }
    lab.sockets.udp_send(SocketId(1), alive.local_addr().unwrap(), b"hello", false).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(alive.recv(&mut buffer).unwrap(), 5);
    let mut errors = 0;
    while let Some(error) = lab.sockets.udp_error(SocketId(1)) {
        assert_eq!(error.to, dead);
        errors += 1;
    }
    assert!((1..=500).contains(&errors));
}

#[test]
fn a_socket_that_cannot_be_protected_is_never_used() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let mut lab = Lab::with(100, Some(Box::new(|_| false)));
    let remote = server.local_addr().unwrap();
    assert_eq!(lab.sockets.tcp_connect(SocketId(1), remote), Err(NetError::Failed));
    assert_eq!(lab.sockets.udp_open(SocketId(2), Family::V4), Err(NetError::Failed));
    assert!(lab.sockets.is_empty());
    assert_eq!(server.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn every_socket_is_protected_before_use() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let record = seen.clone();
    let protect: Protect = Box::new(move |descriptor| {
        record.lock().unwrap().push(descriptor);
        true
    });
    let mut lab = Lab::with(100, Some(protect));
    let _server = lab.connected(SocketId(1));
    lab.sockets.udp_open(SocketId(2), Family::V4).unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[test]
fn the_limit_holds_and_frees_up() {
    let mut lab = Lab::with(2, None);
    lab.sockets.udp_open(SocketId(1), Family::V4).unwrap();
    lab.sockets.udp_open(SocketId(2), Family::V4).unwrap();
    assert_eq!(lab.sockets.udp_open(SocketId(3), Family::V4), Err(NetError::Limit));
    assert_eq!(lab.sockets.tcp_connect(SocketId(3), free_udp_port("127.0.0.1")), Err(NetError::Limit));
    lab.sockets.close(SocketId(1));
    lab.sockets.udp_open(SocketId(3), Family::V4).unwrap();
    lab.sockets.abort_all();
    assert_eq!(lab.sockets.len(), 0);
}

#[test]
fn calls_on_unknown_sockets_and_of_the_wrong_kind_fail() {
    let mut lab = Lab::new();
    let mut buffer = [0; 10];
    let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
    assert_eq!(lab.sockets.tcp_receive(SocketId(9), &mut buffer), Err(NetError::Failed));
    assert_eq!(lab.sockets.tcp_connected(SocketId(9)), Err(NetError::Failed));
    assert_eq!(lab.sockets.udp_send(SocketId(9), to, b"", false), Err(NetError::Failed));
    assert_eq!(lab.sockets.udp_error(SocketId(9)), None);
    lab.sockets.close(SocketId(9));
    lab.sockets.udp_open(SocketId(1), Family::V4).unwrap();
    assert_eq!(lab.sockets.tcp_connected(SocketId(1)), Err(NetError::Failed));
    assert_eq!(lab.sockets.ping_send(SocketId(1), to.ip(), &[8; 8]), Err(NetError::Failed));
    let v6: SocketAddr = "[::1]:9".parse().unwrap();
    assert_eq!(lab.sockets.udp_send(SocketId(1), v6, b"", false), Err(NetError::Failed));
}

#[test]
fn a_destination_without_a_route_is_unreachable() {
    let mut lab = Lab::new();
    lab.sockets.udp_open(SocketId(1), Family::V4).unwrap();
    // 255.255.255.255 without SO_BROADCAST is refused on every machine, whatever its routes.
    let broadcast: SocketAddr = "255.255.255.255:9".parse().unwrap();
    let result = lab.sockets.udp_send(SocketId(1), broadcast, b"x", false);
    assert_eq!(result, Err(NetError::Unreachable));
}

#[test]
fn echo_requests_are_answered_where_ping_sockets_are_allowed() {
    let mut lab = Lab::new();
    match lab.sockets.ping_open(SocketId(1), Family::V4) {
        Ok(()) => {}
        // net.ipv4.ping_group_range excludes this process.
        Err(error) => {
            assert_eq!(error, NetError::Unreachable);
            return;
        }
    }
    let request = [8, 0, 0, 0, 0, 0, 0, 1, b'x', b'y'];
    lab.sockets.ping_send(SocketId(1), "127.0.0.1".parse().unwrap(), &request).unwrap();
    let mut buffer = [0; 100];
    let received = lab.until(|lab| lab.sockets.ping_receive(SocketId(1), &mut buffer).ok());
    assert_eq!((buffer[0], &buffer[6..received.len]), (0, &request[6..]));
}
