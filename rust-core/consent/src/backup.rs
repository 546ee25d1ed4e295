//! A backup: the owner's decisions and settings in one file, to be put back on this phone or another.
//!
//! # The file
//! A JSON object of two members: `backup` (a [`Backup`]) and `sha256`, the digest (64 hexadecimal digits) of `backup` in the
//! canonical form of RFC 8785. `backup` holds `format` (`consentry-backup`), `version` (1), `made` (RFC 3339, UTC) and the
//! fields below. The digest shows damage; it is no signature, since another phone has another key.
//!
//! # What it holds, and what it does not
//! Grants without an end, services that were denied, apps in strict mode, preferences, and how much of the log is kept. Not the
//! log, not the ledger (receipts are for that), not the signing key, and no grant that would end by itself.
//!
//! # Putting it back
//! [`Backup::changes`] says what has to change so that the decisions of the file hold. Nothing is opened that the file does
//! not name: a grant of a service that has left the catalogue, or that stands for more today than when it was given, is
//! left out, an essential service that is switched off stays so, and strict mode is never switched off.
use crate::canonical::canonical;
use crate::ledger::Digest;
use crate::{Change, ChangeKind, Clock, Consents, End, Meaning, Scope, Term, Via, rfc3339};
use consentry_catalogue::Catalogue;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const FORMAT: &str = "consentry-backup";
const VERSION: u32 = 1;

/// The longest file, in bytes: a thousand times what people have.
pub const LONGEST: usize = 1024 * 1024;

/// Decisions and settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    format: String,
    version: u32,
    /// When it was made: milliseconds since 1970-01-01T00:00:00Z.
    #[serde(with = "rfc3339")]
    pub made: i64,
    /// What was granted without an end.
    pub grants: Vec<BackedUp>,
    /// Services that the owner denied or switched off.
    pub denied: BTreeSet<String>,
    /// Apps in strict mode.
    pub strict: BTreeSet<String>,
    /// What the program around the firewall remembers, by name.
    pub preferences: BTreeMap<String, String>,
    /// How much of the log is kept: days, and megabytes.
    pub retention: (u32, u32),
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackedUp {
    /// The service's id.
    pub service: String,
    /// For whom.
    pub scope: Scope,
    /// The digest of what the owner agreed to: [`Meaning::digest`].
    pub meaning: Digest,
}

/// What putting a backup back changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Services of the file that are not granted after all: they left the catalogue, or stand for more today.
    pub left_out: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    backup: Backup,
    sha256: Digest,
}

/// Why a file cannot be put back. Nothing of it is used then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Too long.
    #[error("the file is too long for a backup: more than {LONGEST} bytes")]
    TooLong,
    /// Not a backup, or not a whole one.
    #[error("not a whole backup: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Of another version.
    #[error("a file of format '{format}', version {version}: this program reads {FORMAT}, version {VERSION}")]
    OtherFormat {
        /// What the file says.
        format: String,
        /// What the file says.
        version: u32,
    },
    /// The digest is not right.
    #[error("the backup was changed or damaged after it was made: its digest is not right")]
    Damaged,
    /// It names something that is no app.
    #[error("the backup names something that is no app")]
    BadApp,
}

