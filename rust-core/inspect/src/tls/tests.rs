use super::*;
use proptest::prelude::*;

const OPENSSL_13: &[u8] = include_bytes!("../../tests/fixtures/client-hello-openssl-tls13.bin");
const OPENSSL_12: &[u8] = include_bytes!("../../tests/fixtures/client-hello-openssl-tls12.bin");
const OPENSSL_NO_NAME: &[u8] = include_bytes!("../../tests/fixtures/client-hello-openssl-no-name.bin");
const CURL: &[u8] = include_bytes!("../../tests/fixtures/client-hello-curl.bin");

fn read_whole(bytes: &[u8]) -> Progress<ClientHello> {
    ClientHelloReader::new().push(bytes)
}

/// Feeds the pieces in turn and gives the first answer that is not "need more".
fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Progress<ClientHello> {
    let mut reader = ClientHelloReader::new();
    pieces
        .into_iter()
        .map(|piece| reader.push(piece))
        .find(|p| *p != Progress::NeedMore)
        .unwrap_or(Progress::NeedMore)
}

fn hello(sni: Option<&str>, alpn: &[&str], ech: bool) -> ClientHello {
    ClientHello { sni: sni.map(Into::into), alpn: alpn.iter().map(|p| (*p).into()).collect(), ech }
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes(), &(data.len() as u16).to_be_bytes(), data].concat()
}

fn name_extension(host: &[u8]) -> Vec<u8> {
    let length = host.len() as u16;
    extension(0, &[&(length + 3).to_be_bytes()[..], &[0], &length.to_be_bytes(), host].concat())
}

/// The body of a ClientHello with these extensions.
fn body(extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let fixed = [&[3, 3][..], &[0xAB; 32], &[0], &[0, 4, 0x1A, 0x1A, 0x13, 0x01], &[1, 0]].concat();
    [&fixed[..], &(extensions.len() as u16).to_be_bytes(), &extensions].concat()
}

