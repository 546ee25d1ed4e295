//! What the catalogue says about one service.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The position of a service in its [`Catalogue`](crate::Catalogue).
///
/// Positions are only meaningful for the catalogue that gave them out; what is stored on disk is the service's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceIndex(pub(crate) u16);

impl ServiceIndex {
    /// The position as an index into [`Catalogue::services`](crate::Catalogue::services).
    pub fn as_usize(self) -> usize {
        usize::from(self.0)
    }
}

/// What happens to a service that the owner has not decided about (the `default` field of the file format).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Denied until granted.
    NeedsConsent,
    /// Needed for the phone to work: allowed, shown, and can be switched off.
    Essential,
    /// Known encrypted resolvers: denied to dedicated packages, allowed to all other apps.
    DeniedToDedicated,
}

/// How a DNS question for a service without consent is answered from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnsAnswer {
    /// With an address of the sinkhole pool, so that the connection that follows shows what was to be said.
    Sinkhole,
    /// With no error and no record. For connectivity checks, which a sinkhole must not accept.
    NoData,
    /// With "no such name".
    NxDomain,
}

/// How sure the catalogue is of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Seen in that role in client code, in the maker's documentation, on the wire, or by several witnesses.
    Confirmed,
    /// Read from a name on a list, or general knowledge that was not checked.
    Inferred,
}

impl fmt::Display for Certainty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Confirmed => "confirmed",
            Self::Inferred => "inferred",
        })
    }
}

/// The transport of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
    /// Echo requests: ICMP of IPv4, RFC 792, and of IPv6, RFC 4443.
    Icmp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Sign-in, registration and records of an online account.
    Account,
    /// Adverts and their measurement.
    Ads,
    /// Usage reports, crash reports and logs.
    Analytics,
    /// Voice assistants.
    Assistant,
    /// Texts sent over the internet instead of SMS, and what they need.
    CloudMessaging,
    /// Copies of the phone's data on a server.
    CloudSync,
    /// Checks whether a network has internet access.
    ConnectivityCheck,
    /// Feeds, shops, look-ups and other online extras.
    Content,
    /// Position and satellite data.
    Location,
    /// Payment and finance.
    Payment,
    /// Channels that bring notifications.
    Push,
    /// Settings changed from outside.
    RemoteConfig,
    /// Ways to find servers that go round the system's DNS.
    Resolver,
    /// Scanners, rules and lists of security apps.
    Security,
    /// Control of devices in the home.
    SmartHome,
    /// Setting the clock.
    Time,
    /// Servers that only a maker's own dedicated apps use and that no other entry lists.
    Unlisted,
    /// System and app updates.
    Update,
    /// Weather by place.
    Weather,
}

impl Category {
    /// The name in the file format, for example `cloud_messaging`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Ads => "ads",
            Self::Analytics => "analytics",
            Self::Assistant => "assistant",
            Self::CloudMessaging => "cloud_messaging",
            Self::CloudSync => "cloud_sync",
            Self::ConnectivityCheck => "connectivity_check",
            Self::Content => "content",
            Self::Location => "location",
            Self::Payment => "payment",
            Self::Push => "push",
            Self::RemoteConfig => "remote_config",
            Self::Resolver => "resolver",
            Self::Security => "security",
            Self::SmartHome => "smart_home",
            Self::Time => "time",
            Self::Unlisted => "unlisted",
            Self::Update => "update",
            Self::Weather => "weather",
        }
    }

    /// The name as a person reads it, for example `Cloud messaging`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Ads => "Adverts",
            Self::Analytics => "Usage reports",
            Self::Assistant => "Assistant",
            Self::CloudMessaging => "Cloud messaging",
            Self::CloudSync => "Cloud copies",
            Self::ConnectivityCheck => "Connectivity check",
            Self::Content => "Online content",
            Self::Location => "Location",
            Self::Payment => "Payment",
            Self::Push => "Push notifications",
            Self::RemoteConfig => "Remote settings",
            Self::Resolver => "Server look-up",
            Self::Security => "Security",
            Self::SmartHome => "Smart home",
            Self::Time => "Clock",
            Self::Unlisted => "Unlisted servers",
            Self::Update => "Updates",
            Self::Weather => "Weather",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing a person can decide about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Stable name, `group.name`, for example `xiaomi.push`. Never changes once published.
    pub id: String,
    /// Name for people, at most 60 characters.
    pub name: String,
    /// Name for rows and notifications, at most 24 characters.
    pub short_name: String,
    /// Who runs it.
    pub vendor: String,
    /// What kind of service it is.
    pub category: Category,
    /// What it does, in plain sentences.
    pub does: String,
    /// What stops working without it, in plain sentences.
    pub breaks: String,
    /// The same for a question, at most 60 characters and without a closing full stop: `Stops: …` or `Nothing visible`.
    pub breaks_short: String,
    /// What happens while the owner has not decided.
    pub standing: Standing,
    /// How a question for one of its names is answered without consent.
    pub dns_answer: DnsAnswer,
    /// Host names that are this service.
    pub names: Vec<NameRule>,
    /// Addresses that clients dial without asking DNS.
    pub addresses: Vec<AddressRule>,
    /// Ports it uses. They recognise nothing alone: they decide which connections are read before dialling.
    pub ports: Vec<PortRule>,
    /// HTTP requests it makes. For an essential service in clear text, these are all it may make.
    pub paths: Vec<PathRule>,
    /// First bytes that no other protocol has.
    pub signatures: Vec<SignatureRule>,
    /// Android packages that use it.
    pub packages: Vec<PackageRule>,
    /// Where the facts come from, in the order of their keys.
    pub sources: Vec<Source>,
    /// Anything else worth knowing.
    pub notes: Option<String>,
}

