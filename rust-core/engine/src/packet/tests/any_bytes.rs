//! Whatever the bytes are: no panic, and what comes out keeps its promises.
use super::{echo_request, icmp_protocol, ip, sockets, tcp_packet, udp_packet};
use crate::packet::{Checksums, Datagram, Demultiplexer, Drop, Segment, build, is_unicast};
use proptest::prelude::*;
use smoltcp::wire::TcpControl;
use std::time::Instant;

/// Good packets of each kind, then spoilt.
fn nearly_good() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(any::<u8>(), 0..64);
    (
        any::<bool>(),
        0..6_u8,
        payload,
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    )
        .prop_map(|(v6, kind, payload, spoilt)| {
            let (app, remote) = sockets(v6);
            let mut packet = match kind {
                0 => udp_packet(app, remote, &payload),
                1 => tcp_packet(app, remote, TcpControl::Syn, None, &payload),
                2 => tcp_packet(app, remote, TcpControl::Fin, Some(7), &payload),
                3 => {
                    let request = echo_request(app.ip(), remote.ip(), 1, 2, &payload);
                    ip(app.ip(), remote.ip(), icmp_protocol(app.ip()), &request)
                }
                // Extension headers, some of them nonsense.
                4 => ip(app.ip(), remote.ip(), 0, &[&[17, 0, 1, 4, 0, 0, 0, 0], payload.as_slice()].concat()),
                _ => {
                    ip(app.ip(), remote.ip(), 44, &[&[17, 0, 0, 1, 0, 0, 0, 9], payload.as_slice()].concat())
                }
            };
            for (index, value) in spoilt {
                let at = index.index(packet.len());
                packet[at] = value;
            }
            packet
        })
}

fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (prop::sample::select(vec![0x45, 0x46, 0x4f, 0x60]), prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(first, rest)| [vec![first], rest].concat()),
        nearly_good(),
    ]
}

fn check_promises(datagram: &Datagram<'_>) {
    assert_eq!(datagram.src.is_ipv4(), datagram.dst.is_ipv4());
    assert!(is_unicast(datagram.src));
    match datagram.transport {
        Segment::Tcp { src_port, dst_port, syn, fin, rst, payload, ip, .. } => {
            assert!(src_port != 0 && dst_port != 0 && is_unicast(datagram.dst));
            assert!(!(syn && (fin || rst)));
            assert!(ip.len() <= datagram.packet.len() && ip.ends_with(payload));
        }
        Segment::Udp { src_port, dst_port, payload } => {
            assert!(src_port != 0 && dst_port != 0 && payload.len() < datagram.packet.len());
        }
        Segment::Echo { message, .. } => assert!(message.len() >= 8 && datagram.packet.ends_with(message)),
        Segment::IcmpError { .. } | Segment::Other(_) => {}
    }
}

proptest! {
    #[test]
    fn taking_never_panics(packets in prop::collection::vec(any_packet(), 1..8), trust in any::<bool>()) {
        let checksums = if trust { Checksums::Trust } else { Checksums::Verify };
        let mut demultiplexer = Demultiplexer::new(checksums);
        let now = Instant::now();
        for packet in packets {
            if let Ok(Some(datagram)) = demultiplexer.take(now, &packet) {
                check_promises(&datagram);
            }
        }
    }

    #[test]
    fn answering_never_panics_and_answers_are_well_formed(original in any_packet(), mtu in any::<u32>()) {
        let mut answers = Vec::new();
        for answer in [
            build::port_unreachable, build::protocol_unreachable, build::host_unreachable,
            build::no_route, build::prohibited, build::tcp_reset,
        ] {
            let mut out = Vec::new();
            if answer(&original, &mut out) {
                answers.push(out);
            }
        }
        let mut out = Vec::new();
        if build::packet_too_big(&original, mtu, &mut out) {
            answers.push(out);
        }
        for answer in answers {
            let (src, dst, _, _) = super::read_ip(&answer);
            prop_assert!(is_unicast(src) && is_unicast(dst));
            let limit = if src.is_ipv4() { 576 } else { 1280 };
            prop_assert!(answer.len() <= limit);
        }
    }

    #[test]
    fn cutting_never_panics(
        packet in prop::collection::vec(any::<u8>(), 0..300),
        mtu in 0_usize..200,
    ) {
        let mut longest = 0;
        let cut = build::Fragmenter::new(1).send(&packet, mtu, |piece| longest = longest.max(piece.len()));
        prop_assert!(longest <= mtu);
        prop_assert_eq!(cut.is_ok(), longest > 0);
    }

    #[test]
    fn a_packet_that_ends_early_is_never_taken(packet in nearly_good(), keep in any::<prop::sample::Index>()) {
        let mut demultiplexer = Demultiplexer::default();
        let now = Instant::now();
        if demultiplexer.take(now, &packet).is_ok_and(|taken| taken.is_some_and(|it| it.packet.len() == packet.len())) {
            let short = &packet[..keep.index(packet.len())];
            prop_assert!(demultiplexer.take(now, short).is_err());
        }
    }

    #[test]
    fn bytes_after_the_end_change_nothing(v6 in any::<bool>(), payload: Vec<u8>, padding: Vec<u8>) {
        let (app, remote) = sockets(v6);
        let packet = udp_packet(app, remote, &payload);
        let padded = [packet.as_slice(), &padding].concat();
        let (mut one, mut other) = (Demultiplexer::default(), Demultiplexer::default());
        let now = Instant::now();
        prop_assert_eq!(one.take(now, &packet).unwrap(), other.take(now, &padded).unwrap());
    }
}

#[test]
fn nothing_at_all_is_truncated() {
    let mut demultiplexer = Demultiplexer::default();
    assert_eq!(demultiplexer.take(Instant::now(), &[]), Err(Drop::Truncated));
}
