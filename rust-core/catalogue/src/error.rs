//! What can be wrong with a catalogue file.

use thiserror::Error;

/// What is wrong with a catalogue file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {reason}")]
pub struct CatalogueError {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why a catalogue file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The text is not TOML, or a field is unknown, missing or of the wrong kind.
    #[error("{0}")]
    Format(String),
}
