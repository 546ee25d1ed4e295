//! `consentry receipts`.

use crate::program::{Folder, run};
use std::ffi::OsStr;
use std::path::Path;

fn verify(file: &Path, key: Option<&str>) -> crate::program::Said {
    let mut words = vec![OsStr::new("receipts"), OsStr::new("verify"), file.as_os_str()];
    if let Some(key) = key {
        words.extend([OsStr::new("--fingerprint"), OsStr::new(key)]);
    }
    run(words)
}

/// A folder with a receipt of two changes, and the fingerprint of its key.
fn with_receipt() -> (Folder, String) {
    let folder = Folder::new();
    folder.on_state(&["consent", "grant", "xiaomi.push"]).fine();
    folder.on_state(&["consent", "revoke", "xiaomi.push"]).fine();
    let receipt = folder.path("receipt.json");
    let said = folder.on_state(&["receipts", "export", receipt.to_str().unwrap()]).fine();
    assert!(said.contains("2 changes"), "{said}");
    let fingerprint = said.lines().last().unwrap().trim().to_owned();
    (folder, fingerprint)
}

#[test]
fn a_receipt_verifies_and_names_its_key() {
    let (folder, fingerprint) = with_receipt();
    let receipt = folder.path("receipt.json");
    let said = verify(&receipt, None).fine();
    assert!(said.contains("2 changes") && said.contains(&fingerprint), "{said}");
    verify(&receipt, Some(&fingerprint)).fine();
    assert!(folder.on_state(&["status"]).fine().contains(&fingerprint));
    // On standard output it is the same kind of file.
    let text = folder.on_state(&["receipts", "export", "-"]).fine();
    verify(&folder.file("copy.json", text.as_bytes()), Some(&fingerprint)).fine();
}

#[test]
fn a_receipt_of_one_service_verifies_and_tells_nothing_of_the_others() {
    let (folder, fingerprint) = with_receipt();
    folder.on_state(&["consent", "grant", "google.fcm"]).fine();
    let receipt = folder.path("one.json");
    folder.on_state(&["receipts", "export", receipt.to_str().unwrap(), "--service", "google.fcm"]).fine();
    let text = std::fs::read_to_string(&receipt).unwrap();
    assert!(text.contains("google.fcm") && !text.contains("xiaomi"), "{text}");
    assert!(verify(&receipt, Some(&fingerprint)).fine().contains("1 change of consent"));
}

#[test]
fn a_changed_receipt_or_another_key_does_not_verify() {
    let (folder, _) = with_receipt();
    let text = std::fs::read_to_string(folder.path("receipt.json")).unwrap();
    let changed = text.replace("xiaomi.push", "xiaomi.ads2");
    assert_ne!(changed, text);
    verify(&folder.file("changed.json", changed.as_bytes()), None).failed(1);
    verify(&folder.path("receipt.json"), Some(&"0".repeat(64))).failed(1);
}

#[test]
fn what_is_no_receipt_is_unreadable() {
    let folder = Folder::new();
    for (name, bytes) in
        [("empty.json", b"".as_slice()), ("other.json", b"{}"), ("binary.json", b"\xff\xfe\x00")]
    {
        let line = verify(&folder.file(name, bytes), None).failed(2);
        assert!(line.contains(name), "{line}");
    }
    verify(&folder.path("missing.json"), None).failed(2);
    verify(&folder.path("missing.json"), Some("not a fingerprint")).failed(2);
}
