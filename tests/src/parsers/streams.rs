//! What a client says first on a TCP connection.

use super::{Arriving, pieces, same_however_split};
use consentry_inspect::Progress;
use consentry_inspect::first_bytes::{Facts, FirstBytes};
use consentry_inspect::mi_push::{Hello, HelloReader, MAGIC};
use consentry_inspect::mqtt::ConnectReader;
use consentry_inspect::socks::{Piece, RequestReader, SocksError, Target};
use consentry_inspect::tls::{ClientHello, ClientHelloReader, parse_hello_message};

/// Longest host name, in bytes (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 255;
/// Longest message of a SOCKS client that is read.
const LONGEST_SOCKS: usize = 523;
/// However little a client says with each byte, after so many it is known what it speaks.
const DECIDED_AFTER: usize = 512 * 1024;

pub(super) fn client_hello(bytes: &[u8]) {
    let heard = same_however_split(bytes, hello_of_records);
    // The same bytes as the body of a hello message, in records of any length.
    let alone = parse_hello_message(bytes).map_or(Progress::Not, Progress::Done);
    if let Ok(length @ ..=0xffff) = u32::try_from(bytes.len()) {
        let message = [&[1], &length.to_be_bytes()[1..], bytes].concat();
        let records: Vec<u8> = pieces(&message).flat_map(record).collect();
        assert_eq!(hello_of_records(&mut Some(records.as_slice()).into_iter()), alone);
    }
    for heard in [heard, alone] {
        let Progress::Done(hello) = heard else { continue };
        check_hello(&hello);
    }
}

fn hello_of_records(arriving: Arriving<'_, '_>) -> Progress<ClientHello> {
    let mut reader = ClientHelloReader::new();
    let heard = arriving.map(|piece| reader.push(piece)).find(|progress| *progress != Progress::NeedMore);
    heard.unwrap_or(Progress::NeedMore)
}

/// One TLS record of type handshake (RFC 8446 §5.1).
fn record(fragment: &[u8]) -> Vec<u8> {
    [&[22, 3, 1], &(fragment.len() as u16).to_be_bytes()[..], fragment].concat()
}

