//! Reads `consentry log --follow` while the demonstration runs.
use crate::lab::{Lab, LabError, Result, firewall::program};
use serde_json::Value;
use std::{
    collections::BTreeSet,
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
    /// What was said already: a record comes again whenever its attempt is repeated.
    said: BTreeSet<String>,
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
        Ok(Self { process, records, said: BTreeSet::new() })
    }

    /// Lays aside what came before the next deed.
    pub(super) fn forget_news(&mut self) {
        for _ in self.records.try_iter() {}
    }

    /// Waits for the log to speak of a flow to `service`; returns what is new in it, ready to be read.
    pub(super) fn about(&mut self, service: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        while let Ok(record) = self.records.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if record["service"] != service {
                continue;
            }
            lines.extend(self.new_lines(&record));
            if record["signal"] != "dns_question" {
                break;
            }
        }
        lines
    }

    /// The reason, and each kind of identifier, the first time they come up.
    fn new_lines(&mut self, record: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        let reason = record["reason"].as_str().unwrap_or_default();
        if self.said.insert(reason.to_owned()) {
            lines.push(reason.to_owned());
        }
        let identifiers = record["identifiers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kinds = identifiers.iter().filter_map(|identifier| {
            let kind = identifier["kind"].as_str()?.replace('_', " ");
            let form = identifier["form"].as_str().unwrap_or("plain");
            Some(if form == "plain" { kind } else { format!("{kind} ({form})") })
        });
        let service = record["service"].as_str().unwrap_or_default();
        let fresh: Vec<String> = kinds.filter(|kind| self.said.insert(format!("{service} {kind}"))).collect();
        if !fresh.is_empty() {
            lines.push(format!("it was about to tell: {}", fresh.join(", ")));
        }
        lines
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Already gone is as good as stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
