//! Datagrams that come in pieces.
use super::{APP4, APP6, REMOTE4, REMOTE6, ip, sockets, tcp, tcp_packet};
use crate::packet::{Demultiplexer, Drop, Segment, build};
use proptest::prelude::*;
use smoltcp::wire::{Ipv4Packet, TcpControl};
use std::time::{Duration, Instant};

/// Cuts a packet into pieces of at most `mtu` bytes, under an identification.
fn cut(packet: &[u8], id: u32, mtu: usize) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    build::Fragmenter::new(id).send(packet, mtu, |piece| pieces.push(piece.to_vec())).unwrap();
    pieces
}

/// One fragment made by hand. `offset` in bytes.
fn fragment(v6: bool, id: u32, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    if v6 {
        let field = (offset as u16 | u16::from(more)).to_be_bytes();
        let header = [&[17, 0], field.as_slice(), &id.to_be_bytes()].concat();
        return ip(APP6.into(), REMOTE6.into(), 44, &[&header, payload].concat());
    }
    let mut bytes = ip(APP4.into(), REMOTE4.into(), 17, payload);
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes);
    packet.set_dont_frag(false);
    packet.set_ident(id as u16);
    packet.set_frag_offset(offset as u16);
    packet.set_more_frags(more);
    packet.fill_checksum();
    bytes
}

/// What came of a packet: whether a whole datagram came out.
fn took(demultiplexer: &mut Demultiplexer, now: Instant, packet: &[u8]) -> Result<bool, Drop> {
    demultiplexer.take(now, packet).map(|datagram| datagram.is_some())
}

#[test]
fn a_reassembled_datagram_is_like_the_whole_one() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let wanted = vec![7; 5000];
        let mut whole = Vec::new();
        build::udp(app, remote, &wanted, &mut whole).unwrap();
        let pieces = cut(&whole, 3, 1500);
        let mut demultiplexer = Demultiplexer::default();
        let now = Instant::now();
        let (last, first) = pieces.split_last().unwrap();
        for piece in first {
            assert_eq!(demultiplexer.take(now, piece), Ok(None));
        }
        let datagram = demultiplexer.take(now, last).unwrap().unwrap();
        assert_eq!(datagram.transport, Segment::Udp { src_port: 40_000, dst_port: 443, payload: &wanted });
        assert!(!datagram.dont_fragment);
        assert_eq!(datagram.packet.len(), whole.len());
        assert_eq!(super::read_ip(datagram.packet), super::read_ip(&whole), "no trace of fragments is left");
        assert!(demultiplexer.reassembler().is_empty());
        assert_eq!(demultiplexer.reassembler().held_bytes(), 0);
    }
}

#[test]
fn tcp_in_fragments_is_whole_for_smoltcp() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let packet = tcp_packet(app, remote, TcpControl::None, Some(1), &[5; 100]);
        let mut demultiplexer = Demultiplexer::default();
        let now = Instant::now();
        // The smallest pieces there are: not even the TCP header is in one piece.
        let pieces = cut(&packet, 3, if v6 { 56 } else { 28 });
        assert!(pieces.len() > 10);
        let (last, first) = pieces.split_last().unwrap();
        for piece in first {
            assert_eq!(demultiplexer.take(now, piece), Ok(None));
        }
        let datagram = demultiplexer.take(now, last).unwrap().unwrap();
        let Segment::Tcp { ip, dst_port: 443, .. } = datagram.transport else { panic!("TCP") };
        assert_eq!(super::read_ip(ip), super::read_ip(&packet));
    }
}

#[test]
fn ipv6_headers_before_and_behind_the_fragment_header_survive() {
    let (app, remote) = sockets(true);
    let segment = tcp(app, remote, TcpControl::Syn, None, b"");
    // Hop-by-hop before, destination options behind: the latter are part of what was cut up.
    let carried = [&[6, 0, 1, 4, 0, 0, 0, 0], segment.as_slice()].concat();
    let (one, other) = carried.split_at(16);
    let piece = |offset: u8, more: u8, part: &[u8]| {
        let headers = [[44, 0, 1, 4, 0, 0, 0, 0], [60, 0, 0, offset | more, 0, 0, 0, 1]].concat();
        ip(app.ip(), remote.ip(), 0, &[&headers, part].concat())
    };
    let mut demultiplexer = Demultiplexer::default();
    let now = Instant::now();
    assert_eq!(took(&mut demultiplexer, now, &piece(16, 0, other)), Ok(false));
    let first = piece(0, 1, one);
    let datagram = demultiplexer.take(now, &first).unwrap().unwrap();
    let unfragmented =
        ip(app.ip(), remote.ip(), 0, &[&[60, 0, 1, 4, 0, 0, 0, 0], carried.as_slice()].concat());
    assert_eq!(datagram.packet, unfragmented);
    let Segment::Tcp { ip, .. } = datagram.transport else { panic!("TCP") };
    assert_eq!(super::read_ip(ip), (app.ip(), remote.ip(), 6, segment.as_slice()));
}

