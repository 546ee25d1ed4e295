//! How far an app's bytes have come, by their sequence numbers (RFC 9293 §3.4). smoltcp knows it, too, but tells nobody whether it
//! keeps bytes behind a hole.

/// Bytes of an IPv6 header, and the least that IPv4's and TCP's may have.
const IPV6_HEADER: usize = 40;
const LEAST_HEADER: usize = 20;

/// Where the bytes end that were read, and where those end that ever came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    /// The sequence number of the first byte that has not been read.
    unread: u32,
    /// The sequence number after the last byte that came, in whatever order.
    furthest: u32,
}

impl Received {
    /// At the beginning of a connection: `syn` is the whole IP packet that opens it.
    pub(super) fn after_syn(syn: &[u8]) -> Self {
        let first = payload(syn).map_or(0, |(sequence, _)| sequence.wrapping_add(1));
        Self { unread: first, furthest: first }
    }

    /// A packet came; says whether it carries bytes.
    pub(super) fn note(&mut self, packet: &[u8]) -> bool {
        let Some((sequence, length)) = payload(packet).filter(|(_, length)| *length > 0) else {
            return false;
        };
        let end = sequence.wrapping_add(length);
        if (end.wrapping_sub(self.furthest) as i32) > 0 {
            self.furthest = end;
        }
        true
    }

    /// Bytes were read, in order.
    pub(super) fn read(&mut self, count: usize) {
        self.unread = self.unread.wrapping_add(count as u32);
    }

    /// Whether everything that ever came has been read: nothing waits, nor is kept behind a hole.
    pub(super) fn is_all_read(self) -> bool {
        self.unread == self.furthest
    }
}

/// The sequence number of a segment and how many bytes it carries. The packet has no extension headers; what cannot be read
/// carries none.
fn payload(packet: &[u8]) -> Option<(u32, u32)> {
    let first = *packet.first()?;
    let ip_header = if first >> 4 == 4 { usize::from(first & 0x0f) * 4 } else { IPV6_HEADER };
    let segment = packet.get(ip_header..).filter(|segment| segment.len() >= LEAST_HEADER)?;
    let sequence = u32::from_be_bytes(*segment[4..].first_chunk()?);
    let tcp_header = usize::from(segment[12] >> 4) * 4;
    Some((sequence, segment.len().checked_sub(tcp_header)? as u32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An IPv4 packet with a TCP segment: 24 bytes of TCP header, the payload nothing but zeros.
    fn segment(sequence: u32, length: usize) -> Vec<u8> {
        let mut packet = vec![0; 20 + 24 + length];
        packet[0] = 0x45;
        packet[24..28].copy_from_slice(&sequence.to_be_bytes());
        packet[32] = 6 << 4;
        packet
    }

    #[test]
    fn what_was_read_is_compared_with_what_came() {
        let mut received = Received::after_syn(&segment(u32::MAX - 1, 0));
        assert!(received.is_all_read(), "nothing came");
        received.note(&segment(u32::MAX, 10));
        assert!(!received.is_all_read(), "ten bytes wait");
        received.read(10);
        assert!(received.is_all_read());
        received.note(&segment(u32::MAX, 10));
        assert!(received.is_all_read(), "the same bytes again");
        received.note(&segment(12, 5));
        assert!(!received.is_all_read(), "five bytes behind a hole of three");
        received.note(&segment(9, 3));
        received.read(8);
        assert!(received.is_all_read());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_packet_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut received = Received::after_syn(&bytes);
            received.note(&bytes);
            received.read(bytes.len());
        }

        #[test]
        fn the_order_of_segments_does_not_matter(
            first in any::<u32>(), lengths in proptest::collection::vec(1_usize..500, 1..12), order in any::<prop::sample::Index>()
        ) {
            let mut received = Received::after_syn(&segment(first, 0));
            let mut at = first.wrapping_add(1);
            let mut segments = Vec::new();
            for length in &lengths {
                segments.push((at, *length));
                at = at.wrapping_add(*length as u32);
            }
            segments.rotate_left(order.index(lengths.len()));
            for (sequence, length) in segments {
                received.note(&segment(sequence, length));
            }
            let whole: usize = lengths.iter().sum();
            received.read(whole - 1);
            prop_assert!(!received.is_all_read());
            received.read(1);
            prop_assert!(received.is_all_read());
        }
    }
}
