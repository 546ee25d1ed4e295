//! Bytes to names, protocols and identifiers.
//!
//! Every parser here is *total*: any bytes give a value, a "need more" or a typed refusal, never a panic, in
//! memory and time that are bounded and linear in what was fed. None does I/O or reads a clock, so the live engine
//! and `consentry inspect` judge by the very same code.
//!
//! * [`first_bytes`] decides what a TCP client is speaking and hands over to one of the others.
//! * [`tls`], [`dtls`], [`quic`], [`http1`], [`http2`], [`socks`] and [`mi_push`] read the name that a client states; [`starttls`]
//!   follows a dialogue up to the TLS inside, and [`mqtt`] reads who a client says it is, [`websocket`] what it sends.
//! * [`dns`] reads questions and answers and writes replies.
//! * [`http_dns`] and [`identifiers`] look inside cleartext requests: a name asked for over HTTP, and what a service
//!   was about to learn about the phone or its owner. Identifiers are reported by kind and place, never by value.
//! * [`capture`] reads recorded traffic.

#![forbid(unsafe_code)]
#![allow(
    clippy::doc_markdown,
    reason = "names of protocols and messages, such as ClientHello, are words here"
)]

pub mod capture;
mod cursor;
pub mod dns;
pub mod dtls;
pub mod first_bytes;
pub mod http1;
pub mod http2;
pub mod http_dns;
pub mod identifiers;
pub mod mi_push;
pub mod mqtt;
pub mod quic;
pub mod socks;
pub mod starttls;
pub mod tls;
mod urlencoded;
pub mod websocket;

/// What an incremental reader knows after the bytes it has been fed so far.
///
/// Once a reader has answered [`Progress::Done`] or [`Progress::Not`] it is finished: feed what follows to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<T> {
    /// So far the bytes fit the protocol, but they do not yet say everything.
    NeedMore,
    /// The bytes are complete and mean this.
    Done(T),
    /// The bytes cannot be this protocol, or they break its rules.
    Not,
}
