//! Running cargo with our own build folder and profile.
use crate::TaskError;
use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let manifest = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("xtask lies two folders below the root").to_owned()
}

/// Where things are built: `CARGO_TARGET_DIR` if set, else the user's cache folder, so that a fresh clone finds what an
/// earlier one built.
pub(crate) fn target_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("CARGO_TARGET_DIR") {
        return folder.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    cache.map_or_else(|| root().join("target"), |cache| cache.join("consentry/target"))
}

/// A program that was built.
pub(crate) fn built(name: &str) -> PathBuf {
    target_folder().join("debug").join(name)
}

/// A cargo command with these words, in the workspace's root.
///
/// It builds the development profile, whose checks for overflow and broken assumptions are worth having in tests, with
/// light optimisation: end-to-end tests move hundreds of megabytes.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(words)
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target_folder())
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CONSENTRY_BIN", built("consentry"))
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end; says whether it succeeded.
pub(crate) fn succeeds(mut command: Command) -> Result<bool, TaskError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.status().map(|status| status.success()).map_err(|source| TaskError::Start { program, source })
}
