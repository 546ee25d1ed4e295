//! QUIC datagrams: as they are, and with frames that are sealed as a client seals them.

use super::{Dice, messages, pieces};
use consentry_inspect::Progress;
use consentry_inspect::quic::{Datagram, InitialReader, classify, destination};
use consentry_inspect::tls::{ClientHello, parse_hello_message};
use ring::{aead, hkdf};
use std::sync::OnceLock;

/// Most packets that are looked at in one datagram.
const MOST_PACKETS: usize = 16;
/// The connection ID of the examples in RFC 9001 §A.
const CONNECTION_ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

/// Each datagram has its length in front, in two bytes.
pub(super) fn datagrams(bytes: &[u8]) {
    let mut reader = InitialReader::new();
    let mut finished = false;
    for datagram in messages(bytes) {
        let kind = classify(datagram);
        let is_long = !matches!(kind, Datagram::Short | Datagram::NotQuic)
            && datagram.first().is_some_and(|b| b & 0x80 != 0);
        assert!(!is_long || destination(datagram).is_some());
        if let Some(id) = destination(datagram) {
            assert!(id.len() < datagram.len());
        }
        let progress = reader.push(datagram);
        if finished {
            assert_eq!(progress, Progress::Not, "a reader that is finished stays so");
        }
        if progress != Progress::NeedMore {
            finished = true;
            reader.repeats(datagram);
        }
    }
}

/// Each packet's frames have their length in front, in two bytes.
pub(super) fn frames(bytes: &[u8]) {
    let packets: Vec<Vec<u8>> =
        (0..).zip(messages(bytes)).map(|(number, frames)| seal(number, frames)).collect();
    let apart = read(&packets);
    if packets.len() <= MOST_PACKETS {
        let together = read(&[packets.concat()]);
        match &apart {
            // What follows the hello in the same datagram may contradict it.
            Progress::Done(_) => assert!(together == apart || together == Progress::Not),
            _ if packets.is_empty() => {}
            _ => assert_eq!(together, apart),
        }
    }
    let twice: Vec<Vec<u8>> = packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
    assert_eq!(read(&twice), apart, "packets that come twice");
    hello_in_any_order(bytes);
}

/// The bytes as the body of a hello, cut into frames that arrive in any order.
fn hello_in_any_order(body: &[u8]) {
    // Longer ones are refused.
    if body.len() > 8 * 1024 {
        return;
    }
    let message = [&[1], &(body.len() as u32).to_be_bytes()[1..], body].concat();
    let mut offset = 0;
    let mut frames: Vec<Vec<u8>> = pieces(&message)
        .map(|piece| {
            let frame = [&[6], &varint(offset)[..], &varint(piece.len()), piece].concat();
            offset += piece.len();
            frame
        })
        .collect();
    if frames.len() > 64 {
        return;
    }
    Dice::of(body).shuffle(&mut frames);
    let packets: Vec<Vec<u8>> = (0..).zip(&frames).map(|(number, frame)| seal(number, frame)).collect();
    assert_eq!(read(&packets), parse_hello_message(body).map_or(Progress::Not, Progress::Done));
}

fn read(datagrams: &[Vec<u8>]) -> Progress<ClientHello> {
    let mut reader = InitialReader::new();
    let heard = datagrams.iter().map(|datagram| reader.push(datagram));
    heard.into_iter().find(|progress| *progress != Progress::NeedMore).unwrap_or(Progress::NeedMore)
}

/// A variable-length number, in four bytes (RFC 9000 §16).
fn varint(value: usize) -> [u8; 4] {
    (0x8000_0000 | value as u32).to_be_bytes()
}

/// The client's keys for [`CONNECTION_ID`] in version 1 (RFC 9001 §5.2).
struct Keys {
    seal: aead::LessSafeKey,
    iv: [u8; 12],
    header: aead::quic::HeaderProtectionKey,
}

fn keys() -> &'static Keys {
    const SALT: [u8; 20] = [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
        0xbb, 0x7f, 0x0a,
    ];
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT).extract(&CONNECTION_ID);
        let client = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand::<32>(&initial, "client in"));
        let key = aead::UnboundKey::new(&aead::AES_128_GCM, &expand::<16>(&client, "quic key"));
        let header =
            aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &expand::<16>(&client, "quic hp"));
        Keys {
            seal: aead::LessSafeKey::new(key.expect("16 bytes are a key")),
            iv: expand(&client, "quic iv"),
            header: header.expect("16 bytes are a key"),
        }
    })
}

/// HKDF-Expand-Label (RFC 8446 §7.1) without context.
fn expand<const N: usize>(secret: &hkdf::Prk, label: &str) -> [u8; N] {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let label = format!("tls13 {label}");
    let info = [&[0, N as u8, label.len() as u8], label.as_bytes(), &[0]].concat();
    let mut expanded = [0; N];
    secret
        .expand(&[&info], Length(N))
        .and_then(|output| output.fill(&mut expanded))
        .expect("a few bytes can always be expanded");
    expanded
}

/// An Initial packet with these frames (RFC 9000 §17.2.2, RFC 9001 §5).
fn seal(number: u32, frames: &[u8]) -> Vec<u8> {
    let keys = keys();
    let mut sealed = frames.to_vec();
    let mut header = vec![0xc3, 0, 0, 0, 1, CONNECTION_ID.len() as u8];
    header.extend(CONNECTION_ID);
    // No source connection ID, no token; number (four bytes), frames and tag.
    header.extend([0, 0]);
    header.extend(varint(4 + frames.len() + 16));
    let number_at = header.len();
    header.extend(number.to_be_bytes());
    let mut nonce = keys.iv;
    nonce.iter_mut().skip(8).zip(number.to_be_bytes()).for_each(|(place, byte)| *place ^= byte);
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    keys.seal
        .seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut sealed)
        .expect("a packet is short enough to seal");
    // The sample starts four bytes behind the start of the number: right behind it.
    let mask = keys.header.new_mask(&sealed[..16]).expect("a sample has 16 bytes");
    header[0] ^= mask[0] & 0x0f;
    header[number_at..].iter_mut().zip(&mask[1..]).for_each(|(place, byte)| *place ^= byte);
    header.extend(sealed);
    header
}
