//! QUIC.
use crate::{Progress, tls::ClientHello};

/// What kind of QUIC packet a UDP datagram begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagram {
    /// An Initial packet of a version whose Initials can be read.
    Initial {
        /// The version number on the wire.
        version: u32,
    },
    /// 0-RTT, Handshake or Retry of a known version.
    OtherLong,
    /// A short header packet (1-RTT), as far as its first byte tells.
    Short,
    /// A Version Negotiation packet.
    VersionNegotiation,
    /// A long header with a version that is not known here.
    UnknownVersion(u32),
    /// Not QUIC.
    NotQuic,
}

/// Tells what a datagram begins with.
pub fn classify(_datagram: &[u8]) -> Datagram {
    unimplemented!()
}

/// Reads the ClientHello out of a client's Initial packets.
#[derive(Debug, Default)]
pub struct InitialReader;
impl InitialReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self
    }
    /// Takes the next datagram the client sent.
    pub fn push(&mut self, _datagram: &[u8]) -> Progress<ClientHello> {
        unimplemented!()
    }
}
