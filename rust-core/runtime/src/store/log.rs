//! The attempt log: rows in order of their first attempt, repeats counted in place.
use super::open_rows::OpenRow;
use super::query::MOST_ROWS;
use super::subjects::{KnownSubjects, Subjects};
use super::{Cursor, LogQuery, NumberedPage, Page, SINKHOLES, Store, StoreError, runs, tallies};
use consentry_consent::Clock;
use consentry_consent::attempt::{Attempt, AttemptRow, COALESCE_MS};
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::PoisonError;

/// First attempt (milliseconds since 1970-01-01T00:00:00Z) and a serial number, to a [`StoredRow`].
const LOG: TableDefinition<(i64, u64), RowParts> = TableDefinition::new("log");

/// The last place there can be.
pub(super) const END: (i64, u64) = (i64::MAX, u64::MAX);

/// Old rows removed with one batch, so that a batch stays short whatever the retention is set to.
const MOST_REMOVED: usize = 5_000;
/// The rows of so few subjects are merged by their index at once. Where more match, a walk through the log most likely fills a page
/// sooner, and is given up for the index after so many rows. (Tests have few rows, and go both ways.)
const FEW_SUBJECTS: usize = if cfg!(test) { 1 } else { 8 };
const LONGEST_WALK: usize = if cfg!(test) { 3 } else { 10_000 };
/// The rows of more subjects than this are not merged: opening that many ranges takes longer than the walk.
const MOST_MERGED: usize = 2_000;

/// What a [`StoredRow`] is to redb.
type RowParts = (u32, i64, u64, u64);

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

/// A row as it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoredRow {
    pub(super) subject: u32,
    pub(super) last_ms: i64,
    pub(super) count: u64,
    pub(super) bytes_held: u64,
}

impl From<RowParts> for StoredRow {
    fn from((subject, last_ms, count, bytes_held): RowParts) -> Self {
        Self { subject, last_ms, count, bytes_held }
    }
}

impl StoredRow {
    pub(super) fn row(self, first_ms: i64, attempt: Attempt) -> AttemptRow {
        let attempt = Attempt { bytes_held: self.bytes_held, ..attempt };
        AttemptRow { first_ms, last_ms: self.last_ms, count: self.count, attempt }
    }
}

/// The log as a reader has it.
pub(super) struct Log(ReadOnlyTable<(i64, u64), RowParts>);

impl Log {
    pub(super) fn open(transaction: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self(transaction.open_table(LOG)?))
    }

    pub(super) fn range(
        &self,
        from: (i64, u64),
        to: (i64, u64),
    ) -> Result<redb::Range<'static, (i64, u64), RowParts>, redb::Error> {
        Ok(self.0.range(from..=to)?)
    }

    fn at(&self, place: (i64, u64)) -> Result<Option<StoredRow>, redb::Error> {
        Ok(self.0.get(place)?.map(|stored| stored.value().into()))
    }
}

pub(super) fn create_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(LOG)?;
    Subjects::open(transaction)?;
    Ok(())
}

/// Writes rows, and removes old ones. Returns the numbers of their subjects.
pub(super) fn write<'r>(
    transaction: &WriteTransaction,
    rows: impl IntoIterator<Item = &'r OpenRow>,
    keep_from_ms: i64,
    most_rows: u64,
) -> Result<Vec<u32>, redb::Error> {
    let mut log = transaction.open_table(LOG)?;
    let mut subjects = Subjects::open(transaction)?;
    let mut numbers = Vec::new();
    for OpenRow { place, row, subject } in rows {
        let place = (place.first_ms, place.serial);
        let number = subjects.number(&row.attempt)?;
        if *subject != Some(number) {
            subjects.add_place(number, place)?;
            // Repeats can bring more to light, and make it a row about something else.
            if let Some(before) = subject {
                subjects.remove_place(*before, place)?;
            }
        }
        log.insert(place, (number, row.last_ms, row.count, row.attempt.bytes_held))?;
        numbers.push(number);
    }
    for _ in 0..MOST_REMOVED {
        let Some((place, number)) = log.first()?.map(|(key, stored)| (key.value(), stored.value().0)) else {
            break;
        };
        if place.0 >= keep_from_ms && log.len()? <= most_rows {
            break;
        }
        log.pop_first()?;
        subjects.remove_place(number, place)?;
    }
    Ok(numbers)
}

