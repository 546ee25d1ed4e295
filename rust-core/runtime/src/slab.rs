//! Buffers for TCP flows out of one block of address space that takes memory only where it is touched.
#![allow(unsafe_code, reason = "the block is mapped with mmap(2) and lent out as slices")]
use consentry_engine::io::{BufferId, BufferPair, Buffers};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use std::collections::VecDeque;
use std::io;
use std::ptr::NonNull;

/// The default size of each of a pair's two buffers, in bytes.
pub const DEFAULT_BUFFER_SIZE: usize = 64 * 1024;

/// Pairs that keep their memory when given back. Giving it up and touching it again costs a short flow 6 µs; with the default
/// size these pairs hold 4 MiB at most.
const MOST_WARM: usize = 32;

/// A fixed number of buffer pairs of one size. Untouched pairs cost address space only, and so do pairs that were given
/// back.
#[derive(Debug)]
pub struct Slab {
    block: NonNull<u8>,
    /// Bytes mapped at `block`.
    len: usize,
    /// Bytes of each of the two buffers of a pair; a whole number of pages.
    buffer_size: usize,
    /// Pairs in the block.
    pairs: u32,
    /// Pairs below this number have been used before.
    fresh_from: u32,
    /// Given back a moment ago, the latest last, with their memory: short flows follow one another.
    warm: VecDeque<u32>,
    /// Given back, and their memory with them.
    cold: Vec<u32>,
    /// One bit per pair: lent out now.
    lent: Vec<bool>,
}

// SAFETY: the block belongs to this value alone, and nothing in it depends on the thread that maps or uses it.
unsafe impl Send for Slab {}

impl Slab {
    /// Reserves room for `pairs` pairs of buffers of `buffer_size` bytes each, rounded up to whole pages.
    ///
    /// # Errors
    /// When the system grants no such room; on 32-bit machines address space is scarce.
    pub fn new(pairs: u32, buffer_size: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let too_large = || io::Error::from(io::ErrorKind::OutOfMemory);
        let buffer_size = buffer_size.max(1).checked_next_multiple_of(page).ok_or_else(too_large)?;
        let len = buffer_size
            .checked_mul(2)
            .and_then(|pair| pair.checked_mul(pairs.max(1) as usize))
            .filter(|len| isize::try_from(*len).is_ok())
            .ok_or_else(too_large)?;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choosing disturbs no other memory.
        let block = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        let block = NonNull::new(block.cast::<u8>()).ok_or_else(too_large)?;
        // With huge pages the first byte of a flow would cost 2 MiB. Kernels without them refuse this, which is as good.
        // SAFETY: the range is the mapping made above, and the advice does not change its contents.
        let _ = unsafe { madvise(block.as_ptr().cast(), len, Advice::LinuxNoHugepage) };
        let pairs = pairs.max(1);
        Ok(Self {
            block,
            len,
            buffer_size,
            pairs,
            fresh_from: 0,
            warm: VecDeque::new(),
            cold: Vec::new(),
            lent: vec![false; pairs as usize],
        })
    }

    /// How many pairs are lent out.
    pub fn lent(&self) -> usize {
        self.fresh_from as usize - self.warm.len() - self.cold.len()
    }

    /// Takes back every pair that is lent out. As with [`Buffers::give_back`], the caller has dropped all their slices.
    pub fn take_back_all(&mut self) {
        for pair in 0..self.fresh_from {
            if self.lent[pair as usize] {
                self.give_back(BufferId(pair));
            }
        }
    }

    /// Gives a pair's memory back to the system; its address space stays, and reads as zeros from now on. The pair is not lent
    /// out, or its holder reads nothing in it before writing it.
    fn release(&mut self, pair: u32) {
        // SAFETY: the range is one whole pair inside the mapping, page-aligned as `buffer_size` is a whole number of pages. Its
        // contents become zero, which are initialised bytes; no code relies on the earlier ones, as the pair is not lent out or
        // its holder has said so ([`Buffers::rest`]), and no slice is in use meanwhile, as all of them belong to this thread.
        let released =
            unsafe { madvise(self.start(pair).as_ptr().cast(), 2 * self.buffer_size, Advice::LinuxDontNeed) };
        if let Err(error) = released {
            log::debug!("a flow's buffers keep their memory: {error}");
        }
    }

    /// Where a pair begins. `pair` is below `self.pairs`.
    fn start(&self, pair: u32) -> NonNull<u8> {
        debug_assert!(pair < self.pairs);
        // SAFETY: the offset is below `len`, which is the size of one mapping and fits in an isize (checked in `new`).
        unsafe { self.block.add(pair as usize * 2 * self.buffer_size) }
    }
}

impl Buffers for Slab {
    fn take(&mut self) -> Option<BufferPair> {
        let pair = match self.warm.pop_back().or_else(|| self.cold.pop()) {
            Some(pair) => pair,
            None if self.fresh_from < self.pairs => {
                self.fresh_from += 1;
                self.fresh_from - 1
            }
            None => return None,
        };
        self.lent[pair as usize] = true;
        let start = self.start(pair);
        // SAFETY: both slices lie within the mapping, one after the other, and so do not overlap; every byte of an anonymous
        // mapping is initialised (zero at first). No other slice covers this pair: it was not lent out (fresh, or given back,
        // whose contract is that the earlier slices are gone). The mapping outlives the slices: `drop` leaves it in place
        // while a pair is lent out.
        let (receive, send) = unsafe {
            (
                std::slice::from_raw_parts_mut(start.as_ptr(), self.buffer_size),
                std::slice::from_raw_parts_mut(start.add(self.buffer_size).as_ptr(), self.buffer_size),
            )
        };
        Some(BufferPair { id: BufferId(pair), receive, send })
    }

