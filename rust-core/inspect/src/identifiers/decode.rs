//! Undoing what hides a text from a reader: compression and base64. Every result is bounded, and none is guessed at: what does
//! not decode to a text, or to something compressed, is left as it is.

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// Most bytes that all compressed parts of one message may become. What lies behind is not searched.
pub const MAX_INFLATED: usize = 1 << 20;
/// Shorter texts in base64 are taken as they are: too many plain words look the same.
const SHORTEST_BASE64: usize = 12;
/// Longest text in base64 that is undone.
const LONGEST_BASE64: usize = super::MAX_BODY;

/// How a body is compressed, by its Content-Encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    /// "deflate" means zlib (RFC 9110 §8.4.1.2), but some senders leave zlib's frame out.
    Deflate,
}

impl Compression {
    /// What a Content-Encoding says, if it is one that can be undone.
    pub(super) fn named(encoding: &[u8]) -> Option<Self> {
        match &encoding.trim_ascii().to_ascii_lowercase()[..] {
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    /// What bytes begin like: gzip (RFC 1952 §2.3.1), or zlib with a window of 32 KiB (RFC 1950 §2.2).
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x1F, 0x8B, 8, ..] => Some(Self::Gzip),
            [0x78, flags, ..] if (0x7800 + u16::from(*flags)).is_multiple_of(31) => Some(Self::Deflate),
            _ => None,
        }
    }

    /// Undoes it, up to `room` bytes: a broken or cut stream gives what comes before the break. `None` if that is nothing.
    pub(super) fn undo(self, bytes: &[u8], room: usize) -> Option<Vec<u8>> {
        let read = |decoder: &mut dyn Read| {
            let mut text = Vec::new();
            // The error is where the text ends: it was cut, or is none.
            let _ = decoder.take(room as u64).read_to_end(&mut text);
            (!text.is_empty()).then_some(text)
        };
        match self {
            Self::Gzip => read(&mut MultiGzDecoder::new(bytes)),
            Self::Deflate => {
                read(&mut ZlibDecoder::new(bytes)).or_else(|| read(&mut DeflateDecoder::new(bytes)))
            }
        }
    }
}

/// Undoes base64 (RFC 4648 §4 and §5, padded or not, in one line or several), if what comes out is a text or compressed.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    if !(SHORTEST_BASE64..=LONGEST_BASE64).contains(&text.len()) {
        return None;
    }
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    let (mut standard, mut url, mut padding) = (false, false, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'/' => {
                standard = true;
                if byte == b'+' { 62 } else { 63 }
            }
            b'-' | b'_' => {
                url = true;
                if byte == b'-' { 62 } else { 63 }
            }
            b'=' => {
                padding += 1;
                continue;
            }
            // A form may have turned a plus sign into a blank.
            b' ' => {
                standard = true;
                62
            }
            b'\r' | b'\n' => continue,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        count += 1;
        if count % 4 == 0 {
            decoded.extend(&bits.to_be_bytes()[1..]);
            bits = 0;
        }
    }
    match count % 4 {
        0 => {}
        2 => decoded.push((bits >> 4) as u8),
        3 => decoded.extend(&((bits >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    let sound = padding <= 2 && !(standard && url);
    (sound && (is_text(&decoded) || Compression::of(&decoded).is_some())).then_some(decoded)
}

/// Whether bytes are text that a person or program may have written.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    str::from_utf8(bytes)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression as Level;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    /// RFC 4648 §10, made long enough to be looked at.
    #[test]
    fn base64_in_all_its_forms() {
        for coded in ["Zm9vYmFyZm9vYmE=", "Zm9vYmFyZm9vYmE", "Zm9vYmFy\r\nZm9vYmE="] {
            assert_eq!(base64(coded).as_deref(), Some(&b"foobarfooba"[..]), "{coded}");
        }
        assert_eq!(base64("Pz8/Pz8/Pz8/Pz8-").as_deref(), None, "two alphabets");
        assert_eq!(base64("fn5-fn5-fn5-fn5-").as_deref(), Some(&b"~~~~~~~~~~~~"[..]));
        assert_eq!(base64("fn5+fn5 fn5+fn5+").as_deref(), Some(&b"~~~~~~~~~~~~"[..]));
    }

    #[test]
    fn words_and_numbers_that_happen_to_be_base64_are_left_alone() {
        for word in [
            "490154203237518",
            "0eaed834a1e6f4b2bf0c024e0013dea1",
            "Zm9v",
            "a=b&c=d&e=f&g=h",
            "SGVsbG8gV29ybGQhIQ==x",
        ] {
            assert_eq!(base64(word), None, "{word}");
        }
    }

    #[test]
    fn compressed_bodies_are_undone_and_cut_at_the_limit() {
        let text = b"imei=490154203237518".repeat(100);
        let mut gzip = GzEncoder::new(Vec::new(), Level::default());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(Compression::of(&gzip), Some(Compression::Gzip));
        assert_eq!(Compression::Gzip.undo(&gzip, MAX_INFLATED), Some(text.clone()));
        let mut zlib = ZlibEncoder::new(Vec::new(), Level::default());
        zlib.write_all(&text).unwrap();
        let zlib = zlib.finish().unwrap();
        assert_eq!(Compression::of(&zlib), Some(Compression::Deflate));
        assert_eq!(Compression::Deflate.undo(&zlib, MAX_INFLATED), Some(text.clone()));
        // Without zlib's frame: two bytes before, a checksum of four behind.
        assert_eq!(Compression::Deflate.undo(&zlib[2..zlib.len() - 4], MAX_INFLATED), Some(text.clone()));
        assert_eq!(Compression::Gzip.undo(&gzip, 30).map(|text| text.len()), Some(30), "a bomb is cut");
        let cut = Compression::Gzip.undo(&gzip[..gzip.len() - 8], MAX_INFLATED).unwrap();
        assert!(text.starts_with(&cut) && !cut.is_empty());
        assert_eq!(Compression::Gzip.undo(b"plain text", 100), None);
    }
}
