//! HTTP/1.

/// One request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// The host asked for: lower-case, without port or trailing dot; the authority of an absolute-form or CONNECT
    /// target wins over the Host header. `None` if the request names none.
    pub host: Option<String>,
    /// The port stated with the host.
    pub port: Option<u16>,
    /// Path and query.
    pub path: String,
    /// Whether this is a CONNECT request.
    pub connect: bool,
    /// The value of the Upgrade header, lower-case.
    pub upgrade: Option<String>,
    /// All headers in order, names as sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Length of the head in bytes.
    pub head_len: usize,
}

/// Why a stream of requests cannot be framed safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The head is longer than 64 KiB.
    #[error("the request head is longer than 65,536 bytes")]
    HeadTooLong,
}

/// What one step of the framer covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// All bytes were taken in; the head is not complete.
    NeedMore,
    /// The covered bytes complete a head.
    Head(Box<Request>),
    /// The covered bytes are body.
    Body,
    /// Framing ends; nothing is covered.
    Opaque,
}

/// Frames requests.
#[derive(Debug, Default)]
pub struct RequestFramer;
impl RequestFramer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self
    }
    /// Looks at the next bytes of the stream.
    pub fn next(&mut self, _bytes: &[u8]) -> Result<(usize, Piece), FramingError> {
        unimplemented!()
    }
    /// The raw bytes of the last complete head.
    pub fn take_head(&mut self) -> Vec<u8> {
        unimplemented!()
    }
}
