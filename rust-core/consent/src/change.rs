use crate::{Clock, End, Scope};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the owner made a change known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A screen of the app.
    Screen,
    /// A notification's button.
    Notification,
    /// The quick-settings tile.
    Tile,
    /// The command line.
    Command,
    /// Managed configuration by the organisation that owns the phone.
    ManagedConfiguration,
    /// The passing of time or a restart, not a person.
    Clock,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Screen => "screen",
            Self::Notification => "notification",
            Self::Tile => "tile",
            Self::Command => "command",
            Self::ManagedConfiguration => "managed configuration",
            Self::Clock => "clock",
        })
    }
}

/// One change of consent: what one record of the ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it was made.
    pub clock: Clock,
    /// How it was made.
    pub via: Via,
    /// What changed.
    #[serde(flatten)]
    pub kind: ChangeKind,
}

/// What a [`Change`] changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChangeKind {
    /// Consent given. Replaces an earlier grant of the same service and scope; for all apps and without an end it also
    /// switches an essential service on again.
    Grant {
        /// The service's id.
        service: String,
        /// For whom.
        scope: Scope,
        /// Until when.
        end: End,
    },
    /// Consent withdrawn. For all apps it ends every grant of the service and switches an essential service off.
    Revoke {
        /// The service's id.
        service: String,
        /// For whom.
        scope: Scope,
    },
    /// A grant that ended by itself.
    Expire {
        /// The service's id.
        service: String,
        /// For whom it was.
        scope: Scope,
    },
    /// Strict mode switched on for an app: it reaches only what is catalogued and allowed.
    StrictOn {
        /// Package name.
        app: String,
    },
    /// Strict mode switched off for an app.
    StrictOff {
        /// Package name.
        app: String,
    },
}

impl Change {
    /// Wall-clock time of the change: milliseconds since 1970-01-01T00:00:00Z.
    pub fn time_ms(&self) -> i64 {
        self.clock.wall_ms
    }

    /// `grant`, `revoke`, `expire`, `strict_on` or `strict_off`.
    pub fn name(&self) -> &'static str {
        match self.kind {
            ChangeKind::Grant { .. } => "grant",
            ChangeKind::Revoke { .. } => "revoke",
            ChangeKind::Expire { .. } => "expire",
            ChangeKind::StrictOn { .. } => "strict_on",
            ChangeKind::StrictOff { .. } => "strict_off",
        }
    }

    /// The id of the service it is about; `None` for strict mode.
    pub fn service(&self) -> Option<&str> {
        match &self.kind {
            ChangeKind::Grant { service, .. }
            | ChangeKind::Revoke { service, .. }
            | ChangeKind::Expire { service, .. } => Some(service),
            ChangeKind::StrictOn { .. } | ChangeKind::StrictOff { .. } => None,
        }
    }

    /// Whom it is about.
    pub fn scope(&self) -> Scope {
        match &self.kind {
            ChangeKind::Grant { scope, .. }
            | ChangeKind::Revoke { scope, .. }
            | ChangeKind::Expire { scope, .. } => scope.clone(),
            ChangeKind::StrictOn { app } | ChangeKind::StrictOff { app } => Scope::App(app.clone()),
        }
    }

    /// Until when a grant holds; `Never` for other changes.
    pub fn end(&self) -> End {
        match self.kind {
            ChangeKind::Grant { end, .. } => end,
            _ => End::Never,
        }
    }
}
