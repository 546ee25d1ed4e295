//! One direction of a TCP connection, put in order (RFC 9293 §3.4).

/// What comes next in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// The next bytes.
    Bytes(&'a [u8]),
    /// So many bytes are not in the capture.
    Gap(u32),
}

/// Bytes held for one direction while an earlier segment is awaited.
const MOST_PENDING_BYTES: usize = 256 * 1024;
/// Segments held for one direction while an earlier one is awaited.
const MOST_PENDING_SEGMENTS: usize = 192;
/// A segment further than this from where the stream stands is no part of it, unless several in a row agree.
const WINDOW: u32 = 16 << 20;
/// So many segments astray in a row, and the stream is taken up again where they are.
const ASTRAY_LIMIT: u8 = 4;

#[derive(Debug)]
struct Segment {
    sequence: u32,
    bytes: Box<[u8]>,
    missing: u32,
}

/// Reorders segments. Holds nothing as long as they come in order.
#[derive(Debug, Default)]
pub(super) struct Stream {
    next: Option<u32>,
    pending: Vec<Segment>,
    pending_bytes: usize,
    astray: u8,
    /// The receiver has heard enough: nothing is put in order any more.
    stopped: bool,
}

impl Stream {
    /// States where the stream starts, if that is not known yet.
    pub(super) fn starts_at(&mut self, sequence: u32) {
        self.next.get_or_insert(sequence);
    }

    /// Whether where the stream stands is known.
    pub(super) fn is_placed(&self) -> bool {
        self.next.is_some()
    }

    /// Whether nothing before `sequence` is awaited any more.
    pub(super) fn has_reached(&self, sequence: u32) -> bool {
        self.stopped || self.next.is_some_and(|next| next.wrapping_sub(sequence) as i32 >= 0)
    }

    /// Bytes held for later.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Takes a segment of which the last `missing` bytes were not captured, and hands on what is now in order.
    pub(super) fn segment(
        &mut self,
        sequence: u32,
        bytes: &[u8],
        missing: u32,
        sink: &mut dyn FnMut(Piece<'_>),
    ) {
        if self.stopped || (bytes.is_empty() && missing == 0) {
            return;
        }
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next) as i32;
        if ahead.unsigned_abs() > WINDOW {
            self.astray += 1;
            if self.astray < ASTRAY_LIMIT {
                return;
            }
            self.flush(sink);
            sink(Piece::Gap(ahead.unsigned_abs()));
            self.next = Some(sequence);
        }
        self.astray = 0;
        self.pending_bytes += bytes.len();
        if ahead > 0 && ahead.unsigned_abs() <= WINDOW {
            self.pending.push(Segment { sequence, bytes: bytes.into(), missing });
            if self.pending_bytes > MOST_PENDING_BYTES || self.pending.len() > MOST_PENDING_SEGMENTS {
                self.skip_to_pending(sink);
            }
        } else {
            // In order, the usual case: nothing is copied.
            self.pending_bytes -= bytes.len();
            self.deliver(sequence, bytes, missing, sink);
        }
        self.drain(sink);
    }

    /// Hands on everything that is held, with gaps where segments are missing.
    pub(super) fn flush(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        while !self.pending.is_empty() {
            self.skip_to_pending(sink);
            self.drain(sink);
        }
    }

    /// Stops putting this direction in order, and lets go of what is held.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.pending = Vec::new();
        self.pending_bytes = 0;
    }

    /// Hands on the part of a segment at or behind `next` that is new.
    fn deliver(&mut self, sequence: u32, bytes: &[u8], missing: u32, sink: &mut dyn FnMut(Piece<'_>)) {
        let next = self.next.unwrap_or(sequence);
        let known = next.wrapping_sub(sequence) as usize;
        let length = bytes.len() + missing as usize;
        if known >= length {
            return;
        }
        let fresh = bytes.get(known..).unwrap_or_default();
        if !fresh.is_empty() {
            sink(Piece::Bytes(fresh));
        }
        let lost = (length - known - fresh.len()) as u32;
        if lost > 0 {
            sink(Piece::Gap(lost));
        }
        self.next = Some(next.wrapping_add((length - known) as u32));
    }

    /// Hands on held segments for as long as one fits.
    fn drain(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        while let Some(next) = self.next {
            let fits = |segment: &Segment| segment.sequence.wrapping_sub(next) as i32 <= 0;
            let Some(at) = self.pending.iter().position(fits) else { break };
            let segment = self.pending.swap_remove(at);
            self.pending_bytes -= segment.bytes.len();
            self.deliver(segment.sequence, &segment.bytes, segment.missing, sink);
        }
    }

    /// Gives up waiting: moves on to the nearest held segment.
    fn skip_to_pending(&mut self, sink: &mut dyn FnMut(Piece<'_>)) {
        let Some(next) = self.next else { return };
        let distance = self.pending.iter().map(|segment| segment.sequence.wrapping_sub(next)).min();
        if let Some(distance) = distance.filter(|distance| *distance > 0 && *distance as i32 > 0) {
            sink(Piece::Gap(distance));
            self.next = Some(next.wrapping_add(distance));
        }
    }
}
