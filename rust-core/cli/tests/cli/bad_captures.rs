//! Captures that are broken, empty, or no captures at all.

use crate::program::{Folder, json_lines, run, run_with_input};
use crate::twins::{Capture, mi_push_hello};
use std::ffi::OsStr;

fn inspect(name: &str, bytes: &[u8]) -> crate::program::Said {
    let folder = Folder::new();
    let path = folder.file(name, bytes);
    run([OsStr::new("inspect"), path.as_os_str(), OsStr::new("--format"), OsStr::new("jsonl")])
}

#[test]
fn each_fault_is_told_in_one_line_with_the_files_name() {
    let faults: [(&str, &[u8], &str); 6] = [
        ("cut.pcap.gz", b"\x1f\x8b\x08\x00", "cannot read on at offset 0"),
        ("empty.pcap", b"", "empty"),
        ("text.pcap", b"this is no capture", "not a capture file"),
        ("zip.pcap", b"BZh9", "bzip2"),
        ("short.pcap", b"\xd4\xc3\xb2\xa1\x02\x00", "offset 4"),
        ("bluetooth.pcap", &Capture::new().pcap_with(201, &[]), "link type 201"),
    ];
    for (name, bytes, says) in faults {
        let said = inspect(name, bytes);
        assert_eq!(said.out, "");
        let line = said.failed(2);
        assert!(line.contains(name) && line.contains(says), "{line}");
    }
}

#[test]
fn what_was_readable_before_the_fault_is_still_judged() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    let whole = capture.pcap();
    let cut = inspect("cut.pcap", &whole[..whole.len() - 5]);
    let records = json_lines(&cut.out);
    assert_eq!(records[0]["service"], "xiaomi.push");
    let line = cut.failed(2);
    assert!(line.contains("cut short") && line.contains("offset"), "{line}");

    let mut damaged = whole.clone();
    let last = whole.len() - 40 - 16;
    damaged[last + 8..last + 12].fill(0xff);
    let said = inspect("damaged.pcap", &damaged);
    assert_eq!(json_lines(&said.out).len(), 1);
    assert!(said.failed(2).contains("damaged"));
}

#[test]
fn a_capture_without_packets_is_fine_and_one_without_ip_is_not() {
    assert_eq!(inspect("none.pcap", &Capture::new().pcap()).fine(), "");
    let folder = Folder::new();
    let path = folder.file("none.pcap", &Capture::new().pcap());
    assert!(run([OsStr::new("inspect"), path.as_os_str()]).fine().contains("No flows"));
    let mut capture = Capture::new();
    capture.packets().push(vec![0; 28]);
    let arp = [&[2; 12][..], &[0x08, 0x06]].concat();
    let line = inspect("arp.pcap", &capture.pcap_with(1, &arp)).failed(2);
    assert!(line.contains("none of its 1 frames carries IP"), "{line}");
}

#[test]
fn what_is_no_file_is_told() {
    let folder = Folder::new();
    let missing = folder.path("missing.pcap");
    assert!(run([OsStr::new("inspect"), missing.as_os_str()]).failed(2).contains("missing.pcap"));
    let place = folder.path("");
    assert!(run([OsStr::new("inspect"), place.as_os_str()]).failed(2).contains("folder"));
    assert!(run_with_input(&["inspect", "-"], b"").failed(2).contains("standard input"));
}

#[test]
fn bytes_changed_anywhere_never_crash_it() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    capture.look_up("www.example.org", &["api.ad.xiaomi.com"], &[]);
    let whole = capture.pcap();
    for place in (0..whole.len()).step_by(41) {
        let mut changed = whole.clone();
        changed[place] ^= 0x55;
        let said = inspect("changed.pcap", &changed);
        assert!(matches!(said.status, 0 | 2), "at {place}: {said:?}");
    }
}

#[test]
fn compressed_captures_are_read_from_files_and_from_standard_input() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &capture.pcap()).unwrap();
    let gzip = encoder.finish().unwrap();
    assert_eq!(json_lines(&inspect("twin.pcap.gz", &gzip).fine())[0]["service"], "xiaomi.push");
    let said = run_with_input(&["inspect", "-", "--format", "jsonl"], &gzip).fine();
    assert_eq!(json_lines(&said)[0]["service"], "xiaomi.push");
}

#[test]
fn an_app_that_the_capture_names_is_shown() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    for packet in capture.packets() {
        // PCAPdroid's trailer: magic, user id, name, checksum.
        packet.extend([1, 7, 0x20, 0x21, 0, 0, 0x27, 0x8B]);
        packet.extend(b"Mi Browser\0\0\0\0\0\0\0\0\0\0");
        packet.extend([9; 4]);
    }
    let header = [&[0; 12][..], &[8, 0]].concat();
    let records = json_lines(&inspect("app.pcap", &capture.pcap_with(1, &header)).fine());
    assert_eq!((&records[0]["app"], &records[0]["service"]), (&"Mi Browser".into(), &"xiaomi.push".into()));
}
