//! How many attempts there were, by service and time, so that counting them needs no walk through the log.
use super::{Store, StoreError};
use consentry_consent::attempt::AttemptRow;
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};

/// Number of a quarter of an hour since 1970-01-01T00:00:00Z and service id (empty: none), to the attempts in it.
const TALLIES: TableDefinition<(i64, &str), u64> = TableDefinition::new("tallies");
/// Service id to its first and its latest attempt, in milliseconds since 1970-01-01T00:00:00Z.
const SEEN: TableDefinition<&str, (i64, i64)> = TableDefinition::new("services_seen");

/// How long one tally counts, in milliseconds. Days begin at a multiple of it in every time zone in use.
pub const TALLY_MS: i64 = 15 * 60 * 1000;
/// Tallies are kept for a week and the day that is not over yet.
const KEPT_MS: i64 = 9 * 86_400_000;
/// Old tallies removed with one batch, so that a batch stays short.
const MOST_REMOVED: usize = 5_000;

/// The attempts of one service in a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// When the quarter begins: milliseconds since 1970-01-01T00:00:00Z.
    pub from_ms: i64,
    /// The service's id; `None` for what was denied without one.
    pub service: Option<String>,
    /// How many.
    pub count: u64,
}

/// When a service was tried, as far back as the store goes. Does not end with the log's retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first time: milliseconds since 1970-01-01T00:00:00Z.
    pub first_ms: i64,
    /// The latest time: milliseconds since 1970-01-01T00:00:00Z.
    pub last_ms: i64,
}

/// Counts attempts. Returns the services that were never tried before.
pub(super) fn count(
    transaction: &WriteTransaction,
    attempts: &[AttemptRow],
    now_ms: i64,
) -> Result<BTreeSet<String>, redb::Error> {
    let mut tallies = transaction.open_table(TALLIES)?;
    let mut seen = transaction.open_table(SEEN)?;
    let mut new = BTreeSet::new();
    for row in attempts {
        let service = row.attempt.service.as_deref().unwrap_or("");
        let key = (row.last_ms.div_euclid(TALLY_MS), service);
        let before = tallies.get(key)?.map_or(0, |count| count.value());
        tallies.insert(key, before.saturating_add(row.count))?;
        if service.is_empty() {
            continue;
        }
        let known = seen.get(service)?.map(|known| known.value());
        if known.is_none() {
            new.insert(service.to_owned());
        }
        let (first_ms, last_ms) = known.unwrap_or((row.first_ms, row.last_ms));
        seen.insert(service, (first_ms.min(row.first_ms), last_ms.max(row.last_ms)))?;
    }
    let keep_from = now_ms.saturating_sub(KEPT_MS).div_euclid(TALLY_MS);
    for _ in 0..MOST_REMOVED {
        let oldest = tallies.first()?.map(|(key, _)| key.value().0);
        if oldest.is_none_or(|quarter| quarter >= keep_from) {
            break;
        }
        tallies.pop_first()?;
    }
    Ok(new)
}

impl Store {
    /// The tallies from a time on, oldest first. They go back a week.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tallies(&self, from_ms: i64) -> Result<Vec<Tally>, StoreError> {
        self.disk.read(|transaction| {
            let Some(table) = open_if_made(transaction, TALLIES)? else { return Ok(Vec::new()) };
            let mut tallies = Vec::new();
            for entry in table.range((from_ms.div_euclid(TALLY_MS), "")..)? {
                let (key, count) = entry?;
                let (quarter, service) = key.value();
                tallies.push(Tally {
                    from_ms: quarter.saturating_mul(TALLY_MS),
                    service: (!service.is_empty()).then(|| service.to_owned()),
                    count: count.value(),
                });
            }
            Ok(tallies)
        })
    }

    /// Every service that was ever tried, by id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn services_seen(&self) -> Result<BTreeMap<String, Seen>, StoreError> {
        self.disk.read(|transaction| {
            let Some(table) = open_if_made(transaction, SEEN)? else { return Ok(BTreeMap::new()) };
            let mut services = BTreeMap::new();
            for entry in table.iter()? {
                let (service, times) = entry?;
                let (first_ms, last_ms) = times.value();
                services.insert(service.value().to_owned(), Seen { first_ms, last_ms });
            }
            Ok(services)
        })
    }
}

/// A table that the first write to it makes.
pub(super) fn open_if_made<K: redb::Key + 'static, V: redb::Value + 'static>(
    transaction: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<Option<redb::ReadOnlyTable<K, V>>, redb::Error> {
    match transaction.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
