//! The matcher against a plain reading of the rules, on names made to be close to them.

use std::fmt::Write as _;

use consentry_catalogue::{Catalogue, NameKind, PathMatch, SignatureMatch, Transport};
use proptest::prelude::*;

/// The answer to `match_name` by reading every rule: the pattern, and whether it is exact.
fn slow_match(catalogue: &Catalogue, name: &str) -> Option<(String, bool)> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let rules = catalogue.services().iter().flat_map(|service| &service.names);
    rules
        .filter(|rule| match rule.kind {
            NameKind::Exact => name == rule.pattern,
            NameKind::Suffix => name == rule.pattern || name.ends_with(&format!(".{}", rule.pattern)),
        })
        .map(|rule| (rule.kind == NameKind::Exact, rule.pattern.len(), &rule.pattern))
        .max()
        .map(|(exact, _, pattern)| (pattern.clone(), exact))
}

fn fast_match(catalogue: &Catalogue, name: &str) -> Option<(String, bool)> {
    catalogue.match_name(name).map(|found| (found.pattern.to_owned(), found.exact))
}

/// A catalogue of up to 30 services over few labels, so that rules and names often meet.
fn catalogue() -> impl Strategy<Value = Catalogue> {
    let rule = (any::<bool>(), prop::collection::vec("[abc]{1,2}", 1..5));
    prop::collection::vec(rule, 1..30).prop_map(|mut rules| {
        rules.sort();
        rules.dedup();
        let mut text = "format = 1\nvendor = \"Example\"\nsources.DOC = \"Made up\"\n".to_owned();
        for (number, (exact, labels)) in rules.iter().enumerate() {
            let kind = if *exact { "exact" } else { "suffix" };
            let pattern = format!("{}.example", labels.join("."));
            write!(
                text,
                "[[service]]\nid = \"example.s{number}\"\nname = \"n\"\nshort_name = \"n\"\ncategory = \"ads\"\ndoes = \"d\"\n\
                 breaks = \"b\"\nbreaks_short = \"b\"\ndefault = \"needs_consent\"\ndns_answer = \"sinkhole\"\nsources = [\"DOC\"]\n\
                 names = [{{ {kind} = \"{pattern}\", certainty = \"inferred\", sources = [\"DOC\"] }}]\n"
            )
            .expect("writing to a string cannot fail");
        }
        Catalogue::parse([("made.toml", text.as_str())]).expect("made from valid parts")
    })
}

/// A name that ends in a pattern of the built-in catalogue, or in something close to one.
fn near_a_pattern() -> impl Strategy<Value = String> {
    let patterns: Vec<String> = Catalogue::builtin()
        .services()
        .iter()
        .flat_map(|service| &service.names)
        .map(|rule| rule.pattern.clone())
        .collect();
    let before = prop_oneof![Just(String::new()), "[a-zA-Z0-9_-]{1,12}\\.", "[a-z.]{1,300}", "\\PC{0,20}"];
    let after = prop_oneof![8 => Just(""), 1 => Just("."), 1 => Just(".lan"), 1 => Just("x")];
    (before, prop::sample::select(patterns), after, any::<u64>()).prop_map(
        |(before, pattern, after, case)| {
            let folded = pattern
                .chars()
                .enumerate()
                .map(|(place, c)| if case >> (place % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c });
            before.chars().chain(folded).chain(after.chars()).collect()
        },
    )
}

