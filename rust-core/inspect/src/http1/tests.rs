use super::*;
use proptest::prelude::*;

/// What a stream was cut into: heads (with their raw bytes), bodies put together, and where framing ended.
#[derive(Debug, PartialEq)]
enum Cut {
    Head(Box<Request>, Vec<u8>),
    Body(Vec<u8>),
    Opaque(Vec<u8>),
    Failed(FramingError),
}

fn cut_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Cut> {
    let mut framer = RequestFramer::new();
    let mut cuts: Vec<Cut> = Vec::new();
    for mut bytes in pieces {
        while !bytes.is_empty() {
            let (covered, piece) = match framer.next(bytes) {
                Ok(step) => step,
                Err(error) => {
                    cuts.push(Cut::Failed(error));
                    return cuts;
                }
            };
            let taken = &bytes[..covered];
            match piece {
                Piece::NeedMore => assert_eq!(covered, bytes.len(), "all bytes are taken in"),
                Piece::Head(request) => cuts.push(Cut::Head(request, framer.take_head())),
                Piece::Body => {
                    assert!(covered > 0, "every step moves on");
                    if let Some(Cut::Body(body)) = cuts.last_mut() {
                        body.extend(taken);
                    } else {
                        cuts.push(Cut::Body(taken.to_vec()));
                    }
                }
                Piece::Opaque => {
                    assert_eq!(covered, 0);
                    if let Some(Cut::Opaque(rest)) = cuts.last_mut() {
                        rest.extend(bytes);
                    } else {
                        cuts.push(Cut::Opaque(bytes.to_vec()));
                    }
                    break;
                }
            }
            bytes = &bytes[covered..];
        }
    }
    cuts
}

fn cut(stream: impl AsRef<[u8]>) -> Vec<Cut> {
    cut_pieces([stream.as_ref()])
}

/// The only request of a stream that holds just one head.
fn request(head: impl AsRef<[u8]>) -> Request {
    match &mut cut(head)[..] {
        [Cut::Head(request, _)] => (**request).clone(),
        other => panic!("not one head: {other:?}"),
    }
}

fn failure(stream: impl AsRef<[u8]>) -> Option<FramingError> {
    cut(stream).into_iter().find_map(|cut| if let Cut::Failed(error) = cut { Some(error) } else { None })
}

#[test]
fn a_plain_request_is_read() {
    let read = request(
        "GET /pass/user@id?type=MXPH HTTP/1.1\r\nHOST: API.Account.Xiaomi.COM.:80\r\nX-A:  b \r\n\r\n",
    );
    assert_eq!((read.method.as_str(), read.path.as_str()), ("GET", "/pass/user@id?type=MXPH"));
    assert_eq!((read.host.as_deref(), read.port), (Some("api.account.xiaomi.com"), Some(80)));
    assert_eq!(read.headers[1], ("X-A".into(), b"b".to_vec()));
    assert_eq!(read.header("x-a").next(), Some(&b"b"[..]));
    assert!(!read.connect && read.upgrade.is_none());
}

