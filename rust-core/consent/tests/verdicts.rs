//! The rules, case by case, mostly as an app would try to get round them.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_catalogue::Certainty;
use consentry_consent::{
    Consents, Nat64Prefix, Owner, Policy, Rule, Scope, Signal, Via, canonical_address_with, judge_question,
};
use phone::*;

#[test]
fn a_denied_literal_wins_over_any_stated_name() {
    let nothing = granted(&[]);
    for name in ["example.org", ESSENTIAL_HOST] {
        flow().to(PUSH_LITERAL).tls(name).denied(&nothing, PUSH, Signal::Address);
        flow().to(PUSH_LITERAL).named(&[name]).tls(name).denied(&nothing, PUSH, Signal::Address);
        flow().to(PUSH_LITERAL).named(&[name]).quic(name).denied(&nothing, PUSH, Signal::Address);
    }
    flow().to(PUSH_LITERAL).syn().denied(&nothing, PUSH, Signal::Address);
}

#[test]
fn a_literal_is_recognised_in_every_disguise() {
    let nothing = granted(&[]);
    for address in ["::ffff:111.13.141.211", "64:ff9b::6f0d:8dd3", "2002:6f0d:8dd3::1"] {
        flow().to(address).syn().denied(&nothing, PUSH, Signal::Address);
    }
    let prefix = Nat64Prefix::new("2001:db8:64::".parse().unwrap(), 96).unwrap();
    let address = canonical_address_with("2001:db8:64::6f0d:8dd3".parse().unwrap(), &[prefix]);
    flow().to(&address.to_string()).syn().denied(&nothing, PUSH, Signal::Address);
    // As the host of a request to somebody else, such as a proxy.
    for host in [
        PUSH_LITERAL,
        "111.13.141.211.",
        "[::ffff:111.13.141.211]",
        "64:ff9b::6f0d:8dd3",
        "0157.015.0215.0323",
        "0x6F.0Xd.0x8d.0xd3",
        "111.13.36307",
        "111.888275",
        "1863159251",
    ] {
        flow().http(host, ("GET", "/")).denied(&nothing, PUSH, Signal::HttpHost);
    }
    for host in
        ["111.13.141.211.9", "111.13.141.467", "111.13.+36307", "0x.example", "111.13.141.21a", "8589934592"]
    {
        flow().http(host, ("GET", "/")).allowed(&nothing);
    }
}

#[test]
fn a_tunnel_shows_no_more_of_a_shared_host_than_tls_does() {
    flow().http(SHARED_HOST, ("CONNECT", "")).denied(&granted(&[]), MESSAGING, Signal::HttpHost);
    flow().http(SHARED_HOST, ("CONNECT", "")).allowed(&granted(&[MESSAGING]));
}

#[test]
fn a_literal_of_a_granted_service_is_allowed() {
    let push = granted(&[PUSH]);
    for owner in [Owner::Unknown, Owner::Shared { uid: 1000 }, app(ORDINARY), app(DEDICATED)] {
        flow().to(PUSH_LITERAL).owner(owner.clone()).syn().allowed(&push);
        flow().to(PUSH_LITERAL).owner(owner).speaks(PUSH).allowed(&push);
    }
    // What such a flow states still counts against it.
    flow().to(PUSH_LITERAL).tls(ADS_HOST).denied(&push, "xiaomi.ads", Signal::TlsSni);
}

#[test]
fn a_signature_wins_over_names() {
    let nothing = granted(&[]);
    flow().speaks(PUSH).denied(&nothing, PUSH, Signal::Signature);
    flow().named(&["example.org"]).speaks(PUSH).denied(&nothing, PUSH, Signal::Signature);
    flow().speaks(PUSH).allowed(&granted(&[PUSH]));
}

#[test]
fn spelling_does_not_matter() {
    let nothing = granted(&[]);
    for host in [
        "api.account.xiaomi.com",
        "API.Account.XIAOMI.com",
        "api.account.xiaomi.com.",
        "Api.account.xiaomi.com.",
    ] {
        flow().tls(host).denied(&nothing, MESSAGING, Signal::TlsSni);
        flow().quic(host).denied(&nothing, MESSAGING, Signal::QuicSni);
        flow().http(host, LOOK_UP).denied(&nothing, MESSAGING, Signal::HttpHost);
        assert_eq!(id(judge_question(catalogue(), &nothing, host).service), Some(MESSAGING));
    }
}

