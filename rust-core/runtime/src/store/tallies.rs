//! How many attempts there were, by service and time, so that counting them needs no walk through the log.
use super::{Store, StoreError};
use consentry_consent::Signal;
use consentry_consent::attempt::{Attempt, AttemptRow};
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use std::collections::{BTreeMap, BTreeSet};

/// What is counted, the number of a quarter of an hour since 1970-01-01T00:00:00Z, and a name (empty: none), to the attempts.
const TALLIES: TableDefinition<(u8, i64, &str), u64> = TableDefinition::new("attempts_by_name");
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

/// What attempts are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// By service: its id. Together they are all attempts.
    Service,
    /// By app: its package name. An attempt of several packages that cannot be told apart counts for each.
    App,
    /// By signal: its name.
    Signal,
}

/// The attempts of one name in a quarter of an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// When the quarter begins: milliseconds since 1970-01-01T00:00:00Z.
    pub from_ms: i64,
    /// The name; `None` for what has none.
    pub name: Option<String>,
    /// How many.
    pub count: u64,
}

impl Counted {
    const ALL: [Self; 3] = [Self::Service, Self::App, Self::Signal];

    /// The names that an attempt counts for.
    fn names(self, attempt: &Attempt) -> impl Iterator<Item = &str> {
        match self {
            Self::Service => attempt.service.as_deref(),
            Self::App => attempt.app.as_deref(),
            Self::Signal => attempt.signal.map(Signal::as_str),
        }
        .unwrap_or("")
        .split(move |c| self == Self::App && c == '+')
    }
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
    let mut tallies = transaction.open_table(TALLIES)?;
    let mut seen = transaction.open_table(SEEN)?;
    let mut new = BTreeSet::new();
    let mut changed: BTreeMap<(u8, i64, &str), u64> = BTreeMap::new();
    for row in attempts {
        let quarter = row.last_ms.div_euclid(TALLY_MS);
        for counted in Counted::ALL {
            for name in counted.names(&row.attempt) {
                let count = changed.entry((counted as u8, quarter, name)).or_default();
                *count = count.saturating_add(row.count);
            }
        }
        let Some(service) = row.attempt.service.as_deref() else { continue };
        let known = seen.get(service)?.map(|known| known.value());
        if known.is_none() {
            new.insert(service.to_owned());
        }
        let (first_ms, last_ms) =
            known.filter(|known| *known != FORGOTTEN).unwrap_or((row.first_ms, row.last_ms));
        seen.insert(service, (first_ms.min(row.first_ms), last_ms.max(row.last_ms)))?;
    }
    for ((counted, quarter, name), more) in changed {
        let mut key = (counted, quarter, name);
        if tallies.get(key)?.is_none() {
            let of_quarter =
                tallies.range((counted, quarter, "")..(counted, quarter.saturating_add(1), ""))?;
            if of_quarter.take(MOST_NAMES).count() == MOST_NAMES {
                key.2 = "";
            }
        }
        let before = tallies.get(key)?.map_or(0, |count| count.value());
        tallies.insert(key, before.saturating_add(more))?;
    }
    let keep_from = keep_from_ms.min(now_ms.saturating_sub(KEPT_MS)).div_euclid(TALLY_MS);
    for counted in Counted::ALL.map(|counted| counted as u8) {
        let mut old = Vec::new();
        for entry in tallies.range((counted, i64::MIN, "")..(counted, keep_from, ""))?.take(MOST_REMOVED) {
            let (key, _) = entry?;
            let (_, quarter, name) = key.value();
            old.push((quarter, name.to_owned()));
        }
        for (quarter, name) in old {
            tallies.remove((counted, quarter, name.as_str()))?;
        }
    }
    Ok(new)
}

/// Counts attempts whose services were noted as tried already.
pub(super) fn count_again(
    transaction: &WriteTransaction,
    attempts: &[AttemptRow],
) -> Result<(), redb::Error> {
    // Nothing is old: the next batch forgets what is.
    count(transaction, attempts, i64::MIN, i64::MIN).map(|_| ())
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

impl Store {
    /// The tallies of a time, both ends in milliseconds since 1970-01-01T00:00:00Z, oldest first: every quarter of an hour that
    /// it touches. They go back as far as the log, and a week at least.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn tallies(&self, counted: Counted, from_ms: i64, until_ms: i64) -> Result<Vec<Tally>, StoreError> {
        let (from, until) = (from_ms.div_euclid(TALLY_MS), until_ms.div_euclid(TALLY_MS));
        if from > until {
            return Ok(Vec::new());
        }
        let counted = counted as u8;
        self.disk.read(|transaction| {
            let Some(table) = open_if_made(transaction, TALLIES)? else { return Ok(Vec::new()) };
            let mut tallies = Vec::new();
            for entry in table.range((counted, from, "")..(counted, until.saturating_add(1), ""))? {
                let (key, count) = entry?;
                let (_, quarter, name) = key.value();
                tallies.push(Tally {
                    from_ms: quarter.saturating_mul(TALLY_MS),
                    name: (!name.is_empty()).then(|| name.to_owned()),
                    count: count.value(),
                });
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
