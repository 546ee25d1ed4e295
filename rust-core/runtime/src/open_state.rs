//! An open state folder: its store, the consents in it, and the thread that writes. Usable with and without a running
//! firewall.
pub use crate::decisions::DecisionError;
pub use crate::recorder::Health;

use crate::clock;
use crate::control::Client;
use crate::decisions::Decisions;
use crate::firewall::StartError;
use crate::recorder::Recorder;
use crate::store::{Aside, Logged, Retention, StateLock, Store, StoreError, prepare_folder, put_aside};
use consentry_catalogue::Catalogue;
use consentry_consent::backup::{Backup, Plan};
use consentry_consent::{Change, Consents, How, Scope, Term};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long opening waits for a command that has the state folder just now.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// Is told what changes in an open state, by the thread that changed it and while others wait: it must return at once, and
/// must not turn to the state from there.
pub trait Observer: Send + Sync {
    /// These rows of the log are new or have counted further attempts.
    fn logged(&self, rows: &[Logged]);
    /// Consent was given or withdrawn, or has ended.
    fn consents_changed(&self);
}

/// An open state folder. Only one process has it at a time, and in it one value of this type.
pub struct OpenState {
    folder: PathBuf,
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) store: Arc<Store>,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) recorder: Recorder,
}

impl OpenState {
    /// Opens a state folder, which is created when it is absent, with some patience for a command that is using it.
    ///
    /// # Errors
    /// A firewall runs on it, another process holds it, or the store cannot be used. One that is damaged, or whose ledger was
    /// tampered with, is left as it is.
    pub fn open(
        folder: &Path,
        catalogue: &'static Catalogue,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, StartError> {
        let store = Arc::new(open_store(folder)?);
        let decisions = Decisions::open(store.clone(), catalogue, observer.clone())?;
        Self::with(folder, catalogue, observer, store, decisions)
    }

    /// The same where a firewall has to run whatever happened, because without it nothing is held back: what is damaged or was
    /// tampered with is put aside, nothing counts as granted, and the ledger begins anew with the reason
    /// ([`Consents::reset`]).
    ///
    /// # Errors
    /// As for [`Self::open`], but for a damaged store; and when that cannot be put aside.
    pub fn open_or_begin_anew(
        folder: &Path,
        catalogue: &'static Catalogue,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, StartError> {
        let (store, decisions) = open_whole(folder, catalogue, observer.as_ref())?;
        Self::with(folder, catalogue, observer, store, decisions)
    }

    fn with(
        folder: &Path,
        catalogue: &'static Catalogue,
        observer: Option<Arc<dyn Observer>>,
        store: Arc<Store>,
        decisions: Decisions,
    ) -> Result<Self, StartError> {
        let decisions = Arc::new(decisions);
        match decisions.note_outgrown() {
            Ok(services) if services.is_empty() => {}
            Ok(services) => store.forget_seen(&services)?,
            // It is not covered all the same, and noted the next time.
            Err(error) => log::error!("the ledger does not have yet what the catalogue changed: {error}"),
        }
        let recorder = Recorder::start(store.clone(), decisions.clone(), observer)
            .map_err(|error| StartError::System { what: "start the store thread", error })?;
        Ok(Self { folder: folder.to_owned(), catalogue, store, decisions, recorder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The store in it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The services it is about.
    pub fn catalogue(&self) -> &'static Catalogue {
        self.catalogue
    }

    /// The consents in force.
    pub fn consents(&self) -> Consents {
        self.decisions.consents()
    }

    /// Grants consent. Stored durably, and in force in a running firewall, when this returns.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn grant(
        &self,
        service: &str,
        scope: Scope,
        term: Term,
        how: impl Into<How>,
    ) -> Result<Change, DecisionError> {
        self.decisions.grant(service, scope, term, how)
    }

    /// Withdraws consent.
    ///
    /// # Errors
    /// Nothing was changed, or ([`DecisionError::NotYetStored`]) the withdrawal is in force but not stored yet.
    pub fn revoke(&self, service: &str, scope: Scope, how: impl Into<How>) -> Result<Change, DecisionError> {
        self.catch_up_later(self.decisions.revoke(service, scope, how))
    }

    /// Withdraws consent from all apps, or where there is nothing to withdraw, records that the owner denies it. `None`: that was
    /// recorded already.
    ///
    /// # Errors
    /// As for [`Self::revoke`].
    pub fn deny(&self, service: &str, how: impl Into<How>) -> Result<Option<Change>, DecisionError> {
        self.catch_up_later(self.decisions.deny(service, how))
    }

    /// Switches strict mode on or off for an app.
    ///
    /// # Errors
    /// As for [`Self::revoke`].
    pub fn set_strict(&self, app: &str, on: bool, how: impl Into<How>) -> Result<Change, DecisionError> {
        self.catch_up_later(self.decisions.set_strict(app, on, how))
    }

    /// Every change of consent so far, oldest first.
    ///
    /// # Errors
    /// The store cannot be read, or the ledger was tampered with.
    pub fn history(&self) -> Result<Vec<Change>, StoreError> {
        self.decisions.history()
    }

    /// A receipts file of the whole ledger, or of one service (its id): its text.
    ///
    /// # Errors
    /// As for [`Self::history`].
    pub fn receipts(&self, service: Option<&str>) -> Result<String, StoreError> {
        self.decisions.receipts(service)
    }

    /// A backup of the present decisions and settings.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn backup(&self) -> Result<Backup, StoreError> {
        let Retention { days, megabytes } = self.store.retention()?;
        let preferences = self.store.preferences("")?;
        Ok(Backup::new(&self.consents(), preferences, (days, megabytes), &clock::now()))
    }