#[test]
fn every_form_of_target_gives_host_and_path() {
    let read = |line: &str, host: &str| {
        let read = request(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        (read.host.unwrap(), read.port, read.path)
    };
    assert_eq!(
        read("GET http://A.example:81/x?y", "a.example"),
        ("a.example".into(), Some(81), "/x?y".into())
    );
    assert_eq!(read("GET HTTP://a.example?y", "a.example"), ("a.example".into(), None, "/?y".into()));
    assert_eq!(read("GET http://a.example", "a.example:80"), ("a.example".into(), None, "/".into()));
    assert_eq!(read("OPTIONS *", "a.example:"), ("a.example".into(), None, "*".into()));
    assert_eq!(read("GET /", "[2001:DB8::1]:8080"), ("2001:db8::1".into(), Some(8080), "/".into()));
    assert_eq!(
        read("CONNECT b.example:443", "proxy.example"),
        ("b.example".into(), Some(443), String::new())
    );
    assert_eq!(request("GET / HTTP/1.0\r\n\r\n").host, None);
    assert_eq!(request("GET / HTTP/1.1\r\nHost:\r\n\r\n").host, None);
}

#[test]
fn requests_that_name_two_hosts_are_refused() {
    let two = "GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n";
    assert_eq!(failure(two), Some(FramingError::AmbiguousHost));
    let disagreeing = "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n";
    assert_eq!(failure(disagreeing), Some(FramingError::AmbiguousHost));
    let repeated = "GET / HTTP/1.1\r\nHost: a.example\r\nhost: A.example\r\n\r\n";
    assert_eq!(request(repeated).host.as_deref(), Some("a.example"));
    for host in [
        "a.example, b.example",
        "user@a.example",
        "a.example:99999",
        "a.example:+80",
        "[::1",
        "[::1]x",
        "a%2eexample",
        ".",
        "a.example..",
        "a..example",
        ".a.example",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(failure(&head), Some(FramingError::BadHost), "{host}");
    }
    assert_eq!(failure("GET http://a@b.example/ HTTP/1.1\r\n\r\n"), Some(FramingError::BadHost));
}

#[test]
fn odd_targets_are_refused() {
    for line in
        ["GET example.com/", "GET *", "GET ftp://a.example/", "CONNECT a.example", "CONNECT /", "GET a"]
    {
        assert_eq!(
            failure(format!("{line} HTTP/1.1\r\nHost: a.example\r\n\r\n")),
            Some(FramingError::BadTarget),
            "{line}"
        );
    }
}

#[test]
fn pipelined_requests_with_bodies_are_cut_apart() {
    let first = "POST /1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n";
    let second = "GET /2 HTTP/1.1\r\nHost: b.example\r\n\r\n";
    let third = "POST /3 HTTP/1.1\r\nHost: c.example\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let chunks = "5;ext=\"a b\"\r\nhello\r\n0A ; x\r\n0123456789\r\n00\r\nTrailer: 1\r\nAnother:\r\n\r\n";
    let stream = [first, "hello", second, third, chunks, second].concat();
    let cuts = cut(&stream);
    let [
        Cut::Head(a, raw),
        Cut::Body(body),
        Cut::Head(b, _),
        Cut::Head(c, _),
        Cut::Body(chunked),
        Cut::Head(d, _),
    ] = &cuts[..]
    else {
        panic!("{cuts:?}")
    };
    assert_eq!([&a.path, &b.path, &c.path, &d.path], ["/1", "/2", "/3", "/2"]);
    assert_eq!(
        (raw.as_slice(), body.as_slice(), chunked.as_slice()),
        (first.as_bytes(), &b"hello"[..], chunks.as_bytes())
    );
    assert_eq!(a.head_len, first.len());
}

#[test]
fn empty_lines_before_a_request_belong_to_its_head() {
    let stream = "\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let cuts = cut(stream);
    let [Cut::Head(first, raw), Cut::Head(second, _)] = &cuts[..] else { panic!("{cuts:?}") };
    assert!(raw.starts_with(b"\r\n\r\nGET"));
    assert_eq!((first.head_len, second.path.as_str()), (raw.len(), "/2"));
}

#[test]
fn ambiguous_lengths_are_refused() {
    use FramingError::{AmbiguousLength, BadLength};
    for (headers, error) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", AmbiguousLength),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", AmbiguousLength),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", AmbiguousLength),
        ("Transfer-Encoding: gzip, chunked", AmbiguousLength),
        ("Transfer-Encoding: identity", AmbiguousLength),
        ("Transfer-Encoding: \x0bchunked", FramingError::Malformed),
        ("Transfer-Encoding:", AmbiguousLength),
        ("Transfer-Encoding : chunked", FramingError::Malformed),
        ("X: y\r\n Transfer-Encoding: chunked", FramingError::Malformed),
        ("Content-Length: 5\r\nContent-Length: 6", BadLength),
        ("Content-Length: 5, 6", BadLength),
        ("Content-Length: +5", BadLength),
        ("Content-Length: 0x5", BadLength),
        ("Content-Length: 5 5", BadLength),
        ("Content-Length:", BadLength),
        ("Content-Length: 99999999999999999999", BadLength),
    ] {
        assert_eq!(
            failure(format!("POST / HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n\r\n")),
            Some(error),
            "{headers}"
        );
    }
    assert_eq!(failure("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Some(AmbiguousLength));
    assert_eq!(failure("CONNECT a.example:1 HTTP/1.1\r\nContent-Length: 3\r\n\r\n"), Some(BadLength));
    let same_twice = cut("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3, 3\r\n\r\nabc");
    assert_eq!(same_twice.last(), Some(&Cut::Body(b"abc".to_vec())));
}

#[test]
fn lone_line_feeds_are_taken_only_where_every_line_ends_in_one() {
    let lone = "GET / HTTP/1.1\nHost: a.example\n\n";
    assert_eq!(request(lone).host.as_deref(), Some("a.example"));
    for mixed in [
        "GET / HTTP/1.1\r\nHost: a.example\n\n",
        "GET / HTTP/1.1\nHost: a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.example\r\n\n",
        "\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\rHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\r\n\r\n",
    ] {
        assert_eq!(failure(mixed), Some(FramingError::LineEnding), "{mixed:?}");
    }
}

#[test]
fn broken_chunk_framing_is_refused_and_what_was_sound_is_covered_before() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (sound, broken) in [
        ("", "\r\n"),
        ("", ";x\r\n"),
        ("", "g\r\n"),
        ("", "-1\r\n"),
        ("0", "x5\r\n"),
        ("5", "\nhello"),
        ("5\r", "hello"),
        ("5;a", "\nhello"),
        ("5;a\r", "b\r\n"),
        ("5\r\nhello", "0\r\n"),
        ("5\r\nhello\r", "0\r\n"),
        ("123456789abcdef", "0"),
        ("0\r\n", " folded: x"),
        ("0\r\n", ": x"),
        ("0\r\n", "\n"),
        ("0\r\na: b", "\n\r\n"),
        ("0\r\n\r", "x"),
    ] {
        let cuts = cut([head, sound, broken].concat());
        assert_eq!(cuts.last(), Some(&Cut::Failed(FramingError::BadChunk)), "{sound:?} {broken:?}");
        let covered = if let Some(Cut::Body(body)) = cuts.get(1) { body.as_slice() } else { &[] };
        assert_eq!(covered, sound.as_bytes(), "{sound:?} {broken:?}");
    }
}

