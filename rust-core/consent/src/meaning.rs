//! What a consent covers: a service as the catalogue described it when the owner said yes. A catalogue that says more today
//! does not make the consent say more.
use crate::ledger::Digest;
use consentry_catalogue::{Catalogue, NameKind, PathRule, ServiceIndex, SignatureRule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The parts of a service's entry that a consent is about. Each list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// Who runs it.
    pub vendor: String,
    /// What it does, as it was shown.
    pub does: String,
    /// Host names; `*.` in front of those that stand for all below them too.
    pub names: Vec<String>,
    /// Addresses that its clients carry in their code.
    pub addresses: Vec<IpAddr>,
    /// HTTP requests: methods, path and query.
    pub requests: Vec<String>,
    /// First bytes of its own protocols, as hexadecimal digits behind the transport.
    pub signatures: Vec<String>,
    /// Dedicated packages whose unlisted traffic falls under it.
    pub dedicated: Vec<String>,
}

impl Meaning {
    /// What the catalogue says of a service now.
    pub fn of(catalogue: &Catalogue, index: ServiceIndex) -> Self {
        let service = catalogue.service(index);
        let packages = catalogue.services().iter().flat_map(|service| &service.packages);
        let falls_under = |package: &str| {
            catalogue.match_package(package).is_some_and(|found| found.dedicated == Some(index))
        };
        let mut meaning = Self {
            vendor: service.vendor.clone(),
            does: service.does.clone(),
            names: service.names.iter().map(|rule| pattern(rule.kind, &rule.pattern)).collect(),
            addresses: service.addresses.iter().map(|rule| rule.address).collect(),
            requests: service.paths.iter().map(request).collect(),
            signatures: service.signatures.iter().map(signature).collect(),
            dedicated: packages
                .filter(|rule| rule.dedicated && falls_under(&rule.name))
                .map(|rule| rule.name.clone())
                .collect(),
        };
        meaning.names.sort();
        meaning.addresses.sort();
        meaning.addresses.dedup();
        meaning.requests.sort();
        meaning.signatures.sort();
        meaning.dedicated.sort();
        meaning.dedicated.dedup();
        meaning
    }

    /// Names it in a ledger and in a backup.
    pub fn digest(&self) -> Digest {
        let json = serde_json::to_vec(self).expect("a meaning holds nothing that JSON cannot express");
        Digest::of(b"consentry meaning 1", &[&json])
    }

    /// Whether a consent to this covers all that `now` stands for: it does the same for the same, and reaches nothing more.
    pub fn covers(&self, now: &Self) -> bool {
        matches!(Cover::new(Some(self), now), Cover::Whole)
    }

    /// The host names of `now` that this does not cover.
    pub fn missing_names<'n>(&'n self, now: &'n Self) -> impl Iterator<Item = &'n str> {
        now.names.iter().map(String::as_str).filter(|pattern| !self.covers_pattern(pattern))
    }

    fn covers_pattern(&self, pattern: &str) -> bool {
        self.names.iter().any(|own| own == pattern || lies_below(own, pattern.trim_start_matches("*.")))
    }

    fn covers_host(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.names.iter().any(|own| own.trim_start_matches("*.") == host || lies_below(own, &host))
    }
}

/// Whether a host lies below a pattern that stands for a family.
fn lies_below(pattern: &str, host: &str) -> bool {
    let Some(family) = pattern.strip_prefix("*.") else { return false };
    host == family || host.strip_suffix(family).is_some_and(|rest| rest.ends_with('.'))
}

fn pattern(kind: NameKind, pattern: &str) -> String {
    match kind {
        NameKind::Exact => pattern.to_owned(),
        NameKind::Suffix => format!("*.{pattern}"),
    }
}

fn request(rule: &PathRule) -> String {
    let query = rule.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", rule.methods.join(","), rule.path)
}

fn signature(rule: &SignatureRule) -> String {
    format!("{} {}", rule.transport, crate::hex::encode(&rule.bytes))
}

/// What recognised the traffic, as far as it matters to what a consent covers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Touched<'a> {
    /// A name, which `request` says more about where the service's list of requests decided.
    Name { host: &'a str, by_request: bool },
    /// An address in the code of clients.
    Address(IpAddr),
    /// The first bytes of a protocol.
    Signature,
    /// The app alone.
    App,
    /// No matter what.
    Anything,
}

/// How much of a service, as it is now, a grant covers.
#[derive(Clone, Debug)]
pub(crate) enum Cover {
    /// All of it.
    Whole,
    /// What it covered when it was given, and nothing that came after.
    Part(Box<Part>),
    /// Nothing: the service is another one now, or nobody knows what was agreed to.
    Nothing,
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    agreed: Meaning,
    addresses: BTreeSet<IpAddr>,
    requests: bool,
    signatures: bool,
    dedicated: bool,
}

impl Cover {
    /// Compares what was agreed to with what the service is now.
    pub(crate) fn new(agreed: Option<&Meaning>, now: &Meaning) -> Self {
        let Some(agreed) = agreed else { return Self::Nothing };
        if agreed.does != now.does || agreed.vendor != now.vendor {
            return Self::Nothing;
        }
        let within =
            |now: &[String], agreed: &[String]| now.iter().all(|one| agreed.binary_search(one).is_ok());
        let part = Part {
            addresses: agreed.addresses.iter().copied().collect(),
            // A list that was empty allowed any request; a first entry does not widen it.
            requests: agreed.requests.is_empty() || within(&now.requests, &agreed.requests),
            signatures: within(&now.signatures, &agreed.signatures),
            dedicated: within(&now.dedicated, &agreed.dedicated),
            agreed: agreed.clone(),
        };
        let whole = part.requests
            && part.signatures
            && part.dedicated
            && now.addresses.iter().all(|address| part.addresses.contains(address))
            && agreed.missing_names(now).next().is_none();
        if whole { Self::Whole } else { Self::Part(Box::new(part)) }
    }

    /// Whether it covers what was touched.
    pub(crate) fn covers(&self, touched: Touched<'_>) -> bool {
        match (self, touched) {
            (Self::Whole, _) | (_, Touched::Anything) => true,
            (Self::Nothing, _) => false,
            (Self::Part(part), Touched::Name { host, by_request }) => {
                part.agreed.covers_host(host) && (part.requests || !by_request)
            }
            (Self::Part(part), Touched::Address(address)) => part.addresses.contains(&address),
            (Self::Part(part), Touched::Signature) => part.signatures,
            (Self::Part(part), Touched::App) => part.dedicated,
        }
    }
}
