use crate::{Grant, Signal};
use consentry_catalogue::{Certainty, ServiceIndex};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which rule decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Allow: nothing in the catalogue matches.
    Unmatched,
    /// Allow for now: some, not all, of the names that DNS gave for the address belong to services without consent. The
    /// first bytes decide; until then it is better not to dial.
    MixedNames,
    /// Allow: an essential service that is switched on.
    Essential,
    /// Allow: the service is granted.
    Granted,
    /// Allow: encrypted DNS, used by an app that is not dedicated.
    NotDedicated,
    /// Allow: the rules are switched off ([`Policy::everything_allowed`](crate::Policy::everything_allowed)).
    RulesOff,
    /// Deny: the service needs consent and has none.
    NeedsConsent,
    /// Deny: the service needs consent and has it for other apps only; a DNS question is asked for all of them.
    GrantedToOthers,
    /// Deny: the service is granted, but this part of it, or what it does, is newer than the grant.
    NotCovered,
    /// Deny: an essential service that the owner switched off.
    SwitchedOff,
    /// Deny: clear text to an essential service that is not one of its listed requests.
    EssentialRequest,
    /// Deny: clear text to a host that several services share, and the request is that of none of them.
    SharedRequest,
    /// Deny: encrypted DNS, used by a dedicated app.
    Dedicated,
    /// Deny: a sinkhole address that stands for no name.
    UnmappedSinkhole,
    /// Deny: the app is in strict mode and reaches something that is not listed and allowed.
    Strict,
}

/// Whether a flow or question may pass, and the whole chain of reasons: signal, service, rule, consent record.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it may pass.
    pub allow: bool,
    /// What recognised it; `None` when nothing did.
    pub signal: Option<Signal>,
    /// The service it belongs to; `None` when to none.
    pub service: Option<ServiceIndex>,
    /// How sure the recognition is.
    pub certainty: Option<Certainty>,
    /// The rule that decided.
    pub rule: Rule,
    /// The name behind the signal. Only given on denial: an allowed flow is judged without taking memory.
    pub host: Option<Arc<str>>,
    /// The consent record that allowed it.
    pub grant: Option<Arc<Grant>>,
}

impl Verdict {
    /// A verdict that no service and no name stands behind.
    pub(crate) const fn bare(allow: bool, rule: Rule) -> Self {
        Self { allow, signal: None, service: None, certainty: None, rule, host: None, grant: None }
    }
}
