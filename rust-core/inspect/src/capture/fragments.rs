//! Puts fragmented packets together again, within fixed bounds.

use super::Timestamp;
use super::packet::Fragment;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Packets being put together at one time; the oldest gives way.
const MOST_PACKETS: usize = 64;
/// Bytes held for all of them together.
const MOST_BYTES: usize = 1 << 20;
/// Parts of one packet: 64 KiB in parts of 8 bytes is the attacker's best, a real network uses a few dozen.
const MOST_PARTS: usize = 256;
/// An IP payload never exceeds this (RFC 791 §3.1).
const LONGEST_PAYLOAD: u32 = 65_535;
/// How long a packet may stay incomplete (RFC 791 recommends at least 15 s, RFC 8200 §4.5 says 60 s), in nanoseconds.
const PATIENCE: u64 = 30_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    protocol: u8,
}

struct Incomplete {
    first_seen: Timestamp,
    order: u64,
    parts: BTreeMap<u32, Vec<u8>>,
    held: usize,
    /// Length of the whole payload, once the last part has been seen.
    total: Option<u32>,
    /// Parts overlapped: everything that belongs to this packet is refused (RFC 5722).
    refused: bool,
}

/// Packets waiting for their missing parts.
#[derive(Default)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Incomplete>,
    held: usize,
    counter: u64,
}

impl Fragments {
    /// Takes a part in; returns the payload's protocol and bytes once it is whole.
    pub(super) fn add(
        &mut self,
        now: Timestamp,
        source: IpAddr,
        destination: IpAddr,
        part: &Fragment<'_>,
    ) -> Option<(u8, Vec<u8>)> {
        let end = part.offset + part.bytes.len() as u32;
        // Every part but the last is a multiple of eight bytes long.
        if end > LONGEST_PAYLOAD
            || part.bytes.is_empty()
            || (part.more && !part.bytes.len().is_multiple_of(8))
        {
            return None;
        }
        let key = Key { source, destination, identification: part.identification, protocol: part.protocol };
        if self.waiting.get(&key).is_some_and(|packet| now.since(packet.first_seen) > PATIENCE) {
            self.forget(&key);
        }
        self.make_room(&key, part.bytes.len());
        self.counter += 1;
        let packet = self.waiting.entry(key).or_insert_with(|| Incomplete {
            first_seen: now,
            order: self.counter,
            parts: BTreeMap::new(),
            held: 0,
            total: None,
            refused: false,
        });
        if packet.refused || packet.parts.get(&part.offset).is_some_and(|known| known == part.bytes) {
            return None;
        }
        let before = packet.parts.range(..end).next_back();
        let overlaps = before.is_some_and(|(offset, bytes)| offset + bytes.len() as u32 > part.offset);
        let contradicts_end = match packet.total {
            Some(total) => end > total || (!part.more && end != total),
            None => !part.more && packet.parts.last_key_value().is_some_and(|(offset, _)| *offset >= end),
        };
        if overlaps || contradicts_end || packet.parts.len() == MOST_PARTS {
            self.held -= packet.held;
            packet.held = 0;
            packet.parts.clear();
            packet.refused = true;
            return None;
        }
        if !part.more {
            packet.total = Some(end);
        }
        packet.parts.insert(part.offset, part.bytes.to_vec());
        packet.held += part.bytes.len();
        self.held += part.bytes.len();
        // Parts do not overlap, so the packet is whole when their lengths add up.
        if packet.total != Some(packet.held as u32) {
            return None;
        }
        let packet = self.forget(&key)?;
        Some((key.protocol, packet.parts.into_values().flatten().collect()))
    }

    /// Bytes held for incomplete packets.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    fn make_room(&mut self, key: &Key, bytes: usize) {
        while self.held + bytes > MOST_BYTES
            || (self.waiting.len() >= MOST_PACKETS && !self.waiting.contains_key(key))
        {
            let Some(oldest) =
                self.waiting.iter().min_by_key(|(_, packet)| packet.order).map(|(key, _)| *key)
            else {
                break;
            };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, key: &Key) -> Option<Incomplete> {
        let packet = self.waiting.remove(key)?;
        self.held -= packet.held;
        Some(packet)
    }
}
