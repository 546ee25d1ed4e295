//! What we write, as smoltcp and our own reader see it.
use super::{echo_request, ends, icmp_protocol, ip, read_ip, sockets, tcp_packet, udp_packet};
use crate::packet::build::{self, BuildError};
use crate::packet::{Demultiplexer, Segment};
use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv4Packet, Icmpv6Packet, Ipv4Packet, TcpControl, TcpPacket, TcpRepr, UdpPacket};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

type Answer = fn(&[u8], &mut Vec<u8>) -> bool;

fn built(answer: impl Fn(&[u8], &mut Vec<u8>) -> bool, original: &[u8]) -> Option<Vec<u8>> {
    let mut out = b"left over".to_vec();
    answer(original, &mut out).then_some(out)
}

/// Type, code, the four bytes after the checksum, and the quote. Checks the checksum.
fn read_icmp(packet: &[u8]) -> (u8, u8, u32, &[u8]) {
    let (src, dst, protocol, message) = read_ip(packet);
    match (src, dst) {
        (IpAddr::V4(_), _) => {
            assert!(Icmpv4Packet::new_checked(message).unwrap().verify_checksum());
            assert_eq!(protocol, 1);
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            assert!(Icmpv6Packet::new_checked(message).unwrap().verify_checksum(&src, &dst));
            assert_eq!(protocol, 58);
        }
        _ => unreachable!("one family"),
    }
    let detail = u32::from_be_bytes(message[4..8].try_into().unwrap());
    (message[0], message[1], detail, &message[8..])
}

#[test]
fn every_error_has_its_number() {
    let too_big = |mtu| move |original: &[u8], out: &mut Vec<u8>| build::packet_too_big(original, mtu, out);
    for (v6, answer, number) in [
        (false, &build::no_route as &dyn Fn(&[u8], &mut Vec<u8>) -> bool, (3, 0, 0)),
        (false, &build::host_unreachable, (3, 1, 0)),
        (false, &build::protocol_unreachable, (3, 2, 0)),
        (false, &build::port_unreachable, (3, 3, 0)),
        (false, &too_big(1400), (3, 4, 1400)),
        (false, &too_big(0), (3, 4, 68)),
        (false, &too_big(100_000), (3, 4, 65535)),
        (false, &build::prohibited, (3, 13, 0)),
        (true, &build::no_route, (1, 0, 0)),
        (true, &build::prohibited, (1, 1, 0)),
        (true, &build::host_unreachable, (1, 3, 0)),
        (true, &build::port_unreachable, (1, 4, 0)),
        (true, &too_big(1400), (2, 0, 1400)),
        (true, &too_big(0), (2, 0, 1280)),
        (true, &build::protocol_unreachable, (4, 1, 6)),
    ] {
        let (app, remote) = sockets(v6);
        let original = udp_packet(app, remote, b"hello");
        let error = built(answer, &original).unwrap();
        let (src, dst, ..) = read_ip(&error);
        assert_eq!((src, dst), (remote.ip(), app.ip()), "in the name of the destination");
        let (kind, code, detail, quote) = read_icmp(&error);
        assert_eq!((kind, code, detail), number);
        assert_eq!(quote, original);
    }
}

#[test]
fn an_unknown_protocol_is_pointed_at_behind_extension_headers() {
    let (app, remote) = ends(true);
    let original = ip(app, remote, 0, &[&[132, 0, 1, 4, 0, 0, 0, 0], b"payload".as_slice()].concat());
    let error = built(build::protocol_unreachable, &original).unwrap();
    assert_eq!(read_icmp(&error), (4, 1, 40, original.as_slice()));
}

#[test]
fn long_originals_are_quoted_in_part() {
    for (v6, limit) in [(false, 576), (true, 1280)] {
        let (app, remote) = sockets(v6);
        let original = udp_packet(app, remote, &[7; 3000]);
        let error = built(build::port_unreachable, &original).unwrap();
        assert_eq!(error.len(), limit);
        assert!(original.starts_with(read_icmp(&error).3));
    }
}

#[test]
fn errors_that_nobody_may_send() {
    let all: [Answer; 5] = [
        build::port_unreachable,
        build::protocol_unreachable,
        build::host_unreachable,
        build::no_route,
        build::prohibited,
    ];
    let silent = |original: &[u8]| all.iter().all(|answer| built(answer, original).is_none());
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let error = built(build::port_unreachable, &udp_packet(app, remote, b"x")).unwrap();
        assert!(silent(&error), "about an error");
        assert!(built(|original, out| build::packet_too_big(original, 1300, out), &error).is_none());
        let reply_kind = if v6 { 129 } else { 0 };
        let mut reply = echo_request(app.ip(), remote.ip(), 1, 1, b"");
        assert!(
            !silent(&ip(app.ip(), remote.ip(), icmp_protocol(app.ip()), &reply)),
            "about an echo request"
        );
        reply[0] = if v6 { 137 } else { 5 };
        assert!(silent(&ip(app.ip(), remote.ip(), icmp_protocol(app.ip()), &reply)), "about a redirect");
        if !v6 {
            reply[0] = reply_kind;
            assert!(silent(&ip(app.ip(), remote.ip(), 1, &reply)), "about an echo reply");
        }
        let group = if v6 { "[ff02::fb]:5353" } else { "224.0.0.251:5353" }.parse().unwrap();
        assert!(silent(&udp_packet(app, group, b"x")), "to a group");
        assert!(silent(&udp_packet(app, remote, b"hello")[..30]), "about half a packet");
    }
    let (app, _) = sockets(false);
    assert!(silent(&udp_packet(app, "255.255.255.255:67".parse().unwrap(), b"x")), "to broadcast");
    assert!(silent(&udp_packet("0.0.0.0:68".parse().unwrap(), app, b"x")), "to nobody");
}

