//! What is logged about a denied flow or DNS question.
use crate::{Owner, Signal, Verdict};
use consentry_catalogue::{Catalogue, Certainty, Transport};
use consentry_inspect::identifiers::Identifier;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

pub use crate::path_template::path_template;

/// Repeats within this time of a row's first attempt are counted in that row, in milliseconds.
pub const COALESCE_MS: i64 = 10 * 60 * 1000;

/// One denied flow, request or DNS question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The app, as [`Owner::label`] names it; `None` when unknown.
    pub app: Option<String>,
    /// The service's id; `None` for what was denied without one (strict mode, a sinkhole address without a name).
    pub service: Option<String>,
    /// The name it was for.
    pub host: Option<String>,
    /// What recognised it.
    pub signal: Option<Signal>,
    /// Where it was going; `None` for a DNS question.
    pub address: Option<IpAddr>,
    /// The remote port; `None` for a DNS question and for ICMP.
    pub port: Option<u16>,
    /// TCP, UDP or ICMP.
    #[serde(rename = "proto")]
    pub transport: Transport,
    /// How sure the recognition is.
    pub certainty: Option<Certainty>,
    /// Why it was denied, in plain words.
    pub reason: String,
    /// What it was about to tell, by kind.
    pub identifiers: Vec<Identifier>,
    /// The path it asked for, without values: see [`path_template`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Payload bytes that the phone sent and that were held back.
    pub bytes_held: u64,
}

/// One row of the attempt log: an attempt and its repeats. As JSON it has the keys of `consentry log --format jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRow {
    /// The first of them: milliseconds since 1970-01-01T00:00:00Z.
    #[serde(rename = "first", with = "crate::rfc3339")]
    pub first_ms: i64,
    /// The last of them: milliseconds since 1970-01-01T00:00:00Z.
    #[serde(rename = "last", with = "crate::rfc3339")]
    pub last_ms: i64,
    /// How many.
    pub count: u64,
    /// What they have in common.
    #[serde(flatten)]
    pub attempt: Attempt,
}

/// What repeats of an attempt have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoalesceKey {
    service: Option<String>,
    app: Option<String>,
    host: Option<String>,
    address: Option<IpAddr>,
    port: Option<u16>,
    signal: Option<Signal>,
}

impl Attempt {
    /// The attempt that a denying verdict makes, without a place yet: the caller fills in address, port, identifiers, path
    /// and bytes held.
    pub fn new(catalogue: &Catalogue, verdict: &Verdict, transport: Transport, owner: &Owner) -> Self {
        Self {
            app: owner.label(),
            service: verdict.service.map(|index| catalogue.service(index).id.clone()),
            host: verdict.host.as_deref().map(str::to_owned),
            signal: verdict.signal,
            address: None,
            port: None,
            transport,
            certainty: verdict.certainty,
            reason: verdict.reason(catalogue),
            identifiers: Vec::new(),
            path: None,
            bytes_held: 0,
        }
    }

    /// What it has in common with its repeats.
    pub fn key(&self) -> CoalesceKey {
        CoalesceKey {
            service: self.service.clone(),
            app: self.app.clone(),
            host: self.host.clone(),
            address: self.address,
            port: self.port,
            signal: self.signal,
        }
    }
}

impl AttemptRow {
    /// The most kinds of identifier that one row lists.
    pub const MOST_IDENTIFIERS: usize = 64;

    /// A row of one attempt at `now_ms` (milliseconds since 1970-01-01T00:00:00Z).
    pub fn new(attempt: Attempt, now_ms: i64) -> Self {
        Self { first_ms: now_ms, last_ms: now_ms, count: 1, attempt }
    }

    /// What its attempts have in common.
    pub fn key(&self) -> CoalesceKey {
        self.attempt.key()
    }

    /// Whether an attempt with the same key at `now_ms` is counted in this row: not later than ten minutes after its
    /// first, nor before it (a clock that was set back begins a new row).
    pub fn takes(&self, now_ms: i64) -> bool {
        now_ms.checked_sub(self.first_ms).is_some_and(|age| (0..=COALESCE_MS).contains(&age))
    }

    /// Counts one more attempt with the same key.
    pub fn add(&mut self, attempt: Attempt, now_ms: i64) {
        self.merge(Self::new(attempt, now_ms));
    }

    /// Counts all attempts of another row with the same key.
    pub fn merge(&mut self, other: AttemptRow) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.count = self.count.saturating_add(other.count);
        self.attempt.bytes_held = self.attempt.bytes_held.saturating_add(other.attempt.bytes_held);
        self.attempt.path = self.attempt.path.take().or(other.attempt.path);
        self.attempt.identifiers.extend(other.attempt.identifiers);
        self.attempt.identifiers.sort();
        self.attempt.identifiers.dedup();
        self.attempt.identifiers.truncate(Self::MOST_IDENTIFIERS);
    }
}
