//! Why a packet was dropped, one name for each reason.

/// Declares [`Drop`] and everything that must stay in step with its list of reasons.
macro_rules! reasons {
    ($($reason:ident, $counter:literal, $words:literal;)+) => {
        /// Why a packet was dropped. `Display` says it in plain words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
        pub enum Drop {
            $(
                #[doc = concat!("The packet ", $words, ".")]
                #[error("the packet {}", $words)]
                $reason,
            )+
        }

        impl Drop {
            /// Every reason, in the order of their numbers (`reason as usize`).
            pub const ALL: [Self; [$($counter),+].len()] = [$(Self::$reason),+];

            /// The name under which this reason is counted. It never changes.
            pub const fn counter(self) -> &'static str {
                match self { $(Self::$reason => $counter,)+ }
            }
        }
    };
}

reasons! {
    Truncated, "truncated", "ends before its headers say";
    Version, "version", "is neither IPv4 nor IPv6";
    HeaderLength, "header_length", "has an IPv4 header length or total length that contradicts itself";
    HeaderChecksum, "header_checksum", "has a wrong IPv4 header checksum";
    HeaderOptions, "header_options", "has IPv4 options that are malformed";
    SourceRoute, "source_route", "asks to be routed through addresses of its own choice";
    ExtensionOrder, "extension_order", "has a hop-by-hop header that is not the first";
    TooManyExtensions, "too_many_extensions", "has more IPv6 extension headers than anyone needs";
    UnknownOption, "unknown_option", "has an IPv6 option that must be understood and is not, or a malformed one";
    NoNextHeader, "no_next_header", "carries nothing (IPv6 no-next-header)";
    SourceUnspecified, "source_unspecified", "comes from the unspecified address or 0.0.0.0/8";
    SourceLoopback, "source_loopback", "comes from a loopback address";
    SourceMulticast, "source_multicast", "comes from a multicast address";
    SourceReserved, "source_reserved", "comes from 240.0.0.0/4, broadcast included";
    SourceMapped, "source_mapped", "comes from an IPv4 address written as IPv6 (::ffff:0:0/96)";
    DestinationUnspecified, "destination_unspecified", "goes to the unspecified address or 0.0.0.0/8";
    DestinationLoopback, "destination_loopback", "goes to a loopback address";
    SourceIsDestination, "source_is_destination", "goes to the address it comes from";
    FragmentMalformed, "fragment_malformed", "is an empty fragment, or a middle one whose size is no multiple of eight";
    FragmentNested, "fragment_nested", "is a fragment inside a fragment";
    FragmentOverlap, "fragment_overlap", "is a fragment that contradicts another of its datagram, or follows such a one";
    FragmentTooLong, "fragment_too_long", "is a fragment of a datagram longer than 65535 bytes";
    TcpHeader, "tcp_header", "has a TCP header that is too short";
    TcpFlags, "tcp_flags", "opens and closes a TCP connection at once";
    TcpNotUnicast, "tcp_not_unicast", "is TCP to a multicast or broadcast address";
    UdpLength, "udp_length", "has a UDP length that its datagram contradicts";
    UdpNoChecksum, "udp_no_checksum", "is UDP over IPv6 without a checksum";
    PortZero, "port_zero", "comes from or goes to port 0";
    IcmpLength, "icmp_length", "has an ICMP header that is too short";
    TransportChecksum, "transport_checksum", "has a wrong TCP, UDP or ICMP checksum";
}

/// How many packets were dropped, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops([u64; Drop::ALL.len()]);

impl Default for Drops {
    fn default() -> Self {
        Self([0; Drop::ALL.len()])
    }
}

impl Drops {
    /// Counts one more.
    pub fn add(&mut self, reason: Drop) {
        self.0[reason as usize] += 1;
    }

    /// How many were dropped for this reason.
    pub fn of(&self, reason: Drop) -> u64 {
        self.0[reason as usize]
    }

    /// How many were dropped in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Counter names and counts, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Drop::ALL.iter().map(|&reason| (reason.counter(), self.of(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_its_own_counter_and_number() {
        let names: BTreeSet<_> = Drop::ALL.iter().map(|reason| reason.counter()).collect();
        assert_eq!(names.len(), Drop::ALL.len());
        for (number, &reason) in Drop::ALL.iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }

    #[test]
    fn counts_by_reason() {
        let mut drops = Drops::default();
        drops.add(Drop::PortZero);
        drops.add(Drop::PortZero);
        drops.add(Drop::Version);
        assert_eq!(drops.of(Drop::PortZero), 2);
        assert_eq!(drops.total(), 3);
        assert_eq!(drops.iter().find(|(name, _)| *name == "version"), Some(("version", 1)));
    }

    #[test]
    fn says_why_in_plain_words() {
        assert_eq!(Drop::Truncated.to_string(), "the packet ends before its headers say");
    }
}
