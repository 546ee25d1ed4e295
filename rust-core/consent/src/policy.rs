use crate::meaning::{Cover, Touched};
use crate::verdict::Rule;
use crate::{Clock, Consents, Grant, Meaning, Owner, Scope};
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
    for_all: Option<Granted>,
    for_app: Vec<(String, Granted)>,
}

/// A grant, and how much of the service it covers.
#[derive(Clone, Debug)]
struct Granted {
    grant: Arc<Grant>,
    cover: Cover,
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
            let cover = Cover::new(grant.covers.as_deref(), &Meaning::of(catalogue, index));
            let granted = Granted { grant: Arc::new(grant.clone()), cover };
            match &grant.scope {
                Scope::AllApps => choice.for_all = Some(granted),
                Scope::App(app) => choice.for_app.push((app.clone(), granted)),
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

    /// Decides about a service, recognised by what was touched, for an owner. `dedicated`: the owner is a dedicated app.
    pub(crate) fn decide(
        &self,
        service: ServiceIndex,
        owner: &Owner,
        dedicated: bool,
        touched: Touched<'_>,
    ) -> Decision<'_> {
        let choice = &self.services[service.as_usize()];
        let granted = choice.for_all.as_ref().filter(|granted| granted.cover.covers(touched));
        let granted = granted.or_else(|| choice.granted_to(owner.packages(), touched));
        let grant = granted.map(|granted| &granted.grant);
        let any_grant =
            choice.for_all.is_some() || choice.granted_to(owner.packages(), Touched::Anything).is_some();
        let (allow, rule) = match choice.standing {
            Standing::Essential if !choice.switched_off => (true, Rule::Essential),
            _ if grant.is_some() => (true, Rule::Granted),
            Standing::Essential => (false, Rule::SwitchedOff),
            Standing::NeedsConsent if any_grant => (false, Rule::NotCovered),
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
    fn granted_to(&self, packages: &[String], touched: Touched<'_>) -> Option<&Granted> {
        let grant_of = |package: &String| {
            let of_package = self.for_app.iter().find(|(app, _)| app == package).map(|(_, granted)| granted);
            of_package.filter(|granted| granted.cover.covers(touched))
        };
        let first = grant_of(packages.first()?)?;
        packages.iter().all(|package| grant_of(package).is_some()).then_some(first)
    }
}
