//! What an answer says about the name that was asked for.
use consentry_inspect::dns::{Data, Message, Name};
use std::net::IpAddr;

/// Most names followed from one question; longer chains of aliases do not resolve anywhere either.
const MAX_CHAIN: usize = 32;

/// The part of an answer that belongs to the question.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// The name asked for, then every alias and service target that it leads to.
    pub(super) names: Vec<&'a Name>,
    /// The addresses of these names, in the order of the records.
    pub(super) addresses: Vec<IpAddr>,
}

/// Follows an answer from the name asked for. Records of other names are left out: a server could claim anything with them.
pub(super) fn follow<'a>(asked: &'a Name, answer: &'a Message) -> Chain<'a> {
    let mut names = vec![asked];
    // Records may come in any order, so look again until nothing new is found.
    let mut before = 0;
    while before < names.len() && names.len() < MAX_CHAIN {
        before = names.len();
        for record in &answer.answers {
            if let Some(target) = target(&record.data)
                && names.len() < MAX_CHAIN
                && names.contains(&&record.name)
                && !names.contains(&target)
            {
                names.push(target);
            }
        }
    }
    let mut addresses = Vec::new();
    for record in answer.answers.iter().filter(|record| names.contains(&&record.name)) {
        match &record.data {
            Data::A(address) => addresses.push(IpAddr::V4(*address)),
            Data::Aaaa(address) => addresses.push(IpAddr::V6(*address)),
            Data::Service { hints, .. } => addresses.extend(hints),
            Data::Cname(_) | Data::Ptr(_) | Data::Other => {}
        }
    }
    Chain { names, addresses }
}

/// Every name that any record of an answer leads to or gives an address of, whether or not it hangs together with the question:
/// what the app might follow is judged. Answers about servers (SRV, MX) bring the servers' addresses along.
pub(super) fn targets(answer: &Message) -> impl Iterator<Item = &Name> {
    answer.answers.iter().filter_map(|record| match &record.data {
        Data::A(_) | Data::Aaaa(_) => Some(&record.name),
        data => target(data),
    })
}

fn target(data: &Data) -> Option<&Name> {
    match data {
        Data::Cname(name) => Some(name),
        // The root stands for the record's own name (RFC 9460 section 2.5).
        Data::Service { target, .. } => (!target.is_root()).then_some(target),
        Data::A(_) | Data::Aaaa(_) | Data::Ptr(_) | Data::Other => None,
    }
}
