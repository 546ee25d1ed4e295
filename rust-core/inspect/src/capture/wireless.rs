//! IEEE 802.11 frames: the IP packets in those that are not encrypted.

/// LLC and SNAP headers in front of an EtherType (IEEE 802, RFC 1042).
const SNAP: [u8; 6] = [0xAA, 0xAA, 0x03, 0, 0, 0];
/// Flags of the frame control field (IEEE 802.11 §9.2.4.1), read as a little-endian number.
const TO_AND_FROM_DISTRIBUTION: u16 = 0x0300;
const PROTECTED: u16 = 0x4000;
const ORDER: u16 = 0x8000;
/// Subtypes of data frames: without data, and with quality of service.
const NO_DATA: u16 = 0x0040;
const QUALITY: u16 = 0x0080;

/// The EtherType and contents behind LLC and SNAP headers.
pub(super) fn behind_snap(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let rest = bytes.strip_prefix(&SNAP)?;
    let (ethertype, contents) = rest.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*ethertype), contents))
}

/// The body of a data frame: one packet behind its SNAP header, or several with headers of their own.
pub(super) enum Body<'a> {
    One(&'a [u8]),
    Several(&'a [u8]),
}

/// Finds the body of a data frame. `padded`: zero bytes behind the header fill it up to a multiple of four.
pub(super) fn body(frame: &[u8], padded: bool) -> Option<Body<'_>> {
    let control = u16::from_le_bytes(*frame.first_chunk()?);
    // Protocol version 0, type 2: data.
    if control & 0x000F != 0x0008 || control & (PROTECTED | NO_DATA) != 0 {
        return None;
    }
    let mut length = 24;
    if control & TO_AND_FROM_DISTRIBUTION == TO_AND_FROM_DISTRIBUTION {
        length += 6;
    }
    let mut several = false;
    if control & QUALITY != 0 {
        several = frame.get(length)? & 0x80 != 0;
        length += 2;
        if control & ORDER != 0 {
            length += 4;
        }
    }
    if padded {
        length = length.next_multiple_of(4);
    }
    let body = frame.get(length..)?;
    Some(if several { Body::Several(body) } else { Body::One(body) })
}

/// Takes the first packet off an aggregate of several (IEEE 802.11 §9.3.2.2); gives it, and the rest.
pub(super) fn first_of_several(aggregate: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes(*aggregate.get(12..)?.first_chunk()?));
    let contents = aggregate.get(14..14 + length)?;
    let rest = aggregate.get((14 + length).next_multiple_of(4)..).unwrap_or_default();
    Some((contents, rest))
}

/// The frame behind a radiotap header (<https://www.radiotap.org>), and whether its header is padded.
pub(super) fn behind_radiotap(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let length = usize::from(u16::from_le_bytes(*bytes.get(2..)?.first_chunk()?));
    let frame = bytes.get(length..)?;
    let word =
        |at: usize| bytes.get(at..at + 4).map(|word| u32::from_le_bytes([0, 1, 2, 3].map(|i| word[i])));
    let first = word(4)?;
    // Further words of the same kind follow as long as the highest bit is set.
    let mut fields_at = 8;
    let mut present = first;
    while present & 0x8000_0000 != 0 {
        present = word(fields_at)?;
        fields_at += 4;
    }
    // Bit 0 is a clock of eight bytes, aligned; bit 1 the flags, of which 0x20 means padding.
    let flags_at = if first & 1 != 0 { fields_at.next_multiple_of(8) + 8 } else { fields_at };
    let padded = first & 2 != 0 && flags_at < length && bytes.get(flags_at)? & 0x20 != 0;
    Some((frame, padded))
}
