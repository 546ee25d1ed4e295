//! The state folder and the files in it, readable by their owner only.
use super::StoreError;
use redb::Database;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The database's cache, in bytes: its default of 1 GiB is far more than the whole store.
const CACHE_SIZE: usize = 1024 * 1024;

/// The control socket of a state folder.
pub(crate) fn control_socket(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Creates the folder, and closes it to everybody but its owner.
pub(crate) fn prepare(folder: &Path) -> Result<(), StoreError> {
    let prepare = || {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let metadata = std::fs::metadata(folder)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    prepare().map_err(|error: io::Error| StoreError::Folder { path: folder.to_owned(), error })
}

/// Opens the database file, creating it readable by its owner only.
pub(super) fn open_database(path: &Path) -> Result<Database, redb::Error> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    Ok(Database::builder().set_cache_size(CACHE_SIZE).create(path)?)
}
