//! `consentry inspect` on twins of what phones send, and on a real capture where there is one.

use crate::program::{Folder, inspect, json_lines, run, run_with_input};
use crate::twins::{
    Capture, RESOLVER, answer, client_hello, get, mi_push_hello, over_tcp, question, quic_initial,
};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

const PORTAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 80);

fn records(capture: &Capture) -> Vec<Value> {
    let folder = Folder::new();
    inspect(&folder.file("twin.pcap", &capture.pcap()))
}

/// One field of every record.
fn all(records: &[Value], field: &str) -> Vec<Value> {
    records.iter().map(|record| record[field].clone()).collect()
}

fn kinds(record: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut kinds: Vec<_> = record["identifiers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            assert!(found["where"].is_string());
            (text(&found["kind"]), text(&found["form"]))
        })
        .collect();
    kinds.sort();
    kinds
}

fn reason(record: &Value) -> &str {
    record["reason"].as_str().unwrap()
}

/// Real traffic is no part of the project: the capture is used where somebody put it into a `data` folder beside it.
fn real_capture() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").read_dir().ok()?;
    let places = beside.flatten().map(|folder| folder.path().join("data/mi-push-and-httpdns.pcap"));
    places.into_iter().find(|path| path.is_file())
}

#[test]
fn the_real_capture_shows_seven_flows_all_denied() {
    let Some(path) = real_capture() else { return };
    let records = inspect(&path);
    assert_eq!(all(&records, "flow"), [1, 2, 3, 4, 5, 6, 7].map(Value::from));
    assert!(all(&records, "verdict").iter().all(|verdict| verdict == "deny"));
    for record in &records[..6] {
        assert_eq!((&record["protocol"], &record["service"]), (&json!("mi_push"), &json!("xiaomi.push")));
        assert_eq!((&record["signal"], &record["proto"]), (&json!("signature"), &json!("tcp")));
    }
    for record in &records[1..6] {
        let plain = |kind: &str| (kind.to_owned(), "plain".to_owned());
        assert_eq!(kinds(record), [plain("build"), plain("device_id"), plain("model")]);
    }
    let http_dns = &records[6];
    assert_eq!((&http_dns["protocol"], &http_dns["service"]), (&json!("http"), &json!("xiaomi.httpdns")));
    assert!(reason(http_dns).contains("appmarket.micloud.xiaomi.net"), "{http_dns}");
    assert!(kinds(http_dns).contains(&("bssid".to_owned(), "placeholder".to_owned())));
}

#[test]
fn a_record_has_exactly_the_documented_fields() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.7:443", &client_hello("metok.sys.miui.com"));
    let record = &records(&capture)[0];
    let fields: Vec<&String> = record.as_object().unwrap().keys().collect();
    let mut documented = [
        "flow",
        "time",
        "proto",
        "src",
        "dst",
        "protocol",
        "host",
        "signal",
        "service",
        "verdict",
        "reason",
        "identifiers",
        "bytes_out",
        "bytes_in",
    ];
    documented.sort_unstable();
    assert_eq!(fields, documented);
    assert_eq!(record["time"], "2014-08-07T08:30:00Z");
    assert_eq!((&record["src"], &record["dst"]), (&json!("10.0.0.2:40001"), &json!("192.0.2.7:443")));
}

