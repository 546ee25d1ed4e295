//! The store: one redb file in the state folder that holds the consent ledger, the attempt log and its tallies, the sinkhole
//! mappings and the settings.
//!
//! One process, one handle: [`Store::open`] takes the lock on `state.lock` first and keeps it. Everything is written in
//! transactions that are on disk when they return, so that a crash loses nothing that was confirmed.
mod disk;
mod error;
mod folder;
mod ledger;
mod lock;
mod log;
mod migrate;
mod open_rows;
mod preferences;
mod query;
mod retention;
mod runs;
mod subjects;
mod tallies;

pub use error::StoreError;
pub use ledger::ConsentLedger;
pub use log::{Batch, LogSize, Logged};
pub use query::{Cursor, LogQuery, NumberedPage, Page};
pub use retention::Retention;
pub use tallies::{Counted, Seen, TALLY_MS, Tally};

pub(crate) use folder::{Aside, control_socket, prepare as prepare_folder, put_aside};
pub(crate) use lock::StateLock;

use consentry_consent::ledger::SigningKey;
use disk::Disk;
use redb::{ReadableTable, TableDefinition};
use std::path::Path;
use std::sync::Mutex;

/// The layout of the tables. A store with a higher number was written by a newer Consentry, and is left alone.
pub const SCHEMA: u64 = 2;

/// The file inside the state folder.
const FILE: &str = "consentry.redb";

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const SETTINGS: TableDefinition<&str, &[u8]> = TableDefinition::new("settings");
const SINKHOLES: TableDefinition<&str, u32> = TableDefinition::new("sinkholes");

const SCHEMA_KEY: &str = "schema";
const SECRET_KEY: &str = "secret";
const SIGNING_KEY: &str = "signing_key";

/// An open store, with its lock.
#[derive(Debug)]
pub struct Store {
    disk: Disk,
    open_rows: Mutex<open_rows::OpenRows>,
    present: Mutex<Option<runs::Present>>,
    /// Held until the store is dropped.
    _lock: Option<StateLock>,
}

impl Store {
    /// Opens the store of a state folder; creates folder and store when they are absent.
    ///
    /// # Errors
    /// Another process holds the folder, it cannot be used, or the store is corrupt or of a newer version. In no case is
    /// an existing file replaced.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        folder::prepare(folder)?;
        let lock = StateLock::take(folder)?;
        Self::open_locked(folder, lock)
    }

    /// Opens the store of a folder whose lock is held already.
    pub(crate) fn open_locked(folder: &Path, lock: StateLock) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let disk = Disk::open(path.clone(), Box::new(move || folder::open_database(&path)))?;
        Self::on(disk, Some(lock))
    }

    fn on(disk: Disk, lock: Option<StateLock>) -> Result<Self, StoreError> {
        let store = Self { disk, open_rows: Mutex::default(), present: Mutex::default(), _lock: lock };
        store.check_schema()?;
        Ok(store)
    }

    /// Where the database file is.
    pub fn path(&self) -> &Path {
        self.disk.path()
    }

    /// A random value, made once and kept: it keys the sinkhole pool and everything else that outsiders must not predict.
    ///
    /// # Errors
    /// The store cannot be read or, the first time, written.
    pub fn secret(&self) -> Result<[u8; 16], StoreError> {
        let kept = self.setting(SECRET_KEY)?;
        if let Some(secret) = kept {
            return secret.try_into().map_err(|_| self.disk.corrupt("the secret has the wrong length"));
        }
        let mut secret = [0; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut secret)
            .map_err(|_| StoreError::NoRandomness)?;
        self.set_setting(SECRET_KEY, &secret)?;
        Ok(secret)
    }

    /// Every sinkhole mapping, by name.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn sinkholes(&self) -> Result<Vec<(String, u32)>, StoreError> {
        self.disk.read(|transaction| {
            let table = transaction.open_table(SINKHOLES)?;
            let mut mappings = Vec::new();
            for entry in table.iter()? {
                let (name, index) = entry?;
                mappings.push((name.value().to_owned(), index.value()));
            }
            Ok(mappings)
        })
    }

    /// The key that signs the ledger, made once and kept.
    fn signing_key(&self) -> Result<SigningKey, StoreError> {
        if let Some(document) = self.setting(SIGNING_KEY)? {
            return SigningKey::from_pkcs8(&document).map_err(|error| self.disk.corrupt(&error.to_string()));
        }
        let (key, document) = SigningKey::generate().map_err(|_| StoreError::NoRandomness)?;
        self.set_setting(SIGNING_KEY, &document)?;
        Ok(key)
    }

    fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.read(|transaction| {
            let table = transaction.open_table(SETTINGS)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.disk.write(|transaction| {
            transaction.open_table(SETTINGS)?.insert(key, value)?;
            Ok(())
        })
    }

    /// Refuses a store of a newer version, brings an older one up to date, and makes the tables of a new one, so that readers find
    /// them.
    fn check_schema(&self) -> Result<(), StoreError> {
        let found = self.disk.read(|transaction| match transaction.open_table(META) {
            Ok(table) => Ok(table.get(SCHEMA_KEY)?.map(|value| value.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        })?;
        match found {
            Some(SCHEMA) => Ok(()),
            Some(1) => self.migrate_from_1(),
            Some(newer) if newer > SCHEMA => {
                Err(StoreError::Newer { path: self.path().to_owned(), found: newer, known: SCHEMA })
            }
            Some(other) => Err(self.disk.corrupt(&format!("its version is {other}, which never existed"))),
            None => self.disk.write(|transaction| {
                transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
                transaction.open_table(SETTINGS)?;
                transaction.open_table(SINKHOLES)?;
                log::create_tables(transaction)?;
                ledger::create_tables(transaction)
            }),
        }
    }
}

#[cfg(test)]
pub(crate) mod faulty;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
