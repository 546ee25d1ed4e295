//! What can go wrong, in the terms that the app knows.
use consentry_consent::ConsentError;
use consentry_runtime::StartError;
use consentry_runtime::open_state::DecisionError;
use consentry_runtime::store::StoreError;
use std::io;

/// What kind of failure. The app has a sentence in the owner's language for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The handle is dead, or never was one.
    Closed,
    /// The call makes no sense: JSON of an unknown form, an engine started twice.
    BadRequest,
    /// The catalogue has no such service.
    UnknownService,
    /// The store was written by a newer version.
    StoreNewer,
    /// The store is damaged.
    StoreCorrupt,
    /// The store cannot be written.
    StoreUnwritable,
    /// There is no room to write.
    DiskFull,
    /// Another process has the state folder, or another handle of this one.
    Locked,
    /// The descriptor is closed, or no TUN device.
    Tun,
    /// A fault of ours.
    Panic,
    /// Anything else.
    Internal,
}

impl Code {
    /// Its name at the boundary.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::BadRequest => "bad_request",
            Self::UnknownService => "unknown_service",
            Self::StoreNewer => "store_newer",
            Self::StoreCorrupt => "store_corrupt",
            Self::StoreUnwritable => "store_unwritable",
            Self::DiskFull => "disk_full",
            Self::Locked => "locked",
            Self::Tun => "tun",
            Self::Panic => "panic",
            Self::Internal => "internal",
        }
    }
}

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EngineError {
    pub(crate) code: Code,
    /// What and why, for a report. May name services and hosts.
    pub(crate) message: String,
}

impl EngineError {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The handle is dead.
    pub(crate) fn closed() -> Self {
        Self::new(Code::Closed, "the engine is closed")
    }

    /// JSON of an unknown form.
    pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        Self::new(Code::BadRequest, format!("{what} cannot be understood: {error}"))
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        // In the app's words: the store's own give advice about the command line.
        match error {
            StoreError::Folder { error, .. } => Self::new(
                code_of(&error),
                format!("the folder for Consentry's records cannot be used: {error}"),
            ),
            StoreError::Locked { .. } => Self::new(Code::Locked, "Consentry's records are in use already"),
            StoreError::Corrupt { detail, .. } => Self::new(
                Code::StoreCorrupt,
                format!("Consentry's records are damaged: {detail}. Nothing counts as allowed"),
            ),
            StoreError::Newer { found, known, .. } => Self::new(
                Code::StoreNewer,
                format!(
                    "Consentry's records were written by a newer version (layout {found}, this one knows {known})"
                ),
            ),
            StoreError::Full { .. } => Self::new(
                Code::DiskFull,
                "the phone's storage is full: Consentry's records cannot be written",
            ),
            StoreError::Io { error, .. } => Self::new(
                Code::StoreUnwritable,
                format!("Consentry's records cannot be read or written: {error}"),
            ),
            StoreError::NoRandomness => Self::new(Code::Internal, error.to_string()),
        }
    }
}

fn code_of(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::StoreUnwritable,
    }
}

impl From<ConsentError> for EngineError {
    fn from(error: ConsentError) -> Self {
        let code = match error {
            ConsentError::UnknownService { .. } => Code::UnknownService,
            _ => Code::BadRequest,
        };
        Self::new(code, error.to_string())
    }
}

impl From<DecisionError> for EngineError {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Consent(error) => error.into(),
            DecisionError::NotStored(error) => {
                let Self { code, message } = error.into();
                Self { code, message: format!("{message}. Nothing was changed") }
            }
            DecisionError::SettingsNotStored(error) => {
                let Self { code, message } = error.into();
                Self {
                    code,
                    message: format!("{message}. The decisions were restored, the settings were not"),
                }
            }
            DecisionError::NotYetStored(error) => {
                let Self { code, message } = error.into();
                let message =
                    format!("{message}. It is held back from now on, but that is not written down yet");
                Self { code, message }
            }
        }
    }
}

impl From<StartError> for EngineError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::AlreadyRunning { .. } => {
                Self::new(Code::Locked, "an engine is running on these records already")
            }
            StartError::Store(error) => error.into(),
            StartError::Tun(error) => Self::new(Code::Tun, error.to_string()),
            error @ (StartError::PacketLog { .. }
            | StartError::Control { .. }
            | StartError::System { .. }) => Self::new(Code::Internal, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn every_trouble_with_the_store_has_its_code_and_no_advice_about_a_command_line() {
        let path = || PathBuf::from("/data/state");
        let folder = |kind: io::ErrorKind| StoreError::Folder { path: path(), error: kind.into() };
        let io = |error: &str| StoreError::Io { path: path(), error: error.to_owned() };
        let cases = [
            (folder(io::ErrorKind::PermissionDenied), "store_unwritable"),
            (folder(io::ErrorKind::ReadOnlyFilesystem), "store_unwritable"),
            (folder(io::ErrorKind::StorageFull), "disk_full"),
            (StoreError::Locked { path: path(), holder: Some(7) }, "locked"),
            (StoreError::Corrupt { path: path(), detail: "it ends too early".to_owned() }, "store_corrupt"),
            (StoreError::Newer { path: path(), found: 2, known: 1 }, "store_newer"),
            (StoreError::Full { path: path() }, "disk_full"),
            (io("no permission"), "store_unwritable"),
            (StoreError::NoRandomness, "internal"),
        ];
        for (error, code) in cases {
            let error = EngineError::from(error);
            assert_eq!(error.code.as_str(), code);
            assert!(!error.message.contains("--state"), "{error}");
        }
    }

    #[test]
    fn a_change_that_failed_says_whether_it_holds() {
        let full = || StoreError::Full { path: PathBuf::from("/data/state") };
        let not = EngineError::from(DecisionError::NotStored(full()));
        let not_yet = EngineError::from(DecisionError::NotYetStored(full()));
        assert_eq!((not.code, not_yet.code), (Code::DiskFull, Code::DiskFull));
        assert!(not.message.ends_with("Nothing was changed"), "{not}");
        assert!(not_yet.message.contains("held back from now on"), "{not_yet}");
    }
}
