//! Grants, their ends, and what may be asked for.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_consent::{Change, Clock, ConsentError, Consents, End, Policy, Scope, Term, TermError, Via};
use phone::*;
use std::time::Duration;

fn granted_for(term: Term) -> Consents {
    let mut consents = Consents::new();
    let change = consents.grant(catalogue(), PUSH, Scope::AllApps, term, Via::Command, &now()).unwrap();
    consents.apply(&change);
    consents
}

/// Whether the grant counts then, in a policy and for the ledger alike.
fn counts_at(consents: &Consents, clock: &Clock) -> bool {
    let in_policy = flow().tls(PUSH_HOST).judge(&Policy::new(catalogue(), consents, clock)).allow;
    assert_eq!(in_policy, consents.expired(clock).is_empty());
    in_policy
}

#[test]
fn terms_are_read() {
    for (text, seconds) in [("6s", 6), ("15m", 900), ("1h", 3600), ("2d", 172_800), ("007s", 7)] {
        assert_eq!(text.parse(), Ok(Term::For(Duration::from_secs(seconds))), "{text}");
    }
    assert_eq!("restart".parse(), Ok(Term::UntilRestart));
    for text in ["", "s", "15", "m15", "-1s", "+1s", "1.5h", "1h30m", "1 h", "1H", "١s", "1µ", "for ever"] {
        assert_eq!(text.parse::<Term>(), Err(TermError::Unreadable(text.into())), "{text}");
    }
    assert_eq!("0s".parse::<Term>(), Err(TermError::Zero("0s".into())));
    for text in ["4000d", "99999999999999999999s", "18446744073709551615d"] {
        assert_eq!(text.parse::<Term>(), Err(TermError::TooLong(text.into())), "{text}");
    }
}

#[test]
fn a_term_shows_as_it_is_written() {
    for text in ["6s", "15m", "1h", "2d"] {
        assert_eq!(text.parse::<Term>().unwrap().to_string(), format!("for {text}"));
    }
}

#[test]
fn a_grant_without_end_needs_no_clock() {
    let consents = granted_for(Term::Forever);
    for clock in [
        later(0),
        Clock { wall_ms: i64::MIN, boot_ms: 0, boot_id: [0; 16] },
        Clock { wall_ms: i64::MAX, boot_ms: u64::MAX, boot_id: [7; 16] },
    ] {
        assert!(counts_at(&consents, &clock));
        assert_eq!(consents.next_expiry(&clock), None);
    }
}

#[test]
fn a_bounded_grant_ends_at_the_earlier_of_both_clocks() {
    let consents = granted_for("15m".parse().unwrap());
    let length = 15 * 60 * 1000;
    assert!(counts_at(&consents, &later(length - 1)));
    assert!(!counts_at(&consents, &later(length)));
    // The wall clock was set forward, or stands still.
    assert!(!counts_at(&consents, &Clock { wall_ms: now().wall_ms + length, ..now() }));
    assert!(!counts_at(&consents, &Clock { boot_ms: now().boot_ms + 900_000, ..now() }));
    assert_eq!(consents.next_expiry(&later(60_000)), Some(Duration::from_mins(14)));
    let drifted = Clock { boot_ms: now().boot_ms + 600_000, ..now() };
    assert_eq!(consents.next_expiry(&drifted), Some(Duration::from_mins(5)));
}

#[test]
fn a_clock_before_its_start_ends_a_bounded_grant() {
    for term in [Term::For(Duration::from_mins(15)), Term::UntilRestart] {
        let consents = granted_for(term);
        assert!(!counts_at(&consents, &Clock { boot_ms: now().boot_ms - 1, ..now() }), "{term:?}");
    }
    let consents = granted_for("15m".parse().unwrap());
    let set_back = Clock { wall_ms: now().wall_ms - 1, ..now() };
    assert!(!counts_at(&consents, &set_back));
    assert_eq!(consents.next_expiry(&set_back), Some(Duration::ZERO));
}

#[test]
fn a_restart_ends_what_lasts_until_then_and_leaves_the_wall_clock_to_the_rest() {
    let after = |ms| Clock { boot_ms: 5000, boot_id: [8; 16], ..later(ms) };
    let until_restart = granted_for(Term::UntilRestart);
    assert!(counts_at(&until_restart, &later(i64::from(i32::MAX))));
    assert_eq!(until_restart.next_expiry(&later(5)), None);
    assert!(!counts_at(&until_restart, &after(60_000)));
    let bounded = granted_for("15m".parse().unwrap());
    assert!(counts_at(&bounded, &after(60_000)));
    assert_eq!(bounded.next_expiry(&after(60_000)), Some(Duration::from_mins(14)));
    assert!(!counts_at(&bounded, &after(900_000)));
    assert!(!counts_at(&bounded, &after(-1)));
}

#[test]
fn an_ended_grant_is_recorded_and_gone() {
    let mut consents = granted_for("6s".parse().unwrap());
    let changes = consents.expired(&later(6000));
    assert_eq!(changes.iter().map(Change::name).collect::<Vec<_>>(), ["expire"]);
    assert_eq!(changes[0].via, Via::Clock);
    consents.apply(&changes[0]);
    assert_eq!(consents, Consents::new());
    // The clock set back afterwards brings nothing to life.
    assert!(!flow().tls(PUSH_HOST).judge(&policy(&consents)).allow);
}

