//! What to read from the attempt log.
use consentry_consent::attempt::AttemptRow;
use serde::{Deserialize, Serialize};

/// Rows that one page holds at most, however many are asked for.
pub(super) const MOST_ROWS: usize = 500;

/// Which attempts are wanted. Empty fields want all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogQuery {
    /// Of this service: its id.
    pub service: Option<String>,
    /// Of this app: its package name.
    pub app: Option<String>,
    /// Whose last repeat is not before this: milliseconds since 1970-01-01T00:00:00Z.
    pub since_ms: Option<i64>,
    /// With this text, in any case, in service, host, app, address, path or reason.
    pub search: Option<String>,
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
        let is = |wanted: &Option<String>, found: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| found.as_ref() == Some(wanted))
        };
        is(&self.service, &attempt.service)
            && (is(&self.app, &attempt.app) || self.is_one_of(attempt.app.as_deref()))
            && self.since_ms.is_none_or(|since| row.last_ms >= since)
            && self.search.as_ref().is_none_or(|text| contains(row, text))
    }

    /// Apps that share a user id are logged together, joined by `+`.
    fn is_one_of(&self, apps: Option<&str>) -> bool {
        apps.zip(self.app.as_deref()).is_some_and(|(apps, wanted)| apps.split('+').any(|app| app == wanted))
    }
}

fn contains(row: &AttemptRow, text: &str) -> bool {
    let attempt = &row.attempt;
    let text = text.to_lowercase();
    let address = attempt.address.map(|address| address.to_string());
    [&attempt.service, &attempt.host, &attempt.app, &address, &attempt.path]
        .into_iter()
        .flatten()
        .chain([&attempt.reason])
        .any(|field| field.to_lowercase().contains(&text))
}
