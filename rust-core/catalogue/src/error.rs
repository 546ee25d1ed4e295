//! What can be wrong with a catalogue file.

use std::net::IpAddr;

use thiserror::Error;

/// What is wrong with a catalogue file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}, line {line}: {reason}")]
pub struct CatalogueError {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// Why a catalogue file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file is larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("the file has {bytes} bytes, more than the {limit} that a catalogue file may have; split it")]
    FileTooLarge {
        /// The file's size.
        bytes: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// The text is not TOML, or a field is unknown, missing or of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// The file was written for another version of the format.
    #[error("this is format {found}; this program reads format {known}")]
    FormatVersion {
        /// The version in the file.
        found: u32,
        /// The version that this program reads.
        known: u32,
    },
    /// More services than a catalogue can hold.
    #[error("more than {limit} services; remove some")]
    TooManyServices {
        /// The most that a catalogue holds.
        limit: usize,
    },
    /// A required text or list is empty.
    #[error("`{field}` is empty; fill it in")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A text is longer than its place in the log, the list or the question.
    #[error("`{field}` has {length} characters, at most {limit} fit; shorten it")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length in characters.
        length: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A text holds control characters, which could disguise what a person reads.
    #[error("`{field}` holds a control character; remove it")]
    ControlCharacter {
        /// The field.
        field: &'static str,
    },
    /// The short form ends in a full stop, which the question adds itself.
    #[error("`breaks_short` ends with a full stop; the question adds its own, remove it")]
    FullStop,
    /// An id is not of the form `group.name`.
    #[error("`{0}` is not a service id; write group.name in lower-case letters, digits and _")]
    InvalidId(String),
    /// Two services have the same id.
    #[error("service `{id}` is already defined in {file}, line {line}; give one of them another id")]
    DuplicateId {
        /// The id.
        id: String,
        /// The file with the first definition.
        file: String,
        /// Its line.
        line: usize,
    },
    /// A rule names a source that the file does not list.
    #[error("source `{0}` is not listed under [sources]; add it or correct the key")]
    UnknownSource(String),
    /// A name rule has both `exact` and `suffix`, or neither.
    #[error("a name needs either `exact` or `suffix`, and not both")]
    ExactOrSuffix,
    /// A host pattern is not a lower-case host name.
    #[error("`{pattern}` is not a host pattern: {problem}")]
    InvalidHost {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A host pattern is a public suffix, such as `com.cn`.
    #[error("`{0}` is a public suffix, below which anybody can register names; write a longer name")]
    PublicSuffix(String),
    /// A suffix covers a whole domain of many unrelated services.
    #[error(
        "`{0}` holds many unrelated services (updates and sign-in checks among them); list its hosts one by one"
    )]
    WholeDomain(String),
    /// The same rule appears twice in one service.
    #[error("`{rule}` is listed twice in service `{id}`; remove one")]
    DuplicateRule {
        /// The rule, as far as it identifies it.
        rule: String,
        /// The service.
        id: String,
    },
    /// Two services claim one host without saying that they share it.
    #[error("`{pattern}` also belongs to `{other}`; remove one, or declare it with `shared_with` in both")]
    Overlap {
        /// The pattern.
        pattern: String,
        /// The other service.
        other: String,
    },
    /// A host is declared as shared with a service that does not have it.
    #[error("`{pattern}` is declared as shared with `{other}`, which has no such name")]
    NotShared {
        /// The pattern.
        pattern: String,
        /// The other service.
        other: String,
    },
    /// An address is one that no service of the internet can have.
    #[error("`{0}` is not the address of a server on the internet")]
    InvalidAddress(IpAddr),
    /// Two services claim one address.
    #[error("address {address} also belongs to `{other}`; remove one")]
    AddressOverlap {
        /// The address.
        address: IpAddr,
        /// The other service.
        other: String,
    },
    /// A port rule has port 0 or a transport without ports.
    #[error("a port needs the transport `tcp` or `udp` and a number from 1 to 65535")]
    InvalidPort,
    /// A signature cannot be read, is too short to be safe, or belongs to a common protocol.
    #[error("`{signature}` is not a usable signature: {problem}")]
    InvalidSignature {
        /// The text in the file.
        signature: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A signature is the beginning of another service's.
    #[error("signature `{signature}` cannot be told from that of `{other}`; remove one or lengthen both")]
    SignatureOverlap {
        /// The signature in hexadecimal.
        signature: String,
        /// The other service.
        other: String,
    },
    /// An HTTP method, path or query pattern cannot be read.
    #[error("`{pattern}` is not a usable HTTP pattern: {problem}")]
    InvalidPath {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A package name is not one.
    #[error("`{0}` is not an Android package name; put free text into `notes`")]
    InvalidPackage(String),
    /// A package is marked dedicated in one service and not in another.
    #[error("package `{package}` is {here} here and {there} in `{other}`; mark it the same in both",
        here = dedication(*dedicated), there = dedication(!*dedicated))]
    DedicatedDiffers {
        /// The package.
        package: String,
        /// How this rule marks it.
        dedicated: bool,
        /// The other service.
        other: String,
    },
    /// A dedicated package's maker has no `unlisted` entry.
    #[error(
        "package `{package}` is dedicated, so a service `{id}` is needed for whatever else it reaches; add it"
    )]
    NoUnlisted {
        /// The package.
        package: String,
        /// The id of the missing service.
        id: String,
    },
    /// An `unlisted` entry has rules of its own, or does not need consent.
    #[error(
        "an `unlisted` service stands for what no rule matches: it needs consent and has no rules, remove them"
    )]
    UnlistedWithRules,
    /// Nothing recognises the service.
    #[error("nothing recognises this service; add a name, an address or a signature")]
    Unrecognisable,
    /// An essential service that speaks clear text must say what it may say.
    #[error("an essential service on port 80 has to list its `paths`; add them")]
    EssentialWithoutPaths,
    /// A connectivity check that is switched off must fail, not be answered by the sinkhole.
    #[error("a connectivity check cannot be answered by the sinkhole; use `nodata` or `nxdomain`")]
    SinkholeCheck,
}

fn dedication(dedicated: bool) -> &'static str {
    if dedicated { "dedicated" } else { "not dedicated" }
}