#[test]
fn a_new_grant_replaces_the_old_one() {
    let mut consents = granted_for("6s".parse().unwrap());
    grant(&mut consents, PUSH, Scope::AllApps);
    assert_eq!(consents.grants().map(|grant| grant.end).collect::<Vec<_>>(), [End::Never]);
}

#[test]
fn unknown_services_are_named_with_the_nearest() {
    let ask = |id: &str| {
        Consents::new()
            .grant(catalogue(), id, Scope::AllApps, Term::Forever, Via::Command, &now())
            .unwrap_err()
    };
    for (asked, meant) in [
        ("xiaomi.pusch", PUSH),
        ("Xiaomi.Push", PUSH),
        ("xiaomi.cloud-messaging", MESSAGING),
        ("cloud_messaging", MESSAGING),
        ("google.fmc", "google.fcm"),
    ] {
        let ConsentError::UnknownService { id, nearest } = ask(asked) else { panic!("{asked}") };
        assert_eq!((id.as_str(), nearest.as_deref()), (asked, Some(meant)));
    }
    for asked in ["", "zzzzzzzzzzzzzzz", &"x".repeat(10_000)] {
        assert!(matches!(ask(asked), ConsentError::UnknownService { nearest: None, .. }), "{asked}");
    }
    assert_eq!(
        ask("xiaomi.pusch").to_string(),
        "there is no service 'xiaomi.pusch' in the catalogue; did you mean 'xiaomi.push'?"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut consents = Consents::new();
    let to = |app: &str| Scope::App(app.to_owned());
    let revoke_from = |consents: &Consents, service: &str, scope| {
        consents.revoke(catalogue(), service, scope, Via::Command, &now())
    };
    for app in ["", "com.example app", "a/b", "x\n", "uid:1000"] {
        let grant = consents.grant(catalogue(), PUSH, to(app), Term::Forever, Via::Command, &now());
        assert_eq!(grant, Err(ConsentError::BadApp { app: app.to_owned() }));
        assert!(consents.set_strict(app, true, Via::Command, &now()).is_err());
    }
    assert!(matches!(revoke_from(&consents, PUSH, Scope::AllApps), Err(ConsentError::NotGranted { .. })));
    let on = consents.grant(catalogue(), "google.time", Scope::AllApps, Term::Forever, Via::Command, &now());
    assert!(matches!(on, Err(ConsentError::AlreadyOn { .. })));
    let one = revoke_from(&consents, "google.time", to(ORDINARY));
    assert!(matches!(one, Err(ConsentError::SwitchIsForAll { .. })));
    grant(&mut consents, PUSH, Scope::AllApps);
    assert!(matches!(revoke_from(&consents, PUSH, to(ORDINARY)), Err(ConsentError::GrantedToAll { .. })));
    assert!(matches!(
        consents.set_strict(ORDINARY, false, Via::Command, &now()),
        Err(ConsentError::StrictAlready { .. })
    ));
}

#[test]
fn revoking_for_all_ends_the_grants_of_single_apps_too() {
    let mut consents = Consents::new();
    grant(&mut consents, PUSH, Scope::App(ORDINARY.into()));
    grant(&mut consents, PUSH, Scope::App(CATALOGUED.into()));
    grant(&mut consents, MESSAGING, Scope::AllApps);
    revoke(&mut consents, PUSH);
    assert_eq!(consents.grants().map(|grant| grant.service.as_str()).collect::<Vec<_>>(), [MESSAGING]);
}

#[test]
fn an_essential_service_switched_on_for_a_while_goes_off_again() {
    let mut consents = Consents::new();
    revoke(&mut consents, "google.time");
    let on =
        consents.grant(catalogue(), "google.time", Scope::AllApps, "15m".parse().unwrap(), Via::Tile, &now());
    consents.apply(&on.unwrap());
    let ask = |clock: &Clock| {
        flow().tls("time.android.com").judge(&Policy::new(catalogue(), &consents, clock)).allow
    };
    assert!(ask(&later(60_000)));
    assert!(!ask(&later(900_000)));
}

#[test]
fn changes_keep_their_form_on_disk() {
    let mut consents = granted_for("6s".parse().unwrap());
    let change = consents.expired(&later(6000)).remove(0);
    let text = serde_json::to_string(&change).unwrap();
    assert_eq!(
        text,
        r#"{"clock":{"wall_ms":1767225606000,"boot_ms":3606000,"boot_id":"07070707070707070707070707070707"},"via":"clock","kind":"expire","service":"xiaomi.push","scope":"all_apps"}"#
    );
    let strict = consents.set_strict(ORDINARY, true, Via::ManagedConfiguration, &now()).unwrap();
    let granted = grant(&mut consents, PUSH, Scope::App(ORDINARY.into()));
    for change in [change, strict, granted] {
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change, "{text}");
    }
}
