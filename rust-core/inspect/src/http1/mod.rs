//! HTTP/1 requests as a server reads them off the wire (RFC 9110, RFC 9112).
//!
//! [`RequestFramer`] cuts the client's side of a connection into heads and bodies, so that every request on a
//! kept-alive or pipelined connection can be judged before one byte of it is relayed. What two servers might read in
//! two ways is refused, because then the request that was judged need not be the one that is served:
//!
//! * Content-Length together with Transfer-Encoding, a Transfer-Encoding other than a single `chunked` or in
//!   HTTP/1.0, lengths that differ or are not plain digits (RFC 9112 §6.1, §6.3);
//! * two different Host headers, or a Host that disagrees with an absolute-form target (§3.2);
//! * a bare CR anywhere in a head or in chunk framing, header lines that start with a blank or have one before the
//!   colon (§2.2, §5.1, §5.2).
//!
//! **Bare LF.** RFC 9112 §2.2 lets a server take a lone LF for a line's end, so some do and some do not. A head in which
//! *every* line ends in a lone LF is accepted: who does not take LF for a line's end finds no valid request line in
//! it. A head that mixes both is refused, and so is a lone LF in chunk framing.
//!
//! **Empty lines** before a request line are skipped (§2.2) and counted into the head.

mod chunked;
mod framer;
mod head;

pub(crate) use chunked::content as chunked_content;
pub use framer::{Piece, RequestFramer};
pub use head::Request;
pub(crate) use head::authority;

/// Longest head, empty lines before it included, in bytes; also the longest chunk line and trailer section.
pub const MAX_HEAD: usize = 64 * 1024;
/// Most header lines in one head.
pub const MAX_HEADERS: usize = 200;

/// Why a stream of requests cannot be framed safely. The connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The head is longer than [`MAX_HEAD`].
    #[error("the request head is longer than {MAX_HEAD} bytes")]
    HeadTooLong,
    /// More than [`MAX_HEADERS`] header lines.
    #[error("the request has more than {MAX_HEADERS} header lines")]
    TooManyHeaders,
    /// A CR without LF, or lines ended in different ways.
    #[error("the request mixes line endings")]
    LineEnding,
    /// The request line or a header line is malformed.
    #[error("the request line or a header line is malformed")]
    Malformed,
    /// The request target has none of the forms of RFC 9112 §3.2.
    #[error("the request target is neither a path, a whole address nor, with CONNECT, host and port")]
    BadTarget,
    /// The host holds bytes that no host name or address has.
    #[error("the host in the request is not a host name or address with an optional port")]
    BadHost,
    /// Two Host headers, or the Host header and the target, name different hosts.
    #[error("the request names two different hosts")]
    AmbiguousHost,
    /// Content-Length headers that are not one plain number.
    #[error("the request's Content-Length is not one plain number")]
    BadLength,
    /// Transfer-Encoding other than one `chunked` in HTTP/1.1, or next to Content-Length.
    #[error("the request's Transfer-Encoding is ambiguous")]
    AmbiguousLength,
    /// The chunked framing of the body is broken.
    #[error("the chunked framing of the request body is broken")]
    BadChunk,
}

#[cfg(test)]
mod tests;
