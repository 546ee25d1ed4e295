//! The pcapng format (draft-ietf-opsawg-pcapng): sections, each with its own byte order and interfaces.

use super::reader::{Found, LONGEST_RECORD, Remarks, Source};
use super::{CaptureError, LinkType, Timestamp};
use std::io::Read;

/// Block type of a section header: the same in either byte order.
pub(super) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// A text that somebody wrote, in any block.
const OPTION_COMMENT: u16 = 1;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

/// More interfaces than any machine has; a file with more is damaged or means to fill our memory.
const MOST_INTERFACES: usize = 65_536;

/// One `Interface Description Block`.
struct Interface {
    link: LinkType,
    snap_len: u32,
    /// Ticks per second.
    ticks: u64,
    /// Seconds to add to every timestamp.
    offset_seconds: i64,
}

impl Interface {
    fn time(&self, ticks: u64) -> Timestamp {
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(self.ticks);
        let nanos = nanos as i128 + i128::from(self.offset_seconds) * 1_000_000_000;
        Timestamp(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

/// The section being read.
pub(super) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

impl Section {
    /// Reads a section header whose block type has just been taken. `offset` is where its block starts.
    pub(super) fn open<R: Read>(
        source: &mut Source<R>,
        offset: u64,
        remarks: &mut Remarks,
    ) -> Result<Self, CaptureError> {
        let mut head = Vec::new();
        source.take_all("section header", 8, &mut head)?;
        let big_endian = match head[4..8] {
            [0x1a, 0x2b, 0x3c, 0x4d] => true,
            [0x4d, 0x3c, 0x2b, 0x1a] => false,
            _ => {
                let reason = format!("the section header's byte-order magic is {:02x?}", &head[4..8]);
                return Err(CaptureError::Damaged { offset, reason });
            }
        };
        let section = Self { big_endian, interfaces: Vec::new() };
        let length = section.u32(&head, 0);
        // 28: type, length, byte-order magic, version, section length, length again.
        if length < 28 || !length.is_multiple_of(4) {
            let reason = format!("the section header claims a length of {length} bytes");
            return Err(CaptureError::Damaged { offset, reason });
        }
        // Behind type, length and magic: version and section length, then options, then the length again.
        let rest = u64::from(length) - 12;
        if length > LONGEST_RECORD {
            source.skip("section header", rest)?;
            return Ok(section);
        }
        source.take_all("section header", rest, &mut head)?;
        let options = head.get(12..head.len() - 4).unwrap_or_default();
        section.options(options, |code, value| {
            if code == OPTION_COMMENT {
                remarks.add(offset, value);
            }
        });
        Ok(section)
    }

    /// Reads blocks until one holds a packet.
    pub(super) fn next<R: Read>(
        &mut self,
        source: &mut Source<R>,
        block: &mut Vec<u8>,
        remarks: &mut Remarks,
    ) -> Result<Option<Found>, CaptureError> {
        loop {
            let offset = source.offset;
            if !source.take("block type", 4, block)? {
                return Ok(None);
            }
            if block[..] == SECTION_HEADER {
                *self = Self::open(source, offset, remarks)?;
                continue;
            }
            let kind = self.u32(block, 0);
            source.take_all("block length", 4, block)?;
            let length = self.u32(block, 0);
            if length < 12 || !length.is_multiple_of(4) {
                let reason = format!("the block claims a length of {length} bytes");
                return Err(CaptureError::Damaged { offset, reason });
            }
            let body_len = length - 12;
            if !matches!(kind, INTERFACE | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) {
                source.skip("block", u64::from(length) - 8)?;
                continue;
            }
            if body_len > LONGEST_RECORD {
                let reason =
                    format!("the block claims {length} bytes, more than any packet or interface needs");
                return Err(CaptureError::Damaged { offset, reason });
            }
            source.take_all("block", u64::from(body_len) + 4, block)?;
            let closing = self.u32(block, body_len as usize);
            if closing != length {
                let reason = format!("the block begins with length {length} and ends with length {closing}");
                return Err(CaptureError::Damaged { offset, reason });
            }
            block.truncate(body_len as usize);
            if kind == INTERFACE {
                self.add_interface(block, offset, remarks)?;
            } else {
                let found = self.packet(kind, block, offset)?;
                // Only these have options behind the packet and its padding.
                if kind == ENHANCED_PACKET {
                    let end = found.bytes.end.next_multiple_of(4);
                    self.options(block.get(end..).unwrap_or_default(), |code, value| {
                        if code == OPTION_COMMENT {
                            remarks.add(offset, value);
                        }
                    });
                }
                return Ok(Some(found));
            }
        }
    }

    /// Calls `visit` with each option: code, length and value padded to four bytes; code 0 ends the list.
    fn options(&self, mut options: &[u8], mut visit: impl FnMut(u16, &[u8])) {
        while options.len() >= 4 {
            let (code, length) = (self.u16(options, 0), usize::from(self.u16(options, 2)));
            let Some(value) = options.get(4..4 + length) else { break };
            if code == 0 {
                break;
            }
            visit(code, value);
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
    }

    fn add_interface(&mut self, body: &[u8], offset: u64, remarks: &mut Remarks) -> Result<(), CaptureError> {
        if body.len() < 8 || self.interfaces.len() == MOST_INTERFACES {
            let reason = "the interface description is too short, or one too many".to_owned();
            return Err(CaptureError::Damaged { offset, reason });
        }
        let mut interface = Interface {
            link: LinkType::from_number(self.u16(body, 0)),
            snap_len: self.u32(body, 4),
            ticks: 1_000_000,
            offset_seconds: 0,
        };
        self.options(&body[8..], |code, value| match (code, value) {
            (OPTION_COMMENT, value) => remarks.add(offset, value),
            (OPTION_TSRESOL, [resolution, ..]) => {
                // The upper bit chooses powers of two; finer than 2^-63 or 10^-19 does not fit and is not in use.
                let power = u32::from(resolution & 0x7f);
                let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
                interface.ticks = base.checked_pow(power).unwrap_or(1_000_000);
            }
            (OPTION_TSOFFSET, value) if value.len() == 8 => {
                let bytes = value.try_into().expect("eight bytes, checked above");
                interface.offset_seconds =
                    if self.big_endian { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) };
            }
            _ => {}
        });
        self.interfaces.push(interface);
        Ok(())
    }

    fn packet(&self, kind: u32, body: &[u8], offset: u64) -> Result<Found, CaptureError> {
        let damaged = |reason: String| CaptureError::Damaged { offset, reason };
        let header_len = if kind == SIMPLE_PACKET { 4 } else { 20 };
        if body.len() < header_len {
            return Err(damaged("the packet block is too short for its header".to_owned()));
        }
        let number = match kind {
            ENHANCED_PACKET => self.u32(body, 0),
            OBSOLETE_PACKET => u32::from(self.u16(body, 0)),
            _ => 0,
        };
        let Some(interface) = self.interfaces.get(number as usize) else {
            return Err(damaged(format!("the packet belongs to interface {number}, which is not described")));
        };
        let (time, kept, original_len) = if kind == SIMPLE_PACKET {
            let original_len = self.u32(body, 0);
            let limit = if interface.snap_len == 0 { u32::MAX } else { interface.snap_len };
            // The block tells no captured length: it is the shorter of the packet and the snap length.
            let kept = original_len.min(limit).min((body.len() - header_len) as u32);
            (Timestamp::default(), kept, original_len)
        } else {
            let ticks = u64::from(self.u32(body, 4)) << 32 | u64::from(self.u32(body, 8));
            (interface.time(ticks), self.u32(body, 12), self.u32(body, 16))
        };
        if kept as usize > body.len() - header_len {
            let room = body.len() - header_len;
            return Err(damaged(format!("the packet claims {kept} bytes in a block with room for {room}")));
        }
        Ok(Found {
            time,
            link: interface.link,
            bytes: header_len..header_len + kept as usize,
            original_len: original_len.max(kept),
            offset,
        })
    }

    fn u16(&self, bytes: &[u8], at: usize) -> u16 {
        let bytes = bytes[at..at + 2].try_into().expect("a slice of two bytes");
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> u32 {
        let bytes = bytes[at..at + 4].try_into().expect("a slice of four bytes");
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}