/// What a hello says is presentable, and a hello that says it means the same.
fn check_hello(hello: &ClientHello) {
    if let Some(host) = &hello.sni {
        assert!((1..LONGEST_HOST).contains(&host.len()), "{host}");
        assert!(host.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{host}");
    }
    assert!(hello.alpn.iter().all(|protocol| !protocol.is_empty() && protocol.is_ascii()));
    if hello.alpn.iter().all(|protocol| !protocol.contains('\\')) {
        assert_eq!(parse_hello_message(&hello_body(hello)).as_ref(), Ok(hello));
    }
}

/// The body of a hello message that says this (RFC 8446 §4.1.2, RFC 6066 §3, RFC 7301 §3.1).
fn hello_body(hello: &ClientHello) -> Vec<u8> {
    let vector = |bytes: Vec<u8>| [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
    let extension = |kind: u16, data: Vec<u8>| [kind.to_be_bytes().to_vec(), vector(data)].concat();
    let mut extensions = Vec::new();
    if let Some(host) = &hello.sni {
        extensions.extend(extension(0, vector([vec![0], vector(host.clone().into_bytes())].concat())));
    }
    if !hello.alpn.is_empty() {
        let protocols = hello.alpn.iter().flat_map(|name| [&[name.len() as u8], name.as_bytes()].concat());
        extensions.extend(extension(16, vector(protocols.collect())));
    }
    if hello.ech {
        extensions.extend(extension(0xfe0d, vec![0]));
    }
    [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0], &vector(extensions)].concat()
}

pub(super) fn first_bytes(bytes: &[u8]) {
    let (decided, at_end, bare) = same_however_split(bytes, |arriving| {
        let mut first = FirstBytes::new();
        let decided = arriving.map(|piece| first.push(piece)).find(Option::is_some).flatten();
        (decided, first.finish(), first.is_bare_word())
    });
    match decided {
        Some(facts) => {
            assert_eq!(facts, at_end);
            assert!(!bare);
            agrees_with_reader(&facts, bytes);
        }
        None => is_decided_in_time(bytes),
    }
}

/// The reader of the protocol itself says the same.
fn agrees_with_reader(facts: &Facts, bytes: &[u8]) {
    match facts {
        Facts::Tls(hello) => {
            assert_eq!(ClientHelloReader::new().push(bytes), Progress::Done(hello.clone()));
        }
        Facts::BrokenTls => assert_eq!(ClientHelloReader::new().push(bytes), Progress::Not),
        Facts::MiPush(hello) => {
            let expected = hello.clone().map_or(Progress::Not, Progress::Done);
            assert_eq!(HelloReader::new().push(bytes), expected);
        }
        Facts::Socks => {
            let refused_at_once = matches!(bytes, [4 | 5]);
            assert!(!refused_at_once, "more than the version is needed");
        }
        Facts::Mqtt(connect) => {
            assert_eq!(ConnectReader::new().push(bytes), Progress::Done(connect.clone()));
        }
        Facts::Http2PriorKnowledge => assert!(bytes.starts_with(b"PRI * HTTP/2.0\r\n")),
        Facts::Http | Facts::Dialogue | Facts::Unknown => {}
    }
}

/// A client that goes on and on in this way is decided about, too.
fn is_decided_in_time(bytes: &[u8]) {
    // Short loops are as good as long ones, and many times as fast.
    if bytes.is_empty() || bytes.len() > 64 {
        return;
    }
    let endless = bytes.repeat(DECIDED_AFTER / bytes.len());
    assert!(FirstBytes::new().push(&endless).is_some());
}

pub(super) fn mi_push_hello(bytes: &[u8]) {
    // As they are, and as the payload of a blob whose length and checksum are right.
    for blob in [bytes.to_vec(), blob(bytes)] {
        let (heard, magic) = same_however_split(&blob, |arriving| {
            let mut reader = HelloReader::new();
            let heard =
                arriving.map(|piece| reader.push(piece)).find(|progress| *progress != Progress::NeedMore);
            (heard, reader.has_magic())
        });
        assert!(!magic || blob.starts_with(&MAGIC));
        if let Some(Progress::Done(hello)) = heard {
            check_mi_push(&hello);
        }
    }
}

fn check_mi_push(hello: &Hello) {
    assert_eq!(hello.command, "CONN");
    let texts = [&hello.model, &hello.build, &hello.host, &hello.network, &hello.locale];
    for text in texts.into_iter().flatten() {
        // Lower case may take more room than upper case: U+0130 becomes two characters.
        assert!(text.chars().count() <= 400, "{text}");
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(hello.from_client);
    }
}

/// A Mi Push blob around this payload.
fn blob(payload: &[u8]) -> Vec<u8> {
    let mut blob = [&MAGIC[..], &(payload.len() as u32).to_be_bytes(), payload].concat();
    // Adler-32 as RFC 1950 §8.2 defines it, without shortcuts.
    let (a, b) = blob.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    blob.extend((b << 16 | a).to_be_bytes());
    blob
}

/// What a SOCKS client was found to say: its messages, where its tunnel leads, and what is wrong.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    raw: Vec<u8>,
    greetings: usize,
    target: Option<Target>,
    error: Option<SocksError>,
}

pub(super) fn socks_request(bytes: &[u8]) {
    let asked = same_however_split(bytes, |arriving| {
        let mut reader = RequestReader::new();
        let mut asked = Asked::default();
        for piece in arriving {
            if socks_piece(&mut reader, piece, &mut asked) {
                break;
            }
        }
        asked
    });
    assert!(bytes.starts_with(&asked.raw));
    assert!(asked.greetings <= 2);
    if let Some(target) = &asked.target {
        assert!((1..=LONGEST_HOST).contains(&target.host.len()));
        assert!(target.host.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
        // Asked again by name, in version 5 without a password.
        let host = target.host.as_bytes();
        let request = [&[5, 1, 0, 5, 1, 0, 3, host.len() as u8], host, &target.port.to_be_bytes()].concat();
        let mut again = Asked::default();
        assert!(socks_piece(&mut RequestReader::new(), &request, &mut again));
        assert_eq!(again.target.as_ref(), Some(target));
    }
}

/// Takes one piece; true when nothing more is to be read.
fn socks_piece(reader: &mut RequestReader, mut piece: &[u8], asked: &mut Asked) -> bool {
    while !piece.is_empty() {
        let (covered, what) = match reader.next(piece) {
            Ok(step) => step,
            Err(error) => {
                assert_eq!(reader.next(b"x"), Err(error), "an error stays");
                asked.error = Some(error);
                return true;
            }
        };
        assert!(covered > 0);
        piece = &piece[covered..];
        let message = reader.take_message();
        assert!(message.len() <= LONGEST_SOCKS);
        assert_eq!(message.is_empty(), what == Piece::NeedMore);
        asked.raw.extend(message);
        match what {
            Piece::NeedMore => assert!(piece.is_empty(), "everything is taken in"),
            Piece::Greeting => asked.greetings += 1,
            Piece::Request(target) => {
                asked.target = Some(target);
                return true;
            }
        }
    }
    false
}
