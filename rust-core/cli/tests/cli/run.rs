//! `consentry run`. The packets themselves are tested in the workspace's `tests`; here it is the command.

use crate::program::{Folder, command, json_lines};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_device_that_cannot_be_had_is_told_in_one_line() {
    let folder = Folder::new();
    let line = folder.on_state(&["run", "--tun", "a-name-that-is-too-long-for-a-device"]).failed(2);
    assert!(line.contains("a-name-that-is-too-long"), "{line}");
}

#[test]
fn the_log_level_is_checked() {
    let folder = Folder::new();
    let state = folder.path("state");
    let mut run = command(["run", "--tun", "x0", "--state", state.to_str().unwrap()]);
    let line = crate::program::said(run.env("CONSENTRY_LOG", "shout")).failed(2);
    assert!(line.contains("CONSENTRY_LOG"), "{line}");
}

/// Runs in a user and network namespace of its own; where the machine allows none there is nothing to test.
#[test]
fn it_answers_commands_while_it_runs_and_ends_cleanly_on_a_signal() {
    let allowed = Command::new("unshare").args(["-rn", "test", "-w", "/dev/net/tun"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return;
    }
    let folder = Folder::new();
    let state = folder.path("state");
    let log = folder.path("packets.pcap");
    let mut firewall = Command::new("unshare")
        .args(["-rn", env!("CARGO_BIN_EXE_consentry"), "run", "--tun", "twin0", "--dns", "192.0.2.53"])
        .args(["--state", state.to_str().unwrap(), "--log-packets", log.to_str().unwrap()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Each line is awaited, not slept for.
    let mut lines = BufReader::new(firewall.stderr.take().unwrap()).lines();
    let running = lines.by_ref().map_while(Result::ok).find(|line| line.contains("running on twin0"));
    assert!(running.is_some());

    let status = folder.on_state(&["status"]).fine();
    assert!(
        status.contains("running for") && status.contains("twin0") && status.contains("192.0.2.53:53"),
        "{status}"
    );
    folder.on_state(&["consent", "grant", "xiaomi.push", "--for", "1h"]).fine();
    assert_eq!(json_lines(&folder.on_state(&["consent", "list", "--format", "jsonl"]).fine()).len(), 1);
    let second = folder.on_state(&["run", "--tun", "twin1"]).failed(2);
    assert!(second.contains("already running"), "{second}");

    let killed = Command::new("kill").args(["-TERM", &firewall.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ended")));
    assert_eq!(firewall.wait().unwrap().code(), Some(0));
    // The grant outlives the run.
    assert_eq!(json_lines(&folder.on_state(&["consent", "list", "--format", "jsonl"]).fine()).len(), 1);
    crate::program::run(["inspect", log.to_str().unwrap()]).fine();
}
