//! Packets to flows.

use super::{ACK, FIN, PHONE, RST, SERVER, SYN, back, ipv4, ipv6, out, tcp, udp};
use crate::capture::{Direction, Endpoints, Flows, Interest, Observer, Piece, Timestamp, Transport};
use proptest::prelude::*;

/// Writes down all it hears.
#[derive(Default)]
struct Notes {
    open: usize,
    most_open: usize,
    flows: Vec<Note>,
    enough_after: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Note {
    number: u64,
    client: String,
    server: String,
    out: Vec<u8>,
    back: Vec<u8>,
    payload: u64,
    gaps: u32,
}

impl Observer for Notes {
    type State = Note;

    fn opened(&mut self, flow: u64, endpoints: &Endpoints, _: Timestamp) -> Note {
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        Note {
            number: flow,
            client: endpoints.client.to_string(),
            server: endpoints.server.to_string(),
            ..Note::default()
        }
    }

    fn packet(&mut self, note: &mut Note, _: Direction, payload: u64, _: Timestamp) {
        note.payload += payload;
    }

    fn stream(&mut self, note: &mut Note, direction: Direction, piece: Piece<'_>) -> Interest {
        let side = match direction {
            Direction::Out => &mut note.out,
            Direction::In => &mut note.back,
        };
        match piece {
            Piece::Bytes(bytes) => side.extend_from_slice(bytes),
            Piece::Gap(missing) => note.gaps += missing,
        }
        if self.enough_after.is_some_and(|enough| side.len() >= enough) {
            Interest::Enough
        } else {
            Interest::More
        }
    }

    fn datagram(&mut self, note: &mut Note, direction: Direction, bytes: &[u8], _: u32) {
        self.stream(note, direction, Piece::Bytes(bytes));
    }

    fn closed(&mut self, note: Note) {
        self.open -= 1;
        self.flows.push(note);
    }
}

fn take(packets: &[Vec<u8>]) -> Vec<Note> {
    let mut flows = Flows::new(Notes::default());
    for (second, packet) in packets.iter().enumerate() {
        assert!(flows.packet(Timestamp(second as i64 * 1_000_000_000), packet), "packet {second}");
    }
    let notes = flows.finish();
    assert_eq!(notes.open, 0);
    notes.flows
}

#[test]
fn a_connection_is_heard_both_ways() {
    let flows = take(&[
        out(100, SYN, b""),
        back(900, 101, SYN | ACK, b""),
        out(101, ACK, b"question"),
        back(901, 109, ACK, b"answer"),
        out(109, FIN | ACK, b""),
        back(907, 110, FIN | ACK, b""),
        out(110, ACK, b""),
    ]);
    assert_eq!(flows.len(), 1);
    assert_eq!((flows[0].client.as_str(), flows[0].server.as_str()), ("10.0.0.2:40000", "192.0.2.1:5222"));
    assert_eq!(
        (flows[0].out.as_slice(), flows[0].back.as_slice()),
        (b"question".as_slice(), b"answer".as_slice())
    );
    assert_eq!(flows[0].payload, 14);
}

#[test]
fn who_began_is_known_from_half_a_conversation() {
    let one_way: [(&str, Vec<u8>); 5] = [
        ("the answer to a SYN", back(900, 101, SYN | ACK, b"")),
        ("something from the server", back(901, 109, ACK, b"answer")),
        ("something from the phone", out(101, ACK, b"question")),
        (
            "a server with a well-known port on the same network",
            ipv4([10, 0, 0, 1], PHONE, 6, &tcp(443, 40_000, 1, 1, ACK, b"")),
        ),
        ("two public ends", ipv6(6, &tcp(5222, 50_000, 1, 1, ACK, b""))),
    ];
    for (what, packet) in one_way {
        let flows = take(&[packet]);
        assert_eq!(flows.len(), 1, "{what}");
        assert!(flows[0].client.ends_with("0000"), "{what}: {:?}", flows[0]);
    }
}

#[test]
fn the_first_bytes_are_whole_when_only_the_answer_to_the_syn_was_seen() {
    let flows = take(&[back(900, 101, SYN | ACK, b""), out(105, ACK, b"late"), out(101, ACK, b"soon")]);
    assert_eq!(flows[0].out, b"soonlate");
}

#[test]
fn segments_that_come_after_the_fin_still_count() {
    let flows = take(&[
        out(100, SYN, b""),
        back(900, 101, SYN | ACK, b""),
        out(105, FIN | ACK, b"late"),
        back(901, 101, FIN | ACK, b""),
        out(101, ACK, b"soon"),
    ]);
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0].out, b"soonlate");
}

