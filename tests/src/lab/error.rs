use std::{path::PathBuf, time::Duration};

/// Why the lab could not do what a test asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A program could not be started, or a file could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed ({status}): {output}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
    /// Something awaited did not happen.
    #[error("{what} did not happen within {within:?}{detail}")]
    TimedOut {
        /// What was awaited.
        what: String,
        /// For how long.
        within: Duration,
        /// The end of the log of the program concerned, if there is one.
        detail: String,
    },
    /// The `consentry` program has not been built.
    #[error("there is no consentry program at {}: run `cargo xtask test`, or set CONSENTRY_BIN", .0.display())]
    NoProgram(PathBuf),
    /// The firewall ended, or never began.
    #[error("consentry run ended early: {0}")]
    FirewallEnded(String),
    /// An answer was not what it has to be.
    #[error("{0}")]
    Unexpected(String),
}

impl LabError {
    /// Turns a system error into a lab error that says what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// What every lab function returns.
pub type Result<T> = std::result::Result<T, LabError>;
