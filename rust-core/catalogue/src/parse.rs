//! From the text of one file to its services, with everything checked that one file can tell.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;

use toml::Spanned;

use crate::error::{CatalogueError, Reason};
use crate::service::{
    AddressRule, Category, DnsAnswer, NameKind, NameRule, PackageRule, PathRule, PortRule, Service,
    SignatureRule, Source, Standing, Transport,
};
use crate::{file, host, paths, signatures};

/// The largest catalogue file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// The last part of the id of a service that stands for whatever else a maker's dedicated packages reach.
pub(crate) const UNLISTED: &str = "unlisted";

const MAX_ID: usize = 64;
const MAX_NAME: usize = 60;
const MAX_SHORT_NAME: usize = 24;
const MAX_BREAKS_SHORT: usize = 60;
const MAX_TEXT: usize = 1000;

/// A service, and where in the file its rules stand.
pub(crate) struct Located {
    pub(crate) service: Service,
    pub(crate) file: String,
    pub(crate) line: usize,
    /// Lines of `service.names`, `addresses`, `signatures` and `packages`.
    pub(crate) name_lines: Vec<usize>,
    pub(crate) address_lines: Vec<usize>,
    pub(crate) signature_lines: Vec<usize>,
    pub(crate) package_lines: Vec<usize>,
}

impl Located {
    /// An error at a line of this service's file.
    pub(crate) fn error(&self, line: usize, reason: Reason) -> CatalogueError {
        CatalogueError { file: self.file.clone(), line, reason }
    }
}

/// Parses one file.
pub(crate) fn parse(name: &str, text: &str) -> Result<Vec<Located>, CatalogueError> {
    let reader = Reader { name, line_starts: line_starts(text) };
    if text.len() > MAX_FILE_BYTES {
        return Err(reader.error(&(0..0), Reason::FileTooLarge { bytes: text.len(), limit: MAX_FILE_BYTES }));
    }
    let file: file::File = toml::from_str(text).map_err(|error| {
        reader.error(&error.span().unwrap_or(0..0), Reason::Syntax(error.message().to_owned()))
    })?;
    if *file.format.get_ref() != file::FORMAT {
        let reason = Reason::FormatVersion { found: *file.format.get_ref(), known: file::FORMAT };
        return Err(reader.error(&file.format.span(), reason));
    }
    reader.text(&file.vendor, "vendor", MAX_NAME)?;
    for reference in file.sources.values() {
        reader.text(reference, "sources", MAX_TEXT)?;
    }
    file.service.iter().map(|entry| reader.service(&file, entry)).collect()
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(position, _)| position + 1)).collect()
}

/// What is needed to say where something stands.
struct Reader<'t> {
    name: &'t str,
    line_starts: Vec<usize>,
}

