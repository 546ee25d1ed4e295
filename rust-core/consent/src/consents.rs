use crate::ledger::Digest;
use crate::{Change, ChangeKind, Clock, End, How, Meaning, Scope, Term, Via};
use consentry_catalogue::{Catalogue, ServiceIndex, Standing};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Consent in force: one service, for all apps or one, until its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The service's id.
    pub service: String,
    /// For whom.
    pub scope: Scope,
    /// When it was given.
    pub given: Clock,
    /// When it ends by itself.
    pub end: End,
    /// How it was given.
    pub via: Via,
    /// What the owner agreed to. Without it nothing is covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Arc<Meaning>>,
}

impl Grant {
    /// Whether it has ended by itself.
    pub fn is_over(&self, now: &Clock) -> bool {
        self.end.is_over(&self.given, now)
    }

    /// What its service stands for now, if that is more than it covers; `None` as well for a service that has left the catalogue.
    pub fn outgrown_by(&self, catalogue: &Catalogue) -> Option<Meaning> {
        let meaning = Meaning::of(catalogue, catalogue.find(&self.service)?);
        let covered = self.covers.as_ref().is_some_and(|agreed| agreed.covers(&meaning));
        (!covered).then_some(meaning)
    }

    /// How long until it may end by itself: see [`End::remaining`].
    pub fn remaining(&self, now: &Clock) -> Option<Duration> {
        self.end.remaining(&self.given, now)
    }
}

/// Why consent could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// No service has this id.
    #[error("there is no service '{id}' in the catalogue{}", nearest.as_ref().map(|n| format!("; did you mean '{n}'?")).unwrap_or_default())]
    UnknownService {
        /// What was asked for.
        id: String,
        /// The id that looks most like it.
        nearest: Option<String>,
    },
    /// Not a package name.
    #[error("'{app}' is not an app: give its package name, for example com.miui.weather2")]
    BadApp {
        /// What was given.
        app: String,
    },
    /// An essential service that is on needs no grant.
    #[error("'{service}' is essential and is on: it needs no grant")]
    AlreadyOn {
        /// The service's id.
        service: String,
    },
    /// There is nothing to withdraw.
    #[error("'{service}' is not granted to {scope}: there is nothing to revoke")]
    NotGranted {
        /// The service's id.
        service: String,
        /// For whom it was to be revoked.
        scope: Scope,
    },
    /// A grant to all apps cannot be withdrawn from one of them.
    #[error(
        "'{service}' is granted to all apps, not to {app} by name: revoke it for all apps, then grant it to those that may use it"
    )]
    GrantedToAll {
        /// The service's id.
        service: String,
        /// For whom it was to be revoked.
        app: String,
    },
    /// An essential service is on or off for the whole phone.
    #[error("'{service}' is essential: it can be switched off for all apps, not for {app} alone")]
    SwitchIsForAll {
        /// The service's id.
        service: String,
        /// For whom it was to be revoked.
        app: String,
    },
    /// The wording's name is too long.
    #[error("the name of a wording has {} bytes at most", How::LONGEST_WORDING)]
    BadWording,
    /// Strict mode is so already.
    #[error("strict mode is already {} for {app}", if *.on { "on" } else { "off" })]
    StrictAlready {
        /// Package name.
        app: String,
        /// What was asked for.
        on: bool,
    },
}

/// The owner's current choices: the fold of all changes so far, in order.
///
/// The methods that ask for a change only describe it. It counts once it was stored durably and [applied](Self::apply).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consents {
    grants: BTreeMap<(String, Scope), Grant>,
    /// Services revoked for all apps and not granted to all for ever since. Only for essential ones does it matter.
    revoked: BTreeSet<String>,
    strict: BTreeSet<String>,
    /// What of a service's later meanings was noted beside which grant.
    noted: BTreeMap<(String, Scope), Digest>,
    reset: Option<(i64, String)>,
}

