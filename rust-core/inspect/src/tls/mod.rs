//! The ClientHello of TLS: the name, protocols and ECH flag that a client states before anything is encrypted
//! (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301).
//!
//! [`ClientHelloReader`] takes the bytes of a TCP stream in any split, puts records and handshake fragments together,
//! and keeps at most 64 KiB. Reading is as strict as the strictest common server where leniency could let two readers
//! see two names: a repeated extension, a second host name or a name with odd bytes is refused.

mod hello;

pub use hello::{ClientHello, TlsError, parse_dtls_hello_message, parse_hello_message};

use crate::Progress;

/// Longest ClientHello that is read, in bytes. Real ones, post-quantum keys included, stay below 4 KiB.
pub const MAX_HELLO: usize = 64 * 1024;

/// Record type of handshake messages (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;
/// Most bytes in one plaintext record (RFC 8446 §5.1).
const MAX_RECORD: usize = 1 << 14;
/// Bytes of a record's header: type, version, length.
const RECORD_HEADER: usize = 5;
/// Handshake type of a ClientHello (RFC 8446 §4).
const CLIENT_HELLO: u8 = 1;
/// Bytes of a handshake message's header: type and length.
const MESSAGE_HEADER: usize = 4;

/// Reads a ClientHello from the first bytes of a TCP stream.
///
/// Nothing behind the ClientHello is looked at. Time is linear in the bytes fed, however they are split.
#[derive(Debug, Default)]
pub struct ClientHelloReader {
    record_header: Vec<u8>,
    /// Bytes that the current record still holds.
    record_left: usize,
    /// The handshake message so far, its header included.
    message: HelloMessage,
    finished: bool,
}

impl ClientHelloReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    ///
    /// [`Progress::Not`] means that this is not TLS, or TLS that breaks the rules.
    pub fn push(&mut self, bytes: &[u8]) -> Progress<ClientHello> {
        if self.finished {
            return Progress::Not;
        }
        let progress = self.read(bytes);
        if progress != Progress::NeedMore {
            *self = Self { finished: true, ..Self::default() };
        }
        progress
    }

    fn read(&mut self, mut bytes: &[u8]) -> Progress<ClientHello> {
        while !bytes.is_empty() {
            if self.record_left == 0 {
                let missing = RECORD_HEADER - self.record_header.len();
                let (header, rest) = bytes.split_at(missing.min(bytes.len()));
                self.record_header.extend(header);
                bytes = rest;
                match record_length(&self.record_header) {
                    Progress::NeedMore => continue,
                    Progress::Not => return Progress::Not,
                    Progress::Done(length) => {
                        self.record_left = length;
                        self.record_header.clear();
                    }
                }
            }
            let (fragment, rest) = bytes.split_at(self.record_left.min(bytes.len()));
            self.record_left -= fragment.len();
            bytes = rest;
            match self.message.push(fragment) {
                Progress::NeedMore => {}
                decided => return decided,
            }
        }
        Progress::NeedMore
    }
}

/// The length that a record header promises, refusing as soon as a byte rules a ClientHello's record out.
fn record_length(header: &[u8]) -> Progress<usize> {
    if header.first().is_some_and(|kind| *kind != HANDSHAKE) || header.get(1).is_some_and(|major| *major != 3)
    {
        return Progress::Not;
    }
    let Some(&[_, _, _, high, low]) = header.first_chunk() else { return Progress::NeedMore };
    let length = usize::from(u16::from_be_bytes([high, low]));
    // Empty handshake records are forbidden (RFC 8446 §5.1).
    if (1..=MAX_RECORD).contains(&length) { Progress::Done(length) } else { Progress::Not }
}

/// A ClientHello message, put together from its fragments; what follows it is left alone.
#[derive(Debug, Default)]
pub(crate) struct HelloMessage(Vec<u8>);

impl HelloMessage {
    /// Takes the next bytes of the handshake stream, header first.
    pub(crate) fn push(&mut self, fragment: &[u8]) -> Progress<ClientHello> {
        let mut fragment = fragment;
        if self.0.len() < MESSAGE_HEADER {
            let (header, rest) = fragment.split_at((MESSAGE_HEADER - self.0.len()).min(fragment.len()));
            self.0.extend(header);
            fragment = rest;
        }
        if self.0.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Progress::Not;
        }
        let Some(&[_, a, b, c]) = self.0.first_chunk() else { return Progress::NeedMore };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > MAX_HELLO {
            return Progress::Not;
        }
        let missing = MESSAGE_HEADER + length - self.0.len();
        self.0.extend(&fragment[..missing.min(fragment.len())]);
        let body = &self.0[MESSAGE_HEADER..];
        if body.len() < length {
            return Progress::NeedMore;
        }
        parse_hello_message(body).map_or(Progress::Not, Progress::Done)
    }
}

#[cfg(test)]
mod tests;
