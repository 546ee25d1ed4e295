use std::io;
use std::path::PathBuf;

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state folder cannot be created or used.
    #[error(
        "cannot use the state folder {path}: {error}; choose another with --state, or correct its permissions"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process holds the folder.
    #[error("the state folder {path} is in use by {}; stop that one first, or choose another folder with --state",
        holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, if it said so.
        holder: Option<u32>,
    },
    /// The file holds something else than a whole store.
    #[error(
        "the store {path} is damaged: {detail}; nothing counts as granted. Set the file aside to start anew, or put back a copy"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Written by a newer version.
    #[error(
        "the store {path} was written by a newer Consentry (layout {found}, this one knows {known}): use that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout found.
        found: u64,
        /// The newest layout known.
        known: u64,
    },
    /// There is no room to write.
    #[error("cannot write the store {path}: the disk is full; free some space")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed (no permission, a failing device).
    #[error("cannot read or write the store {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or the database said.
        error: String,
    },
    /// The system has no random numbers to make a key of.
    #[error("the system gave no random numbers to make the store's keys of")]
    NoRandomness,
}
