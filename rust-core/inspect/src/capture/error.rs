//! What can be wrong with a capture file.

use std::io;

/// Why a capture file cannot be read, or not any further. What came before the fault has already been handed out.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file holds no bytes at all.
    #[error("the file is empty (0 bytes), so it holds no capture")]
    Empty,
    /// The first bytes are not those of any known capture format.
    #[error(
        "not a capture file: it begins with {magic:02x?}, neither pcap nor pcapng; save it again as one of these"
    )]
    UnknownFormat {
        /// The first four bytes (fewer if the file is shorter).
        magic: Vec<u8>,
    },
    /// The file is compressed.
    #[error(
        "the file is compressed ({format}); uncompress it first, for example: {command} | consentry inspect -"
    )]
    Compressed {
        /// Name of the compression format.
        format: &'static str,
        /// A command that uncompresses it.
        command: &'static str,
    },
    /// A pcap file whose link type is not understood.
    #[error(
        "link type {link_type} at offset 20 is not supported; capture on an IP, Ethernet or \"any\" interface"
    )]
    UnsupportedLinkType {
        /// The number in the file header (<https://www.tcpdump.org/linktypes.html>).
        link_type: u16,
    },
    /// The file ends inside a record.
    #[error(
        "the capture is cut short: the {what} at offset {offset} needs {needed} bytes, {found} are there"
    )]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it starts, in bytes from the start of the file.
        offset: u64,
        /// Bytes it needs.
        needed: u64,
        /// Bytes that were left.
        found: u64,
    },
    /// A length or value that no writer of captures produces: what follows cannot be found.
    #[error("the capture is damaged at offset {offset}: {reason}")]
    Damaged {
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The system could not read the file.
    #[error("cannot read on at offset {offset}: {source}")]
    Io {
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}
