//! Consent changes as the ledger holds them, and receipts.

use super::Dice;
use consentry_catalogue::Catalogue;
use consentry_consent::ledger::{Fingerprint, Ledger, SigningKey, verify as verify_ledger};
use consentry_consent::receipt::{Receipts, export, verify};
use consentry_consent::{Change, Clock, Consents, Policy, Term};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// Ten days after the epoch: any time will do.
const NOW: Clock = Clock { wall_ms: 864_000_000, boot_ms: 1000, boot_id: [7; 16] };
/// Most changes that are looked at in one go.
const MOST_CHANGES: usize = 8;
/// One input in so many is signed, since signing is slow.
const SIGNED_ONE_IN: usize = 8;

/// One change a line, as JSON.
pub(super) fn changes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let changes: Vec<Change> = text.lines().filter_map(read_and_write).take(MOST_CHANGES).collect();
    let consents = Consents::replay(&changes);
    let again = Consents::replay(&changes);
    assert!(consents.grants().eq(again.grants()), "the same changes make the same consents");
    assert!(consents.grants().count() <= changes.len());
    for change in consents.expired(&NOW) {
        assert_eq!(change.name(), "expire");
    }
    let _ = consents.next_expiry(&NOW);
    let _ = Policy::new(Catalogue::builtin(), &consents, &NOW);
    for line in text.lines() {
        if let Ok(term) = line.parse::<Term>() {
            assert!(!term.end(&NOW).is_over(&NOW, &NOW), "{line:?} lasts a moment at least");
        }
        if let Ok(fingerprint) = line.parse::<Fingerprint>() {
            assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }
    }
    let mut dice = Dice::of(bytes);
    if dice.below(SIGNED_ONE_IN) == 0 {
        check_chain(&changes, &mut dice);
    }
}

/// What is recorded can be verified, and says nothing else once a byte of it was changed.
fn check_chain(changes: &[Change], dice: &mut Dice) {
    let mut ledger = Ledger::new(signing_key());
    let mut entries = Vec::new();
    for change in changes {
        let (added, head) =
            ledger.entries(std::slice::from_ref(change)).expect("the test's key signs anything");
        ledger.advance(&head);
        entries.extend(added);
    }
    assert_eq!(verify_ledger(&entries, &ledger.head()).as_deref(), Ok(changes));
    let receipts =
        export(&ledger, entries, Catalogue::builtin(), NOW.wall_ms, None).expect("the ledger is whole");
    let verified =
        verify(&receipts, Some(&ledger.key().public().fingerprint())).expect("nothing was changed");
    assert!(verified.changes.iter().map(|(_, change)| change).eq(changes));
    let mut tampered = receipts.into_bytes();
    let place = dice.below(tampered.len());
    tampered[place] ^= 1 << dice.below(7);
    if let Ok(Ok(read)) = str::from_utf8(&tampered).map(|text| verify(text, None)) {
        // White space, and the case of hexadecimal digits.
        assert_eq!(read, verified, "a change at {place}");
    }
}

/// A file of receipts.
pub(super) fn receipts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(verified) = verify(&text, None) {
        let signer = verified.receipts.key.fingerprint();
        assert!(verify(&text, Some(&signer)).is_ok_and(|again| again == verified), "it is who signed it");
        assert!(
            verify(&text, Some(&Fingerprint(verified.receipts.ledger.head.last))).is_err(),
            "nobody else is"
        );
        assert_eq!(verified.receipts.ledger.entries.len(), verified.changes.len());
    }
    read_and_write::<Receipts>(&text);
}

/// What is read is the same after being written and read again.
fn read_and_write<T: DeserializeOwned + Serialize + PartialEq + Debug>(text: &str) -> Option<T> {
    let read: T = serde_json::from_str(text).ok()?;
    let written = serde_json::to_string(&read).expect("what was read can be written");
    assert_eq!(serde_json::from_str::<T>(&written).ok().as_ref(), Some(&read), "{written}");
    Some(read)
}

/// The first key of RFC 8032 §7.1, as a PKCS #8 document (RFC 8410 §7).
fn signing_key() -> SigningKey {
    const SECRET: &[u8] = b"\x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";
    const PUBLIC: &[u8] = b"\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
    let document = [
        b"\x30\x51\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
        SECRET,
        b"\x81\x21\x00",
        PUBLIC,
    ]
    .concat();
    SigningKey::from_pkcs8(&document).expect("a key that RFC 8032 prints")
}
