//! One packet at a time.
use super::{
    APP4, APP6, REMOTE4, REMOTE6, echo_request, ends, icmp_protocol, ip, ipv4_with_options, sockets, tcp,
    tcp_packet, udp, udp_packet,
};
use crate::packet::{Checksums, Demultiplexer, Drop, Quoted, Segment, build};
use proptest::prelude::*;
use smoltcp::wire::{Ipv4Packet, Ipv6Packet, TcpControl, TcpPacket};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

fn drop_reason(packet: &[u8]) -> Option<Drop> {
    Demultiplexer::default().take(Instant::now(), packet).err()
}

/// The protocol and payload of what was dropped or taken, for packets whose transport is UDP to port 443.
fn udp_payload(packet: &[u8]) -> Result<Vec<u8>, Drop> {
    match Demultiplexer::default().take(Instant::now(), packet)?.expect("no fragment").transport {
        Segment::Udp { dst_port: 443, payload, .. } => Ok(payload.to_vec()),
        other => panic!("{other:?}"),
    }
}

/// An IPv6 UDP packet behind extension headers. `first` is the number of the first of them; the last must name UDP (17).
fn behind(first: u8, extensions: &[u8]) -> Vec<u8> {
    let (app, remote) = sockets(true);
    ip(app.ip(), remote.ip(), first, &[extensions, &udp(app, remote, b"hello")].concat())
}

#[test]
fn tcp_fields() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let packet = tcp_packet(app, remote, TcpControl::Fin, Some(77), b"GET /");
        let mut demultiplexer = Demultiplexer::default();
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        assert_eq!((datagram.src, datagram.dst, datagram.hop_limit), (app.ip(), remote.ip(), 64));
        let expected = Segment::Tcp {
            src_port: 40_000,
            dst_port: 443,
            syn: false,
            ack: true,
            fin: true,
            rst: false,
            seq: 1_000_000,
            ack_number: 77,
            payload: b"GET /",
            ip: &packet,
        };
        assert_eq!(datagram.transport, expected);
        let Segment::Tcp { ip, .. } = datagram.transport else { panic!("TCP") };
        assert!(std::ptr::eq(ip, packet.as_slice()), "a plain packet is not copied");
    }
}

#[test]
fn udp_fields() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let packet = udp_packet(app, remote, b"hello");
        let mut demultiplexer = Demultiplexer::default();
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        assert_eq!(datagram.transport, Segment::Udp { src_port: 40_000, dst_port: 443, payload: b"hello" });
        assert_eq!(datagram.packet, packet);
    }
}

#[test]
fn echo_fields() {
    for v6 in [false, true] {
        let (app, remote) = ends(v6);
        let request = echo_request(app, remote, 11, 12, b"abcdefgh");
        let packet = ip(app, remote, icmp_protocol(app), &request);
        let mut demultiplexer = Demultiplexer::default();
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        assert_eq!(datagram.transport, Segment::Echo { ident: 11, seq: 12, message: &request });
    }
}

#[test]
fn an_icmp_error_tells_which_of_our_packets_it_is_about() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let (mut ours, mut error) = (Vec::new(), Vec::new());
        build::udp(remote, app, b"too late", &mut ours).unwrap();
        assert!(build::port_unreachable(&ours, &mut error));
        let mut demultiplexer = Demultiplexer::default();
        let datagram = demultiplexer.take(Instant::now(), &error).unwrap().unwrap();
        let (kind, code) = if v6 { (1, 4) } else { (3, 3) };
        let about = Some(Quoted { protocol: 17, src: remote, dst: app });
        assert_eq!(datagram.transport, Segment::IcmpError { kind, code, about });
    }
}

#[test]
fn the_df_bit_is_passed_on() {
    let (app, remote) = sockets(false);
    for dont_fragment in [false, true] {
        let mut packet = udp_packet(app, remote, b"probe");
        let mut header = Ipv4Packet::new_unchecked(&mut packet);
        header.set_dont_frag(dont_fragment);
        header.fill_checksum();
        let mut demultiplexer = Demultiplexer::default();
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        assert_eq!(datagram.dont_fragment, dont_fragment);
    }
}