fn handshake(body: &[u8]) -> Vec<u8> {
    [&[CLIENT_HELLO][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// A stream of records of `size` bytes each that carry `message`.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message
        .chunks(size)
        .flat_map(|part| [&[22, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat())
        .collect()
}

#[test]
fn real_clients_are_understood() {
    let browser_like = &["h2", "http/1.1"];
    assert_eq!(
        read_whole(OPENSSL_13),
        Progress::Done(hello(Some("api.account.xiaomi.com"), browser_like, false))
    );
    assert_eq!(read_whole(OPENSSL_12), Progress::Done(hello(Some("update.miui.com"), &[], false)));
    assert_eq!(read_whole(OPENSSL_NO_NAME), Progress::Done(hello(None, &[], false)));
    assert_eq!(read_whole(CURL), Progress::Done(hello(Some("metok.sys.miui.com"), browser_like, false)));
}

#[test]
fn ech_and_grease_are_seen_and_harmless() {
    let extensions = [
        extension(0x0A0A, &[]),
        name_extension(b"Cover.Example."),
        extension(16, b"\x00\x06\x02\x8A\x8A\x02h2"),
        extension(0xFE0D, &[0; 40]),
        extension(0xDADA, &[0]),
    ];
    let read = parse_hello_message(&body(&extensions)).unwrap();
    assert_eq!(read, hello(Some("cover.example"), &[r"\x8a\x8a", "h2"], true));
}

#[test]
fn a_hello_without_extensions_has_no_name() {
    let mut old = body(&[]);
    old.truncate(old.len() - 2);
    assert_eq!(parse_hello_message(&old), Ok(ClientHello::default()));
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let name = name_extension(b"a.example");
    assert_eq!(parse_hello_message(&body(&[name.clone(), name.clone()])), Err(TlsError::RepeatedExtension));

    let two_hosts = extension(0, b"\x00\x08\x00\x00\x01a\x00\x00\x01b");
    let empty_list = extension(0, b"\x00\x00");
    let no_list = extension(0, b"");
    let other_kind = extension(0, b"\x00\x04\x01\x00\x01a");
    let bytes_behind_the_list = extension(0, b"\x00\x04\x00\x00\x01a!");
    for bad in [two_hosts, empty_list, no_list, other_kind, bytes_behind_the_list] {
        assert_eq!(parse_hello_message(&body(&[bad])), Err(TlsError::BadServerName));
    }
    for host in [
        &b""[..],
        b".",
        b"a.example..",
        b".a.example",
        b"a..example",
        b"a\0.example",
        b"a b.example",
        "bücher.example".as_bytes(),
        &[b'a'; 256],
    ] {
        assert_eq!(
            parse_hello_message(&body(&[name_extension(host)])),
            Err(TlsError::BadServerName),
            "{host:?}"
        );
    }

    let mut trailing = body(&[name]);
    trailing.push(0);
    assert_eq!(parse_hello_message(&trailing), Err(TlsError::BadLength));
}

#[test]
fn what_is_not_a_client_hello_is_refused_at_the_first_byte_that_shows_it() {
    for wrong in [
        &b"G"[..],
        b"\x15",
        b"\x16\x02",
        b"\x16\x03\x01\x00\x00",
        b"\x16\x03\x01\x40\x01",
        b"\x16\x03\x01\x00\x05\x02",
    ] {
        assert_eq!(read_whole(wrong), Progress::Not, "{wrong:02x?}");
        if wrong.len() > 1 {
            assert_eq!(read_whole(&wrong[..wrong.len() - 1]), Progress::NeedMore, "{wrong:02x?}");
        }
    }
}

#[test]
fn a_hello_above_the_limit_is_refused_by_its_header_and_the_largest_allowed_is_read() {
    let too_long = [CLIENT_HELLO, 1, 0, 1];
    assert_eq!(read_whole(&records(&too_long, 4)), Progress::Not);

    // One byte below the limit.
    let rest = body(&[name_extension(b"a.example"), extension(21, &[])]).len();
    let largest = body(&[name_extension(b"a.example"), extension(21, &vec![0; 65_535 - rest])]);
    let expected = Progress::Done(hello(Some("a.example"), &[], false));
    assert_eq!(read_whole(&records(&handshake(&largest), MAX_RECORD)), expected);
    assert_eq!(read_pieces(records(&handshake(&largest), 1).chunks(1)), expected, "byte by byte");
}

#[test]
fn one_byte_records_fed_one_byte_at_a_time_are_read() {
    let stream = records(&handshake(&body(&[name_extension(b"a.example"), extension(21, &[0; 2000])])), 1);
    assert_eq!(read_pieces(stream.chunks(1)), Progress::Done(hello(Some("a.example"), &[], false)));
}

#[test]
fn a_finished_reader_takes_no_more() {
    let mut reader = ClientHelloReader::new();
    assert!(matches!(reader.push(CURL), Progress::Done(_)));
    assert_eq!(reader.push(CURL), Progress::Not);
}

proptest! {
    #[test]
    fn the_split_never_changes_the_answer(
        which in 0_usize..4, record in 1_usize..2000, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)
    ) {
        let original = [OPENSSL_13, OPENSSL_12, OPENSSL_NO_NAME, CURL][which];
        let mut stream = records(&original[5..], record);
        for (at, value) in changes {
            let at = at.index(stream.len());
            stream[at] = value;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(read_pieces(pieces), read_whole(&stream));
    }

    #[test]
    fn re_recording_never_changes_the_answer(which in 0_usize..4, record in 1_usize..2000) {
        let original = [OPENSSL_13, OPENSSL_12, OPENSSL_NO_NAME, CURL][which];
        prop_assert_eq!(read_whole(&records(&original[5..], record)), read_whole(original));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_hello_message(&bytes);
        let _ = read_whole(&bytes);
        let _ = read_whole(&records(&handshake(&bytes), 100));
    }
}
