//! One reader for both capture formats.

use super::compressed::Input;
use super::pcapng::Section;
use super::{CaptureError, LinkType, Timestamp, pcap, pcapdroid, pcapng};
use std::io::{self, Read};

/// A record longer than this is taken for damage. The longest real ones are GSO packets of a few hundred kilobytes.
pub(super) const LONGEST_RECORD: u32 = 1 << 20;

/// One packet as the capture holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When it was seen (the epoch itself where the format tells no time).
    pub time: Timestamp,
    /// What kind of link-layer header it begins with.
    pub link: LinkType,
    /// The bytes that were kept, link-layer header included.
    pub bytes: &'a [u8],
    /// How long the packet was on the wire, in bytes; more than `bytes.len()` if the capture was snapped.
    pub original_len: u32,
    /// Where its record starts, in bytes from the start of the file (once it is uncompressed).
    pub offset: u64,
}

impl Frame<'_> {
    /// The app that the packet belongs to, where the capture says so: PCAPdroid's trailer gives the app's name as people see it,
    /// cut to 20 bytes, not that of its package.
    pub fn app(&self) -> Option<String> {
        if self.link == LinkType::Ethernet { pcapdroid::app(self.bytes) } else { None }
    }
}

/// Something that a person or program wrote into the capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where it stands, in bytes from the start of the file (once it is uncompressed).
    pub offset: u64,
    /// What it says, without control characters, cut to 200 characters.
    pub text: String,
}

/// Most remarks that are kept.
const MOST_REMARKS: usize = 100;
/// Longest remark, in characters.
const LONGEST_REMARK: usize = 200;

/// The remarks found so far.
#[derive(Default)]
pub(super) struct Remarks(Vec<Remark>);

impl Remarks {
    pub(super) fn add(&mut self, offset: u64, text: &[u8]) {
        let text: String = String::from_utf8_lossy(text)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST_REMARK)
            .collect();
        if self.0.len() < MOST_REMARKS && !text.trim().is_empty() {
            self.0.push(Remark { offset, text: text.trim().to_owned() });
        }
    }
}

/// Reads a pcap or pcapng capture, record by record, from front to back. Holds one record at a time.
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    record: Vec<u8>,
    remarks: Remarks,
    failed: bool,
}

enum Format {
    Pcap(pcap::Header),
    Pcapng(Section),
}

/// Where in a record a frame's bytes lie, and what is known about them.
pub(super) struct Found {
    pub(super) time: Timestamp,
    pub(super) link: LinkType,
    pub(super) bytes: std::ops::Range<usize>,
    pub(super) original_len: u32,
    pub(super) offset: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the file's header and finds out which format it is.
    ///
    /// # Errors
    /// The file is no capture, or its header is broken.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut source = Source { input: Input::Plain(input), offset: 0 };
        let mut magic = Vec::with_capacity(4);
        source.take_up_to(4, &mut magic)?;
        let Input::Plain(input) = source.input else { unreachable!("it was put there as it is") };
        let mut source = match Input::undo(&magic, input) {
            Err(input) => Source { input: Input::Plain(input), offset: source.offset },
            Ok(input) => {
                let mut source = Source { input, offset: 0 };
                magic.clear();
                source.take_up_to(4, &mut magic)?;
                source
            }
        };
        let mut remarks = Remarks::default();
        let format = match magic.as_slice() {
            [] => return Err(CaptureError::Empty),
            [b'B', b'Z', b'h', ..] => {
                return Err(CaptureError::Compressed { format: "bzip2", command: "bunzip2 -c FILE" });
            }
            [0xFD, b'7', b'z', b'X'] => {
                return Err(CaptureError::Compressed { format: "xz", command: "xz -dc FILE" });
            }
            [0x04, 0x22, 0x4D, 0x18] => {
                return Err(CaptureError::Compressed { format: "lz4", command: "lz4 -dc FILE" });
            }
            [a, b, c, d] => {
                let magic = [*a, *b, *c, *d];
                if magic == pcapng::SECTION_HEADER {
                    Format::Pcapng(Section::open(&mut source, 0, &mut remarks)?)
                } else if let Some(variant) = pcap::Variant::from_magic(magic) {
                    Format::Pcap(pcap::Header::read(&mut source, variant)?)
                } else {
                    return Err(CaptureError::UnknownFormat { magic: magic.to_vec() });
                }
            }
            _ => return Err(CaptureError::UnknownFormat { magic }),
        };
        Ok(Self { source, format, record: Vec::new(), remarks, failed: false })
    }

    /// The next frame, or `None` at a proper end.
    ///
    /// # Errors
    /// The file is cut or damaged here: there is nothing more after that.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.failed {
            return Ok(None);
        }
        let found = match &mut self.format {
            Format::Pcap(header) => header.next(&mut self.source, &mut self.record),
            Format::Pcapng(section) => section.next(&mut self.source, &mut self.record, &mut self.remarks),
        };
        match found {
            Ok(found) => Ok(found.map(|found| Frame {
                time: found.time,
                link: found.link,
                bytes: &self.record[found.bytes],
                original_len: found.original_len,
                offset: found.offset,
            })),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    /// Whether the file is compressed: its own length says nothing about how far the reader is.
    pub fn is_compressed(&self) -> bool {
        self.source.input.is_compressed()
    }

    /// The comments that the capture's writer left in it, so far: the first hundred.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks.0
    }

    /// How far into the file the reader is, in bytes (of what it uncompressed).
    pub fn offset(&self) -> u64 {
        self.source.offset
    }
}

/// The input, and how much of it has been taken.
pub(super) struct Source<R> {
    input: Input<R>,
    pub(super) offset: u64,
}

impl<R: Read> Source<R> {
    /// Appends up to `len` bytes to `into`; fewer only at the end of the file. Memory grows with what is really there,
    /// not with what a header claims.
    pub(super) fn take_up_to(&mut self, len: u64, into: &mut Vec<u8>) -> Result<u64, CaptureError> {
        let read = self.input.by_ref().take(len).read_to_end(into);
        let read = read.map_err(|source| CaptureError::Io { offset: self.offset, source })? as u64;
        self.offset += read;
        Ok(read)
    }

    /// Replaces `into` with exactly `len` bytes. `Ok(false)`: the file ended before the first of them.
    pub(super) fn take(
        &mut self,
        what: &'static str,
        len: u64,
        into: &mut Vec<u8>,
    ) -> Result<bool, CaptureError> {
        let offset = self.offset;
        into.clear();
        let found = self.take_up_to(len, into)?;
        if found == len {
            Ok(true)
        } else if found == 0 {
            Ok(false)
        } else {
            Err(CaptureError::Truncated { what, offset, needed: len, found })
        }
    }

    /// Like [`Source::take`], where the end of the file is an error too.
    pub(super) fn take_all(
        &mut self,
        what: &'static str,
        len: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), CaptureError> {
        let offset = self.offset;
        if self.take(what, len, into)? {
            Ok(())
        } else {
            Err(CaptureError::Truncated { what, offset, needed: len, found: 0 })
        }
    }

    /// Passes over `len` bytes without keeping them.
    pub(super) fn skip(&mut self, what: &'static str, len: u64) -> Result<(), CaptureError> {
        let offset = self.offset;
        let skipped = io::copy(&mut self.input.by_ref().take(len), &mut io::sink())
            .map_err(|source| CaptureError::Io { offset, source })?;
        self.offset += skipped;
        if skipped == len {
            Ok(())
        } else {
            Err(CaptureError::Truncated { what, offset, needed: len, found: skipped })
        }
    }
}
