//! Long headers (RFC 9000 §17.2, RFC 8999 §5.1).

use super::{keys::Version, varint};
use crate::cursor::Cursor;

/// Longest connection ID in the versions known here (RFC 9000 §17.2).
const MAX_CONNECTION_ID: usize = 20;

/// The parts of a long header that all versions share.
#[derive(Debug)]
pub(super) struct LongHeader<'a> {
    pub(super) first: u8,
    pub(super) version: u32,
    pub(super) destination: &'a [u8],
    /// What follows the connection IDs.
    rest: Cursor<'a>,
    datagram: &'a [u8],
}

/// The kinds of long header packet that need telling apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketKind {
    Initial,
    Retry,
    /// 0-RTT or Handshake.
    Other,
}

/// Where a packet's parts are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Offset of the packet number.
    pub(super) number_at: usize,
    /// Offset of the end of the packet, where the next coalesced one starts.
    pub(super) end: usize,
}

impl<'a> LongHeader<'a> {
    /// Reads the header at the start of `datagram`; `None` if there is no whole long header.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let mut rest = Cursor::new(datagram);
        let first = rest.u8().filter(|first| first & 0x80 != 0)?;
        let version = rest.u32()?;
        let destination = rest.vector8()?;
        let _source = rest.vector8()?;
        Some(Self { first, version, destination, rest, datagram })
    }

    pub(super) fn kind(&self, version: &Version) -> PacketKind {
        match (self.first >> 4 & 3).wrapping_sub(version.initial_type) & 3 {
            0 => PacketKind::Initial,
            3 => PacketKind::Retry,
            _ => PacketKind::Other,
        }
    }

    /// Finds the packet's parts. `None` if a length is broken, or if the packet is a Retry, which has none and always
    /// ends its datagram.
    pub(super) fn extent(&self, kind: PacketKind) -> Option<Extent> {
        let mut rest = self.rest;
        if self.destination.len() > MAX_CONNECTION_ID {
            return None;
        }
        match kind {
            PacketKind::Initial => {
                let token = usize::try_from(varint(&mut rest)?).ok()?;
                rest.take(token)?;
            }
            PacketKind::Other => {}
            PacketKind::Retry => return None,
        }
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        let number_at = self.datagram.len() - rest.rest().len();
        rest.take(length)?;
        Some(Extent { number_at, end: number_at + length })
    }
}