/// Whether a name rule covers one host or also all hosts below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NameKind {
    /// That host only.
    Exact,
    /// That host and every host below it.
    Suffix,
}

/// A host name, or a family of them, that is this service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameRule {
    /// Lower-case host name without a trailing dot.
    pub pattern: String,
    /// One host, or all below it too.
    pub kind: NameKind,
    /// How sure it is.
    pub certainty: Certainty,
    /// Keys of [`Service::sources`].
    pub sources: Vec<String>,
    /// Ids of the other services that use the same host.
    pub shared_with: Vec<String>,
}

/// An address that clients of the service carry in their code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressRule {
    /// The address. Any port on it counts as the service.
    pub address: IpAddr,
    /// The transport it was seen with.
    pub transport: Transport,
    /// The port it was seen with.
    pub port: u16,
    /// What it is for.
    pub purpose: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// Keys of [`Service::sources`].
    pub sources: Vec<String>,
}

/// A port that the service uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortRule {
    /// TCP or UDP.
    pub transport: Transport,
    /// The server's port.
    pub port: u16,
    /// What it is for, where that is not plain.
    pub purpose: Option<String>,
    /// How sure it is.
    pub certainty: Certainty,
    /// Keys of [`Service::sources`].
    pub sources: Vec<String>,
}

/// An HTTP request that the service makes. [`Catalogue::match_path`](crate::Catalogue::match_path) tells how it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathRule {
    /// Methods, upper-case.
    pub methods: Vec<String>,
    /// Path pattern: `*` stands for any run of characters inside a segment, a last segment `**` for any rest.
    pub path: String,
    /// Query pattern: `key=value` or `key=*` joined by `&`, in any order; a last `*` allows further parameters.
    /// `None` means no query.
    pub query: Option<String>,
    /// When and how it was seen.
    pub seen: Option<String>,
    /// How sure it is.
    pub certainty: Certainty,
    /// Keys of [`Service::sources`].
    pub sources: Vec<String>,
}

/// The first bytes of a protocol that only this service speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureRule {
    /// TCP or UDP.
    pub transport: Transport,
    /// What the client sends first, 4 to 32 bytes.
    pub bytes: Vec<u8>,
    /// What the bytes mean.
    pub layout: Option<String>,
    /// How sure it is.
    pub certainty: Certainty,
    /// Keys of [`Service::sources`].
    pub sources: Vec<String>,
}

/// An Android package that uses the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageRule {
    /// The package name.
    pub name: String,
    /// The package serves nothing but services of its maker that need consent: whatever else it reaches falls under
    /// the maker's `unlisted` entry.
    pub dedicated: bool,
    /// How sure it is.
    pub certainty: Certainty,
    /// Keys of [`Service::sources`].
    pub sources: Vec<String>,
}

/// Where a fact comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Short key that rules refer to.
    pub key: String,
    /// The reference itself.
    pub reference: String,
}
