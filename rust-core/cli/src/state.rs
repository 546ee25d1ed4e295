//! The state folder.

use crate::failure::Failure;
use consentry_runtime::access::State;
use std::env;
use std::path::{Path, PathBuf};

/// The folder given, or `consentry` in the user's state folder (XDG Base Directory Specification).
pub(crate) fn folder(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(folder) = given {
        return Ok(folder);
    }
    // The specification has relative paths ignored.
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    base.map(|base| base.join("consentry")).ok_or_else(|| {
        Failure::BadInput(
            "no state folder: neither XDG_STATE_HOME nor HOME is set; give one with --state DIR".to_owned(),
        )
    })
}

/// Opens the state folder that was given, or the usual one.
pub(crate) fn open(given: Option<PathBuf>) -> Result<State, Failure> {
    open_folder(&folder(given)?)
}

/// Opens this state folder.
pub(crate) fn open_folder(folder: &Path) -> Result<State, Failure> {
    State::open(folder).map_err(Failure::bad_input)
}
