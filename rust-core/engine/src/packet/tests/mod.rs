//! Packets as smoltcp writes and reads them: a second opinion on every header.
mod any_bytes;
mod build;
mod demultiplex;
mod fragments;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr,
    Ipv6Packet, Ipv6Repr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const APP4: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const REMOTE4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const APP6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const REMOTE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

/// App and remote of one family.
fn ends(v6: bool) -> (IpAddr, IpAddr) {
    if v6 { (APP6.into(), REMOTE6.into()) } else { (APP4.into(), REMOTE4.into()) }
}

/// App and remote with ports.
fn sockets(v6: bool) -> (SocketAddr, SocketAddr) {
    let (app, remote) = ends(v6);
    (SocketAddr::new(app, 40_000), SocketAddr::new(remote, 443))
}

/// An IP packet around a payload.
fn ip(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(src_addr), IpAddr::V4(dst_addr)) => {
            let next_header = IpProtocol::from(protocol);
            let repr =
                Ipv4Repr { src_addr, dst_addr, next_header, payload_len: payload.len(), hop_limit: 64 };
            let mut bytes = vec![0; repr.buffer_len()];
            repr.emit(&mut Ipv4Packet::new_unchecked(&mut bytes), &ChecksumCapabilities::default());
            let total = bytes.len() + payload.len();
            let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
            packet.set_total_len(total as u16);
            packet.fill_checksum();
            bytes.extend_from_slice(payload);
            bytes
        }
        (IpAddr::V6(src_addr), IpAddr::V6(dst_addr)) => {
            let next_header = IpProtocol::from(protocol);
            let repr =
                Ipv6Repr { src_addr, dst_addr, next_header, payload_len: payload.len(), hop_limit: 64 };
            let mut bytes = vec![0; repr.buffer_len()];
            repr.emit(&mut Ipv6Packet::new_unchecked(&mut bytes));
            bytes.extend_from_slice(payload);
            bytes
        }
        _ => panic!("two families"),
    }
}

/// An IPv4 packet whose header has options (a multiple of four bytes).
fn ipv4_with_options(protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = ip(APP4.into(), REMOTE4.into(), protocol, &[options, payload].concat());
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
    packet.set_header_len((20 + options.len()) as u8);
    packet.fill_checksum();
    bytes
}

/// A UDP header and payload.
fn udp(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let repr = UdpRepr { src_port: src.port(), dst_port: dst.port() };
    let mut bytes = vec![0; repr.header_len() + payload.len()];
    repr.emit(
        &mut UdpPacket::new_unchecked(&mut bytes),
        &src.ip().into(),
        &dst.ip().into(),
        payload.len(),
        |buffer| buffer.copy_from_slice(payload),
        &ChecksumCapabilities::default(),
    );
    bytes
}

/// A whole UDP packet.
fn udp_packet(src: SocketAddr, dst: SocketAddr, payload: &[u8]) -> Vec<u8> {
    ip(src.ip(), dst.ip(), 17, &udp(src, dst, payload))
}

/// A TCP segment with MSS and window scale options.
fn tcp(src: SocketAddr, dst: SocketAddr, control: TcpControl, ack: Option<i32>, payload: &[u8]) -> Vec<u8> {
    let repr = TcpRepr {
        src_port: src.port(),
        dst_port: dst.port(),
        control,
        seq_number: TcpSeqNumber(1_000_000),
        ack_number: ack.map(TcpSeqNumber),
        window_len: 4096,
        window_scale: (control == TcpControl::Syn).then_some(7),
        max_seg_size: (control == TcpControl::Syn).then_some(1460),
        sack_permitted: control == TcpControl::Syn,
        sack_ranges: [None, None, None],
        timestamp: None,
        payload,
    };
    let mut bytes = vec![0; repr.buffer_len()];
    let (src, dst): (IpAddress, IpAddress) = (src.ip().into(), dst.ip().into());
    repr.emit(&mut TcpPacket::new_unchecked(&mut bytes), &src, &dst, &ChecksumCapabilities::default());
    bytes
}

/// A whole TCP packet.
fn tcp_packet(
    src: SocketAddr,
    dst: SocketAddr,
    control: TcpControl,
    ack: Option<i32>,
    payload: &[u8],
) -> Vec<u8> {
    ip(src.ip(), dst.ip(), 6, &tcp(src, dst, control, ack, payload))
}

/// An echo request, from its type byte on.
fn echo_request(src: IpAddr, dst: IpAddr, ident: u16, seq_no: u16, data: &[u8]) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(_), _) => {
            let repr = Icmpv4Repr::EchoRequest { ident, seq_no, data };
            let mut bytes = vec![0; repr.buffer_len()];
            repr.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes), &ChecksumCapabilities::default());
            bytes
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let repr = Icmpv6Repr::EchoRequest { ident, seq_no, data };
            let mut bytes = vec![0; repr.buffer_len()];
            let mut packet = Icmpv6Packet::new_unchecked(&mut bytes);
            repr.emit(&src, &dst, &mut packet, &ChecksumCapabilities::default());
            bytes
        }
        _ => panic!("two families"),
    }
}

/// The protocol number of ICMP in a family.
fn icmp_protocol(address: IpAddr) -> u8 {
    if address.is_ipv4() { 1 } else { 58 }
}

/// What smoltcp finds in a packet after checking every length and checksum: addresses, protocol, payload.
fn read_ip(packet: &[u8]) -> (IpAddr, IpAddr, u8, &[u8]) {
    if packet[0] >> 4 == 4 {
        let ip = Ipv4Packet::new_checked(packet).unwrap();
        assert!(ip.verify_checksum(), "IPv4 header checksum");
        assert_eq!(usize::from(ip.total_len()), packet.len());
        (ip.src_addr().into(), ip.dst_addr().into(), ip.next_header().into(), ip.payload())
    } else {
        let ip = Ipv6Packet::new_checked(packet).unwrap();
        assert_eq!(ip.total_len(), packet.len());
        (ip.src_addr().into(), ip.dst_addr().into(), ip.next_header().into(), ip.payload())
    }
}
