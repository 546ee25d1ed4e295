//! What an app may try to get past the engine over QUIC.
#![allow(missing_docs)]
mod world;

use consentry_consent::Owner;
use consentry_engine::io::OwnerAnswer;
use ring::{aead, hkdf};
use std::time::Duration;
use world::{World, client_hello, socket};

const WEB: &str = "192.0.2.80:443";
const DENIED: &str = "api.account.xiaomi.com";
const PORT: u16 = 5000;

/// RFC 9001 §5.2.
const SALT: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(secret: &hkdf::Prk, label: &[u8]) -> [u8; N] {
    let info = [&(N as u16).to_be_bytes()[..], &[label.len() as u8], label, &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N)).and_then(|okm| okm.fill(&mut out)).expect("a short output");
    out
}

/// An Initial packet of QUIC version 1 as a client protects it (RFC 9001 §5), padded to `size` bytes.
fn initial(destination: &[u8], number: u8, mut frames: Vec<u8>, size: usize) -> Vec<u8> {
    let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT).extract(destination);
    let secret: [u8; 32] = expand(&secret, b"tls13 client in");
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
    let key: [u8; 16] = expand(&secret, b"tls13 quic key");
    let mut nonce: [u8; 12] = expand(&secret, b"tls13 quic iv");
    let header_key: [u8; 16] = expand(&secret, b"tls13 quic hp");

    let mut packet = vec![0xc0, 0, 0, 0, 1, destination.len() as u8];
    packet.extend(destination);
    packet.extend([0, 0]);
    frames.resize(frames.len().max(size.saturating_sub(packet.len() + 3 + 16)).max(4), 0);
    packet.extend((0x4000 | (1 + frames.len() + 16) as u16).to_be_bytes());
    let number_at = packet.len();
    packet.push(number);
    nonce[11] ^= number;
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).expect("16 bytes"));
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, aead::Aad::from(&packet), &mut frames).expect("it fits");
    packet.extend(frames);
    let mask = aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &header_key)
        .expect("16 bytes")
        .new_mask(&packet[number_at + 4..number_at + 20])
        .expect("a whole sample");
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}

/// A CRYPTO frame (RFC 9000 §19.6).
fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let varint = |number: usize| (0x4000 | number as u16).to_be_bytes();
    [&[6][..], &varint(offset), &varint(data.len()), data].concat()
}

/// The hello message for `host`, without the record around it.
fn message(host: &str) -> Vec<u8> {
    client_hello(host).split_off(5)
}

fn hello(destination: &[u8], host: &str) -> Vec<u8> {
    initial(destination, 0, crypto(0, &message(host)), 1200)
}

fn say(world: &mut World, datagram: &[u8]) {
    world.phone.send_from(PORT, socket(WEB), datagram);
    world.settle();
}

fn went_out(world: &World, datagram: &[u8]) -> bool {
    world.internet.datagrams.iter().any(|(_, sent)| sent == datagram)
}

const ONE: &[u8] = b"first id";
const TWO: &[u8] = b"other id";

#[test]
fn an_allowed_hello_and_what_repeats_it_pass() {
    let mut world = World::new();
    say(&mut world, &hello(ONE, "example.com"));
    let again = initial(ONE, 1, crypto(0, &message("example.com")), 1200);
    let piece = initial(ONE, 2, crypto(20, &message("example.com")[20..40]), 1200);
    for datagram in [again, piece, vec![0x41; 100]] {
        say(&mut world, &datagram);
        assert!(went_out(&world, &datagram));
    }
    assert_eq!(world.internet.datagrams.len(), 4);
}

