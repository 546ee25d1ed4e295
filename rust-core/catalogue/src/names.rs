//! From a host name to the rule it falls under.

use std::collections::HashMap;

use crate::NameMatch;
use crate::host::MAX_HOST_BYTES;
use crate::service::{Certainty, NameKind, ServiceIndex};
use crate::wide_domains::is_public_suffix;

/// The longest text form of a DNS name: 254 bytes of labels and dots, each byte as `\DDD`. Longer texts are looked up
/// as they are, but not searched for names inside them, which bounds the work.
const MAX_NAME_TEXT_BYTES: usize = 4 * (MAX_HOST_BYTES + 1);

/// All host patterns, by their text.
#[derive(Debug, Default)]
pub(crate) struct NameIndex {
    hosts: HashMap<Box<[u8]>, Host>,
    /// The most labels in any pattern: longer tails of a name need not be looked up.
    most_labels: usize,
}

/// The rules for one pattern text.
#[derive(Debug, Default)]
struct Host {
    exact: Option<Rule>,
    suffix: Option<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Box<str>,
    services: Vec<ServiceIndex>,
    certainty: Certainty,
}

impl NameIndex {
    /// Adds a rule of one service; several services with the same rule share it.
    pub(crate) fn add(&mut self, pattern: &str, kind: NameKind, certainty: Certainty, service: ServiceIndex) {
        self.most_labels = self.most_labels.max(pattern.split('.').count());
        let host = self.hosts.entry(pattern.as_bytes().into()).or_default();
        let rule = match kind {
            NameKind::Exact => &mut host.exact,
            NameKind::Suffix => &mut host.suffix,
        };
        let rule =
            rule.get_or_insert_with(|| Rule { pattern: pattern.into(), services: Vec::new(), certainty });
        rule.services.push(service);
        // `Inferred` sorts after `Confirmed`: the weaker wins.
        rule.certainty = rule.certainty.max(certainty);
    }

    /// The services that have exactly this rule.
    pub(crate) fn sharers(&self, pattern: &str, kind: NameKind) -> &[ServiceIndex] {
        let rule = self.hosts.get(pattern.as_bytes()).and_then(|host| match kind {
            NameKind::Exact => host.exact.as_ref(),
            NameKind::Suffix => host.suffix.as_ref(),
        });
        rule.map_or(&[], |rule| &rule.services)
    }

    /// The rule that `name` falls under: exact before suffix, longest first.
    pub(crate) fn find(&self, name: &str) -> Option<NameMatch<'_>> {
        let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
        // Only the tail that a pattern could cover is looked at, so that a name of any length fits the buffer.
        let tail = &name[name.len().saturating_sub(MAX_HOST_BYTES + 1)..];
        let mut buffer = [0; MAX_HOST_BYTES + 1];
        let tail = if tail.iter().any(u8::is_ascii_uppercase) {
            let folded = &mut buffer[..tail.len()];
            folded.copy_from_slice(tail);
            folded.make_ascii_lowercase();
            folded
        } else {
            tail
        };
        let mut start = self.longest_tail(tail);
        loop {
            if let Some(host) = self.hosts.get(&tail[start..]) {
                if start == 0
                    && tail.len() == name.len()
                    && let Some(rule) = &host.exact
                {
                    return Some(rule.matched(true));
                }
                // A tail that was cut inside a label starts at 0 and is longer than any pattern.
                if let Some(rule) = &host.suffix {
                    return Some(rule.matched(false));
                }
            }
            start += tail[start..].iter().position(|byte| *byte == b'.')? + 1;
        }
    }

    /// As [`find`](Self::find), and sees through leading `_label.`s and a search suffix.
    pub(crate) fn find_alias(&self, name: &str) -> Option<NameMatch<'_>> {
        let name = name.strip_suffix('.').unwrap_or(name);
        if let Some(found) = self.find(name) {
            return Some(found);
        }
        if name.len() > MAX_NAME_TEXT_BYTES {
            return None;
        }
        let mut bare = name;
        while bare.starts_with('_')
            && let Some((_, rest)) = bare.split_once('.')
        {
            bare = rest;
        }
        if bare.len() < name.len()
            && let Some(found) = self.find(bare)
        {
            return Some(found);
        }
        let mut rest = bare;
        // `example.com.cn` is another domain than `example.com`, not that name with the search suffix `cn`.
        if is_public_suffix(last_labels(bare, 2)) {
            rest = without_last_label(rest)?;
        }
        loop {
            rest = without_last_label(rest)?;
            if let Some(found) = self.find(rest) {
                return Some(found);
            }
        }
    }

    /// Where the longest tail begins that has no more labels than the longest pattern.
    fn longest_tail(&self, name: &[u8]) -> usize {
        let dots = name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.');
        dots.map(|(position, _)| position + 1).nth(self.most_labels.saturating_sub(1)).unwrap_or(0)
    }
}

impl Rule {
    fn matched(&self, exact: bool) -> NameMatch<'_> {
        NameMatch { services: &self.services, pattern: &self.pattern, exact, certainty: self.certainty }
    }
}

/// The name without its last label, while two labels remain.
fn without_last_label(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(rest, _)| rest).filter(|rest| rest.contains('.'))
}

/// The last `count` labels of a name, or all of it.
fn last_labels(name: &str, count: usize) -> &str {
    let dot = name.rmatch_indices('.').nth(count - 1);
    dot.map_or(name, |(position, _)| &name[position + 1..])
}
