//! How a command can fail, and what that means for the exit status.

use std::io;
use std::path::Path;

/// Exit status: the thing asked about is not so.
pub(crate) const NOT_SO: u8 = 1;
/// Exit status: bad usage or unreadable input.
pub(crate) const BAD_INPUT: u8 = 2;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The answer to the question is no.
    #[error("{0}")]
    NotSo(String),
    /// What was given cannot be used, or something that is needed is not there.
    #[error("{0}")]
    BadInput(String),
    /// Whoever reads our output has gone.
    #[error("the output's reader has gone")]
    ReaderGone,
}

impl Failure {
    /// What the process ends with.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::NotSo(_) => NOT_SO,
            Self::BadInput(_) => BAD_INPUT,
            Self::ReaderGone => 0,
        }
    }

    /// Bad input, in the words of another error.
    pub(crate) fn bad_input(error: impl std::fmt::Display) -> Self {
        Self::BadInput(error.to_string())
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::BadInput(format!("cannot {doing} {}: {error}", path.display()))
    }
}

/// Writing to stdout failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::BadInput(format!("cannot write the output: {error}"))
        }
    }
}
