//! Rows of the log and changes of consent, as the app reads them.
use consentry_consent::attempt::AttemptRow;
use consentry_consent::export::AttemptLine;
use consentry_consent::{Change, ChangeKind, End, Scope, Via};
use consentry_runtime::store::Cursor;
use serde::Serialize;

/// A row of the attempt log: the keys of `consentry log --format jsonl`, its number, and its times for programs.
#[derive(Debug, Serialize)]
pub(crate) struct AttemptAnswer<'a> {
    id: i64,
    first_ms: i64,
    last_ms: i64,
    #[serde(flatten)]
    line: AttemptLine<'a>,
}

impl<'a> AttemptAnswer<'a> {
    pub(crate) fn new(place: Cursor, row: &'a AttemptRow) -> Self {
        Self { id: place.id(), first_ms: row.first_ms, last_ms: row.last_ms, line: AttemptLine::new(row) }
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
