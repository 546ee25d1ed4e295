//! The attempt log: rows in order of their first attempt, repeats counted in place.
use super::query::MOST_ROWS;
use super::{Cursor, LogQuery, NumberedPage, Page, SINKHOLES, Store, StoreError, runs, tallies};
use consentry_consent::Clock;
use consentry_consent::attempt::{AttemptRow, COALESCE_MS, CoalesceKey};
use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// First attempt (milliseconds since 1970-01-01T00:00:00Z) and a serial number, to the JSON of an [`AttemptRow`].
const ATTEMPTS: TableDefinition<(i64, u64), &[u8]> = TableDefinition::new("attempts");

/// Rows that may still take repeats, kept in memory; more different ones within ten minutes start new rows early.
const MOST_OPEN: usize = 20_000;
/// Old rows removed with one batch, so that a batch stays short whatever the retention is set to.
const MOST_REMOVED: usize = 5_000;

/// What is written together, off the packet thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Attempts, coalesced as far as they came together.
    pub attempts: Vec<AttemptRow>,
    /// Sinkhole mappings: name and place in the pool.
    pub sinkholes: Vec<(String, u32)>,
    /// A sign of life of the firewall that runs.
    pub pulse: Option<Clock>,
}

/// A row as it stands in the log after a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    /// Its place in the log.
    pub place: Cursor,
    /// The row.
    pub row: AttemptRow,
    /// Nothing was ever logged of its service before.
    pub first_of_service: bool,
}

/// How much there is in the attempt log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSize {
    /// Rows.
    pub rows: u64,
    /// When the oldest begins: milliseconds since 1970-01-01T00:00:00Z.
    pub first_ms: Option<i64>,
    /// When the newest begins: milliseconds since 1970-01-01T00:00:00Z.
    pub last_ms: Option<i64>,
}

/// The rows that further attempts may be counted in.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenRows {
    rows: BTreeMap<CoalesceKey, (Cursor, AttemptRow)>,
    next_serial: u64,
    /// False until the rows of the last ten minutes were read back.
    loaded: bool,
}

pub(super) fn create_table(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(ATTEMPTS)?;
    Ok(())
}

impl Store {
    /// Writes a batch. Returns the rows as they are in the log now.
    ///
    /// # Errors
    /// Nothing of the batch was written.
    pub fn record(&self, batch: &Batch, now_ms: i64) -> Result<Vec<Logged>, StoreError> {
        let mut open_rows = self.open_rows.lock().unwrap_or_else(PoisonError::into_inner);
        let retention = self.retention()?;
        let keep_from_ms = retention.keep_from_ms(now_ms);
        let mut open = if open_rows.loaded {
            open_rows.clone()
        } else {
            self.disk.read(|t| OpenRows::load(t, now_ms))?
        };
        let changed = open.take_in(&batch.attempts, now_ms);
        let mut present = self.present_run();
        let alive = present.as_ref().zip(batch.pulse).map(|(run, now)| run.alive_at(&now));
        let (mut new, number) = self.disk.write(|transaction| {
            let number = alive.as_ref().map(|run| runs::write(transaction, run)).transpose()?;
            let mut log = transaction.open_table(ATTEMPTS)?;
            for (place, row) in &changed {
                let json = serde_json::to_vec(row).expect("a row holds nothing that JSON cannot express");
                log.insert((place.first_ms, place.serial), json.as_slice())?;
            }
            remove_old(&mut log, keep_from_ms, retention.most_rows())?;
            let mut sinkholes = transaction.open_table(SINKHOLES)?;
            for (name, index) in &batch.sinkholes {
                sinkholes.insert(name.as_str(), index)?;
            }
            let new = tallies::count(transaction, &batch.attempts, now_ms, keep_from_ms)?;
            Ok((new, number))
        })?;
        *open_rows = open;
        if let Some((run, number)) = alive.zip(number) {
            *present = Some(run.stored(number));
        }
        drop(present);
        let logged = changed.into_iter().map(|(place, row)| {
            let first_of_service = row.attempt.service.as_ref().is_some_and(|service| new.remove(service));
            Logged { place, row, first_of_service }
        });
        Ok(logged.collect())
    }