#[test]
fn other_protocols_are_named_by_their_number() {
    let mut demultiplexer = Demultiplexer::default();
    for (v6, protocol) in
        [(false, 47), (false, 51), (false, 58), (true, 1), (true, 50), (true, 51), (true, 132)]
    {
        let (app, remote) = ends(v6);
        let packet = ip(app, remote, protocol, b"payload");
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        assert_eq!(datagram.transport, Segment::Other(protocol));
    }
    // A router solicitation is neither echo nor error.
    let mut solicitation = echo_request(APP6.into(), REMOTE6.into(), 0, 0, b"");
    solicitation[0] = 133;
    solicitation[2..4].copy_from_slice(&[0, 0]);
    let packet = ip(APP6.into(), REMOTE6.into(), 58, &solicitation);
    let mut trusting = Demultiplexer::new(Checksums::Trust);
    let datagram = trusting.take(Instant::now(), &packet).unwrap().unwrap();
    assert_eq!(datagram.transport, Segment::Other(58));
}

#[test]
fn ipv4_options_are_passed_over() {
    let (app, remote) = sockets(false);
    let payload = udp(app, remote, b"hello");
    // No operation, a timestamp option of seven bytes, end of list with rubbish behind it.
    let options = [1, 68, 7, 5, 0, 0, 0, 0, 0, 9, 9, 9];
    assert_eq!(udp_payload(&ipv4_with_options(17, &options, &payload)), Ok(b"hello".to_vec()));
    for (options, reason) in [
        ([131, 4, 4, 0], Drop::SourceRoute),
        ([1, 137, 3, 4], Drop::SourceRoute),
        ([68, 1, 0, 0], Drop::HeaderOptions),
        ([68, 5, 0, 0], Drop::HeaderOptions),
        ([1, 1, 1, 68], Drop::HeaderOptions),
    ] {
        assert_eq!(drop_reason(&ipv4_with_options(17, &options, &payload)), Some(reason));
    }
}

#[test]
fn smoltcp_takes_tcp_with_ipv4_options_as_it_is() {
    let (app, remote) = sockets(false);
    let segment = tcp(app, remote, TcpControl::Syn, None, b"");
    let packet = ipv4_with_options(6, &[1, 1, 1, 0], &segment);
    let mut demultiplexer = Demultiplexer::default();
    let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
    let Segment::Tcp { ip, syn: true, .. } = datagram.transport else { panic!("a SYN") };
    let (_, _, _, payload) = super::read_ip(ip);
    assert_eq!(payload, segment);
}

#[test]
fn ipv6_extension_headers_are_passed_over() {
    // Pad1, PadN, an unknown option that may be skipped (kind 0x1e).
    let options = [17, 1, 0, 1, 2, 9, 9, 0x1e, 3, 1, 2, 3, 0, 0, 1, 0];
    assert_eq!(udp_payload(&behind(0, &options)), Ok(b"hello".to_vec()), "hop-by-hop");
    assert_eq!(udp_payload(&behind(60, &options)), Ok(b"hello".to_vec()), "destination options");
    assert_eq!(
        udp_payload(&behind(43, &[17, 0, 0, 0, 0, 0, 0, 0])),
        Ok(b"hello".to_vec()),
        "spent routing header"
    );
    assert_eq!(
        udp_payload(&behind(44, &[17, 0, 0, 0, 0, 0, 0, 7])),
        Ok(b"hello".to_vec()),
        "atomic fragment"
    );
    let all = [
        [60, 0, 1, 4, 0, 0, 0, 0],
        [43, 0, 1, 4, 0, 0, 0, 0],
        [44, 0, 4, 0, 0, 0, 0, 0],
        [17, 0, 0, 0, 0, 0, 0, 7],
    ];
    assert_eq!(udp_payload(&behind(0, &all.concat())), Ok(b"hello".to_vec()), "all of them");
}