#[test]
fn overlapping_fragments_condemn_their_datagram() {
    // (offset, last?, bytes): the second contradicts the first.
    let cases: [[(usize, bool, &[u8]); 2]; 6] = [
        [(0, true, &[1; 16]), (8, true, &[1; 16])],
        [(8, true, &[1; 16]), (0, true, &[1; 16])],
        [(0, true, &[1; 32]), (8, true, &[1; 8])],
        [(8, true, &[1; 8]), (8, true, &[2; 8])],
        [(8, false, &[1; 8]), (16, true, &[1; 8])],
        [(16, true, &[1; 8]), (8, false, &[1; 8])],
    ];
    for v6 in [false, true] {
        for (number, [one, other]) in cases.into_iter().enumerate() {
            let mut demultiplexer = Demultiplexer::default();
            let now = Instant::now();
            let mut give = |(offset, more, bytes): (usize, bool, &[u8])| {
                took(&mut demultiplexer, now, &fragment(v6, 9, offset, more, bytes))
            };
            assert_eq!(give(one), Ok(false), "case {number}");
            assert_eq!(give(other), Err(Drop::FragmentOverlap), "case {number}");
            assert_eq!(
                give((40, false, &[0; 8])),
                Err(Drop::FragmentOverlap),
                "whatever comes after is dropped too"
            );
        }
    }
}

#[test]
fn the_same_fragment_twice_does_no_harm() {
    let (app, remote) = sockets(true);
    let packet = super::udp_packet(app, remote, &[3; 100]);
    let pieces = cut(&packet, 1, 100);
    assert_eq!(pieces.len(), 3);
    let mut demultiplexer = Demultiplexer::default();
    let now = Instant::now();
    for number in [0, 0, 2, 2, 0] {
        assert_eq!(took(&mut demultiplexer, now, &pieces[number]), Ok(false));
    }
    assert_eq!(took(&mut demultiplexer, now, &pieces[1]), Ok(true));
}

#[test]
fn the_same_bytes_as_middle_and_as_last_contradict() {
    let mut demultiplexer = Demultiplexer::default();
    let now = Instant::now();
    assert_eq!(took(&mut demultiplexer, now, &fragment(false, 1, 8, true, &[1; 8])), Ok(false));
    assert_eq!(
        took(&mut demultiplexer, now, &fragment(false, 1, 8, false, &[1; 8])),
        Err(Drop::FragmentOverlap)
    );
}

#[test]
fn malformed_fragments_are_dropped() {
    for v6 in [false, true] {
        for (offset, more, length, reason) in [
            (0, true, 0, Drop::FragmentMalformed),
            (8, false, 0, Drop::FragmentMalformed),
            (0, true, 12, Drop::FragmentMalformed),
            (65528, false, 8, Drop::FragmentTooLong),
            (65528, true, 800, Drop::FragmentTooLong),
        ] {
            let mut demultiplexer = Demultiplexer::default();
            let packet = fragment(v6, 1, offset, more, &vec![0; length]);
            assert_eq!(took(&mut demultiplexer, Instant::now(), &packet), Err(reason));
            assert!(demultiplexer.reassembler().is_empty());
        }
    }
}

#[test]
fn a_datagram_that_only_its_header_makes_too_long_is_dropped() {
    let mut demultiplexer = Demultiplexer::default();
    let now = Instant::now();
    assert_eq!(took(&mut demultiplexer, now, &fragment(false, 1, 0, true, &vec![0; 65512])), Ok(false));
    let last = fragment(false, 1, 65512, false, &[0; 8]);
    assert_eq!(took(&mut demultiplexer, now, &last), Err(Drop::FragmentTooLong));
    assert!(demultiplexer.reassembler().is_empty());
}

#[test]
fn a_fragment_inside_a_fragment_is_dropped() {
    let (app, remote) = sockets(true);
    let inner = [&[17, 0, 0, 1, 0, 0, 0, 5], [0; 16].as_slice()].concat();
    let mut demultiplexer = Demultiplexer::default();
    let now = Instant::now();
    let piece = |offset: u8, more: u8, part: &[u8]| {
        ip(app.ip(), remote.ip(), 44, &[&[44, 0, 0, offset | more, 0, 0, 0, 1], part].concat())
    };
    assert_eq!(took(&mut demultiplexer, now, &piece(0, 1, &inner[..8])), Ok(false));
    assert_eq!(took(&mut demultiplexer, now, &piece(8, 0, &inner[8..])), Err(Drop::FragmentNested));
}

#[test]
fn datagrams_are_told_apart_by_id() {
    let mut demultiplexer = Demultiplexer::default();
    let now = Instant::now();
    assert_eq!(took(&mut demultiplexer, now, &fragment(false, 1, 0, true, &[0; 8])), Ok(false));
    assert_eq!(took(&mut demultiplexer, now, &fragment(false, 2, 8, false, &[0; 8])), Ok(false));
    assert_eq!(demultiplexer.reassembler().len(), 2);
}

