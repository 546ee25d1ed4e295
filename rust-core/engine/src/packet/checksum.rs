//! The Internet checksum (RFC 1071), eight bytes at a time.
use std::net::IpAddr;

/// A running ones' complement sum.
///
/// The sum is kept in the machine's byte order and turned round once at the end, which RFC 1071 §2(B) allows. All parts
/// but the last must have an even length, as in every header it is used for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// The sum of the pseudo-header that TCP, UDP and `ICMPv6` put before their own bytes (RFC 9293 §3.1, RFC 8200 §8.1).
    pub(super) fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Self {
        let sum = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Self::default().add(&src.octets()).add(&dst.octets()),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Self::default().add(&src.octets()).add(&dst.octets()),
            _ => unreachable!("both ends of a packet are of one family"),
        };
        sum.add(&(length as u32).to_be_bytes()).add(&[0, protocol])
    }

    /// Takes in more bytes.
    pub(super) fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<8>();
        // Two 32-bit halves a word: 2^31 words would have to be added before 64 bits overflow.
        let (mut low, mut high) = (0, 0);
        for word in words {
            let word = u64::from_ne_bytes(*word);
            low += word & 0xffff_ffff;
            high += word >> 32;
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        for pair in pairs {
            low += u64::from(u16::from_ne_bytes(*pair));
        }
        if let [byte] = odd {
            low += u64::from(u16::from_ne_bytes([*byte, 0]));
        }
        Self(self.0 + low + high)
    }

    /// The checksum to write into the header, whose checksum field counted as zero.
    pub(super) fn checksum(self) -> u16 {
        !self.folded()
    }

    /// Whether bytes that include their checksum add up.
    pub(super) fn is_valid(self) -> bool {
        self.folded() == 0xffff
    }

    fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::from_be(sum as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word by word.
    fn naive(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn example_of_rfc_1071() {
        // RFC 1071 §3: the sum of these bytes is ddf2.
        let sum = Sum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.checksum(), !0xddf2);
    }

    #[test]
    fn the_largest_packet_does_not_overflow() {
        let bytes = vec![0xff; 65535];
        assert_eq!(Sum::default().add(&bytes).checksum(), naive(&bytes));
    }

    proptest! {
        #[test]
        fn equals_the_definition(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(Sum::default().add(&bytes).checksum(), naive(&bytes));
        }

        #[test]
        fn even_splits_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0_usize..150) {
            let cut = (cut * 2).min(bytes.len() & !1);
            let split = Sum::default().add(&bytes[..cut]).add(&bytes[cut..]);
            prop_assert_eq!(split.checksum(), Sum::default().add(&bytes).checksum());
        }

        #[test]
        fn a_written_checksum_is_valid(mut bytes in prop::collection::vec(any::<u8>(), 2..300)) {
            bytes[..2].fill(0);
            let checksum = Sum::default().add(&bytes).checksum();
            bytes[..2].copy_from_slice(&checksum.to_be_bytes());
            prop_assert!(Sum::default().add(&bytes).is_valid());
        }
    }
}
