//! The classic pcap format (draft-ietf-opsawg-pcap).

use super::reader::{Found, LONGEST_RECORD, Source};
use super::{CaptureError, LinkType, Timestamp};
use std::io::Read;

/// Byte order and time unit, told by the magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    big_endian: bool,
    nanoseconds: bool,
}

impl Variant {
    /// `None` if this is not a pcap magic number.
    pub(super) fn from_magic(magic: [u8; 4]) -> Option<Self> {
        let (big_endian, nanoseconds) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (true, false),
            [0xd4, 0xc3, 0xb2, 0xa1] => (false, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (true, true),
            [0x4d, 0x3c, 0xb2, 0xa1] => (false, true),
            _ => return None,
        };
        Some(Self { big_endian, nanoseconds })
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = bytes[at..at + 4].try_into().expect("a slice of four bytes");
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// What the file header says about all records.
pub(super) struct Header {
    variant: Variant,
    link: LinkType,
}

impl Header {
    /// Reads the 20 bytes after the magic number.
    pub(super) fn read<R: Read>(source: &mut Source<R>, variant: Variant) -> Result<Self, CaptureError> {
        let mut rest = Vec::new();
        source.take_all("pcap file header", 20, &mut rest)?;
        // The upper half of the link type's field holds flags about the frame check sequence.
        let number = variant.u32(&rest, 16) as u16;
        match LinkType::from_number(number) {
            LinkType::Unsupported(link_type) => Err(CaptureError::UnsupportedLinkType { link_type }),
            link => Ok(Self { variant, link }),
        }
    }

    /// The next record.
    pub(super) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
        record: &mut Vec<u8>,
    ) -> Result<Option<Found>, CaptureError> {
        let offset = source.offset;
        if !source.take("packet header", 16, record)? {
            return Ok(None);
        }
        let field = |at| self.variant.u32(record, at);
        let (seconds, fraction, kept, original_len) = (field(0), field(4), field(8), field(12));
        if kept > LONGEST_RECORD {
            let reason = format!("the packet record claims {kept} bytes, more than any packet has");
            return Err(CaptureError::Damaged { offset, reason });
        }
        let unit = if self.variant.nanoseconds { 1 } else { 1_000 };
        let time = Timestamp(i64::from(seconds) * 1_000_000_000 + i64::from(fraction) * unit);
        source.take_all("packet", u64::from(kept), record)?;
        let bytes = 0..record.len();
        Ok(Some(Found { time, link: self.link, bytes, original_len: original_len.max(kept), offset }))
    }
}