#[test]
fn only_the_first_fragment_is_answered() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        build::udp(app, remote, &[1; 3000], &mut whole).unwrap();
        build::Fragmenter::new(5).send(&whole, 1280, |piece| pieces.push(piece.to_vec())).unwrap();
        let answered: Vec<bool> =
            pieces.iter().map(|piece| built(build::port_unreachable, piece).is_some()).collect();
        assert_eq!(answered, [true, false, false]);
    }
}

#[test]
fn too_big_answers_ipv6_groups_but_not_ipv4_ones() {
    let too_big = |original: &[u8], out: &mut Vec<u8>| build::packet_too_big(original, 1300, out);
    let (app, _) = sockets(true);
    let error = built(too_big, &udp_packet(app, "[ff0e::1]:9".parse().unwrap(), &[0; 1400])).unwrap();
    let (src, dst, ..) = read_ip(&error);
    assert_eq!((src, dst), ("fe80::1".parse().unwrap(), app.ip()));
    assert_eq!(read_icmp(&error).0, 2);
    let (app, _) = sockets(false);
    assert!(built(too_big, &udp_packet(app, "239.1.1.1:9".parse().unwrap(), &[0; 1400])).is_none());
}

/// A reset as smoltcp reads it: sequence number, acknowledgement.
fn read_reset(packet: &[u8], app: SocketAddr, remote: SocketAddr) -> (i32, Option<i32>) {
    let (src, dst, protocol, segment) = read_ip(packet);
    assert_eq!((src, dst, protocol), (remote.ip(), app.ip(), 6));
    let tcp = TcpPacket::new_checked(segment).unwrap();
    let repr = TcpRepr::parse(&tcp, &src.into(), &dst.into(), &ChecksumCapabilities::default()).unwrap();
    assert_eq!((repr.src_port, repr.dst_port, repr.control), (remote.port(), app.port(), TcpControl::Rst));
    (repr.seq_number.0, repr.ack_number.map(|number| number.0))
}

#[test]
fn resets_follow_rfc_9293() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        for (control, ack, payload, expected) in [
            (TcpControl::Syn, None, &b""[..], (0, Some(1_000_001))),
            (TcpControl::Syn, None, b"early", (0, Some(1_000_006))),
            (TcpControl::None, None, b"data", (0, Some(1_000_004))),
            (TcpControl::Fin, None, b"data", (0, Some(1_000_005))),
            (TcpControl::None, Some(55), b"data", (55, None)),
            (TcpControl::Syn, Some(55), b"", (55, None)),
        ] {
            let original = tcp_packet(app, remote, control, ack, payload);
            let reset = built(build::tcp_reset, &original).unwrap();
            assert_eq!(read_reset(&reset, app, remote), expected, "{control:?} {ack:?}");
            assert!(built(build::tcp_reset, &reset).is_none(), "a reset is not answered");
        }
        assert!(built(build::tcp_reset, &udp_packet(app, remote, b"this is not TCP, whatever")).is_none());
        let group = if v6 { "[ff02::1]:80" } else { "224.0.0.1:80" }.parse().unwrap();
        assert!(built(build::tcp_reset, &tcp_packet(app, group, TcpControl::Syn, None, b"")).is_none());
    }
}

#[test]
fn a_reset_finds_its_segment_behind_extension_headers() {
    let (app, remote) = sockets(true);
    let segment = super::tcp(app, remote, TcpControl::Syn, None, b"");
    let original = ip(app.ip(), remote.ip(), 60, &[&[6, 0, 1, 4, 0, 0, 0, 0], segment.as_slice()].concat());
    let reset = built(build::tcp_reset, &original).unwrap();
    assert_eq!(read_reset(&reset, app, remote), (0, Some(1_000_001)));
}

