//! One database handle that heals: after a failed write redb refuses all further work until the file is opened anew.
use super::StoreError;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use std::fmt;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

/// Opens the database anew.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::Error> + Send + Sync>;

pub(super) struct Disk {
    path: PathBuf,
    opener: Opener,
    /// `None` after a failure, until the next use.
    database: RwLock<Option<Database>>,
}

impl Disk {
    pub(super) fn open(path: PathBuf, opener: Opener) -> Result<Self, StoreError> {
        let disk = Self { path, opener, database: RwLock::new(None) };
        disk.reopen()?;
        Ok(disk)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads in one transaction.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(|database| work(&database.begin_read()?))
    }

    /// Writes in one transaction: all or nothing, and on disk when it returns.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            // Costs some tenths of a millisecond, and makes opening after a kill as quick as after an orderly end.
            transaction.set_quick_repair(true);
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    /// Gives free pages back to the system.
    pub(super) fn compact(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = &mut *database else { return Ok(()) };
        let result = guarded(|| Ok(open.compact()?));
        result.map(|_| ()).map_err(|error| {
            *database = None;
            self.explain(error)
        })
    }

    /// The error for contents that cannot be right.
    pub(super) fn corrupt(&self, detail: &str) -> StoreError {
        StoreError::Corrupt { path: self.path.clone(), detail: detail.to_owned() }
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.reopen()?;
        }
        let result = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            let Some(database) = &*database else {
                return Err(StoreError::Io {
                    path: self.path.clone(),
                    error: "it was just closed".to_owned(),
                });
            };
            guarded(|| work(database))
        };
        result.map_err(|error| {
            *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
            self.explain(error)
        })
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() {
            *database = Some(guarded(|| (self.opener)()).map_err(|error| self.explain(error))?);
        }
        Ok(())
    }

    fn explain(&self, error: redb::Error) -> StoreError {
        let path = self.path.clone();
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => {
                let path = path.parent().map(Path::to_owned).unwrap_or_default();
                StoreError::Locked { path, holder: None }
            }
            redb::Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                StoreError::Corrupt { path, detail: error.to_string() }
            }
            // A file that ends before its own header says so.
            redb::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                StoreError::Corrupt { path, detail: "it ends too early".to_owned() }
            }
            redb::Error::Io(error)
                if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                StoreError::Full { path }
            }
            redb::Error::Io(error) => StoreError::Io { path, error: error.to_string() },
            redb::Error::PreviousIo => StoreError::Io {
                path,
                error: "an earlier write failed; trying again from the start".to_owned(),
            },
            error @ (redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TypeDefinitionChanged { .. }) => {
                StoreError::Corrupt { path, detail: error.to_string() }
            }
            error => StoreError::Io { path, error: error.to_string() },
        }
    }
}

/// Runs database code on a file that anything may have happened to. A panic in there means that the file breaks the
/// database's own rules.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(redb::Error::Corrupted("its inner structure is not sound".to_owned())))
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("path", &self.path).finish_non_exhaustive()
    }
}
