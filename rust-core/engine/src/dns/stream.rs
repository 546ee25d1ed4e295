//! DNS over TCP: each message is preceded by its length in two bytes (RFC 1035 section 4.2.2).

/// Cuts a byte stream into DNS messages. Holds at most one message of 65,535 bytes.
#[derive(Debug, Default)]
pub struct MessageReader {
    held: Vec<u8>,
}

impl MessageReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes from the front of `bytes` until one message is complete, and returns it without its length; `None` once all
    /// of `bytes` is taken in and the message is not complete. Call again with what is left.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Vec<u8>> {
        self.fill(bytes, 2);
        let length = usize::from(u16::from_be_bytes([*self.held.first()?, *self.held.get(1)?]));
        self.fill(bytes, 2 + length);
        if self.held.len() < 2 + length {
            return None;
        }
        let mut message = std::mem::take(&mut self.held);
        message.drain(..2);
        Some(message)
    }

    /// Whether the stream stands between two messages: an end of the stream here is an orderly one.
    pub fn is_between_messages(&self) -> bool {
        self.held.is_empty()
    }

    fn fill(&mut self, bytes: &mut &[u8], wanted: usize) {
        let missing = wanted.saturating_sub(self.held.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.held.extend_from_slice(taken);
        *bytes = rest;
    }
}

/// A message with its length in front, ready for a TCP stream. Messages over 65,535 bytes do not exist in DNS; such bytes are cut.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut framed = Vec::with_capacity(2 + usize::from(length));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message[..usize::from(length)]);
    framed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(reader: &mut MessageReader, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| reader.next(&mut bytes)).collect()
    }

    proptest! {
        #[test]
        fn splitting_the_stream_never_changes_the_messages(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
            cuts in proptest::collection::vec(1_usize..50, 1..200),
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
            let mut reader = MessageReader::new();
            let mut read = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                read.extend(read_all(&mut reader, piece));
                rest = after;
            }
            prop_assert_eq!(read, messages);
            prop_assert!(reader.is_between_messages());
        }
    }

    #[test]
    fn an_unfinished_message_waits() {
        let mut reader = MessageReader::new();
        assert!(read_all(&mut reader, &[0, 5, 1, 2]).is_empty());
        assert!(!reader.is_between_messages());
        assert_eq!(read_all(&mut reader, &[3, 4, 5]), vec![vec![1, 2, 3, 4, 5]]);
    }
}
