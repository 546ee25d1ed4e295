//! DNS messages and names.

use super::same_however_split;
use consentry_engine::dns::{MessageReader, framed};
use consentry_inspect::dns::{
    A, Data, MAX_QUESTIONS, MAX_RECORDS, Message, Name, Record, first_name, looks_like_query, parse, query,
    reply, reverse_address, set_id,
};

/// A name of 255 bytes on the wire, each byte written with four characters.
const LONGEST_NAME: usize = 4 * 255;
/// A reply repeats no more hints of one record than this.
const HINTS_REPEATED: usize = 256;

pub(super) fn message(bytes: &[u8]) {
    let claims = looks_like_query(bytes);
    if let Ok(message) = parse(bytes) {
        assert_eq!(
            claims,
            !message.response && message.opcode <= 6 && (1..=16).contains(&message.questions.len())
        );
        check_bounds(&message, bytes.len());
        check_reply(&message);
        if let Some(question) = message.questions.first() {
            assert_eq!(first_name(bytes).as_ref(), Ok(&question.name));
            check_name(&question.name);
        }
        check_id(bytes, &message);
    }
    // The same bytes as the text of a name.
    if let Ok(Ok(name)) = str::from_utf8(bytes).map(str::parse::<Name>) {
        check_name(&name);
    }
}

fn check_bounds(message: &Message, length: usize) {
    assert!(message.questions.len() <= MAX_QUESTIONS);
    assert!(message.answers.len() <= MAX_RECORDS);
    assert!(message.question_bytes.len() <= length);
    for name in names(message) {
        assert!(name.as_str().len() <= LONGEST_NAME, "{name}");
    }
    for record in &message.answers {
        if let Data::Service { hints, .. } = &record.data {
            assert!(4 * hints.len() <= length);
        }
    }
}

fn names(message: &Message) -> impl Iterator<Item = &Name> {
    let questions = message.questions.iter().map(|question| &question.name);
    let records = message.answers.iter().flat_map(|record| {
        let within = match &record.data {
            Data::Cname(name) | Data::Ptr(name) | Data::Service { target: name, .. } => Some(name),
            _ => None,
        };
        within.into_iter().chain([&record.name])
    });
    questions.chain(records)
}

/// A reply repeats the questions and says what it was given.
fn check_reply(message: &Message) {
    let written = reply(message, message.rcode, &message.answers);
    assert!(u16::try_from(written.len()).is_ok());
    let read = parse(&written).expect("what is written can be read");
    assert!(read.response);
    assert_eq!((read.id, read.opcode, read.rcode), (message.id, message.opcode, message.rcode));
    assert_eq!(read.recursion_desired, message.recursion_desired);
    assert_eq!(read.questions, message.questions);
    assert_eq!(read.udp_size.is_some(), message.udp_size.is_some());
    if read.truncated {
        assert!(read.answers.len() < message.answers.len());
    } else {
        assert_eq!(read.answers.len(), message.answers.len());
    }
    for (read, given) in read.answers.iter().zip(&message.answers) {
        assert_eq!(*read, as_repeated(given));
    }
}

/// A record as it looks in a reply: keys for Encrypted `ClientHello` are not repeated, nor endless hints.
fn as_repeated(record: &Record) -> Record {
    let mut record = record.clone();
    if let Data::Service { hints, ech, .. } = &mut record.data {
        hints.truncate(HINTS_REPEATED);
        *ech = false;
    }
    record
}

/// A name's text means that name, and so does a question for it.
fn check_name(name: &Name) {
    assert_eq!(name.as_str().parse().as_ref(), Ok(name));
    assert_eq!(name.as_str().to_ascii_uppercase().parse().as_ref(), Ok(name));
    assert_eq!(name.to_string().parse().as_ref(), Ok(name));
    let asked = query(7, name, A);
    assert!(looks_like_query(&asked));
    let asked = parse(&asked).expect("a query that was written can be read");
    assert_eq!((&asked.questions[0].name, asked.questions[0].rtype, asked.questions.len()), (name, A, 1));
    if let Some(address) = reverse_address(name) {
        assert!(name.as_str().ends_with(if address.is_ipv4() { ".in-addr.arpa" } else { ".ip6.arpa" }));
    }
}

/// Another id changes nothing else.
fn check_id(bytes: &[u8], message: &Message) {
    let mut renumbered = bytes.to_vec();
    set_id(&mut renumbered, !message.id);
    assert_eq!(parse(&renumbered), Ok(Message { id: !message.id, ..message.clone() }));
}

pub(super) fn over_tcp(bytes: &[u8]) {
    let (messages, ended_between) = same_however_split(bytes, |arriving| {
        let mut reader = MessageReader::new();
        let mut messages = Vec::new();
        for mut piece in arriving {
            while let Some(message) = reader.next(&mut piece) {
                messages.push(message);
            }
            assert!(piece.is_empty(), "everything is taken in");
        }
        (messages, reader.is_between_messages())
    });
    let written: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
    assert!(bytes.starts_with(&written));
    assert_eq!(written.len() == bytes.len(), ended_between);
}
