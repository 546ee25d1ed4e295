//! What holds for any facts and any choices.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_catalogue::{ServiceIndex, Standing, Transport};
use consentry_consent::{
    Change, Clock, Consents, MemoryStore, Owner, Policy, Rule, Scope, Signal, StoredConsents, Term, Via,
    canonical_address, judge_question, ledger::SigningKey,
};
use phone::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Ids of the services that need consent.
fn needing_consent() -> Vec<&'static str> {
    let services = catalogue().services().iter();
    services
        .filter(|service| service.standing == Standing::NeedsConsent)
        .map(|service| service.id.as_str())
        .collect()
}

/// Every name pattern of the catalogue, and some names that are in no catalogue.
fn host() -> impl Strategy<Value = String> {
    let listed: Vec<String> = catalogue()
        .services()
        .iter()
        .flat_map(|service| service.names.iter().map(|rule| rule.pattern.clone()))
        .collect();
    let listed = proptest::sample::select(listed);
    prop_oneof![
        4 => listed.clone(),
        1 => listed.prop_map(|name| format!("{}.", name.to_ascii_uppercase())),
        2 => proptest::sample::select(vec!["example.org", "cdn.example.org", "xiaomi.com", "miui.com", "example"])
            .prop_map(str::to_owned),
        1 => "[a-z]{1,8}\\.example",
    ]
}

fn address() -> impl Strategy<Value = String> {
    let literals: Vec<String> = catalogue()
        .services()
        .iter()
        .flat_map(|service| service.addresses.iter().map(|rule| rule.address.to_string()))
        .collect();
    prop_oneof![
        1 => proptest::sample::select(literals.clone()),
        1 => proptest::sample::select(literals).prop_map(|v4| format!("::ffff:{v4}")),
        4 => Just("192.0.2.1".to_owned()),
        1 => Just("2001:db8::1".to_owned()),
    ]
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![
        Just(Owner::Unknown),
        Just(Owner::Shared { uid: 1000 }),
        proptest::sample::select(vec![ORDINARY, CATALOGUED, DEDICATED, "com.miui.msa.global"]).prop_map(app),
    ]
}

fn request() -> impl Strategy<Value = (String, String)> {
    proptest::sample::select(vec![
        LOOK_UP,
        USERS_CARD,
        ("GET", "/generate_204"),
        ("POST", "/x?y=z"),
        ("GET", ""),
    ])
    .prop_map(|(method, path)| (method.to_owned(), path.to_owned()))
}

fn stated() -> impl Strategy<Value = Claim> {
    prop_oneof![
        host().prop_map(|host| (Signal::TlsSni, host, None)),
        host().prop_map(|host| (Signal::QuicSni, host, None)),
        (host(), request()).prop_map(|(host, request)| (Signal::HttpHost, host, Some(request))),
        request().prop_map(|request| (Signal::HttpHost, String::new(), Some(request))),
    ]
}

fn any_flow() -> impl Strategy<Value = Flow> {
    (
        address(),
        proptest::option::weighted(0.2, host()),
        proptest::collection::vec(host(), 0..4),
        owner(),
        proptest::option::of(stated()),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(address, sinkhole, names, owner, stated, speaks_push, seen)| Flow {
            transport: match stated {
                Some((Signal::QuicSni, ..)) => Transport::Udp,
                _ => Transport::Tcp,
            },
            address: address.parse().unwrap(),
            sinkhole,
            unmapped: false,
            names: names.iter().map(|name| Arc::from(name.as_str())).collect(),
            owner,
            seen: seen || stated.is_some() || speaks_push,
            stated,
            signature: speaks_push.then(|| index(PUSH)),
        })
}

/// The services that a name stands for.
fn services_of(name: &str) -> Vec<ServiceIndex> {
    catalogue().match_name(name).map(|found| found.services.to_vec()).unwrap_or_default()
}

