//! The rules. Signals that prove what a flow is come first and deny at once; what was only inferred from DNS answers can be
//! overruled by a name that the flow states, where that name can be believed.
use crate::meaning::Touched;
use crate::verdict::{Rule, Verdict};
use crate::{Facts, Grant, Owner, Policy, Signal, Stated, canonical_address};
use consentry_catalogue::{Catalogue, Certainty, PathMatch, ServiceIndex, Transport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Judges a flow. Called again whenever more is known: the owner, a stated name, the next HTTP request, a new policy.
///
/// A flow without readable bytes yet ([`Facts::first_bytes_seen`] is `false`) is denied when that is certain already, and
/// otherwise allowed for the time being.
pub fn judge(catalogue: &Catalogue, policy: &Policy, facts: &Facts<'_>) -> Verdict {
    if policy.rules_off() {
        return Verdict::bare(true, Rule::RulesOff);
    }
    if facts.unmapped_sinkhole {
        return Verdict { signal: Some(Signal::Address), ..Verdict::bare(false, Rule::UnmappedSinkhole) };
    }
    Case::new(catalogue, policy, facts).verdict()
}

/// Judges a name in the DNS: a question, the target of a CNAME or SVCB record, or the name behind a reverse look-up.
/// Only grants to all apps count, because resolvers keep answers for every app.
pub fn judge_question(catalogue: &Catalogue, policy: &Policy, name: &str) -> Verdict {
    if policy.rules_off() {
        return Verdict::bare(true, Rule::RulesOff);
    }
    let names =
        Names { catalogue, policy, owner: &Owner::Unknown, dedicated: false, transport: Transport::Udp };
    names
        .recognise(name, Signal::DnsQuestion, Shown::Name)
        .map_or(Verdict::bare(true, Rule::Unmatched), |found| found.verdict())
}

/// What a flow shows beyond a host's name. Services that share a host, and the few requests that an essential service may
/// make in clear text, are told apart by it.
#[derive(Clone, Copy)]
enum Shown<'a> {
    /// Nothing can be seen yet, or encryption hides it for good.
    Name,
    /// One HTTP request in clear text: method, and path with query.
    Request(&'a str, &'a str),
    /// The flow has said what it says, and showed neither a name nor a request.
    Nothing,
}

impl<'a> Shown<'a> {
    fn of(facts: &Facts<'a>) -> Self {
        match facts.stated {
            // What will be said through the tunnel is judged by itself.
            Some(Stated { request: Some(("CONNECT", _)), .. }) => Self::Name,
            Some(Stated { request: Some((method, path)), .. }) => Self::Request(method, path),
            Some(Stated { signal: Signal::HttpHost, .. }) => Self::Nothing,
            None if facts.first_bytes_seen => Self::Nothing,
            Some(_) | None => Self::Name,
        }
    }
}

/// A signal that led to a service, and what the policy says about that.
#[derive(Clone, Copy)]
struct Recognised<'a> {
    signal: Signal,
    service: ServiceIndex,
    certainty: Certainty,
    allow: bool,
    rule: Rule,
    grant: Option<&'a Arc<Grant>>,
    host: Option<&'a str>,
}

impl Recognised<'_> {
    /// Whether the service is listed and may be reached for its own sake. Encrypted DNS is merely not forbidden.
    fn vouches(&self) -> bool {
        self.allow && self.rule != Rule::NotDedicated
    }

    fn verdict(&self) -> Verdict {
        Verdict {
            allow: self.allow,
            signal: Some(self.signal),
            service: Some(self.service),
            certainty: Some(self.certainty),
            rule: self.rule,
            host: self.host.filter(|_| !self.allow).map(|host| Arc::from(without_dot(host))),
            grant: self.grant.cloned(),
        }
    }
}

/// Leads from names to services for one owner.
#[derive(Clone, Copy)]
struct Names<'a> {
    catalogue: &'a Catalogue,
    policy: &'a Policy,
    owner: &'a Owner,
    dedicated: bool,
    transport: Transport,
}

