//! The catalogue of services a person can decide about.
//!
//! Pure: no input or output, no clock. The files are parsed once, and matching never allocates.
#![forbid(unsafe_code)]

mod error;
mod service;

use std::net::IpAddr;

pub use error::{CatalogueError, Reason};
pub use service::{
    AddressRule, Category, Certainty, DnsAnswer, NameKind, NameRule, PackageRule, PathRule, PortRule, Service,
    ServiceIndex, SignatureRule, Source, Standing, Transport,
};

/// An immutable set of services with everything needed to recognise their traffic.
#[derive(Debug)]
pub struct Catalogue {
    services: Vec<Service>,
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

#[expect(unused_variables, clippy::unimplemented, reason = "signatures first, bodies within minutes")]
impl Catalogue {
    /// The catalogue that is part of the program.
    pub fn builtin() -> &'static Catalogue {
        unimplemented!()
    }
    /// Parses and checks catalogue files given as (file name, text).
    ///
    /// # Errors
    /// The first thing wrong: file, line and reason.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Catalogue, CatalogueError> {
        unimplemented!()
    }
    /// All services, in the order of the files.
    pub fn services(&self) -> &[Service] {
        &self.services
    }
    /// The service at a position.
    pub fn service(&self, index: ServiceIndex) -> &Service {
        &self.services[index.as_usize()]
    }
    /// The position of the service with this id.
    pub fn find(&self, id: &str) -> Option<ServiceIndex> {
        unimplemented!()
    }
    /// The rule a host name falls under.
    pub fn match_name(&self, name: &str) -> Option<NameMatch<'_>> {
        unimplemented!()
    }
    /// As `match_name`, and sees through `_port._proto.NAME` and NAME with a search suffix.
    pub fn match_alias(&self, name: &str) -> Option<NameMatch<'_>> {
        unimplemented!()
    }
    /// The service an address literal belongs to, on any port.
    pub fn match_address(&self, address: IpAddr) -> Option<AddressMatch> {
        unimplemented!()
    }
    /// The service whose protocol begins with these bytes.
    pub fn match_signature(&self, transport: Transport, first_bytes: &[u8]) -> SignatureMatch {
        unimplemented!()
    }
    /// What is known about an Android package.
    pub fn match_package(&self, package: &str) -> Option<PackageMatch<'_>> {
        unimplemented!()
    }
    /// Whether a service's entry lists an HTTP request.
    pub fn match_path(&self, service: ServiceIndex, method: &str, path_and_query: &str) -> PathMatch {
        unimplemented!()
    }
    /// Whether any service uses this port.
    pub fn is_catalogue_port(&self, transport: Transport, port: u16) -> bool {
        unimplemented!()
    }
    /// The other services that share a host with this one.
    pub fn shared_with(&self, service: ServiceIndex) -> Vec<ServiceIndex> {
        unimplemented!()
    }
}
