//! The file format, as it stands in the TOML text.
//!
//! One file per vendor:
//!
//! ```toml
//! format = 1
//! vendor = "Example"
//!
//! [sources]
//! DOC = "Developer pages of the maker, 2024"
//!
//! [[service]]
//! id = "example.push"
//! name = "Example Push"
//! short_name = "Example Push"
//! category = "push"
//! does = "Brings notifications."
//! breaks = "Notifications of Example apps."
//! breaks_short = "Stops: notifications of Example apps"
//! default = "needs_consent"
//! dns_answer = "sinkhole"
//! sources = ["DOC"]
//! names = [{ suffix = "push.example.net", certainty = "confirmed", sources = ["DOC"] }]
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use crate::service::{Category, Certainty, DnsAnswer, Standing, Transport};

/// The version of the format that this program reads.
pub(crate) const FORMAT: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) format: Spanned<u32>,
    pub(crate) vendor: Spanned<String>,
    #[serde(default)]
    pub(crate) sources: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(crate) service: Vec<Spanned<ServiceEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceEntry {
    pub(crate) id: Spanned<String>,
    pub(crate) name: Spanned<String>,
    pub(crate) short_name: Spanned<String>,
    pub(crate) category: Category,
    pub(crate) does: Spanned<String>,
    pub(crate) breaks: Spanned<String>,
    pub(crate) breaks_short: Spanned<String>,
    #[serde(rename = "default")]
    pub(crate) standing: Spanned<Standing>,
    pub(crate) dns_answer: Spanned<DnsAnswer>,
    pub(crate) sources: Spanned<Vec<Spanned<String>>>,
    pub(crate) notes: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) names: Vec<Spanned<NameEntry>>,
    #[serde(default)]
    pub(crate) addresses: Vec<Spanned<AddressEntry>>,
    #[serde(default)]
    pub(crate) ports: Vec<Spanned<PortEntry>>,
    #[serde(default)]
    pub(crate) paths: Vec<Spanned<PathEntry>>,
    #[serde(default)]
    pub(crate) signatures: Vec<Spanned<SignatureEntry>>,
    #[serde(default)]
    pub(crate) packages: Vec<Spanned<PackageEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameEntry {
    pub(crate) exact: Option<String>,
    pub(crate) suffix: Option<String>,
    pub(crate) certainty: Certainty,
    pub(crate) sources: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) shared_with: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressEntry {
    pub(crate) address: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) purpose: Spanned<String>,
    pub(crate) certainty: Certainty,
    pub(crate) sources: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PortEntry {
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) purpose: Option<Spanned<String>>,
    pub(crate) certainty: Certainty,
    pub(crate) sources: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathEntry {
    pub(crate) methods: Vec<String>,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) seen: Option<Spanned<String>>,
    pub(crate) certainty: Certainty,
    pub(crate) sources: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureEntry {
    pub(crate) transport: Transport,
    pub(crate) hex: String,
    pub(crate) layout: Option<Spanned<String>>,
    pub(crate) certainty: Certainty,
    pub(crate) sources: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackageEntry {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) dedicated: bool,
    pub(crate) certainty: Certainty,
    pub(crate) sources: Vec<Spanned<String>>,
}