impl<'a> Names<'a> {
    /// The service a name stands for. Another spelling of a listed name (a search suffix, a service label) is enough to
    /// deny; it is never enough to allow, because anybody may own `NAME.example.org`.
    fn recognise(&self, host: &'a str, signal: Signal, shown: Shown<'_>) -> Option<Recognised<'a>> {
        let found = self.catalogue.match_alias(host)?;
        let mut recognised = match found.services {
            [only] => self.alone(*only, host, signal, shown),
            several => self.shared(several, host, signal, shown),
        };
        if recognised.allow && self.catalogue.match_name(host).is_none() {
            return None;
        }
        recognised.certainty = found.certainty;
        recognised.host = Some(host);
        Some(recognised)
    }

    /// What the policy says about a service, whatever the flow shows.
    fn decide(
        &self,
        service: ServiceIndex,
        signal: Signal,
        certainty: Certainty,
        touched: Touched<'_>,
    ) -> Recognised<'a> {
        let decision = self.policy.decide(service, self.owner, self.dedicated, touched);
        let (allow, rule, grant) = (decision.allow, decision.rule, decision.grant);
        Recognised { signal, service, certainty, allow, rule, grant, host: None }
    }

    /// A host of one service. An essential service that lists its requests may make only those in clear text.
    fn alone(&self, service: ServiceIndex, host: &str, signal: Signal, shown: Shown<'_>) -> Recognised<'a> {
        let touched = Touched::Name { host, by_request: false };
        let recognised = self.decide(service, signal, Certainty::Inferred, touched);
        if !recognised.allow || !self.policy.is_essential(service) {
            return recognised;
        }
        let listed = match shown {
            Shown::Name => true,
            Shown::Request(method, path) => {
                self.catalogue.match_path(service, method, path) != PathMatch::NotListed
            }
            Shown::Nothing => {
                self.transport != Transport::Tcp || self.catalogue.service(service).paths.is_empty()
            }
        };
        if listed { recognised } else { denied(recognised, Rule::EssentialRequest) }
    }

    /// A host that several services share. Open once one of them is allowed where nothing tells them apart; a request in
    /// clear text belongs to the service that lists it.
    fn shared(
        &self,
        services: &[ServiceIndex],
        host: &str,
        signal: Signal,
        shown: Shown<'_>,
    ) -> Recognised<'a> {
        let by_request = matches!(shown, Shown::Request(..));
        let touched = Touched::Name { host, by_request };
        let decide = |service: &ServiceIndex| self.decide(*service, signal, Certainty::Inferred, touched);
        let first = || decide(services.first().expect("a match names at least one service"));
        let any_allowed = || services.iter().map(decide).find(|recognised| recognised.allow);
        match shown {
            Shown::Name => any_allowed().unwrap_or_else(first),
            Shown::Request(method, path) => {
                let lists = |service: &&ServiceIndex| {
                    self.catalogue.match_path(**service, method, path) == PathMatch::Listed
                };
                let mut listing = services.iter().filter(lists).map(decide);
                match listing.next() {
                    Some(found) if found.allow => found,
                    Some(found) => listing.find(|other| other.allow).unwrap_or(found),
                    None if any_allowed().is_some() => denied(first(), Rule::SharedRequest),
                    None => first(),
                }
            }
            Shown::Nothing => match services.iter().map(decide).find(|recognised| !recognised.allow) {
                None => first(),
                Some(_) if any_allowed().is_some() => denied(first(), Rule::SharedRequest),
                Some(found) => found,
            },
        }
    }
}

fn denied(recognised: Recognised<'_>, rule: Rule) -> Recognised<'_> {
    Recognised { allow: false, rule, grant: None, ..recognised }
}

/// The name a flow states about itself.
#[derive(Clone, Copy, Default)]
struct Claim<'a> {
    recognised: Option<Recognised<'a>>,
    /// It is a name at all: not empty and not an address.
    is_name: bool,
    /// Our own DNS gave the address for that name.
    backed: bool,
    /// It may overrule what was inferred from DNS answers.
    counts: bool,
}

/// The names that our DNS gave for the address, together.
#[derive(Clone, Copy, Default)]
struct Resolved<'a> {
    /// The first that is denied.
    denied: Option<Recognised<'a>>,
    /// The first that is listed and allowed.
    allowed: Option<Recognised<'a>>,
    /// Some name is not in the catalogue, or is merely not forbidden.
    unlisted: bool,
}

impl Resolved<'_> {
    fn all_denied(&self) -> bool {
        self.denied.is_some() && self.allowed.is_none() && !self.unlisted
    }
}

/// One flow with what follows from its owner.
struct Case<'a> {
    facts: &'a Facts<'a>,
    names: Names<'a>,
    /// A package of the owner is in the catalogue.
    catalogued: bool,
    /// The owner is dedicated: its maker's unlisted entry.
    unlisted: Option<ServiceIndex>,
    strict: bool,
    shown: Shown<'a>,
}

