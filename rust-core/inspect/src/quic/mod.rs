//! QUIC as far as a client shows it to anyone: the kind of each datagram, and the ClientHello in its Initial packets
//! (RFC 9000, RFC 9001, version 2 of RFC 9369, and the drafts from 29 on that differ only in a constant).
//!
//! Initial packets are encrypted, but with keys that follow from the connection ID in the client's first packet, so
//! that whoever sees that packet can read them.

mod crypto_stream;
mod header;
mod keys;
mod reader;

pub use reader::InitialReader;

use header::{LongHeader, PacketKind};
use keys::Version;

/// What kind of QUIC packet a UDP datagram begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram {
    /// An Initial packet of a version whose Initials [`InitialReader`] can read.
    Initial {
        /// The version number on the wire.
        version: u32,
    },
    /// 0-RTT, Handshake or Retry of such a version.
    OtherLong,
    /// A short header (1-RTT) packet, as far as its first byte tells: no other sign of QUIC is in the clear.
    Short,
    /// A Version Negotiation packet; only servers send them.
    VersionNegotiation,
    /// A long header with a version that cannot be read here.
    UnknownVersion(u32),
    /// Not QUIC.
    NotQuic,
}

/// Tells what a datagram begins with.
///
/// The fixed bit (RFC 9000 §17.2) must be set, or the datagram is not QUIC. A long header of a known version is taken
/// for QUIC even without it, because two peers may have agreed to send it at random (RFC 9287), and because no other
/// protocol has those five bytes.
pub fn classify(datagram: &[u8]) -> Datagram {
    let Some(&first) = datagram.first() else { return Datagram::NotQuic };
    let fixed_bit = first & 0x40 != 0;
    if first & 0x80 == 0 {
        return if fixed_bit { Datagram::Short } else { Datagram::NotQuic };
    }
    let Some(header) = LongHeader::parse(datagram) else { return Datagram::NotQuic };
    match (header.version, Version::of(header.version)) {
        (0, _) => Datagram::VersionNegotiation,
        (version, Some(known)) => match header.kind(&known) {
            PacketKind::Initial => Datagram::Initial { version },
            PacketKind::Retry | PacketKind::Other => Datagram::OtherLong,
        },
        (version, None) if fixed_bit => Datagram::UnknownVersion(version),
        _ => Datagram::NotQuic,
    }
}

/// The destination connection ID of the long header that a datagram begins with (RFC 9000 §17.2); `None` when it does not.
pub fn destination(datagram: &[u8]) -> Option<&[u8]> {
    let first = datagram.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    LongHeader::parse(datagram).map(|header| header.destination)
}

/// A variable-length number (RFC 9000 §16).
fn varint(bytes: &mut crate::cursor::Cursor<'_>) -> Option<u64> {
    let first = bytes.u8()?;
    let more = bytes.take((1 << (first >> 6)) - 1)?;
    Some(more.iter().fold(u64::from(first & 0x3F), |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests;