#[test]
fn questions_are_judged_as_the_name_behind_them() {
    let nothing = granted(&[]);
    for name in [SHARED_HOST, "_443._https.api.account.xiaomi.com", "api.account.xiaomi.com.lan"] {
        let verdict = judge_question(catalogue(), &nothing, name);
        assert!(!verdict.allow, "{name}");
        assert_eq!(verdict.signal, Some(Signal::DnsQuestion));
        assert_eq!(verdict.host.as_deref(), Some(name));
    }
    for name in ["example.org", ESSENTIAL_HOST, "xiaomi.com", ""] {
        assert!(judge_question(catalogue(), &nothing, name).allow, "{name}");
    }
    assert!(judge_question(catalogue(), &granted(&[ACCOUNT]), SHARED_HOST).allow);
}

#[test]
fn a_question_is_open_for_all_apps_or_none() {
    let mut consents = Consents::new();
    grant(&mut consents, PUSH, Scope::App(ORDINARY.into()));
    let verdict = judge_question(catalogue(), &policy(&consents), PUSH_HOST);
    assert!(!verdict.allow);
    assert_eq!(verdict.rule, Rule::GrantedToOthers);
    assert!(verdict.reason(catalogue()).contains("given to single apps only"));
}

#[test]
fn a_grant_to_one_app_covers_that_app_only() {
    let mut consents = Consents::new();
    grant(&mut consents, PUSH, Scope::App(ORDINARY.into()));
    let policy = policy(&consents);
    let wanted = flow().sinkhole(PUSH_HOST).tls(PUSH_HOST);
    wanted.allowed(&policy);
    for owner in [Owner::Unknown, Owner::Shared { uid: 1000 }, app(CATALOGUED), app("org.example.reader2")] {
        wanted.clone().owner(owner).denied(&policy, PUSH, Signal::TlsSni);
    }
    // Packages that share a user id cannot be told apart: each needs its own grant.
    let both = Owner::App { uid: 10_123, packages: vec![ORDINARY.into(), "org.example.other".into()] };
    wanted.clone().owner(both.clone()).denied(&policy, PUSH, Signal::TlsSni);
    grant(&mut consents, PUSH, Scope::App("org.example.other".into()));
    wanted.owner(both).allowed(&phone::policy(&consents));
}

#[test]
fn a_shared_host_is_open_over_tls_once_any_of_its_services_is_granted() {
    let shared = |policy: &Policy| flow().named(&[SHARED_HOST]).tls(SHARED_HOST).judge(policy).allow;
    assert!(!shared(&granted(&[])));
    assert!(shared(&granted(&[MESSAGING])));
    assert!(shared(&granted(&[ACCOUNT])));
    assert!(!shared(&granted(&[PUSH, "xiaomi.device_registry"])));
}

#[test]
fn a_shared_host_in_clear_text_is_told_apart_by_path() {
    let to = |request| flow().named(&[SHARED_HOST]).http(SHARED_HOST, request);
    let unknown = ("GET", "/telco?name=Test+Telco");
    let messaging = granted(&[MESSAGING]);
    to(LOOK_UP).allowed(&messaging);
    to(USERS_CARD).denied(&messaging, ACCOUNT, Signal::HttpHost);
    let account = granted(&[ACCOUNT]);
    to(USERS_CARD).allowed(&account);
    to(LOOK_UP).denied(&account, MESSAGING, Signal::HttpHost);
    for policy in [&messaging, &account, &granted(&[MESSAGING, ACCOUNT])] {
        assert_eq!(to(unknown).judge(policy).rule, Rule::SharedRequest);
        assert_eq!(to(("POST", LOOK_UP.1)).judge(policy).rule, Rule::SharedRequest);
    }
    to(unknown).denied(&granted(&[]), MESSAGING, Signal::HttpHost);
    // Another host, or none, does not hide a request to an address that DNS gave for the shared one.
    let elsewhere = |host, request| flow().named(&[SHARED_HOST]).http(host, request);
    assert_eq!(elsewhere("example.org", unknown).judge(&messaging).rule, Rule::SharedRequest);
    elsewhere("", USERS_CARD).denied(&messaging, ACCOUNT, Signal::DnsAnswer);
    elsewhere("", LOOK_UP).allowed(&messaging);
    // Bytes that show nothing could be either's.
    assert_eq!(flow().named(&[SHARED_HOST]).judge(&messaging).rule, Rule::SharedRequest);
    flow().named(&[SHARED_HOST]).syn().allowed(&messaging);
}