#[test]
fn mi_push_is_denied_by_its_first_bytes_from_either_side() {
    let mut capture = Capture::new();
    // On the port of HTTPS, to an address that nothing resolved to.
    capture.stream("192.0.2.9:443", &mi_push_hello(true));
    // The same in small segments, out of order.
    let mut connection = capture.connect("192.0.2.9:5222");
    for part in mi_push_hello(true).chunks(7) {
        capture.say(&mut connection, part);
    }
    let last = capture.packets().len() - 1;
    capture.packets().swap(last, last - 3);
    // Only the server's side was captured.
    let mut connection = capture.connect("192.0.2.9:5222");
    capture.answer(&mut connection, &mi_push_hello(false));
    let start = capture.packets().len() - 3;
    capture.packets().drain(start..start + 2);

    let records = records(&capture);
    assert_eq!(records.len(), 3);
    for record in &records {
        assert_eq!(
            (&record["protocol"], &record["verdict"]),
            (&json!("mi_push"), &json!("deny")),
            "{record}"
        );
        assert_eq!((&record["service"], &record["signal"]), (&json!("xiaomi.push"), &json!("signature")));
        assert!(reason(record).contains("no DNS answer"), "{record}");
    }
    for record in &records[..2] {
        let names: Vec<String> = kinds(record).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(names, ["build", "device_id", "model"]);
    }
    assert_eq!(records[2]["src"], "10.0.0.2:40003");
    assert_eq!((&records[2]["bytes_out"], &records[2]["identifiers"]), (&json!(0), &json!([])));
}

#[test]
fn an_http_dns_request_shows_the_name_it_asks_for() {
    let mut capture = Capture::new();
    let target =
        "/100001/sign_d?host=push.example&sdk=android_1.3.3&net=wifi&bssid=02%3A00%3A00%3A00%3A00%3A00";
    capture.stream("203.107.1.65:80", &get("203.107.1.65", target));
    let records = records(&capture);
    assert_eq!((&records[0]["service"], &records[0]["verdict"]), (&json!("xiaomi.httpdns"), &json!("deny")));
    assert!(reason(&records[0]).contains("push.example"));
    assert!(kinds(&records[0]).contains(&("bssid".to_owned(), "placeholder".to_owned())));
}

#[test]
fn one_packet_behind_a_vlan_tag_is_read_like_the_others() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    let folder = Folder::new();
    let plain = inspect(&folder.file("raw.pcap", &capture.pcap()));
    let ethernet = [&[2; 12][..], &[0x08, 0x00]].concat();
    let tagged = [&[2; 12][..], &[0x81, 0x00, 0x00, 0xd0, 0x08, 0x00]].concat();
    assert_eq!(inspect(&folder.file("ethernet.pcap", &capture.pcap_with(1, &ethernet))), plain);
    assert_eq!(inspect(&folder.file("tagged.pcap", &capture.pcap_with(1, &tagged))), plain);
}

#[test]
fn tls_is_judged_by_the_name_in_its_hello_however_it_is_cut() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.7:443", &client_hello("Metok.SYS.miui.com"));
    let mut connection = capture.connect("[2001:db8::7]:443");
    for part in client_hello("metok.sys.miui.com").chunks(3) {
        capture.say(&mut connection, part);
    }
    capture.stream("192.0.2.8:443", &client_hello("www.example.org"));
    let records = records(&capture);
    assert_eq!(all(&records, "protocol"), ["tls", "tls", "tls"]);
    assert_eq!(all(&records, "verdict"), ["deny", "deny", "allow"]);
    assert_eq!(all(&records, "host"), ["metok.sys.miui.com", "metok.sys.miui.com", "www.example.org"]);
    assert_eq!(all(&records, "service"), [json!("xiaomi.location"), json!("xiaomi.location"), Value::Null]);
    assert_eq!(records[0]["signal"], "tls_sni");
}

#[test]
fn quic_is_judged_by_the_name_in_its_hello() {
    let mut capture = Capture::new();
    let (phone, server) = capture.exchange("192.0.2.7:443");
    capture.datagram(phone, server, &quic_initial("api.ad.xiaomi.com"));
    // Sent again, and a second connection on the same ports.
    capture.datagram(phone, server, &quic_initial("api.ad.xiaomi.com"));
    capture.datagram(phone, server, &quic_initial("www.example.org"));
    let records = records(&capture);
    assert_eq!(all(&records, "flow"), [1, 1]);
    assert_eq!(all(&records, "protocol"), ["quic", "quic"]);
    assert_eq!(all(&records, "host"), ["api.ad.xiaomi.com", "www.example.org"]);
    assert_eq!(all(&records, "verdict"), ["deny", "allow"]);
    assert_eq!((&records[0]["signal"], &records[0]["service"]), (&json!("quic_sni"), &json!("xiaomi.ads")));
    assert_eq!(all(&records, "bytes_out"), [2400, 1200]);
}

