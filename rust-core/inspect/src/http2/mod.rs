//! HTTP/2 without TLS (RFC 9113 §3): the client's side of a connection, cut into requests that can be judged one by one.
//!
//! [`RequestFramer`] works like that of [`crate::http1`]: it covers bytes, and says of each step what was covered. What two servers
//! might read in two ways is refused: a block of headers that does not decode, a request without or with two of its pseudo
//! headers, a Host header that disagrees with `:authority`, streams that are begun out of order.
//!
//! Not looked into: what is sent inside a CONNECT stream (its target is judged like any request's), and what the server sends.

mod framer;
mod hpack;
mod huffman;

pub use framer::{Piece, RequestFramer, Stream, data_of};

/// What a client says first, 24 bytes (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Longest block of headers, its frames' own headers included, and most bytes held before the first request.
pub const MAX_HELD: usize = 64 * 1024;

/// Why a connection cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Http2Error {
    /// It does not begin with [`PREFACE`].
    #[error("the connection does not begin as HTTP/2 does")]
    NoPreface,
    /// More than [`MAX_HELD`] bytes before the first request, or in one block of headers.
    #[error("the headers are longer than {MAX_HELD} bytes")]
    TooLong,
    /// A frame where it may not stand, or shorter than its fields.
    #[error("a frame stands where it may not, or is broken")]
    BadFrame,
    /// The compressed headers do not decode, or become too many.
    #[error("the compressed headers cannot be read")]
    BadHeaders,
    /// The pseudo headers do not make one request.
    #[error("the headers do not make a request")]
    BadRequest,
}

#[cfg(test)]
mod tests;