impl Store {
    /// Writes a batch. Returns the rows as they are in the log now.
    ///
    /// # Errors
    /// Nothing of the batch was written.
    pub fn record(&self, batch: &Batch, now_ms: i64) -> Result<Vec<Logged>, StoreError> {
        let mut open = self.open_rows.lock().unwrap_or_else(PoisonError::into_inner);
        let retention = self.retention()?;
        let keep_from_ms = retention.keep_from_ms(now_ms);
        if !open.loaded {
            self.disk.read(|transaction| open.load(transaction, now_ms))?;
        }
        let changed = open.take_in(&batch.attempts);
        let mut present = self.present_run();
        let alive = present.as_ref().zip(batch.pulse).map(|(run, now)| run.alive_at(&now));
        let (subjects, mut new, number) = self.disk.write(|transaction| {
            let number = alive.as_ref().map(|run| runs::write(transaction, run)).transpose()?;
            let subjects = write(transaction, changed.rows.values(), keep_from_ms, retention.most_rows())?;
            let mut sinkholes = transaction.open_table(SINKHOLES)?;
            for (name, index) in &batch.sinkholes {
                sinkholes.insert(name.as_str(), index)?;
            }
            let new = tallies::count(transaction, &batch.attempts, now_ms, keep_from_ms)?;
            Ok((subjects, new, number))
        })?;
        if let Some((run, number)) = alive.zip(number) {
            *present = Some(run.stored(number));
        }
        drop(present);
        let logged = changed
            .rows
            .iter()
            .map(|(place, open)| {
                let service = open.row.attempt.service.as_ref();
                let first_of_service = service.is_some_and(|service| new.remove(service));
                Logged { place: *place, row: open.row.clone(), first_of_service }
            })
            .collect();
        open.take_over(changed, &subjects, now_ms);
        Ok(logged)
    }

