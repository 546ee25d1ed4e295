//! Link-layer headers.

use super::{PHONE, SERVER, ipv4, ipv6, udp};
use crate::capture::LinkType;
use proptest::prelude::*;

/// The same IP packet behind every header that is understood.
fn every_link(packet: &[u8], is_v6: bool) -> Vec<(&'static str, u16, Vec<u8>)> {
    let ethertype: [u8; 2] = if is_v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let ppp_protocol: [u8; 2] = if is_v6 { [0x00, 0x57] } else { [0x00, 0x21] };
    let macs = [2; 12];
    let with = |parts: &[&[u8]]| [&parts.concat(), packet].concat();
    vec![
        ("raw", 101, packet.to_vec()),
        ("raw, as BSD numbers it", 12, packet.to_vec()),
        ("IPv4 or IPv6 alone", if is_v6 { 229 } else { 228 }, packet.to_vec()),
        ("ethernet", 1, with(&[&macs, &ethertype])),
        ("VLAN", 1, with(&[&macs, &[0x81, 0x00, 0x00, 0xd0], &ethertype])),
        ("QinQ", 1, with(&[&macs, &[0x88, 0xa8, 0x00, 0x01, 0x81, 0x00, 0x00, 0x02], &ethertype])),
        ("PPPoE", 1, with(&[&macs, &[0x88, 0x64, 0x11, 0, 0, 1, 0, 99], &ppp_protocol])),
        ("cooked", 113, with(&[&[0; 14], &ethertype])),
        ("cooked, tagged", 113, with(&[&[0; 14], &[0x81, 0x00, 0x00, 0x05], &ethertype])),
        ("cooked 2", 276, with(&[&ethertype, &[0; 18]])),
        ("null", 0, with(&[&[2, 0, 0, 0]])),
        ("loop", 108, with(&[&[0, 0, 0, 30]])),
        ("PPP", 9, with(&[&ppp_protocol])),
        ("PPP, compressed", 9, with(&[&ppp_protocol[1..]])),
        ("PPP in HDLC framing", 50, with(&[&[0xff, 0x03], &ppp_protocol])),
        ("Cisco HDLC", 50, with(&[&[0x0f, 0x00], &ethertype])),
    ]
}

#[test]
fn the_packet_is_found_behind_every_header() {
    let v4 = ipv4(PHONE, SERVER, 17, &udp(1, 2, b"x"));
    let v6 = ipv6(17, &udp(1, 2, b"x"));
    for (packet, is_v6) in [(&v4, false), (&v6, true)] {
        for (name, number, frame) in every_link(packet, is_v6) {
            assert_eq!(
                LinkType::from_number(number).ip_packet(&frame),
                Some(packet.as_slice()),
                "{name}, IPv6: {is_v6}"
            );
        }
    }
}

#[test]
fn a_header_that_is_cut_or_carries_something_else_holds_no_packet() {
    let v4 = ipv4(PHONE, SERVER, 17, &udp(1, 2, b"x"));
    for (name, number, frame) in every_link(&v4, false) {
        let header = frame.len() - v4.len();
        for cut in 0..=header {
            assert_eq!(LinkType::from_number(number).ip_packet(&frame[..cut]), None, "{name} cut at {cut}");
        }
    }
    let arp = [[2; 12].as_slice(), &[0x08, 0x06], &[0x45; 40]].concat();
    assert_eq!(LinkType::Ethernet.ip_packet(&arp), None);
    assert_eq!(LinkType::from_number(105), LinkType::Unsupported(105));
    assert_eq!(LinkType::Unsupported(105).ip_packet(&v4), None);
}

proptest! {
    #[test]
    fn any_frame_is_read_within_its_bounds(number in 0_u16..300, frame in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(packet) = LinkType::from_number(number).ip_packet(&frame) {
            prop_assert!(frame.ends_with(packet));
        }
    }
}