#[test]
fn a_quic_hello_that_nobody_can_read_is_denied() {
    let mut capture = Capture::new();
    let (phone, server) = capture.exchange("192.0.2.7:443");
    let mut broken = quic_initial("www.example.org");
    broken[600] ^= 1;
    capture.datagram(phone, server, &broken);
    let records = records(&capture);
    assert_eq!((&records[0]["protocol"], &records[0]["verdict"]), (&json!("quic"), &json!("deny")));
    assert_eq!(records[0]["service"], Value::Null);
}

#[test]
fn every_dns_question_is_a_record_and_an_alias_counts_as_the_name() {
    let mut capture = Capture::new();
    let (phone, resolver) = capture.exchange(RESOLVER);
    capture.datagram(phone, resolver, &question(1, "www.example.org"));
    capture.datagram(phone, resolver, &question(2, "API.account.xiaomi.com"));
    // Asked again: no further record.
    capture.datagram(phone, resolver, &question(1, "www.example.org"));
    capture.datagram(resolver, phone, &answer(1, "www.example.org", &[], &[Ipv4Addr::new(192, 0, 2, 33)]));
    capture.look_up("cdn.example.org", &["api.ad.xiaomi.com"], &[Ipv4Addr::new(192, 0, 2, 34)]);
    let mut connection = capture.connect(RESOLVER);
    capture.say(&mut connection, &over_tcp(&question(3, "metok.sys.miui.com"))[..5]);
    capture.say(&mut connection, &over_tcp(&question(3, "metok.sys.miui.com"))[5..]);
    capture.say(&mut connection, &over_tcp(&question(4, "www.example.net")));

    let mut records = records(&capture);
    records.sort_by_key(|record| (record["flow"].as_u64(), record["host"].to_string()));
    assert_eq!(all(&records, "protocol"), ["dns"; 5]);
    assert_eq!(all(&records, "flow"), [1, 1, 2, 3, 3]);
    assert_eq!(
        all(&records, "host"),
        [
            "api.account.xiaomi.com",
            "www.example.org",
            "cdn.example.org",
            "metok.sys.miui.com",
            "www.example.net"
        ]
    );
    assert_eq!(all(&records, "verdict"), ["deny", "allow", "deny", "deny", "allow"]);
    assert_eq!(all(&records, "service")[2], "xiaomi.ads");
    assert_eq!(records[0]["signal"], "dns_question");
}

#[test]
fn an_answer_whose_question_was_not_captured_is_judged_all_the_same() {
    let mut capture = Capture::new();
    capture.look_up("metok.sys.miui.com", &[], &[PORTAL]);
    capture.packets().remove(0);
    let records = records(&capture);
    assert_eq!((&records[0]["host"], &records[0]["verdict"]), (&json!("metok.sys.miui.com"), &json!("deny")));
    assert_eq!(records[0]["dst"], RESOLVER);
}

#[test]
fn names_learnt_from_answers_judge_flows_that_say_nothing_about_themselves() {
    let mut capture = Capture::new();
    capture.look_up("metok.sys.miui.com", &[], &[Ipv4Addr::new(192, 0, 2, 40)]);
    capture.look_up("www.example.org", &[], &[Ipv4Addr::new(192, 0, 2, 41)]);
    capture.stream("192.0.2.40:4000", b"\x00\x01\x02 nothing that names anybody");
    capture.stream("192.0.2.41:4000", b"\x00\x01\x02 nothing that names anybody");
    // A SYN alone.
    let (phone, server) = capture.exchange("192.0.2.40:9");
    capture.datagram(phone, server, b"\x00 hello");
    let records = records(&capture);
    let rest = &records[2..];
    assert_eq!(all(rest, "verdict"), ["deny", "allow", "deny"]);
    assert_eq!(all(rest, "signal")[0], "dns_answer");
    assert_eq!(all(rest, "host")[0], "metok.sys.miui.com");
}