impl Backup {
    /// What is decided and set now. Grants that end by themselves are not part of it.
    pub fn new(
        consents: &Consents,
        preferences: BTreeMap<String, String>,
        retention: (u32, u32),
        now: &Clock,
    ) -> Self {
        let grants = consents.grants().filter(|grant| grant.end == End::Never && !grant.is_over(now));
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            made: rfc3339::nearest(now.wall_ms),
            grants: grants
                .filter_map(|grant| {
                    let meaning = grant.covers.as_ref()?.digest();
                    Some(BackedUp { service: grant.service.clone(), scope: grant.scope.clone(), meaning })
                })
                .collect(),
            denied: consents.switched_off().map(str::to_owned).collect(),
            strict: consents.strict_apps().map(str::to_owned).collect(),
            preferences,
            retention,
        }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let file = File { backup: self.clone(), sha256: digest(self) };
        serde_json::to_string_pretty(&file).expect("a backup holds nothing that JSON cannot express")
    }

    /// Reads a file, all of it or nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, BackupError> {
        #[derive(Deserialize)]
        struct Outer {
            backup: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            format: String,
            version: u32,
        }
        if text.len() > LONGEST {
            return Err(BackupError::TooLong);
        }
        let Outer { backup: Inner { format, version } } = serde_json::from_str(text)?;
        if format != FORMAT || version != VERSION {
            return Err(BackupError::OtherFormat { format, version });
        }
        let File { backup, sha256 } = serde_json::from_str(text)?;
        if digest(&backup) != sha256 {
            return Err(BackupError::Damaged);
        }
        let scopes = backup.grants.iter().map(|grant| grant.scope.clone());
        let strict = backup.strict.iter().cloned().map(Scope::App);
        if scopes.chain(strict).any(|scope| !scope.is_sensible()) {
            return Err(BackupError::BadApp);
        }
        Ok(backup)
    }

    /// How many decisions it holds.
    pub fn decisions(&self) -> usize {
        self.grants.len() + self.denied.len() + self.strict.len()
    }

    /// What has to change so that its decisions hold instead of the present ones.
    pub fn changes(&self, consents: &Consents, catalogue: &Catalogue, now: &Clock) -> Plan {
        let mut plan = Plan::default();
        let mut after = consents.clone();
        let wanted = self.wanted(catalogue, &mut plan.left_out);
        // Closed first, so that nothing is open in between that is open neither before nor after.
        self.close(&wanted, &mut after, now, &mut plan.changes);
        for app in &self.strict {
            if let Ok(change) = after.set_strict(app, true, Via::Restore, now) {
                take(change, &mut after, &mut plan.changes);
            }
        }
        for (service, scope) in wanted {
            let held = after.grants().any(|grant| {
                (grant.service.as_str(), &grant.scope) == (service, scope)
                    && grant.end == End::Never
                    && grant.outgrown_by(catalogue).is_none()
            });
            if !held
                && let Ok(change) =
                    after.grant(catalogue, service, scope.clone(), Term::Forever, Via::Restore, now)
            {
                take(change, &mut after, &mut plan.changes);
            }
        }
        plan
    }

    /// The grants of the file that mean today what they meant when they were given.
    fn wanted<'b>(
        &'b self,
        catalogue: &Catalogue,
        left_out: &mut BTreeSet<String>,
    ) -> BTreeSet<(&'b str, &'b Scope)> {
        let mut wanted = BTreeSet::new();
        for BackedUp { service, scope, meaning } in &self.grants {
            let now = catalogue.find(service).map(|index| Meaning::of(catalogue, index).digest());
            if now == Some(*meaning) {
                wanted.insert((service.as_str(), scope));
            } else {
                left_out.insert(service.clone());
            }
        }
        wanted
    }

    /// Withdraws what the file does not grant, and denies what it denies.
    fn close(
        &self,
        wanted: &BTreeSet<(&str, &Scope)>,
        after: &mut Consents,
        now: &Clock,
        changes: &mut Vec<Change>,
    ) {
        let extra: Vec<(String, Scope)> = after
            .grants()
            .filter(|grant| !wanted.contains(&(grant.service.as_str(), &grant.scope)))
            .map(|grant| (grant.service.clone(), grant.scope.clone()))
            .collect();
        let denied = self.denied.iter().filter(|service| {
            !after.is_switched_off(service) && !wanted.contains(&(service.as_str(), &Scope::AllApps))
        });
        let denied: Vec<_> = denied.map(|service| (service.clone(), Scope::AllApps)).collect();
        for (service, scope) in extra.into_iter().chain(denied) {
            let kind = ChangeKind::Revoke { service, scope };
            take(Change { clock: *now, via: Via::Restore, wording: None, kind }, after, changes);
        }
    }
}

fn take(change: Change, after: &mut Consents, changes: &mut Vec<Change>) {
    after.apply(&change);
    changes.push(change);
}

fn digest(backup: &Backup) -> Digest {
    Digest::plain(canonical(backup).as_bytes())
}