#[test]
fn ipv6_extension_headers_that_are_refused() {
    for (first, extensions, reason) in [
        (60, &[0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0][..], Drop::ExtensionOrder),
        (43, &[17, 0, 0, 1, 0, 0, 0, 0], Drop::SourceRoute),
        (0, &[17, 0, 0x5e, 4, 0, 0, 0, 0], Drop::UnknownOption),
        (0, &[17, 0, 0xc2, 4, 0, 1, 0, 0], Drop::UnknownOption),
        (60, &[17, 0, 0xc9, 4, 0, 0, 0, 0], Drop::UnknownOption),
        (60, &[17, 0, 1, 5, 0, 0, 0, 0], Drop::UnknownOption),
        (60, &[17, 0, 0, 0, 0, 0, 0, 1], Drop::UnknownOption),
        (60, &[17, 200, 1, 4, 0, 0, 0, 0], Drop::Truncated),
        (60, &[59, 0, 1, 4, 0, 0, 0, 0], Drop::NoNextHeader),
        (44, &[44, 0, 0, 0, 0, 0, 0, 7, 17, 0, 0, 0, 0, 0, 0, 8], Drop::FragmentNested),
    ] {
        assert_eq!(drop_reason(&behind(first, extensions)), Some(reason), "{extensions:?}");
    }
    let many = [[60, 0, 1, 4, 0, 0, 0, 0]; 30].concat();
    assert_eq!(drop_reason(&behind(60, &many)), Some(Drop::TooManyExtensions));
    // A jumbogram says that its payload has no length.
    let mut jumbogram = behind(0, &[17, 0, 0xc2, 4, 0, 1, 0, 0]);
    Ipv6Packet::new_unchecked(&mut jumbogram).set_payload_len(0);
    assert_eq!(drop_reason(&jumbogram), Some(Drop::Truncated));
}

#[test]
fn tcp_behind_extension_headers_is_stripped_for_smoltcp() {
    let (app, remote) = sockets(true);
    let segment = tcp(app, remote, TcpControl::Syn, None, b"");
    let extensions = [[60, 0, 1, 4, 0, 0, 0, 0], [6, 0, 1, 4, 0, 0, 0, 0]].concat();
    let packet = ip(app.ip(), remote.ip(), 0, &[extensions, segment.clone()].concat());
    let mut demultiplexer = Demultiplexer::default();
    let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
    assert_eq!(datagram.packet, packet, "the original stays as it was, to be quoted");
    let Segment::Tcp { ip, .. } = datagram.transport else { panic!("TCP") };
    assert_eq!(super::read_ip(ip), (app.ip(), remote.ip(), 6, segment.as_slice()));
    let tcp = TcpPacket::new_checked(&segment).unwrap();
    assert!(tcp.verify_checksum(&app.ip().into(), &remote.ip().into()));
}

#[test]
fn lengths_that_contradict_each_other() {
    let (app, remote) = sockets(false);
    let good = udp_packet(app, remote, b"hello");
    let spoil = |at: usize, value: u8| {
        let mut packet = good.clone();
        packet[at] = value;
        Demultiplexer::new(Checksums::Trust).take(Instant::now(), &packet).err()
    };
    assert_eq!(spoil(0, 0x55), Some(Drop::Version));
    assert_eq!(spoil(0, 0x44), Some(Drop::HeaderLength));
    assert_eq!(spoil(3, 19), Some(Drop::HeaderLength));
    assert_eq!(spoil(3, good.len() as u8 + 1), Some(Drop::Truncated));
    assert_eq!(spoil(25, 7), Some(Drop::UdpLength));
    assert_eq!(spoil(25, 14), Some(Drop::UdpLength));
    assert_eq!(spoil(25, 12), None, "bytes behind a UDP datagram are ignored");
    assert_eq!(drop_reason(&good[..19]), Some(Drop::Truncated));
    let icmp = ip(app.ip(), remote.ip(), 1, &[8, 0, 0, 0, 0, 0, 0]);
    assert_eq!(drop_reason(&icmp), Some(Drop::IcmpLength));
    for header_len in [4, 6] {
        let mut packet = tcp_packet(app, remote, TcpControl::None, Some(1), b"");
        packet[20 + 12] = header_len << 4;
        assert_eq!(drop_reason(&packet), Some(Drop::TcpHeader));
    }
}