#[test]
fn a_sinkhole_stands_for_its_name() {
    let nothing = granted(&[]);
    flow().sinkhole(SHARED_HOST).syn().denied(&nothing, MESSAGING, Signal::DnsAnswer);
    flow().sinkhole(SHARED_HOST).tls("example.org").denied(&nothing, MESSAGING, Signal::DnsAnswer);
    flow().sinkhole(SHARED_HOST).http(SHARED_HOST, USERS_CARD).denied(&nothing, ACCOUNT, Signal::HttpHost);
    assert_eq!(flow().sinkhole(SHARED_HOST).syn().judge(&nothing).certainty, Some(Certainty::Confirmed));
    flow().sinkhole(SHARED_HOST).tls(SHARED_HOST).allowed(&granted(&[MESSAGING]));
    flow().sinkhole(PUSH_HOST).of(DEDICATED).speaks(PUSH).allowed(&granted(&[PUSH]));
    let mut unmapped = flow();
    unmapped.unmapped = true;
    for policy in [&nothing, &granted(&[PUSH])] {
        assert_eq!(unmapped.clone().tls(ESSENTIAL_HOST).judge(policy).rule, Rule::UnmappedSinkhole);
    }
}

#[test]
fn names_from_dns_deny_when_all_are_denied() {
    let nothing = granted(&[]);
    flow().named(&[ADS_HOST]).syn().denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    flow().named(&[ADS_HOST, PUSH_HOST]).syn().denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    assert_eq!(flow().named(&[ADS_HOST]).syn().judge(&nothing).certainty, Some(Certainty::Inferred));
    flow().named(&[ADS_HOST]).tls("example.org").denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
}

#[test]
fn mixed_names_wait_for_the_first_bytes() {
    let nothing = granted(&[]);
    let mixed = |host| flow().named(&["cdn.example.org", ADS_HOST]).tls(host);
    assert_eq!(flow().named(&["cdn.example.org", ADS_HOST]).syn().judge(&nothing).rule, Rule::MixedNames);
    mixed("cdn.example.org").allowed(&nothing);
    // An ordinary app may know the name from elsewhere.
    mixed("shop.example.org").allowed(&nothing);
    mixed(ADS_HOST).denied(&nothing, "xiaomi.ads", Signal::TlsSni);
    flow().named(&["cdn.example.org", ADS_HOST]).denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    flow().named(&["cdn.example.org", ADS_HOST]).http("", ("GET", "/")).denied(
        &nothing,
        "xiaomi.ads",
        Signal::DnsAnswer,
    );
}

#[test]
fn a_catalogued_app_is_believed_only_where_dns_agrees() {
    let nothing = granted(&[]);
    let mixed = |host| flow().of(CATALOGUED).named(&["cdn.example.org", ADS_HOST]).tls(host);
    mixed("CDN.example.org.").allowed(&nothing);
    mixed("shop.example.org").denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    mixed(ESSENTIAL_HOST).denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    let push = granted(&[PUSH]);
    mixed(PUSH_HOST).denied(&push, "xiaomi.ads", Signal::DnsAnswer);
    // The same for a protocol of its own.
    flow().of(CATALOGUED).named(&["cdn.example.org", ADS_HOST]).speaks(PUSH).denied(
        &push,
        "xiaomi.ads",
        Signal::DnsAnswer,
    );
    flow().of(CATALOGUED).named(&[PUSH_HOST, ADS_HOST]).speaks(PUSH).allowed(&push);
}

#[test]
fn nobody_is_believed_to_be_essential_without_dns() {
    let nothing = granted(&[]);
    let mixed = flow().named(&["cdn.example.org", ADS_HOST]);
    mixed.clone().tls(ESSENTIAL_HOST).denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    mixed.tls("anything.pool.ntp.org").denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    flow().named(&[ESSENTIAL_HOST, ADS_HOST]).tls(ESSENTIAL_HOST).allowed(&nothing);
}