    /// The row of that number ([`Cursor::id`]); `None` when there is none, or none any more.
    ///
    /// # Errors
    /// The store cannot be read, or the row is damaged.
    pub fn numbered_attempt(&self, id: i64) -> Result<Option<(Cursor, AttemptRow)>, StoreError> {
        let first_ms = Cursor::first_ms_of(id);
        let found = self.disk.read(|transaction| {
            let log = transaction.open_table(ATTEMPTS)?;
            for entry in log.range((first_ms, 0)..=(first_ms, u64::MAX))? {
                let (key, json) = entry?;
                let (first_ms, serial) = key.value();
                let place = Cursor { first_ms, serial };
                if place.id() == id {
                    return Ok(Some((place, json.value().to_vec())));
                }
            }
            Ok(None)
        })?;
        let Some((place, json)) = found else { return Ok(None) };
        match serde_json::from_slice(&json) {
            Ok(row) => Ok(Some((place, row))),
            Err(_) => Err(self.damaged_row(first_ms)),
        }
    }

    /// One page of the log.
    ///
    /// # Errors
    /// The store cannot be read, or a row of it is damaged.
    pub fn attempts(&self, query: &LogQuery) -> Result<Page, StoreError> {
        Ok(self.numbered_attempts(query)?.into())
    }

    /// One page of the log, with the places of its rows.
    ///
    /// # Errors
    /// The store cannot be read, or a row of it is damaged.
    pub fn numbered_attempts(&self, query: &LogQuery) -> Result<NumberedPage, StoreError> {
        let most = query.limit.map_or(MOST_ROWS, |limit| (limit as usize).min(MOST_ROWS));
        let mut damaged = None;
        let page = self.disk.read(|transaction| {
            let log = transaction.open_table(ATTEMPTS)?;
            let (mut from, mut to) = ((i64::MIN, 0), (i64::MAX, u64::MAX));
            if let Some(since) = query.since_ms {
                // A row takes repeats for ten minutes after its first attempt.
                from.0 = since.saturating_sub(COALESCE_MS);
            }
            if let Some(until) = query.until_ms {
                let Some(last_ms) = until.checked_sub(1) else { return Ok(NumberedPage::default()) };
                to.0 = last_ms;
            }
            match query.after.map(|place| (place.first_ms, place.serial)) {
                Some(place) if query.newest_first => to = to.min((place.0, place.1)),
                Some(place) => from = from.max((place.0, place.1)),
                None => {}
            }
            let mut page = NumberedPage::default();
            if from > to {
                return Ok(page);
            }
            let mut range = log.range(from..=to)?;
            let mut last = None;
            while let Some(entry) = if query.newest_first { range.next_back() } else { range.next() } {
                let (key, json) = entry?;
                let (first_ms, serial) = key.value();
                let place = Cursor { first_ms, serial };
                if query.after == Some(place) {
                    continue;
                }
                let Ok(row) = serde_json::from_slice::<AttemptRow>(json.value()) else {
                    damaged = Some(first_ms);
                    break;
                };
                if !query.wants(&row) {
                    continue;
                }
                if page.rows.len() == most {
                    page.next = last;
                    break;
                }
                last = Some(place);
                page.rows.push((place, row));
            }
            Ok(page)
        })?;
        match damaged {
            None => Ok(page),
            Some(first_ms) => Err(self.damaged_row(first_ms)),
        }
    }

