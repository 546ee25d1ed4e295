//! Changes of consent, one at a time: first on disk, then in force.
use crate::clock;
use crate::open_state::Observer;
use crate::store::{ConsentLedger, Store, StoreError};
use consentry_catalogue::Catalogue;
use consentry_consent::ledger::{Broken, Entry, verify};
use consentry_consent::{
    Change, ChangeKind, ConsentError, ConsentStore, Consents, Scope, StoredConsents, Term, Via, receipt,
};
use std::collections::VecDeque;
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
        via: Via,
    ) -> Result<Change, DecisionError> {
        let now = clock::now();
        self.store_then_enforce(|consents| consents.grant(self.catalogue, service, scope, term, via, &now))
    }

    pub(crate) fn set_strict(&self, app: &str, on: bool, via: Via) -> Result<Change, DecisionError> {
        let now = clock::now();
        if on {
            self.enforce_even_if_unsaved(|consents| consents.set_strict(app, on, via, &now))
        } else {
            self.store_then_enforce(|consents| consents.set_strict(app, on, via, &now))
        }
    }

    pub(crate) fn revoke(&self, service: &str, scope: Scope, via: Via) -> Result<Change, DecisionError> {
        let now = clock::now();
        self.enforce_even_if_unsaved(|consents| consents.revoke(self.catalogue, service, scope, via, &now))
    }

    /// Withdraws consent from all apps, or where there is nothing to withdraw, records that it is denied all the same: an owner
    /// who was asked has decided. `None`: that was recorded already.
    pub(crate) fn deny(&self, service: &str, via: Via) -> Result<Option<Change>, DecisionError> {
        let now = clock::now();
        let mut decided = false;
        let result = self.enforce_even_if_unsaved(|consents| {
            match consents.revoke(self.catalogue, service, Scope::AllApps, via, &now) {
                Err(error @ ConsentError::NotGranted { .. }) => {
                    decided = consents.is_switched_off(service);
                    if decided {
                        return Err(error);
                    }
                    let kind = ChangeKind::Revoke { service: service.to_owned(), scope: Scope::AllApps };
                    Ok(Change { clock: now, via, kind })
                }
                result => result,
            }
        });
        match result {
            Err(DecisionError::Consent(ConsentError::NotGranted { .. })) if decided => Ok(None),
            result => result.map(Some),
        }
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
            .map_err(|broken| state.broken(broken))?;
        changes.extend(state.unsaved.iter().cloned());
        Ok(changes)
    }

    /// A receipts file of the whole ledger: its text.
    pub(crate) fn receipts(&self) -> Result<String, StoreError> {
        let state = self.lock();
        receipt::export(state.stored.ledger(), state.entries()?, self.catalogue, clock::wall_ms())
            .map_err(|broken| state.broken(broken))
    }

    /// For changes that open a door: they count only once they are stored.
    fn store_then_enforce(
        &self,
        change: impl FnOnce(&Consents) -> Result<Change, ConsentError>,
    ) -> Result<Change, DecisionError> {
        let mut state = self.lock();
        let change = change(&state.effective())?;
        state.store(&change).map_err(DecisionError::NotStored)?;
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
        if let Err(error) = state.store(&change) {
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

    fn broken(&self, broken: Broken) -> StoreError {
        StoreError::Corrupt { path: self.stored.store().path(), detail: broken.to_string() }
    }

    fn effective(&self) -> Consents {
        let mut consents = self.stored.consents().clone();
        for change in &self.unsaved {
            consents.apply(change);
        }
        consents
    }

    /// Stores a change, after those that wait: the ledger keeps their order.
    fn store(&mut self, change: &Change) -> Result<(), StoreError> {
        self.store_unsaved()?;
        self.stored.record(change)
    }

    fn store_unsaved(&mut self) -> Result<(), StoreError> {
        while let Some(oldest) = self.unsaved.pop_front() {
            if let Err(error) = self.stored.record(&oldest) {
                self.unsaved.push_front(oldest);
                return Err(error);
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
