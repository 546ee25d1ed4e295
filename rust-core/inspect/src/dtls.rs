//! The ClientHello of DTLS 1.0 to 1.3 (RFC 6347, RFC 9147): the same as that of TLS but for a cookie, carried in datagrams
//! and cut into fragments that say where they belong.
//!
//! A client that is asked for a cookie says its hello a second time, with another message number. Both state the name.

use crate::Progress;
use crate::cursor::Cursor;
use crate::tls::{ClientHello, MAX_HELLO, parse_dtls_hello_message};

/// Record type of handshake messages, and handshake type of a ClientHello (RFC 6347 §4.3.1, §4.3.2).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Most records looked at in one datagram; clients send one to three.
const MAX_RECORDS: usize = 16;

/// Bytes of a record's header: type, version, epoch, sequence number, length (RFC 6347 §4.1).
const RECORD_HEADER: usize = 13;

/// Whether a datagram begins with a ClientHello, or a fragment of one.
pub fn begins_hello(datagram: &[u8]) -> bool {
    begins_handshake(datagram) && datagram.get(RECORD_HEADER) == Some(&CLIENT_HELLO)
}

/// Whether a record is of type handshake and not encrypted.
fn begins_handshake(record: &[u8]) -> bool {
    // type, version (the ones' complement of 1.0 to 1.3), epoch 0
    matches!(record, [HANDSHAKE, 0xFE, 0xFC..=0xFF, 0, 0, ..])
}

/// Puts one ClientHello together from the datagrams of a client.
///
/// Fragments may come in any order, overlap and repeat. Memory stays below 160 KiB, time per datagram is linear in its length
/// and that of the hello. [`Progress::Not`]: no DTLS hello, one that breaks the rules, or fragments that contradict each other.
#[derive(Debug, Default)]
pub struct HelloReader {
    /// Number and length of the message that is being put together.
    message: Option<(u16, usize)>,
    bytes: Vec<u8>,
    received: Vec<bool>,
    missing: usize,
    finished: bool,
}

impl HelloReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next datagram that the client sent.
    pub fn push(&mut self, datagram: &[u8]) -> Progress<ClientHello> {
        if self.finished {
            return Progress::Not;
        }
        let progress = self.records(datagram);
        if progress != Progress::NeedMore {
            *self = Self { finished: true, ..Self::default() };
        }
        progress
    }

    fn records(&mut self, datagram: &[u8]) -> Progress<ClientHello> {
        let mut rest = datagram;
        for _ in 0..MAX_RECORDS {
            if rest.is_empty() {
                break;
            }
            if !begins_handshake(rest) {
                return Progress::Not;
            }
            let mut fields = Cursor::new(rest);
            // type, version, epoch, sequence number
            let record = fields.take(1 + 2 + 2 + 6).and_then(|_| fields.vector16());
            let Some(record) = record else { return Progress::Not };
            rest = fields.rest();
            match self.fragments(record) {
                Progress::NeedMore => {}
                decided => return decided,
            }
        }
        Progress::NeedMore
    }

    /// Reads the handshake fragments of a record.
    fn fragments(&mut self, record: &[u8]) -> Progress<ClientHello> {
        let mut fields = Cursor::new(record);
        while !fields.is_empty() {
            let Some((number, length, offset, fragment)) = fragment(&mut fields) else {
                return Progress::Not;
            };
            match self.insert(number, length, offset, fragment) {
                Progress::NeedMore => {}
                decided => return decided,
            }
        }
        Progress::NeedMore
    }

    fn insert(
        &mut self,
        number: u16,
        length: usize,
        offset: usize,
        fragment: &[u8],
    ) -> Progress<ClientHello> {
        if self.message.is_none() {
            self.message = Some((number, length));
            self.bytes = vec![0; length];
            self.received = vec![false; length];
            self.missing = length;
        }
        // One hello is read at a time: a client says the second one only after an answer to the first.
        if self.message != Some((number, length)) {
            return Progress::Not;
        }
        let places = self.bytes.iter_mut().zip(&mut self.received).skip(offset);
        for ((place, received), byte) in places.zip(fragment) {
            if *received && *place != *byte {
                return Progress::Not;
            }
            self.missing -= usize::from(!*received);
            *place = *byte;
            *received = true;
        }
        if self.missing > 0 {
            return Progress::NeedMore;
        }
        parse_dtls_hello_message(&self.bytes).map_or(Progress::Not, Progress::Done)
    }
}

