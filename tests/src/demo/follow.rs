//! Reads `consentry log --follow` while the demonstration runs.
use crate::lab::{Lab, LabError, Result, firewall::program};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// How long a record of an attempt may take to appear.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The log, as it is written.
pub(super) struct Follower {
    process: Child,
    records: mpsc::Receiver<Value>,
    /// What was said already: coalesced repeats are not said again.
    said: Vec<String>,
}

impl Follower {
    pub(super) fn start(lab: &Lab) -> Result<Self> {
        let mut process = Command::new(program()?)
            .args(["log", "--follow", "--format", "jsonl", "--state"])
            .arg(lab.firewall().state())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(LabError::io("starting consentry log --follow"))?;
        let stdout = process.stdout.take().expect("stdout is piped");
        let (sender, records) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(std::io::Result::ok) {
                if serde_json::from_str(&line).is_ok_and(|record| sender.send(record).is_err()) {
                    return;
                }
            }
        });
        Ok(Self { process, records, said: Vec::new() })
    }

    /// Waits for the log to speak of `service`; returns every new line up to there.
    pub(super) fn about(&mut self, service: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        while let Ok(record) = self.records.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let ours = record["service"] == service;
            lines.extend(self.fresh(&record));
            if ours {
                break;
            }
        }
        lines.extend(self.news());
        lines
    }

    /// Every new line that is there already.
    pub(super) fn news(&mut self) -> Vec<String> {
        let records: Vec<Value> = self.records.try_iter().collect();
        records.iter().filter_map(|record| self.fresh(record)).collect()
    }

    fn fresh(&mut self, record: &Value) -> Option<String> {
        let line = line(record);
        (!self.said.contains(&line)).then(|| {
            self.said.push(line.clone());
            line
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Already gone is as good as stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Service, reason, and what would have been said about the owner.
fn line(record: &Value) -> String {
    let text = |key: &str| record[key].as_str().unwrap_or_default();
    let mut line = format!("{}: {}", text("service"), text("reason"));
    let identifiers = record["identifiers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut kinds: Vec<String> = identifiers
        .iter()
        .filter_map(|identifier| {
            let kind = identifier["kind"].as_str()?.replace('_', " ");
            let form = identifier["form"].as_str().unwrap_or("plain");
            Some(if form == "plain" { kind } else { format!("{kind} ({form})") })
        })
        .collect();
    kinds.dedup();
    if !kinds.is_empty() {
        line.push_str("; it would have told: ");
        line.push_str(&kinds.join(", "));
    }
    line
}
