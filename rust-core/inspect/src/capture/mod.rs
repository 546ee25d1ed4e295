//! Capture files to IP packets to flows.
//!
//! Three layers, each usable by itself and each bounded in memory, however long the capture is:
//!
//! 1. [`Reader`] takes records out of a pcap or pcapng file, plain or compressed, one at a time.
//! 2. [`LinkType::ip_packet`] takes the link-layer header off, and [`Packet::parse`] reads the IP packet inside.
//! 3. [`Flows`] puts fragments and TCP segments in order and tells an [`Observer`] what each flow said.
//!
//! Nothing here does I/O of its own or reads a clock: bytes come from any [`std::io::Read`], time from the capture.

mod compressed;
mod error;
mod flows;
mod fragments;
mod link;
mod packet;
mod pcap;
mod pcapdroid;
mod pcapng;
mod reader;
mod stream;
mod wireless;

pub use error::CaptureError;
pub use flows::{Direction, Endpoints, Flows, Interest, Observer};
pub use link::{IpPackets, LinkType};
pub use packet::{Fragment, Packet, Payload, TcpHeader, Transport};
pub use reader::{Frame, Reader, Remark};
pub use stream::Piece;

/// Nanoseconds since 1 January 1970, 00:00 UTC. Captures may hold any value: it is never trusted to grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Nanoseconds from `earlier` to `self`; 0 if the capture's clock went backwards.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(i128::from(self.0) - i128::from(earlier.0)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
