use super::*;
use proptest::prelude::*;

const CURL: &[u8] = include_bytes!("../../tests/fixtures/client-hello-curl.bin");

fn whole(bytes: &[u8]) -> Option<Facts> {
    FirstBytes::new().push(bytes)
}

/// The answer when the bytes come in pieces.
fn pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Facts> {
    let mut reader = FirstBytes::new();
    pieces.into_iter().find_map(|piece| reader.push(piece))
}

/// How many bytes, fed one by one, it takes to decide.
fn decided_after(bytes: &[u8]) -> Option<usize> {
    let mut reader = FirstBytes::new();
    bytes.chunks(1).position(|byte| reader.push(byte).is_some()).map(|at| at + 1)
}

#[test]
fn tls_is_read_to_the_end_of_the_hello() {
    let Some(Facts::Tls(hello)) = whole(CURL) else { panic!("not TLS") };
    assert_eq!(hello.sni.as_deref(), Some("metok.sys.miui.com"));
    assert_eq!(decided_after(CURL), Some(CURL.len()));
    assert_eq!(whole(&CURL[..CURL.len() - 1]), None);
    let mut broken = CURL.to_vec();
    broken[5] = 2;
    assert_eq!(whole(&broken), Some(Facts::BrokenTls));
    assert_eq!(whole(b"\x16\x04"), Some(Facts::Unknown));
}

#[test]
fn http_is_seen_by_its_request_line() {
    for line in [
        "GET / HTTP/1.1\r\n",
        "get /x HTTP/1.1\r\n",
        "\r\n\nPOST /x HTTP/1.1\r\n",
        "GET http://a.example/ HTTP/1.1\r\n",
        "CONNECT a.example:443 HTTP/1.1\r\n",
        "OPTIONS * HTTP/1.1\r\n",
        "BREW-COFFEE /pot HTTP/1.0\n",
        "GET\t/x\tHTTP/1.1 \r\n",
        "GET  /x  http/1.1\r\n",
        "GET /without-a-version\r\n",
    ] {
        assert_eq!(whole(line.as_bytes()), Some(Facts::Http), "{line:?}");
    }
    assert_eq!(decided_after(b"GET /very/long"), Some(5), "a path behind a common method is enough");
}

#[test]
fn other_protocols_of_words_are_not_http() {
    for line in [
        "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        "OPTIONS sip:a@b.example SIP/2.0\r\n",
        "OPTIONS * RTSP/1.0\r\n",
        "USER name\r\n",
        "*1\r\n",
        "CAPA\rX",
        "NICK a\r\n",
        "GET key\r\n",
        " GET / HTTP/1.1\r\n",
        "G\0T / HTTP/1.1\r\n",
    ] {
        assert_eq!(whole(line.as_bytes()), Some(Facts::Unknown), "{line:?}");
    }
    assert_eq!(decided_after(&[b'A'; 100]), Some(MAX_METHOD + 1), "a word that never ends is not waited for");
    assert_eq!(whole(b"GET \x01"), None, "one more byte tells");
    assert_eq!(whole(b"GET x\x01"), Some(Facts::Unknown));
}

#[test]
fn dialogues_that_may_turn_into_tls_are_recognised() {
    for start in [
        "EHLO a.example\r\n",
        "HELO\r\n",
        "a1 CAPABILITY\r\n",
        "CAPA\r\n",
        "AUTH TLS\n",
        "<?xml version='1.0'?>",
        "<stream:stream to='a.example'>",
    ] {
        assert_eq!(whole(start.as_bytes()), Some(Facts::Dialogue), "{start:?}");
        assert_eq!(pieces(start.as_bytes().chunks(1)), Some(Facts::Dialogue), "{start:?}");
    }
    assert_eq!(whole(b"<html>"), Some(Facts::Unknown));
    let mut unfinished = FirstBytes::new();
    assert_eq!(unfinished.push(b"STLS"), None);
    assert_eq!(unfinished.finish(), Facts::Unknown, "not yet said");
}

#[test]
fn mqtt_is_read_to_the_end_of_its_connect() {
    let connect = b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03abc";
    let Some(Facts::Mqtt(found)) = whole(connect) else { panic!("not MQTT") };
    assert_eq!((found.version, found.client_id.as_str()), (4, "abc"));
    assert_eq!(decided_after(connect), Some(connect.len()));
    assert_eq!(whole(b"\x10\x0f\0\x04HTTP"), Some(Facts::Unknown));
}

