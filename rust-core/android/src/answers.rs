//! Rows of the log and changes of consent, as the app reads them.
use consentry_catalogue::{Certainty, Transport};
use consentry_consent::attempt::AttemptRow;
use consentry_consent::{Change, ChangeKind, End, Scope, Signal, Via, rfc3339};
use consentry_inspect::identifiers::{Form, Identifier, Kind};
use consentry_runtime::store::Cursor;
use serde::Serialize;
use std::net::IpAddr;

/// A row of the attempt log: the keys of `consentry log --format jsonl`, its number, and its times for programs.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptAnswer<'a> {
    id: i64,
    #[serde(with = "rfc3339")]
    first: i64,
    #[serde(with = "rfc3339")]
    last: i64,
    first_ms: i64,
    last_ms: i64,
    count: u64,
    app: Option<&'a str>,
    service: Option<&'a str>,
    host: Option<&'a str>,
    signal: Option<Signal>,
    address: Option<IpAddr>,
    port: Option<u16>,
    proto: Transport,
    certainty: Option<Certainty>,
    reason: &'a str,
    identifiers: Vec<IdentifierAnswer<'a>>,
    path: Option<&'a str>,
    bytes_held: u64,
}

#[derive(Debug, Serialize)]
struct IdentifierAnswer<'a> {
    kind: Kind,
    form: Form,
    #[serde(rename = "where")]
    place: &'a str,
}

impl<'a> AttemptAnswer<'a> {
    pub(crate) fn new(place: Cursor, row: &'a AttemptRow) -> Self {
        let attempt = &row.attempt;
        Self {
            id: place.id(),
            first: row.first_ms,
            last: row.last_ms,
            first_ms: row.first_ms,
            last_ms: row.last_ms,
            count: row.count,
            app: attempt.app.as_deref(),
            service: attempt.service.as_deref(),
            host: attempt.host.as_deref(),
            signal: attempt.signal,
            address: attempt.address,
            port: attempt.port,
            proto: attempt.transport,
            certainty: attempt.certainty,
            reason: &attempt.reason,
            identifiers: attempt.identifiers.iter().map(IdentifierAnswer::new).collect(),
            path: attempt.path.as_deref(),
            bytes_held: attempt.bytes_held,
        }
    }
}

impl<'a> IdentifierAnswer<'a> {
    fn new(identifier: &'a Identifier) -> Self {
        Self { kind: identifier.kind, form: identifier.form, place: &identifier.place }
    }
}

/// A change of consent.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeAnswer {
    time_ms: i64,
    kind: &'static str,
    service: Option<String>,
    app: Option<String>,
    via: Via,
    until_ms: Option<i64>,
    until_restart: bool,
    /// Which wording the owner was shown.
    wording: Option<String>,
    /// Of a reset: what was wrong.
    why: Option<String>,
}

impl ChangeAnswer {
    pub(crate) fn new(change: &Change) -> Self {
        let (until_ms, until_restart) = match change.end() {
            End::Never => (None, false),
            End::Restart => (None, true),
            End::At { wall_ms, .. } => (Some(wall_ms), false),
        };
        let app = match change.scope() {
            Scope::AllApps => None,
            Scope::App(app) => Some(app),
        };
        Self {
            time_ms: change.time_ms(),
            kind: change.name(),
            service: change.service().map(str::to_owned),
            app,
            via: change.via,
            until_ms,
            until_restart,
            wording: change.wording.clone(),
            why: match &change.kind {
                ChangeKind::Reset { why } => Some(why.clone()),
                _ => None,
            },
        }
    }
}