proptest! {
    #[test]
    fn names_match_as_the_rules_read(catalogue in catalogue(), name in "[abcABC]{1,2}(\\.[abc]{0,2}){0,6}(\\.example)?\\.?") {
        prop_assert_eq!(fast_match(&catalogue, &name), slow_match(&catalogue, &name));
    }

    #[test]
    fn names_match_as_the_built_in_rules_read(name in near_a_pattern()) {
        prop_assert_eq!(fast_match(Catalogue::builtin(), &name), slow_match(Catalogue::builtin(), &name));
    }

    #[test]
    fn a_name_is_its_own_alias(name in near_a_pattern()) {
        let catalogue = Catalogue::builtin();
        if let Some(found) = catalogue.match_name(&name) {
            prop_assert_eq!(catalogue.match_alias(&name), Some(found));
        }
    }

    #[test]
    fn a_name_is_seen_under_any_search_suffix(name in near_a_pattern(), suffix in "(\\.[a-z]{3,8}){1,4}") {
        let catalogue = Catalogue::builtin();
        let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
        if catalogue.match_name(&name).is_some() && !name.contains("..") && name.len() < 700 {
            let searched = format!("{name}{suffix}");
            prop_assert!(catalogue.match_alias(&searched).is_some());
        }
    }

    #[test]
    fn any_text_is_answered(text in any::<String>(), method in any::<String>(), bytes in any::<Vec<u8>>()) {
        let catalogue = Catalogue::builtin();
        catalogue.match_name(&text);
        catalogue.match_alias(&text);
        catalogue.match_package(&text);
        catalogue.match_signature(Transport::Tcp, &bytes);
        let mi_push = catalogue.find("xiaomi.push").expect("it is in the catalogue");
        prop_assert_eq!(catalogue.match_path(mi_push, &method, &text), PathMatch::NoRules);
        let check = catalogue.find("xiaomi.captive_portal").expect("it is in the catalogue");
        prop_assert!(catalogue.match_path(check, &method, &text) != PathMatch::NoRules);
        let name = String::from_utf8_lossy(&bytes);
        prop_assert_eq!(fast_match(catalogue, &name), slow_match(catalogue, &name));
    }

    #[test]
    fn a_path_pattern_lists_what_it_was_made_from(id in "[a-zA-Z0-9_=-]{1,30}", encode in any::<u64>()) {
        let catalogue = Catalogue::builtin();
        let messaging = catalogue.find("xiaomi.cloud_messaging").expect("it is in the catalogue");
        let encoded: String = id.bytes().enumerate().map(|(place, byte)| {
            if encode >> (place % 64) & 1 == 1 { format!("%{byte:02x}") } else { char::from(byte).to_string() }
        }).collect();
        let target = format!("/pass/activate/dev/{encoded}/activating?imsi={encoded}");
        prop_assert_eq!(catalogue.match_path(messaging, "GET", &target), PathMatch::Listed);
    }

    #[test]
    fn signatures_do_not_depend_on_how_the_bytes_arrive(bytes in prop::collection::vec(prop::sample::select(vec![0xc2_u8, 0xfe, 0, 5, 1]), 0..12)) {
        let catalogue = Catalogue::builtin();
        let mut answer = SignatureMatch::NeedMore;
        for end in 0..=bytes.len() {
            if answer == SignatureMatch::NeedMore {
                answer = catalogue.match_signature(Transport::Tcp, &bytes[..end]);
            }
        }
        prop_assert_eq!(answer, catalogue.match_signature(Transport::Tcp, &bytes));
    }

    #[test]
    fn any_file_is_parsed_or_refused(text in any::<String>()) {
        if let Err(error) = Catalogue::parse([("any.toml", text.as_str())]) {
            prop_assert!((1..=text.lines().count() + 1).contains(&error.line));
        }
    }

    #[test]
    fn a_damaged_file_is_parsed_or_refused(place in any::<prop::sample::Index>(), length in 0_usize..40, with in "\\PC{0,5}") {
        let text = include_str!("../services/google.toml");
        let mut start = place.index(text.len());
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = text.len().min(start + length);
        while !text.is_char_boundary(end) { end += 1; }
        let damaged = format!("{}{with}{}", &text[..start], &text[end..]);
        if let Err(error) = Catalogue::parse([("google.toml", damaged.as_str())]) {
            prop_assert!((1..=damaged.lines().count() + 1).contains(&error.line));
        }
    }
}