#[test]
fn essential_clear_text_is_limited_to_its_requests() {
    let nothing = granted(&[]);
    let to = |request| flow().named(&[ESSENTIAL_HOST]).http(ESSENTIAL_HOST, request);
    let check = to(("GET", "/generate_204"));
    assert_eq!(check.judge(&nothing).rule, Rule::Essential);
    for request in [("POST", "/generate_204"), ("GET", "/generate_204/490154203237518"), ("GET", "/")] {
        assert_eq!(to(request).judge(&nothing).rule, Rule::EssentialRequest, "{request:?}");
        // Nor under another name, at the address that DNS gave for the essential one.
        let other = flow().named(&[ESSENTIAL_HOST]).http("example.org", request);
        assert_eq!(other.judge(&nothing).rule, Rule::EssentialRequest, "{request:?}");
    }
    assert_eq!(flow().named(&[ESSENTIAL_HOST]).judge(&nothing).rule, Rule::EssentialRequest);
    flow().named(&[ESSENTIAL_HOST]).tls(ESSENTIAL_HOST).allowed(&nothing);
    flow().named(&["time.android.com"]).allowed(&nothing);
}

#[test]
fn an_essential_service_can_be_switched_off_and_on() {
    let mut consents = Consents::new();
    revoke(&mut consents, "xiaomi.captive_portal");
    let off = policy(&consents);
    flow().named(&[ESSENTIAL_HOST]).syn().denied(&off, "xiaomi.captive_portal", Signal::DnsAnswer);
    flow().tls(ESSENTIAL_HOST).denied(&off, "xiaomi.captive_portal", Signal::TlsSni);
    assert_eq!(judge_question(catalogue(), &off, ESSENTIAL_HOST).rule, Rule::SwitchedOff);
    assert!(judge_question(catalogue(), &off, "connectivitycheck.gstatic.com").allow);
    grant(&mut consents, "xiaomi.captive_portal", Scope::AllApps);
    assert!(judge_question(catalogue(), &policy(&consents), ESSENTIAL_HOST).allow);
}

#[test]
fn a_dedicated_app_reaches_only_what_is_listed() {
    let nothing = granted(&[]);
    let of = || flow().of(DEDICATED);
    // Something unlisted, an address that no name resolved to, no name shown.
    of().named(&["new.example.org"]).syn().denied(&nothing, UNLISTED, Signal::App);
    of().syn().denied(&nothing, UNLISTED, Signal::App);
    of().tls("example.org").denied(&nothing, UNLISTED, Signal::App);
    of().tls(ESSENTIAL_HOST).denied(&nothing, UNLISTED, Signal::App);
    of().named(&["example.org"]).tls("example.org").denied(&nothing, UNLISTED, Signal::App);
    // What is listed is named as what it is.
    of().named(&[ADS_HOST]).syn().denied(&nothing, "xiaomi.ads", Signal::DnsAnswer);
    let push = granted(&[PUSH]);
    of().syn().denied(&push, UNLISTED, Signal::App);
    of().tls(PUSH_HOST).denied(&push, UNLISTED, Signal::App);
    of().speaks(PUSH).denied(&push, UNLISTED, Signal::App);
    of().named(&[PUSH_HOST]).denied(&push, UNLISTED, Signal::App);
    of().named(&[PUSH_HOST]).tls("example.org").denied(&push, UNLISTED, Signal::App);
    of().named(&[PUSH_HOST, "example.org"]).tls("example.org").denied(&push, UNLISTED, Signal::App);
    of().named(&[PUSH_HOST]).syn().allowed(&push);
    of().named(&[PUSH_HOST]).tls(PUSH_HOST).allowed(&push);
    of().named(&[PUSH_HOST]).speaks(PUSH).allowed(&push);
    of().named(&[ESSENTIAL_HOST]).tls(ESSENTIAL_HOST).allowed(&nothing);
    // A name that only looks like a listed one vouches for nothing.
    let disguise = format!("{PUSH_HOST}.example.org");
    of().named(&[&disguise]).tls(&disguise).denied(&push, UNLISTED, Signal::App);
    // The maker's unlisted entry opens what is unlisted, and nothing that is listed.
    let unlisted = granted(&[UNLISTED]);
    of().tls("example.org").allowed(&unlisted);
    of().syn().allowed(&unlisted);
    of().tls(ADS_HOST).denied(&unlisted, "xiaomi.ads", Signal::TlsSni);
    of().to(PUSH_LITERAL).denied(&unlisted, PUSH, Signal::Address);
    of().named(&["example.org"]).syn().denied(&granted(&["samsung.unlisted"]), UNLISTED, Signal::App);
}

