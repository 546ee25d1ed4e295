//! DNS: each question is a record of its own, judged when asked and again by its answer.

use super::flow::{About, Shared};
use super::heard::Heard;
use consentry_inspect::capture::Direction;
use consentry_inspect::dns::{self, Data, Message, Name};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Questions that wait for their answer; the oldest gives way.
const MOST_WAITING: usize = 64;
/// Asked again with the same id and name within this many questions, it is a repeat.
const REPEATS_WITHIN: usize = 16;

struct Waiting {
    id: u16,
    name: Name,
    rtype: u16,
    heard: Heard,
}

/// The questions of one flow.
#[derive(Default)]
pub(super) struct Questions {
    waiting: VecDeque<Waiting>,
    /// The last questions asked, to know a repeat by.
    recent: VecDeque<(u16, Name, u16)>,
    /// Whether the flow has made a record of its own.
    any: bool,
}

impl Questions {
    /// Takes a DNS message. Returns `false` if it is none, and does not claim to be one.
    pub(super) fn message(
        &mut self,
        about: &mut About,
        direction: Direction,
        bytes: &[u8],
        shared: &mut Shared<'_>,
    ) -> bool {
        let Ok(message) = dns::parse(bytes) else {
            if direction == Direction::Out && dns::looks_like_query(bytes) {
                let mut heard = Heard::new("dns", about.now);
                about.settle_on(&mut heard);
                heard.refused("a DNS question that cannot be read");
                self.any = true;
                shared.order.push(about.judge(heard, shared));
                return true;
            }
            return false;
        };
        if message.response {
            self.answer(about, direction, &message, shared);
        } else {
            self.asked(about, &message, shared);
        }
        true
    }

    /// The flow is over.
    pub(super) fn end(mut self, about: About, shared: &mut Shared<'_>) {
        while let Some(question) = self.waiting.pop_front() {
            shared.order.push(about.judge(question.heard, shared));
        }
        if self.any { about.end_silently(shared) } else { about.end(shared) }
    }

    fn asked(&mut self, about: &mut About, message: &Message, shared: &mut Shared<'_>) {
        for question in &message.questions {
            let key = (message.id, question.name.clone(), question.rtype);
            if self.recent.contains(&key) {
                if let Some(known) = self.waiting.iter_mut().rev().find(|known| known.is(&key)) {
                    about.settle_on(&mut known.heard);
                }
                continue;
            }
            let heard = self.begin(about, question.name.as_str(), shared);
            self.wait(about, key, heard, shared);
        }
    }

    fn answer(
        &mut self,
        about: &mut About,
        direction: Direction,
        message: &Message,
        shared: &mut Shared<'_>,
    ) {
        for question in &message.questions {
            let key = (message.id, question.name.clone(), question.rtype);
            let place = self.waiting.iter().position(|known| known.is(&key));
            let mut heard = match place.and_then(|place| self.waiting.remove(place)) {
                Some(known) => known.heard,
                // Answered twice: the first answer counts.
                None if self.recent.contains(&key) => continue,
                // The question itself is not in the capture.
                None => {
                    self.remember(key);
                    self.begin(about, question.name.as_str(), shared)
                }
            };
            about.settle_on(&mut heard);
            let (names, addresses) = chain(&question.name, message);
            for name in &names[1..] {
                heard.alias(name, &shared.rules);
            }
            if direction == Direction::In {
                shared.names.learn(&names, &addresses);
            }
            shared.order.push(about.judge(heard, shared));
        }
    }

    fn begin(&mut self, about: &mut About, name: &str, shared: &Shared<'_>) -> Heard {
        self.any = true;
        let mut heard = Heard::new("dns", about.now);
        about.settle_on(&mut heard);
        heard.question(name, &shared.rules);
        heard
    }

    fn wait(&mut self, about: &About, key: (u16, Name, u16), heard: Heard, shared: &mut Shared<'_>) {
        if self.waiting.len() == MOST_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            shared.order.push(about.judge(oldest.heard, shared));
        }
        self.remember(key.clone());
        let (id, name, rtype) = key;
        self.waiting.push_back(Waiting { id, name, rtype, heard });
    }

    fn remember(&mut self, key: (u16, Name, u16)) {
        if self.recent.len() == REPEATS_WITHIN {
            self.recent.pop_front();
        }
        self.recent.push_back(key);
    }
}

impl Waiting {
    fn is(&self, (id, name, rtype): &(u16, Name, u16)) -> bool {
        self.id == *id && self.name == *name && self.rtype == *rtype
    }
}

/// The names an answer leads through, the one asked for first, and the addresses at the end.
fn chain<'m>(asked: &'m Name, message: &'m Message) -> (Vec<&'m str>, Vec<IpAddr>) {
    let mut names = vec![asked.as_str()];
    let mut addresses = Vec::new();
    // Records may come in any order: repeat until nothing new is reached. Each round adds a name, and there are no more
    // names than records.
    let mut reached = 0;
    while reached < names.len() {
        let here = names[reached];
        reached += 1;
        for record in message.answers.iter().filter(|record| record.name.as_str() == here) {
            let target = match &record.data {
                Data::A(address) => {
                    addresses.push(IpAddr::V4(*address));
                    None
                }
                Data::Aaaa(address) => {
                    addresses.push(IpAddr::V6(*address));
                    None
                }
                Data::Service { target, hints, .. } => {
                    addresses.extend(hints);
                    Some(target)
                }
                Data::Cname(target) => Some(target),
                Data::Ptr(_) | Data::Other => None,
            };
            if let Some(target) = target.filter(|target| !target.as_str().is_empty())
                && !names.contains(&target.as_str())
            {
                names.push(target.as_str());
            }
        }
    }
    (names, addresses)
}