#[test]
fn a_denied_hello_never_goes_out() {
    let mut world = World::new();
    say(&mut world, &hello(ONE, DENIED));
    assert!(world.internet.datagrams.is_empty());
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn innocent_datagrams_before_it_do_not_help_a_hello() {
    let first: [&[u8]; 3] = [b"\x00 not QUIC", b"", &hello(TWO, "example.com")];
    for first in first {
        let mut world = World::new();
        say(&mut world, first);
        assert_eq!(world.internet.datagrams.len(), 1);
        say(&mut world, &hello(ONE, DENIED));
        assert_eq!(world.internet.datagrams.len(), 1);
        assert_eq!(world.attempts.len(), 1);
    }
}

#[test]
fn a_hello_that_servers_ignore_does_not_open_the_way_for_another() {
    // Servers discard an Initial in a datagram of less than 1200 bytes (RFC 9000 §14.1): they read the second hello only.
    let mut world = World::new();
    let ignored = initial(ONE, 0, crypto(0, &message("example.com")), 300);
    say(&mut world, &ignored);
    let denied = initial(ONE, 1, crypto(0, &message(DENIED)), 1200);
    say(&mut world, &denied);
    assert!(!went_out(&world, &denied));
}

#[test]
fn two_hellos_in_one_datagram_or_packet_are_refused() {
    let half = crypto(0, &message("example.com"));
    let both = [half.clone(), crypto(0, &message(DENIED))].concat();
    let coalesced = [initial(ONE, 0, half, 600), hello(TWO, DENIED)].concat();
    for datagram in [initial(ONE, 0, both, 1200), coalesced] {
        let mut world = World::new();
        say(&mut world, &datagram);
        assert!(world.internet.datagrams.is_empty());
        say(&mut world, &hello(ONE, "example.com"));
        assert_eq!(world.internet.datagrams.len(), 1);
        say(&mut world, &datagram);
        assert_eq!(world.internet.datagrams.len(), 1, "not on an allowed destination either");
    }
}

#[test]
fn half_a_hello_does_not_slip_out_with_another() {
    let denied = message(DENIED);
    let (front, back) = denied.split_at(denied.len() / 2);
    let front_packet = initial(TWO, 0, crypto(0, front), 1200);
    let back_packet = initial(TWO, 1, crypto(front.len(), back), 1200);
    for denied_first in [true, false] {
        let mut world = World::new();
        let allowed = message("example.com");
        let allowed = [
            initial(ONE, 0, crypto(0, &allowed[..30]), 1200),
            initial(ONE, 1, crypto(30, &allowed[30..]), 1200),
        ];
        let order = if denied_first {
            [&front_packet, &allowed[0], &allowed[1], &back_packet]
        } else {
            [&allowed[0], &front_packet, &allowed[1], &back_packet]
        };
        for datagram in order {
            say(&mut world, datagram);
        }
        assert!(!went_out(&world, &front_packet) || !went_out(&world, &back_packet));
    }
}

#[test]
fn a_version_nobody_can_read_does_not_follow_an_allowed_one() {
    let mut world = World::new();
    say(&mut world, &hello(ONE, "example.com"));
    let mut other = hello(TWO, DENIED);
    other[1..5].copy_from_slice(b"Q050");
    say(&mut world, &other);
    assert!(!went_out(&world, &other));
}

#[test]
fn an_owner_that_becomes_known_late_is_judged_all_the_same() {
    let mut world = World::new();
    world.owners.answer = OwnerAnswer::Later;
    world.phone.send_from(PORT, socket("192.0.2.7:7000"), b"one");
    world.pass(Duration::from_millis(250));
    assert_eq!(world.internet.datagrams.len(), 1);
    let flow = *world.owners.asked.last().expect("the owner was asked for");
    let owner = Owner::App { uid: 10_050, packages: vec!["com.xiaomi.xmsf".into()] };
    world.with(|engine, now, io| engine.owner_known(now, io, flow, owner));
    world.phone.send_from(PORT, socket("192.0.2.7:7000"), b"two");
    world.settle();
    assert_eq!(world.internet.datagrams.len(), 1);
    assert_eq!(world.attempts[0].service.as_deref(), Some("xiaomi.unlisted"));
}

#[test]
fn hellos_that_are_never_finished_take_a_bounded_amount_of_memory() {
    let mut world = World::new();
    // Far beyond any hello: nothing is kept for it.
    say(&mut world, &initial(ONE, 0, crypto(0x3f00, &[0; 600]), 1200));
    assert!(world.internet.datagrams.is_empty());
    // Very many at once, each with its end missing.
    let part = initial(ONE, 0, crypto(10, &[1; 10]), 1200);
    for host in 0..=255 {
        for port in [443, 8443, 4433] {
            world.phone.send_from(PORT, socket(&format!("192.0.2.{host}:{port}")), &part);
        }
        world.settle();
    }
    assert!(world.engine.counters().packets_dropped >= 250, "the rest has to be sent again");
    world.pass(Duration::from_secs(2));
    assert!(world.internet.datagrams.is_empty());
    assert!(world.engine.poll_at().is_none_or(|at| at > world.now), "nothing is left to be done");
}