    fn give_back(&mut self, id: BufferId) {
        // Anything else than a pair lent out now is a caller's error, and is passed over: lending a pair twice would be worse.
        if !self.lent.get(id.0 as usize).copied().unwrap_or(false) {
            debug_assert!(false, "pair {} was given back but not lent out", id.0);
            return;
        }
        self.lent[id.0 as usize] = false;
        self.warm.push_back(id.0);
        if self.warm.len() > MOST_WARM
            && let Some(oldest) = self.warm.pop_front()
        {
            self.release(oldest);
            self.cold.push(oldest);
        }
    }

    fn rest(&mut self, id: &BufferId) {
        if self.lent.get(id.0 as usize).copied().unwrap_or(false) {
            self.release(id.0);
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        if self.lent() > 0 {
            // Slices into the block are still out there: leaking address space is the safe side.
            return;
        }
        // SAFETY: the mapping is this value's own, and no slice into it is left.
        let _ = unsafe { munmap(self.block.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_limit_is_the_number_of_pairs() {
        let mut slab = Slab::new(3, 4096).unwrap();
        let pairs: Vec<_> = std::iter::from_fn(|| slab.take()).collect();
        assert_eq!(pairs.len(), 3);
        assert_eq!(slab.lent(), 3);
        drop(pairs);
        slab.take_back_all();
        assert_eq!(slab.lent(), 0);
        assert!(slab.take().is_some());
    }

    #[test]
    fn sizes_are_rounded_up_to_whole_pages() {
        let mut slab = Slab::new(1, 5000).unwrap();
        let pair = slab.take().unwrap();
        assert!(pair.receive.len() >= 5000 && pair.receive.len().is_multiple_of(rustix::param::page_size()));
        assert_eq!(pair.receive.len(), pair.send.len());
        slab.give_back(pair.id);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(Slab::new(u32::MAX, usize::MAX).is_err());
        assert!(Slab::new(u32::MAX, usize::MAX / 16).is_err());
    }

    #[test]
    fn only_few_pairs_given_back_keep_their_memory() {
        let mut slab = Slab::new(100, 4096).unwrap();
        let pairs: Vec<_> = std::iter::from_fn(|| slab.take()).collect();
        for pair in pairs {
            pair.receive.fill(1);
            pair.send.fill(2);
            slab.give_back(pair.id);
        }
        let pairs: Vec<_> = std::iter::from_fn(|| slab.take()).collect();
        let touched = |pair: &&BufferPair| pair.receive.iter().chain(pair.send.iter()).any(|byte| *byte != 0);
        assert_eq!((pairs.len(), pairs.iter().filter(touched).count()), (100, MOST_WARM));
        for pair in pairs {
            slab.give_back(pair.id);
        }
    }

    #[test]
    fn a_pair_that_rests_keeps_no_memory() {
        let mut slab = Slab::new(1, 4096).unwrap();
        let pair = slab.take().unwrap();
        pair.receive.fill(1);
        pair.send.fill(2);
        slab.rest(&pair.id);
        assert_eq!(slab.lent(), 1, "it is lent out all the same");
        slab.give_back(pair.id);
        // Given back warm, it would come with what was in it.
        let pair = slab.take().unwrap();
        assert!(pair.receive.iter().chain(pair.send.iter()).all(|byte| *byte == 0));
        slab.give_back(pair.id);
        slab.rest(&BufferId(0));
        assert!(slab.take().is_some(), "resting what is not lent out does nothing");
    }

    proptest! {
        /// Whatever the order of taking and giving back, no two pairs share a byte.
        #[test]
        fn pairs_never_overlap(steps in proptest::collection::vec(any::<(bool, prop::sample::Index)>(), 0..200)) {
            let mut slab = Slab::new(8, 4096).unwrap();
            let mut held: BTreeMap<u32, BufferPair> = BTreeMap::new();
            for (take, which) in steps {
                if take {
                    if let Some(pair) = slab.take() {
                        let mark = pair.id.0 as u8 + 1;
                        pair.receive.fill(mark);
                        pair.send.fill(mark | 0x80);
                        prop_assert!(held.insert(pair.id.0, pair).is_none());
                    } else {
                        prop_assert_eq!(held.len(), 8);
                    }
                } else if !held.is_empty() {
                    let key = *which.get(&held.keys().copied().collect::<Vec<_>>());
                    let pair = held.remove(&key).unwrap();
                    slab.give_back(pair.id);
                }
                for (id, pair) in &held {
                    let mark = *id as u8 + 1;
                    prop_assert!(pair.receive.iter().all(|byte| *byte == mark));
                    prop_assert!(pair.send.iter().all(|byte| *byte == mark | 0x80));
                }
                prop_assert_eq!(slab.lent(), held.len());
            }
            for (_, pair) in held {
                slab.give_back(pair.id);
            }
        }
    }
}
