//! What is counted for the report while the capture is read. Everything is bounded, however long the capture is.

use super::super::record::{Decision, Record};
use super::timeline::{Axis, Row};
use consentry_inspect::identifiers::{Form, Kind};
use std::collections::BTreeMap;

/// Most contacts that are told apart; what comes later counts for [`OTHERS`].
const MOST_CONTACTS: usize = 1000;
/// Most reasons and hosts of one contact that are told apart.
const MOST_WORDS: usize = 12;
/// Most places of identifiers that are told apart.
const MOST_IDENTIFIERS: usize = 1000;
/// What stands for contacts beyond the limit.
pub(super) const OTHERS: &str = "others";

/// Whom a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Contact {
    /// A service of the catalogue, by its id.
    Service(String),
    /// A host or address outside the catalogue.
    Host(String),
}

/// What was counted about one contact.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) denied: u64,
    pub(super) allowed: u64,
    pub(super) bytes_out: u64,
    pub(super) bytes_in: u64,
    pub(super) reasons: Words,
    pub(super) hosts: Words,
    pub(super) protocols: Words,
    pub(super) row: Row,
}

impl Counts {
    pub(super) fn records(&self) -> u64 {
        self.denied + self.allowed
    }
}

/// Some words, with how often each was said, and how many were left out.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) known: BTreeMap<String, u64>,
    pub(super) left_out: u64,
}

impl Words {
    fn count(&mut self, word: &str) {
        if let Some(times) = self.known.get_mut(word) {
            *times += 1;
        } else if self.known.len() < MOST_WORDS {
            self.known.insert(word.to_owned(), 1);
        } else {
            self.left_out += 1;
        }
    }
}

/// One kind of identifier in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shown {
    pub(super) kind: Kind,
    pub(super) form: Form,
    pub(super) place: String,
    pub(super) contact: Contact,
    pub(super) denied: bool,
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) axis: Axis,
    pub(super) contacts: BTreeMap<Contact, Counts>,
    pub(super) identifiers: BTreeMap<Shown, u64>,
    /// Identifiers beyond [`MOST_IDENTIFIERS`].
    pub(super) identifiers_left_out: u64,
    pub(super) records: u64,
    pub(super) denied: u64,
}

impl Tally {
    /// Counts a record.
    pub(super) fn count(&mut self, record: &Record) {
        let denied = record.verdict == Decision::Deny;
        self.records += 1;
        self.denied += u64::from(denied);
        let contact = self.contact(record);
        for found in &record.identifiers {
            let shown = Shown {
                kind: found.kind,
                form: found.form,
                place: found.place.clone(),
                contact: contact.clone(),
                denied,
            };
            if self.identifiers.len() < MOST_IDENTIFIERS || self.identifiers.contains_key(&shown) {
                *self.identifiers.entry(shown).or_default() += 1;
            } else {
                self.identifiers_left_out += 1;
            }
        }
        let counts = self.contacts.entry(contact).or_default();
        *if denied { &mut counts.denied } else { &mut counts.allowed } += 1;
        counts.bytes_out += record.bytes_out;
        counts.bytes_in += record.bytes_in;
        counts.reasons.count(&record.reason);
        counts.protocols.count(record.protocol);
        if let Some(host) = &record.host {
            counts.hosts.count(host);
        }
        counts.row.count(&mut self.axis, record.time, denied);
    }

    fn contact(&self, record: &Record) -> Contact {
        if let Some(service) = &record.service {
            return Contact::Service(service.clone());
        }
        let host = record.host.clone().unwrap_or_else(|| record.destination.ip().to_string());
        let contact = Contact::Host(host);
        if self.contacts.len() < MOST_CONTACTS || self.contacts.contains_key(&contact) {
            contact
        } else {
            Contact::Host(OTHERS.to_owned())
        }
    }
}
