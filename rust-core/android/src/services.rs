//! The catalogue's services with what the owner decided about them and how often they were tried.
use crate::days::{self, DAYS, Day};
use consentry_catalogue::{Catalogue, Certainty, NameKind, Service, ServiceIndex, Standing};
use consentry_consent::{Clock, Consents, End, Grant, Scope};
use consentry_runtime::OpenState;
use consentry_runtime::store::{Counted, Seen, StoreError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where the services that the owner wants no questions about are remembered: one preference each.
pub(crate) const MUTED: &str = "muted/";
/// The same for apps.
pub(crate) const MUTED_APPS: &str = "muted_app/";

/// How far two clocks may differ that were read one after the other, in milliseconds.
const CLOCKS_DIFFER_MS: i64 = 1_000;

/// A service, as screens show it.
#[derive(Debug, Serialize)]
pub(crate) struct ServiceAnswer<'a> {
    id: &'a str,
    name: &'a str,
    short_name: &'a str,
    vendor: &'a str,
    category: &'a str,
    does: &'a str,
    breaks: &'a str,
    breaks_short: &'a str,
    standing: Standing,
    /// Host names; `*.` in front of those that stand for all below them too.
    hosts: Vec<String>,
    /// Those of them that are only likely: read from a list, not seen in that role.
    likely_hosts: Vec<String>,
    addresses: Vec<String>,
    /// Where the facts come from: references for people.
    sources: Vec<&'a str>,
    packages: Vec<&'a str>,
    shares_with: Vec<&'a str>,
    state: Allowed,
    /// It is more now than what was allowed: the owner is to be asked anew.
    changed: bool,
    /// Those of the hosts that were not part of what was allowed.
    new_hosts: BTreeSet<String>,
    /// Nothing is allowed, and that is what the owner decided.
    kept_blocked: bool,
    attempts_today: u64,
    attempts_7d: u64,
    last_ms: Option<i64>,
    muted: bool,
}

/// What is allowed now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Allowed {
    pub(crate) kind: Kind,
    /// With [`Kind::Until`]: milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) until_ms: Option<i64>,
    /// Apps with a grant of their own: package names.
    pub(crate) apps: Vec<String>,
}

/// To whom and for how long something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// To nobody.
    Off,
    /// To all apps, without an end.
    On,
    /// To all apps, until a time.
    Until,
    /// To all apps, until the phone restarts.
    Restart,
    /// To some apps.
    Apps,
}

/// Who is allowed what, at one time.
pub(crate) struct Decided {
    catalogue: &'static Catalogue,
    consents: Consents,
    now: Clock,
}

impl Decided {
    pub(crate) fn new(state: &OpenState, now: Clock) -> Self {
        let decided = Self { catalogue: state.catalogue(), consents: state.consents(), now };
        if decided.consents.grants().any(|grant| grant.is_over(&now)) {
            state.catch_up();
        }
        decided
    }

    fn grants<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Grant> {
        self.consents.grants().filter(move |grant| grant.service == service && !grant.is_over(&self.now))
    }

    fn is_essential_and_on(&self, service: &Service) -> bool {
        service.standing == Standing::Essential && !self.consents.is_switched_off(&service.id)
    }

    /// Whether some grant does not cover all of a service as it is now, and which of its hosts are new to one.
    fn news(&self, service: &str) -> (bool, BTreeSet<String>) {
        let mut changed = false;
        let mut hosts = BTreeSet::new();
        for grant in self.grants(service) {
            if let Some(now) = grant.outgrown_by(self.catalogue) {
                changed = true;
                let agreed = grant.covers.as_deref().cloned().unwrap_or_default();
                hosts.extend(agreed.missing_names(&now).map(str::to_owned));
            }
        }
        (changed, hosts)
    }

    /// What is allowed of a service.
    pub(crate) fn of(&self, service: &Service) -> Allowed {
        let mut apps = Vec::new();
        let mut all = None;
        for grant in self.grants(&service.id) {
            match &grant.scope {
                Scope::AllApps => all = Some(grant),
                Scope::App(app) => apps.push(app.clone()),
            }
        }
        let (kind, until_ms) = match all {
            _ if self.is_essential_and_on(service) => (Kind::On, None),
            Some(grant) => match grant.end {
                End::Never => (Kind::On, None),
                End::Restart => (Kind::Restart, None),
                End::At { .. } => (Kind::Until, self.ends_at(grant)),
            },
            None if apps.is_empty() => (Kind::Off, None),
            None => (Kind::Apps, None),
        };
        Allowed { kind, until_ms, apps }
    }

    /// When a grant ends, as the wall clock will show it. The clock that counts since the start of the phone comes first when
    /// the other was set back; otherwise the two differ by what a reading takes, which is no reason to show another time.
    fn ends_at(&self, grant: &Grant) -> Option<i64> {
        let End::At { wall_ms, .. } = grant.end else { return None };
        let left = i64::try_from(grant.remaining(&self.now)?.as_millis()).unwrap_or(i64::MAX);
        let earliest = self.now.wall_ms.saturating_add(left);
        Some(if wall_ms.saturating_sub(earliest) > CLOCKS_DIFFER_MS { earliest } else { wall_ms })
    }

