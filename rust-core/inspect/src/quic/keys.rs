//! The keys of a client's Initial packets, and taking the protection off (RFC 9001 §5, RFC 9369 §3.3).

use super::header::Extent;
use ring::{aead, hkdf};

/// What differs between the versions whose Initials can be read.
#[derive(Debug)]
pub(super) struct Version {
    /// The long packet type that means Initial; the others follow in the same order in every version.
    pub(super) initial_type: u8,
    salt: &'static [u8; 20],
    key_label: &'static [u8],
    iv_label: &'static [u8],
    header_label: &'static [u8],
}

/// RFC 9001 §5.2; in use since draft 33.
const SALT_1: [u8; 20] = *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
/// RFC 9369 §3.3.1.
const SALT_2: [u8; 20] = *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9";
/// draft-ietf-quic-tls-29 §5.2; in use from draft 29 to draft 32.
const SALT_DRAFT_29: [u8; 20] =
    *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99";

impl Version {
    /// The version with this number on the wire, if its Initials can be read.
    pub(super) fn of(number: u32) -> Option<Self> {
        let salt = match number {
            0x0000_0001 | 0xFF00_0021..=0xFF00_0022 => &SALT_1,
            0xFF00_001D..=0xFF00_0020 => &SALT_DRAFT_29,
            0x6B33_43CF => {
                return Some(Self {
                    initial_type: 1,
                    salt: &SALT_2,
                    key_label: b"tls13 quicv2 key",
                    iv_label: b"tls13 quicv2 iv",
                    header_label: b"tls13 quicv2 hp",
                });
            }
            _ => return None,
        };
        Some(Self {
            initial_type: 0,
            salt,
            key_label: b"tls13 quic key",
            iv_label: b"tls13 quic iv",
            header_label: b"tls13 quic hp",
        })
    }
}

/// The keys with which a client protects its Initial packets.
pub(super) struct ClientKeys {
    pub(super) packet: aead::LessSafeKey,
    pub(super) iv: [u8; aead::NONCE_LEN],
    pub(super) header: aead::quic::HeaderProtectionKey,
}

impl ClientKeys {
    /// Derives the keys from the destination connection ID of the client's first packet.
    pub(super) fn derive(version: &Version, destination: &[u8]) -> Self {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, version.salt).extract(destination);
        let secret: [u8; 32] = expand_label(&initial, b"tls13 client in");
        let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &secret);
        let key: [u8; 16] = expand_label(&secret, version.key_label);
        let header: [u8; 16] = expand_label(&secret, version.header_label);
        let packet =
            aead::UnboundKey::new(&aead::AES_128_GCM, &key).expect("the key is as long as AES-128 wants it");
        Self {
            packet: aead::LessSafeKey::new(packet),
            iv: expand_label(&secret, version.iv_label),
            header: aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &header)
                .expect("the key is as long as AES-128 wants it"),
        }
    }

    /// Takes the protection off a packet. Returns its number and its frames; `None` if it was not protected with
    /// these keys. `largest` is the largest packet number seen so far.
    pub(super) fn open(
        &self,
        datagram: &[u8],
        start: usize,
        extent: Extent,
        largest: Option<u64>,
    ) -> Option<(u64, Vec<u8>)> {
        let mut packet = datagram.get(start..start + extent.end)?.to_vec();
        let number_at = extent.number_at;
        // The sample starts where the packet number would end if it were four bytes long (RFC 9001 §5.4.2).
        let sample = packet.get(number_at + 4..number_at + 20)?;
        let mask = self.header.new_mask(sample).ok()?;
        packet[0] ^= mask[0] & 0x0F;
        let number_length = usize::from(packet[0] & 3) + 1;
        let mut truncated = 0;
        for (byte, mask) in packet[number_at..number_at + number_length].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
            truncated = truncated << 8 | u64::from(*byte);
        }
        let number = full_number(truncated, number_length, largest);
        let mut nonce = self.iv;
        nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, part)| *byte ^= part);

        let mut frames = packet.split_off(number_at + number_length);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let length = self.packet.open_in_place(nonce, aead::Aad::from(&packet), &mut frames).ok()?.len();
        frames.truncate(length);
        Some((number, frames))
    }
}

/// Restores a packet number from its low bytes: the one closest to the next expected (RFC 9000 §A.3).
fn full_number(truncated: u64, length: usize, largest: Option<u64>) -> u64 {
    let expected = largest.map_or(0, |largest| largest + 1);
    let window = 1_u64 << (8 * length);
    let candidate = (expected & !(window - 1)) | truncated;
    if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

/// HKDF-Expand-Label without context (RFC 8446 §7.1). The label has its `tls13 ` prefix.
fn expand_label<const N: usize>(secret: &hkdf::Prk, label: &[u8]) -> [u8; N] {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; N];
    let info = [&(N as u16).to_be_bytes()[..], &[label.len() as u8], label, &[0]];
    secret
        .expand(&info, Length(N))
        .and_then(|okm| okm.fill(&mut out))
        .expect("HKDF-SHA256 gives far more than 32 bytes");
    out
}
