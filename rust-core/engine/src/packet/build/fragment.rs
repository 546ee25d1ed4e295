//! Cuts packets up that are larger than the device's MTU.
use super::super::headers::{FRAGMENT_HEADER, IPV4_HEADER, IPV6_HEADER, MORE_FRAGMENTS, protocol};
use super::{BuildError, write_ipv4_checksum};

/// Sends packets in pieces that fit the MTU, each datagram under an identification of its own.
#[derive(Debug)]
pub struct Fragmenter {
    next_id: u32,
    piece: Vec<u8>,
}

impl Fragmenter {
    /// Starts counting identifications at `first_id`; choose it at random (RFC 7739).
    pub fn new(first_id: u32) -> Self {
        Self { next_id: first_id, piece: Vec::new() }
    }

    /// Calls `send` with `packet` as it is if it fits into `mtu` bytes, otherwise with each of its fragments in turn.
    ///
    /// `packet` is one that this module built: IPv4 without options or IPv6 without extension headers. Only UDP and echo
    /// replies ever need it.
    ///
    /// # Errors
    /// [`BuildError::TooShort`] for a packet without an IP header, [`BuildError::TooLong`] for one longer than an IP
    /// packet can be, [`BuildError::MtuTooSmall`]. Nothing was sent then.
    pub fn send(&mut self, packet: &[u8], mtu: usize, mut send: impl FnMut(&[u8])) -> Result<(), BuildError> {
        let v4 = packet.first().ok_or(BuildError::TooShort)? >> 4 == 4;
        let (header_len, overhead) =
            if v4 { (IPV4_HEADER, IPV4_HEADER) } else { (IPV6_HEADER, IPV6_HEADER + FRAGMENT_HEADER) };
        let (header, payload) = packet.split_at_checked(header_len).ok_or(BuildError::TooShort)?;
        if payload.len() > usize::from(u16::MAX) {
            return Err(BuildError::TooLong);
        }
        if packet.len() <= mtu {
            send(packet);
            return Ok(());
        }
        let room = mtu.saturating_sub(overhead) & !7;
        if room == 0 {
            return Err(BuildError::MtuTooSmall);
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        for (index, part) in payload.chunks(room).enumerate() {
            let offset = index * room;
            let more = offset + part.len() < payload.len();
            self.piece.clear();
            self.piece.extend_from_slice(header);
            if v4 {
                self.finish_ipv4_header(id as u16, offset, more, part.len());
            } else {
                self.finish_ipv6_header(id, offset, more, part.len());
            }
            self.piece.extend_from_slice(part);
            send(&self.piece);
        }
        Ok(())
    }

    /// RFC 791 §3.2.
    fn finish_ipv4_header(&mut self, id: u16, offset: usize, more: bool, length: usize) {
        let header = &mut self.piece;
        let flags = if more { MORE_FRAGMENTS } else { 0 };
        header[2..4].copy_from_slice(&((IPV4_HEADER + length) as u16).to_be_bytes());
        header[4..6].copy_from_slice(&id.to_be_bytes());
        header[6..8].copy_from_slice(&(flags | (offset / 8) as u16).to_be_bytes());
        write_ipv4_checksum(header);
    }

    /// RFC 8200 §4.5.
    fn finish_ipv6_header(&mut self, id: u32, offset: usize, more: bool, length: usize) {
        let header = &mut self.piece;
        let carried = header[6];
        header[4..6].copy_from_slice(&((FRAGMENT_HEADER + length) as u16).to_be_bytes());
        header[6] = protocol::FRAGMENT;
        header.extend_from_slice(&[carried, 0]);
        header.extend_from_slice(&(offset as u16 | u16::from(more)).to_be_bytes());
        header.extend_from_slice(&id.to_be_bytes());
    }
}