#[test]
fn a_literal_of_the_catalogue_is_denied_whatever_name_it_states() {
    let mut capture = Capture::new();
    capture.stream("111.13.141.211:443", &client_hello("www.example.org"));
    let records = records(&capture);
    assert_eq!((&records[0]["verdict"], &records[0]["signal"]), (&json!("deny"), &json!("address")));
    assert_eq!(records[0]["service"], "xiaomi.push");
}

#[test]
fn every_request_on_a_kept_connection_is_judged() {
    let mut capture = Capture::new();
    capture.look_up("connect.rom.miui.com", &[], &[PORTAL]);
    capture.look_up("www.example.org", &[], &[PORTAL]);
    let mut connection = capture.connect("192.0.2.80:80");
    capture.say(&mut connection, &get("connect.rom.miui.com", "/generate_204"));
    capture.answer(&mut connection, b"HTTP/1.1 204 No Content\r\n\r\n");
    let body = b"imei=490154203237518&x=1";
    let post = format!(
        "POST /pass/any HTTP/1.1\r\nHost: API.Account.Xiaomi.com\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    capture.say(&mut connection, &[post.as_bytes(), body].concat());
    capture.answer(&mut connection, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    // Pipelined, in absolute form, cut in the middle of the head.
    let two =
        [get("metok.sys.miui.com", "http://metok.sys.miui.com/a"), get("www.example.org", "/")].concat();
    capture.say(&mut connection, &two[..30]);
    capture.say(&mut connection, &two[30..]);
    capture.close(&connection);

    let records = records(&capture);
    let requests = &records[2..];
    assert_eq!(all(requests, "flow"), [3, 3, 3, 3]);
    assert_eq!(all(requests, "protocol"), ["http"; 4]);
    assert_eq!(
        all(requests, "host"),
        ["connect.rom.miui.com", "api.account.xiaomi.com", "metok.sys.miui.com", "www.example.org"]
    );
    assert_eq!(all(requests, "verdict"), ["allow", "deny", "deny", "allow"]);
    assert!(kinds(&requests[1]).contains(&("imei".to_owned(), "plain".to_owned())), "{}", requests[1]);
    assert!(!requests[1].to_string().contains("490154203237518"), "the value is never shown");
    let total: u64 = requests.iter().map(|record| record["bytes_out"].as_u64().unwrap()).sum();
    assert_eq!(
        total as usize,
        get("connect.rom.miui.com", "/generate_204").len() + post.len() + body.len() + two.len()
    );
}

#[test]
fn requests_behind_a_lost_segment_are_found_again() {
    let mut capture = Capture::new();
    let mut connection = capture.connect("192.0.2.80:8080");
    let head = b"POST /upload HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 5000\r\n\r\n";
    capture.say(&mut connection, head);
    capture.say(&mut connection, &[b'x'; 1000]);
    connection.lose(3000);
    capture.say(&mut connection, &[b'x'; 1000]);
    capture.say(&mut connection, &get("metok.sys.miui.com", "/counted"));
    connection.lose(700);
    capture.say(&mut connection, &get("api.ad.xiaomi.com", "/found"));
    capture.close(&connection);
    let records = records(&capture);
    assert_eq!(all(&records, "host"), ["www.example.org", "metok.sys.miui.com", "api.ad.xiaomi.com"]);
    assert_eq!(all(&records, "verdict"), ["allow", "deny", "deny"]);
}

#[test]
fn what_is_said_inside_a_tunnel_through_a_proxy_is_judged_too() {
    let mut capture = Capture::new();
    let mut connection = capture.connect("192.0.2.88:8080");
    capture.say(
        &mut connection,
        b"CONNECT proxy-target.example:443 HTTP/1.1\r\nHost: proxy-target.example:443\r\n\r\n",
    );
    capture.answer(&mut connection, b"HTTP/1.1 200 OK\r\n\r\n");
    capture.say(&mut connection, &client_hello("metok.sys.miui.com"));
    let records = records(&capture);
    assert_eq!(all(&records, "protocol"), ["http", "tls"]);
    assert_eq!(all(&records, "verdict"), ["allow", "deny"]);
}

#[test]
fn a_socks_client_is_judged_by_where_its_tunnel_leads_and_by_what_it_says_inside() {
    let by_name =
        |name: &str| [&[5, 1, 0, 3, name.len() as u8], name.as_bytes(), &443_u16.to_be_bytes()].concat();
    let mut capture = Capture::new();
    // Version 5 with a password, in small segments.
    let mut connection = capture.connect("192.0.2.88:1080");
    capture.say(&mut connection, &[5, 2, 0, 2]);
    capture.answer(&mut connection, &[5, 2]);
    capture.say(&mut connection, &[&[1, 2][..], b"me", &[3], b"pwd"].concat());
    capture.answer(&mut connection, &[1, 0]);
    for part in by_name("Metok.SYS.miui.com").chunks(4) {
        capture.say(&mut connection, part);
    }
    // An innocent name outside, another inside.
    let mut connection = capture.connect("192.0.2.88:1080");
    capture.say(&mut connection, &[5, 1, 0]);
    capture.say(&mut connection, &by_name("www.example.org"));
    capture.say(&mut connection, &client_hello("api.ad.xiaomi.com"));
    // Version 4A, all at once.
    let request = [&[4, 1, 1, 0xbb, 0, 0, 0, 1, 0][..], b"metok.sys.miui.com", &[0]].concat();
    capture.stream("192.0.2.88:1080", &request);
    // Nobody can tell what follows on an unknown method.
    capture.stream("192.0.2.88:1080", &[5, 1, 1]);

    let records = records(&capture);
    assert_eq!(all(&records, "flow"), [1, 2, 2, 3, 4]);
    assert_eq!(all(&records, "protocol"), ["socks", "socks", "tls", "socks", "socks"]);
    assert_eq!(all(&records, "verdict"), ["deny", "allow", "deny", "deny", "deny"]);
    let location = json!("metok.sys.miui.com");
    let hosts =
        [location.clone(), json!("www.example.org"), json!("api.ad.xiaomi.com"), location, Value::Null];
    assert_eq!(all(&records, "host"), hosts);
    assert_eq!(
        (&records[0]["service"], &records[0]["signal"]),
        (&json!("xiaomi.location"), &json!("http_host"))
    );
    assert!(reason(&records[4]).contains("SOCKS"), "{}", records[4]);
}

#[test]
fn requests_that_can_be_read_in_two_ways_are_denied() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.80:80", b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n");
    let records = records(&capture);
    assert_eq!((&records[0]["protocol"], &records[0]["verdict"]), (&json!("http"), &json!("deny")));
}

