use super::*;
use crate::{Progress, tls::ClientHello};
use proptest::prelude::*;
use ring::aead;

/// The CRYPTO frame of RFC 9001 §A.2 and RFC 9369 §A.2: a ClientHello for example.com.
const FRAME: &[u8] = include_bytes!("../../tests/fixtures/rfc9001-a2-crypto-frame.bin");
/// The ClientHello message in it.
const MESSAGE: &[u8] = FRAME.split_at(4).1;
/// The destination connection ID of both appendices.
const DESTINATION: &[u8] = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
const VERSION_1: u32 = 1;
const VERSION_2: u32 = 0x6B33_43CF;
const DRAFT_29: u32 = 0xFF00_001D;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A client's Initial packet as it goes on the wire.
struct Packet<'a> {
    version: u32,
    /// The connection ID that the keys come from.
    first_destination: &'a [u8],
    destination: &'a [u8],
    number: u32,
    /// Bytes of the number on the wire, 1 to 4.
    number_length: usize,
    token: &'a [u8],
    frames: Vec<u8>,
}

impl Default for Packet<'_> {
    fn default() -> Self {
        Self {
            version: VERSION_1,
            first_destination: DESTINATION,
            destination: DESTINATION,
            number: 0,
            number_length: 4,
            token: &[],
            frames: Vec::new(),
        }
    }
}

