//! Bad usage, help, and output that nobody reads to its end.

use crate::program::{Folder, command, run, said};
use std::io::Read;
use std::process::Stdio;

#[test]
fn bad_usage_is_one_line_and_exit_status_2() {
    let cases: [&[&str]; 13] = [
        &[],
        &["frobnicate"],
        &["inspect"],
        &["inspect", "a", "b"],
        &["inspect", "a", "--format", "xml"],
        &["run"],
        &["run", "--tun", "x0", "--mtu", "99"],
        &["run", "--tun", "x0", "--dns", "resolver.example"],
        &["consent"],
        &["consent", "grant"],
        &["consent", "grant", "xiaomi.push", "--for", "3 weeks"],
        &["log", "--format", "html"],
        &["receipts", "verify"],
    ];
    for words in cases {
        let line = run(words).failed(2);
        assert!(line.contains("--help"), "{words:?}: {line}");
    }
}

#[test]
fn every_command_explains_itself_within_eighty_columns() {
    let commands: [&[&str]; 16] = [
        &[],
        &["run"],
        &["inspect"],
        &["consent"],
        &["consent", "list"],
        &["consent", "grant"],
        &["consent", "revoke"],
        &["consent", "history"],
        &["log"],
        &["receipts"],
        &["receipts", "export"],
        &["receipts", "verify"],
        &["status"],
        &["catalogue"],
        &["catalogue", "show"],
        &["catalogue", "check"],
    ];
    for words in commands {
        let help = run(words.iter().copied().chain(["--help"])).fine();
        assert!(help.contains("Usage: consentry"), "{words:?}: {help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{words:?}: {line}");
        }
    }
    assert!(run(["--version"]).fine().starts_with("consentry 0."));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_program_quietly() {
    let mut child = command(["catalogue", "list", "--format", "jsonl"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn the_state_folder_is_the_xdg_one_unless_another_is_given() {
    let folder = Folder::new();
    let mut grant = command(["consent", "grant", "xiaomi.push"]);
    said(grant.env("XDG_STATE_HOME", folder.path(""))).fine();
    assert!(folder.path("consentry").is_dir());
    let mut list = command(["consent", "list", "--format", "jsonl"]);
    assert!(said(list.env("HOME", folder.path("home"))).fine().is_empty());
    assert!(folder.path("home/.local/state/consentry").is_dir());
    assert!(said(&mut command(["consent", "list"])).failed(2).contains("--state"));
    // The specification has relative paths ignored.
    assert!(
        said(command(["consent", "list"]).env("XDG_STATE_HOME", "relative")).failed(2).contains("--state")
    );
}
