//! Puts fragments together again (RFC 791 §3.2, RFC 8200 §4.5), in bounded memory.
use super::Drop;
use super::checksum::Sum;
use super::headers::{FRAGMENT_HEADER, IPV6_HEADER, Layout};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Datagrams that may wait at a time.
const MAX_DATAGRAMS: usize = 64;
/// Bytes that may wait in all, bookkeeping included.
const MAX_BYTES: usize = 1 << 20;
/// How long a datagram waits for its last fragment, from its first. RFC 1122 §3.3.2 asks for 60 to 120 s over the
/// internet; our fragments come from a queue on the same machine, where those that have not come by then never will.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest IPv4 packet, and largest IPv6 payload.
const MAX_PACKET: usize = 65535;
/// What a stored fragment costs besides its bytes, at most: without it, many tiny fragments would be nearly free.
const PIECE_COST: usize = 64;

// One datagram alone must fit, however finely it is cut: making room never has to touch the datagram it is made for.
const _: () = assert!(MAX_PACKET / 8 * (8 + PIECE_COST) + MAX_PACKET < MAX_BYTES);

/// Fragments that wait for the rest of their datagrams.
///
/// Bounded: 64 datagrams, 1 MiB in all, 30 seconds. At the limit the oldest datagram goes. Fragments that overlap condemn
/// their datagram (RFC 5722), exact duplicates do no harm.
#[derive(Debug, Default)]
pub struct Reassembler {
    waiting: BTreeMap<Key, Waiting>,
    held: usize,
    counters: ReassemblyCounters,
}

/// What became of the datagrams that did not become whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyCounters {
    /// Fragments were still missing after 30 seconds.
    pub expired: u64,
    /// Had to make room for younger ones.
    pub evicted: u64,
}

/// Names a datagram whose fragments wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    src: IpAddr,
    dst: IpAddr,
    /// 0 for IPv6, where fragments of one datagram may disagree about it (RFC 8200 §4.5).
    protocol: u8,
    id: u32,
}

#[derive(Debug)]
struct Waiting {
    deadline: Instant,
    /// Headers of the first fragment, with the next header already put right.
    header: Option<Box<[u8]>>,
    /// By offset, in bytes. Never overlapping.
    pieces: BTreeMap<usize, Box<[u8]>>,
    /// Sum of the pieces' lengths.
    received: usize,
    /// Known once the last fragment is here.
    total: Option<usize>,
    /// This datagram's part of [`Reassembler::held`].
    held: usize,
    /// Fragments contradicted each other: what else comes is dropped.
    condemned: bool,
}

/// How a fragment goes with those that are here already.
enum Fit {
    New,
    Duplicate,
    Contradiction,
}