    /// What putting a backup back would change.
    pub fn plan_restore(&self, backup: &Backup) -> Plan {
        self.decisions.plan_restore(backup)
    }

    /// Puts a backup's decisions and settings in the place of the present ones. The history keeps both.
    ///
    /// # Errors
    /// Nothing was changed; or, where it is a [`DecisionError::SettingsNotStored`], the decisions were.
    pub fn restore(&self, backup: &Backup) -> Result<Plan, DecisionError> {
        let plan = self.decisions.restore(backup)?;
        let (days, megabytes) = backup.retention;
        let kept = || {
            let wanted = Retention { days, megabytes };
            let retention = if wanted.is_sensible() { wanted } else { self.store.retention()? };
            self.store.replace_preferences(&backup.preferences, retention)
        };
        kept().map_err(DecisionError::SettingsNotStored)?;
        Ok(plan)
    }

    /// Has the store thread write down which grants have ended by themselves. While a firewall runs, it sees to that.
    pub fn catch_up(&self) {
        self.recorder.handle().catch_up();
    }

    /// Notes that the firewall that runs is alive, once a minute at most. It does so itself whenever it has something to do.
    pub fn pulse(&self) {
        self.recorder.handle().pulse();
    }

    /// Writes the attempts that are being gathered, so that the log is complete.
    pub fn flush(&self) {
        self.recorder.flush();
    }

    /// How the store is doing.
    pub fn health(&self) -> Health {
        self.recorder.handle().health()
    }

    fn catch_up_later<T>(&self, result: Result<T, DecisionError>) -> Result<T, DecisionError> {
        if matches!(result, Err(DecisionError::NotYetStored(_))) {
            self.catch_up();
        }
        result
    }
}

impl fmt::Debug for OpenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenState").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Opens store and ledger; puts aside what is damaged, and begins anew.
fn open_whole(
    folder: &Path,
    catalogue: &'static Catalogue,
    observer: Option<&Arc<dyn Observer>>,
) -> Result<(Arc<Store>, Decisions), StartError> {
    let decisions_of = |store: &Arc<Store>| Decisions::open(store.clone(), catalogue, observer.cloned());
    let why = match open_store(folder) {
        Err(StartError::Store(StoreError::Corrupt { detail, .. })) => detail,
        store => {
            let store = Arc::new(store?);
            match decisions_of(&store) {
                Err(StoreError::Corrupt { detail, .. }) => match renew_ledger(folder, &store) {
                    Ok(aside) => {
                        let decisions = decisions_of(&store)?;
                        return begin_anew(store, decisions, &detail, &aside);
                    }
                    Err(StoreError::Corrupt { .. }) => detail,
                    Err(error) => return Err(error.into()),
                },
                decisions => return Ok((store, decisions?)),
            }
        }
    };
    let aside = put_aside(folder, Aside::Moved, clock::wall_ms())?;
    let store = Arc::new(open_store(folder)?);
    let decisions = decisions_of(&store)?;
    begin_anew(store, decisions, &why, &aside)
}

/// Puts a copy of the whole store aside, and removes the ledger from it: the log and the settings are sound.
fn renew_ledger(folder: &Path, store: &Store) -> Result<PathBuf, StoreError> {
    let aside = put_aside(folder, Aside::Copied, clock::wall_ms())?;
    store.remove_ledger()?;
    Ok(aside)
}

fn begin_anew(
    store: Arc<Store>,
    decisions: Decisions,
    why: &str,
    aside: &Path,
) -> Result<(Arc<Store>, Decisions), StartError> {
    log::error!(
        "{why}: nothing counts as granted any more. The damaged store is kept as {}",
        aside.display()
    );
    decisions.note_reset(why)?;
    Ok((store, decisions))
}

/// Opens the store, with some patience for a command that is using it.
fn open_store(folder: &Path) -> Result<Store, StartError> {
    prepare_folder(folder)?;
    let start = Instant::now();
    let lock = loop {
        match StateLock::take(folder) {
            Err(error @ StoreError::Locked { .. }) => {
                if let Some(client) = Client::connect(folder) {
                    return Err(StartError::AlreadyRunning {
                        folder: folder.to_owned(),
                        pid: client.server_pid(),
                    });
                }
                if start.elapsed() > LOCK_PATIENCE {
                    return Err(error.into());
                }
                std::thread::sleep(LOCK_RETRY);
            }
            result => break result?,
        }
    };
    Ok(Store::open_locked(folder, lock)?)
}

#[cfg(test)]
mod tests;
