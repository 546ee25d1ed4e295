//! Requests about the attempt log as a whole: pages, counts, export, what is kept.
use crate::answers::AttemptAnswer;
use crate::days;
use crate::error::{Code, EngineError};
use crate::requests::json;
use consentry_consent::{Signal, export};
use consentry_runtime::OpenState;
use consentry_runtime::clock;
use consentry_runtime::store::{Counted, Cursor, LogQuery, Retention, Tally};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows in a page of the log unless asked otherwise; the store gives 500 at most.
const ROWS: u32 = 50;

/// One name, or several of which any will do.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Names {
    One(String),
    Some(Vec<String>),
}

impl Names {
    pub(crate) fn into_list(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Some(names) => names,
        }
    }
}

/// One signal, or several of which any will do.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Signals {
    One(Signal),
    Some(Vec<Signal>),
}

impl Signals {
    pub(crate) fn into_list(self) -> Vec<Signal> {
        match self {
            Self::One(signal) => vec![signal],
            Self::Some(signals) => signals,
        }
    }
}

/// In which form the log is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportFormat {
    Csv,
    Jsonl,
}

#[derive(Serialize)]
struct LogAnswer<'a> {
    rows: Vec<AttemptAnswer<'a>>,
    next: Option<Cursor>,
}

/// A page, the latest first.
pub(crate) fn page(
    state: &OpenState,
    wanted: LogQuery,
    before: Option<Cursor>,
    limit: Option<u32>,
) -> Result<String, EngineError> {
    let query = LogQuery { newest_first: true, after: before, limit: Some(limit.unwrap_or(ROWS)), ..wanted };
    let page = state.store().numbered_attempts(&query)?;
    let rows = page.rows.iter().map(|(place, row)| AttemptAnswer::new(*place, row)).collect();
    json(&LogAnswer { rows, next: page.next })
}

#[derive(Serialize)]
struct CountAnswer {
    rows: u64,
    attempts: u64,
}

pub(crate) fn count(state: &OpenState, wanted: &LogQuery) -> Result<String, EngineError> {
    let (rows, attempts) = state.store().count_attempts(wanted)?;
    json(&CountAnswer { rows, attempts })
}

#[derive(Serialize)]
struct ExportAnswer {
    text: String,
    rows: usize,
    next: Option<Cursor>,
    percent: u8,
}

/// The next part of a file of the log.
pub(crate) fn export(
    state: &OpenState,
    format: ExportFormat,
    wanted: LogQuery,
    after: Option<Cursor>,
) -> Result<String, EngineError> {
    let mut text = String::new();
    if after.is_none() {
        // What happened just before somebody asks belongs to the file.
        state.flush();
        if format == ExportFormat::Csv {
            text.push_str(export::CSV_HEAD);
            text.push_str("\r\n");
        }
    }
    let page = state.store().numbered_attempts(&LogQuery { after, ..wanted })?;
    for (_, row) in &page.rows {
        match format {
            ExportFormat::Csv => {
                text.push_str(&export::csv_line(row));
                text.push_str("\r\n");
            }
            ExportFormat::Jsonl => {
                text.push_str(&export::json_line(row));
                text.push('\n');
            }
        }
    }
    let percent = match page.next {
        None => 100,
        Some(next) => how_far(state, next)?,
    };
    json(&ExportAnswer { text, rows: page.rows.len(), next: page.next, percent })
}

/// How much of the log lies before a place, by time, in percent: 0 to 99.
fn how_far(state: &OpenState, place: Cursor) -> Result<u8, EngineError> {
    let size = state.store().log_size()?;
    let (Some(first_ms), Some(last_ms)) = (size.first_ms, size.last_ms) else { return Ok(0) };
    let whole = i128::from(last_ms) - i128::from(first_ms);
    let done = i128::from(place.first_ms()) - i128::from(first_ms);
    Ok(u8::try_from((done * 100 / whole.max(1)).clamp(0, 99)).unwrap_or(0))
}

#[derive(Serialize)]
struct CountsAnswer {
    total: u64,
    days: Vec<DayCount>,
    services: Vec<NameCount>,
    apps: Vec<NameCount>,
    signals: Vec<NameCount>,
}

#[derive(Serialize)]
struct DayCount {
    date: String,
    from_ms: i64,
    count: u64,
}

#[derive(Serialize)]
struct NameCount {
    /// `None`: those without one.
    id: Option<String>,
    count: u64,
}

/// How many attempts there were, in whole quarters of an hour, without reading the log.
pub(crate) fn counts(state: &OpenState, since_ms: i64, until_ms: Option<i64>) -> Result<String, EngineError> {
    let last_ms = until_ms.map_or(i64::MAX, |until| until.saturating_sub(1));
    let tallies = |counted| state.store().tallies(counted, since_ms, last_ms);
    let services = tallies(Counted::Service)?;
    let now_ms = clock::wall_ms();
    // Not further back than there is something to tell.
    let from_ms = services.first().map_or(now_ms, |tally| tally.from_ms).max(since_ms);
    let days = days::days_between(from_ms, last_ms.min(now_ms.max(from_ms)));
    let mut by_day = vec![0u64; days.len()];
    for tally in &services {
        if let Some(at) = days::index_of(&days, tally.from_ms) {
            by_day[at] = by_day[at].saturating_add(tally.count);
        }
    }
    json(&CountsAnswer {
        total: services.iter().fold(0, |sum, tally| sum.saturating_add(tally.count)),
        days: days
            .iter()
            .zip(by_day)
            .map(|(day, count)| DayCount { date: day.to_string(), from_ms: day.from_ms, count })
            .collect(),
        services: most_first(services),
        apps: most_first(tallies(Counted::App)?),
        signals: most_first(tallies(Counted::Signal)?),
    })
}

fn most_first(tallies: Vec<Tally>) -> Vec<NameCount> {
    let mut counts: BTreeMap<Option<String>, u64> = BTreeMap::new();
    for tally in tallies {
        let count = counts.entry(tally.name).or_default();
        *count = count.saturating_add(tally.count);
    }
    let mut list: Vec<_> = counts.into_iter().map(|(id, count)| NameCount { id, count }).collect();
    list.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    list
}

#[derive(Serialize)]
struct RetentionAnswer {
    days: u32,
    megabytes: u32,
    rows: u64,
    first_ms: Option<i64>,
}

pub(crate) fn retention(
    state: &OpenState,
    days: Option<u32>,
    megabytes: Option<u32>,
) -> Result<String, EngineError> {
    let kept = state.store().retention()?;
    let wanted =
        Retention { days: days.unwrap_or(kept.days), megabytes: megabytes.unwrap_or(kept.megabytes) };
    if !wanted.is_sensible() {
        return Err(EngineError::new(
            Code::BadRequest,
            format!(
                "the log is kept for 1 to {} days, and 1 to {} megabytes of it",
                Retention::MOST_DAYS,
                Retention::MOST_MEGABYTES
            ),
        ));
    }
    if wanted != kept {
        state.store().set_retention(wanted)?;
    }
    let size = state.store().log_size()?;
    json(&RetentionAnswer {
        days: wanted.days,
        megabytes: wanted.megabytes,
        rows: size.rows,
        first_ms: size.first_ms,
    })
}

#[derive(Serialize)]
struct Deleted {
    ok: bool,
    rows: u64,
}

pub(crate) fn delete(state: &OpenState) -> Result<String, EngineError> {
    // What waits to be written goes too.
    state.flush();
    json(&Deleted { ok: true, rows: state.store().delete_log()? })
}

#[cfg(test)]
mod tests;
