use serde::{Deserialize, Serialize};
use std::fmt;

/// Who owns a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Nobody can tell. Grants to single apps do not apply.
    #[default]
    Unknown,
    /// A system identity that many unrelated parts of the phone share (uid 1000). Judged by the other signals; grants to
    /// single apps do not apply.
    Shared {
        /// The user id.
        uid: u32,
    },
    /// One app, or a few packages of one maker that run under one user id.
    App {
        /// The user id.
        uid: u32,
        /// The packages behind it. More than one cannot be told apart: a grant to one app counts only where each of
        /// them has one, and one dedicated (or strict) package makes the flow dedicated (or strict).
        packages: Vec<String>,
    },
}

impl Owner {
    /// The packages behind the flow; empty when unknown or shared.
    pub fn packages(&self) -> &[String] {
        match self {
            Self::App { packages, .. } => packages,
            Self::Unknown | Self::Shared { .. } => &[],
        }
    }

    /// The owner as the log shows it: package names joined by `+`, `uid:N` where no package is known, or `None`.
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::Shared { uid } => Some(format!("uid:{uid}")),
            Self::App { uid, packages } if packages.is_empty() => Some(format!("uid:{uid}")),
            Self::App { packages, .. } => Some(packages.join("+")),
        }
    }
}

/// Whom a grant covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every app of the phone.
    #[default]
    AllApps,
    /// One app, by package name.
    App(String),
}

impl Scope {
    /// The longest package name that is accepted, in bytes (Android's own limit on file names).
    pub const LONGEST_APP: usize = 255;

    /// Whether an app is named by a package name: letters, digits, `_` and `.`. A shared user id is no app.
    pub(crate) fn is_sensible(&self) -> bool {
        let Self::App(app) = self else { return true };
        !app.is_empty()
            && app.len() <= Self::LONGEST_APP
            && app.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllApps => f.write_str("all apps"),
            Self::App(app) => f.write_str(app),
        }
    }
}
