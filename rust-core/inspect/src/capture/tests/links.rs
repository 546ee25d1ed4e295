//! Link-layer headers.

use super::{PHONE, SERVER, ipv4, ipv6, udp};
use crate::capture::LinkType;
use proptest::prelude::*;

const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];

/// The header of an 802.11 data frame with this frame control field and length.
fn wireless(control: u16, length: usize) -> Vec<u8> {
    let mut header = control.to_le_bytes().to_vec();
    header.resize(length, 0);
    header
}

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
        ("Cisco HDLC by its own number", 104, with(&[&[0x0f, 0x00], &ethertype])),
        ("PPP with direction", 204, with(&[&[1], &[0xff, 0x03], &ppp_protocol])),
        ("SNAP in IEEE 802.3", 1, with(&[&macs, &[0, 60], &SNAP, &ethertype])),
        ("802.11 to an access point", 105, with(&[&wireless(0x0108, 24), &SNAP, &ethertype])),
        ("802.11 with quality of service", 105, with(&[&wireless(0x0188, 26), &SNAP, &ethertype])),
        ("802.11 with quality and HT control", 105, with(&[&wireless(0x8188, 30), &SNAP, &ethertype])),
        ("802.11 between access points", 105, with(&[&wireless(0x0308, 30), &SNAP, &ethertype])),
        ("radiotap", 127, with(&[&[0, 0, 8, 0, 0, 0, 0, 0], &wireless(0x0208, 24), &SNAP, &ethertype])),
        (
            "radiotap with a clock, flags and padding",
            127,
            with(&[
                // Two words of fields; the clock is aligned to eight bytes.
                &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0x20],
                &wireless(0x0188, 26),
                &[0, 0],
                &SNAP,
                &ethertype,
            ]),
        ),
        ("prism", 119, with(&[&[0; 144], &wireless(0x0208, 24), &SNAP, &ethertype])),
        (
            "netfilter log",
            239,
            [
                &[2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0][..],
                &(4 + packet.len() as u16).to_le_bytes(),
                &[9, 0],
                packet,
            ]
            .concat(),
        ),
        (
            "Apple's header with Ethernet inside",
            258,
            with(&[&[20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &macs, &ethertype]),
        ),
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
    assert_eq!(LinkType::from_number(147), LinkType::Unsupported(147));
    assert_eq!(LinkType::Unsupported(147).ip_packet(&v4), None);
    // Encrypted, without data, and a beacon.
    for control in [0x4108, 0x0148, 0x0080] {
        let frame = [&wireless(control, 24)[..], &SNAP, &[8, 0], &v4].concat();
        assert_eq!(LinkType::Wireless.ip_packet(&frame), None, "{control:x}");
    }
}

#[test]
fn every_packet_of_an_aggregate_is_found() {
    let packets = [1, 2, 3].map(|port| ipv4(PHONE, SERVER, 17, &udp(port, 2, b"xyz")));
    let mut header = wireless(0x0188, 26);
    header[24] = 0x80;
    let parts = packets.iter().flat_map(|packet| {
        let contents = [&SNAP[..], &[8, 0], packet].concat();
        let mut part = [&[2; 12][..], &(contents.len() as u16).to_be_bytes(), &contents].concat();
        part.resize(part.len().next_multiple_of(4), 0);
        part
    });
    let frame: Vec<u8> = header.iter().copied().chain(parts).collect();
    let found: Vec<&[u8]> = LinkType::Wireless.ip_packets(&frame).collect();
    assert_eq!(found, packets.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert_eq!(LinkType::Wireless.ip_packets(&frame[..frame.len() - 9]).count(), 2, "the last is cut");
}

proptest! {
    #[test]
    fn any_frame_is_read_within_its_bounds(number in 0_u16..300, frame in proptest::collection::vec(any::<u8>(), 0..80)) {
        let within = frame.as_ptr_range();
        for packet in LinkType::from_number(number).ip_packets(&frame) {
            prop_assert!(within.contains(&packet.as_ptr()) && packet.len() <= frame.len());
        }
    }
}
