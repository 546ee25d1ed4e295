//! `consentry inspect --report`.

use crate::program::{Folder, run};
use crate::twins::{Capture, client_hello, get, mi_push_hello};
use std::ffi::OsStr;

fn report(capture: &[u8]) -> (i32, String) {
    let folder = Folder::new();
    let path = folder.file("<b>&capture.pcap", capture);
    let page = folder.path("report.html");
    let said = run([OsStr::new("inspect"), path.as_os_str(), OsStr::new("--report"), page.as_os_str()]);
    (said.status, std::fs::read_to_string(page).unwrap())
}

#[test]
fn the_page_tells_all_and_needs_nothing_from_outside() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    capture.stream("192.0.2.7:443", &client_hello("www.example.org"));
    let (status, page) = report(&capture.pcap());
    assert_eq!(status, 0);
    for word in [
        "xiaomi.push",
        "www.example.org",
        "device_id",
        "deny",
        "allow",
        "192.0.2.9:5222",
        "2 flows, 1 denied",
    ] {
        assert!(page.contains(word), "{word}");
    }
    for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("&lt;b&gt;&amp;capture.pcap") && !page.contains("<b>&capture"));
}

#[test]
fn nothing_in_a_capture_becomes_markup() {
    let mut capture = Capture::new();
    capture.look_up("<img src=x>.example", &[], &[]);
    capture.stream("192.0.2.8:80", &get("a.example", "/d?host=<script>alert(1)</script>"));
    let (_, page) = report(&capture.pcap());
    assert!(!page.contains("<img") && !page.contains("<script"), "{page}");
}

#[test]
fn a_broken_capture_says_so_in_the_page() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.9:5222", &mi_push_hello(true));
    let whole = capture.pcap();
    let (status, page) = report(&whole[..whole.len() - 1]);
    assert_eq!(status, 2);
    assert!(page.contains("could not be read to its end") && page.contains("xiaomi.push"));
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    let folder = Folder::new();
    let path = folder.file("twin.pcap", &Capture::new().pcap());
    let page = folder.path("no/such/folder/report.html");
    let line =
        run([OsStr::new("inspect"), path.as_os_str(), OsStr::new("--report"), page.as_os_str()]).failed(2);
    assert!(line.contains("report.html"), "{line}");
}
