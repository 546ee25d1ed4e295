//! TCP resets for segments that belong to no connection.
use super::super::headers::tcp_flags::{ACK, FIN, RST, SYN};
use super::super::headers::{Layout, TCP_HEADER, protocol};
use super::super::{Checksums, is_unicast};
use super::begin;

/// The reset that a host without any connection sends in answer to `original`, a whole IP packet (RFC 9293 §3.10.7.1):
/// where the segment acknowledges something, the reset takes its place from that; otherwise it starts at 0 and
/// acknowledges all of the segment.
///
/// Returns `false`, with `out` in no particular state, where none may be sent: in answer to a reset, to a fragment, to
/// multicast or broadcast, or to what is no TCP segment.
#[must_use = "`out` holds a reset only when this is true"]
pub fn tcp_reset(original: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(layout) = Layout::of(original, Checksums::Trust) else { return false };
    if layout.protocol != protocol::TCP || layout.fragment.is_some() || !is_unicast(layout.dst) {
        return false;
    }
    let segment = &original[layout.payload_at..layout.end];
    let Some(header) = segment.first_chunk::<TCP_HEADER>() else { return false };
    let header_len = usize::from(header[12] >> 4) * 4;
    let flags = header[13];
    if header_len < TCP_HEADER || header_len > segment.len() || flags & RST != 0 {
        return false;
    }
    let (seq, ack_number, reset_flags) = if flags & ACK != 0 {
        let acknowledged = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        (acknowledged, 0, RST)
    } else {
        let seq = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        // SYN and FIN each take a place in the sequence, like a byte.
        let length =
            segment.len() - header_len + usize::from(flags & SYN != 0) + usize::from(flags & FIN != 0);
        (0, seq.wrapping_add(length as u32), RST | ACK)
    };
    let Ok(sum) = begin(layout.dst, layout.src, protocol::TCP, TCP_HEADER, out) else { return false };
    let at = out.len();
    out.extend_from_slice(&header[2..4]);
    out.extend_from_slice(&header[0..2]);
    out.extend_from_slice(&u32::to_be_bytes(seq));
    out.extend_from_slice(&u32::to_be_bytes(ack_number));
    out.extend_from_slice(&[(TCP_HEADER as u8 / 4) << 4, reset_flags, 0, 0, 0, 0, 0, 0]);
    let checksum = sum.add(&out[at..]).checksum();
    out[at + 16..at + 18].copy_from_slice(&checksum.to_be_bytes());
    true
}
