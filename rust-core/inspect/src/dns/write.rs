//! Writing replies and queries.

use super::{Data, HEADER, IN, Message, Name, OPT, Record};
use std::net::IpAddr;

/// The UDP payload size we offer: fits every path without fragments (RFC 9715 §3, DNS flag day 2020).
const UDP_SIZE: u16 = 1232;

/// Most address hints written in one service binding: far more than any client tries.
const MAX_HINTS: usize = 256;

const RESPONSE: u8 = 0x80;
const TRUNCATED: u8 = 0x02;
const RECURSION_DESIRED: u8 = 0x01;
const RECURSION_AVAILABLE: u8 = 0x80;

/// Writes a response to `query` with these records in the answer section.
///
/// The id, the operation and the questions are repeated as they were sent, RD is copied, RA is set, AA is not, and an
/// EDNS record goes along when the query had one (RFC 6891 §6.1.1). Of `rcode` the low four bits are used. Answers
/// that no longer fit a message of 65,535 bytes are left out and TC is set; whether the message fits a datagram is
/// for the caller to see.
///
/// A record's type and data are written as they are given: for [`Data::Other`] the data are empty.
pub fn reply(query: &Message, rcode: u8, answers: &[Record]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend(query.id.to_be_bytes());
    out.push(
        RESPONSE | ((query.opcode & 0xF) << 3) | if query.recursion_desired { RECURSION_DESIRED } else { 0 },
    );
    out.push(RECURSION_AVAILABLE | rcode & 0xF);
    out.extend(u16_count(query.questions.len()));
    out.extend([0; 6]);
    if query.question_bytes.is_empty() {
        for question in &query.questions {
            question.name.write(&mut out);
            out.extend(question.rtype.to_be_bytes());
            out.extend(question.class.to_be_bytes());
        }
    } else {
        out.extend(&query.question_bytes);
    }

    let asked = query.questions.first().map(|question| &question.name);
    let room = usize::from(u16::MAX) - if query.udp_size.is_some() { OPT_RECORD } else { 0 };
    let mut written = 0_u16;
    for answer in answers {
        let before = out.len();
        write_record(answer, asked, &mut out);
        if out.len() > room {
            out.truncate(before);
            out[2] |= TRUNCATED;
            break;
        }
        written += 1;
    }
    out[6..8].copy_from_slice(&written.to_be_bytes());
    if query.udp_size.is_some() {
        write_opt(&mut out);
    }
    out
}

/// Writes a query for one name: recursion desired, class IN, EDNS with a payload size of 1232 bytes.
pub fn query(id: u16, name: &Name, rtype: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + name.as_str().len() + 17);
    out.extend(id.to_be_bytes());
    out.extend([RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    name.write(&mut out);
    out.extend(rtype.to_be_bytes());
    out.extend(IN.to_be_bytes());
    write_opt(&mut out);
    out
}

/// Length of the EDNS record that [`write_opt`] appends.
const OPT_RECORD: usize = 11;

/// Appends an EDNS record (RFC 6891 §6.1.2) and counts it in the header.
fn write_opt(out: &mut Vec<u8>) {
    Name::default().write(out);
    out.extend(OPT.to_be_bytes());
    out.extend(UDP_SIZE.to_be_bytes());
    out.extend([0; 6]);
    out[11] += 1;
}

fn write_record(record: &Record, asked: Option<&Name>, out: &mut Vec<u8>) {
    if asked == Some(&record.name) && !record.name.is_root() {
        // A pointer to the first question's name, which always starts right after the header.
        out.extend([0xC0, HEADER as u8]);
    } else {
        record.name.write(out);
    }
    out.extend(record.rtype.to_be_bytes());
    out.extend(record.class.to_be_bytes());
    out.extend(record.ttl.to_be_bytes());
    let length_at = out.len();
    out.extend([0; 2]);
    match &record.data {
        Data::A(address) => out.extend(address.octets()),
        Data::Aaaa(address) => out.extend(address.octets()),
        Data::Cname(name) | Data::Ptr(name) => name.write(out),
        Data::Service { priority, target, hints, .. } => write_service(*priority, target, hints, out),
        Data::Other => {}
    }
    let length = u16_count(out.len() - length_at - 2);
    out[length_at..length_at + 2].copy_from_slice(&length);
}

/// Writes a service binding with its address hints (RFC 9460 §2.2). Keys for Encrypted ClientHello are not kept when
/// reading, so none are written: a client without them states the name in the clear.
fn write_service(priority: u16, target: &Name, hints: &[IpAddr], out: &mut Vec<u8>) {
    out.extend(priority.to_be_bytes());
    target.write(out);
    let mut ipv4 = Vec::new();
    let mut ipv6 = Vec::new();
    for hint in hints.iter().take(MAX_HINTS) {
        match hint {
            IpAddr::V4(address) => ipv4.extend(address.octets()),
            IpAddr::V6(address) => ipv6.extend(address.octets()),
        }
    }
    // Keys stand in rising order: ipv4hint, then ipv6hint (RFC 9460 §14.3.2).
    for (key, value) in [(4_u16, ipv4), (6, ipv6)] {
        if !value.is_empty() {
            out.extend(key.to_be_bytes());
            out.extend(u16_count(value.len()));
            out.extend(value);
        }
    }
}

/// A count that the caller keeps within 16 bits.
fn u16_count(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes()
}