#[test]
fn ports_flags_and_groups_that_make_no_sense() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let no_port = SocketAddr::new(remote.ip(), 0);
        assert_eq!(drop_reason(&udp_packet(app, no_port, b"x")), Some(Drop::PortZero));
        assert_eq!(
            drop_reason(&udp_packet(SocketAddr::new(app.ip(), 0), remote, b"x")),
            Some(Drop::PortZero)
        );
        let header_len = if v6 { 40 } else { 20 };
        for flags in [0x03, 0x06, 0x07] {
            let mut packet = tcp_packet(app, remote, TcpControl::Syn, None, b"");
            packet[header_len + 13] = flags;
            assert_eq!(drop_reason(&packet), Some(Drop::TcpFlags));
        }
        let group: IpAddr = if v6 { "ff02::fb" } else { "224.0.0.251" }.parse().unwrap();
        let group = SocketAddr::new(group, 443);
        assert_eq!(
            drop_reason(&tcp_packet(app, group, TcpControl::Syn, None, b"")),
            Some(Drop::TcpNotUnicast)
        );
        assert_eq!(drop_reason(&udp_packet(app, group, b"mDNS")), None);
    }
}

#[test]
fn a_udp_checksum_may_be_missing_over_ipv4_only() {
    for (v6, expected) in [(false, None), (true, Some(Drop::UdpNoChecksum))] {
        let (app, remote) = sockets(v6);
        let mut packet = udp_packet(app, remote, b"hello");
        let at = packet.len() - 7;
        packet[at..at + 2].fill(0);
        assert_eq!(drop_reason(&packet), expected);
    }
}

#[test]
fn insane_addresses_are_refused_in_whole_packets() {
    let (app, _) = sockets(false);
    let loopback: SocketAddr = "127.0.0.1:443".parse().unwrap();
    assert_eq!(drop_reason(&udp_packet(app, loopback, b"x")), Some(Drop::DestinationLoopback));
    assert_eq!(drop_reason(&udp_packet(loopback, app, b"x")), Some(Drop::SourceLoopback));
    assert_eq!(drop_reason(&ip(APP4.into(), APP4.into(), 17, b"")), Some(Drop::SourceIsDestination));
    assert_eq!(drop_reason(&ip(APP4.into(), REMOTE4.into(), 17, b"")), Some(Drop::UdpLength));
    let mapped: SocketAddr = "[::ffff:10.0.0.1]:1".parse().unwrap();
    assert_eq!(drop_reason(&udp_packet(mapped, sockets(true).1, b"x")), Some(Drop::SourceMapped));
}

#[test]
fn trusting_leaves_checksums_unread() {
    let (app, remote) = sockets(false);
    let mut packet = udp_packet(app, remote, b"hello");
    packet[10] ^= 1;
    *packet.last_mut().unwrap() ^= 1;
    assert_eq!(drop_reason(&packet), Some(Drop::HeaderChecksum));
    assert!(Demultiplexer::new(Checksums::Trust).take(Instant::now(), &packet).is_ok());
}

proptest! {
    /// Any flipped bit under a checksum is noticed.
    #[test]
    fn verifying_finds_flipped_bits(
        v6 in any::<bool>(),
        is_tcp in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 1..100),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let (app, remote) = sockets(v6);
        let mut packet = if is_tcp {
            tcp_packet(app, remote, TcpControl::None, Some(1), &payload)
        } else {
            udp_packet(app, remote, &payload)
        };
        prop_assert_eq!(drop_reason(&packet), None);
        let at = packet.len() - payload.len() + place.index(payload.len());
        packet[at] ^= 1 << bit;
        prop_assert_eq!(drop_reason(&packet), Some(Drop::TransportChecksum));
    }

    /// What smoltcp writes is read as it was meant.
    #[test]
    fn reads_what_smoltcp_writes(
        v6 in any::<bool>(),
        src_port in 1..=u16::MAX,
        dst_port in 1..=u16::MAX,
        wanted in prop::collection::vec(any::<u8>(), 0..1500),
        wanted_ack in any::<i32>(),
    ) {
        let (app, remote) = ends(v6);
        let (app, remote) = (SocketAddr::new(app, src_port), SocketAddr::new(remote, dst_port));
        let mut demultiplexer = Demultiplexer::default();
        let packet = udp_packet(app, remote, &wanted);
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        prop_assert_eq!(datagram.transport, Segment::Udp { src_port, dst_port, payload: &wanted });
        let packet = tcp_packet(app, remote, TcpControl::Psh, Some(wanted_ack), &wanted);
        let datagram = demultiplexer.take(Instant::now(), &packet).unwrap().unwrap();
        let Segment::Tcp { payload, ack, ack_number, .. } = datagram.transport else { panic!("TCP") };
        prop_assert_eq!((payload, ack, ack_number), (wanted.as_slice(), true, wanted_ack as u32));
    }
}
