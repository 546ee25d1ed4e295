//! Everything about a set of services that is looked up, and the checks that need all of them.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::AddressMatch;
use crate::error::{CatalogueError, Reason};
use crate::names::NameIndex;
use crate::parse::{Located, UNLISTED};
use crate::service::{ServiceIndex, Transport};
use crate::signatures::{self, SignatureIndex};

/// Positions are 16 bits wide.
const MAX_SERVICES: usize = u16::MAX as usize;

/// Look-up tables over the services of one catalogue.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) ids: HashMap<Box<str>, ServiceIndex>,
    pub(crate) names: NameIndex,
    pub(crate) addresses: HashMap<IpAddr, AddressMatch>,
    pub(crate) ports: BTreeSet<(Transport, u16)>,
    pub(crate) signatures: SignatureIndex,
    pub(crate) packages: HashMap<Box<str>, Package>,
}

/// What all entries together say about a package.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) services: Vec<ServiceIndex>,
    pub(crate) dedicated: Option<ServiceIndex>,
}

impl Index {
    /// Builds the tables and checks the services against each other.
    pub(crate) fn new(services: &[Located]) -> Result<Index, CatalogueError> {
        if let Some(excess) = services.get(MAX_SERVICES) {
            return Err(excess.error(excess.line, Reason::TooManyServices { limit: MAX_SERVICES }));
        }
        let mut index = Index::default();
        for (position, located) in services.iter().enumerate() {
            index.add_id(services, ServiceIndex(position as u16), located)?;
        }
        for (position, located) in services.iter().enumerate() {
            let position = ServiceIndex(position as u16);
            index.add_names(position, located)?;
            index.add_addresses(services, position, located)?;
            index.add_signatures(services, position, located)?;
            index.add_packages(services, position, located)?;
            index.ports.extend(located.service.ports.iter().map(|rule| (rule.transport, rule.port)));
        }
        index.check_sharing(services)?;
        Ok(index)
    }

    fn add_id(
        &mut self,
        services: &[Located],
        position: ServiceIndex,
        new: &Located,
    ) -> Result<(), CatalogueError> {
        let id = &new.service.id;
        let Some(first) = self.ids.insert(id.as_str().into(), position) else { return Ok(()) };
        let first = &services[first.as_usize()];
        let reason = Reason::DuplicateId { id: id.clone(), file: first.file.clone(), line: first.line };
        Err(new.error(new.line, reason))
    }

    fn add_names(&mut self, position: ServiceIndex, new: &Located) -> Result<(), CatalogueError> {
        for (rule, line) in new.service.names.iter().zip(&new.name_lines) {
            if self.names.sharers(&rule.pattern, rule.kind).last() == Some(&position) {
                return Err(new.error(*line, duplicate(&rule.pattern, new)));
            }
            self.names.add(&rule.pattern, rule.kind, rule.certainty, position);
        }
        Ok(())
    }

    /// A host in several services has to be declared in each of them, with all the others.
    fn check_sharing(&self, services: &[Located]) -> Result<(), CatalogueError> {
        for located in services {
            for (rule, line) in located.service.names.iter().zip(&located.name_lines) {
                let pattern = &rule.pattern;
                let sharers = self.names.sharers(pattern, rule.kind);
                let others = sharers
                    .iter()
                    .map(|other| &services[other.as_usize()].service.id)
                    .filter(|id| **id != located.service.id);
                if let Some(other) = others.clone().find(|other| !rule.shared_with.contains(other)) {
                    let reason = Reason::Overlap { pattern: pattern.clone(), other: other.clone() };
                    return Err(located.error(*line, reason));
                }
                if let Some(other) =
                    rule.shared_with.iter().find(|other| !others.clone().any(|id| id == *other))
                {
                    let reason = Reason::NotShared { pattern: pattern.clone(), other: other.clone() };
                    return Err(located.error(*line, reason));
                }
            }
        }
        Ok(())
    }

    fn add_addresses(
        &mut self,
        services: &[Located],
        position: ServiceIndex,
        new: &Located,
    ) -> Result<(), CatalogueError> {
        for (rule, line) in new.service.addresses.iter().zip(&new.address_lines) {
            let address = rule.address;
            let found = AddressMatch { service: position, certainty: rule.certainty };
            if let Some(first) = self.addresses.insert(address, found) {
                let reason = if first.service == position {
                    duplicate(&address.to_string(), new)
                } else {
                    Reason::AddressOverlap {
                        address,
                        other: services[first.service.as_usize()].service.id.clone(),
                    }
                };
                return Err(new.error(*line, reason));
            }
        }
        Ok(())
    }

    fn add_signatures(
        &mut self,
        services: &[Located],
        position: ServiceIndex,
        new: &Located,
    ) -> Result<(), CatalogueError> {
        for (rule, line) in new.service.signatures.iter().zip(&new.signature_lines) {
            self.signatures.add(rule.transport, &rule.bytes, position).map_err(|other| {
                let signature = signatures::to_hex(&rule.bytes);
                let other = services[other.as_usize()].service.id.clone();
                new.error(*line, Reason::SignatureOverlap { signature, other })
            })?;
        }
        Ok(())
    }

    fn add_packages(
        &mut self,
        services: &[Located],
        position: ServiceIndex,
        new: &Located,
    ) -> Result<(), CatalogueError> {
        for (rule, line) in new.service.packages.iter().zip(&new.package_lines) {
            let dedicated = if rule.dedicated { Some(self.unlisted(new, *line, &rule.name)?) } else { None };
            let package = self.packages.entry(rule.name.as_str().into()).or_default();
            match package.services.last() {
                Some(last) if *last == position => return Err(new.error(*line, duplicate(&rule.name, new))),
                Some(last) if package.dedicated != dedicated => {
                    let reason = Reason::DedicatedDiffers {
                        package: rule.name.clone(),
                        dedicated: rule.dedicated,
                        other: services[last.as_usize()].service.id.clone(),
                    };
                    return Err(new.error(*line, reason));
                }
                _ => {}
            }
            package.services.push(position);
            package.dedicated = dedicated;
        }
        Ok(())
    }

    /// The `unlisted` entry of the group that the service belongs to.
    fn unlisted(
        &self,
        service: &Located,
        line: usize,
        package: &str,
    ) -> Result<ServiceIndex, CatalogueError> {
        let group = service.service.id.split_once('.').map_or("", |(group, _)| group);
        let id = format!("{group}.{UNLISTED}");
        self.ids
            .get(id.as_str())
            .copied()
            .ok_or_else(|| service.error(line, Reason::NoUnlisted { package: package.to_owned(), id }))
    }
}

fn duplicate(rule: &str, service: &Located) -> Reason {
    Reason::DuplicateRule { rule: rule.to_owned(), id: service.service.id.clone() }
}
