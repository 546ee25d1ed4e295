//! What has nothing to do with any service passes unharmed.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in any of its functions too")]

use consentry_tests::lab::{
    Between, Lab, Link, MTU,
    addresses::{WEB_V4, WEB_V6},
    internet::Bytes,
    servers::{
        CLOSED_PORT, ECHO_PORT, GREETING, GREETING_PORT, KEEPING_PORT, SOURCE_PORT, SOURCE_SEED,
        UDP_ECHO_PORT,
    },
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

const SOON: Duration = Duration::from_secs(5);
const BOTH: [IpAddr; 2] = [IpAddr::V4(WEB_V4), IpAddr::V6(WEB_V6)];

#[test]
fn a_hundred_megabytes_both_ways() {
    let lab = Lab::new(Between::Consentry).unwrap();
    transfers(&lab, 100 << 20, "120");
}

#[test]
fn a_lossy_and_slow_link() {
    let lab = Lab::with_link(Between::Consentry, Link::Lossy).unwrap();
    transfers(&lab, 4 << 20, "120");
    assert!(lab.packets_lost() > 100, "{}", lab.packets_lost());
}

/// Downloads and uploads over HTTP and HTTPS, IPv4 and IPv6, each checked by hash.
fn transfers(lab: &Lab, len: usize, patience: &str) {
    let down = lab.internet().publish("down", len).unwrap();
    let (file, up) = lab.internet().file_to_send("up", len).unwrap();
    let authority = lab.authority().display().to_string();
    for (scheme, flag) in [("http", "-4"), ("https", "-4"), ("http", "-6"), ("https", "-6")] {
        let curl = format!("curl -sS --fail -m {patience} {flag} --cacert {authority}");
        let said =
            lab.on_phone_shell(&format!("{curl} {scheme}://files.example.com/down | sha256sum")).unwrap();
        assert!(said.out.starts_with(&down), "{scheme} {flag} down: {said:?}");
        let name = format!("{scheme}{flag}");
        let url = format!("{scheme}://files.example.com/upload/{name}");
        let said = lab.on_phone_shell(&format!("{curl} -T {} {url}", file.display())).unwrap();
        assert!(said.ok(), "{scheme} {flag} up: {}", said.err);
        assert_eq!(lab.internet().hash_of_upload(&name).unwrap(), up, "{scheme} {flag} up");
    }
}

#[test]
fn a_server_that_speaks_first_is_heard() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for address in BOTH {
        let mut stream = lab.connect((address, GREETING_PORT).into(), SOON).unwrap().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut greeting = vec![0; GREETING.len()];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, GREETING.as_bytes());
        stream.write_all(b"EHLO phone\r\n").unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"EHLO phone\r\n");
    }
}

#[test]
fn each_side_may_close_its_half_first() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for address in BOTH {
        let mut stream = lab.connect((address, ECHO_PORT).into(), SOON).unwrap().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let bytes = Bytes::new(3).take(200_000);
        let mut writer = stream.try_clone().unwrap();
        let sent = bytes.clone();
        let sender = std::thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        sender.join().unwrap();
        assert!(back == bytes, "{address}: {} of {} bytes came back", back.len(), bytes.len());
    }
}

#[test]
fn a_refused_connection_is_refused_at_once() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for address in BOTH {
        let asked = Instant::now();
        let error = lab.connect((address, CLOSED_PORT).into(), SOON).unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{address}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{address}: {:?}", asked.elapsed());
    }
    // On a port where clients speak first the refusal comes after the first bytes.
    let asked = Instant::now();
    assert!(!lab.curl(&[&format!("http://{WEB_V4}:8443/")]).unwrap().ok());
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
}

#[test]
fn a_broken_ipv6_does_not_hang_an_app_that_has_ipv4() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for url in ["http://half.example.com/", "https://half.example.com/", "http://half.example.com:8080/"] {
        let asked = Instant::now();
        let said = lab.curl(&[url]).unwrap();
        assert!(said.ok(), "{url}: {}", said.err);
        assert!(asked.elapsed() < Duration::from_secs(2), "{url}: {:?}", asked.elapsed());
    }
}

#[test]
fn a_slow_reader_stalls_the_sender_and_memory_stays_bounded() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let before = lab.firewall().memory().unwrap();
    let mut stream = lab.connect((WEB_V4, SOURCE_PORT).into(), SOON).unwrap().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let sent = lab.internet().servers.source_stalled(Duration::from_secs(20)).unwrap();
    // What fits the buffers of two kernels and of the firewall, far from the 256 MiB on offer.
    assert!(sent < 32 << 20, "{sent} bytes left the sender");
    let grown = lab.firewall().memory().unwrap().saturating_sub(before);
    assert!(grown < 16 << 20, "the firewall grew by {grown} bytes");
    // Reading on, everything is there and in order.
    let mut expected = Bytes::new(SOURCE_SEED);
    let mut block = vec![0; 64 * 1024];
    for index in 0..1024 {
        stream.read_exact(&mut block).unwrap();
        assert!(block == expected.take(64 * 1024), "block {index} differs");
    }
}

