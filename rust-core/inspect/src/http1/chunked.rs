//! The framing of a chunked body (RFC 9112 §7.1), without its contents.

use super::{FramingError, MAX_HEAD};

/// Digits of a chunk size that are read: enough for 2^60 bytes.
const MAX_SIZE_DIGITS: u8 = 15;

/// Where in a chunked body the stream stands. Chunk extensions and trailers are allowed, and bounded in length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunked {
    place: Place,
    /// Bytes in the current chunk line, or in the trailer section.
    length: usize,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Size {
        digits: u8,
        size: u64,
    },
    /// Behind the size, in blanks or extensions.
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Finished,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { place: Place::Size { digits: 0, size: 0 }, length: 0 }
    }
}

impl Chunked {
    /// Moves on over the next bytes. Returns how many of them belong to the body, and whether it ends there. Bytes
    /// before a broken one are covered first; the error comes with the next call.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, bool), FramingError> {
        let mut at = 0;
        while at < bytes.len() {
            if let Place::Data { left } = self.place {
                let step = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += step;
                let left = left - step as u64;
                self.place = if left == 0 { Place::DataCr } else { Place::Data { left } };
                continue;
            }
            match self.place.after(bytes[at]) {
                Some(place) if self.length < MAX_HEAD => self.place = place,
                _ if at == 0 => return Err(FramingError::BadChunk),
                _ => return Ok((at, false)),
            }
            at += 1;
            self.length = if matches!(self.place, Place::Data { .. }) { 0 } else { self.length + 1 };
            if matches!(self.place, Place::Finished) {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }
}

/// The contents of a chunked body, as far as its framing is sound.
pub(crate) fn content(framed: &[u8]) -> Vec<u8> {
    let mut chunked = Chunked::default();
    let mut content = Vec::new();
    let mut rest = framed;
    while let Some(&byte) = rest.first() {
        let step = match chunked.place {
            Place::Data { left } => usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()),
            _ => 1,
        };
        let (covered, rest_after) = rest.split_at(step);
        match chunked.place {
            Place::Data { .. } => content.extend(covered),
            place if place.after(byte).is_none() => break,
            _ => {}
        }
        match chunked.advance(covered) {
            Ok((_, false)) => rest = rest_after,
            _ => break,
        }
    }
    content
}

impl Place {
    /// The place behind `byte`; `None` if the byte may not stand here.
    fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16)?;
                (digits < MAX_SIZE_DIGITS)
                    .then_some(Self::Size { digits: digits + 1, size: size << 4 | u64::from(digit) })
            }
            (Self::Size { digits: 1.., size }, b';' | b' ' | b'\t') => Some(Self::Extension { size }),
            (Self::Size { digits: 1.., size } | Self::Extension { size }, b'\r') => {
                Some(Self::SizeLf { size })
            }
            (Self::Extension { size }, _) if is_text(byte) => Some(Self::Extension { size }),
            (Self::SizeLf { size: 0 } | Self::TrailerLf, b'\n') => Some(Self::TrailerStart),
            (Self::SizeLf { size }, b'\n') => Some(Self::Data { left: size }),
            (Self::DataCr, b'\r') => Some(Self::DataLf),
            (Self::DataLf, b'\n') => Some(Self::Size { digits: 0, size: 0 }),
            (Self::TrailerStart, b'\r') => Some(Self::LastLf),
            (Self::TrailerStart, _) if is_text(byte) && !matches!(byte, b' ' | b'\t' | b':') => {
                Some(Self::Trailer)
            }
            (Self::Trailer, b'\r') => Some(Self::TrailerLf),
            (Self::Trailer, _) if is_text(byte) => Some(Self::Trailer),
            (Self::LastLf, b'\n') => Some(Self::Finished),
            _ => None,
        }
    }
}

/// Whether a byte may stand inside a line: anything but control characters, of which only the tab is allowed.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}
