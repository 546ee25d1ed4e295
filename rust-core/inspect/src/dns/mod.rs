//! DNS messages (RFC 1035, 6891, 9460): questions in, judged answers in, replies and queries out.
//!
//! Reading keeps what a verdict needs and nothing else. A message is read whole or refused: what is not read could
//! not be judged. The one exception is a response that its sender cut short (TC), which may end inside a record.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod name;
mod parse;
mod write;

pub use name::{Name, NameError};
pub use parse::{MAX_QUESTIONS, MAX_RECORDS, first_name, looks_like_query, parse};
pub use write::{query, reply};

/// Bytes of the header (RFC 1035 §4.1.1), after which the first question's name starts.
const HEADER: usize = 12;

/// Record type of an IPv4 address (RFC 1035 §3.4.1).
pub const A: u16 = 1;
/// Record type of an alias (RFC 1035 §3.3.1).
pub const CNAME: u16 = 5;
/// Record type of a zone's start of authority (RFC 1035 §3.3.13).
pub const SOA: u16 = 6;
/// Record type of a reverse look-up's answer (RFC 1035 §3.3.12).
pub const PTR: u16 = 12;
/// Record type of free text (RFC 1035 §3.3.14).
pub const TXT: u16 = 16;
/// Record type of an IPv6 address (RFC 3596).
pub const AAAA: u16 = 28;
/// Record type of a service's location (RFC 2782).
pub const SRV: u16 = 33;
/// Pseudo record type of EDNS (RFC 6891).
pub const OPT: u16 = 41;
/// Record type of a service binding (RFC 9460).
pub const SVCB: u16 = 64;
/// Record type of a service binding for HTTPS (RFC 9460).
pub const HTTPS: u16 = 65;
/// Question type for every record of a name (RFC 1035 §3.2.3).
pub const ANY: u16 = 255;
/// The Internet class (RFC 1035 §3.2.4).
pub const IN: u16 = 1;

/// Response code: no error.
pub const NOERROR: u8 = 0;
/// Response code: the message could not be understood.
pub const FORMERR: u8 = 1;
/// Response code: the server failed.
pub const SERVFAIL: u8 = 2;
/// Response code: the name does not exist.
pub const NXDOMAIN: u8 = 3;
/// Response code: this kind of query is not supported.
pub const NOTIMP: u8 = 4;
/// Response code: refused by policy.
pub const REFUSED: u8 = 5;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The name asked about.
    pub name: Name,
    /// The record type asked for.
    pub rtype: u16,
    /// The class, [`IN`] in practice.
    pub class: u16,
}

/// One resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name it belongs to.
    pub name: Name,
    /// Its type.
    pub rtype: u16,
    /// Its class, [`IN`] in practice.
    pub class: u16,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name is an alias of this one.
    Cname(Name),
    /// The name a reverse look-up points to.
    Ptr(Name),
    /// A service binding, SVCB or HTTPS (RFC 9460).
    Service {
        /// 0 is alias mode.
        priority: u16,
        /// The host that offers the service; the root stands for the record's own name (or, in alias mode, none).
        target: Name,
        /// Address hints, IPv4 before IPv6.
        hints: Vec<IpAddr>,
        /// Whether keys for Encrypted ClientHello are given.
        ech: bool,
    },
    /// Any other record, or one whose class is not [`IN`]; its contents are not kept.
    Other,
}

/// A DNS message, as far as judging it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number that pairs query and response.
    pub id: u16,
    /// Whether this is a response.
    pub response: bool,
    /// 0 is an ordinary query.
    pub opcode: u8,
    /// Whether the sender cut the message short (TC).
    pub truncated: bool,
    /// Whether recursion is asked for (RD).
    pub recursion_desired: bool,
    /// Response code, the header's four bits.
    pub rcode: u8,
    /// The questions.
    pub questions: Vec<Question>,
    /// The records of the answer section, then the addresses (A, AAAA) of the additional section.
    pub answers: Vec<Record>,
    /// The sender's UDP payload size, if it sent EDNS (RFC 6891 §6.2.3).
    pub udp_size: Option<u16>,
    /// The question section as it was sent: [`reply`] repeats it byte for byte, so that a client that mixes upper
    /// and lower case as a guard against forgery sees its own spelling. Empty if the message was not parsed from
    /// bytes, or its questions use compression; then the names are written afresh.
    pub question_bytes: Vec<u8>,
}

/// Why bytes are not a DNS message that can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The message ends before what its counts and lengths promise.
    #[error("the DNS message ends before what its counts and lengths promise")]
    Truncated,
    /// A compression pointer does not lead backwards to a name, or too many follow each other.
    #[error("a compression pointer in the DNS message does not lead backwards to a name")]
    BadPointer,
    /// A label type that was never put to use (RFC 1035 §4.1.4, RFC 6891 §5).
    #[error("a name in the DNS message has a label of an unknown type")]
    BadLabel,
    /// A name is longer than 255 bytes.
    #[error("a name in the DNS message is longer than 255 bytes")]
    NameTooLong,
    /// More than [`MAX_QUESTIONS`] questions. One that is not read could not be judged.
    #[error("the DNS message has more than {MAX_QUESTIONS} questions")]
    TooManyQuestions,
    /// More than [`MAX_RECORDS`] records. One that is not read could not be judged.
    #[error("the DNS message has more than {MAX_RECORDS} records")]
    TooManyRecords,
    /// The data of a record do not have the form that its type demands.
    #[error("a record in the DNS message does not have the form of its type")]
    BadRecord,
}

/// Replaces the id of a message in place; a message too short to have one is left alone.
pub fn set_id(message: &mut [u8], id: u16) {
    if let Some(place) = message.first_chunk_mut() {
        *place = id.to_be_bytes();
    }
}

/// The address that a reverse look-up asks about (RFC 1035 §3.5, RFC 3596 §2.5); `None` for any other name, and for
/// one that names a whole network.
pub fn reverse_address(name: &Name) -> Option<IpAddr> {
    if let Some(digits) = name.as_str().strip_suffix(".in-addr.arpa") {
        let mut octets = [0; 4];
        let mut labels = digits.split('.');
        for octet in octets.iter_mut().rev() {
            *octet = labels.next().filter(|label| label.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        }
        return labels.next().is_none().then(|| IpAddr::from(octets));
    }
    let digits = name.as_str().strip_suffix(".ip6.arpa")?;
    let mut address = 0_u128;
    let mut labels = digits.split('.');
    for shift in (0..128).step_by(4) {
        let [digit] = *labels.next()?.as_bytes() else { return None };
        address |= u128::from(char::from(digit).to_digit(16)?) << shift;
    }
    labels.next().is_none().then(|| IpAddr::from(address.to_be_bytes()))
}

#[cfg(test)]
mod tests;
