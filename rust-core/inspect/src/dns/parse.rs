//! Reading messages.

use super::{
    A, AAAA, CNAME, Data, DnsError, HEADER, HTTPS, IN, Message, Name, OPT, PTR, Question, Record, SVCB,
};
use crate::cursor::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most questions that are read in one message; real ones have one.
pub const MAX_QUESTIONS: usize = 64;
/// Most records that are read in one message, in all sections together.
pub const MAX_RECORDS: usize = 512;

/// Service parameter keys (RFC 9460 §14.3.2).
const SVC_IPV4HINT: u16 = 4;
const SVC_ECH: u16 = 5;
const SVC_IPV6HINT: u16 = 6;

/// Whether these bytes claim to be a DNS query: a whole header, not a response, an operation that exists (0 to 6) and
/// 1 to 16 questions. It says so even when the question itself is broken, so that a caller can answer FORMERR instead
/// of letting the bytes pass as something else.
pub fn looks_like_query(bytes: &[u8]) -> bool {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return false };
    let response = header[2] & 0x80 != 0;
    let opcode = header[2] >> 3 & 0xF;
    let questions = u16::from_be_bytes([header[4], header[5]]);
    !response && opcode <= 6 && (1..=16).contains(&questions)
}

/// The name behind the header, whatever the header says of it: what a lenient server might answer.
///
/// # Errors
/// [`DnsError::Truncated`] when the bytes end within it, another error when no name stands there.
pub fn first_name(bytes: &[u8]) -> Result<Name, DnsError> {
    Name::read(bytes, HEADER).map(|(name, ..)| name)
}

