//! How many attempts there were, by service and time, so that counting them needs no walk through the log.
use super::{Store, StoreError};
use consentry_consent::Signal;
use consentry_consent::attempt::{Attempt, AttemptRow};
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What is counted, and the number of a quarter of an hour since 1970-01-01T00:00:00Z, to the JSON of [`Names`]. (A row for each name
/// was measured to be ten times slower to read.)
const TALLIES: TableDefinition<(u8, i64), &[u8]> = TableDefinition::new("attempts_by_quarter_of_hour");
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

/// Names (empty: none), and how many attempts each had.
type Names<'n> = BTreeMap<Cow<'n, str>, u64>;

/// Counts that cannot be read are none: they decide nothing, and the log itself is not affected.
fn read(json: &[u8]) -> Names<'_> {
    if let Ok(pairs) = serde_json::from_slice::<Vec<(&str, u64)>>(json) {
        return pairs.into_iter().map(|(name, count)| (Cow::Borrowed(name), count)).collect();
    }
    // A name that JSON has to escape.
    let owned: Vec<(String, u64)> = serde_json::from_slice(json).unwrap_or_default();
    owned.into_iter().map(|(name, count)| (Cow::Owned(name), count)).collect()
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
    let mut changed: BTreeMap<(u8, i64), Names<'_>> = BTreeMap::new();
    for row in attempts {
        let quarter = row.last_ms.div_euclid(TALLY_MS);
        for counted in Counted::ALL {
            let counts = changed.entry((counted as u8, quarter)).or_default();
            for name in counted.names(&row.attempt) {
                add(counts, Cow::Borrowed(name), row.count);
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
    for (key, more) in changed {
        let json = {
            let before = tallies.get(key)?;
            let mut counts = before.as_ref().map(|json| read(json.value())).unwrap_or_default();
            for (name, count) in more {
                add(&mut counts, name, count);
            }
            let pairs: Vec<_> = counts.iter().collect();
            serde_json::to_vec(&pairs).expect("counts hold nothing that JSON cannot express")
        };
        tallies.insert(key, json.as_slice())?;
    }
    let keep_from = keep_from_ms.min(now_ms.saturating_sub(KEPT_MS)).div_euclid(TALLY_MS);
    for counted in Counted::ALL.map(|counted| counted as u8) {
        let mut old = Vec::new();
        for entry in tallies.range((counted, i64::MIN)..(counted, keep_from))?.take(MOST_REMOVED) {
            old.push(entry?.0.value());
        }
        for key in old {
            tallies.remove(key)?;
        }
    }
    Ok(new)
}

fn add<'n>(counts: &mut Names<'n>, name: Cow<'n, str>, more: u64) {
    let full = counts.len() >= MOST_NAMES && !counts.contains_key(&name);
    let count = counts.entry(if full { Cow::Borrowed("") } else { name }).or_default();
    *count = count.saturating_add(more);
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
            for entry in table.range((counted, from)..=(counted, until))? {
                let (key, json) = entry?;
                let from_ms = key.value().1.saturating_mul(TALLY_MS);
                tallies.extend(read(json.value()).into_iter().map(|(name, count)| Tally {
                    from_ms,
                    name: (!name.is_empty()).then(|| name.into_owned()),
                    count,
                }));
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
