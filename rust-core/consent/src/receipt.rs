//! Receipts: a signed copy of the ledger that a third party can verify with nothing but the file and the fingerprint of the
//! key, which the owner tells them.
//!
//! # The file
//! A JSON object of two members: `receipts` (a [`Receipts`]) and `signature` (Ed25519 over `receipts` in the canonical form
//! of RFC 8785, as 128 hexadecimal digits). `receipts` holds:
//! - `format` and `version`: `consentry-receipts`, 1;
//! - `exported`: when, RFC 3339 in UTC;
//! - `key` and `fingerprint`: whose signature it is;
//! - `records`: one for each service, in the order of ids. They follow the parts of a consent record in ISO/IEC TS 27560
//!   where these fit: a header, the processing consented to, the parties, and the events, oldest first;
//! - `ledger`: every [`Entry`] as it was hashed, with the signed [`Head`]. The records must say the same as the ledger. In a
//!   receipt of one service all other entries are [withheld](crate::ledger::Withheld): their place and digest are told, not what they say.
//!
//! # What it proves
//! That the holder of the key vouched for these consent changes, in this order, none missing between the first and the
//! last, at the time of export. Not that the phone's clock was right, and not that there was no other ledger: the owner of
//! a phone can put an older state back or begin anew, which shows only against a receipt exported before.
use crate::canonical::canonical;
use crate::ledger::{
    Broken, Digest, Entry, Fingerprint, Head, Ledger, Link, PublicKey, Signature, verify_links,
};
use crate::{Change, ChangeKind, End, Meaning, Scope, Via, rfc3339};
use consentry_catalogue::Catalogue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

const FORMAT: &str = "consentry-receipts";
const VERSION: u32 = 1;

/// The signed content of a receipts file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipts {
    /// Always `consentry-receipts`.
    pub format: String,
    /// Of the format: 1.
    pub version: u32,
    /// When it was exported: milliseconds since 1970-01-01T00:00:00Z.
    #[serde(with = "rfc3339")]
    pub exported: i64,
    /// The key that signs.
    pub key: PublicKey,
    /// The fingerprint of the key.
    pub fingerprint: Fingerprint,
    /// What was consented to, for people and other programs.
    pub records: Vec<Record>,
    /// What proves it.
    pub ledger: Chain,
}

/// A whole ledger, of which entries may be withheld.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Oldest first.
    pub entries: Vec<Link>,
    /// The signed end.
    pub head: Head,
}

/// All that was decided about one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Names the record.
    pub header: Header,
    /// What was consented to.
    pub processing: Processing,
    /// Who is involved.
    pub parties: Vec<Party>,
    /// Oldest first.
    pub events: Vec<Event>,
}

/// Names a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The structure that the record follows.
    pub schema_version: String,
    /// The digest of the service's id and the record's first entry: the same in every export.
    pub record_id: Digest,
}

/// What the records are about, as the catalogue described it at the time of export. What the owner saw stands in the events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processing {
    /// The service's id.
    pub service: String,
    /// Its name for people.
    pub name: String,
    /// What it does.
    pub purpose: String,
    /// Always `consent`.
    pub lawful_basis: String,
    /// How consent is withdrawn.
    pub withdrawal_method: String,
}

/// A party to the processing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Always `controller`: who runs the service.
    pub role: String,
}

/// What became of consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The owner gave it.
    Given,
    /// The owner withdrew it.
    Withdrawn,
    /// It ended by itself.
    Expired,
    /// It goes on for what it covers; the service is more than that now.
    Outgrown,
}

/// One change of consent to a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The place of its entry in the ledger.
    pub sequence: u64,
    /// When: milliseconds since 1970-01-01T00:00:00Z.
    #[serde(with = "rfc3339")]
    pub event_time: i64,
    /// What became of consent.
    pub event_state: State,
    /// For whom.
    pub scope: Scope,
    /// How it was made known.
    pub via: Via,
    /// When it ends by itself: `never`, `restart`, or an RFC 3339 time in UTC.
    pub until: String,
    /// Which wording the owner was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<String>,
    /// What the owner agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<Arc<Meaning>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    receipts: Receipts,
    signature: Signature,
}