impl<'a> Case<'a> {
    fn new(catalogue: &'a Catalogue, policy: &'a Policy, facts: &'a Facts<'a>) -> Self {
        let packages = facts.owner.packages();
        let mut known = packages.iter().filter_map(|package| catalogue.match_package(package)).peekable();
        let catalogued = known.peek().is_some();
        let unlisted = known.find_map(|package| package.dedicated);
        let dedicated = unlisted.is_some();
        Self {
            facts,
            names: Names { catalogue, policy, owner: facts.owner, dedicated, transport: facts.transport },
            catalogued,
            unlisted,
            strict: policy.is_strict(packages),
            shown: Shown::of(facts),
        }
    }

    fn verdict(&self) -> Verdict {
        let facts = self.facts;
        // Proof of what the flow is: a denial here stands whatever else the flow states.
        let literal = self.literal(facts.address, Signal::Address);
        let signature = facts.signature.map(|found| {
            self.names.decide(found, Signal::Signature, Certainty::Confirmed, Touched::Signature)
        });
        let claim = self.claim();
        let sinkhole =
            facts.sinkhole.and_then(|name| self.names.recognise(name, Signal::DnsAnswer, self.shown));
        for found in [literal, signature, claim.recognised, sinkhole].into_iter().flatten() {
            if !found.allow {
                return found.verdict();
            }
        }

        // A believed name that is itself among the address's names settles for an ordinary app which of them is meant.
        let settled = claim.counts && claim.backed && self.unlisted.is_none() && !self.strict;
        let resolved = if settled { Resolved::default() } else { self.resolved(sinkhole) };
        let mut wait_for_bytes = false;
        if let Some(found) = resolved.denied {
            let still_silent = !facts.first_bytes_seen && facts.stated.is_none();
            if resolved.all_denied() {
                return found.verdict();
            } else if still_silent {
                wait_for_bytes = true;
            } else if !self.overrules_mixed_names(literal, signature, &claim) {
                return found.verdict();
            }
        }

        if let Some(unlisted) = self.unlisted
            && !self.dedicated_use_is_listed(literal, signature, &claim, &resolved)
        {
            let entry = self.names.decide(unlisted, Signal::App, Certainty::Inferred, Touched::App);
            return Recognised { host: self.any_name(), ..entry }.verdict();
        }
        if self.strict && !self.strict_use_is_listed(literal, signature, &claim, &resolved) {
            let host = self.any_name().map(|name| Arc::from(without_dot(name)));
            return Verdict { signal: Some(Signal::App), host, ..Verdict::bare(false, Rule::Strict) };
        }
        if wait_for_bytes {
            return Verdict::bare(true, Rule::MixedNames);
        }
        let by_name = if claim.is_name && claim.counts { claim.recognised } else { resolved.allowed };
        literal
            .or(signature)
            .or(by_name)
            .map_or(Verdict::bare(true, Rule::Unmatched), |found| found.verdict())
    }