impl Reader<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts.partition_point(|start| *start <= span.start)
    }

    fn error(&self, span: &Range<usize>, reason: Reason) -> CatalogueError {
        CatalogueError { file: self.name.to_owned(), line: self.line(span), reason }
    }

    fn check<T>(&self, span: &Range<usize>, result: Result<T, Reason>) -> Result<T, CatalogueError> {
        result.map_err(|reason| self.error(span, reason))
    }

    fn lines<T>(&self, items: &[Spanned<T>]) -> Vec<usize> {
        items.iter().map(|item| self.line(&item.span())).collect()
    }

    fn text(
        &self,
        text: &Spanned<String>,
        field: &'static str,
        limit: usize,
    ) -> Result<String, CatalogueError> {
        self.check(&text.span(), check_text(text.get_ref(), field, limit))?;
        Ok(text.get_ref().clone())
    }

    fn optional(
        &self,
        text: Option<&Spanned<String>>,
        field: &'static str,
    ) -> Result<Option<String>, CatalogueError> {
        text.map(|text| self.text(text, field, MAX_TEXT)).transpose()
    }

    fn service(
        &self,
        file: &file::File,
        entry: &Spanned<file::ServiceEntry>,
    ) -> Result<Located, CatalogueError> {
        let span = entry.span();
        let entry = entry.get_ref();
        self.check(&entry.id.span(), check_id(entry.id.get_ref()))?;
        let breaks_short = self.text(&entry.breaks_short, "breaks_short", MAX_BREAKS_SHORT)?;
        if breaks_short.ends_with('.') {
            return Err(self.error(&entry.breaks_short.span(), Reason::FullStop));
        }
        let mut used = Used { reader: self, file, keys: Vec::new() };
        used.add(&entry.sources.span(), entry.sources.get_ref())?;
        let names = self.names(entry, &mut used)?;
        let addresses = self.addresses(entry, &mut used)?;
        let ports = self.ports(entry, &mut used)?;
        let paths = self.paths(entry, &mut used)?;
        let signatures = self.signatures(entry, &mut used)?;
        let packages = self.packages(entry, &mut used)?;
        let sources = used.sources();
        let service = Service {
            id: entry.id.get_ref().clone(),
            name: self.text(&entry.name, "name", MAX_NAME)?,
            short_name: self.text(&entry.short_name, "short_name", MAX_SHORT_NAME)?,
            vendor: file.vendor.get_ref().clone(),
            category: entry.category,
            does: self.text(&entry.does, "does", MAX_TEXT)?,
            breaks: self.text(&entry.breaks, "breaks", MAX_TEXT)?,
            breaks_short,
            standing: *entry.standing.get_ref(),
            dns_answer: *entry.dns_answer.get_ref(),
            names,
            addresses,
            ports,
            paths,
            signatures,
            packages,
            sources,
            notes: self.optional(entry.notes.as_ref(), "notes")?,
        };
        self.check_whole(&span, entry, &service)?;
        Ok(Located {
            line: self.line(&entry.id.span()),
            name_lines: self.lines(&entry.names),
            address_lines: self.lines(&entry.addresses),
            signature_lines: self.lines(&entry.signatures),
            package_lines: self.lines(&entry.packages),
            file: self.name.to_owned(),
            service,
        })
    }

    /// Checks that need several fields of a service.
    fn check_whole(
        &self,
        span: &Range<usize>,
        entry: &file::ServiceEntry,
        service: &Service,
    ) -> Result<(), CatalogueError> {
        let no_rules =
            service.names.is_empty() && service.addresses.is_empty() && service.signatures.is_empty();
        if is_unlisted(&service.id) {
            let bare = no_rules
                && service.ports.is_empty()
                && service.paths.is_empty()
                && service.packages.is_empty();
            if !bare || service.standing != Standing::NeedsConsent {
                return Err(self.error(&entry.id.span(), Reason::UnlistedWithRules));
            }
        } else if no_rules {
            return Err(self.error(span, Reason::Unrecognisable));
        }
        let clear_text = service.ports.iter().any(|rule| rule.transport == Transport::Tcp && rule.port == 80);
        if service.standing == Standing::Essential && clear_text && service.paths.is_empty() {
            return Err(self.error(&entry.standing.span(), Reason::EssentialWithoutPaths));
        }
        if service.category == Category::ConnectivityCheck && service.dns_answer == DnsAnswer::Sinkhole {
            return Err(self.error(&entry.dns_answer.span(), Reason::SinkholeCheck));
        }
        Ok(())
    }

    fn names(
        &self,
        entry: &file::ServiceEntry,
        used: &mut Used<'_>,
    ) -> Result<Vec<NameRule>, CatalogueError> {
        let convert = |spanned: &Spanned<file::NameEntry>| {
            let (span, raw) = (spanned.span(), spanned.get_ref());
            let (pattern, kind) = match (&raw.exact, &raw.suffix) {
                (Some(pattern), None) => (pattern, NameKind::Exact),
                (None, Some(pattern)) => (pattern, NameKind::Suffix),
                _ => return Err(self.error(&span, Reason::ExactOrSuffix)),
            };
            self.check(&span, host::check(pattern, kind))?;
            let sources = used.add(&span, &raw.sources)?;
            let shared_with = raw.shared_with.clone();
            Ok(NameRule { pattern: pattern.clone(), kind, certainty: raw.certainty, sources, shared_with })
        };
        entry.names.iter().map(convert).collect()
    }

    fn addresses(
        &self,
        entry: &file::ServiceEntry,
        used: &mut Used<'_>,
    ) -> Result<Vec<AddressRule>, CatalogueError> {
        let convert = |spanned: &Spanned<file::AddressEntry>| {
            let (span, raw) = (spanned.span(), spanned.get_ref());
            if !is_server_address(raw.address) {
                return Err(self.error(&span, Reason::InvalidAddress(raw.address)));
            }
            self.check(&span, check_port(raw.transport, raw.port))?;
            Ok(AddressRule {
                address: raw.address,
                transport: raw.transport,
                port: raw.port,
                purpose: self.text(&raw.purpose, "purpose", MAX_TEXT)?,
                certainty: raw.certainty,
                sources: used.add(&span, &raw.sources)?,
            })
        };
        entry.addresses.iter().map(convert).collect()
    }

    fn ports(
        &self,
        entry: &file::ServiceEntry,
        used: &mut Used<'_>,
    ) -> Result<Vec<PortRule>, CatalogueError> {
        let convert = |spanned: &Spanned<file::PortEntry>| {
            let (span, raw) = (spanned.span(), spanned.get_ref());
            self.check(&span, check_port(raw.transport, raw.port))?;
            Ok(PortRule {
                transport: raw.transport,
                port: raw.port,
                purpose: self.optional(raw.purpose.as_ref(), "purpose")?,
                certainty: raw.certainty,
                sources: used.add(&span, &raw.sources)?,
            })
        };
        entry.ports.iter().map(convert).collect()
    }

    fn paths(
        &self,
        entry: &file::ServiceEntry,
        used: &mut Used<'_>,
    ) -> Result<Vec<PathRule>, CatalogueError> {
        let convert = |spanned: &Spanned<file::PathEntry>| {
            let (span, raw) = (spanned.span(), spanned.get_ref());
            self.check(&span, paths::check(&raw.methods, &raw.path, raw.query.as_deref()))?;
            Ok(PathRule {
                methods: raw.methods.clone(),
                path: raw.path.clone(),
                query: raw.query.clone(),
                seen: self.optional(raw.seen.as_ref(), "seen")?,
                certainty: raw.certainty,
                sources: used.add(&span, &raw.sources)?,
            })
        };
        entry.paths.iter().map(convert).collect()
    }

    fn signatures(
        &self,
        entry: &file::ServiceEntry,
        used: &mut Used<'_>,
    ) -> Result<Vec<SignatureRule>, CatalogueError> {
        let convert = |spanned: &Spanned<file::SignatureEntry>| {
            let (span, raw) = (spanned.span(), spanned.get_ref());
            if raw.transport == Transport::Icmp {
                let problem = "the transport is `tcp` or `udp`";
                let reason = Reason::InvalidSignature { signature: raw.hex.clone(), problem };
                return Err(self.error(&span, reason));
            }
            Ok(SignatureRule {
                transport: raw.transport,
                bytes: self.check(&span, signatures::from_hex(&raw.hex))?,
                layout: self.optional(raw.layout.as_ref(), "layout")?,
                certainty: raw.certainty,
                sources: used.add(&span, &raw.sources)?,
            })
        };
        entry.signatures.iter().map(convert).collect()
    }

    fn packages(
        &self,
        entry: &file::ServiceEntry,
        used: &mut Used<'_>,
    ) -> Result<Vec<PackageRule>, CatalogueError> {
        let convert = |spanned: &Spanned<file::PackageEntry>| {
            let (span, raw) = (spanned.span(), spanned.get_ref());
            if !is_package_name(&raw.name) {
                return Err(self.error(&span, Reason::InvalidPackage(raw.name.clone())));
            }
            Ok(PackageRule {
                name: raw.name.clone(),
                dedicated: raw.dedicated,
                certainty: raw.certainty,
                sources: used.add(&span, &raw.sources)?,
            })
        };
        entry.packages.iter().map(convert).collect()
    }
}

