//! Changes of consent, one at a time: first on disk, then in force.
use crate::clock;
use crate::open_state::Observer;
use crate::store::{ConsentLedger, Store, StoreError};
use consentry_catalogue::Catalogue;
use consentry_consent::backup::{Backup, Plan};
use consentry_consent::ledger::{Entry, verify};
use consentry_consent::{
    Change, ChangeKind, ConsentError, ConsentStore, Consents, How, Scope, StoredConsents, Term, Via, receipt,
};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Puts consents in force in a running firewall.
pub(crate) type Enforce = Box<dyn Fn(Consents) + Send + Sync>;

/// The consents of one store, and the firewall, if any, that enforces them.
pub(crate) struct Decisions {
    catalogue: &'static Catalogue,
    state: Mutex<State>,
    observer: Option<Arc<dyn Observer>>,
}

struct State {
    stored: StoredConsents<ConsentLedger>,
    /// The firewall that runs, if any.
    enforce: Option<Enforce>,
    /// Withdrawals in force in the running firewall that the store did not take yet.
    unsaved: VecDeque<Change>,
}

/// A firewall's place as the one that enforces the consents; given up when dropped.
pub(crate) struct Enforcing(Arc<Decisions>);

impl Drop for Enforcing {
    fn drop(&mut self) {
        self.0.lock().enforce = None;
    }
}

/// Why a change was not made, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// It makes no sense.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// It could not be stored, and so was not made.
    #[error("{0}; nothing was changed")]
    NotStored(StoreError),
    /// A withdrawal that could not be stored: it holds in the running firewall only.
    #[error(
        "{0}; the running firewall denies it from now on and stores that as soon as it can, but until then a restart would undo it"
    )]
    NotYetStored(StoreError),
    /// A backup's decisions were put back, its settings were not.
    #[error("{0}; the decisions were restored, the settings were not")]
    SettingsNotStored(StoreError),
}

impl Decisions {
    /// Loads and checks the consents of a store.
    pub(crate) fn open(
        store: Arc<Store>,
        catalogue: &'static Catalogue,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, StoreError> {
        let stored = ConsentLedger::open(store)?;
        let state = State { stored, enforce: None, unsaved: VecDeque::new() };
        Ok(Self { catalogue, state: Mutex::new(state), observer })
    }

    /// From now on `enforce` is called with every new state, in order, until the first of what is returned is dropped; the second
    /// is the state to begin with. `None`: a firewall is there already.
    ///
    /// Whoever changes consent waits for `enforce`: what it needs must not wait for a change in turn.
    pub(crate) fn enforce_with(self: &Arc<Self>, enforce: Enforce) -> Option<(Enforcing, Consents)> {
        let mut state = self.lock();
        if state.enforce.is_some() {
            return None;
        }
        state.enforce = Some(enforce);
        Some((Enforcing(self.clone()), state.effective()))
    }

    /// The consents in force.
    pub(crate) fn consents(&self) -> Consents {
        self.lock().effective()
    }

    /// How many changes wait to be stored.
    pub(crate) fn unsaved(&self) -> usize {
        self.lock().unsaved.len()
    }

    pub(crate) fn grant(
        &self,
        service: &str,
        scope: Scope,
        term: Term,
        how: impl Into<How>,
    ) -> Result<Change, DecisionError> {
        let now = clock::now();
        self.store_then_enforce(|consents| consents.grant(self.catalogue, service, scope, term, how, &now))
    }

    pub(crate) fn set_strict(
        &self,
        app: &str,
        on: bool,
        how: impl Into<How>,
    ) -> Result<Change, DecisionError> {
        let now = clock::now();
        if on {
            self.enforce_even_if_unsaved(|consents| consents.set_strict(app, on, how, &now))
        } else {
            self.store_then_enforce(|consents| consents.set_strict(app, on, how, &now))
        }
    }

    pub(crate) fn revoke(
        &self,
        service: &str,
        scope: Scope,
        how: impl Into<How>,
    ) -> Result<Change, DecisionError> {
        let now = clock::now();
        self.enforce_even_if_unsaved(|consents| consents.revoke(self.catalogue, service, scope, how, &now))
    }

    /// Withdraws consent from all apps, or where there is nothing to withdraw, records that it is denied all the same: an owner
    /// who was asked has decided. `None`: that was recorded already.
    pub(crate) fn deny(&self, service: &str, how: impl Into<How>) -> Result<Option<Change>, DecisionError> {
        let (now, how) = (clock::now(), how.into());
        let mut decided = false;
        let result = self.enforce_even_if_unsaved(|consents| {
            match consents.revoke(self.catalogue, service, Scope::AllApps, how.clone(), &now) {
                Err(error @ ConsentError::NotGranted { .. }) => {
                    decided = consents.is_switched_off(service);
                    if decided {
                        return Err(error);
                    }
                    let kind = ChangeKind::Revoke { service: service.to_owned(), scope: Scope::AllApps };
                    Ok(Change { clock: now, via: how.via, wording: how.wording, kind })
                }
                result => result,
            }
        });
        match result {
            Err(DecisionError::Consent(ConsentError::NotGranted { .. })) if decided => Ok(None),
            result => result.map(Some),
        }
    }