#[test]
fn shared_and_unknown_owners_are_judged_by_the_other_signals() {
    let nothing = granted(&[]);
    for owner in
        [Owner::Unknown, Owner::Shared { uid: 1000 }, Owner::App { uid: 10_001, packages: Vec::new() }]
    {
        flow().owner(owner.clone()).tls("example.org").allowed(&nothing);
        flow().owner(owner.clone()).syn().allowed(&nothing);
        flow().owner(owner).tls(ADS_HOST).denied(&nothing, "xiaomi.ads", Signal::TlsSni);
    }
    let two = Owner::App { uid: 10_123, packages: vec![ORDINARY.into(), DEDICATED.into()] };
    flow().owner(two).tls("example.org").denied(&nothing, UNLISTED, Signal::App);
}

#[test]
fn encrypted_dns_is_for_apps_that_do_more_than_their_makers_services() {
    let nothing = granted(&[]);
    let resolver = flow().named(&["dns.google"]).tls("dns.google");
    assert_eq!(resolver.judge(&nothing).rule, Rule::NotDedicated);
    assert!(judge_question(catalogue(), &nothing, "dns.google").allow);
    let by_app = resolver.clone().of(DEDICATED);
    assert_eq!(by_app.judge(&nothing).rule, Rule::Dedicated);
    by_app.denied(&granted(&[UNLISTED]), "generic.encrypted_dns", Signal::TlsSni);
    by_app.allowed(&granted(&["generic.encrypted_dns"]));
}

#[test]
fn strict_mode_denies_what_is_not_listed_and_allowed() {
    let mut consents = Consents::new();
    let change = consents.set_strict(ORDINARY, true, Via::Screen, &now()).unwrap();
    consents.apply(&change);
    grant(&mut consents, PUSH, Scope::AllApps);
    let strict = policy(&consents);
    for denied in [
        flow().tls("example.org"),
        flow().syn(),
        flow().named(&["example.org"]).tls("example.org"),
        flow().named(&[PUSH_HOST, "example.org"]),
        flow().named(&[PUSH_HOST]).tls("example.org"),
        flow().tls(PUSH_HOST),
        flow().named(&["dns.google"]).tls("dns.google"),
    ] {
        assert_eq!(denied.judge(&strict).rule, Rule::Strict, "{denied:?}");
    }
    flow().named(&[PUSH_HOST]).allowed(&strict);
    flow().named(&[PUSH_HOST]).tls(PUSH_HOST).allowed(&strict);
    flow().to(PUSH_LITERAL).speaks(PUSH).allowed(&strict);
    flow().named(&["time.android.com"]).allowed(&strict);
    flow().of("org.example.other").tls("example.org").allowed(&strict);
    let change = consents.set_strict(ORDINARY, false, Via::Screen, &now()).unwrap();
    consents.apply(&change);
    flow().tls("example.org").allowed(&policy(&consents));
}

#[test]
fn what_is_in_no_catalogue_passes() {
    let nothing = granted(&[]);
    for host in ["example.org", "xiaomi.com", "www.mi.com", "evil-api.account.xiaomi.org", ""] {
        let verdict = flow().tls(host).judge(&nothing);
        assert_eq!((verdict.allow, verdict.rule, verdict.service), (true, Rule::Unmatched, None), "{host}");
    }
}

#[test]
fn rules_can_be_switched_off_for_tests() {
    let off = Policy::everything_allowed();
    flow().to(PUSH_LITERAL).of(DEDICATED).tls(ADS_HOST).speaks(PUSH).allowed(&off);
    assert!(judge_question(catalogue(), &off, SHARED_HOST).allow);
}

#[test]
fn reasons_name_signal_service_rule_and_consent() {
    let nothing = granted(&[]);
    assert_eq!(
        judge_question(catalogue(), &nothing, SHARED_HOST).reason(catalogue()),
        "DNS question for api.account.xiaomi.com; belongs to MIUI Cloud Messaging (confirmed), \
         which needs your consent; none given"
    );
    let reason = |flow: Flow, policy: &Policy| flow.judge(policy).reason(catalogue());
    let given = reason(flow().to(PUSH_LITERAL), &granted(&[PUSH]));
    assert!(given.contains("which you granted to all apps on 2026-01-01T00:00:00.000Z by screen"), "{given}");
    assert_eq!(reason(flow().tls("example.org"), &nothing), "nothing in the catalogue matches");
    let unlisted = reason(flow().of(DEDICATED).tls("example.org"), &nothing);
    assert!(unlisted.contains("example.org") && unlisted.contains("(inferred)"), "{unlisted}");
}
