//! Files that people edit: a vendor's catalogue file, and the system's list of resolvers.

use consentry_catalogue::{Catalogue, NameKind, PathMatch};
use consentry_runtime::resolvers;
use std::fmt::Write as _;

/// Most resolvers that are taken from a file.
const MOST_RESOLVERS: usize = 8;

pub(super) fn catalogue_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Catalogue::parse([("file.toml", text.as_ref())]) {
        Err(error) => {
            assert_eq!(error.file, "file.toml");
            assert!((1..=1 + text.matches('\n').count()).contains(&error.line), "{error}");
            assert!(!error.to_string().is_empty());
        }
        Ok(catalogue) => check_catalogue(&catalogue),
    }
    check_names(&text);
}

/// What a file says is found again by what it says.
fn check_catalogue(catalogue: &Catalogue) {
    for service in catalogue.services() {
        let index = catalogue.find(&service.id).expect("every service is found by its id");
        assert_eq!(catalogue.service(index), service);
        for rule in &service.names {
            let mut names = vec![rule.pattern.clone()];
            if rule.kind == NameKind::Suffix {
                names.push(format!("x.{}", rule.pattern));
            }
            // A longer or more exact pattern of another service may win, but something must be found.
            assert!(names.iter().all(|name| catalogue.match_name(name).is_some()), "{}", rule.pattern);
            assert!(catalogue.match_alias(&format!("_443._https.{}", rule.pattern)).is_some());
        }
        for rule in &service.addresses {
            assert_eq!(catalogue.match_address(rule.address).map(|found| found.service), Some(index));
        }
        for rule in &service.packages {
            let found = catalogue.match_package(&rule.name).expect("every package is found");
            assert!(found.services.contains(&index));
        }
        let listed = catalogue.match_path(index, "GET", "/");
        assert_eq!(listed == PathMatch::NoRules, service.paths.is_empty());
        assert!(!catalogue.shared_with(index).contains(&index));
    }
}

/// Names are found in any case, with a trailing dot or without.
fn check_names(text: &str) {
    let catalogue = Catalogue::builtin();
    for name in text.lines().take(16) {
        let found = catalogue.match_name(name);
        assert_eq!(catalogue.match_name(&name.to_ascii_uppercase()), found, "{name:?}");
        if !name.ends_with('.') {
            assert_eq!(catalogue.match_name(&format!("{name}.")), found, "{name:?}");
        }
        assert!(found.is_none() || catalogue.match_alias(name).is_some(), "{name:?}");
    }
}

pub(super) fn resolv_conf(bytes: &[u8]) {
    let found = resolvers::parse(bytes);
    assert!(found.len() <= MOST_RESOLVERS);
    for (place, resolver) in found.iter().enumerate() {
        assert_eq!(resolver.port(), 53);
        assert!(!found[..place].contains(resolver), "{resolver} stands there once");
    }
    let mut written = String::new();
    for resolver in &found {
        let zone = match resolver {
            std::net::SocketAddr::V6(resolver) if resolver.scope_id() != 0 => {
                format!("%{}", resolver.scope_id())
            }
            _ => String::new(),
        };
        writeln!(written, "nameserver {}{zone}", resolver.ip()).expect("writing to a string cannot fail");
    }
    assert_eq!(resolvers::parse(written.as_bytes()), found);
    // Bytes behind the last line's end change nothing that stands before it.
    if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
        assert!(found.starts_with(&resolvers::parse(&bytes[..=end])));
    }
}
