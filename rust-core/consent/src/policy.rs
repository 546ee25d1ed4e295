use crate::verdict::Rule;
use crate::{Clock, Consents, Grant, Owner, Scope};
use consentry_catalogue::{Catalogue, ServiceIndex, Standing};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The owner's choices compiled for speed: an immutable snapshot for [`judge`](crate::judge()).
///
/// It is made for one catalogue and must only be used with that one.
#[derive(Clone, Debug)]
pub struct Policy {
    /// By position in the catalogue.
    services: Vec<Choice>,
    strict: BTreeSet<String>,
    rules_off: bool,
}

/// What the owner chose about one service.
#[derive(Clone, Debug)]
struct Choice {
    standing: Standing,
    switched_off: bool,
    for_all: Option<Arc<Grant>>,
    for_app: Vec<(String, Arc<Grant>)>,
}

/// What a policy says about one service and one owner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'p> {
    pub(crate) allow: bool,
    pub(crate) rule: Rule,
    pub(crate) grant: Option<&'p Arc<Grant>>,
}

impl Policy {
    /// Compiles what is in force at `now`. Grants of services that the catalogue does not know have no effect.
    pub fn new(catalogue: &Catalogue, consents: &Consents, now: &Clock) -> Self {
        let mut services: Vec<Choice> = catalogue
            .services()
            .iter()
            .map(|service| Choice {
                standing: service.standing,
                switched_off: consents.is_switched_off(&service.id),
                for_all: None,
                for_app: Vec::new(),
            })
            .collect();
        for grant in consents.grants().filter(|grant| !grant.is_over(now)) {
            let Some(index) = catalogue.find(&grant.service) else { continue };
            let choice = &mut services[index.as_usize()];
            match &grant.scope {
                Scope::AllApps => choice.for_all = Some(Arc::new(grant.clone())),
                Scope::App(app) => choice.for_app.push((app.clone(), Arc::new(grant.clone()))),
            }
        }
        Self { services, strict: consents.strict_apps().map(str::to_owned).collect(), rules_off: false }
    }

    /// Switches every rule off. Only for the test that shows that the other tests can fail, and for benchmarks.
    pub fn everything_allowed() -> Self {
        Self { services: Vec::new(), strict: BTreeSet::new(), rules_off: true }
    }

    /// Whether every rule is switched off.
    pub(crate) fn rules_off(&self) -> bool {
        self.rules_off
    }

    /// Whether any of these packages is in strict mode.
    pub(crate) fn is_strict(&self, packages: &[String]) -> bool {
        !self.strict.is_empty() && packages.iter().any(|package| self.strict.contains(package))
    }

    /// Decides about a service for an owner. `dedicated`: the owner is a dedicated app.
    pub(crate) fn decide(&self, service: ServiceIndex, owner: &Owner, dedicated: bool) -> Decision<'_> {
        let choice = &self.services[service.as_usize()];
        let grant = choice.for_all.as_ref().or_else(|| choice.grant_for(owner.packages()));
        let (allow, rule) = match choice.standing {
            Standing::Essential if !choice.switched_off => (true, Rule::Essential),
            _ if grant.is_some() => (true, Rule::Granted),
            Standing::Essential => (false, Rule::SwitchedOff),
            Standing::NeedsConsent if !choice.for_app.is_empty() => (false, Rule::GrantedToOthers),
            Standing::NeedsConsent => (false, Rule::NeedsConsent),
            Standing::DeniedToDedicated if dedicated => (false, Rule::Dedicated),
            Standing::DeniedToDedicated => (true, Rule::NotDedicated),
        };
        Decision { allow, rule, grant }
    }

    /// Whether a service is essential and switched on.
    pub(crate) fn is_essential(&self, service: ServiceIndex) -> bool {
        self.services[service.as_usize()].standing == Standing::Essential
    }
}

impl Choice {
    /// The grant to the app. Packages under one user id cannot be told apart, so each needs one; the first is named.
    fn grant_for(&self, packages: &[String]) -> Option<&Arc<Grant>> {
        let grant_of =
            |package: &String| self.for_app.iter().find(|(app, _)| app == package).map(|(_, grant)| grant);
        let first = grant_of(packages.first()?)?;
        packages.iter().all(|package| grant_of(package).is_some()).then_some(first)
    }
}
