//! `consentry inspect` on protocols that hide a name inside another one, or state none at all.

use crate::program::{Folder, inspect};
use crate::twins::{Capture, client_hello, dtls_hello, http2_post, quic_initial};
use serde_json::{Value, json};

fn records(capture: &Capture) -> Vec<Value> {
    let folder = Folder::new();
    inspect(&folder.file("twin.pcap", &capture.pcap()))
}

fn shown<'a>(record: &'a Value, fields: &[&str]) -> Vec<&'a Value> {
    fields.iter().map(|field| &record[*field]).collect()
}

#[test]
fn the_hello_behind_starttls_counts_for_the_dialogue() {
    for (port, protocol, dialogue) in [
        (587, "smtp", &["EHLO phone\r\n", "STARTTLS\r\n"][..]),
        (143, "imap", &["a CAPABILITY\r\n", "b STARTTLS\r\n"]),
        (110, "pop3", &["CAPA\r\n", "STLS\r\n"]),
        (21, "ftp", &["AUTH TLS\r\n"]),
    ] {
        let mut capture = Capture::new();
        let mut connection = capture.connect(&format!("192.0.2.25:{port}"));
        for line in dialogue {
            capture.answer(&mut connection, b"* OK ready\r\n");
            capture.say(&mut connection, line.as_bytes());
        }
        capture.say(&mut connection, &client_hello("metok.sys.miui.com"));
        let records = records(&capture);
        assert_eq!(records.len(), 1, "{protocol}");
        assert_eq!(
            shown(&records[0], &["protocol", "host", "signal", "verdict"]),
            [&json!(protocol), &json!("metok.sys.miui.com"), &json!("tls_sni"), &json!("deny")]
        );
    }
}

#[test]
fn an_xmpp_domain_and_the_hello_behind_it_are_both_judged() {
    for (domain, server, verdicts) in [
        ("chat.example.org", "api.ad.xiaomi.com", ["allow", "deny"]),
        ("api.ad.xiaomi.com", "chat.example.org", ["deny", "allow"]),
    ] {
        let mut capture = Capture::new();
        let mut connection = capture.connect("192.0.2.52:5269");
        let header = format!("<?xml version='1.0'?><stream:stream to='{domain}' version='1.0'>");
        capture.say(&mut connection, header.as_bytes());
        capture.answer(&mut connection, b"<stream:features><starttls/></stream:features>");
        capture.say(&mut connection, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        capture.say(&mut connection, &client_hello(server));
        let records = records(&capture);
        let all = |field: &str| records.iter().map(|record| record[field].clone()).collect::<Vec<_>>();
        assert_eq!(all("protocol"), ["xmpp", "tls"]);
        assert_eq!(all("host"), [domain, server]);
        assert_eq!(all("verdict"), verdicts);
    }
}

#[test]
fn http2_without_tls_is_a_record_for_each_request_with_what_its_body_carries() {
    let mut capture = Capture::new();
    let mut connection = capture.connect("192.0.2.80:80");
    capture.say(&mut connection, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    capture.say(&mut connection, &http2_post(1, "www.example.org", "/", "a=b"));
    capture.say(&mut connection, &http2_post(3, "api.ad.xiaomi.com", "/log", "imei=490154203237518"));
    let records = records(&capture);
    assert_eq!(records.len(), 2);
    assert_eq!(
        shown(&records[0], &["protocol", "host", "verdict"]),
        [&json!("http2"), &json!("www.example.org"), &json!("allow")]
    );
    assert_eq!(
        shown(&records[1], &["protocol", "host", "signal", "verdict"]),
        [&json!("http2"), &json!("api.ad.xiaomi.com"), &json!("http_host"), &json!("deny")]
    );
    assert_eq!(
        records[1]["identifiers"],
        json!([{"kind": "imei", "form": "plain", "where": "body field imei"}])
    );
}

#[test]
fn http2_after_an_upgrade_and_websocket_messages_are_read() {
    let mut capture = Capture::new();
    let mut connection = capture.connect("192.0.2.80:80");
    capture.say(
        &mut connection,
        b"GET / HTTP/1.1\r\nHost: www.example.org\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    capture.answer(&mut connection, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    capture.say(&mut connection, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    capture.say(&mut connection, &http2_post(3, "api.ad.xiaomi.com", "/", ""));
    let mut connection = capture.connect("192.0.2.81:80");
    capture.say(
        &mut connection,
        b"GET /chat HTTP/1.1\r\nHost: chat.example.org\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n",
    );
    capture.answer(&mut connection, b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    // A masked frame whose key is nought (RFC 6455 §5.2).
    let message = br#"{"imei":"490154203237518"}"#;
    capture.say(&mut connection, &[&[0x81, 0x80 | message.len() as u8, 0, 0, 0, 0], &message[..]].concat());
    let records = records(&capture);
    let all = |field: &str| records.iter().map(|record| record[field].clone()).collect::<Vec<_>>();
    assert_eq!(all("protocol"), ["http", "http2", "websocket"]);
    assert_eq!(all("host"), ["www.example.org", "api.ad.xiaomi.com", "chat.example.org"]);
    assert_eq!(all("verdict"), ["allow", "deny", "allow"]);
    assert_eq!(records[2]["identifiers"][0]["kind"], "imei");
}

#[test]
fn dtls_is_judged_by_the_name_in_its_hello_with_and_without_cookie() {
    let mut capture = Capture::new();
    let (phone, server) = capture.exchange("192.0.2.40:4433");
    let hello = |cookie: &[u8], number| dtls_hello("metok.sys.miui.com", cookie, number);
    capture.datagram(phone, server, &hello(&[], 0));
    capture.datagram(server, phone, &[22, 0xFE, 0xFF, 0, 0]);
    capture.datagram(phone, server, &hello(&[9; 20], 1));
    let records = records(&capture);
    assert_eq!(records.len(), 1, "the second hello says the same");
    assert_eq!(
        shown(&records[0], &["protocol", "host", "signal", "verdict"]),
        [&json!("dtls"), &json!("metok.sys.miui.com"), &json!("tls_sni"), &json!("deny")]
    );
}

#[test]
fn mqtt_shows_who_the_client_says_it_is() {
    let mut capture = Capture::new();
    let text = |text: &str| [&[0, text.len() as u8], text.as_bytes()].concat();
    let body = [
        &text("MQTT")[..],
        &[4, 0xC2, 0, 60],
        &text("490154203237518"),
        &text("someone@example.org"),
        &text("secret"),
    ]
    .concat();
    capture.stream("192.0.2.18:1883", &[&[0x10, body.len() as u8], &body[..]].concat());
    let records = records(&capture);
    assert_eq!(records[0]["protocol"], "mqtt");
    assert_eq!(
        records[0]["identifiers"],
        json!([
            {"kind": "imei", "form": "plain", "where": "MQTT client id"},
            {"kind": "email", "form": "plain", "where": "MQTT user name"},
        ])
    );
}

#[test]
fn a_second_quic_connection_on_the_same_ports_is_a_further_record() {
    let mut capture = Capture::new();
    let (phone, server) = capture.exchange("192.0.2.44:443");
    capture.datagram(phone, server, &quic_initial("www.example.org"));
    capture.datagram(phone, server, &quic_initial("api.ad.xiaomi.com"));
    let records = records(&capture);
    let all = |field: &str| records.iter().map(|record| record[field].clone()).collect::<Vec<_>>();
    assert_eq!(all("host"), ["www.example.org", "api.ad.xiaomi.com"]);
    assert_eq!(all("verdict"), ["allow", "deny"]);
}
