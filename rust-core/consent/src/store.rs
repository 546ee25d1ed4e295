//! Where consent changes are kept.
use crate::ledger::{Broken, Entry, Head, KeyError, Ledger, SigningKey};
use crate::{Change, Consents};
use std::convert::Infallible;

/// Durable storage for the ledger.
pub trait ConsentStore {
    /// Why storing or loading failed.
    type Error: std::error::Error + 'static;

    /// All entries, oldest first, and the head; no head where nothing was ever stored.
    ///
    /// # Errors
    /// The storage cannot be read.
    fn load(&mut self) -> Result<(Vec<Entry>, Option<Head>), Self::Error>;

    /// Adds entries and replaces the head, all or nothing. Durable when it returns.
    ///
    /// # Errors
    /// Nothing was stored.
    fn append(&mut self, entries: &[Entry], head: &Head) -> Result<(), Self::Error>;
}

/// Storage that lasts as long as the process: the twin of the real one, for tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    /// What was appended, oldest first.
    pub entries: Vec<Entry>,
    /// The last head.
    pub head: Option<Head>,
}

impl ConsentStore for MemoryStore {
    type Error = Infallible;

    fn load(&mut self) -> Result<(Vec<Entry>, Option<Head>), Infallible> {
        Ok((self.entries.clone(), self.head.clone()))
    }

    fn append(&mut self, entries: &[Entry], head: &Head) -> Result<(), Infallible> {
        self.entries.extend_from_slice(entries);
        self.head = Some(head.clone());
        Ok(())
    }
}

/// Why stored consents could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError<E: std::error::Error + 'static> {
    /// The storage cannot be read.
    #[error("the consent ledger cannot be read: {0}")]
    Storage(#[source] E),
    /// The ledger was tampered with or damaged. Every consent counts as not given; set the file aside and tell the owner.
    #[error("{0}; every consent counts as not given")]
    Broken(#[from] Broken),
}

/// Why a change could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum RecordError<E: std::error::Error + 'static> {
    /// The storage did not take it.
    #[error(transparent)]
    Storage(E),
    /// No entry could be made of it.
    #[error(transparent)]
    Entry(#[from] KeyError),
}

/// The consents of one store: checked when opened, and no change counts before it is durable.
#[derive(Debug)]
pub struct StoredConsents<S> {
    store: S,
    ledger: Ledger,
    consents: Consents,
}

impl<S: ConsentStore> StoredConsents<S> {
    /// Loads, checks and replays a ledger.
    ///
    /// # Errors
    /// The storage cannot be read, or the ledger breaks.
    pub fn open(mut store: S, key: SigningKey) -> Result<Self, OpenError<S::Error>> {
        let (entries, head) = store.load().map_err(OpenError::Storage)?;
        let (ledger, changes) = Ledger::open(key, &entries, head.as_ref())?;
        let consents = Consents::replay(&changes);
        Ok(Self { store, ledger, consents })
    }

    /// Stores a change, then lets it count.
    ///
    /// # Errors
    /// Nothing was stored and nothing changed.
    pub fn record(&mut self, change: &Change) -> Result<(), RecordError<S::Error>> {
        self.record_all(std::slice::from_ref(change))
    }

    /// Stores changes, all or none of them, then lets them count.
    ///
    /// # Errors
    /// Nothing was stored and nothing changed.
    pub fn record_all(&mut self, changes: &[Change]) -> Result<(), RecordError<S::Error>> {
        if changes.is_empty() {
            return Ok(());
        }
        let (entries, head) = self.ledger.entries(changes)?;
        self.store.append(&entries, &head).map_err(RecordError::Storage)?;
        self.ledger.advance(&head);
        for change in changes {
            self.consents.apply(change);
        }
        Ok(())
    }

    /// The choices in force.
    pub fn consents(&self) -> &Consents {
        &self.consents
    }

    /// The end of the ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The storage, for what else it keeps.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// The storage, for what else it keeps.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }
}
