//! Answers that are made up inside.
//!
//! None of them carries a SOA record, so resolvers do not keep the empty ones (RFC 2308 section 5) and a grant takes effect at
//! once.
use super::Asker;
use super::sinkhole::Place;
use consentry_inspect::dns::{self, Data, Message, Question, Record};

/// How long an app may keep an answer from inside, in seconds: after a grant the true answer is not far.
pub(super) const INSIDE_TTL: u32 = 10;

/// What a datagram holds when the app names no size (RFC 1035 section 4.2.1).
const CLASSIC_UDP_SIZE: usize = 512;

/// The most a datagram can hold over IPv4: 65,535 bytes without the IP and UDP headers.
const LARGEST_UDP_SIZE: usize = 65_507;

/// Firefox asks this name before it turns to an encrypted resolver of its own, and stays with the phone's when it does not exist.
const FIREFOX_CANARY: &str = "use-application-dns.net";

/// The zone in which a resolver names its encrypted twins. One that has none says so itself and forwards nothing (RFC 9462
/// section 6.4); the twins of the network's resolver would hide the questions.
const RESOLVER_ZONE: &str = "resolver.arpa";

/// The response code for a question that is never forwarded, whatever the policy.
pub(super) fn local_answer(question: &Question) -> Option<u8> {
    let name = question.name.as_str();
    let in_resolver_zone =
        name.strip_suffix(RESOLVER_ZONE).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    if name == FIREFOX_CANARY { Some(dns::NXDOMAIN) } else { in_resolver_zone.then_some(dns::NOERROR) }
}

/// Whether a sinkhole address answers the question. Questions for a service binding get none: its absence makes the client ask
/// for addresses.
pub(super) fn wants_address(question: &Question, ipv6: bool) -> bool {
    question.class == dns::IN
        && match question.rtype {
            dns::A | dns::ANY => true,
            dns::AAAA => ipv6,
            _ => false,
        }
}

/// The sinkhole addresses that answer the question.
pub(super) fn addresses(question: &Question, place: &Place, ipv6: bool) -> Vec<Record> {
    let wants = |rtype| question.rtype == rtype || question.rtype == dns::ANY;
    let mut records = Vec::with_capacity(2);
    if wants(dns::A) {
        records.push(record(question, dns::A, Data::A(place.v4)));
    }
    if wants(dns::AAAA) && ipv6 {
        records.push(record(question, dns::AAAA, Data::Aaaa(place.v6)));
    }
    records
}

/// The answer to a reverse look-up of an address of the sinkhole pool: response code and records.
pub(super) fn reverse_answer(question: &Question, name: Option<&str>) -> (u8, Vec<Record>) {
    let Some(name) = name.and_then(|name| name.parse().ok()) else { return (dns::NXDOMAIN, Vec::new()) };
    let wants_name = question.class == dns::IN && matches!(question.rtype, dns::PTR | dns::ANY);
    let records = if wants_name { vec![record(question, dns::PTR, Data::Ptr(name))] } else { Vec::new() };
    (dns::NOERROR, records)
}

/// The answer to a message whose question cannot be read: a header only, with FORMERR (RFC 1035 section 4.1.1).
pub(super) fn unreadable(message: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 12];
    for (place, byte) in header.iter_mut().zip(message).take(3) {
        *place = *byte;
    }
    header[2] = 0x80 | header[2] & 0x79; // QR; OPCODE and RD as they came
    header[3] = 0x80 | dns::FORMERR; // RA
    header
}

/// An answer as the asker can take it: cut short where a datagram would be larger than the app can receive, so that it asks again
/// over TCP (RFC 2181 section 9).
pub(super) fn fitted(asker: Asker, query: &Message, rcode: u8, answer: Vec<u8>) -> Vec<u8> {
    let room = match asker {
        Asker::Udp { .. } => {
            query.udp_size.map_or(CLASSIC_UDP_SIZE, |size| usize::from(size).max(CLASSIC_UDP_SIZE))
        }
        Asker::Tcp { .. } => return answer,
    };
    if answer.len() <= room.min(LARGEST_UDP_SIZE) {
        return answer;
    }
    let mut cut = dns::reply(query, rcode, &[]);
    cut[2] |= 0x02; // TC
    cut
}

fn record(question: &Question, rtype: u16, data: Data) -> Record {
    Record { name: question.name.clone(), rtype, class: dns::IN, ttl: INSIDE_TTL, data }
}