#[test]
fn ten_thousand_flows_stay_open() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    // Each flow takes a descriptor at both ends, and both ends are in this process.
    let count = 10_000.min(limit.saturating_sub(1_000) / 2) as usize;
    if count < 10_000 {
        eprintln!("NOTE: only {limit} descriptors allowed: {count} flows instead of 10,000");
    }
    let to = SocketAddr::from((WEB_V4, KEEPING_PORT));
    let mut flows: Vec<TcpStream> = Vec::new();
    lab.phone
        .enter(|| {
            for index in 0..count {
                let mut stream = TcpStream::connect_timeout(&to, SOON)
                    .unwrap_or_else(|error| panic!("flow {index}: {error}"));
                stream.set_read_timeout(Some(SOON)).unwrap();
                exchange(&mut stream, index, 1);
                flows.push(stream);
            }
        })
        .unwrap();
    // All of them still work: a second round over every flow, then its count. A hundred at a time, because the device's queue holds
    // 500 packets and the kernel drops what exceeds it.
    let mut last = lab.connect(to, SOON).unwrap().unwrap();
    last.write_all(&[0; 16]).unwrap();
    for (share, streams) in flows.chunks_mut(100).enumerate() {
        for (place, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&block(share * 100 + place, 2)).unwrap();
        }
        for (place, stream) in streams.iter_mut().enumerate() {
            let index = share * 100 + place;
            let mut back = [0; 16];
            stream
                .read_exact(&mut back)
                .unwrap_or_else(|error| panic!("flow {index} in the second round: {error}"));
            assert_eq!(back, block(index, 2), "flow {index}");
        }
    }
    let mut answered = [0; 8];
    last.read_exact(&mut answered).unwrap();
    assert_eq!(u64::from_be_bytes(answered), count as u64);
    let memory = lab.firewall().memory().unwrap();
    assert!(memory < 1 << 30, "{memory} bytes for {count} flows");
}

fn exchange(stream: &mut TcpStream, index: usize, round: u64) {
    let block = block(index, round);
    stream.write_all(&block).unwrap();
    let mut back = [0; 16];
    stream.read_exact(&mut back).unwrap_or_else(|error| panic!("flow {index}: {error}"));
    assert_eq!(back, block, "flow {index}");
}

fn block(index: usize, round: u64) -> [u8; 16] {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&(index as u64 + 1).to_be_bytes());
    block[8..].copy_from_slice(&round.to_be_bytes());
    block
}

#[test]
fn ping_is_answered() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for (address, size) in [(BOTH[0], "56"), (BOTH[1], "56"), (BOTH[0], "4000"), (BOTH[1], "4000")] {
        let said = lab
            .on_phone("ping", &["-c", "3", "-i", "0.2", "-W", "2", "-s", size, &address.to_string()])
            .unwrap();
        assert!(said.out.contains(" 3 received"), "{address} {size}: {said:?}");
    }
}

#[test]
fn udp_of_every_size_comes_back_whole() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for address in BOTH {
        let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = lab.phone.enter(|| UdpSocket::bind(local)).unwrap().unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut buffer = vec![0; 65_536];
        for len in [0, 1, 512, 1232, MTU - 48, MTU, 1 << 13, 60_000] {
            let bytes = Bytes::new(len as u64).take(len);
            socket.send_to(&bytes, (address, UDP_ECHO_PORT)).unwrap();
            let (back, from) =
                socket.recv_from(&mut buffer).unwrap_or_else(|error| panic!("{address} {len}: {error}"));
            assert_eq!(from, SocketAddr::from((address, UDP_ECHO_PORT)));
            assert!(buffer[..back] == bytes, "{address}: {len} bytes came back changed");
        }
    }
}

#[test]
fn one_udp_socket_reaches_many_and_is_told_of_a_closed_port() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let socket = lab.phone.enter(|| UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let mut buffer = [0; 64];
    socket.connect((WEB_V4, CLOSED_PORT)).unwrap();
    socket.send(b"anyone?").unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    socket.connect((WEB_V4, UDP_ECHO_PORT)).unwrap();
    socket.send(b"hello").unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 5);
}

#[test]
fn ordinary_names_resolve_as_the_network_says() {
    let lab = Lab::new(Between::Consentry).unwrap();
    for words in [["A", "www.example.com", "+notcp"], ["A", "www.example.com", "+tcp"]] {
        assert_eq!(lab.dig(&words).unwrap().out.trim(), WEB_V4.to_string(), "{words:?}");
    }
    assert_eq!(lab.dig(&["AAAA", "www.example.com"]).unwrap().out.trim(), WEB_V6.to_string());
    let said = lab.on_phone("dig", &["+tries=1", "nothing-here.example.com"]).unwrap();
    assert!(said.out.contains("NXDOMAIN"), "{}", said.out);
}