impl Packet<'_> {
    fn seal(&self) -> Vec<u8> {
        let version = Version::of(self.version).unwrap();
        let keys = keys::ClientKeys::derive(&version, self.first_destination);
        let mut packet = vec![0xC0 | version.initial_type << 4 | (self.number_length as u8 - 1)];
        packet.extend(self.version.to_be_bytes());
        packet.push(self.destination.len() as u8);
        packet.extend(self.destination);
        packet.push(0);
        packet.extend((0x4000 | self.token.len() as u16).to_be_bytes());
        if self.token.is_empty() {
            packet.truncate(packet.len() - 2);
            packet.push(0);
        }
        packet.extend(self.token);
        let length = self.number_length + self.frames.len() + 16;
        packet.extend((0x4000 | length as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend(&self.number.to_be_bytes()[4 - self.number_length..]);

        let mut nonce = keys.iv;
        nonce[8..].iter_mut().zip(self.number.to_be_bytes()).for_each(|(a, b)| *a ^= b);
        let mut sealed = self.frames.clone();
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        keys.packet.seal_in_place_append_tag(nonce, aead::Aad::from(&packet), &mut sealed).unwrap();
        packet.extend(sealed);
        let mask = keys.header.new_mask(&packet[number_at + 4..number_at + 20]).unwrap();
        packet[0] ^= mask[0] & 0x0F;
        (0..self.number_length).for_each(|at| packet[number_at + at] ^= mask[at + 1]);
        packet
    }
}

fn crypto_frame(offset: usize, data: &[u8]) -> Vec<u8> {
    let varint = |n: usize| (0x8000_0000 | n as u32).to_be_bytes();
    [&[6][..], &varint(offset), &varint(data.len()), data].concat()
}

fn padded(mut frames: Vec<u8>, length: usize) -> Vec<u8> {
    frames.resize(length.max(frames.len()), 0);
    frames
}

fn example() -> Progress<ClientHello> {
    Progress::Done(ClientHello { sni: Some("example.com".into()), alpn: vec!["alpn".into()], ech: false })
}

fn whole(version: u32) -> Vec<u8> {
    Packet { version, number: 2, frames: padded(FRAME.to_vec(), 1162), ..Packet::default() }.seal()
}

#[test]
fn the_packet_of_rfc_9001_is_opened() {
    let packet = whole(VERSION_1);
    assert_eq!(packet.len(), 1200);
    // What the appendix prints: the protected header, the sample behind it, and the end with the packet's tag.
    assert!(
        packet.starts_with(&hex(
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b"
        ))
    );
    assert!(packet.ends_with(&hex("e221af44860018ab0856972e194cd934")));
    assert_eq!(classify(&packet), Datagram::Initial { version: VERSION_1 });
    assert_eq!(InitialReader::new().push(&packet), example());
}

#[test]
fn the_packet_of_rfc_9369_is_opened() {
    let packet = whole(VERSION_2);
    // What the appendix prints: the protected header, the sample behind it and the bytes that follow.
    let start = "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e75d6c96058bdbfb127cdf";
    assert!(packet.starts_with(&hex(start)));
    assert_eq!(classify(&packet), Datagram::Initial { version: VERSION_2 });
    assert_eq!(InitialReader::new().push(&packet), example());
}

#[test]
fn late_drafts_are_opened_too() {
    assert_eq!(InitialReader::new().push(&whole(DRAFT_29)), example());
    assert_eq!(InitialReader::new().push(&whole(0xFF00_0022)), example());
}

#[test]
fn a_hello_is_read_once_however_many_frames_follow_it() {
    // Thousands of extensions, and behind them all the empty frames that a datagram has room for.
    let extensions: Vec<u8> =
        (0x1000..0x1B00_u16).flat_map(|kind| [kind.to_be_bytes(), [0; 2]].concat()).collect();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 0x01, 1, 0],
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ]
    .concat();
    let message = [&[1, 0], &(body.len() as u16).to_be_bytes()[..], &body].concat();
    let mut datagram = Packet { frames: crypto_frame(0, &message), ..Packet::default() }.seal();
    for number in 1..=3 {
        datagram.extend(Packet { number, frames: [6, 0, 0].repeat(5400), ..Packet::default() }.seal());
    }
    assert!(datagram.len() < 65_507);
    let start = std::time::Instant::now();
    assert_eq!(InitialReader::new().push(&datagram), Progress::Done(ClientHello::default()));
    // Read again for each frame it would take a minute without optimisation.
    assert!(start.elapsed() < std::time::Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn datagrams_are_told_apart_by_their_first_bytes() {
    let long = |first: u8, version: u32| [&[first][..], &version.to_be_bytes(), &[2, 1, 2, 0, 0]].concat();
    assert_eq!(classify(&long(0xC0, 1)), Datagram::Initial { version: 1 });
    assert_eq!(classify(&long(0x80, 1)), Datagram::Initial { version: 1 }, "the fixed bit may be greased");
    assert_eq!(classify(&long(0xD0, 1)), Datagram::OtherLong);
    assert_eq!(classify(&long(0xF0, 1)), Datagram::OtherLong);
    assert_eq!(classify(&long(0xD0, VERSION_2)), Datagram::Initial { version: VERSION_2 });
    assert_eq!(classify(&long(0xC0, VERSION_2)), Datagram::OtherLong, "a Retry of version 2");
    assert_eq!(classify(&long(0x80, 0)), Datagram::VersionNegotiation);
    assert_eq!(classify(&long(0xC0, 0x1A2A_3A4A)), Datagram::UnknownVersion(0x1A2A_3A4A));
    assert_eq!(classify(&long(0x80, 0x1A2A_3A4A)), Datagram::NotQuic, "RTP looks so");
    assert_eq!(classify(&[0x40, 1, 2, 3]), Datagram::Short);
    assert_eq!(classify(&[0x3F]), Datagram::NotQuic);
    assert_eq!(classify(&[0xC0, 0, 0, 0, 1, 9, 1]), Datagram::NotQuic, "cut inside a connection ID");
    assert_eq!(classify(&[]), Datagram::NotQuic);
}

#[test]
fn scrambled_frames_over_several_datagrams_are_put_in_order() {
    let [a, b, c] = [&MESSAGE[..50], &MESSAGE[40..120], &MESSAGE[120..]];
    let first = [vec![1], crypto_frame(120, c), vec![0; 9], crypto_frame(0, a)].concat();
    let second = [hex("0200000000"), crypto_frame(40, b)].concat();
    let mut reader = InitialReader::new();
    assert_eq!(
        reader.push(&Packet { frames: first, number: 0, number_length: 1, ..Packet::default() }.seal()),
        Progress::NeedMore
    );
    // The server's first answer gives the client another connection ID to address; the keys stay.
    let later = Packet {
        frames: second,
        number: 1,
        number_length: 2,
        destination: b"another-id",
        ..Packet::default()
    };
    assert_eq!(reader.push(&later.seal()), example());
    assert_eq!(reader.push(&later.seal()), Progress::Not, "a finished reader takes no more");
}

#[test]
fn coalesced_packets_are_all_read() {
    let first = Packet { frames: crypto_frame(100, &MESSAGE[100..]), ..Packet::default() }.seal();
    let zero_rtt =
        [&[0xD0][..], &VERSION_1.to_be_bytes(), &[8], DESTINATION, &[0, 0x05, 1, 2, 3, 4, 5]].concat();
    let last =
        Packet { frames: crypto_frame(0, &MESSAGE[..100]), number: 1, token: &[7; 300], ..Packet::default() }
            .seal();
    let datagram = [first, zero_rtt.clone(), last, vec![0; 40]].concat();
    assert_eq!(InitialReader::new().push(&datagram), example());

    let mut reader = InitialReader::new();
    assert_eq!(reader.push(&zero_rtt), Progress::NeedMore, "0-RTT may arrive before the Initial");
    assert_eq!(reader.push(&datagram), example());
}

#[test]
fn a_retried_connection_and_a_changed_version_are_followed() {
    let start = crypto_frame(0, &MESSAGE[..100]);
    let rest = crypto_frame(100, &MESSAGE[100..]);
    let before = Packet { frames: start.clone(), ..Packet::default() }.seal();

    let mut reader = InitialReader::new();
    assert_eq!(reader.push(&before), Progress::NeedMore);
    let retried = [start, rest.clone()].concat();
    let retried = Packet {
        frames: retried,
        number: 1,
        first_destination: b"retry-id",
        destination: b"retry-id",
        token: b"t",
        ..Packet::default()
    };
    assert_eq!(reader.push(&retried.seal()), example());

    let mut reader = InitialReader::new();
    assert_eq!(reader.push(&before), Progress::NeedMore);
    let changed =
        Packet { frames: rest, version: VERSION_2, number: 1, destination: b"new-id", ..Packet::default() };
    assert_eq!(reader.push(&changed.seal()), example());
}

#[test]
fn packet_numbers_are_restored_from_their_low_bytes() {
    let mut reader = InitialReader::new();
    let packet =
        |number, number_length, frames| Packet { number, number_length, frames, ..Packet::default() }.seal();
    assert_eq!(reader.push(&packet(0x1FE, 4, crypto_frame(0, &MESSAGE[..9]))), Progress::NeedMore);
    assert_eq!(reader.push(&packet(0x201, 1, crypto_frame(9, &MESSAGE[9..]))), example());
}

#[test]
fn packets_that_cannot_be_opened_are_passed_over() {
    let mut damaged = whole(VERSION_1);
    damaged[600] ^= 1;
    let mut reader = InitialReader::new();
    assert_eq!(reader.push(&damaged), Progress::NeedMore);
    assert_eq!(reader.push(&whole(VERSION_1)), example());
}

#[test]
fn what_breaks_the_rules_is_refused() {
    let push = |frames: Vec<u8>| {
        InitialReader::new().push(&Packet { frames: padded(frames, 40), ..Packet::default() }.seal())
    };
    let contradicting = [crypto_frame(0, &MESSAGE[..9]), crypto_frame(5, b"other")].concat();
    assert_eq!(push(contradicting), Progress::Not);
    assert_eq!(push(crypto_frame(70_000, b"x")), Progress::Not, "too far out");
    assert_eq!(push(crypto_frame(0, b"\x02\0\0\0")), Progress::Not, "no ClientHello");
    assert_eq!(push(hex("0800")), Progress::Not, "a STREAM frame");
    assert_eq!(push([vec![0; 40], vec![6, 0, 9]].concat()), Progress::Not, "a frame cut short");
    assert_eq!(push(hex("1c000003616263")), Progress::NeedMore, "the client may close");

    for other in [&b"\x40short"[..], b"", b"\x16\xfe\xfd", b"\xCA\x1A\x2A\x3A\x4A\0\0"] {
        assert_eq!(InitialReader::new().push(other), Progress::Not);
    }
}

proptest! {
    #[test]
    fn the_split_into_frames_and_datagrams_never_changes_the_answer(
        mut cuts in prop::collection::vec(0..MESSAGE.len(), 0..12), order in any::<u64>(), per_packet in 1_usize..5
    ) {
        cuts.extend([0, MESSAGE.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut frames: Vec<_> = cuts.windows(2).map(|pair| crypto_frame(pair[0], &MESSAGE[pair[0]..pair[1]])).collect();
        let mut seed = order;
        for at in (1..frames.len()).rev() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            frames.swap(at, (seed >> 33) as usize % (at + 1));
        }
        let mut reader = InitialReader::new();
        let packets: Vec<_> = frames.chunks(per_packet).collect();
        for (number, frames) in packets.iter().enumerate() {
            let packet = Packet { frames: padded(frames.concat(), 30), number: number as u32, ..Packet::default() }.seal();
            let expected = if number + 1 == packets.len() { example() } else { Progress::NeedMore };
            prop_assert_eq!(reader.push(&packet), expected);
        }
    }

    #[test]
    fn any_frames_and_any_datagrams_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index, value: u8
    ) {
        let _ = (classify(&bytes), InitialReader::new().push(&bytes));
        let _ = InitialReader::new().push(&Packet { frames: padded(bytes, 20), ..Packet::default() }.seal());
        let mut packet = whole(VERSION_1);
        let at = at.index(40);
        packet[at] = value;
        let _ = InitialReader::new().push(&packet);
    }
}