/// Why receipts cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// Not a receipts file at all.
    #[error("not a receipts file: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A receipts file of another version.
    #[error(
        "receipts of format '{format}', version {version}: this program reads {FORMAT}, version {VERSION}"
    )]
    OtherFormat {
        /// What the file says.
        format: String,
        /// What the file says.
        version: u32,
    },
    /// Signed by somebody else than expected.
    #[error("the receipts are signed by the key {found}, not by {expected}")]
    OtherKey {
        /// The fingerprint of the key in the file.
        found: Fingerprint,
        /// The fingerprint that was asked for.
        expected: Fingerprint,
    },
    /// The file was changed after it was signed.
    #[error("the receipts were changed after they were signed: the signature is not right")]
    BadSignature,
    /// The ledger inside breaks.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// A receipt of one service cannot be made of a ledger begun in the first format.
    #[error(
        "entry {at} of the ledger was written in the first format and cannot be withheld: export the whole ledger"
    )]
    CannotWithhold {
        /// The place, from 0.
        at: u64,
    },
    /// The records do not say what the ledger says.
    #[error("record {at} of the receipts does not say what the ledger says")]
    RecordDiffers {
        /// The place of the record, from 0.
        at: usize,
    },
}

/// Receipts that were found to be right.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The content.
    pub receipts: Receipts,
    /// The changes that are told, with their places in the ledger, oldest first.
    pub changes: Vec<(u64, Change)>,
}

/// Makes a receipts file of a whole ledger, as JSON text; or of one service, with everything else withheld.
///
/// # Errors
/// The entries are not those that the ledger's head vouches for, or one cannot be withheld.
pub fn export(
    ledger: &Ledger,
    entries: Vec<Entry>,
    catalogue: &Catalogue,
    now_ms: i64,
    service: Option<&str>,
) -> Result<String, ReceiptError> {
    let head = ledger.head();
    let whole: Vec<Link> = entries.into_iter().map(Link::Entry).collect();
    let changes: Vec<_> = verify_links(&whole, &head)?
        .into_iter()
        .filter(|(_, change)| service.is_none() || change.service() == service)
        .collect();
    let key = ledger.key().public();
    let records =
        events(&changes).into_iter().map(|(id, events)| record(catalogue, &whole, id, events)).collect();
    let is_told = |at: u64| changes.binary_search_by_key(&at, |(sequence, _)| *sequence).is_ok();
    let entries = (0..).zip(&whole).map(|(at, link)| match link {
        Link::Entry(entry) if !is_told(at) => {
            entry.withheld().map(Link::Withheld).ok_or(ReceiptError::CannotWithhold { at })
        }
        link => Ok(link.clone()),
    });
    let receipts = Receipts {
        format: FORMAT.to_owned(),
        version: VERSION,
        exported: rfc3339::nearest(now_ms),
        key,
        fingerprint: key.fingerprint(),
        records,
        ledger: Chain { entries: entries.collect::<Result<_, _>>()?, head },
    };
    let signature = ledger.key().sign(canonical(&receipts).as_bytes());
    let file = File { receipts, signature };
    Ok(serde_json::to_string_pretty(&file).expect("receipts hold nothing that JSON cannot express"))
}