impl Reassembler {
    /// Takes a fragment: `packet[..layout.end]`, whose `layout.fragment` is set.
    ///
    /// `Ok(true)`: the datagram is whole, and `whole` holds it as one unfragmented IP packet. `Ok(false)`: others are
    /// still to come.
    pub(super) fn take(
        &mut self,
        now: Instant,
        packet: &[u8],
        layout: &Layout,
        whole: &mut Vec<u8>,
    ) -> Result<bool, Drop> {
        self.expire(now);
        let place = layout.fragment.ok_or(Drop::FragmentMalformed)?;
        let payload = &packet[layout.payload_at..layout.end];
        if payload.is_empty() || (place.more && !payload.len().is_multiple_of(8)) {
            return Err(Drop::FragmentMalformed);
        }
        if place.offset + payload.len() > MAX_PACKET {
            return Err(Drop::FragmentTooLong);
        }
        let v4 = layout.src.is_ipv4();
        let protocol = if v4 { layout.protocol } else { 0 };
        let key = Key { src: layout.src, dst: layout.dst, protocol, id: place.id };
        let header = (place.offset == 0).then(|| header_of_whole(packet, layout));
        let cost = payload.len() + PIECE_COST + header.as_ref().map_or(0, |header| header.len());
        self.make_room(&key, cost);

        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting::until(now + PATIENCE));
        if waiting.condemned {
            return Err(Drop::FragmentOverlap);
        }
        match waiting.fit(place.offset, place.more, payload) {
            Fit::Duplicate => return Ok(false),
            Fit::Contradiction => {
                self.held -= waiting.held;
                *waiting = Waiting { condemned: true, ..Waiting::until(waiting.deadline) };
                return Err(Drop::FragmentOverlap);
            }
            Fit::New => {}
        }
        if !place.more {
            waiting.total = Some(place.offset + payload.len());
        }
        waiting.received += payload.len();
        waiting.pieces.insert(place.offset, payload.into());
        waiting.header = header.or(waiting.header.take());
        waiting.held += cost;
        self.held += cost;
        if waiting.total != Some(waiting.received) {
            return Ok(false);
        }
        let waiting = self.waiting.remove(&key).expect("it was found above");
        self.held -= waiting.held;
        waiting.write_whole(v4, whole)?;
        Ok(true)
    }

    /// Forgets datagrams whose time is over. [`Reassembler::take`] does it too; call it where idle memory matters.
    pub fn expire(&mut self, now: Instant) {
        while let Some((&key, oldest)) = self.oldest(None)
            && oldest.deadline <= now
        {
            // A condemned datagram was counted when it was dropped.
            self.counters.expired += u64::from(!oldest.condemned);
            self.remove(&key);
        }
    }

    /// When [`Reassembler::expire`] has something to do next.
    pub fn poll_at(&self) -> Option<Instant> {
        self.oldest(None).map(|(_, waiting)| waiting.deadline)
    }

    /// What became of the datagrams that did not become whole.
    pub fn counters(&self) -> ReassemblyCounters {
        self.counters
    }

    /// Datagrams that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes held, bookkeeping included.
    pub fn held_bytes(&self) -> usize {
        self.held
    }

    /// Lets the oldest datagrams other than `key` go until a fragment of `key` that costs `cost` bytes fits.
    fn make_room(&mut self, key: &Key, cost: usize) {
        let new = usize::from(!self.waiting.contains_key(key));
        while self.held + cost > MAX_BYTES || self.waiting.len() + new > MAX_DATAGRAMS {
            let Some((&oldest, _)) = self.oldest(Some(key)) else { return };
            self.counters.evicted += 1;
            self.remove(&oldest);
        }
    }

    /// The datagram that has waited longest, other than `except`. At most 64 are looked at.
    fn oldest(&self, except: Option<&Key>) -> Option<(&Key, &Waiting)> {
        self.waiting
            .iter()
            .filter(|(key, _)| Some(*key) != except)
            .min_by_key(|(_, waiting)| waiting.deadline)
    }

    fn remove(&mut self, key: &Key) {
        if let Some(waiting) = self.waiting.remove(key) {
            self.held -= waiting.held;
        }
    }
}

impl Waiting {
    fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            header: None,
            pieces: BTreeMap::new(),
            received: 0,
            total: None,
            held: 0,
            condemned: false,
        }
    }

    fn fit(&self, offset: usize, more: bool, payload: &[u8]) -> Fit {
        let end = offset + payload.len();
        if self.pieces.get(&offset).is_some_and(|piece| **piece == *payload) {
            let was_last = self.total == Some(end);
            return if was_last == more { Fit::Contradiction } else { Fit::Duplicate };
        }
        let before = self.pieces.range(..offset).next_back().map_or(0, |(start, piece)| start + piece.len());
        let overlaps = before > offset || self.pieces.range(offset..end).next().is_some();
        let beyond_last = self.total.is_some_and(|total| end > total || !more);
        let not_last = !more && self.pieces.range(offset..).next().is_some();
        if overlaps || beyond_last || not_last { Fit::Contradiction } else { Fit::New }
    }

    /// Writes the whole datagram, with the first fragment's headers.
    fn write_whole(self, v4: bool, whole: &mut Vec<u8>) -> Result<(), Drop> {
        let header =
            self.header.expect("without gaps there is a piece at offset 0, which brought the header");
        whole.clear();
        whole.extend_from_slice(&header);
        for piece in self.pieces.values() {
            whole.extend_from_slice(piece);
        }
        let counted = if v4 { whole.len() } else { whole.len() - IPV6_HEADER };
        let length = u16::try_from(counted).map_err(|_| Drop::FragmentTooLong)?.to_be_bytes();
        if v4 {
            whole[2..4].copy_from_slice(&length);
            whole[6..8].fill(0);
            whole[10..12].fill(0);
            let checksum = Sum::default().add(&whole[..header.len()]).checksum();
            whole[10..12].copy_from_slice(&checksum.to_be_bytes());
        } else {
            whole[4..6].copy_from_slice(&length);
        }
        Ok(())
    }
}

/// The headers of the whole datagram, made from those of its first fragment. Lengths are put right at the end.
fn header_of_whole(packet: &[u8], layout: &Layout) -> Box<[u8]> {
    if layout.src.is_ipv4() {
        return packet[..layout.payload_at].into();
    }
    let mut header: Box<[u8]> = packet[..layout.payload_at - FRAGMENT_HEADER].into();
    header[layout.protocol_at] = layout.protocol;
    header
}
