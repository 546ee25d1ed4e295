//! The consent ledger's place in the store.
use super::{SETTINGS, SIGNING_KEY, Store, StoreError};
use consentry_consent::ledger::{Entry, Head};
use consentry_consent::{ConsentStore, OpenError, RecordError, StoredConsents};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use std::path::PathBuf;
use std::sync::Arc;

/// Sequence number to the JSON of an [`Entry`].
const LEDGER: TableDefinition<u64, &[u8]> = TableDefinition::new("ledger");
/// One row, 0: the JSON of the [`Head`].
const HEAD: TableDefinition<u64, &[u8]> = TableDefinition::new("ledger_head");

pub(super) fn create_tables(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(LEDGER)?;
    transaction.open_table(HEAD)?;
    Ok(())
}

/// The ledger of a store, as [`StoredConsents`] wants it.
#[derive(Clone, Debug)]
pub struct ConsentLedger(Arc<Store>);

impl ConsentLedger {
    /// Loads and checks the ledger of a store.
    ///
    /// # Errors
    /// The store cannot be read, or the ledger was tampered with or damaged: then nothing counts as granted.
    pub fn open(store: Arc<Store>) -> Result<StoredConsents<Self>, StoreError> {
        let key = store.signing_key()?;
        let path = store.path().to_owned();
        StoredConsents::open(Self(store), key).map_err(|error| match error {
            OpenError::Storage(error) => error,
            OpenError::Broken(broken) => StoreError::Corrupt { path, detail: broken.to_string() },
        })
    }
}

impl ConsentLedger {
    #[cfg(test)]
    pub(super) fn of(store: &Arc<Store>) -> Self {
        Self(store.clone())
    }

    /// The file it is kept in.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

impl ConsentStore for ConsentLedger {
    type Error = StoreError;

    fn load(&mut self) -> Result<(Vec<Entry>, Option<Head>), StoreError> {
        let (entries, head) = self.0.disk.read(|transaction| {
            let ledger = transaction.open_table(LEDGER)?;
            let mut entries = Vec::new();
            for entry in ledger.iter()? {
                entries.push(entry?.1.value().to_vec());
            }
            let head = transaction.open_table(HEAD)?.get(0)?.map(|head| head.value().to_vec());
            Ok((entries, head))
        })?;
        let unreadable = |what: &str| self.0.disk.corrupt(&format!("{what} cannot be read"));
        let entries = (0u64..)
            .zip(entries)
            .map(|(at, json)| {
                serde_json::from_slice(&json).map_err(|_| unreadable(&format!("entry {at} of the ledger")))
            })
            .collect::<Result<_, _>>()?;
        let head = head
            .map(|json| serde_json::from_slice(&json).map_err(|_| unreadable("the ledger's head")))
            .transpose()?;
        Ok((entries, head))
    }

    fn append(&mut self, entries: &[Entry], head: &Head) -> Result<(), StoreError> {
        const WHY: &str = "entries and heads hold nothing that JSON cannot express";
        let json = serde_json::to_vec(head).expect(WHY);
        let stored = self.0.disk.write(|transaction| {
            let mut ledger = transaction.open_table(LEDGER)?;
            for entry in entries {
                let json = serde_json::to_vec(entry).expect(WHY);
                ledger.insert(entry.sequence, json.as_slice())?;
            }
            transaction.open_table(HEAD)?.insert(0, json.as_slice())?;
            Ok(())
        });
        stored.or_else(|error| {
            // A disk that fails in the very last step may have taken it all the same, and would have it after a restart.
            match self.load() {
                Ok((_, Some(found))) if found == *head => Ok(()),
                _ => Err(error),
            }
        })
    }
}

impl Store {
    /// Removes a ledger that cannot be believed, and the key if it is damaged. Whoever does so has put a copy aside.
    pub(crate) fn remove_ledger(&self) -> Result<(), StoreError> {
        let key_is_damaged = self.signing_key().is_err();
        self.disk.write(|transaction| {
            transaction.delete_table(LEDGER)?;
            transaction.delete_table(HEAD)?;
            if key_is_damaged {
                transaction.open_table(SETTINGS)?.remove(SIGNING_KEY)?;
            }
            create_tables(transaction)
        })
    }
}

impl From<RecordError<StoreError>> for StoreError {
    fn from(error: RecordError<StoreError>) -> Self {
        match error {
            RecordError::Storage(error) => error,
            RecordError::Entry(_) => Self::NoRandomness,
        }
    }
}
