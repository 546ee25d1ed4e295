//! What a TCP client says first.
use crate::{mi_push, tls};

/// What the first bytes of a client are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// A complete ClientHello.
    Tls(tls::ClientHello),
    /// Began as TLS, then broke the rules.
    BrokenTls,
    /// An HTTP/1 request line: feed everything from byte 0 to [`crate::http1::RequestFramer`].
    Http,
    /// The HTTP/2 connection preface without TLS.
    Http2PriorKnowledge,
    /// The Mi Push signature; `None` if the blob behind it could not be read.
    MiPush(Option<mi_push::Hello>),
    /// A SOCKS 4 or 5 greeting.
    Socks,
    /// None of these.
    Unknown,
}

/// Reads what a TCP client says first.
#[derive(Debug, Default)]
pub struct FirstBytes;
impl FirstBytes {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self
    }
    /// Takes the next bytes; `None` asks for more.
    pub fn push(&mut self, _bytes: &[u8]) -> Option<Facts> {
        unimplemented!()
    }
}