#[test]
fn http2_without_tls_is_recognised() {
    assert_eq!(whole(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Some(Facts::Http2PriorKnowledge));
    assert_eq!(whole(b"PRI * HTTP/2.0\r"), None);
    assert_eq!(whole(b"PRI * HTTP/1.1\r\n"), Some(Facts::Http), "an odd HTTP/1 request");
}

#[test]
fn mi_push_is_recognised_with_and_without_a_readable_hello() {
    let ping = b"\xC2\xFE\x00\x05\0\0\0\0\x0D\x23\x01\xC6";
    assert_eq!(whole(ping), Some(Facts::MiPush(None)));
    assert_eq!(whole(&ping[..4]), None);
    assert_eq!(whole(b"\xC2\xFE\x00\x05\xFF\xFF\xFF\xFF"), Some(Facts::MiPush(None)), "longer than is read");
    assert_eq!(whole(b"\xC2\xFE\x00\x04"), Some(Facts::Unknown));
}

#[test]
fn socks_is_recognised() {
    assert_eq!(whole(b"\x05\x01\x00"), Some(Facts::Socks));
    assert_eq!(whole(b"\x05\x02\x00"), None);
    assert_eq!(whole(b"\x05\x02\x00\x02"), Some(Facts::Socks));
    assert_eq!(whole(b"\x05\x00"), Some(Facts::Unknown));
    assert_eq!(whole(b"\x05\x02\x55"), Some(Facts::Unknown));
    assert_eq!(whole(b"\x04\x01\x01\xBB\x00\x00\x00\x01user\x00a.example\x00"), Some(Facts::Socks));
    assert_eq!(whole(b"\x04\x01\x01\xBB\x00\x00\x00\x01us"), None);
    assert_eq!(whole(b"\x04\x01\x01\xBB\x00\x00\x00\x01\x80"), Some(Facts::Unknown));
    assert_eq!(whole(b"\x04\x03"), Some(Facts::Unknown));
}

#[test]
fn a_line_without_end_is_given_up_at_the_limit() {
    let mut reader = FirstBytes::new();
    assert_eq!(reader.push(b"BREW "), None);
    assert_eq!(reader.push(&vec![b'x'; MAX_LINE - 5]), None);
    assert_eq!(reader.push(b"x"), Some(Facts::Unknown));
    // Servers skip empty lines without end, and read requests behind them: the framer refuses what is too long.
    assert_eq!(whole(&vec![b'\n'; MAX_LINE]), None);
    assert_eq!(whole(&vec![b'\n'; MAX_LINE + 1]), Some(Facts::Http));
    let long = [&b"GET http://a.example/"[..], &vec![b'x'; MAX_LINE]].concat();
    assert_eq!(whole(&long), Some(Facts::Http));
}

#[test]
fn an_end_decides_too() {
    let ended = |bytes: &[u8]| {
        let mut reader = FirstBytes::new();
        assert_eq!(reader.push(bytes), None, "{bytes:?}");
        reader.finish()
    };
    assert_eq!(ended(b"\x16\x03\x01\x00"), Facts::BrokenTls);
    assert_eq!(ended(b"\xC2\xFE\x00\x05\x00"), Facts::MiPush(None));
    assert_eq!(ended(b"GET http://a.example/x?y"), Facts::Http);
    for other in [&b"\x16"[..], b"\xC2\xFE", b"word", b"POST box", b"\x05\x01", b"\r\n", b""] {
        assert_eq!(ended(other), Facts::Unknown, "{other:?}");
    }
}

#[test]
fn blanks_that_only_some_servers_take_for_one_hide_no_request() {
    for blank in [b' ', b'\t', 0x0B, 0x0C] {
        let line = [&b"GET"[..], &[blank], b"/ HTTP/1.1\r\n"].concat();
        assert_eq!(whole(&line), Some(Facts::Http), "{blank}");
    }
    assert_eq!(whole(b"GET http://a.example/\r\n"), Some(Facts::Http), "HTTP/0.9 through a proxy");
    assert_eq!(whole(b"get key\r\n"), Some(Facts::Unknown));
}

#[test]
fn the_answer_is_repeated_and_nothing_is_no_answer() {
    let mut reader = FirstBytes::new();
    assert_eq!(reader.push(b""), None);
    assert_eq!(reader.push(b"GET /"), Some(Facts::Http));
    assert_eq!(reader.push(b"\x16"), Some(Facts::Http));
}

proptest! {
    #[test]
    fn the_split_never_changes_the_answer(
        which in 0_usize..7, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)
    ) {
        let streams: [&[u8]; 7] = [
            CURL, b"\r\nGET http://a.example/ HTTP/1.1\r\nHost: b\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\xC2\xFE\x00\x05\0\0\0\0\x0D\x23\x01\xC6", b"\x05\x02\x00\x02", b"\x04\x01\x01\xBB\x00\x00\x00\x01user\x00",
            b"EHLO a.example\r\n",
        ];
        let mut stream = streams[which].to_vec();
        for (at, value) in changes {
            let at = at.index(stream.len());
            stream[at] = value;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        prop_assert_eq!(pieces(cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]])), whole(&stream));
        prop_assert_eq!(pieces(stream.chunks(1)), whole(&stream));
    }

    #[test]
    fn any_bytes_get_an_answer_or_a_wait(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = whole(&bytes);
    }
}
