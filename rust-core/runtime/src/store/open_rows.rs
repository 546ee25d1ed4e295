//! The rows of the log that further attempts may be counted in, kept in memory.
use super::Cursor;
use super::log::{self, Log, StoredRow};
use super::subjects::KnownSubjects;
use consentry_consent::attempt::{AttemptRow, COALESCE_MS, CoalesceKey};
use redb::ReadTransaction;
use std::collections::BTreeMap;

/// Rows that may still take repeats, kept in memory; more different ones within ten minutes start new rows early.
const MOST_OPEN: usize = 20_000;

/// Fewer rows are not looked through.
const FEWEST_SWEPT: usize = 256;

/// A row that may take repeats.
#[derive(Clone, Debug)]
pub(super) struct OpenRow {
    pub(super) place: Cursor,
    pub(super) row: AttemptRow,
    /// The number of its subject in the store; `None` for a row that is not there yet.
    pub(super) subject: Option<u32>,
}

/// The rows that further attempts may be counted in.
#[derive(Debug, Default)]
pub(super) struct OpenRows {
    rows: BTreeMap<CoalesceKey, OpenRow>,
    next_serial: u64,
    /// So many rows are looked through for those that take no more repeats.
    sweep_at: usize,
    /// False until the rows of the last ten minutes were read back.
    pub(super) loaded: bool,
}

/// What a batch makes of the open rows, to be written and then [taken over](OpenRows::take_over).
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Rows to write, by place.
    pub(super) rows: BTreeMap<Cursor, OpenRow>,
    open: BTreeMap<CoalesceKey, Cursor>,
    next_serial: u64,
}

impl OpenRows {
    /// Reads the rows back that may still take repeats.
    pub(super) fn load(&mut self, transaction: &ReadTransaction, now_ms: i64) -> Result<(), redb::Error> {
        let log = Log::open(transaction)?;
        let subjects = KnownSubjects::open(transaction)?;
        let from = now_ms.saturating_sub(COALESCE_MS);
        for entry in log.range((from, 0), log::END)?.rev().take(MOST_OPEN) {
            let (key, stored) = entry?;
            let (first_ms, serial) = key.value();
            self.next_serial = self.next_serial.max(serial.saturating_add(1));
            let stored = StoredRow::from(stored.value());
            // A row whose subject cannot be read takes no repeats; reading the log reports it.
            let Some(attempt) = subjects.attempt(stored.subject)? else { continue };
            let row = stored.row(first_ms, attempt);
            if row.takes(now_ms) {
                let place = Cursor { first_ms, serial };
                self.rows.entry(row.key()).or_insert(OpenRow { place, row, subject: Some(stored.subject) });
            }
        }
        self.loaded = true;
        Ok(())
    }

    /// Counts attempts in the rows that take them, or begins new rows.
    pub(super) fn take_in(&self, attempts: &[AttemptRow]) -> Changed {
        let mut changed = Changed { next_serial: self.next_serial, ..Changed::default() };
        for attempt in attempts {
            let key = attempt.key();
            let before = match changed.open.get(&key) {
                Some(place) => changed.rows.get(place),
                None => self.rows.get(&key),
            };
            let row = match before {
                Some(open) if open.row.takes(attempt.first_ms) => {
                    let mut open = open.clone();
                    open.row.merge(attempt.clone());
                    open
                }
                _ => {
                    let place = Cursor { first_ms: attempt.first_ms, serial: changed.next_serial };
                    changed.next_serial = changed.next_serial.wrapping_add(1);
                    OpenRow { place, row: attempt.clone(), subject: None }
                }
            };
            changed.open.insert(key, row.place);
            changed.rows.insert(row.place, row);
        }
        changed
    }

    /// What was written counts. `subjects`: the number of each row's subject, in the order of the rows.
    pub(super) fn take_over(&mut self, changed: Changed, subjects: &[u32], now_ms: i64) {
        self.next_serial = changed.next_serial;
        for ((place, mut row), subject) in changed.rows.into_iter().zip(subjects) {
            let key = row.row.key();
            if changed.open.get(&key) == Some(&place) {
                row.subject = Some(*subject);
                self.rows.insert(key, row);
            }
        }
        if self.rows.len() >= self.sweep_at {
            self.rows.retain(|_, open| open.row.takes(now_ms));
            self.sweep_at = (2 * self.rows.len()).max(FEWEST_SWEPT);
        }
        while self.rows.len() > MOST_OPEN {
            self.rows.pop_first();
        }
    }

    /// Forgets every row: they were deleted.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }
}
