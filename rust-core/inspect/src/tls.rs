//! TLS.
use crate::Progress;

/// What a ClientHello says in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// The name in the server name extension (RFC 6066 §3), lower-case and without a trailing dot.
    pub sni: Option<String>,
    /// The application protocols offered (RFC 7301), in the client's order; bytes outside printable ASCII are escaped.
    pub alpn: Vec<String>,
    /// Whether an Encrypted ClientHello extension is present. Browsers send it always: it is no evidence.
    pub ech: bool,
}

/// Why a ClientHello was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed ClientHello")]
pub struct TlsError;

/// Reads a ClientHello.
#[derive(Debug, Default)]
pub struct ClientHelloReader;
impl ClientHelloReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self
    }
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, _bytes: &[u8]) -> Progress<ClientHello> {
        unimplemented!()
    }
}

/// Reads the body of a ClientHello message.
pub fn parse_hello_message(_body: &[u8]) -> Result<ClientHello, TlsError> {
    unimplemented!()
}
