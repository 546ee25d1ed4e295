use crate::ledger::Digest;
use crate::{Clock, End, Meaning, Scope};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

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
    /// A backup that the owner put back.
    Restore,
    /// A new version of the catalogue, not a person.
    Catalogue,
    /// Another app that the owner lets give orders.
    Automation,
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
            Self::Restore => "restore",
            Self::Catalogue => "catalogue",
            Self::Automation => "automation",
            Self::Clock => "clock",
        })
    }
}

/// How the owner was asked, and answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct How {
    /// The way.
    pub via: Via,
    /// Which wording was shown: a version and a language, for example `0.1.0 de`. At most [`How::LONGEST_WORDING`] bytes.
    pub wording: Option<String>,
}

impl How {
    /// The longest name of a wording, in bytes.
    pub const LONGEST_WORDING: usize = 64;
}

impl From<Via> for How {
    fn from(via: Via) -> Self {
        Self { via, wording: None }
    }
}

/// One change of consent: what one record of the ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it was made.
    pub clock: Clock,
    /// How it was made.
    pub via: Via,
    /// Which wording the owner was shown: [`How::wording`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
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
        /// What the owner agreed to. Without it nothing is covered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        covers: Option<Arc<Meaning>>,
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
    /// A new catalogue says more of a service than a grant covers. The grant goes on for what it covers; the owner is to be
    /// asked about the rest.
    ServiceChanged {
        /// The service's id.
        service: String,
        /// For whom the grant is.
        scope: Scope,
        /// The digest of what the service stands for now.
        meaning: Digest,
    },
    /// An earlier ledger could not be believed and was set aside: every consent in it ended.
    Reset {
        /// What was wrong with it, and where.
        why: String,
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

    /// `grant`, `revoke`, `expire`, `service_changed`, `reset`, `strict_on` or `strict_off`.
    pub fn name(&self) -> &'static str {
        match self.kind {
            ChangeKind::Grant { .. } => "grant",
            ChangeKind::Revoke { .. } => "revoke",
            ChangeKind::Expire { .. } => "expire",
            ChangeKind::ServiceChanged { .. } => "service_changed",
            ChangeKind::Reset { .. } => "reset",
            ChangeKind::StrictOn { .. } => "strict_on",
            ChangeKind::StrictOff { .. } => "strict_off",
        }
    }

    /// The id of the service it is about; `None` for strict mode and for a reset.
    pub fn service(&self) -> Option<&str> {
        match &self.kind {
            ChangeKind::Grant { service, .. }
            | ChangeKind::Revoke { service, .. }
            | ChangeKind::Expire { service, .. }
            | ChangeKind::ServiceChanged { service, .. } => Some(service),
            ChangeKind::Reset { .. } | ChangeKind::StrictOn { .. } | ChangeKind::StrictOff { .. } => None,
        }
    }

    /// Whom it is about.
    pub fn scope(&self) -> Scope {
        match &self.kind {
            ChangeKind::Grant { scope, .. }
            | ChangeKind::Revoke { scope, .. }
            | ChangeKind::Expire { scope, .. }
            | ChangeKind::ServiceChanged { scope, .. } => scope.clone(),
            ChangeKind::Reset { .. } => Scope::AllApps,
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
