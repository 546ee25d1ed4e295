//! Every parser as a function of bytes, for fuzzing (`tests/fuzz`) and for replaying the corpus (`tests/tests/corpus.rs`).
//!
//! Each function feeds the bytes to one parser, whole and split at places that follow from the bytes, and panics where the
//! parser breaks one of its promises: the split changes the answer, what was parsed and written is read as something else,
//! more is kept or given out than is allowed. That any bytes give an answer at all is the first promise.

mod consents;
mod dialogues;
mod dns;
mod files;
mod packets;
mod quic;
mod requests;
mod streams;

use std::fmt::Debug;

/// A parser's name, which is also that of its fuzz target and of its folder in `tests/corpus`, and its function.
pub type Parser = (&'static str, fn(&[u8]));

/// Every parser that reads bytes of unknown origin.
pub const PARSERS: &[Parser] = &[
    ("capture_file", packets::capture_file),
    ("catalogue_file", files::catalogue_file),
    ("client_hello", streams::client_hello),
    ("consent_changes", consents::changes),
    ("consent_receipts", consents::receipts),
    ("dns_message", dns::message),
    ("dns_over_tcp", dns::over_tcp),
    ("dtls_hello", dialogues::dtls_hello),
    ("first_bytes", streams::first_bytes),
    ("http2_requests", dialogues::http2_requests),
    ("http_requests", requests::http_requests),
    ("identifiers", requests::identifiers_in_request),
    ("ip_packet", packets::ip_packet),
    ("mi_push_hello", streams::mi_push_hello),
    ("mqtt_connect", dialogues::mqtt_connect),
    ("quic_datagrams", quic::datagrams),
    ("quic_frames", quic::frames),
    ("resolv_conf", files::resolv_conf),
    ("socks_request", streams::socks_request),
    ("starttls_dialogue", dialogues::starttls_dialogue),
    ("websocket_frames", dialogues::websocket_frames),
];

/// Feeds the bytes to the parser of this name.
///
/// # Panics
/// When the parser breaks one of its promises, or when there is none of this name.
pub fn feed(name: &str, bytes: &[u8]) {
    let (_, parser) = PARSERS.iter().find(|(known, _)| *known == name).expect("a name in PARSERS");
    parser(bytes);
}

/// A stream's bytes as they arrive: in pieces, none of them empty.
type Arriving<'a, 'b> = &'a mut dyn Iterator<Item = &'b [u8]>;

/// What `read` makes of the bytes: the same whether they arrive whole, one by one or in pieces of any other length.
fn same_however_split<T: PartialEq + Debug>(bytes: &[u8], read: impl Fn(Arriving<'_, '_>) -> T) -> T {
    let whole = read(&mut Some(bytes).into_iter().filter(|bytes| !bytes.is_empty()));
    assert_eq!(read(&mut pieces(bytes)), whole, "in pieces, and whole");
    assert_eq!(read(&mut bytes.chunks(1)), whole, "byte by byte, and whole");
    whole
}

/// Cuts bytes at places that follow from the bytes.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut dice = Dice::of(bytes);
    let longest = 1 << dice.below(12);
    std::iter::from_fn(move || {
        let length = (1 + dice.below(longest)).min(bytes.len());
        bytes.split_off(..length).filter(|piece| !piece.is_empty())
    })
}

/// Cuts bytes that hold several messages: each has its length in front, in two bytes (the last may be shorter than that).
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = bytes.split_off(..2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        bytes.split_off(..length.min(bytes.len()))
    })
}

/// Numbers that look random and follow from some bytes, so that every failure happens again.
struct Dice(u64);

impl Dice {
    fn of(bytes: &[u8]) -> Self {
        // FNV-1a; the multiplication below wants a state that is not 0.
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash) | 1)
    }

    /// A number from 0 to below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    /// Puts things into another order.
    fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}