#[test]
fn multicast_questions_stay_on_the_local_network() {
    let mut capture = Capture::new();
    let (phone, group) = capture.exchange("224.0.0.251:5353");
    capture.datagram(phone, group, &question(0, "printer.local"));
    let (phone, group) = capture.exchange("224.0.0.251:5353");
    capture.datagram(phone, group, &question(0, "metok.sys.miui.com"));
    let records = records(&capture);
    assert_eq!(all(&records, "protocol"), ["mdns", "mdns"]);
    assert_eq!(all(&records, "verdict"), ["allow", "deny"]);
}

#[test]
fn consent_in_the_state_folder_counts() {
    let folder = Folder::new();
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    capture.stream("192.0.2.7:443", &client_hello("metok.sys.miui.com"));
    let path = folder.file("twin.pcap", &capture.pcap());
    folder.on_state(&["consent", "grant", "xiaomi.push"]).fine();
    let said = folder.on_state(&["inspect", path.to_str().unwrap(), "--format", "jsonl"]).fine();
    assert_eq!(all(&json_lines(&said), "verdict"), ["allow", "deny"]);
    folder.on_state(&["consent", "revoke", "xiaomi.push"]).fine();
    let said = folder.on_state(&["inspect", path.to_str().unwrap(), "--format", "jsonl"]).fine();
    assert_eq!(all(&json_lines(&said), "verdict"), ["deny", "deny"]);
}

