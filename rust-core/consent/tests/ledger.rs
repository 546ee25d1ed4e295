//! A ledger shows where it was tampered with, and so do receipts.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_consent::ledger::{Broken, Digest, Entry, Fingerprint, Head, Ledger, SigningKey, verify};
use consentry_consent::receipt::{self, ReceiptError, State};
use consentry_consent::{Change, Clock, Consents, MemoryStore, OpenError, Scope, StoredConsents, Term, Via};
use phone::*;
use proptest::prelude::*;

/// A ledger of grants and revocations by turns.
fn ledger_of(length: usize) -> (Ledger, Vec<Entry>, Vec<Change>) {
    let (key, _) = SigningKey::generate().unwrap();
    let mut ledger = Ledger::new(key);
    let mut consents = Consents::new();
    let mut entries = Vec::new();
    let mut changes = Vec::new();
    for turn in 0..length {
        let clock = later(turn as i64 * 1000);
        let change = if turn % 2 == 0 {
            consents.grant(catalogue(), PUSH, Scope::AllApps, Term::Forever, Via::Command, &clock)
        } else {
            consents.revoke(catalogue(), PUSH, Scope::AllApps, Via::Command, &clock)
        }
        .unwrap();
        let (entry, head) = ledger.entries(std::slice::from_ref(&change)).unwrap();
        ledger.advance(&head);
        consents.apply(&change);
        entries.extend(entry);
        changes.push(change);
    }
    (ledger, entries, changes)
}

#[test]
fn a_whole_ledger_gives_back_its_changes() {
    for length in [0, 1, 2, 9] {
        let (ledger, entries, changes) = ledger_of(length);
        assert_eq!(verify(&entries, &ledger.head()), Ok(changes));
    }
}

#[test]
fn each_kind_of_damage_is_named_with_its_place() {
    let (ledger, entries, _) = ledger_of(5);
    let head = ledger.head();
    let check = |entries: &[Entry]| verify(entries, &head).unwrap_err();

    let edit = |at: usize| {
        let mut edited = entries.clone();
        edited[at].change = edited[at].change.replace(PUSH, "xiaomi.puss");
        edited
    };
    assert_eq!(check(&edit(1)), Broken::DoesNotFollow { at: 2 });
    assert_eq!(check(&edit(4)), Broken::LastChanged { at: 4 });
    assert_eq!(check(&entries[..3]), Broken::CutShort { found: 3, expected: 5 });
    assert_eq!(check(&[]), Broken::CutShort { found: 0, expected: 5 });
    assert_eq!(check(&entries[1..]), Broken::OutOfPlace { at: 0, found: 1 });
    let mut moved = entries.clone();
    moved.swap(1, 3);
    assert_eq!(check(&moved), Broken::OutOfPlace { at: 1, found: 3 });
    let mut repeated = entries.clone();
    repeated.insert(2, entries[1].clone());
    assert_eq!(check(&repeated), Broken::OutOfPlace { at: 2, found: 1 });
    let mut renumbered = repeated;
    for (at, entry) in (0..).zip(&mut renumbered) {
        entry.sequence = at;
    }
    assert_eq!(check(&renumbered), Broken::DoesNotFollow { at: 2 });
    // A forger without the key can carry the chain on, but cannot sign it.
    let mut longer = entries.clone();
    let last = &entries[4];
    longer.push(Entry { sequence: 5, previous: last.digest(), ..entries[0].clone() });
    assert_eq!(check(&longer), Broken::NotVouchedFor { at: 5 });
}

#[test]
fn a_head_of_another_time_key_or_content_is_refused() {
    let (ledger, entries, changes) = ledger_of(3);
    let head = ledger.head();
    let check = |head: &Head| verify(&entries, head).unwrap_err();
    assert_eq!(check(&Head { length: 2, ..head.clone() }), Broken::BadSignature);
    assert_eq!(check(&Head { last: Digest([1; 32]), ..head.clone() }), Broken::BadSignature);
    let (_, older_head) = Ledger::new(SigningKey::generate().unwrap().0).entries(&changes[..1]).unwrap();
    assert_eq!(check(&older_head), Broken::DoesNotFollow { at: 0 });
    let key = || SigningKey::generate().unwrap().0;
    assert_eq!(Ledger::open(key(), &entries, Some(&head)).unwrap_err(), Broken::OtherKey);
    assert_eq!(Ledger::open(key(), &entries, None).unwrap_err(), Broken::NoHead);
    assert!(Ledger::open(key(), &[], None).is_ok());
}

