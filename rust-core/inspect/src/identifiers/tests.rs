use super::*;
use crate::http1::{Piece, Request, RequestFramer};
use proptest::prelude::*;

// Reserved values: a test IMEI, the test network 001/01, a number set aside for drama, and their short hashes.
const IMEI: &str = "490154203237518";
const IMEI_SHORT_HASH: &str = "l6IQUjLsyHVvA6Ap";
const IMEI_MD5: &str = "0eaed834a1e6f4b2bf0c024e0013dea1";
const IMSI: &str = "001010123456789";
const ICCID: &str = "8900101123456789016";
const ICCID_SHORT_HASH: &str = "QRB0oPbAlYOfcW9Q";

fn request(head: &str) -> Request {
    match RequestFramer::new().next(head.as_bytes()) {
        Ok((_, Piece::Head(request))) => *request,
        other => panic!("{other:?}"),
    }
}

fn in_head(head: &str) -> Vec<(Kind, Form, String)> {
    in_request(&request(head), b"", None).into_iter().map(|i| (i.kind, i.form, i.place)).collect()
}

fn in_target(target: &str) -> Vec<(Kind, Form, String)> {
    in_head(&format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"))
}

/// The kind and form of one query parameter, if it is an identifier.
fn parameter(key: &str, value: &str) -> Option<(Kind, Form)> {
    in_target(&format!("/?{key}={value}")).first().map(|(kind, form, _)| (*kind, *form))
}

fn in_body(head: &str, body: &str) -> Vec<(Kind, Form, String)> {
    let head = request(&format!("POST / HTTP/1.1\r\n{head}\r\n\r\n"));
    in_request(&head, body.as_bytes(), None).into_iter().map(|i| (i.kind, i.form, i.place)).collect()
}

fn found(kind: Kind, form: Form, place: &str) -> (Kind, Form, String) {
    (kind, form, place.to_owned())
}

#[test]
fn the_requests_of_2014_are_understood() {
    assert_eq!(
        in_target("/pass/user@id?type=MXPH&externalId=%2B447700900456"),
        [found(Kind::PhoneNumber, Form::Plain, "query parameter externalId")]
    );
    assert_eq!(
        in_target(&format!("/pass/activate/dev/{IMEI_SHORT_HASH}/activating?imsi={ICCID_SHORT_HASH}")),
        [
            found(Kind::Imsi, Form::Hashed, "query parameter imsi"),
            found(Kind::DeviceId, Form::Hashed, "path"),
        ]
    );
    assert_eq!(
        in_target(&format!("/?imei={IMEI}&phone=%2B447700900123&operator=Test+Telco&imsi={IMSI}")),
        [
            found(Kind::Imei, Form::Plain, "query parameter imei"),
            found(Kind::Imsi, Form::Plain, "query parameter imsi"),
            found(Kind::PhoneNumber, Form::Plain, "query parameter phone"),
            found(Kind::OperatorName, Form::Plain, "query parameter operator"),
        ]
    );
}

#[test]
fn an_http_dns_request_shows_model_build_and_a_placeholder() {
    let head = "GET /1/sign_d?host=a.example&net=wifi&bssid=02%3A00%3A00%3A00%3A00%3A00 HTTP/1.1\r\n\
        User-Agent: Dalvik/2.1.0 (Linux; U; Android 10; Test Phone 1 MIUI/V1.0.3.0.TEST)\r\n\r\n";
    assert_eq!(
        in_head(head),
        [
            found(Kind::Bssid, Form::Placeholder, "query parameter bssid"),
            found(Kind::Model, Form::Plain, "header User-Agent"),
            found(Kind::Build, Form::Plain, "header User-Agent"),
        ]
    );
}

#[test]
fn a_hello_shows_what_it_carries() {
    let hello = mi_push::Hello { device_id: true, model: Some("x".into()), ..mi_push::Hello::default() };
    let shown: Vec<_> = in_hello(&hello).into_iter().map(|i| (i.kind, i.form, i.place)).collect();
    assert_eq!(
        shown,
        [
            found(Kind::DeviceId, Form::Plain, "Mi Push hello"),
            found(Kind::Model, Form::Plain, "Mi Push hello")
        ]
    );
    assert_eq!(in_hello(&mi_push::Hello::default()), []);
}

#[test]
fn values_count_only_in_the_form_that_their_key_promises() {
    use Form::{Hashed, Placeholder, Plain};
    use Kind::*;
    for (key, value, expected) in [
        ("imei", IMEI, Some((Imei, Plain))),
        ("IMEI", "490154203237519", None),
        ("imei", "000000000000000", Some((Imei, Placeholder))),
        ("imei", IMEI_MD5, Some((Imei, Hashed))),
        ("imei", IMEI_SHORT_HASH, Some((Imei, Hashed))),
        ("imei", "A0000012345678", Some((Meid, Plain))),
        ("imei_md5", IMEI_MD5, Some((Imei, Hashed))),
        ("imeiMd5", IMEI, None),
        ("x-device-imei", IMEI, Some((Imei, Plain))),
        ("t", IMEI, None),
        ("imsi", IMSI, Some((Imsi, Plain))),
        ("imsi", ICCID, Some((Iccid, Plain))),
        ("imsi", "170000000000000", None),
        ("iccid", ICCID, Some((Iccid, Plain))),
        ("iccid", "8900101123456789017", None),
        ("deviceId", IMEI, Some((Imei, Plain))),
        ("deviceId", IMEI_SHORT_HASH, Some((DeviceId, Hashed))),
        ("device_id", "0eaed834a1e6f4b2", Some((DeviceId, Plain))),
        ("deviceId", "0", None),
        ("deviceId", "unknown", Some((DeviceId, Placeholder))),
        ("deviceId", "02:11:22:33:44:55", Some((Mac, Plain))),
        ("androidId", "9774d56d682e549c", Some((AndroidId, Placeholder))),
        ("android_id", "0eaed834a1e6f4b2", Some((AndroidId, Plain))),
        ("gaid", "38400000-8cf0-11bd-b23e-10b96e40000d", Some((AdvertisingId, Plain))),
        ("gaid", "00000000-0000-0000-0000-000000000000", Some((AdvertisingId, Placeholder))),
        ("oaid", "0eaed834a1e6f4b2", Some((Oaid, Plain))),
        ("mac", "aa-bb-cc-dd-ee-01", Some((Mac, Plain))),
        ("mac", "aa-bb:cc-dd:ee-01", None),
        ("mac", "aabbccddee01", Some((Mac, Plain))),
        ("bssid", "00:00:00:00:00:00", Some((Bssid, Placeholder))),
        ("ssid", "%3Cunknown+ssid%3E", Some((Ssid, Placeholder))),
        ("phone", "13800138000", Some((PhoneNumber, Plain))),
        ("phone", "+44+(7700)+900-123", Some((PhoneNumber, Plain))),
        ("phone", "12345", None),
        ("phone", "Redmi", None),
        ("lat", "51.4778", Some((Coordinates, Plain))),
        ("location", "51.4778,-0.0014", Some((Coordinates, Plain))),
        ("lat", "0.0", Some((Coordinates, Placeholder))),
        ("location", "london", None),
        ("lat", "95", None),
        ("email", "a%40b.example", Some((Email, Plain))),
        ("email", "nobody", None),
        ("serialno", "unknown", Some((Serial, Placeholder))),
        ("carrier", "Test+Telco", Some((OperatorName, Plain))),
        ("model", "Test+Phone", Some((Model, Plain))),
        ("model", "", None),
    ] {
        assert_eq!(parameter(key, value), expected, "{key}={value}");
    }
}

#[test]
fn cookies_headers_and_referers_are_searched() {
    let head = format!(
        "GET / HTTP/1.1\r\nCookie: theme=dark; deviceId={IMEI_SHORT_HASH}; x\r\nX-IMEI: {IMEI}\r\n\
        Referer: http://a.example/?oaid=0eaed834a1e6f4b2\r\n\r\n"
    );
    assert_eq!(
        in_head(&head),
        [
            found(Kind::Imei, Form::Plain, "header X-IMEI"),
            found(Kind::Oaid, Form::Plain, "header Referer"),
            found(Kind::DeviceId, Form::Hashed, "header Cookie"),
        ]
    );
}

#[test]
fn forms_and_json_are_searched_also_inside_each_other_and_in_chunks() {
    let imei = found(Kind::Imei, Form::Plain, "body field imei");
    let mac = found(Kind::Mac, Form::Plain, "body field wifi_mac");
    assert_eq!(in_body("X: y", &format!("a=1&imei={IMEI}")), std::slice::from_ref(&imei));
    let json = format!(
        r#" {{"device": {{"imei" : {IMEI}, "tags": ["imei"]}}, "wifi\u005fmac":"aa:bb:cc:dd:ee:01"}}"#
    );
    assert_eq!(in_body("X: y", &json), [imei.clone(), mac.clone()]);
    assert_eq!(in_body("X: y", &json[..json.len() - 2]), [imei.clone(), mac.clone()], "cut short");
    let nested = format!("data=%7B%22info%22%3A%22%7B%5C%22imei%5C%22%3A%5C%22{IMEI}%5C%22%7D%22%7D");
    assert_eq!(in_body("X: y", &nested), std::slice::from_ref(&imei));
    let chunked = format!("6;x\r\nimei={}\r\ne\r\n{}\r\n0\r\n\r\n", &IMEI[..1], &IMEI[1..]);
    assert_eq!(in_body("Transfer-Encoding: chunked", &chunked), [imei]);
}

#[test]
fn user_agents_show_model_and_build_or_nothing() {
    let shown = |agent: &str| {
        in_head(&format!("GET / HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n"))
            .into_iter()
            .map(|(kind, ..)| kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(shown("Test1/test; MIUI/V9.1 E/V9 B/S L/zh-CN LO/CN"), [Kind::Model, Kind::Build]);
    assert_eq!(
        shown("Mozilla/5.0 (Linux; U; Android 4.4; en-us; Test 1 Build/KOT49H) AppleWebKit/533"),
        [Kind::Model, Kind::Build]
    );
    assert_eq!(shown("Mozilla/5.0 (Linux; Android 13; Test 1) AppleWebKit/537"), [Kind::Model]);
    assert_eq!(shown("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537"), []);
    assert_eq!(shown("Mozilla/5.0 (Android 13; Mobile; rv:109.0) Gecko/115"), []);
    assert_eq!(shown("curl/8.0"), []);
}

#[test]
fn values_never_appear_in_the_report() {
    let key = "imei".to_owned() + &"x".repeat(100);
    let report = in_target(&format!("/dev/{IMEI}/?imei={IMEI}&{key}={IMEI}&phone=%2B447700900123"));
    assert_eq!(report.len(), 3);
    assert!(report.iter().all(|(_, _, place)| !place.contains("4901542") && !place.contains("7700")));
}

#[test]
fn names_are_the_same_in_json_and_in_text() {
    let json = |kind| serde_json::to_string(&kind).unwrap();
    for kind in
        [Kind::Imei, Kind::PhoneNumber, Kind::AndroidId, Kind::OperatorName, Kind::DeviceId, Kind::Bssid]
    {
        assert_eq!(json(kind), format!("\"{kind}\""));
    }
    assert_eq!(serde_json::to_string(&Form::Placeholder).unwrap(), format!("\"{}\"", Form::Placeholder));
}

proptest! {
    #[test]
    fn any_request_and_body_are_searched(
        target in "[!-~]{0,80}", name in "[A-Za-z-]{1,12}", value in "[ -~]{0,80}", body in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        let head = format!("GET /{target} HTTP/1.1\r\n{name}: {value}\r\n\r\n");
        if let Ok((_, Piece::Head(request))) = RequestFramer::new().next(head.as_bytes()) {
            let found = in_request(&request, &body, None);
            prop_assert!(found.is_sorted());
        }
    }

    #[test]
    fn any_value_under_any_key_is_judged(key in "(imei|imsi|iccid|phone|deviceId|androidId|gaid|oaid|mac|bssid|lat|email|imeiMd5)", value in "\\PC{0,40}") {
        let _ = super::key::Key::of(&key).and_then(|key| value::recognise(key, &value));
    }

    #[test]
    fn any_json_is_searched(text in "[\\[\\]{}\":,\\\\u0-9a-f é]{0,200}") {
        json::for_each_pair(&text, |_, _| {});
    }
}

/// A POST of this body, with these further header lines.
fn posted(headers: &str, body: &[u8], own: Option<&OwnValues>) -> Vec<(Kind, Form, String)> {
    let head = request(&format!("POST / HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n"));
    in_request(&head, body, own).into_iter().map(|i| (i.kind, i.form, i.place)).collect()
}

/// Base64 in the standard alphabet (RFC 4648 §4), by a library of its own.
fn base64(text: &[u8], url: bool) -> String {
    let letters: Vec<u8> = (b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .chain(b'0'..=b'9')
        .chain(if url { *b"-_" } else { *b"+/" })
        .collect();
    let letter = |bits: u32, at: u32| char::from(letters[(bits >> (18 - 6 * at) & 63) as usize]);
    text.chunks(3)
        .flat_map(|three| {
            let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
            (0..=three.len() as u32).map(move |at| (bits, at)).collect::<Vec<_>>()
        })
        .map(|(bits, at)| letter(bits, at))
        .collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_hides_a_value_is_undone_also_inside_each_other() {
    let json = format!("{{\"data\":{{\"imei\":\"{IMEI}\"}}}}");
    // Digits are 0x30 to 0x39.
    let escaped: String = IMEI.chars().flat_map(|c| ['\\', 'u', '0', '0', '3', c]).collect();
    let percent: String = IMEI.chars().flat_map(|c| ['%', '3', c]).collect();
    let twice = percent.replace('%', "%25");
    let place = |what: &str| found(Kind::Imei, Form::Plain, &format!("body field imei{what}"));
    for (body, undone) in [
        (json.clone().into_bytes(), ""),
        (format!("{{\"imei\":\"{escaped}\"}}").into_bytes(), ""),
        (format!("a=b&imei={percent}").into_bytes(), ""),
        (format!("imei={twice}").into_bytes(), " (percent-encoding)"),
        (format!("imei={}", base64(IMEI.as_bytes(), false)).into_bytes(), " (base64)"),
        (base64(json.as_bytes(), false).into_bytes(), " (base64)"),
        (base64(json.as_bytes(), true).into_bytes(), " (base64)"),
        (format!("data={}", base64(json.as_bytes(), true)).into_bytes(), " (base64)"),
        (format!("{{\"a\":[1,2],\"imei\":[\"x\",\"{IMEI}\"]}}").into_bytes(), ""),
        (format!("{{\"list\":[\"imei={IMEI}&a=b\"]}}").into_bytes(), ""),
        (gzip(json.as_bytes()), " (gzip)"),
        (base64(&gzip(json.as_bytes()), false).into_bytes(), " (base64, gzip)"),
        (
            format!("p={}", base64(&gzip(format!("imei={IMEI}").as_bytes()), true)).into_bytes(),
            " (base64, gzip)",
        ),
        (gzip(format!("d={}", base64(json.as_bytes(), false)).as_bytes()), " (gzip, base64)"),
        (format!("<info><imei>{IMEI}</imei></info>").into_bytes(), ""),
        (format!("u=http://x.example/?imei={IMEI}").into_bytes(), ""),
        (format!("log line imei: {IMEI}, more").into_bytes(), ""),
    ] {
        assert_eq!(posted("", &body, None), [place(undone)], "{}", body.escape_ascii());
    }
    let deflated = {
        use std::io::Write;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(json.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    assert_eq!(posted("Content-Encoding: deflate\r\n", &deflated, None), [place(" (gzip)")]);
}

#[test]
fn forms_in_parts_are_read_part_by_part() {
    let inner = gzip(format!("{{\"imsi\":\"{IMSI}\"}}").as_bytes());
    let body = [
        format!("--b\r\nContent-Disposition: form-data; name=\"imei\"\r\n\r\n{IMEI}\r\n--b\r\n").as_bytes(),
        b"Content-Disposition: form-data; name=\"log\"; filename=\"l.gz\"\r\n\r\n",
        &inner,
        b"\r\n--b--\r\n",
    ]
    .concat();
    assert_eq!(
        posted("Content-Type: multipart/form-data; boundary=b\r\n", &body, None),
        [
            found(Kind::Imei, Form::Plain, "body field imei"),
            found(Kind::Imsi, Form::Plain, "body field imsi (gzip)"),
        ]
    );
}

#[test]
fn a_bomb_is_cut_and_what_stands_before_the_limit_is_found() {
    let mut text = format!("imei={IMEI}&x=").into_bytes();
    text.resize(8 << 20, b'0');
    let bomb = gzip(&text);
    assert!(bomb.len() < MAX_BODY);
    assert_eq!(posted("", &bomb, None).len(), 1);
    // Many bombs share one limit.
    let small = gzip(&vec![b'0'; 4 << 20]);
    let many: Vec<u8> =
        (0..20).flat_map(|n| format!("a{n}={}&", base64(&small, true)).into_bytes()).collect();
    assert_eq!(posted("", &many, None), []);
}

#[test]
fn the_owners_own_values_are_found_without_any_key() {
    let mut own = OwnValues::new(&[1; 32]);
    own.add(Kind::Imei, IMEI).unwrap();
    own.add(Kind::PhoneNumber, "+447700900123").unwrap();
    own.add(Kind::Serial, "RF8M33ABCDE").unwrap();
    let own = Some(&own);
    let place = |kind, form, place: &str| found(kind, form, &format!("{place}, your own"));
    assert_eq!(
        posted("X-Q: rf8m33abcde\r\n", format!("a={IMEI_MD5}&b=07700900123").as_bytes(), own),
        [
            place(Kind::Imei, Form::Hashed, "body field a"),
            place(Kind::PhoneNumber, Form::Plain, "body field b"),
            place(Kind::Serial, Form::Plain, "header X-Q"),
        ]
    );
    let binary = [&[1, 2, 0xFF, 8, 15][..], IMEI.as_bytes(), &[0, 7]].concat();
    assert_eq!(posted("", &binary, own), [place(Kind::Imei, Form::Plain, "body field")]);
    let unknown: Vec<_> = in_bytes(&binary, own).into_iter().map(|i| (i.kind, i.form, i.place)).collect();
    assert_eq!(unknown, [place(Kind::Imei, Form::Plain, "clear text")]);
    assert_eq!(posted("", b"a=490154203237517&b=447700900124", own), []);
}

/// What many requests carry that looks like an identifier and is none.
#[test]
fn ordinary_traffic_is_no_identifier() {
    for body in [
        "{\"ts\":1700000000000,\"us\":1700000000000000,\"order\":\"490154203237518\"}",
        "{\"traceId\":\"0eaed834a1e6f4b2\",\"spanId\":\"bf0c024e0013dea1\",\"etag\":\"0eaed834a1e6f4b2bf0c024e0013dea1\"}",
        "id=89014103211118510720&snowflake=1234567890123456789",
        "{\"request_id\":\"123e4567-e89b-42d3-a456-426614174000\"}",
        "lang=en_GB&v=1.2.3&n=07700900123&price=35.12345",
        "{\"ip\":\"2001:db8:0:0:1:2:3:4\",\"fp\":\"AA:BB:CC:DD:EE:FF:00:11:22:33\"}",
        "card=378282246310005&pan=4111111111111111",
        "{\"group\":\"01:00:5e:00:00:fb\"}",
        "model_version=12&building=A&mobile=true&tel=&geo=GB&email=none",
    ] {
        assert_eq!(posted("", body.as_bytes(), None), [], "{body}");
    }
}
