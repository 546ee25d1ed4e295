//! Putting CRYPTO frames back in order (RFC 9000 §19.6).

use crate::Progress;
use crate::tls::{ClientHello, HelloMessage};

/// Most bytes of the stream that are kept. Real hellos, post-quantum keys included, stay below 4 KiB; the memory is taken as soon
/// as a frame lies that far out, and an app can begin many connections at a time.
const MAX_STREAM: usize = 16 * 1024;

/// The handshake bytes of one connection, arriving in any order and more than once.
#[derive(Debug, Default)]
pub(super) struct CryptoStream {
    /// The bytes from 0 to the highest offset seen; those not yet received are 0.
    bytes: Vec<u8>,
    received: Vec<bool>,
    /// How many bytes, from the start without gap, were handed on.
    handed_on: usize,
    message: HelloMessage,
    /// The hello was read: what follows it is only compared.
    complete: bool,
}

impl CryptoStream {
    /// Takes the contents of one frame. [`Progress::Not`] if they lie too far out, contradict what came before, or
    /// are no ClientHello. The hello is given once: a datagram has room for thousands of frames behind it.
    pub(super) fn insert(&mut self, offset: u64, data: &[u8]) -> Progress<ClientHello> {
        let Some(start) = usize::try_from(offset).ok().filter(|start| *start <= MAX_STREAM) else {
            return Progress::Not;
        };
        let end = start + data.len();
        if end > MAX_STREAM {
            return Progress::Not;
        }
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
            self.received.resize(end, false);
        }
        let known = self.bytes[start..end].iter_mut().zip(&mut self.received[start..end]);
        for ((place, received), byte) in known.zip(data) {
            // What stands at an offset never changes; if it does, nobody can say which is meant (RFC 9000 §2.2).
            if *received && *place != *byte {
                return Progress::Not;
            }
            *place = *byte;
            *received = true;
        }
        if self.complete {
            return Progress::NeedMore;
        }
        let gap = self.received[self.handed_on..].iter().position(|received| !received);
        let ready = self.handed_on + gap.unwrap_or(self.received.len() - self.handed_on);
        let progress = self.message.push(&self.bytes[self.handed_on..ready]);
        self.handed_on = ready;
        self.complete = matches!(progress, Progress::Done(_));
        progress
    }
}