#[test]
fn what_cannot_be_written() {
    let ((app4, _), (app6, remote6)) = (sockets(false), sockets(true));
    let mut out = Vec::new();
    assert_eq!(build::udp(app4, remote6, b"x", &mut out), Err(BuildError::MixedFamilies));
    assert_eq!(build::udp(app4, app4, &vec![0; 65508], &mut out), Err(BuildError::TooLong));
    assert_eq!(build::udp(app4, app4, &vec![0; 65507], &mut out), Ok(()));
    assert_eq!(build::udp(app6, remote6, &vec![0; 65528], &mut out), Err(BuildError::TooLong));
    assert_eq!(build::udp(app6, remote6, &vec![0; 65527], &mut out), Ok(()));
    assert_eq!(build::echo_reply(app4.ip(), app4.ip(), 1, &[0; 7], &mut out), Err(BuildError::TooShort));
    let mut fragmenter = build::Fragmenter::new(0);
    let nothing = |_: &[u8]| panic!("nothing is sent");
    assert_eq!(fragmenter.send(&[], 1500, nothing), Err(BuildError::TooShort));
    assert_eq!(fragmenter.send(&[0x45; 19], 1500, nothing), Err(BuildError::TooShort));
    assert_eq!(fragmenter.send(&[0x60; 39], 1500, nothing), Err(BuildError::TooShort));
    assert_eq!(fragmenter.send(&[0x60; 60], 55, nothing), Err(BuildError::MtuTooSmall));
    assert_eq!(fragmenter.send(&[0x45; 60], 27, nothing), Err(BuildError::MtuTooSmall));
    assert_eq!(fragmenter.send(&vec![0x45; 70_000], 1500, nothing), Err(BuildError::TooLong));
}

#[test]
fn a_udp_checksum_is_never_written_as_missing() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let mut out = Vec::new();
        // Among all payloads of two bytes there is one for which the sum comes out as zero.
        let all_bits = (0..=u16::MAX).filter(|payload| {
            build::udp(remote, app, &payload.to_be_bytes(), &mut out).unwrap();
            let (src, dst, _, datagram) = read_ip(&out);
            let datagram = UdpPacket::new_checked(datagram).unwrap();
            assert_ne!(datagram.checksum(), 0);
            assert!(datagram.verify_checksum(&src.into(), &dst.into()));
            datagram.checksum() == 0xffff
        });
        assert_eq!(all_bits.count(), 1);
    }
}

#[test]
fn each_fragmented_datagram_has_an_id_of_its_own() {
    let (app, remote) = sockets(false);
    let mut whole = Vec::new();
    build::udp(remote, app, &[1; 2000], &mut whole).unwrap();
    let mut fragmenter = build::Fragmenter::new(u32::MAX);
    let mut ids = Vec::new();
    for _ in 0..2 {
        fragmenter
            .send(&whole, 1500, |piece| {
                let header = Ipv4Packet::new_checked(piece).unwrap();
                assert!(!header.dont_frag());
                ids.push(header.ident());
            })
            .unwrap();
    }
    assert_eq!(ids, [0xffff, 0xffff, 0, 0]);
}

proptest! {
    #[test]
    fn smoltcp_reads_our_udp(
        v6 in any::<bool>(),
        src_port in 1..=u16::MAX,
        payload in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let (app, remote) = sockets(v6);
        let remote = SocketAddr::new(remote.ip(), src_port);
        let mut out = Vec::new();
        build::udp(remote, app, &payload, &mut out).unwrap();
        let (src, dst, protocol, datagram) = read_ip(&out);
        prop_assert_eq!((src, dst, protocol), (remote.ip(), app.ip(), 17));
        let udp = UdpPacket::new_checked(datagram).unwrap();
        prop_assert!(udp.verify_checksum(&src.into(), &dst.into()));
        prop_assert_eq!((udp.src_port(), udp.dst_port()), (src_port, app.port()));
        prop_assert_eq!(udp.payload(), payload.as_slice());
        // And byte for byte what smoltcp would have written.
        let theirs = super::udp(remote, app, &payload);
        prop_assert_eq!(datagram, theirs);
    }

    #[test]
    fn echo_replies_keep_sequence_and_data(
        v6 in any::<bool>(),
        ident: u16,
        seq: u16,
        data in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (app, remote) = ends(v6);
        let mut out = Vec::new();
        build::echo_reply(remote, app, ident, &echo_request(app, remote, 9, seq, &data), &mut out).unwrap();
        let (kind, code, detail, rest) = read_icmp(&out);
        prop_assert_eq!((kind, code), (if v6 { 129 } else { 0 }, 0));
        prop_assert_eq!(detail, u32::from(ident) << 16 | u32::from(seq));
        prop_assert_eq!(rest, data.as_slice());
    }

    #[test]
    fn what_we_write_we_read(v6 in any::<bool>(), payload in prop::collection::vec(any::<u8>(), 0..3000)) {
        let (app, remote) = sockets(v6);
        let mut out = Vec::new();
        build::udp(app, remote, &payload, &mut out).unwrap();
        let mut demultiplexer = Demultiplexer::default();
        let datagram = demultiplexer.take(Instant::now(), &out).unwrap().unwrap();
        prop_assert_eq!((datagram.src, datagram.dst), (app.ip(), remote.ip()));
        let expected = Segment::Udp { src_port: app.port(), dst_port: remote.port(), payload: &payload };
        prop_assert_eq!(datagram.transport, expected);
    }
}