#[test]
fn a_broken_ledger_gives_no_consents() {
    let (key, document) = SigningKey::generate().unwrap();
    let mut stored = StoredConsents::open(MemoryStore::default(), key).unwrap();
    let change =
        Consents::new().grant(catalogue(), PUSH, Scope::AllApps, Term::Forever, Via::Tile, &now()).unwrap();
    stored.record(&change).unwrap();
    let mut store = stored.store().clone();
    store.entries[0].change = store.entries[0].change.replace(PUSH, ACCOUNT);
    let error = StoredConsents::open(store, SigningKey::from_pkcs8(&document).unwrap()).unwrap_err();
    assert!(matches!(error, OpenError::Broken(Broken::LastChanged { at: 0 })));
    assert!(error.to_string().contains("every consent counts as not given"));
}

#[test]
fn fingerprints_are_read_as_people_write_them() {
    let fingerprint = SigningKey::generate().unwrap().0.public().fingerprint();
    let text = fingerprint.to_string();
    let pairs: Vec<String> =
        text.as_bytes().chunks(2).map(|pair| String::from_utf8(pair.to_vec()).unwrap()).collect();
    for written in [text.clone(), text.to_uppercase(), pairs.join(":"), pairs.join(" ")] {
        assert_eq!(written.parse::<Fingerprint>(), Ok(fingerprint));
    }
    for wrong in ["", &text[1..], &format!("{text}00"), &text.replace(&text[..1], "g")] {
        assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
    }
}

#[test]
fn receipts_verify_with_the_file_and_the_fingerprint_alone() {
    let (ledger, entries, changes) = ledger_of(3);
    let fingerprint = ledger.key().public().fingerprint();
    let text = receipt::export(&ledger, entries, catalogue(), later(60_000).wall_ms, None).unwrap();
    for trusted in [None, Some(&fingerprint)] {
        let verified = receipt::verify(&text, trusted).unwrap();
        assert_eq!(verified.changes, (0..).zip(changes.clone()).collect::<Vec<_>>());
        let record = &verified.receipts.records[0];
        assert_eq!(record.processing.service, PUSH);
        let states: Vec<State> = record.events.iter().map(|event| event.event_state).collect();
        assert_eq!(states, [State::Given, State::Withdrawn, State::Given]);
    }
    let stranger = SigningKey::generate().unwrap().0.public().fingerprint();
    assert!(matches!(receipt::verify(&text, Some(&stranger)), Err(ReceiptError::OtherKey { .. })));
}

#[test]
fn receipts_of_an_empty_ledger_verify() {
    let (ledger, entries, _) = ledger_of(0);
    let text = receipt::export(&ledger, entries, catalogue(), 0, None).unwrap();
    assert!(receipt::verify(&text, None).unwrap().changes.is_empty());
}

#[test]
fn receipts_verify_whatever_the_clock_was_set_to() {
    for wall_ms in [i64::MIN, i64::MAX] {
        let mut ledger = Ledger::new(SigningKey::generate().unwrap().0);
        let clock = Clock { wall_ms, ..later(0) };
        let change = Consents::new()
            .grant(catalogue(), "xiaomi.push", Scope::AllApps, Term::UntilRestart, Via::Screen, &clock)
            .unwrap();
        let (entries, head) = ledger.entries(std::slice::from_ref(&change)).unwrap();
        ledger.advance(&head);
        let text = receipt::export(&ledger, entries, catalogue(), wall_ms, None).unwrap();
        assert_eq!(receipt::verify(&text, None).unwrap().changes, [(0, change)]);
    }
}

