//! The catalogue of services a person can decide about.
//!
//! A catalogue is parsed once from its files ([`Catalogue::parse`], or [`Catalogue::builtin`] for the one in the program)
//! and then only asked: which service does this host name, address, port, first bytes, HTTP request or Android package
//! belong to? Asking never allocates, takes any bytes, and costs the same for a hundred services and for ten thousand.
//! What the answers mean for a flow is not decided here.
//!
//! Pure: no input or output, no clock.
#![forbid(unsafe_code)]

mod builtin;
mod error;
mod file;
mod host;
mod index;
mod names;
mod parse;
mod paths;
mod service;
mod signatures;
mod wide_domains;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::OnceLock;

pub use error::{CatalogueError, Reason};
use index::Index;
pub use parse::MAX_FILE_BYTES;
pub use service::{
    AddressRule, Category, Certainty, DnsAnswer, NameKind, NameRule, PackageRule, PathRule, PortRule,
    Service, ServiceIndex, SignatureRule, Source, Standing, Transport,
};

/// An immutable set of services with everything needed to recognise their traffic.
#[derive(Debug)]
pub struct Catalogue {
    services: Vec<Service>,
    index: Index,
}

/// The rule that a host name fell under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameMatch<'c> {
    /// The services the host belongs to: one, or several that share it.
    pub services: &'c [ServiceIndex],
    /// The pattern that matched.
    pub pattern: &'c str,
    /// Whether it names this one host rather than a family.
    pub exact: bool,
    /// How sure it is; with several services, the weaker.
    pub certainty: Certainty,
}

/// The service that an address literal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressMatch {
    /// The service.
    pub service: ServiceIndex,
    /// How sure it is.
    pub certainty: Certainty,
}

/// What the first bytes of a flow say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureMatch {
    /// No signature can match any more.
    No,
    /// The bytes are the beginning of at least one signature.
    NeedMore,
    /// The bytes begin with this service's signature.
    Service(ServiceIndex),
}

/// What is known about an Android package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageMatch<'c> {
    /// The services whose entries name it, at least one.
    pub services: &'c [ServiceIndex],
    /// For a dedicated package, its maker's `unlisted` entry.
    pub dedicated: Option<ServiceIndex>,
}

/// Whether a service's entry lists an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathMatch {
    /// The entry has no path rules.
    NoRules,
    /// One of its rules matches.
    Listed,
    /// It has rules and none matches.
    NotListed,
}

impl Catalogue {
    /// The catalogue that is part of the program.
    pub fn builtin() -> &'static Catalogue {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Self::parse(builtin::Builtin::unpack().files())
                .expect("a test parses these files, which are part of the program")
        })
    }

    /// The text of the files that the catalogue of the program was made from, in the order of its services, one behind the other: what
    /// a fingerprint of it is taken from.
    pub fn builtin_text() -> String {
        builtin::Builtin::unpack().files().map(|(_, text)| text).collect()
    }

    /// Parses and checks catalogue files given as (file name, text). The name is only used in errors.
    ///
    /// Files of one catalogue are given together: ids, hosts, addresses, signatures and packages are checked across all of
    /// them. A single file can be checked alone, since what a service shares it shares within its vendor's file.
    ///
    /// # Errors
    /// The first thing wrong: file, line and reason.
    pub fn parse<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Catalogue, CatalogueError> {
        let mut located = Vec::new();
        for (name, text) in files {
            located.extend(parse::parse(name, text)?);
        }
        let index = Index::new(&located)?;
        let services = located.into_iter().map(|located| located.service).collect();
        Ok(Catalogue { services, index })
    }

    /// All services, in the order of the files.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The service at a position.
    ///
    /// # Panics
    /// When the position comes from a larger catalogue.
    pub fn service(&self, index: ServiceIndex) -> &Service {
        &self.services[index.as_usize()]
    }

    /// The position of the service with this id.
    pub fn find(&self, id: &str) -> Option<ServiceIndex> {
        self.index.ids.get(id).copied()
    }

    /// The rule a host name falls under: exact before suffix, longest first.
    ///
    /// Upper and lower case are the same, a trailing dot is ignored, any text is accepted. Never allocates.
    pub fn match_name(&self, name: &str) -> Option<NameMatch<'_>> {
        self.index.names.find(name)
    }

    /// As [`match_name`](Self::match_name), and sees through what resolvers put around a name.
    ///
    /// Leading labels that begin with `_` (`_port._proto.NAME`, RFC 9460 section 2.3) are left out, and so are labels at the end,
    /// one by one while two remain: a resolver with a search suffix asks for `api.account.xiaomi.com.lan` too. Since a
    /// name may contain another by intent, such a match is good for denying, never for trusting.
    pub fn match_alias(&self, name: &str) -> Option<NameMatch<'_>> {
        self.index.names.find_alias(name)
    }

    /// The service that an address literal belongs to, on any port.
    ///
    /// The caller turns addresses that carry an IPv4 address (mapped, NAT64, 6to4) into that address first.
    pub fn match_address(&self, address: IpAddr) -> Option<AddressMatch> {
        self.index.addresses.get(&address).copied()
    }

    /// The service whose protocol begins with the first bytes that a client sent.
    pub fn match_signature(&self, transport: Transport, first_bytes: &[u8]) -> SignatureMatch {
        self.index.signatures.find(transport, first_bytes)
    }

    /// What is known about an Android package.
    pub fn match_package(&self, package: &str) -> Option<PackageMatch<'_>> {
        let package = self.index.packages.get(package)?;
        Some(PackageMatch { services: &package.services, dedicated: package.dedicated })
    }

    /// Whether a service's entry lists an HTTP request, given as method and request target without host
    /// (`/path?query`).
    ///
    /// Path and query are compared after percent-decoding. Targets that servers read in different ways (dot segments,
    /// encoded slashes, back-slashes, fragments) are never listed.
    pub fn match_path(&self, service: ServiceIndex, method: &str, path_and_query: &str) -> PathMatch {
        if self.service(service).paths.is_empty() {
            return PathMatch::NoRules;
        }
        match self.listed_path(service, method, path_and_query) {
            Some(_) => PathMatch::Listed,
            None => PathMatch::NotListed,
        }
    }

    /// The path rule under which a service's entry lists an HTTP request. Its patterns name the request without
    /// the values in it.
    pub fn listed_path(
        &self,
        service: ServiceIndex,
        method: &str,
        path_and_query: &str,
    ) -> Option<&PathRule> {
        let target = paths::Target::read(path_and_query)?;
        self.service(service).paths.iter().find(|rule| target.is_listed_by(rule, method))
    }

    /// Whether any service uses this port: connections to it are read before anything is dialled.
    pub fn is_catalogue_port(&self, transport: Transport, port: u16) -> bool {
        self.index.ports.contains(&(transport, port))
    }

    /// The other services that share a host with this one, in order.
    pub fn shared_with(&self, service: ServiceIndex) -> Vec<ServiceIndex> {
        let rules = self.service(service).names.iter();
        let others: BTreeSet<_> = rules
            .flat_map(|rule| self.index.names.sharers(&rule.pattern, rule.kind))
            .filter(|other| **other != service)
            .collect();
        others.into_iter().copied().collect()
    }
}