    /// Services that share a host with one, and can connect with it where the bytes cannot tell them apart, though they are
    /// not allowed themselves.
    pub(crate) fn opened_with(&self, service: ServiceIndex) -> Vec<&'static str> {
        let others =
            self.catalogue.shared_with(service).into_iter().map(|index| self.catalogue.service(index));
        others
            .filter(|other| matches!(self.of(other).kind, Kind::Off | Kind::Apps))
            .map(|other| other.id.as_str())
            .collect()
    }

    /// When an earlier ledger was set aside, and why.
    pub(crate) fn reset(&self) -> Option<(i64, &str)> {
        self.consents.reset()
    }

    /// The apps in strict mode.
    pub(crate) fn strict_apps(&self) -> Vec<String> {
        self.consents.strict_apps().map(str::to_owned).collect()
    }

    /// How many services the owner allowed, and how many of those that were tried wait for a decision.
    pub(crate) fn counts(&self, seen: &BTreeMap<String, Seen>) -> (usize, usize) {
        let (mut allowed, mut undecided) = (0, 0);
        for service in self.catalogue.services().iter().filter(|s| s.standing != Standing::Essential) {
            if self.grants(&service.id).next().is_some() {
                allowed += 1;
            } else if service.standing == Standing::NeedsConsent
                && seen.contains_key(&service.id)
                && !self.consents.is_switched_off(&service.id)
            {
                undecided += 1;
            }
        }
        (allowed, undecided)
    }
}

/// How many attempts there were on each of the last seven days.
pub(crate) struct Counts {
    pub(crate) days: [Day; DAYS],
    /// All services together, and what was denied without one.
    pub(crate) totals: [u64; DAYS],
    by_service: BTreeMap<String, [u64; DAYS]>,
}

impl Counts {
    /// Reads the store's tallies: at most some thousands of numbers, however long the log is.
    pub(crate) fn read(state: &OpenState, now_ms: i64) -> Result<Self, StoreError> {
        let days = days::last_days(now_ms);
        let mut counts = Self { days, totals: [0; DAYS], by_service: BTreeMap::new() };
        for tally in state.store().tallies(Counted::Service, days[0].from_ms, i64::MAX)? {
            let Some(at) = days::index_of(&days, tally.from_ms) else { continue };
            counts.totals[at] = counts.totals[at].saturating_add(tally.count);
            if let Some(service) = tally.name {
                let count = &mut counts.by_service.entry(service).or_default()[at];
                *count = count.saturating_add(tally.count);
            }
        }
        Ok(counts)
    }

    /// Today, and on all seven days.
    fn of(&self, service: &str) -> (u64, u64) {
        let days = self.by_service.get(service).copied().unwrap_or_default();
        (days[DAYS - 1], days.iter().fold(0, |sum, count| sum.saturating_add(*count)))
    }
}

/// Every service of the catalogue, in its order.
pub(crate) fn all(state: &OpenState, now: Clock) -> Result<Vec<ServiceAnswer<'static>>, StoreError> {
    let decided = Decided::new(state, now);
    let counts = Counts::read(state, now.wall_ms)?;
    let seen = state.store().services_seen()?;
    let muted = state.store().preferences(MUTED)?;
    let catalogue = state.catalogue();
    let answer = |service: &'static Service| {
        let allowed = decided.of(service);
        let (attempts_today, attempts_7d) = counts.of(&service.id);
        let (changed, new_hosts) = decided.news(&service.id);
        ServiceAnswer {
            id: &service.id,
            name: &service.name,
            short_name: &service.short_name,
            vendor: &service.vendor,
            category: service.category.as_str(),
            does: &service.does,
            breaks: &service.breaks,
            breaks_short: &service.breaks_short,
            standing: service.standing,
            hosts: service.names.iter().map(|rule| host(rule.kind, &rule.pattern)).collect(),
            likely_hosts: service
                .names
                .iter()
                .filter(|rule| rule.certainty == Certainty::Inferred)
                .map(|rule| host(rule.kind, &rule.pattern))
                .collect(),
            addresses: addresses(service),
            sources: service.sources.iter().map(|source| source.reference.as_str()).collect(),
            packages: service.packages.iter().map(|rule| rule.name.as_str()).collect(),
            shares_with: shares_with(catalogue, service),
            kept_blocked: allowed.kind == Kind::Off && decided.consents.is_switched_off(&service.id),
            state: allowed,
            changed,
            new_hosts,
            attempts_today,
            attempts_7d,
            last_ms: seen.get(&service.id).and_then(|seen| seen.times).map(|(_, last_ms)| last_ms),
            muted: muted.contains_key(&service.id),
        }
    };
    Ok(catalogue.services().iter().map(answer).collect())
}

fn host(kind: NameKind, pattern: &str) -> String {
    match kind {
        NameKind::Exact => pattern.to_owned(),
        NameKind::Suffix => format!("*.{pattern}"),
    }
}

/// Without repeats: one address may stand there for several ports.
fn addresses(service: &Service) -> Vec<String> {
    let addresses: BTreeSet<_> = service.addresses.iter().map(|rule| rule.address).collect();
    addresses.into_iter().map(|address| address.to_string()).collect()
}

fn shares_with(catalogue: &'static Catalogue, service: &Service) -> Vec<&'static str> {
    let Some(index) = catalogue.find(&service.id) else { return Vec::new() };
    catalogue.shared_with(index).into_iter().map(|other| catalogue.service(other).id.as_str()).collect()
}
