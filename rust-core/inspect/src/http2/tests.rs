use super::*;
use proptest::prelude::*;

fn frame(kind: u8, flags: u8, stream: u32, contents: &[u8]) -> Vec<u8> {
    let length = &(contents.len() as u32).to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), contents].concat()
}

/// Headers as literals without Huffman's code (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "API.example.net:8080"), (":path", "/a?b=c")];

/// What a framer found: everything it gave out, and the requests.
#[derive(Debug, PartialEq)]
struct Found {
    raw: Vec<u8>,
    requests: Vec<Request>,
    error: Option<Http2Error>,
}
use crate::http1::Request;

fn read(bytes: &[u8], cut: usize, holding: bool) -> Found {
    let mut framer = RequestFramer::new(holding);
    let mut found = Found { raw: Vec::new(), requests: Vec::new(), error: None };
    for piece in bytes.chunks(cut) {
        let mut rest = piece;
        while !rest.is_empty() {
            let (covered, what) = match framer.next(rest) {
                Ok(step) => step,
                Err(error) => {
                    assert_eq!(framer.next(b"x"), Err(error), "an error stays");
                    found.error = Some(error);
                    return found;
                }
            };
            match what {
                Piece::NeedMore => {}
                Piece::Plain => found.raw.extend(framer.take_message()),
                Piece::Contents => found.raw.extend(&rest[..covered]),
                Piece::Request(request) => {
                    let message = framer.take_message();
                    assert_eq!(message.len(), request.head_len);
                    found.raw.extend(message);
                    found.requests.push(*request);
                }
            }
            rest = &rest[covered..];
        }
    }
    found
}

fn connection(frames: &[Vec<u8>]) -> Vec<u8> {
    [&PREFACE[..], &frames.concat()].concat()
}

#[test]
fn each_request_is_found_and_what_is_given_out_is_what_was_said() {
    let bytes = connection(&[
        frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(8, 0, 0, &[0, 1, 0, 0]),
        frame(1, 0x05, 1, &block(&GET)),
        // Padded, with a priority, in two frames, and with a body.
        frame(1, 0x28, 3, &[&[2][..], &[0, 0, 0, 0, 9], &block(&GET)[..10], &[0, 0]].concat()),
        frame(9, 0x04, 3, &block(&GET)[10..]),
        frame(0, 0, 3, b"imei="),
        frame(6, 0, 0, &[0; 8]),
        frame(0, 0x08, 3, b"\x03490154203237518\0\0\0"),
        frame(1, 0x05, 3, &block(&[("x-checksum", "1")])),
    ]);
    let found = read(&bytes, bytes.len(), true);
    assert_eq!(found.error, None);
    assert_eq!(found.raw, bytes);
    let [first, second] = &found.requests[..] else { panic!("{found:?}") };
    assert_eq!((first.method.as_str(), first.path.as_str()), ("GET", "/a?b=c"));
    assert_eq!((first.host.as_deref(), first.port), (Some("api.example.net"), Some(8080)));
    assert_eq!(first.http2, Some(Stream { number: 1, ended: true }));
    assert_eq!(second.http2, Some(Stream { number: 3, ended: false }));
    let at = bytes.windows(5).position(|window| window == b"imei=").expect("the body") - 9;
    assert_eq!(data_of(&bytes[at..], 3), b"imei=490154203237518");
    assert_eq!(data_of(&bytes[at..at + 12], 3), b"ime", "as far as it goes");
    assert_eq!(data_of(&bytes[at..], 5), b"");
}

#[test]
fn nothing_is_given_out_before_the_first_request_unless_it_was_upgraded() {
    let start = connection(&[frame(4, 0, 0, &[0, 3, 0, 0, 0, 100]), frame(8, 0, 0, &[0, 1, 0, 0])]);
    assert_eq!(read(&start, 5, true).raw, b"");
    assert_eq!(read(&start, 5, false).raw, start);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let with = |fields: &[(&str, &str)]| connection(&[frame(1, 4, 1, &block(fields))]);
    for (what, bytes, error) in [
        ("no preface", b"PRI * HTTP/2.0\r\n\r\nXX".to_vec(), Http2Error::NoPreface),
        ("no method", with(&GET[1..]), Http2Error::BadRequest),
        ("two paths", with(&[GET[0], GET[1], GET[2], GET[3], GET[3]]), Http2Error::BadRequest),
        (
            "another Host",
            with(&[GET[0], GET[1], GET[2], GET[3], ("host", "other.example")]),
            Http2Error::BadRequest,
        ),
        ("pseudo header behind", with(&[GET[0], ("a", "b"), GET[1], GET[2], GET[3]]), Http2Error::BadRequest),
        (
            "upper case",
            with(&[GET[0], GET[1], GET[2], GET[3], ("Host", "api.example.net")]),
            Http2Error::BadRequest,
        ),
        ("a tunnel without target", with(&[(":method", "CONNECT")]), Http2Error::BadRequest),
        ("even stream", connection(&[frame(1, 4, 2, &block(&GET))]), Http2Error::BadFrame),
        (
            "a frame inside the headers",
            connection(&[frame(1, 0, 1, &block(&GET)), frame(6, 0, 0, &[0; 8])]),
            Http2Error::BadFrame,
        ),
        ("lone continuation", connection(&[frame(9, 4, 1, &block(&GET))]), Http2Error::BadFrame),
        ("too much padding", connection(&[frame(1, 0x0C, 1, &[9, 1])]), Http2Error::BadFrame),
        ("headers without end", connection(&vec![frame(1, 0, 1, &[0; 16000]); 1]), Http2Error::TooLong),
    ] {
        let mut bytes = bytes;
        if what == "headers without end" {
            for _ in 0..5 {
                bytes.extend(frame(9, 0, 1, &[0; 16000]));
            }
        }
        let found = read(&bytes, bytes.len(), true);
        assert_eq!(found.error, Some(error), "{what}");
        assert_eq!(found.requests, [], "{what}");
    }
}

#[test]
fn a_tunnel_states_where_it_leads() {
    let bytes =
        connection(&[frame(1, 4, 1, &block(&[(":method", "CONNECT"), (":authority", "a.example:443")]))]);
    let found = read(&bytes, 100, true);
    assert_eq!(found.requests[0].host.as_deref(), Some("a.example"));
    assert_eq!((found.requests[0].method.as_str(), found.requests[0].path.as_str()), ("CONNECT", ""));
}

proptest! {
    #[test]
    fn how_it_is_split_changes_nothing(
        cut in 1_usize..60,
        holding: bool,
        frames in proptest::collection::vec((0_u8..11, 0_u8..64, 0_u32..6, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..30)), 0..8),
    ) {
        let frames: Vec<Vec<u8>> = frames
            .into_iter()
            .map(|(kind, flags, stream, sound, contents)| {
                if sound { frame(1, 4, 1 + 2 * stream, &block(&GET)) } else { frame(kind, flags, stream, &contents) }
            })
            .collect();
        let bytes = connection(&frames);
        let whole = read(&bytes, bytes.len(), holding);
        prop_assert!(bytes.starts_with(&whole.raw));
        prop_assert_eq!(read(&bytes, cut, holding), whole);
    }

    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>) {
        let _ = read(&connection(&[bytes]), 7, true);
    }
}
