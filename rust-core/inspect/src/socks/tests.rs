use super::*;
use proptest::prelude::*;

/// Everything a reader finds in `bytes`, offered in pieces of `step` bytes: the pieces, the raw messages, and the error.
fn read(bytes: &[u8], step: usize) -> (Vec<Piece>, Vec<u8>, Option<SocksError>) {
    let mut reader = RequestReader::new();
    let (mut found, mut raw) = (Vec::new(), Vec::new());
    for mut piece in bytes.chunks(step.max(1)) {
        while !piece.is_empty() {
            match reader.next(piece) {
                Err(error) => return (found, raw, Some(error)),
                Ok((covered, what)) => {
                    piece = &piece[covered..];
                    if what != Piece::NeedMore {
                        found.push(what);
                        raw.extend(reader.take_message());
                    }
                }
            }
        }
    }
    (found, raw, None)
}

fn target(host: &str, port: u16) -> Piece {
    Piece::Request(Target { host: host.into(), port })
}

#[test]
fn every_form_of_request_is_read() {
    let cases: [(&[u8], Vec<Piece>); 8] = [
        (b"\x04\x01\x01\xbb\x6f\x0d\x8d\xd3me\0", vec![target("111.13.141.211", 443)]),
        (b"\x04\x01\x00\x50\0\0\0\x01\0Mail.Example.com.\0", vec![target("mail.example.com", 80)]),
        (b"\x05\x01\x00\x05\x01\x00\x01\x6f\x0d\x8d\xd3\x01\xbb", vec![Piece::Greeting, target("111.13.141.211", 443)]),
        (b"\x05\x01\x00\x05\x01\x00\x03\x0bexample.com\x00\x50", vec![Piece::Greeting, target("example.com", 80)]),
        (
            b"\x05\x02\x00\x02\x01\x02me\x03pwd\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb",
            vec![Piece::Greeting, Piece::Greeting, target("2001:db8::1", 443)],
        ),
        // What curl offers: none, and GSSAPI; with a name, a password, too.
        (b"\x05\x02\x00\x01\x05\x01\x00\x03\x01a\x00\x50", vec![Piece::Greeting, target("a", 80)]),
        (
            b"\x05\x03\x00\x01\x02\x01\x02me\x03pwd\x05\x01\x00\x03\x01a\x00\x50",
            vec![Piece::Greeting, Piece::Greeting, target("a", 80)],
        ),
        (b"\x05\x02\x00\x02\x05\x01\x00\x03\x01a\x00\x50", vec![Piece::Greeting, target("a", 80)]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read(bytes, bytes.len()), (expected, bytes.to_vec(), None));
    }
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let cases: [(&[u8], SocksError); 12] = [
        (b"\x05\x01\x00\x05\x03\x00\x01", SocksError::Command),
        (b"\x04\x02\x00\x50", SocksError::Command),
        (b"\x05\x01\x01", SocksError::Malformed),
        // GSSAPI is chosen, or may be.
        (b"\x05\x02\x00\x01\x01\x01\x00\x04", SocksError::Malformed),
        (b"\x05\x03\x00\x01\x02\x01\x01a\x01b", SocksError::Malformed),
        (b"\x05\x02\x00\x03", SocksError::Malformed),
        (b"\x05\x01\x00\x01\x01a\x01b", SocksError::Malformed),
        (b"\x05\x01\x00\x16\x03\x01", SocksError::Malformed),
        (b"\x05\x01\x00\x05\x01\x00\x03\x03a b\x00\x50", SocksError::BadHost),
        (b"\x05\x01\x00\x05\x01\x00\x03\x00\x00\x50", SocksError::BadHost),
        (b"\x05\x01\x00\x05\x01\x00\x03\x03a..\x00\x50", SocksError::BadHost),
        (b"\x05\x01\x00\x05\x01\x00\x09", SocksError::Malformed),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read(bytes, 1).2, Some(expected), "{bytes:x?}");
    }
    let endless = [&b"\x04\x01\x00\x50\x01\x02\x03\x04"[..], &[b'a'; 300]].concat();
    assert_eq!(read(&endless, 7).2, Some(SocksError::Malformed));
}

#[test]
fn an_error_stays() {
    let mut reader = RequestReader::new();
    for bytes in [&b"\x05\x01\x01"[..], b"", b"\x05\x01\x00"] {
        assert_eq!(reader.next(bytes), Err(SocksError::Malformed), "{bytes:x?}");
    }
}

proptest! {
    #[test]
    fn splitting_never_changes_the_answer(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..600),
            proptest::collection::vec(0_u8..6, 0..40),
        ],
        step in 1_usize..20,
    ) {
        prop_assert_eq!(read(&bytes, step), read(&bytes, bytes.len()));
    }
}