/// The sources that a service refers to.
struct Used<'f> {
    reader: &'f Reader<'f>,
    file: &'f file::File,
    keys: Vec<String>,
}

impl Used<'_> {
    /// Checks the keys of one fact and notes them.
    fn add(&mut self, span: &Range<usize>, keys: &[Spanned<String>]) -> Result<Vec<String>, CatalogueError> {
        if keys.is_empty() {
            return Err(self.reader.error(span, Reason::Empty { field: "sources" }));
        }
        for key in keys {
            if !self.file.sources.contains_key(key.get_ref()) {
                return Err(self.reader.error(&key.span(), Reason::UnknownSource(key.get_ref().clone())));
            }
            self.keys.push(key.get_ref().clone());
        }
        Ok(keys.iter().map(|key| key.get_ref().clone()).collect())
    }

    fn sources(mut self) -> Vec<Source> {
        self.keys.sort_unstable();
        self.keys.dedup();
        let reference = |key: &str| self.file.sources.get(key).map(|text| text.get_ref().clone());
        self.keys
            .iter()
            .filter_map(|key| Some(Source { key: key.clone(), reference: reference(key)? }))
            .collect()
    }
}

/// Whether the id is that of a maker's `unlisted` entry.
pub(crate) fn is_unlisted(id: &str) -> bool {
    id.split_once('.').is_some_and(|(_, name)| name == UNLISTED)
}

fn check_id(id: &str) -> Result<(), Reason> {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    match id.split_once('.') {
        Some((group, name)) if id.len() <= MAX_ID && is_word(group) && is_word(name) => Ok(()),
        _ => Err(Reason::InvalidId(id.to_owned())),
    }
}

fn check_text(text: &str, field: &'static str, limit: usize) -> Result<(), Reason> {
    if text.trim().is_empty() {
        return Err(Reason::Empty { field });
    }
    let length = text.chars().count();
    if length > limit {
        return Err(Reason::TooLong { field, length, limit });
    }
    // Besides C0 and C1, what turns the reading direction: a terminal or a screen would show something else than stands there.
    let disguises = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.chars().any(disguises) { Err(Reason::ControlCharacter { field }) } else { Ok(()) }
}

fn check_port(transport: Transport, port: u16) -> Result<(), Reason> {
    if port == 0 || transport == Transport::Icmp { Err(Reason::InvalidPort) } else { Ok(()) }
}

/// Whether a server on the internet can have the address. Ranges for documentation pass, for tests and examples.
fn is_server_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.octets()[0] == 0
                || v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.octets()[0] >= 224)
        }
        // Addresses that carry an IPv4 address are compared as that IPv4 address, so they could never match.
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let carries_v4 = v6.to_ipv4_mapped().is_some()
                || segments[0] == 0x2002
                || segments[..6] == Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).segments()[..6];
            !(carries_v4
                || v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

/// Android package names: two segments or more, except the framework's own `android`.
fn is_package_name(name: &str) -> bool {
    let is_segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_alphabetic())
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    name == "android" || (name.len() <= 255 && name.contains('.') && name.split('.').all(is_segment))
}
