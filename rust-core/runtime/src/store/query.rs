//! What to read from the attempt log.
use super::subjects::searched_text;
use consentry_consent::Signal;
use consentry_consent::attempt::AttemptRow;
use serde::{Deserialize, Serialize};

/// Rows that one page holds at most, however many are asked for.
pub(super) const MOST_ROWS: usize = 500;

/// Which attempts are wanted. Empty fields want all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// Of one of these services: their ids. The empty id stands for no service.
    pub services: Vec<String>,
    /// Of one of these apps: their package names. The empty name stands for an unknown app.
    pub apps: Vec<String>,
    /// Recognised by one of these signals.
    pub signals: Vec<Signal>,
    /// Whose last repeat is not before this: milliseconds since 1970-01-01T00:00:00Z.
    pub since_ms: Option<i64>,
    /// Whose first attempt is before this: milliseconds since 1970-01-01T00:00:00Z.
    pub until_ms: Option<i64>,
    /// With this text, in any case, in service, host, app, address, path or reason.
    pub search: Option<String>,
    /// Services that the text finds, too, though their ids do not hold it: their names do. Without a text they mean nothing.
    pub named: Vec<String>,
    /// Newest first, instead of oldest first.
    pub newest_first: bool,
    /// Rows behind this one only: where the page before ended.
    pub after: Option<Cursor>,
    /// At most so many rows; a page holds 500 in any case.
    pub limit: Option<u32>,
}

/// A row's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cursor {
    pub(super) first_ms: i64,
    pub(super) serial: u64,
}

impl Cursor {
    /// Serial numbers below this make different ids in one millisecond.
    const SERIALS: i64 = 1 << 20;

    /// The row's number, for those who show rows: two rows differ in it, and it never changes.
    pub fn id(self) -> i64 {
        let serial = (self.serial % Self::SERIALS as u64) as i64;
        self.first_ms.saturating_mul(Self::SERIALS).saturating_add(serial)
    }

    /// When the row began: milliseconds since 1970-01-01T00:00:00Z.
    pub fn first_ms(self) -> i64 {
        self.first_ms
    }

    /// When the row of that number began: milliseconds since 1970-01-01T00:00:00Z.
    pub(super) fn first_ms_of(id: i64) -> i64 {
        id.div_euclid(Self::SERIALS)
    }
}

/// Some rows of the log, each with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberedPage {
    /// The rows, in the order asked for.
    pub rows: Vec<(Cursor, AttemptRow)>,
    /// Where to go on; `None` when there is nothing more.
    pub next: Option<Cursor>,
}

impl From<NumberedPage> for Page {
    fn from(page: NumberedPage) -> Self {
        Self { rows: page.rows.into_iter().map(|(_, row)| row).collect(), next: page.next }
    }
}

/// Some rows of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The rows, in the order asked for.
    pub rows: Vec<AttemptRow>,
    /// Where to go on; `None` when there is nothing more.
    pub next: Option<Cursor>,
}

impl LogQuery {
    /// Whether a row is wanted, its place in the log apart.
    pub fn wants(&self, row: &AttemptRow) -> bool {
        let attempt = &row.attempt;
        let (service, app) = (attempt.service.as_deref().unwrap_or(""), attempt.app.as_deref().unwrap_or(""));
        self.wants_subject(service, app, attempt.signal.map_or("", Signal::as_str))
            && self.since_ms.is_none_or(|since| row.last_ms >= since)
            && self.until_ms.is_none_or(|until| row.first_ms < until)
            && self.search.as_ref().is_none_or(|text| {
                self.names(service)
                    || !text.contains('\n') && searched_text(attempt).contains(&text.to_lowercase())
            })
    }

    /// Whether the text that is searched for is in the name of this service.
    pub(super) fn names(&self, service: &str) -> bool {
        self.named.iter().any(|named| named == service)
    }

    /// Whether attempts of this service, app and signal are wanted; each is empty for none.
    pub(super) fn wants_subject(&self, service: &str, app: &str, signal: &str) -> bool {
        (self.services.is_empty() || self.services.iter().any(|wanted| wanted == service))
            // Apps that share a user id are logged together, joined by `+`.
            && (self.apps.is_empty()
                || self.apps.iter().any(|wanted| wanted == app || app.split('+').any(|one| wanted == one)))
            && (self.signals.is_empty() || self.signals.iter().any(|wanted| wanted.as_str() == signal))
    }
}
