//! HTTP/1 requests, and what they tell about the phone.

use super::{pieces, same_however_split};
use consentry_inspect::dns::Name;
use consentry_inspect::http1::{FramingError, MAX_HEAD, MAX_HEADERS, Piece, Request, RequestFramer};
use consentry_inspect::identifiers::{Identifier, Kind, OwnValues, in_bytes, in_request};
use consentry_inspect::{first_bytes, http_dns};

/// Longest description of where an identifier was found: some words, and 40 characters of a key.
const LONGEST_PLACE: usize = 100;

/// Longest method that a stream may begin with to be taken for HTTP.
const LONGEST_METHOD: usize = 32;

/// A stream as it was framed.
#[derive(Debug, Default, PartialEq)]
struct Framed {
    /// Everything covered, in order: what would be relayed.
    covered: Vec<u8>,
    requests: Vec<Request>,
    /// How many bytes of body followed each head.
    bodies: Vec<usize>,
    /// Framing ended with a CONNECT or an upgrade.
    opaque: bool,
    error: Option<FramingError>,
}

pub(super) fn http_requests(bytes: &[u8]) {
    let framed = same_however_split(bytes, |arriving| {
        let mut framer = RequestFramer::new();
        let mut found = Framed::default();
        for piece in arriving {
            if take_piece(&mut framer, piece, &mut found) {
                break;
            }
        }
        found
    });
    assert!(bytes.starts_with(&framed.covered), "what is judged is what is relayed");
    for request in &framed.requests {
        check_request(request);
    }
    let whole_head = framed.requests.first().and_then(|request| framed.covered.get(..request.head_len));
    if let Some(head) = whole_head {
        // What frames as a request is heard as one, unless nobody would take its first word for a method.
        let has_short_method = framed.requests[0].method.len() <= LONGEST_METHOD;
        if has_short_method && !head.starts_with(b"PRI * HTTP/2.0\r\n") {
            let mut first = first_bytes::FirstBytes::new();
            assert_eq!(first.push(head), Some(first_bytes::Facts::Http), "{}", head.escape_ascii());
        }
        let mut again = Framed::default();
        take_piece(&mut RequestFramer::new(), head, &mut again);
        assert_eq!(again.requests.first(), framed.requests.first());
    }
}

/// Takes one piece; true when nothing more is to be framed.
fn take_piece(framer: &mut RequestFramer, mut piece: &[u8], found: &mut Framed) -> bool {
    while !piece.is_empty() {
        let (covered, what) = match framer.next(piece) {
            Ok(step) => step,
            Err(error) => {
                assert_eq!(framer.next(b"x"), Err(error), "an error stays");
                found.error = Some(error);
                return true;
            }
        };
        match what {
            Piece::NeedMore => assert_eq!(covered, piece.len(), "everything is taken in"),
            Piece::Head(request) => {
                let head = framer.take_head();
                assert_eq!(head.len(), request.head_len);
                found.covered.extend(head);
                found.requests.push(*request);
                found.bodies.push(0);
            }
            Piece::Body => {
                assert!(covered > 0);
                found.covered.extend(&piece[..covered]);
                *found.bodies.last_mut().expect("a body follows a head") += covered;
            }
            Piece::Opaque => {
                assert_eq!(covered, 0);
                found.opaque = true;
                return true;
            }
        }
        piece = &piece[covered..];
    }
    false
}

fn check_request(request: &Request) {
    assert!(request.head_len <= MAX_HEAD);
    assert!(request.headers.len() <= MAX_HEADERS);
    assert!(request.path.len() <= request.target.len() + 1);
    assert_eq!(request.connect, request.method == "CONNECT");
    if let Some(host) = &request.host {
        assert!((1..=253).contains(&host.len()), "{host}");
        assert!(host.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{host}");
    }
    if let Some(name) = http_dns::asked_name(request) {
        assert!(name.parse::<Name>().is_ok(), "{name}");
        assert_eq!(name, name.to_ascii_lowercase());
    }
}

pub(super) fn identifiers_in_request(bytes: &[u8]) {
    // A request as it stands, its body behind it.
    let mut framer = RequestFramer::new();
    if let Ok((covered, Piece::Head(request))) = framer.next(bytes) {
        check_found(&in_request(&request, &bytes[covered..], None));
    }
    // As a body, plain and in chunks.
    let plain = in_request(&request("POST / HTTP/1.1\r\nHost: a.example\r\n\r\n"), bytes, None);
    check_found(&plain);
    let chunked = request("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut chunks: Vec<u8> = pieces(bytes)
        .flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
        .collect();
    assert_eq!(in_request(&chunked, &chunks, None), plain);
    chunks.extend(b"0\r\n\r\n");
    assert_eq!(in_request(&chunked, &chunks, None), plain);
    check_found(&in_request(&chunked, bytes, None));
    // Compressed by its own word, in parts, and as bytes of nobody's protocol; with the owner's own values.
    let own = own_values();
    for headers in
        ["Content-Encoding: gzip", "Content-Encoding: deflate", "Content-Type: multipart/x; boundary=b"]
    {
        let head = request(&format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n"));
        check_found(&in_request(&head, bytes, Some(&own)));
    }
    check_found(&in_bytes(bytes, Some(&own)));
    let again = in_bytes(&[bytes, b" 490154203237518 "].concat(), Some(&own));
    assert!(again.iter().any(|found| found.kind == Kind::Imei), "whatever stands before it");
    // As a query, a cookie and the value of any header, where no byte stands in the way.
    let text: String = bytes.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_graphic).collect();
    let head = format!(
        "GET /{text}?{text} HTTP/1.1\r\nHost: a.example\r\nCookie: {text}\r\nUser-Agent: {text}\r\nReferer: http://a.example/?{text}\r\nX-Imei: {text}\r\n\r\n"
    );
    if let Ok((_, Piece::Head(request))) = RequestFramer::new().next(head.as_bytes()) {
        check_found(&in_request(&request, b"", None));
        check_request(&request);
    }
}

/// One reserved test number.
fn own_values() -> OwnValues {
    let mut own = OwnValues::new(&[7; 32]);
    own.add(Kind::Imei, "490154203237518").expect("long enough");
    own
}

fn request(head: &str) -> Request {
    match RequestFramer::new().next(head.as_bytes()) {
        Ok((_, Piece::Head(request))) => *request,
        other => unreachable!("{head} is one head: {other:?}"),
    }
}

fn check_found(found: &[Identifier]) {
    assert!(found.is_sorted());
    assert!(found.windows(2).all(|pair| pair[0] != pair[1]), "each once");
    for identifier in found {
        assert!(identifier.place.len() <= LONGEST_PLACE, "{}", identifier.place);
        assert!(identifier.place.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    }
}