/// Reads a message, over UDP or TCP (there without the two length bytes). Bytes after the last record are ignored.
///
/// # Errors
/// Says what is wrong with the first part that is.
pub fn parse(bytes: &[u8]) -> Result<Message, DnsError> {
    let header = bytes.first_chunk::<HEADER>().ok_or(DnsError::Truncated)?;
    let count = |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
    let (questions, answers, authority, additional) = (count(4), count(6), count(8), count(10));
    if questions > MAX_QUESTIONS {
        return Err(DnsError::TooManyQuestions);
    }
    if answers + authority + additional > MAX_RECORDS {
        return Err(DnsError::TooManyRecords);
    }
    let mut message = Message {
        id: u16::from_be_bytes([header[0], header[1]]),
        response: header[2] & 0x80 != 0,
        opcode: header[2] >> 3 & 0xF,
        truncated: header[2] & 0x02 != 0,
        recursion_desired: header[2] & 0x01 != 0,
        rcode: header[3] & 0xF,
        questions: Vec::with_capacity(questions),
        answers: Vec::new(),
        udp_size: None,
        question_bytes: Vec::new(),
    };
    let mut at = read_questions(bytes, questions, &mut message)?;
    for section in
        [(Section::Answer, answers), (Section::Authority, authority), (Section::Additional, additional)]
    {
        for _ in 0..section.1 {
            match read_record(bytes, at, section.0, &mut message) {
                Ok(after) => at = after,
                Err(DnsError::Truncated) if message.response && message.truncated => return Ok(message),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(message)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Answer,
    Authority,
    Additional,
}

/// Reads the question section; returns where the next section starts.
fn read_questions(bytes: &[u8], count: usize, message: &mut Message) -> Result<usize, DnsError> {
    let mut at = HEADER;
    let mut any_compressed = false;
    for _ in 0..count {
        let (name, after, compressed) = Name::read(bytes, at)?;
        any_compressed |= compressed;
        let mut fields = Cursor::new(bytes.get(after..).unwrap_or_default());
        let rtype = fields.u16().ok_or(DnsError::Truncated)?;
        let class = fields.u16().ok_or(DnsError::Truncated)?;
        message.questions.push(Question { name, rtype, class });
        at = after + 4;
    }
    if !any_compressed {
        message.question_bytes = bytes[HEADER..at].to_vec();
    }
    Ok(at)
}

/// Reads the record at `at`, keeping it if a verdict may need it; returns where the next one starts.
fn read_record(bytes: &[u8], at: usize, section: Section, message: &mut Message) -> Result<usize, DnsError> {
    let (name, after, _) = Name::read(bytes, at)?;
    let mut fields = Cursor::new(bytes.get(after..).unwrap_or_default());
    let fixed = (fields.u16(), fields.u16(), fields.u32(), fields.u16());
    let (Some(rtype), Some(class), Some(ttl), Some(length)) = fixed else { return Err(DnsError::Truncated) };
    let data_at = after + 10;
    let end = data_at + usize::from(length);
    let data = bytes.get(data_at..end).ok_or(DnsError::Truncated)?;

    if rtype == OPT && section == Section::Additional && name.is_root() {
        // The class field holds the size (RFC 6891 §6.1.2). Values under 512 mean 512 (§6.2.3).
        message.udp_size = Some(class.max(512));
        return Ok(end);
    }
    let wanted = match section {
        Section::Answer => true,
        Section::Authority => false,
        Section::Additional => rtype == A || rtype == AAAA,
    };
    if wanted {
        let data = if class == IN { read_data(bytes, data_at, data, rtype)? } else { Data::Other };
        message.answers.push(Record { name, rtype, class, ttl, data });
    }
    Ok(end)
}

fn read_data(bytes: &[u8], at: usize, data: &[u8], rtype: u16) -> Result<Data, DnsError> {
    match rtype {
        A => Ok(Data::A(<[u8; 4]>::try_from(data).map_err(|_| DnsError::BadRecord)?.into())),
        AAAA => Ok(Data::Aaaa(<[u8; 16]>::try_from(data).map_err(|_| DnsError::BadRecord)?.into())),
        CNAME => read_only_name(bytes, at, data.len()).map(Data::Cname),
        PTR => read_only_name(bytes, at, data.len()).map(Data::Ptr),
        SVCB | HTTPS => read_service(bytes, at, data),
        _ => Ok(Data::Other),
    }
}

/// Reads a name that must fill the record's data exactly.
fn read_only_name(bytes: &[u8], at: usize, length: usize) -> Result<Name, DnsError> {
    let (name, after, _) = Name::read(bytes, at)?;
    if after == at + length { Ok(name) } else { Err(DnsError::BadRecord) }
}

/// Reads a service binding (RFC 9460 §2.2).
fn read_service(bytes: &[u8], at: usize, data: &[u8]) -> Result<Data, DnsError> {
    let mut fields = Cursor::new(data);
    let priority = fields.u16().ok_or(DnsError::BadRecord)?;
    let (target, after, _) = Name::read(bytes, at + 2)?;
    let mut parameters = Cursor::new(data.get(after - at..).ok_or(DnsError::BadRecord)?);
    let mut ipv4 = Vec::new();
    let mut ipv6 = Vec::new();
    let mut ech = false;
    while !parameters.is_empty() {
        let key = parameters.u16().ok_or(DnsError::BadRecord)?;
        let value = parameters.vector16().ok_or(DnsError::BadRecord)?;
        match key {
            SVC_IPV4HINT => ipv4 = addresses::<4, Ipv4Addr>(value)?,
            SVC_IPV6HINT => ipv6 = addresses::<16, Ipv6Addr>(value)?,
            SVC_ECH => ech = true,
            _ => {}
        }
    }
    ipv4.append(&mut ipv6);
    Ok(Data::Service { priority, target, hints: ipv4, ech })
}

fn addresses<const N: usize, T: From<[u8; N]> + Into<IpAddr>>(value: &[u8]) -> Result<Vec<IpAddr>, DnsError> {
    let (whole, rest) = value.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(DnsError::BadRecord);
    }
    Ok(whole.iter().map(|octets| T::from(*octets).into()).collect())
}
