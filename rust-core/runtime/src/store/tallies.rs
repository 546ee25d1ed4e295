//! How many attempts there were, by service and time, so that counting them needs no walk through the log.
use super::{Store, StoreError};
use consentry_consent::Signal;
use consentry_consent::attempt::AttemptRow;
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Number of a quarter of an hour since 1970-01-01T00:00:00Z, to the JSON of its [`Counts`].
const TALLIES: TableDefinition<i64, &[u8]> = TableDefinition::new("attempts_by_quarter");
/// Service id to its first and its latest attempt, in milliseconds since 1970-01-01T00:00:00Z.
const SEEN: TableDefinition<&str, (i64, i64)> = TableDefinition::new("services_seen");
/// Stands in [`SEEN`] for a service whose times were deleted with the log.
const FORGOTTEN: (i64, i64) = (i64::MAX, i64::MIN);

/// How long one tally counts, in milliseconds. Days begin at a multiple of it in every time zone in use.
pub const TALLY_MS: i64 = 15 * 60 * 1000;
/// Tallies are kept at least for a week and the day that is not over yet.
const KEPT_MS: i64 = 9 * 86_400_000;
/// Old tallies removed with one batch, so that a batch stays short.
const MOST_REMOVED: usize = 5_000;
/// Different apps, or services, that one tally tells apart. Further ones count as unnamed.
const MOST_NAMES: usize = 500;

/// The attempts of a quarter of an hour. What has no service, app or signal stands under the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// When the quarter begins: milliseconds since 1970-01-01T00:00:00Z.
    pub from_ms: i64,
    /// How many there were.
    pub counts: Counts,
}

/// How many attempts there were, counted three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By service id. Together they are all attempts.
    pub services: BTreeMap<String, u64>,
    /// By package name; an attempt of several packages that cannot be told apart counts for each.
    pub apps: BTreeMap<String, u64>,
    /// By the name of the signal.
    pub signals: BTreeMap<String, u64>,
}

impl Counts {
    /// All attempts.
    pub fn total(&self) -> u64 {
        self.services.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds the counts of another time.
    pub fn add(&mut self, other: &Self) {
        for (own, others) in [
            (&mut self.services, &other.services),
            (&mut self.apps, &other.apps),
            (&mut self.signals, &other.signals),
        ] {
            for (name, count) in others {
                add(own, name, *count, usize::MAX);
            }
        }
    }

    fn take_in(&mut self, row: &AttemptRow) {
        let attempt = &row.attempt;
        add(&mut self.services, attempt.service.as_deref().unwrap_or(""), row.count, MOST_NAMES);
        for app in attempt.app.as_deref().unwrap_or("").split('+') {
            add(&mut self.apps, app, row.count, MOST_NAMES);
        }
        add(&mut self.signals, attempt.signal.map_or("", Signal::as_str), row.count, MOST_NAMES);
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str, more: u64, most: usize) {
    let name = if counts.len() < most || counts.contains_key(name) { name } else { "" };
    let count = counts.entry(name.to_owned()).or_default();
    *count = count.saturating_add(more);
}

/// When a service was tried, as far back as the store goes. Does not end with the log's retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first and the latest time, in milliseconds since 1970-01-01T00:00:00Z; `None` where they were deleted with the log.
    pub times: Option<(i64, i64)>,
}

/// Counts attempts, and forgets counts from before `keep_from_ms`. Returns the services that were never tried before.
pub(super) fn count(
    transaction: &WriteTransaction,
    attempts: &[AttemptRow],
    now_ms: i64,
    keep_from_ms: i64,
) -> Result<BTreeSet<String>, redb::Error> {
    let mut changed: BTreeMap<i64, Counts> = BTreeMap::new();
    let mut tallies = transaction.open_table(TALLIES)?;
    let mut seen = transaction.open_table(SEEN)?;
    let mut new = BTreeSet::new();
    for row in attempts {
        let counts = match changed.entry(row.last_ms.div_euclid(TALLY_MS)) {
            Entry::Occupied(counts) => counts.into_mut(),
            Entry::Vacant(place) => {
                let before = tallies.get(place.key())?.map(|json| read(json.value()));
                place.insert(before.unwrap_or_default())
            }
        };
        counts.take_in(row);
        let Some(service) = row.attempt.service.as_deref() else { continue };
        let known = seen.get(service)?.map(|known| known.value());
        if known.is_none() {
            new.insert(service.to_owned());
        }
        let (first_ms, last_ms) =
            known.filter(|known| *known != FORGOTTEN).unwrap_or((row.first_ms, row.last_ms));
        seen.insert(service, (first_ms.min(row.first_ms), last_ms.max(row.last_ms)))?;
    }
    for (quarter, counts) in &changed {
        let json = serde_json::to_vec(counts).expect("counts hold nothing that JSON cannot express");
        tallies.insert(quarter, json.as_slice())?;
    }
    let keep_from = keep_from_ms.min(now_ms.saturating_sub(KEPT_MS)).div_euclid(TALLY_MS);
    for _ in 0..MOST_REMOVED {
        let oldest = tallies.first()?.map(|(quarter, _)| quarter.value());
        if oldest.is_none_or(|quarter| quarter >= keep_from) {
            break;
        }
        tallies.pop_first()?;
    }
    Ok(new)
}

/// Forgets every count. Which services were ever tried stays known, without the times: nobody is asked twice.
pub(super) fn forget(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.delete_table(TALLIES)?;
    let mut seen = transaction.open_table(SEEN)?;
    let mut services = Vec::new();
    for entry in seen.iter()? {
        services.push(entry?.0.value().to_owned());
    }
    for service in services {
        seen.insert(service.as_str(), FORGOTTEN)?;
    }
    Ok(())
}

/// Counts that cannot be read are none: they decide nothing, and the log itself is not affected.
fn read(json: &[u8]) -> Counts {
    serde_json::from_slice(json).unwrap_or_default()
}

impl Store {
    /// The tallies of a time, both ends in milliseconds since 1970-01-01T00:00:00Z, oldest first: every quarter of an hour that
    /// it touches. They go back as far as the log, and a week at least.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tallies(&self, from_ms: i64, until_ms: i64) -> Result<Vec<Tally>, StoreError> {
        let (from, until) = (from_ms.div_euclid(TALLY_MS), until_ms.div_euclid(TALLY_MS));
        if from > until {
            return Ok(Vec::new());
        }
        self.disk.read(|transaction| {
            let Some(table) = open_if_made(transaction, TALLIES)? else { return Ok(Vec::new()) };
            let mut tallies = Vec::new();
            for entry in table.range(from..=until)? {
                let (quarter, json) = entry?;
                let from_ms = quarter.value().saturating_mul(TALLY_MS);
                tallies.push(Tally { from_ms, counts: read(json.value()) });
            }
            Ok(tallies)
        })
    }

    /// Forgets that services were ever tried: the next attempt of each is its first again, so that the owner is asked.
    pub(crate) fn forget_seen(&self, services: &BTreeSet<String>) -> Result<(), StoreError> {
        self.disk.write(|transaction| {
            let mut seen = transaction.open_table(SEEN)?;
            for service in services {
                seen.remove(service.as_str())?;
            }
            Ok(())
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
                let times = Some(times.value()).filter(|times| *times != FORGOTTEN);
                services.insert(service.value().to_owned(), Seen { times });
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
