//! Protocols that hide a name inside another one, or say who the client is.

use super::{Arriving, messages, pieces, same_however_split};
use consentry_inspect::http1::{MAX_HEADERS, Request};
use consentry_inspect::http2::{self, Http2Error, MAX_HELD, PREFACE, data_of};
use consentry_inspect::mqtt::ConnectReader;
use consentry_inspect::starttls::{self, Reader};
use consentry_inspect::tls::parse_dtls_hello_message;
use consentry_inspect::websocket::ClientFrames;
use consentry_inspect::{Progress, dtls};

/// Longest line or tag of a dialogue that is held.
const LONGEST_LINE: usize = 4096;

pub(super) fn dtls_hello(bytes: &[u8]) {
    // As datagrams, each with its length in front.
    let mut reader = dtls::HelloReader::new();
    let heard = messages(bytes).map(|datagram| reader.push(datagram)).find(|p| *p != Progress::NeedMore);
    if matches!(heard, Some(Progress::Done(_))) {
        assert!(messages(bytes).any(dtls::begins_hello));
        assert_eq!(reader.push(bytes), Progress::Not, "one hello each");
    }
    // As the body of a hello: however it is cut into fragments, and in whatever order they come.
    if !(1..=0xFFFF).contains(&bytes.len()) {
        return;
    }
    let alone = parse_dtls_hello_message(bytes).map_or(Progress::Not, Progress::Done);
    let u24 = |value: usize| (value as u32).to_be_bytes()[1..].to_vec();
    let mut offset = 0;
    let mut datagrams: Vec<Vec<u8>> = pieces(bytes)
        .map(|part| {
            let header = [vec![1], u24(bytes.len()), vec![0, 7], u24(offset), u24(part.len())].concat();
            offset += part.len();
            let length = ((header.len() + part.len()) as u16).to_be_bytes();
            [&[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0][..], &length, &header, part].concat()
        })
        .collect();
    // The longest pieces are shorter than a record may be.
    for _ in 0..2 {
        let mut reader = dtls::HelloReader::new();
        let heard = datagrams.iter().map(|one| reader.push(one)).find(|p| *p != Progress::NeedMore);
        assert_eq!(heard, Some(alone.clone()));
        datagrams.reverse();
    }
}

pub(super) fn mqtt_connect(bytes: &[u8]) {
    let heard = same_however_split(bytes, |arriving| {
        let mut reader = ConnectReader::new();
        let heard = arriving.map(|piece| reader.push(piece)).find(|p| *p != Progress::NeedMore);
        heard.unwrap_or(Progress::NeedMore)
    });
    let Progress::Done(connect) = heard else { return };
    assert!(matches!(connect.version, 3..=5));
    assert!(connect.client_id.len() <= bytes.len());
    if !connect.client_id.is_empty() {
        assert!(!format!("{connect:?}").contains("client_id"), "identifiers stay out");
    }
}

/// What a dialogue was found to say.
#[derive(Debug, Default, PartialEq)]
struct Dialogue {
    raw: Vec<u8>,
    pieces: Vec<starttls::Piece>,
}

pub(super) fn starttls_dialogue(bytes: &[u8]) {
    let heard = same_however_split(bytes, |arriving| {
        let mut reader = Reader::new();
        let mut heard = Dialogue::default();
        for piece in arriving {
            if dialogue_piece(&mut reader, piece, &mut heard) {
                break;
            }
        }
        heard
    });
    assert!(bytes.starts_with(&heard.raw));
    for piece in &heard.pieces {
        if let starttls::Piece::StreamTo(domain) = piece {
            assert!((1..=253).contains(&domain.len()));
            assert!(domain.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        }
    }
}

/// Takes one piece; true when TLS begins, or never will.
fn dialogue_piece(reader: &mut Reader, mut piece: &[u8], heard: &mut Dialogue) -> bool {
    while !piece.is_empty() {
        let (covered, what) = reader.next(piece);
        assert!(covered > 0);
        piece = &piece[covered..];
        let message = reader.take_message();
        assert!(message.len() <= LONGEST_LINE);
        assert_eq!(message.is_empty(), what == starttls::Piece::NeedMore);
        heard.raw.extend(message);
        if what == starttls::Piece::NeedMore {
            assert!(piece.is_empty(), "everything is taken in");
            continue;
        }
        let ends = matches!(what, starttls::Piece::StartTls | starttls::Piece::Over);
        heard.pieces.push(what);
        if ends {
            return true;
        }
    }
    false
}

/// An HTTP/2 connection as it was framed.
#[derive(Debug, Default, PartialEq)]
struct Framed {
    /// Everything given out, in order: what would be relayed.
    given: Vec<u8>,
    requests: Vec<Request>,
    error: Option<Http2Error>,
}

pub(super) fn http2_requests(bytes: &[u8]) {
    // As they are, and behind what a client says first.
    for connection in [bytes.to_vec(), [&PREFACE[..], bytes].concat()] {
        for holding in [true, false] {
            let framed = same_however_split(&connection, |arriving| framed(arriving, holding));
            assert!(connection.starts_with(&framed.given), "what is judged is what is relayed");
            if holding && framed.requests.is_empty() {
                assert!(framed.given.is_empty(), "nothing goes out before it is known whom it is for");
            }
            framed.requests.iter().for_each(check_request);
        }
    }
    for stream in [0, 1, 3] {
        assert!(data_of(bytes, stream).len() <= bytes.len());
    }
}

fn framed(arriving: Arriving<'_, '_>, holding: bool) -> Framed {
    let mut framer = http2::RequestFramer::new(holding);
    let mut found = Framed::default();
    for piece in arriving {
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
                http2::Piece::NeedMore => assert_eq!(covered, rest.len(), "everything is taken in"),
                http2::Piece::Contents => found.given.extend(&rest[..covered]),
                http2::Piece::Plain => found.given.extend(framer.take_message()),
                http2::Piece::Request(request) => {
                    let head = framer.take_message();
                    assert_eq!(head.len(), request.head_len);
                    assert!(head.len() <= MAX_HELD);
                    found.given.extend(head);
                    found.requests.push(*request);
                }
            }
            rest = &rest[covered..];
        }
    }
    found
}

fn check_request(request: &Request) {
    assert!(request.http2.is_some_and(|stream| stream.number % 2 == 1));
    assert!(request.headers.len() <= MAX_HEADERS);
    assert!(!request.method.is_empty() && !request.connect);
    if let Some(host) = &request.host {
        assert!((1..=253).contains(&host.len()), "{host}");
        assert!(host.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{host}");
    }
}

pub(super) fn websocket_frames(bytes: &[u8]) {
    let said = same_however_split(bytes, |arriving| {
        let mut frames = ClientFrames::new();
        let mut said = Vec::new();
        arriving.for_each(|piece| frames.push(piece, &mut said));
        said
    });
    assert!(said.len() <= bytes.len());
}
