//! IP packets: headers, extension headers, fragments.

use super::{ACK, PHONE, SERVER, ipv4, ipv6, tcp, udp};
use crate::capture::fragments::Fragments;
use crate::capture::{Fragment, Packet, Payload, Timestamp};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

fn udp_bytes(packet: &[u8]) -> Option<(Vec<u8>, u32)> {
    match Packet::parse(packet)?.payload {
        Payload::Udp { bytes, missing, .. } => Some((bytes.to_vec(), missing)),
        _ => None,
    }
}

#[test]
fn ports_flags_and_payload_are_read() {
    let packet = ipv4(PHONE, SERVER, 6, &tcp(40_000, 443, 7, 9, ACK, b"hello"));
    let packet = Packet::parse(&packet).unwrap();
    assert_eq!(packet.source, IpAddr::V4(Ipv4Addr::from(PHONE)));
    assert_eq!(packet.destination, IpAddr::V4(Ipv4Addr::from(SERVER)));
    let Payload::Tcp { header, bytes, missing } = packet.payload else { panic!("TCP") };
    assert_eq!((header.source_port, header.destination_port), (40_000, 443));
    assert_eq!((header.sequence, header.acknowledgement, header.ack, header.syn), (7, 9, true, false));
    assert_eq!((bytes, missing), (b"hello".as_slice(), 0));
}

#[test]
fn padding_is_left_out_and_missing_bytes_are_counted() {
    let whole = ipv4(PHONE, SERVER, 17, &udp(1, 2, b"payload"));
    let padded = [whole.as_slice(), &[0; 18]].concat();
    assert_eq!(udp_bytes(&padded), Some((b"payload".to_vec(), 0)));
    assert_eq!(udp_bytes(&whole[..whole.len() - 3]), Some((b"payl".to_vec(), 3)));
    let snapped = &ipv4(PHONE, SERVER, 6, &tcp(1, 2, 0, 0, ACK, b"payload"))[..20 + 16];
    let Payload::Tcp { bytes, missing, .. } = Packet::parse(snapped).unwrap().payload else { panic!("TCP") };
    assert_eq!((bytes.len(), missing), (0, 7));
}

#[test]
fn a_length_left_to_the_network_card_is_taken_from_the_capture() {
    let mut v4 = ipv4(PHONE, SERVER, 17, &udp(1, 2, b"payload"));
    v4[2..4].fill(0);
    assert_eq!(udp_bytes(&v4), Some((b"payload".to_vec(), 0)));
    let mut v6 = ipv6(17, &udp(1, 2, b"payload"));
    v6[4..6].fill(0);
    assert_eq!(udp_bytes(&v6), Some((b"payload".to_vec(), 0)));
}

#[test]
fn extension_headers_are_walked_and_bounded() {
    let datagram = udp(1, 2, b"deep");
    // hop-by-hop, routing, authentication (length in words minus 2), destination options, atomic fragment
    let chain = [
        [43, 0, 0, 0, 0, 0, 0, 0].as_slice(),
        &[51, 0, 0, 0, 0, 0, 0, 0],
        &[60, 0, 0, 0, 0, 0, 0, 0],
        &[44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[17, 0, 0, 0, 0, 0, 0, 1],
        &datagram,
    ];
    assert_eq!(udp_bytes(&ipv6(0, &chain.concat())), Some((b"deep".to_vec(), 0)));
    let endless: Vec<u8> = [60, 0, 0, 0, 0, 0, 0, 0].repeat(100);
    assert_eq!(Packet::parse(&ipv6(60, &endless)), None);
}

/// The payload of a packet in fragments of `size` bytes.
fn parts(payload: &[u8], size: usize) -> Vec<Fragment<'_>> {
    let count = payload.chunks(size).count();
    payload
        .chunks(size)
        .enumerate()
        .map(|(place, bytes)| Fragment {
            identification: 7,
            protocol: 17,
            offset: (place * size) as u32,
            more: place + 1 < count,
            bytes,
        })
        .collect()
}

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

#[test]
fn overlapping_fragments_are_refused_for_good() {
    let payload = [1; 48];
    let mut fragments = Fragments::default();
    let parts = parts(&payload, 16);
    assert_eq!(fragments.add(Timestamp(0), A, B, &parts[0]), None);
    let overlap = Fragment { offset: 8, bytes: &[2; 16], ..parts[0].clone() };
    assert_eq!(fragments.add(Timestamp(0), A, B, &overlap), None);
    for part in &parts {
        assert_eq!(fragments.add(Timestamp(0), A, B, part), None);
    }
    assert_eq!(fragments.held(), 0);
    // After the time a packet may take, the same number stands for another packet.
    let later = Timestamp(31_000_000_000);
    let last = parts.iter().filter_map(|part| fragments.add(later, A, B, part)).next_back();
    assert_eq!(last, Some((17, payload.to_vec())));
}

#[test]
fn waiting_fragments_are_bounded() {
    let mut fragments = Fragments::default();
    let bytes = vec![0; 60_000];
    for identification in 0..1000 {
        let part = Fragment { identification, protocol: 17, offset: 0, more: true, bytes: &bytes };
        assert_eq!(fragments.add(Timestamp(0), A, B, &part), None);
        assert!(fragments.held() <= 1 << 20);
    }
    let too_far = Fragment { identification: 1, protocol: 17, offset: 65_528, more: false, bytes: &[0; 16] };
    assert_eq!(fragments.add(Timestamp(0), A, B, &too_far), None);
}

proptest! {
    #[test]
    fn fragments_in_any_order_and_repeated_give_the_packet_once(
        payload in proptest::collection::vec(any::<u8>(), 9..600),
        size in (1_usize..20).prop_map(|eights| eights * 8),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let parts = parts(&payload, size);
        prop_assume!(parts.len() > 1);
        let mut fragments = Fragments::default();
        let mut whole = Vec::new();
        // First some at random, repeats included, then all of them.
        let mut sent = std::collections::BTreeSet::new();
        for place in order.iter().map(|index| index.index(parts.len())).chain(0..parts.len()) {
            if sent.len() == parts.len() { break }
            sent.insert(place);
            whole.extend(fragments.add(Timestamp(0), A, B, &parts[place]));
        }
        prop_assert_eq!(whole, [(17, payload.clone())]);
        prop_assert_eq!(fragments.held(), 0);
    }

    #[test]
    fn any_bytes_are_read_within_their_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        Packet::parse(&bytes);
    }

    #[test]
    fn any_change_to_a_good_packet_is_survived(
        changes in proptest::collection::vec((0_usize..60, any::<u8>()), 1..6),
        v6 in any::<bool>(),
    ) {
        let segment = tcp(1, 2, 3, 4, ACK, b"payload");
        let mut packet = if v6 { ipv6(6, &segment) } else { ipv4(PHONE, SERVER, 6, &segment) };
        for (place, value) in changes {
            let place = place % packet.len();
            packet[place] = value;
        }
        Packet::parse(&packet);
    }
}