    /// The service that carries this address in its code.
    fn literal(&self, address: IpAddr, signal: Signal) -> Option<Recognised<'a>> {
        let address = canonical_address(address);
        let found = self.names.catalogue.match_address(address)?;
        Some(self.names.decide(found.service, signal, found.certainty, Touched::Address(address)))
    }

    /// What the flow states about itself, and whether it can be believed: an app of the catalogue may lie, and so may any
    /// app that calls itself essential, so theirs counts only where our own DNS gave the address for that name.
    fn claim(&self) -> Claim<'a> {
        let Some(stated) = self.facts.stated else { return Claim::default() };
        let host = without_dot(stated.host);
        if host.is_empty() {
            return Claim::default();
        }
        if let Some(address) = address_in_host(host) {
            let recognised = self.literal(address, stated.signal).filter(|found| !found.allow);
            return Claim {
                recognised: recognised.map(|r| Recognised { host: Some(host), ..r }),
                ..Claim::default()
            };
        }
        let recognised = self.names.recognise(host, stated.signal, self.shown);
        let essential = recognised.is_some_and(|found| self.names.policy.is_essential(found.service));
        let backed = self.our_names().any(|name| without_dot(name).eq_ignore_ascii_case(host));
        let counts = backed || !(self.catalogued || essential);
        Claim { recognised, is_name: true, backed, counts }
    }

    /// Every name that our own DNS gave the address for.
    fn our_names(&self) -> impl Iterator<Item = &'a str> {
        self.facts.sinkhole.into_iter().chain(self.facts.names.iter().map(|name| &**name))
    }

    /// Sums up the names that DNS gave for the address. A sinkhole address was made for its name, so that is as sure as the
    /// name itself; other answers leave it open which of an address's names is meant.
    fn resolved(&self, sinkhole: Option<Recognised<'a>>) -> Resolved<'a> {
        let mut resolved = Resolved::default();
        let inferred = |found: Recognised<'a>| Recognised { certainty: Certainty::Inferred, ..found };
        let answers = self
            .facts
            .names
            .iter()
            .map(|name| self.names.recognise(name, Signal::DnsAnswer, self.shown).map(inferred));
        for found in self.facts.sinkhole.map(|_| sinkhole).into_iter().chain(answers) {
            match found {
                Some(found) if !found.allow => resolved.denied = resolved.denied.or(Some(found)),
                Some(found) if found.vouches() => resolved.allowed = resolved.allowed.or(Some(found)),
                _ => resolved.unlisted = true,
            }
            if resolved.denied.is_some() && resolved.allowed.is_some() && resolved.unlisted {
                break;
            }
        }
        resolved
    }

    /// Some names of the address are denied and some are not: whether the flow shows that it means one that is not.
    fn overrules_mixed_names(
        &self,
        literal: Option<Recognised<'a>>,
        signature: Option<Recognised<'a>>,
        claim: &Claim<'a>,
    ) -> bool {
        let by_literal = literal.is_some_and(|found| found.vouches());
        // A catalogued app's signature is believed like its stated name: where our DNS led to that service.
        let by_signature = signature.is_some_and(|found| {
            !self.catalogued || self.our_names().any(|name| self.belongs_to(name, found.service))
        });
        by_literal || by_signature || (claim.is_name && claim.counts)
    }

    fn belongs_to(&self, name: &str, service: ServiceIndex) -> bool {
        self.names.catalogue.match_name(name).is_some_and(|found| found.services.contains(&service))
    }

    /// Whether a dedicated app reaches something that is listed and allowed: a known address, or an address that our DNS
    /// gave for such a name, about which it then also states such a name or speaks such a protocol.
    fn dedicated_use_is_listed(
        &self,
        literal: Option<Recognised<'a>>,
        signature: Option<Recognised<'a>>,
        claim: &Claim<'a>,
        resolved: &Resolved<'a>,
    ) -> bool {
        let known_address = literal.is_some_and(|found| found.vouches());
        let silent_yet = !self.facts.first_bytes_seen && self.facts.stated.is_none();
        let shown = claim.backed && claim.recognised.is_some_and(|found| found.vouches());
        let spoken = signature.is_some_and(|found| found.vouches());
        known_address || (resolved.allowed.is_some() && (silent_yet || shown || spoken))
    }

    /// Whether an app in strict mode reaches something that is listed and allowed. Unlike a dedicated app it may leave the
    /// name out where every name of the address is such a one.
    fn strict_use_is_listed(
        &self,
        literal: Option<Recognised<'a>>,
        signature: Option<Recognised<'a>>,
        claim: &Claim<'a>,
        resolved: &Resolved<'a>,
    ) -> bool {
        let only_allowed = resolved.allowed.is_some() && resolved.denied.is_none() && !resolved.unlisted;
        self.dedicated_use_is_listed(literal, signature, claim, resolved)
            || signature.is_some_and(|found| found.vouches())
            || (only_allowed && !claim.is_name)
    }

    /// A name to show in the log where none led to a service.
    fn any_name(&self) -> Option<&'a str> {
        let stated = self.facts.stated.map(|stated| stated.host).filter(|host| !host.is_empty());
        stated.or_else(|| self.our_names().next())
    }
}

/// A name without the dot that may end it (RFC 1034, section 3.1).
fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// The address that a host is written as (RFC 3986, section 3.2.2), if it is one.
fn address_in_host(host: &str) -> Option<IpAddr> {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    if host.contains(':') { host.parse().ok() } else { ipv4_in_host(host).map(IpAddr::V4) }
}

/// The IPv4 address that a proxy or resolver library reads from a host: one to four numbers, each decimal, octal or
/// hexadecimal, of which the last fills the bytes that are left (POSIX `inet_addr`).
fn ipv4_in_host(host: &str) -> Option<Ipv4Addr> {
    let mut parts = host.split('.').peekable();
    let mut address = 0_u32;
    for place in 0..4 {
        let number = number_in_host(parts.next()?)?;
        let bits_left = 32 - 8 * place;
        if parts.peek().is_none() {
            return (u64::from(number) < 1 << bits_left).then(|| Ipv4Addr::from(address | number));
        }
        address |= u32::from(u8::try_from(number).ok()?) << (bits_left - 8);
    }
    None
}

fn number_in_host(text: &str) -> Option<u32> {
    // `from_str_radix` takes a sign as well.
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() }
}