/// Checks a receipts file. With `trusted` it must be signed by that key; without, it proves only that it was not changed
/// since somebody signed it.
///
/// # Errors
/// The first thing wrong with it.
pub fn verify(text: &str, trusted: Option<&Fingerprint>) -> Result<Verified, ReceiptError> {
    check_format(text)?;
    let File { receipts, signature } = serde_json::from_str(text)?;
    let found = receipts.key.fingerprint();
    if let Some(expected) =
        trusted.copied().or(Some(receipts.fingerprint)).filter(|expected| *expected != found)
    {
        return Err(ReceiptError::OtherKey { found, expected });
    }
    if receipts.ledger.head.key != receipts.key {
        return Err(Broken::OtherKey.into());
    }
    if !receipts.key.verifies(canonical(&receipts).as_bytes(), &signature) {
        return Err(ReceiptError::BadSignature);
    }
    let changes = verify_links(&receipts.ledger.entries, &receipts.ledger.head)?;
    let events = events(&changes);
    let said = receipts.records.iter().map(|record| (record.processing.service.as_str(), &record.events));
    let meant = events.iter().map(|(service, events)| (*service, events));
    let differs = said.zip(meant).position(|(said, meant)| said != meant);
    let uneven = (receipts.records.len() != events.len()).then(|| receipts.records.len().min(events.len()));
    if let Some(at) = differs.or(uneven) {
        return Err(ReceiptError::RecordDiffers { at });
    }
    Ok(Verified { receipts, changes })
}

/// Tells a file of another version from one that is damaged.
fn check_format(text: &str) -> Result<(), ReceiptError> {
    #[derive(Deserialize)]
    struct Outer {
        receipts: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        format: String,
        version: u32,
    }
    let Outer { receipts: Inner { format, version } } = serde_json::from_str(text)?;
    if format == FORMAT && version == VERSION {
        Ok(())
    } else {
        Err(ReceiptError::OtherFormat { format, version })
    }
}

/// What happened to each service, by id. Strict mode and a reset are no consent to a service: only the ledger tells of them.
fn events(changes: &[(u64, Change)]) -> BTreeMap<&str, Vec<Event>> {
    let mut events: BTreeMap<&str, Vec<Event>> = BTreeMap::new();
    for (sequence, change) in changes {
        let (event_state, end, covers) = match &change.kind {
            ChangeKind::Grant { end, covers, .. } => (State::Given, *end, covers.clone()),
            ChangeKind::Revoke { .. } => (State::Withdrawn, End::Never, None),
            ChangeKind::Expire { .. } => (State::Expired, End::Never, None),
            ChangeKind::ServiceChanged { .. } => (State::Outgrown, End::Never, None),
            ChangeKind::Reset { .. } | ChangeKind::StrictOn { .. } | ChangeKind::StrictOff { .. } => continue,
        };
        let Some(service) = change.service() else { continue };
        events.entry(service).or_default().push(Event {
            sequence: *sequence,
            // As it will be read again: a clock can be set to any time, also to one that cannot be written.
            event_time: rfc3339::nearest(change.time_ms()),
            event_state,
            scope: change.scope(),
            via: change.via,
            until: match end {
                End::Never => "never".to_owned(),
                End::Restart => "restart".to_owned(),
                End::At { wall_ms, .. } => rfc3339::format(wall_ms),
            },
            wording: change.wording.clone(),
            covers,
        });
    }
    events
}

fn record(catalogue: &Catalogue, entries: &[Link], id: &str, events: Vec<Event>) -> Record {
    let service = catalogue.find(id).map(|index| catalogue.service(index));
    let first = events.first().and_then(|event| entries.get(usize::try_from(event.sequence).ok()?));
    let first = first.map_or([0; 32], |entry| entry.digest().0);
    Record {
        header: Header {
            schema_version: "ISO/IEC TS 27560:2023".to_owned(),
            record_id: Digest::of(b"consentry receipts 1 record", &[id.as_bytes(), &first]),
        },
        processing: Processing {
            service: id.to_owned(),
            name: service.map_or(id, |service| &service.name).to_owned(),
            purpose: service.map_or("No longer in the catalogue.", |service| &service.does).to_owned(),
            lawful_basis: "consent".to_owned(),
            withdrawal_method: format!("consentry consent revoke {id}"),
        },
        parties: service
            .map(|service| Party { name: service.vendor.clone(), role: "controller".to_owned() })
            .into_iter()
            .collect(),
        events,
    }
}