    /// How much there is in the log.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn log_size(&self) -> Result<LogSize, StoreError> {
        self.disk.read(|transaction| {
            let log = transaction.open_table(ATTEMPTS)?;
            let (first, last) = (log.first()?, log.last()?);
            Ok(LogSize {
                rows: log.len()?,
                first_ms: first.map(|(key, _)| key.value().0),
                last_ms: last.map(|(key, _)| key.value().0),
            })
        })
    }

    /// How many rows, and how many attempts in them, a query wants, whatever its limit.
    ///
    /// # Errors
    /// As for [`Self::attempts`].
    pub fn count_attempts(&self, query: &LogQuery) -> Result<(u64, u64), StoreError> {
        let mut query = LogQuery { limit: None, after: None, ..query.clone() };
        let (mut rows, mut attempts) = (0, 0u64);
        loop {
            let page = self.attempts(&query)?;
            rows += page.rows.len() as u64;
            attempts = page.rows.iter().fold(attempts, |sum, row| sum.saturating_add(row.count));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok((rows, attempts)),
            }
        }
    }

    /// Deletes every attempt for good, and the counts of them; consents and their history stay. Returns how many rows there
    /// were.
    ///
    /// # Errors
    /// Nothing was deleted; or, where only the last step failed, the file still has its size.
    pub fn delete_log(&self) -> Result<u64, StoreError> {
        let mut open_rows = self.open_rows.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.disk.write(|transaction| {
            let rows = transaction.open_table(ATTEMPTS)?.len()?;
            transaction.delete_table(ATTEMPTS)?;
            create_table(transaction)?;
            tallies::forget(transaction)?;
            Ok(rows)
        })?;
        open_rows.rows.clear();
        // What was deleted would stay readable in free pages of the file.
        self.disk.compact()?;
        Ok(rows)
    }

    fn damaged_row(&self, first_ms: i64) -> StoreError {
        self.disk.corrupt(&format!(
            "the row of the attempt log that begins at {} cannot be read",
            consentry_consent::rfc3339::format(first_ms)
        ))
    }
}

impl OpenRows {
    /// Reads the rows back that may still take repeats.
    fn load(transaction: &ReadTransaction, now_ms: i64) -> Result<Self, redb::Error> {
        let log = transaction.open_table(ATTEMPTS)?;
        let mut open = Self { loaded: true, ..Self::default() };
        let from = now_ms.saturating_sub(COALESCE_MS);
        for entry in log.range((from, 0)..)?.rev().take(MOST_OPEN) {
            let (key, json) = entry?;
            let (first_ms, serial) = key.value();
            open.next_serial = open.next_serial.max(serial.saturating_add(1));
            // A row that cannot be read takes no repeats; reading the log reports it.
            let Ok(row) = serde_json::from_slice::<AttemptRow>(json.value()) else { continue };
            if row.takes(now_ms) {
                open.rows.entry(row.key()).or_insert((Cursor { first_ms, serial }, row));
            }
        }
        Ok(open)
    }

    /// Counts attempts in the rows that take them, or begins new rows. Returns what has to be written.
    fn take_in(&mut self, attempts: &[AttemptRow], now_ms: i64) -> BTreeMap<Cursor, AttemptRow> {
        let mut changed = BTreeMap::new();
        for attempt in attempts {
            let key = attempt.key();
            match self.rows.get_mut(&key) {
                Some((place, row)) if row.takes(attempt.first_ms) => {
                    row.merge(attempt.clone());
                    changed.insert(*place, row.clone());
                }
                _ => {
                    let place = Cursor { first_ms: attempt.first_ms, serial: self.next_serial };
                    self.next_serial = self.next_serial.wrapping_add(1);
                    changed.insert(place, attempt.clone());
                    if self.rows.len() >= MOST_OPEN {
                        self.rows.pop_first();
                    }
                    self.rows.insert(key, (place, attempt.clone()));
                }
            }
        }
        self.rows.retain(|_, (_, row)| row.takes(now_ms));
        changed
    }
}

/// Removes what is older than the retention or beyond the log's size, oldest first.
fn remove_old(
    log: &mut redb::Table<'_, (i64, u64), &'static [u8]>,
    keep_from_ms: i64,
    most_rows: u64,
) -> Result<(), redb::Error> {
    for _ in 0..MOST_REMOVED {
        let Some(first_ms) = log.first()?.map(|(key, _)| key.value().0) else { return Ok(()) };
        if first_ms >= keep_from_ms && log.len()? <= most_rows {
            return Ok(());
        }
        log.pop_first()?;
    }
    Ok(())
}