#[test]
fn changed_receipts_are_refused() {
    let (ledger, entries, _) = ledger_of(2);
    let text = receipt::export(&ledger, entries.clone(), catalogue(), 0, None).unwrap();
    for (from, to) in [
        ("\"withdrawn\"", "\"given\""),
        ("\"controller\"", "\"processor\""),
        ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        assert!(matches!(receipt::verify(&changed, None), Err(ReceiptError::BadSignature)), "{from}");
    }
    let other = text.replacen("\"version\": 1", "\"version\": 2", 1);
    assert!(matches!(receipt::verify(&other, None), Err(ReceiptError::OtherFormat { version: 2, .. })));
    let doubled = text.replacen("\"version\": 1", "\"version\": 1, \"version\": 1", 1);
    assert!(matches!(receipt::verify(&doubled, None), Err(ReceiptError::Unreadable(_))));
    // White space and the order of members carry no meaning.
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(receipt::verify(&value.to_string(), None).is_ok());
    for nonsense in ["", "{}", "[]", "null", "{\"receipts\":{}}", &text[..text.len() / 2]] {
        assert!(matches!(receipt::verify(nonsense, None), Err(ReceiptError::Unreadable(_))), "{nonsense}");
    }
    assert!(receipt::export(&ledger, entries[..1].to_vec(), catalogue(), 0, None).is_err());
}

/// A ledger about two services, by turns.
fn ledger_of_two(length: usize) -> (Ledger, Vec<Entry>) {
    let mut ledger = Ledger::new(SigningKey::generate().unwrap().0);
    let mut entries = Vec::new();
    for turn in 0..length {
        let service = [PUSH, ACCOUNT][turn % 2];
        let how = consentry_consent::How { via: Via::Screen, wording: Some("0.1.0 de".to_owned()) };
        let change = Consents::new()
            .grant(catalogue(), service, Scope::AllApps, Term::Forever, how, &later(turn as i64))
            .unwrap();
        let (new, head) = ledger.entries(&[change]).unwrap();
        ledger.advance(&head);
        entries.extend(new);
    }
    (ledger, entries)
}

#[test]
fn a_receipt_of_one_service_tells_nothing_of_the_others_and_verifies() {
    let (ledger, entries) = ledger_of_two(5);
    let text = receipt::export(&ledger, entries, catalogue(), 0, Some(ACCOUNT)).unwrap();
    assert!(!text.contains(PUSH));
    let verified = receipt::verify(&text, Some(&ledger.key().public().fingerprint())).unwrap();
    assert_eq!(verified.changes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(verified.receipts.records.len(), 1);
    let event = &verified.receipts.records[0].events[0];
    assert_eq!((event.sequence, event.wording.as_deref()), (1, Some("0.1.0 de")));
    assert!(event.covers.as_ref().unwrap().names.contains(&SHARED_HOST.to_owned()));
    let nothing = receipt::export(&ledger, ledger_of_two(0).1, catalogue(), 0, Some("no.such"));
    assert!(nothing.is_err(), "the entries are not the ledger's");
}

#[test]
fn what_is_withheld_cannot_be_guessed() {
    let change = "{}".to_owned();
    let entry = |salt| Entry {
        sequence: 0,
        previous: Digest([0; 32]),
        salt: Some(consentry_consent::ledger::Salt([salt; 16])),
        change: change.clone(),
    };
    assert_ne!(entry(1).withheld().unwrap().commitment, entry(2).withheld().unwrap().commitment);
    let old = Entry { salt: None, ..entry(1) };
    assert_eq!(old.withheld(), None);
    assert_ne!(old.digest(), entry(1).digest());
}

#[test]
fn several_changes_are_recorded_together() {
    let (key, document) = SigningKey::generate().unwrap();
    let mut stored = StoredConsents::open(MemoryStore::default(), key).unwrap();
    let consents = Consents::new();
    let changes: Vec<_> = [PUSH, ACCOUNT]
        .map(|service| {
            consents.grant(catalogue(), service, Scope::AllApps, Term::Forever, Via::Restore, &now()).unwrap()
        })
        .to_vec();
    stored.record_all(&[]).unwrap();
    stored.record_all(&changes).unwrap();
    assert_eq!(stored.consents().grants().count(), 2);
    let store = stored.store().clone();
    let opened = StoredConsents::open(store, SigningKey::from_pkcs8(&document).unwrap()).unwrap();
    assert_eq!(opened.consents(), stored.consents());
}

/// One way to tamper.
#[derive(Clone, Debug)]
enum Tampering {
    Remove(usize),
    Repeat(usize, usize),
    Swap(usize, usize),
    CutTo(usize),
    EditChange(usize, usize, u8),
    EditPrevious(usize, usize, u8),
    EditSequence(usize, u64),
    EditHead(usize, u8),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let place = 0..8usize;
    prop_oneof![
        place.clone().prop_map(Tampering::Remove),
        (place.clone(), place.clone()).prop_map(|(from, to)| Tampering::Repeat(from, to)),
        (place.clone(), place.clone()).prop_map(|(a, b)| Tampering::Swap(a, b)),
        place.clone().prop_map(Tampering::CutTo),
        (place.clone(), any::<usize>(), 1..128u8)
            .prop_map(|(at, byte, bits)| Tampering::EditChange(at, byte, bits)),
        (place.clone(), 0..32usize, 1..=255u8)
            .prop_map(|(at, byte, bits)| Tampering::EditPrevious(at, byte, bits)),
        (place, any::<u64>()).prop_map(|(at, sequence)| Tampering::EditSequence(at, sequence)),
        (0..136usize, 1..=255u8).prop_map(|(byte, bits)| Tampering::EditHead(byte, bits)),
    ]
}

fn tamper(entries: &mut Vec<Entry>, head: &mut Head, how: &Tampering) {
    match *how {
        Tampering::Remove(at) => drop(entries.remove(at)),
        Tampering::Repeat(from, to) => entries.insert(to, entries[from].clone()),
        Tampering::Swap(a, b) => entries.swap(a, b),
        Tampering::CutTo(length) => entries.truncate(length),
        Tampering::EditChange(at, byte, bits) => {
            // One character is replaced by another: the text stays text.
            let mut bytes = entries[at].change.clone().into_bytes();
            let ascii: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii()).collect();
            let byte = ascii[byte % ascii.len()];
            bytes[byte] = (bytes[byte] ^ bits) & 0x7f;
            entries[at].change = String::from_utf8(bytes).unwrap();
        }
        Tampering::EditPrevious(at, byte, bits) => entries[at].previous.0[byte] ^= bits,
        Tampering::EditSequence(at, sequence) => entries[at].sequence = sequence,
        Tampering::EditHead(byte, bits) => match byte {
            0..32 => head.last.0[byte] ^= bits,
            32..64 => head.key.0[byte - 32] ^= bits,
            64..128 => head.signature.0[byte - 64] ^= bits,
            _ => head.length ^= u64::from(bits) << (8 * (byte - 128)),
        },
    }
}