    /// What putting a backup back would change.
    pub(crate) fn plan_restore(&self, backup: &Backup) -> Plan {
        backup.changes(&self.lock().effective(), self.catalogue, &clock::now())
    }

    /// Puts a backup's decisions in the place of the present ones, all of them or none.
    pub(crate) fn restore(&self, backup: &Backup) -> Result<Plan, DecisionError> {
        let mut state = self.lock();
        let plan = backup.changes(&state.effective(), self.catalogue, &clock::now());
        state.store(&plan.changes).map_err(DecisionError::NotStored)?;
        self.put_in_force(&state);
        Ok(plan)
    }

    /// Notes in a new ledger that an earlier one was set aside, and why.
    pub(crate) fn note_reset(&self, why: &str) -> Result<(), StoreError> {
        let kind = ChangeKind::Reset { why: why.to_owned() };
        self.lock().store(&[Change { clock: clock::now(), via: Via::Clock, wording: None, kind }])
    }

    /// Notes which grants the catalogue has outgrown since, so that the owner is asked about what they do not cover. Returns their
    /// services.
    pub(crate) fn note_outgrown(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut state = self.lock();
        let changes = state.effective().outgrown(self.catalogue, &clock::now());
        state.store(&changes)?;
        Ok(changes.iter().filter_map(Change::service).map(str::to_owned).collect())
    }

    /// Writes into the ledger what it has to catch up with: changes that could not be stored when they were made, and grants
    /// that have ended by themselves. Returns whether it has caught up.
    pub(crate) fn catch_up(&self) -> bool {
        let mut state = self.lock();
        // Read under the lock: a clock before the start of a grant would end it.
        let ended = state.effective().expired(&clock::now());
        state.unsaved.extend(ended.iter().cloned());
        let stored = state.store_unsaved();
        if !ended.is_empty() {
            self.put_in_force(&state);
        }
        if let Err(error) = &stored {
            log::error!("the ledger does not have every consent change yet: {error}");
        }
        stored.is_ok()
    }

    /// Every change, oldest first; those included that are in force and not stored yet.
    pub(crate) fn history(&self) -> Result<Vec<Change>, StoreError> {
        let state = self.lock();
        let mut changes = verify(&state.entries()?, &state.stored.ledger().head())
            .map_err(|broken| state.broken(&broken))?;
        changes.extend(state.unsaved.iter().cloned());
        Ok(changes)
    }

    /// A receipts file of the whole ledger, or of one service: its text.
    pub(crate) fn receipts(&self, service: Option<&str>) -> Result<String, StoreError> {
        let state = self.lock();
        let entries = state.entries()?;
        receipt::export(state.stored.ledger(), entries, self.catalogue, clock::wall_ms(), service)
            .map_err(|error| state.broken(&error))
    }

    /// For changes that open a door: they count only once they are stored.
    fn store_then_enforce(
        &self,
        change: impl FnOnce(&Consents) -> Result<Change, ConsentError>,
    ) -> Result<Change, DecisionError> {
        let mut state = self.lock();
        let change = change(&state.effective())?;
        state.store(std::slice::from_ref(&change)).map_err(DecisionError::NotStored)?;
        self.put_in_force(&state);
        Ok(change)
    }

    /// For changes that close one: a running firewall obeys them even if the disk does not.
    fn enforce_even_if_unsaved(
        &self,
        change: impl FnOnce(&Consents) -> Result<Change, ConsentError>,
    ) -> Result<Change, DecisionError> {
        let mut state = self.lock();
        let change = change(&state.effective())?;
        if let Err(error) = state.store(std::slice::from_ref(&change)) {
            if state.enforce.is_none() {
                return Err(DecisionError::NotStored(error));
            }
            state.unsaved.push_back(change);
            self.put_in_force(&state);
            return Err(DecisionError::NotYetStored(error));
        }
        self.put_in_force(&state);
        Ok(change)
    }

    fn put_in_force(&self, state: &State) {
        if let Some(enforce) = &state.enforce {
            enforce(state.effective());
        }
        if let Some(observer) = &self.observer {
            observer.consents_changed();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        Ok(self.stored.store().clone().load()?.0)
    }

    fn broken(&self, broken: &dyn std::error::Error) -> StoreError {
        StoreError::Corrupt { path: self.stored.store().path(), detail: broken.to_string() }
    }

    fn effective(&self) -> Consents {
        let mut consents = self.stored.consents().clone();
        for change in &self.unsaved {
            consents.apply(change);
        }
        consents
    }

    /// Stores changes, all or none, after those that wait: the ledger keeps their order.
    fn store(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.store_unsaved()?;
        Ok(self.stored.record_all(changes)?)
    }

    fn store_unsaved(&mut self) -> Result<(), StoreError> {
        while let Some(oldest) = self.unsaved.pop_front() {
            if let Err(error) = self.stored.record(&oldest) {
                self.unsaved.push_front(oldest);
                return Err(error.into());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decisions").finish_non_exhaustive()
    }
}
