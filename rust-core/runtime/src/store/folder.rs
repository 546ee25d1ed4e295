//! The state folder and the files in it, readable by their owner only.
use super::StoreError;
use redb::Database;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The database's cache, in bytes: its default of 1 GiB is far more than the whole store.
const CACHE_SIZE: usize = 4 * 1024 * 1024;

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

/// The most damaged stores that are kept; the oldest go.
const MOST_ASIDE: usize = 3;

/// How a damaged store is put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// As a copy: the file itself can still be used.
    Copied,
    /// For good.
    Moved,
}

/// Puts the store of a folder aside, under a name that tells when. Returns the new name.
pub(crate) fn put_aside(folder: &Path, how: Aside, now_ms: i64) -> Result<PathBuf, StoreError> {
    let path = folder.join(super::FILE);
    let prefix = format!("{}.damaged-", super::FILE);
    // Names sort by time.
    let aside = folder.join(format!("{prefix}{:015}", now_ms.max(0)));
    let put = || {
        match how {
            Aside::Moved => std::fs::rename(&path, &aside)?,
            Aside::Copied => {
                if let Err(error) = copy(&path, &aside) {
                    // A part of a copy is of no use, and takes room that may be what is missing.
                    let _ = std::fs::remove_file(&aside);
                    return Err(error);
                }
            }
        }
        let mut earlier: Vec<PathBuf> = std::fs::read_dir(folder)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)))
            .collect();
        earlier.sort();
        for old in earlier.iter().rev().skip(MOST_ASIDE) {
            std::fs::remove_file(old)?;
        }
        File::open(folder)?.sync_all()
    };
    put().map_err(|error: io::Error| StoreError::Folder { path: folder.to_owned(), error })?;
    Ok(aside)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let mut source = File::open(from)?;
    // Hidden from `copy`, which would else let the kernel copy: Android kills apps for some of the calls that do.
    let source: &mut dyn io::Read = &mut source;
    io::copy(source, &mut target)?;
    target.sync_all()
}
