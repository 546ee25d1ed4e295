//! What a backup brings back, and what it never does.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_consent::backup::{Backup, BackupError, LONGEST};
use consentry_consent::*;
use phone::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn essential() -> &'static str {
    let service = catalogue()
        .services()
        .iter()
        .find(|service| service.standing == consentry_catalogue::Standing::Essential);
    &service.unwrap().id
}

fn only_app() -> Scope {
    Scope::App(ORDINARY.to_owned())
}

/// Decisions of every kind.
fn decided() -> Consents {
    let mut consents = Consents::new();
    grant(&mut consents, PUSH, Scope::AllApps);
    grant(&mut consents, ACCOUNT, only_app());
    grant(&mut consents, "google.fcm", Scope::AllApps);
    revoke(&mut consents, "google.fcm");
    revoke(&mut consents, essential());
    let strict = consents.set_strict(ORDINARY, true, Via::Screen, &now()).unwrap();
    consents.apply(&strict);
    let timed = consents
        .grant(catalogue(), MESSAGING, Scope::AllApps, "1h".parse().unwrap(), Via::Screen, &now())
        .unwrap();
    consents.apply(&timed);
    consents
}

fn backup(consents: &Consents) -> Backup {
    let preferences = BTreeMap::from([("app/theme".to_owned(), "dark".to_owned())]);
    Backup::new(consents, preferences, (30, 50), &now())
}

/// What is granted, denied and strict.
fn decisions(consents: &Consents) -> Vec<String> {
    let grants = consents.grants().map(|grant| format!("{} {} {:?}", grant.service, grant.scope, grant.end));
    let denied = consents.switched_off().map(|service| format!("not {service}"));
    grants.chain(denied).chain(consents.strict_apps().map(|app| format!("strict {app}"))).collect()
}

fn restored(text: &str, mut onto: Consents) -> Consents {
    let plan = Backup::read(text).unwrap().changes(&onto, catalogue(), &later(1));
    assert!(plan.left_out.is_empty());
    for change in &plan.changes {
        assert_eq!(change.via, Via::Restore);
        onto.apply(change);
    }
    onto
}

#[test]
fn decisions_come_back_but_for_what_would_have_ended() {
    let before = decided();
    let text = backup(&before).to_text();
    assert_eq!(Backup::read(&text).unwrap(), backup(&before));
    let mut expected = before;
    expected.apply(&Change {
        clock: now(),
        via: Via::Clock,
        wording: None,
        kind: ChangeKind::Expire { service: MESSAGING.to_owned(), scope: Scope::AllApps },
    });
    assert_eq!(decisions(&restored(&text, Consents::new())), decisions(&expected));
    assert!(Backup::read(&text).unwrap().changes(&expected, catalogue(), &later(2)).changes.is_empty());
}

#[test]
fn present_decisions_are_replaced() {
    let text = backup(&decided()).to_text();
    let mut other = Consents::new();
    grant(&mut other, ACCOUNT, Scope::AllApps);
    grant(&mut other, MESSAGING, Scope::AllApps);
    grant(&mut other, PUSH, Scope::AllApps);
    revoke(&mut other, PUSH);
    let after = restored(&text, other);
    let granted: Vec<_> = after.grants().map(|grant| (grant.service.as_str(), grant.scope.clone())).collect();
    assert_eq!(granted, [(ACCOUNT, only_app()), (PUSH, Scope::AllApps)]);
}

#[test]
fn nothing_is_opened_that_the_file_does_not_name() {
    let empty = backup(&Consents::new()).to_text();
    let after = restored(&empty, decided());
    assert_eq!(after.grants().count(), 0);
    assert!(after.is_switched_off(essential()), "what was switched off stays so");
    assert_eq!(after.strict_apps().count(), 1, "strict mode stays on");
}

#[test]
fn a_service_that_left_or_changed_is_left_out() {
    let mut consents = Consents::new();
    grant(&mut consents, PUSH, Scope::AllApps);
    let gone = consentry_catalogue::Catalogue::parse([]).unwrap();
    let plan = backup(&consents).changes(&Consents::new(), &gone, &later(1));
    assert_eq!((plan.changes, plan.left_out.len()), (Vec::new(), 1));
    let mut changed = backup(&consents);
    changed.grants[0].meaning.0[0] ^= 1;
    // Also where it is granted now: the present grant is another one.
    let plan = changed.changes(&consents, catalogue(), &later(1));
    assert_eq!(plan.changes.iter().map(Change::name).collect::<Vec<_>>(), ["revoke"]);
    assert!(plan.left_out.contains(PUSH));
}

#[test]
fn bad_files_are_refused_whole() {
    let text = backup(&decided()).to_text();
    let damaged = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        Backup::read(&text.replacen(from, to, 1)).unwrap_err()
    };
    assert!(matches!(damaged("dark", "lark"), BackupError::Damaged));
    assert!(matches!(damaged(PUSH, ACCOUNT), BackupError::Damaged));
    assert!(matches!(
        damaged("\"version\": 1", "\"version\": 2"),
        BackupError::OtherFormat { version: 2, .. }
    ));
    assert!(matches!(damaged("consentry-backup", "consentry-receipts"), BackupError::OtherFormat { .. }));
    assert!(matches!(damaged("\"grants\"", "\"gifts\""), BackupError::Unreadable(_)));
    assert!(matches!(Backup::read(&" ".repeat(LONGEST + 1)).unwrap_err(), BackupError::TooLong));
    for nonsense in ["", "{}", "[]", "null", "{\"backup\":{}}", &text[..text.len() / 2]] {
        assert!(matches!(Backup::read(nonsense), Err(BackupError::Unreadable(_))), "{nonsense:.20}");
    }
    let mut no_app = backup(&decided());
    no_app.strict.insert("no app".to_owned());
    assert!(matches!(Backup::read(&no_app.to_text()), Err(BackupError::BadApp)));
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unnoticed(at in any::<proptest::sample::Index>(), bits in 1..128u8) {
        let whole = backup(&decided());
        let mut bytes = whole.to_text().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        // Another letter case of a digest, or other white space, is the same content.
        if let Ok(read) = Backup::read(&changed) {
            prop_assert_eq!(read, whole);
        }
    }

    #[test]
    fn any_text_is_refused(text in "\\PC{0,200}") {
        prop_assert!(Backup::read(&text).is_err());
    }
}
