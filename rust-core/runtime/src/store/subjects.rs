//! What attempts are about, each written once: a log of many rows repeats a few thousand of them.
//!
//! A row of the log holds only times, counts and the number of its subject. So filters and searches look at the subjects, which are
//! few, and find the rows of those that match by an index.
use super::LogQuery;
use consentry_consent::Signal;
use consentry_consent::attempt::Attempt;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use ring::digest::{SHA256, digest};

/// Service, app, signal (each empty for none), and the text that is searched.
type Facets = (&'static str, &'static str, &'static str, &'static str);

/// Number to what filters and searches look at.
const FACETS: TableDefinition<u32, Facets> = TableDefinition::new("log_subject_facets");
/// Number to the JSON of an [`Attempt`] without its bytes.
const SUBJECTS: TableDefinition<u32, &[u8]> = TableDefinition::new("log_subjects");
/// The first half of the digest of that JSON, to the number.
const NUMBERS: TableDefinition<u128, u32> = TableDefinition::new("log_subject_numbers");
/// Number, first attempt and serial of each row about it.
const PLACES: TableDefinition<(u32, i64, u64), ()> = TableDefinition::new("log_places");

/// The tables as a writer has them.
pub(super) struct Subjects<'t> {
    facets: Table<'t, u32, Facets>,
    json: Table<'t, u32, &'static [u8]>,
    numbers: Table<'t, u128, u32>,
    places: Table<'t, (u32, i64, u64), ()>,
}

impl<'t> Subjects<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            facets: transaction.open_table(FACETS)?,
            json: transaction.open_table(SUBJECTS)?,
            numbers: transaction.open_table(NUMBERS)?,
            places: transaction.open_table(PLACES)?,
        })
    }

    /// Deletes everything.
    pub(super) fn clear(transaction: &WriteTransaction) -> Result<(), redb::Error> {
        transaction.delete_table(FACETS)?;
        transaction.delete_table(SUBJECTS)?;
        transaction.delete_table(NUMBERS)?;
        transaction.delete_table(PLACES)?;
        Subjects::open(transaction)?;
        Ok(())
    }

    /// The number of what an attempt is about; a new one where it was never seen.
    pub(super) fn number(&mut self, attempt: &Attempt) -> Result<u32, redb::Error> {
        let json = subject_json(attempt);
        let short = short_digest(&json);
        if let Some(number) = self.numbers.get(short)? {
            return Ok(number.value());
        }
        let number = self.json.last()?.map_or(0, |(last, _)| last.value().saturating_add(1));
        self.numbers.insert(short, number)?;
        let (service, app) = (attempt.service.as_deref().unwrap_or(""), attempt.app.as_deref().unwrap_or(""));
        let signal = attempt.signal.map_or("", Signal::as_str);
        let text = searched_text(attempt);
        self.facets.insert(number, (service, app, signal, text.as_str()))?;
        self.json.insert(number, json.as_slice())?;
        Ok(number)
    }

    /// A row about a subject begins at a place.
    pub(super) fn add_place(&mut self, number: u32, place: (i64, u64)) -> Result<(), redb::Error> {
        self.places.insert((number, place.0, place.1), ())?;
        Ok(())
    }

    /// The row at a place is gone, or is about something else now. A subject without rows goes with its last one.
    pub(super) fn remove_place(&mut self, number: u32, place: (i64, u64)) -> Result<(), redb::Error> {
        self.places.remove((number, place.0, place.1))?;
        if self.places.range((number, i64::MIN, 0)..=(number, i64::MAX, u64::MAX))?.next().is_some() {
            return Ok(());
        }
        self.facets.remove(number)?;
        if let Some(gone) = self.json.remove(number)? {
            self.numbers.remove(short_digest(gone.value()))?;
        }
        Ok(())
    }
}

/// The tables as a reader has them.
pub(super) struct KnownSubjects {
    facets: ReadOnlyTable<u32, Facets>,
    json: ReadOnlyTable<u32, &'static [u8]>,
    places: ReadOnlyTable<(u32, i64, u64), ()>,
}

impl KnownSubjects {
    pub(super) fn open(transaction: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            facets: transaction.open_table(FACETS)?,
            json: transaction.open_table(SUBJECTS)?,
            places: transaction.open_table(PLACES)?,
        })
    }

    /// What a number stands for; `None` when that cannot be read.
    pub(super) fn attempt(&self, number: u32) -> Result<Option<Attempt>, redb::Error> {
        let Some(found) = self.json.get(number)? else { return Ok(None) };
        Ok(serde_json::from_slice(found.value()).ok())
    }

    /// The numbers that a query wants, its times apart; `None`: it wants all.
    pub(super) fn wanted(&self, query: &LogQuery) -> Result<Option<Vec<u32>>, redb::Error> {
        let search = query.search.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        if query.services.is_empty() && query.apps.is_empty() && query.signals.is_empty() && search.is_none()
        {
            return Ok(None);
        }
        let mut wanted = Vec::new();
        // No field holds an end of line: it keeps them apart.
        if search.as_ref().is_some_and(|text| text.contains('\n')) {
            return Ok(Some(wanted));
        }
        for entry in self.facets.iter()? {
            let (number, facets) = entry?;
            let (service, app, signal, text) = facets.value();
            if query.wants_subject(service, app, signal)
                && search
                    .as_ref()
                    .is_none_or(|searched| query.names(service) || text.contains(searched.as_str()))
            {
                wanted.push(number.value());
            }
        }
        Ok(Some(wanted))
    }

    /// The places of the rows about one subject, in order.
    pub(super) fn places(
        &self,
        number: u32,
        from: (i64, u64),
        to: (i64, u64),
    ) -> Result<redb::Range<'static, (u32, i64, u64), ()>, redb::Error> {
        Ok(self.places.range((number, from.0, from.1)..=(number, to.0, to.1))?)
    }
}

fn subject_json(attempt: &Attempt) -> Vec<u8> {
    let subject = Attempt { bytes_held: 0, ..attempt.clone() };
    serde_json::to_vec(&subject).expect("an attempt holds nothing that JSON cannot express")
}

fn short_digest(json: &[u8]) -> u128 {
    let digest = digest(&SHA256, json);
    let (half, _) = digest.as_ref().split_first_chunk().expect("a SHA-256 digest has 32 bytes");
    u128::from_be_bytes(*half)
}

/// What a search looks at, in lower case.
pub(super) fn searched_text(attempt: &Attempt) -> String {
    let address = attempt.address.map(|address| address.to_string());
    let fields = [&attempt.service, &attempt.host, &attempt.app, &address, &attempt.path];
    let mut text = String::new();
    for field in fields.into_iter().flatten().chain([&attempt.reason]) {
        text.push_str(&field.to_lowercase().replace('\n', " "));
        text.push('\n');
    }
    text
}