#[test]
fn patience_ends_after_thirty_seconds() {
    let mut demultiplexer = Demultiplexer::default();
    let start = Instant::now();
    assert_eq!(demultiplexer.reassembler().poll_at(), None);
    assert_eq!(took(&mut demultiplexer, start, &fragment(true, 1, 0, true, &[0; 8])), Ok(false));
    let end = start + Duration::from_secs(30);
    assert_eq!(demultiplexer.reassembler().poll_at(), Some(end));
    demultiplexer.handle_timeout(start + Duration::from_millis(29_999));
    assert_eq!(demultiplexer.reassembler().len(), 1);
    // A later fragment does not prolong the wait, and comes too late for the first.
    assert_eq!(took(&mut demultiplexer, end, &fragment(true, 1, 8, false, &[0; 8])), Ok(false));
    assert_eq!(demultiplexer.reassembler().len(), 1);
    assert_eq!(demultiplexer.reassembler().counters().expired, 1);
    demultiplexer.handle_timeout(end + Duration::from_secs(30));
    assert!(demultiplexer.reassembler().is_empty());
    assert_eq!(demultiplexer.reassembler().held_bytes(), 0);
}

#[test]
fn at_the_limit_of_datagrams_the_oldest_goes() {
    let mut demultiplexer = Demultiplexer::default();
    let start = Instant::now();
    for id in 0..65 {
        let now = start + Duration::from_millis(u64::from(id));
        assert_eq!(took(&mut demultiplexer, now, &fragment(true, id, 0, true, &[0; 8])), Ok(false));
    }
    let reassembler = demultiplexer.reassembler();
    assert_eq!((reassembler.len(), reassembler.counters().evicted), (64, 1));
    assert_eq!(reassembler.poll_at(), Some(start + Duration::from_millis(1) + Duration::from_secs(30)));
}

#[test]
fn memory_is_bounded_whatever_the_fragments_are() {
    for size in [8, 1400, 60_000] {
        let mut demultiplexer = Demultiplexer::default();
        let now = Instant::now();
        for number in 0..4_000_usize {
            let (id, offset) = ((number % 50) as u32, number / 50 * size);
            let _ = took(
                &mut demultiplexer,
                now,
                &fragment(true, id, offset.min(65_000) & !7, true, &vec![1; size]),
            );
            assert!(demultiplexer.reassembler().held_bytes() <= 1 << 20);
            assert!(demultiplexer.reassembler().len() <= 64);
        }
    }
}

#[test]
fn the_largest_datagram_in_the_smallest_fragments_gets_through() {
    for v6 in [false, true] {
        let (app, remote) = sockets(v6);
        let wanted = vec![9; if v6 { 65527 } else { 65507 }];
        let mut whole = Vec::new();
        build::udp(app, remote, &wanted, &mut whole).unwrap();
        let mut demultiplexer = Demultiplexer::default();
        let now = Instant::now();
        let mut pieces = cut(&whole, 1, if v6 { 56 } else { 28 });
        let last = pieces.remove(0);
        for piece in pieces.iter().rev() {
            assert_eq!(took(&mut demultiplexer, now, piece), Ok(false));
        }
        let datagram = demultiplexer.take(now, &last).unwrap().unwrap();
        assert_eq!(datagram.transport, Segment::Udp { src_port: 40_000, dst_port: 443, payload: &wanted });
    }
}

proptest! {
    #[test]
    fn fragments_fit_the_mtu_and_reassemble_in_any_order(
        v6 in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..6000),
        mtu in 68_usize..2000,
        order in any::<u64>(),
        twice in any::<bool>(),
    ) {
        let (app, remote) = sockets(v6);
        let mut whole = Vec::new();
        build::udp(app, remote, &payload, &mut whole).unwrap();
        let mut pieces = cut(&whole, 77, mtu);
        prop_assert!(pieces.iter().all(|piece| piece.len() <= mtu));
        prop_assert!(whole.len() > mtu || pieces == [whole.clone()]);
        // A shuffle that depends on `order` alone.
        let mut state = order;
        for index in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            pieces.swap(index, (state >> 33) as usize % (index + 1));
        }
        let mut demultiplexer = Demultiplexer::default();
        let now = Instant::now();
        let (last, first) = pieces.split_last().unwrap();
        for piece in first {
            prop_assert_eq!(demultiplexer.take(now, piece), Ok(None));
            if twice {
                prop_assert_eq!(demultiplexer.take(now, piece), Ok(None));
            }
        }
        let datagram = demultiplexer.take(now, last).unwrap().unwrap();
        let expected = Segment::Udp { src_port: app.port(), dst_port: remote.port(), payload: &payload };
        prop_assert_eq!(datagram.transport, expected);
    }
}
