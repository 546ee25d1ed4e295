//! `consentry inspect --report`.

use crate::program::{Folder, run, run_with_input};
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
        "device id",
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
    assert!(page.contains(&sha256(&whole[..whole.len() - 1])), "the hash is that of the whole file");
}

fn sha256(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn an_empty_or_foreign_file_gets_a_page_that_says_so_plainly() {
    for (bytes, says) in [
        (&b""[..], "the file is empty"),
        (b"this is no capture at all", "not a capture file"),
        (&Capture::new().pcap(), "Nothing to report"),
    ] {
        let (_, page) = report(bytes);
        assert!(page.contains(says) && page.contains("Nothing to report"), "{says}");
        assert!(page.contains(&sha256(bytes)), "{says}");
        assert!(page.ends_with("</html>\n"), "{says}");
    }
}

#[test]
fn the_page_shows_when_who_what_and_how_much() {
    let mut capture = Capture::new();
    capture.stream("192.0.2.8:80", &get("api.ad.xiaomi.com", "/x?imei=490154203237518"));
    capture.stream("192.0.2.7:443", &client_hello("www.example.org"));
    let capture = capture.pcap();
    let (_, page) = report(&capture);
    for section in ["when", "services", "hosts", "identifiers", "bytes", "records", "method"] {
        assert!(page.contains(&format!("<h2 id={section}>")), "{section}");
        assert!(page.contains(&format!("<a href=#{section}>")), "{section}");
    }
    assert!(
        page.matches("<svg").count() >= 4 && page.contains("class=held") && page.contains("class=passed")
    );
    assert!(page.contains("query parameter imei") && !page.contains("490154203237518"));
    assert!(page.contains(&sha256(&capture)));
    // The catalogue's hash: SHA-256 of its files one behind the other.
    let files = consentry_catalogue::Catalogue::builtin_text();
    assert!(page.contains(&sha256(files.as_bytes())));
}

#[test]
fn the_page_of_a_capture_that_never_ends_stays_small() {
    let mut capture = Capture::new();
    for number in 0..10_100 {
        capture.look_up(&format!("host{number}.example"), &[], &[]);
    }
    let (_, page) = report(&capture.pcap());
    assert!(page.contains("The first 10000 of 10100 are listed"));
    assert!(page.contains("all other hosts"));
    assert!(page.len() < 8_000_000, "{}", page.len());
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

#[test]
fn a_capture_from_standard_input_is_called_so() {
    let folder = Folder::new();
    let page = folder.path("report.html");
    let capture = Capture::new().pcap();
    run_with_input(&["inspect", "-", "--report", &page.display().to_string()], &capture).fine();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("What standard input told whom") && page.contains(&sha256(&capture)));
}