proptest! {
    #[test]
    fn no_tampering_goes_unnoticed(ways in proptest::collection::vec(tampering(), 1..3)) {
        let (ledger, whole, _) = ledger_of(12);
        let (mut entries, mut head) = (whole.clone(), ledger.head());
        for how in &ways {
            if entries.len() >= 9 {
                tamper(&mut entries, &mut head, how);
            }
        }
        if entries != whole || head != ledger.head() {
            prop_assert!(verify(&entries, &head).is_err(), "{:?}", ways);
        }
    }

    #[test]
    fn no_changed_byte_of_a_receipts_file_goes_unnoticed(at in any::<proptest::sample::Index>(), bits in 1..128u8) {
        let (ledger, entries, _) = ledger_of(2);
        let text = receipt::export(&ledger, entries, catalogue(), 0, None).unwrap();
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        // Another letter case of a hexadecimal digit, or other white space, is the same content.
        if let Ok(verified) = receipt::verify(&changed, None) {
            prop_assert_eq!(verified, receipt::verify(&text, None).unwrap());
        }
    }

    /// Whatever is done to the links of a receipt of one service, even by its signer, breaks the chain.
    #[test]
    fn no_tampering_with_a_partial_chain_goes_unnoticed(at in 0..6usize, byte in 0..32usize, bits in 1..=255u8) {
        use consentry_consent::ledger::{Link, verify_links};
        let (ledger, entries) = ledger_of_two(6);
        let mut links: Vec<Link> = entries
            .iter()
            .map(|entry| if entry.sequence % 2 == 0 { Link::Withheld(entry.withheld().unwrap()) } else { Link::Entry(entry.clone()) })
            .collect();
        prop_assert_eq!(verify_links(&links, &ledger.head()).unwrap().len(), 3);
        match &mut links[at] {
            Link::Withheld(withheld) => withheld.commitment.0[byte] ^= bits,
            Link::Entry(entry) => entry.salt.as_mut().unwrap().0[byte % 16] ^= bits,
        }
        prop_assert!(verify_links(&links, &ledger.head()).is_err());
    }

    #[test]
    fn any_text_is_refused_as_receipts(text in "\\PC{0,200}") {
        prop_assert!(receipt::verify(&text, None).is_err());
    }
}