#[test]
fn a_state_folder_that_is_not_there_is_not_made_up() {
    let folder = Folder::new();
    let path = folder.file("twin.pcap", &Capture::new().pcap());
    let line = folder.on_state(&["inspect", path.to_str().unwrap()]).failed(2);
    assert!(line.contains("state folder"), "{line}");
    assert!(!folder.path("state").exists());
}

#[test]
fn the_table_fits_eighty_columns_and_tells_the_same() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    capture.stream("192.0.2.7:443", &client_hello(&format!("{}.ad.xiaomi.com", "long-label".repeat(5))));
    let folder = Folder::new();
    let path = folder.file("twin.pcap", &capture.pcap());
    let table = run([OsStr::new("inspect"), path.as_os_str()]).fine();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for word in [
        "mi_push over tcp",
        "xiaomi.push",
        "device_id",
        "deny",
        "2 flows, 2 denied: xiaomi.ads, xiaomi.push.",
    ] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

#[test]
fn names_from_the_capture_cannot_steer_the_terminal() {
    let mut capture = Capture::new();
    capture.look_up("\u{1b}]0;x\u{7}.example", &[], &[]);
    let folder = Folder::new();
    let path = folder.file("twin.pcap", &capture.pcap());
    for format in ["table", "jsonl"] {
        let out =
            run([OsStr::new("inspect"), path.as_os_str(), OsStr::new("--format"), OsStr::new(format)]).fine();
        assert!(!out.contains('\u{1b}') && !out.contains('\u{7}'), "{out:?}");
    }
}

#[test]
fn standard_input_is_read_as_a_stream() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    let said = run_with_input(&["inspect", "-", "--format", "jsonl"], &capture.pcap());
    assert_eq!(json_lines(&said.fine()).len(), 1);
}

#[test]
fn flows_come_in_the_order_of_their_numbers() {
    let mut capture = Capture::new();
    let mut long = capture.connect("192.0.2.9:5222");
    capture.stream("192.0.2.7:443", &client_hello("www.example.org"));
    capture.stream("192.0.2.7:443", &client_hello("www.example.net"));
    capture.say(&mut long, &mi_push_hello(true));
    assert_eq!(all(&records(&capture), "flow"), [1, 2, 3]);
}

#[test]
fn the_owners_own_values_are_found_without_a_key_and_never_repeated() {
    let folder = Folder::new();
    let mut capture = Capture::new();
    capture.stream("192.0.2.80:80", &get("www.example.org", "/x?q=0eaed834a1e6f4b2bf0c024e0013dea1"));
    capture.stream("192.0.2.81:9999", b"\x01\x02\x0f490154203237518\0");
    let capture = folder.file("twin.pcap", &capture.pcap());
    let own = folder.file("own", b"# mine\nimei 490154203237518\n\nphone_number +447700900123\n");
    let run_with = |own: &Path| {
        let arguments: [&OsStr; 6] = [
            "inspect".as_ref(),
            capture.as_os_str(),
            "--format".as_ref(),
            "jsonl".as_ref(),
            "--own".as_ref(),
            own.as_os_str(),
        ];
        run(arguments)
    };
    let records = json_lines(&run_with(&own).fine());
    let found = json!([{"kind": "imei", "form": "hashed", "where": "query parameter q, your own"}]);
    assert_eq!(records[0]["identifiers"], found);
    let found = json!([{"kind": "imei", "form": "plain", "where": "clear text, your own"}]);
    assert_eq!(records[1]["identifiers"], found);

    for (text, why) in
        [("imei 49", "shorter"), ("imie 490154203237518", "unknown kind"), ("490154203237518", "expected")]
    {
        let broken = run_with(&folder.file("broken", text.as_bytes()));
        let error = broken.failed(2);
        assert!(error.contains("line 1") && error.contains(why), "{error}");
    }
}