impl Consents {
    /// Nothing granted, nothing switched off.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state after these changes, oldest first.
    pub fn replay<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut consents = Self::new();
        for change in changes {
            consents.apply(change);
        }
        consents
    }

    /// Describes a grant of `service`. It replaces an earlier grant of the same scope.
    ///
    /// # Errors
    /// The service is unknown, the scope is no app, or the service is essential and on.
    pub fn grant(
        &self,
        catalogue: &Catalogue,
        service: &str,
        scope: Scope,
        term: Term,
        how: impl Into<How>,
        now: &Clock,
    ) -> Result<Change, ConsentError> {
        let index = find(catalogue, service)?;
        let entry = catalogue.service(index);
        check_scope(&scope)?;
        let how = checked(how)?;
        if entry.standing == Standing::Essential && !self.is_switched_off(service) {
            return Err(ConsentError::AlreadyOn { service: service.to_owned() });
        }
        let covers = Some(Arc::new(Meaning::of(catalogue, index)));
        let kind = ChangeKind::Grant { service: service.to_owned(), scope, end: term.end(now), covers };
        Ok(change(*now, how, kind))
    }

    /// Describes the withdrawal of consent. For all apps it ends every grant of the service, those of single apps too, and
    /// switches an essential service off.
    ///
    /// # Errors
    /// There is nothing to withdraw, or it cannot be withdrawn from one app alone.
    pub fn revoke(
        &self,
        catalogue: &Catalogue,
        service: &str,
        scope: Scope,
        how: impl Into<How>,
        now: &Clock,
    ) -> Result<Change, ConsentError> {
        check_scope(&scope)?;
        let how = checked(how)?;
        let id = service.to_owned();
        let granted_to_any = self.grants.keys().any(|(granted, _)| granted == service);
        // A grant of a service that has left the catalogue can still be withdrawn.
        let essential = match find(catalogue, service) {
            Ok(index) => catalogue.service(index).standing == Standing::Essential,
            Err(_) if granted_to_any => false,
            Err(error) => return Err(error),
        };
        let can_be_revoked = match &scope {
            Scope::AllApps => granted_to_any || (essential && !self.is_switched_off(service)),
            Scope::App(_) => self.grants.contains_key(&(id.clone(), scope.clone())),
        };
        if !can_be_revoked {
            return Err(match scope {
                Scope::App(app) if essential => ConsentError::SwitchIsForAll { service: id, app },
                Scope::App(app) if self.grants.contains_key(&(id.clone(), Scope::AllApps)) => {
                    ConsentError::GrantedToAll { service: id, app }
                }
                scope => ConsentError::NotGranted { service: id, scope },
            });
        }
        Ok(change(*now, how, ChangeKind::Revoke { service: id, scope }))
    }

    /// Describes switching strict mode on or off for an app.
    ///
    /// # Errors
    /// Not a package name, or strict mode is so already.
    pub fn set_strict(
        &self,
        app: &str,
        on: bool,
        how: impl Into<How>,
        now: &Clock,
    ) -> Result<Change, ConsentError> {
        let scope = Scope::App(app.to_owned());
        check_scope(&scope)?;
        let how = checked(how)?;
        let app = app.to_owned();
        if self.strict.contains(&app) == on {
            return Err(ConsentError::StrictAlready { app, on });
        }
        let kind = if on { ChangeKind::StrictOn { app } } else { ChangeKind::StrictOff { app } };
        Ok(change(*now, how, kind))
    }

    /// Takes a change into the state. Any change can be applied; one that changes nothing is harmless.
    pub fn apply(&mut self, change: &Change) {
        match &change.kind {
            ChangeKind::Grant { service, scope, end, covers } => {
                if *scope == Scope::AllApps && *end == End::Never {
                    self.revoked.remove(service);
                }
                let grant = Grant {
                    service: service.clone(),
                    scope: scope.clone(),
                    given: change.clock,
                    end: *end,
                    via: change.via,
                    covers: covers.clone(),
                };
                self.noted.remove(&(service.clone(), scope.clone()));
                self.grants.insert((service.clone(), scope.clone()), grant);
            }
            ChangeKind::Revoke { service, scope: Scope::AllApps } => {
                self.grants.retain(|(granted, _), _| granted != service);
                self.revoked.insert(service.clone());
            }
            ChangeKind::Revoke { service, scope } | ChangeKind::Expire { service, scope } => {
                self.grants.remove(&(service.clone(), scope.clone()));
            }
            ChangeKind::ServiceChanged { service, scope, meaning } => {
                self.noted.insert((service.clone(), scope.clone()), *meaning);
            }
            ChangeKind::Reset { why } => {
                *self = Self { reset: Some((change.time_ms(), why.clone())), ..Self::new() };
            }
            ChangeKind::StrictOn { app } => {
                self.strict.insert(app.clone());
            }
            ChangeKind::StrictOff { app } => {
                self.strict.remove(app);
            }
        }
    }

    /// One `Expire` change for each grant that has ended by itself, to be stored and applied. Such a grant no longer counts
    /// in a [`Policy`](crate::Policy) even before that.
    pub fn expired(&self, now: &Clock) -> Vec<Change> {
        self.grants
            .values()
            .filter(|grant| grant.is_over(now))
            .map(|grant| Change {
                clock: *now,
                via: Via::Clock,
                wording: None,
                kind: ChangeKind::Expire { service: grant.service.clone(), scope: grant.scope.clone() },
            })
            .collect()
    }

    /// One `ServiceChanged` change for each grant that does not cover all of its service as the catalogue has it now, where that
    /// was not noted yet.
    pub fn outgrown(&self, catalogue: &Catalogue, now: &Clock) -> Vec<Change> {
        let noted = |grant: &Grant| self.noted.get(&(grant.service.clone(), grant.scope.clone()));
        self.grants
            .values()
            .filter_map(|grant| {
                let meaning = grant.outgrown_by(catalogue)?.digest();
                (noted(grant) != Some(&meaning)).then(|| {
                    let (service, scope) = (grant.service.clone(), grant.scope.clone());
                    change(*now, Via::Catalogue, ChangeKind::ServiceChanged { service, scope, meaning })
                })
            })
            .collect()
    }

    /// How long until the next grant may end by itself: when to look at [`Self::expired`] again and to compile a new
    /// policy. `None`: no grant has a time to end.
    pub fn next_expiry(&self, now: &Clock) -> Option<Duration> {
        self.grants.values().filter_map(|grant| grant.remaining(now)).min()
    }

    /// All grants, by service id and scope, those included that have ended and were not yet [removed](Self::expired).
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values()
    }

    /// Whether the owner switched this service off: it was revoked for all apps, and not granted to all for ever since.
    pub fn is_switched_off(&self, service: &str) -> bool {
        self.revoked.contains(service)
    }

    /// All services of which [`Self::is_switched_off`] is true.
    pub fn switched_off(&self) -> impl Iterator<Item = &str> {
        self.revoked.iter().map(String::as_str)
    }

    /// When an earlier ledger was set aside, and why; `None` when none ever was.
    pub fn reset(&self) -> Option<(i64, &str)> {
        self.reset.as_ref().map(|(time_ms, why)| (*time_ms, why.as_str()))
    }

    /// The apps in strict mode.
    pub fn strict_apps(&self) -> impl Iterator<Item = &str> {
        self.strict.iter().map(String::as_str)
    }
}