#[test]
fn tunnels_and_upgrades_end_framing_behind_their_body() {
    let connect = "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n";
    let cuts = cut([connect, "\x16\x03\x01"].concat());
    assert!(
        matches!(&cuts[..], [Cut::Head(head, _), Cut::Opaque(rest)] if head.connect && rest == b"\x16\x03\x01")
    );

    let upgrade = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: H2C\r\nContent-Length: 2\r\n\r\n";
    let cuts = cut([upgrade, "hiPRI * HTTP/2.0"].concat());
    let [Cut::Head(head, _), Cut::Body(body), Cut::Opaque(rest)] = &cuts[..] else { panic!("{cuts:?}") };
    assert_eq!(
        (head.upgrade.as_deref(), body.as_slice(), rest.as_slice()),
        (Some("h2c"), &b"hi"[..], &b"PRI * HTTP/2.0"[..])
    );

    let old = "GET / HTTP/1.0\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(request(old).upgrade, None, "HTTP/1.0 knows no upgrade");
}

#[test]
fn heads_are_bounded() {
    let exactly = |total: usize| {
        let fixed = "GET / HTTP/1.1\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(total - fixed))
    };
    assert_eq!(request(exactly(MAX_HEAD)).head_len, MAX_HEAD);
    assert_eq!(cut_pieces(exactly(MAX_HEAD).as_bytes().chunks(1)), cut(exactly(MAX_HEAD)), "byte by byte");
    assert_eq!(failure(exactly(MAX_HEAD + 1)), Some(FramingError::HeadTooLong));
    assert_eq!(failure("\r\n".repeat(MAX_HEAD)), Some(FramingError::HeadTooLong));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(failure(many), Some(FramingError::TooManyHeaders));
    let long_extension =
        format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;{}", "a".repeat(MAX_HEAD));
    assert_eq!(failure(long_extension), Some(FramingError::BadChunk));
}

#[test]
fn an_error_stays() {
    let mut framer = RequestFramer::new();
    assert_eq!(framer.next(b"GET / HTTP/1.1\rX"), Err(FramingError::LineEnding));
    assert_eq!(framer.next(b"GET / HTTP/1.1\r\n\r\n"), Err(FramingError::LineEnding));
}

const STREAMS: [&str; 4] = [
    "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\nPOST /b HTTP/1.1\r\nHost: b.example\r\nContent-Length: 11\r\n\r\nhello=worldGET /c HTTP/1.1\r\n\r\n",
    "\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nwiki\r\n5\r\npedia\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\nHost: a.example\n\nGET / HTTP/1.1\r\nHost: b.example\r\n\r\n",
    "PUT / HTTP/1.1\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
];

proptest! {
    #[test]
    fn the_split_never_changes_the_answer(
        which in 0_usize..4, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)
    ) {
        let mut stream = STREAMS[which].as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(stream.len());
            stream[at] = value;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        prop_assert_eq!(cut_pieces(cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]])), cut(&stream));
        prop_assert_eq!(cut_pieces(stream.chunks(1)), cut(&stream));
    }

    #[test]
    fn any_bytes_are_framed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = cut(&bytes);
        let _ = cut([b"GET / HTTP/1.1\r\nHost: ", &bytes[..], b"\r\n\r\n"].concat());
        let _ = cut([b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat());
    }
}