    /// The row of that number ([`Cursor::id`]); `None` when there is none, or none any more.
    ///
    /// # Errors
    /// The store cannot be read, or the row is damaged.
    pub fn numbered_attempt(&self, id: i64) -> Result<Option<(Cursor, AttemptRow)>, StoreError> {
        let first_ms = Cursor::first_ms_of(id);
        let found = self.disk.read(|transaction| {
            for entry in Log::open(transaction)?.range((first_ms, 0), (first_ms, u64::MAX))? {
                let (key, stored) = entry?;
                let place = Cursor { first_ms, serial: key.value().1 };
                if place.id() == id {
                    let stored = StoredRow::from(stored.value());
                    return Ok(Some((
                        place,
                        stored,
                        KnownSubjects::open(transaction)?.attempt(stored.subject)?,
                    )));
                }
            }
            Ok(None)
        })?;
        match found {
            None => Ok(None),
            Some((place, stored, Some(attempt))) => Ok(Some((place, stored.row(first_ms, attempt)))),
            Some((_, _, None)) => Err(self.damaged_row(first_ms)),
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
        let Some((from, to)) = bounds(query) else { return Ok(NumberedPage::default()) };
        let found = self.disk.read(|transaction| {
            let mut reader = Reader::open(transaction, query)?;
            reader.read(from, to, most)?;
            Ok((reader.page, reader.damaged_ms))
        })?;
        match found {
            (page, None) => Ok(page),
            (_, Some(first_ms)) => Err(self.damaged_row(first_ms)),
        }
    }

    /// How much there is in the log.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn log_size(&self) -> Result<LogSize, StoreError> {
        self.disk.read(|transaction| {
            let log = Log::open(transaction)?.0;
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
    /// The store cannot be read.
    pub fn count_attempts(&self, query: &LogQuery) -> Result<(u64, u64), StoreError> {
        let Some((from, to)) = bounds(&LogQuery { after: None, ..query.clone() }) else { return Ok((0, 0)) };
        self.disk.read(|transaction| {
            let wanted = KnownSubjects::open(transaction)?.wanted(query)?;
            let wanted: Option<HashSet<u32>> = wanted.map(|numbers| numbers.into_iter().collect());
            let (mut rows, mut attempts) = (0, 0u64);
            if wanted.as_ref().is_some_and(HashSet::is_empty) {
                return Ok((rows, attempts));
            }
            for entry in Log::open(transaction)?.range(from, to)? {
                let stored = StoredRow::from(entry?.1.value());
                if wanted.as_ref().is_none_or(|wanted| wanted.contains(&stored.subject))
                    && query.since_ms.is_none_or(|since| stored.last_ms >= since)
                {
                    rows += 1;
                    attempts = attempts.saturating_add(stored.count);
                }
            }
            Ok((rows, attempts))
        })
    }

    /// Deletes every attempt for good, and the counts of them; consents and their history stay. Returns how many rows there
    /// were.
    ///
    /// # Errors
    /// Nothing was deleted; or, where only the last step failed, the file still has its size.
    pub fn delete_log(&self) -> Result<u64, StoreError> {
        let mut open_rows = self.open_rows.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.disk.write(|transaction| {
            let rows = transaction.open_table(LOG)?.len()?;
            transaction.delete_table(LOG)?;
            Subjects::clear(transaction)?;
            create_tables(transaction)?;
            tallies::forget(transaction)?;
            Ok(rows)
        })?;
        open_rows.clear();
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

/// The first and last place that a query may want; `None` when there is no such place.
fn bounds(query: &LogQuery) -> Option<((i64, u64), (i64, u64))> {
    let (mut from, mut to) = ((i64::MIN, 0), END);
    if let Some(since) = query.since_ms {
        // A row takes repeats for ten minutes after its first attempt.
        from.0 = since.saturating_sub(COALESCE_MS);
    }
    if let Some(until) = query.until_ms {
        to.0 = until.checked_sub(1)?;
    }
    match query.after.map(|place| (place.first_ms, place.serial)) {
        Some(place) if query.newest_first => to = to.min(place),
        Some(place) => from = from.max(place),
        None => {}
    }
    (from <= to).then_some((from, to))
}

/// Gathers one page.
struct Reader<'q> {
    query: &'q LogQuery,
    log: Log,
    subjects: KnownSubjects,
    /// Subjects that were read already.
    attempts: HashMap<u32, Attempt>,
    page: NumberedPage,
    /// The row that cannot be read, by its time.
    damaged_ms: Option<i64>,
}

impl<'q> Reader<'q> {
    fn open(transaction: &ReadTransaction, query: &'q LogQuery) -> Result<Self, redb::Error> {
        Ok(Self {
            query,
            log: Log::open(transaction)?,
            subjects: KnownSubjects::open(transaction)?,
            attempts: HashMap::new(),
            page: NumberedPage::default(),
            damaged_ms: None,
        })
    }

    /// Fills the page with rows between two places, in the order asked for.
    fn read(&mut self, from: (i64, u64), to: (i64, u64), most: usize) -> Result<(), redb::Error> {
        let wanted = self.subjects.wanted(self.query)?;
        let (mut from, mut to) = (from, to);
        if let Some(wanted) = wanted.as_deref().filter(|wanted| wanted.len() <= MOST_MERGED) {
            if wanted.len() > FEW_SUBJECTS {
                let Some(place) = self.walk(Some(wanted), from, to, most, LONGEST_WALK)? else {
                    return Ok(());
                };
                if self.query.newest_first { to = place } else { from = place }
            }
            return self.merge(wanted, from, to, most);
        }
        self.walk(wanted.as_deref(), from, to, most, usize::MAX).map(|_| ())
    }

    /// Walks through the log, and takes the rows of some subjects, or of all. Returns the first place that it did not look at when
    /// it is given up after so many rows.
    fn walk(
        &mut self,
        wanted: Option<&[u32]>,
        from: (i64, u64),
        to: (i64, u64),
        most: usize,
        longest: usize,
    ) -> Result<Option<(i64, u64)>, redb::Error> {
        let wanted: Option<HashSet<u32>> = wanted.map(|numbers| numbers.iter().copied().collect());
        let mut range = self.log.range(from, to)?;
        let mut walked = 0;
        while let Some(entry) = if self.query.newest_first { range.next_back() } else { range.next() } {
            let (key, stored) = entry?;
            if walked == longest {
                return Ok(Some(key.value()));
            }
            walked += 1;
            let stored = StoredRow::from(stored.value());
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(&stored.subject))
                && !self.take(key.value(), stored, most)?
            {
                break;
            }
        }
        Ok(None)
    }

    /// Takes the rows of some subjects, in order, from their index.
    fn merge(
        &mut self,
        wanted: &[u32],
        from: (i64, u64),
        to: (i64, u64),
        most: usize,
    ) -> Result<(), redb::Error> {
        let newest_first = self.query.newest_first;
        let mut ranges = Vec::with_capacity(wanted.len());
        let mut next = BinaryHeap::with_capacity(wanted.len());
        // The heap gives the greatest first: for the oldest first, places count in reverse.
        let rank = |place: (i64, u64)| if newest_first { place } else { (!place.0, !place.1) };
        let place_of = |rank: (i64, u64)| if newest_first { rank } else { (!rank.0, !rank.1) };
        for number in wanted {
            let mut range = self.subjects.places(*number, from, to)?;
            if let Some(place) = step(&mut range, newest_first)? {
                next.push((rank(place), ranges.len()));
                ranges.push(range);
            }
        }
        while let Some((ranked, at)) = next.pop() {
            let place = place_of(ranked);
            // A row that the index has and the log has not is one that cannot be read.
            let Some(stored) = self.log.at(place)? else {
                self.damaged_ms = Some(place.0);
                break;
            };
            if !self.take(place, stored, most)? {
                break;
            }
            if let Some(place) = step(&mut ranges[at], newest_first)? {
                next.push((rank(place), at));
            }
        }
        Ok(())
    }

    /// Takes a row into the page, if its time is wanted. Returns whether there is room for more.
    fn take(&mut self, place: (i64, u64), stored: StoredRow, most: usize) -> Result<bool, redb::Error> {
        let (first_ms, serial) = place;
        let place = Cursor { first_ms, serial };
        if self.query.after == Some(place) || self.query.since_ms.is_some_and(|since| stored.last_ms < since)
        {
            return Ok(true);
        }
        if self.page.rows.len() == most {
            self.page.next = self.page.rows.last().map(|(place, _)| *place);
            return Ok(false);
        }
        if !self.attempts.contains_key(&stored.subject) {
            let Some(attempt) = self.subjects.attempt(stored.subject)? else {
                self.damaged_ms = Some(first_ms);
                return Ok(false);
            };
            self.attempts.insert(stored.subject, attempt);
        }
        let attempt = self.attempts[&stored.subject].clone();
        self.page.rows.push((place, stored.row(first_ms, attempt)));
        Ok(true)
    }
}

fn step(
    range: &mut redb::Range<'_, (u32, i64, u64), ()>,
    newest_first: bool,
) -> Result<Option<(i64, u64)>, redb::Error> {
    let Some(entry) = (if newest_first { range.next_back() } else { range.next() }) else { return Ok(None) };
    let (_, first_ms, serial) = entry?.0.value();
    Ok(Some((first_ms, serial)))
}