fn change(clock: Clock, how: impl Into<How>, kind: ChangeKind) -> Change {
    let How { via, wording } = how.into();
    Change { clock, via, wording, kind }
}

fn checked(how: impl Into<How>) -> Result<How, ConsentError> {
    let how = how.into();
    let fits = how.wording.as_ref().is_none_or(|wording| wording.len() <= How::LONGEST_WORDING);
    if fits { Ok(how) } else { Err(ConsentError::BadWording) }
}

fn find(catalogue: &Catalogue, id: &str) -> Result<ServiceIndex, ConsentError> {
    catalogue.find(id).ok_or_else(|| ConsentError::UnknownService {
        id: id.to_owned(),
        nearest: nearest_id(catalogue.services().iter().map(|service| service.id.as_str()), id),
    })
}

fn check_scope(scope: &Scope) -> Result<(), ConsentError> {
    match scope {
        Scope::App(app) if !scope.is_sensible() => {
            Err(ConsentError::BadApp { app: app.chars().take(Scope::LONGEST_APP).collect() })
        }
        _ => Ok(()),
    }
}

/// The id that a person most likely meant: fewest letters to change, and not more than a third of them. The part behind
/// the dot alone is enough.
fn nearest_id<'a>(ids: impl Iterator<Item = &'a str>, asked: &str) -> Option<String> {
    const LONGEST_ASKED: usize = 64;
    if asked.is_empty() || asked.len() > LONGEST_ASKED {
        return None;
    }
    let asked = asked.to_ascii_lowercase().replace('-', "_");
    let distance_to = |id: &str| {
        let short = id.split_once('.').map_or(id, |(_, name)| name);
        edit_distance(id, &asked).min(edit_distance(short, &asked))
    };
    ids.map(|id| (distance_to(id), id))
        .min()
        .filter(|(distance, _)| 3 * distance <= asked.len())
        .map(|(_, id)| id.to_owned())
}

/// Letters to insert, delete or replace to get from one text to the other (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