/// Message number, length of the whole message, offset of the fragment, and the fragment (RFC 6347 §4.2.2).
fn fragment<'a>(fields: &mut Cursor<'a>) -> Option<(u16, usize, usize, &'a [u8])> {
    let kind = fields.u8()?;
    let length = u24(fields)?;
    let number = fields.u16()?;
    let offset = u24(fields)?;
    let fragment_length = u24(fields)?;
    let fragment = fields.take(fragment_length)?;
    let fits = kind == CLIENT_HELLO
        && (1..=MAX_HELLO).contains(&length)
        && offset + fragment_length <= length
        && fragment_length > 0;
    fits.then_some((number, length, offset, fragment))
}

fn u24(fields: &mut Cursor<'_>) -> Option<usize> {
    let [a, b, c] = fields.array()?;
    Some(u32::from_be_bytes([0, a, b, c]) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A hello for `host` with this cookie, put together after RFC 6347 §4.2.1 and RFC 6066 §3.
    fn hello(host: &str, cookie: &[u8]) -> Vec<u8> {
        let name = [&[0][..], &(host.len() as u16).to_be_bytes(), host.as_bytes()].concat();
        let list = [&(name.len() as u16).to_be_bytes()[..], &name].concat();
        let extension = [&[0, 0][..], &(list.len() as u16).to_be_bytes(), &list].concat();
        let extensions = [&(extension.len() as u16).to_be_bytes()[..], &extension].concat();
        let cookie = [&[cookie.len() as u8], cookie].concat();
        [&[0xFE, 0xFD][..], &[7; 32], &[0], &cookie, &[0, 2, 0xC0, 0x2B, 1, 0], &extensions].concat()
    }

    fn record(number: u16, message: &[u8], offset: usize, length: usize) -> Vec<u8> {
        let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
        let part = &message[offset..offset + length];
        let fragment = [
            &[CLIENT_HELLO][..],
            &u24(message.len()),
            &number.to_be_bytes(),
            &u24(offset),
            &u24(length),
            part,
        ]
        .concat();
        let head = [&[HANDSHAKE, 0xFE, 0xFF, 0, 0][..], &[0; 6], &(fragment.len() as u16).to_be_bytes()];
        [&head.concat()[..], &fragment].concat()
    }

    fn sni(progress: Progress<ClientHello>) -> Option<String> {
        match progress {
            Progress::Done(hello) => hello.sni,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_hello_states_its_name_with_and_without_cookie() {
        for cookie in [&[][..], &[9; 20]] {
            let message = hello("turn.example.net", cookie);
            let datagram = record(1, &message, 0, message.len());
            assert_eq!(sni(HelloReader::new().push(&datagram)).as_deref(), Some("turn.example.net"));
        }
    }

    #[test]
    fn fragments_that_contradict_each_other_are_refused() {
        let (one, other) = (hello("a.example", &[]), hello("b.example", &[]));
        let mut reader = HelloReader::new();
        assert_eq!(reader.push(&record(0, &one, 0, one.len() - 1)), Progress::NeedMore);
        assert_eq!(reader.push(&record(0, &other, 0, other.len())), Progress::Not);
        assert_eq!(reader.push(&record(0, &one, 0, one.len())), Progress::Not, "it stays refused");
    }

    #[test]
    fn other_datagrams_are_none() {
        let message = hello("a.example", &[]);
        let sound = record(0, &message, 0, message.len());
        for change in [0, 1, 3, 13] {
            let mut broken = sound.clone();
            broken[change] ^= 0x40;
            assert_eq!(HelloReader::new().push(&broken), Progress::Not, "byte {change}");
        }
        assert_eq!(HelloReader::new().push(&sound[..sound.len() - 1]), Progress::Not);
        assert_eq!(HelloReader::new().push(&[0; 20]), Progress::Not, "STUN and the like");
    }

    proptest! {
        #[test]
        fn fragments_in_any_order_and_split_give_the_same(
            cuts in proptest::collection::vec(1_usize..90, 0..5), together: bool, backwards: bool,
        ) {
            let message = hello("turn.example.net", &[3; 16]);
            let mut ends: Vec<usize> = cuts.into_iter().filter(|cut| *cut < message.len()).collect();
            ends.push(message.len());
            ends.sort_unstable();
            ends.dedup();
            let mut start = 0;
            let mut datagrams: Vec<Vec<u8>> = Vec::new();
            for end in ends {
                datagrams.push(record(4, &message, start, end - start));
                start = end;
            }
            if backwards { datagrams.reverse(); }
            if together { datagrams = vec![datagrams.concat()]; }
            let mut reader = HelloReader::new();
            let found = datagrams.iter().map(|datagram| reader.push(datagram)).find(|p| *p != Progress::NeedMore);
            let name = sni(found.expect("the hello is complete"));
            prop_assert_eq!(name.as_deref(), Some("turn.example.net"));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let mut reader = HelloReader::new();
            let _ = reader.push(&[&[HANDSHAKE, 0xFE, 0xFD, 0, 0][..], &bytes].concat());
            let _ = reader.push(&bytes);
        }
    }
}