/// Each thing that shows for certain where the flow leads, as the services it may stand for.
fn proofs(flow: &Flow) -> Vec<Vec<ServiceIndex>> {
    let literal = catalogue().match_address(canonical_address(flow.address)).map(|found| vec![found.service]);
    let stated = flow.stated.as_ref().map(|(_, host, _)| services_of(host));
    let sinkhole = flow.sinkhole.as_ref().map(|name| services_of(name));
    let signature = flow.signature.map(|service| vec![service]);
    let named_only = flow.seen && flow.stated.is_none() && flow.signature.is_none() && literal.is_none();
    let names = flow.names.iter().filter(|_| named_only).map(|name| services_of(name));
    let all: Vec<_> = [literal, stated, sinkhole, signature].into_iter().flatten().chain(names).collect();
    all.into_iter().filter(|services| !services.is_empty()).collect()
}

fn needs_consent(service: ServiceIndex) -> bool {
    catalogue().service(service).standing == Standing::NeedsConsent
}

fn outcome(flow: &Flow, policy: &Policy) -> (bool, Option<ServiceIndex>, Option<Signal>, Rule) {
    let verdict = flow.judge(policy);
    (verdict.allow, verdict.service, verdict.signal, verdict.rule)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn without_grants_nothing_that_leads_to_a_service_needing_consent_passes(flow in any_flow()) {
        let verdict = flow.judge(&granted(&[]));
        if proofs(&flow).iter().any(|services| services.iter().copied().all(needs_consent)) {
            prop_assert!(!verdict.allow, "{:?}", verdict);
        }
        let all_names: Vec<_> = flow.names.iter().map(|name| services_of(name)).collect();
        if flow.sinkhole.is_none() && !all_names.is_empty() && all_names.iter().all(|s| !s.is_empty() && s.iter().copied().all(needs_consent)) {
            prop_assert!(!verdict.allow, "{:?}", verdict);
        }
    }

    #[test]
    fn a_grant_opens_no_other_service(flow in any_flow(), granted_id in proptest::sample::select(needing_consent())) {
        let verdict = flow.judge(&granted(&[granted_id]));
        let granted_index = index(granted_id);
        let leads_elsewhere =
            |services: &Vec<ServiceIndex>| services.iter().all(|s| needs_consent(*s) && *s != granted_index);
        if proofs(&flow).iter().any(leads_elsewhere) {
            prop_assert!(!verdict.allow, "{:?}", verdict);
        }
        if verdict.allow && let Some(service) = verdict.service {
            prop_assert!(service == granted_index || !needs_consent(service), "{:?}", verdict);
        }
    }

    #[test]
    fn a_grant_opens_no_other_question(host in host(), granted_id in proptest::sample::select(needing_consent())) {
        let verdict = judge_question(catalogue(), &granted(&[granted_id]), &host);
        let services = services_of(&host);
        let needs = !services.is_empty() && services.iter().copied().all(needs_consent);
        prop_assert_eq!(verdict.allow, !needs || services.contains(&index(granted_id)));
    }

    #[test]
    fn revoking_restores_the_former_verdicts(
        flows in proptest::collection::vec(any_flow(), 1..8),
        others in proptest::collection::btree_set(proptest::sample::select(needing_consent()), 0..3),
        id in proptest::sample::select(needing_consent()),
        to_app in any::<bool>(),
    ) {
        let mut consents = Consents::new();
        for other in others.iter().filter(|other| **other != id) {
            grant(&mut consents, other, Scope::AllApps);
        }
        let before: Vec<_> = flows.iter().map(|flow| outcome(flow, &policy(&consents))).collect();
        let scope = if to_app { Scope::App(ORDINARY.into()) } else { Scope::AllApps };
        grant(&mut consents, id, scope);
        revoke(&mut consents, id);
        let after: Vec<_> = flows.iter().map(|flow| outcome(flow, &policy(&consents))).collect();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn what_is_denied_at_the_syn_stays_denied(flow in any_flow(), granted_id in proptest::sample::select(needing_consent())) {
        let policy = granted(&[granted_id]);
        let at_syn = Flow { stated: None, signature: None, seen: false, ..flow.clone() };
        if !at_syn.judge(&policy).allow {
            prop_assert!(!flow.judge(&policy).allow);
        }
    }

    #[test]
    fn every_denial_has_its_reasons(flow in any_flow(), any_host in "\\PC{0,300}") {
        let odd = Flow { stated: Some((Signal::TlsSni, any_host, None)), ..flow.clone() };
        for flow in [flow, odd] {
            let verdict = flow.judge(&granted(&[]));
            prop_assert!(!verdict.reason(catalogue()).is_empty());
            if !verdict.allow {
                prop_assert!(verdict.signal.is_some());
                prop_assert_eq!(verdict.service.is_some(), verdict.certainty.is_some());
            }
        }
    }
}

/// One thing that an owner, or the time, may do.
#[derive(Clone, Debug)]
enum Step {
    Grant(&'static str, Option<&'static str>, Term),
    Revoke(&'static str, Option<&'static str>),
    Strict(&'static str, bool),
    Wait(u32),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let service = proptest::sample::select(vec![PUSH, MESSAGING, ACCOUNT, "google.time", UNLISTED]);
    let app = proptest::option::of(proptest::sample::select(vec![ORDINARY, CATALOGUED]));
    let term = prop_oneof![
        Just(Term::Forever),
        Just(Term::UntilRestart),
        (1..100u64).prop_map(|seconds| Term::For(Duration::from_secs(seconds))),
    ];
    prop_oneof![
        4 => (service.clone(), app.clone(), term).prop_map(|(service, app, term)| Step::Grant(service, app, term)),
        3 => (service, app).prop_map(|(service, app)| Step::Revoke(service, app)),
        1 => (proptest::sample::select(vec![ORDINARY, CATALOGUED]), any::<bool>()).prop_map(|(a, on)| Step::Strict(a, on)),
        2 => (0..60_000u32).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

/// The changes that a step makes; none where it is refused.
fn changes(consents: &Consents, step: &Step, clock: &mut Clock) -> Vec<Change> {
    let scope = |app: Option<&str>| app.map_or(Scope::AllApps, |app| Scope::App(app.to_owned()));
    let asked = match step {
        Step::Grant(service, app, term) => {
            consents.grant(catalogue(), service, scope(*app), *term, Via::Command, clock)
        }
        Step::Revoke(service, app) => consents.revoke(catalogue(), service, scope(*app), Via::Command, clock),
        Step::Strict(app, on) => consents.set_strict(app, *on, Via::Screen, clock),
        Step::Wait(ms) => {
            clock.wall_ms += i64::from(*ms);
            clock.boot_ms += u64::from(*ms);
            return consents.expired(clock);
        }
        Step::Restart => {
            *clock = Clock { boot_ms: 0, boot_id: [clock.boot_id[0].wrapping_add(1); 16], ..*clock };
            return consents.expired(clock);
        }
    };
    asked.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_reopened_ledger_gives_the_same_choices(steps in proptest::collection::vec(step(), 0..40)) {
        let (key, document) = SigningKey::generate().unwrap();
        let mut stored = StoredConsents::open(MemoryStore::default(), key).unwrap();
        let mut clock = now();
        let mut model: BTreeSet<(String, Scope)> = BTreeSet::new();
        for step in &steps {
            for change in changes(stored.consents(), step, &mut clock) {
                stored.record(&change).unwrap();
                let entry = (change.service().unwrap_or_default().to_owned(), change.scope());
                match change.name() {
                    "grant" => drop(model.insert(entry)),
                    "revoke" if entry.1 == Scope::AllApps => model.retain(|(service, _)| *service != entry.0),
                    "revoke" | "expire" => drop(model.remove(&entry)),
                    _ => {}
                }
            }
        }
        let granted: BTreeSet<_> =
            stored.consents().grants().map(|grant| (grant.service.clone(), grant.scope.clone())).collect();
        prop_assert_eq!(granted, model);
        let key = SigningKey::from_pkcs8(&document).unwrap();
        let reopened = StoredConsents::open(stored.store().clone(), key).unwrap();
        prop_assert_eq!(reopened.consents(), stored.consents());
        prop_assert_eq!(reopened.ledger().head(), stored.ledger().head());
    }
}