#[test]
fn a_new_syn_on_the_same_ports_is_another_flow_and_a_repeated_one_is_not() {
    let flows = take(&[
        out(100, SYN, b""),
        out(100, SYN, b""),
        out(101, ACK, b"first"),
        back(900, 101, RST, b""),
        out(106, ACK, b"straggler"),
        out(100, SYN, b""),
        out(7000, SYN, b""),
        out(7001, ACK, b"second"),
    ]);
    let said: Vec<&[u8]> = flows.iter().map(|flow| flow.out.as_slice()).collect();
    assert_eq!(said, [b"first".as_slice(), b"second"]);
    assert_eq!(flows.iter().map(|flow| flow.number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_lost_segment_is_a_gap() {
    let flows = take(&[out(100, SYN, b""), out(101, ACK, b"one"), out(109, ACK, b"three")]);
    assert_eq!((flows[0].out.as_slice(), flows[0].gaps), (b"onethree".as_slice(), 5));
}

#[test]
fn an_observer_that_has_heard_enough_is_told_no_more_but_bytes_are_counted() {
    let mut flows = Flows::new(Notes { enough_after: Some(4), ..Notes::default() });
    for packet in [out(100, SYN, b""), out(101, ACK, b"first"), out(106, ACK, b"second")] {
        flows.packet(Timestamp(0), &packet);
    }
    let notes = flows.finish();
    assert_eq!((notes.flows[0].out.as_slice(), notes.flows[0].payload), (b"first".as_slice(), 11));
}

#[test]
fn udp_is_one_flow_until_it_falls_silent() {
    let question = ipv4(PHONE, SERVER, 17, &udp(50_000, 53, b"?"));
    let answer = ipv4(SERVER, PHONE, 17, &udp(53, 50_000, b"!"));
    let mut flows = Flows::new(Notes::default());
    for (second, packet) in [(0, &question), (1, &answer), (200, &question), (501, &question)] {
        flows.packet(Timestamp(second * 1_000_000_000), packet);
    }
    let notes = flows.finish();
    assert_eq!(notes.flows.len(), 2);
    assert_eq!(
        (notes.flows[0].out.as_slice(), notes.flows[0].back.as_slice()),
        (b"??".as_slice(), b"!".as_slice())
    );
}

#[test]
fn pings_are_told_apart_by_their_identifier() {
    let ping = |kind, identifier: u8| [kind, 0, 0, 0, 0, identifier, 0, 1];
    let flows = take(&[
        ipv4(PHONE, SERVER, 1, &ping(8, 1)),
        ipv4(SERVER, PHONE, 1, &ping(0, 1)),
        ipv6(58, &ping(128, 1)),
        ipv4(PHONE, SERVER, 1, &ping(8, 2)),
        ipv4(SERVER, PHONE, 1, &[3, 3, 0, 0, 0, 0, 0, 0]),
    ]);
    assert_eq!(flows.len(), 3);
    assert_eq!(flows[0].client, "10.0.0.2:0");
    assert_eq!(flows[0].payload, 16);
}

#[test]
fn fragments_are_heard_as_the_datagram_they_make() {
    let datagram = udp(50_000, 443, &[7; 100]);
    let fragment = |offset: usize, more: bool, part: &[u8]| {
        let mut packet = ipv4(PHONE, SERVER, 17, part);
        let field = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
        packet[6..8].copy_from_slice(&field.to_be_bytes());
        packet
    };
    let flows = take(&[fragment(48, false, &datagram[48..]), fragment(0, true, &datagram[..48])]);
    assert_eq!(flows[0].out, [7; 100]);
    // RFC 8200 §4.5, with destination options inside the fragmented part
    let inside = [[17, 0, 0, 0, 0, 0, 0, 0].as_slice(), &datagram].concat();
    let fragment = |offset: u16, more: u16, part: &[u8]| {
        let field = (offset | more).to_be_bytes();
        ipv6(44, &[&[60, 0, field[0], field[1], 0, 0, 0, 9], part].concat())
    };
    let flows = take(&[fragment(0, 1, &inside[..64]), fragment(64, 0, &inside[64..])]);
    assert_eq!(flows[0].out, [7; 100]);
}

#[test]
fn the_number_of_open_flows_is_bounded_and_none_is_lost() {
    let limit = 64;
    let mut flows = Flows::with_limit(Notes::default(), limit);
    for port in 1000..3000 {
        flows.packet(Timestamp(i64::from(port)), &ipv4(PHONE, SERVER, 6, &tcp(port, 443, 1, 0, SYN, b"")));
    }
    assert!(flows.observer().most_open <= limit);
    let notes = flows.finish();
    let mut numbers: Vec<u64> = notes.flows.iter().map(|flow| flow.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2000).collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn any_packets_are_survived_and_every_flow_is_closed_once(
        packets in proptest::collection::vec((any::<i64>(), 0_u16..4, 0_u16..4, any::<u32>(), any::<u8>(), 0_usize..40), 0..80),
    ) {
        let mut flows = Flows::with_limit(Notes::default(), 8);
        for (time, source, destination, sequence, flags, length) in packets {
            let segment = tcp(source, destination, sequence % 5000, sequence, flags, &[1; 40][..length]);
            let (from, to) = if sequence % 2 == 0 { (PHONE, SERVER) } else { (SERVER, PHONE) };
            flows.packet(Timestamp(time), &ipv4(from, to, 6, &segment));
        }
        let notes = flows.finish();
        prop_assert_eq!(notes.open, 0);
        let mut numbers: Vec<u64> = notes.flows.iter().map(|flow| flow.number).collect();
        numbers.sort_unstable();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        prop_assert_eq!(numbers, expected);
    }

    #[test]
    fn any_bytes_are_survived(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..20)) {
        let mut flows = Flows::new(Notes::default());
        for packet in &packets {
            flows.packet(Timestamp(0), packet);
        }
        prop_assert_eq!(flows.finish().open, 0);
    }
}

#[test]
fn the_transport_is_told() {
    struct Transports(Vec<Transport>);
    impl Observer for Transports {
        type State = ();
        fn opened(&mut self, _: u64, endpoints: &Endpoints, _: Timestamp) {
            self.0.push(endpoints.transport);
        }
        fn packet(&mut self, (): &mut (), _: Direction, _: u64, _: Timestamp) {}
        fn stream(&mut self, (): &mut (), _: Direction, _: Piece<'_>) -> Interest {
            Interest::More
        }
        fn datagram(&mut self, (): &mut (), _: Direction, _: &[u8], _: u32) {}
        fn closed(&mut self, (): ()) {}
    }
    let mut flows = Flows::new(Transports(Vec::new()));
    flows.packet(Timestamp(0), &out(1, SYN, b""));
    flows.packet(Timestamp(0), &ipv4(PHONE, SERVER, 17, &udp(1, 2, b"")));
    flows.packet(Timestamp(0), &ipv4(PHONE, SERVER, 1, &[8, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(flows.finish().0, [Transport::Tcp, Transport::Udp, Transport::Icmp]);
}
