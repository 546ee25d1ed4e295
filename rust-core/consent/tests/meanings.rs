//! A consent covers what its service was when it was given, whatever the catalogue says later.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod phone;

use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::*;
use phone::{app, later, now};

const SERVICE: &str = "maker.push";

/// A catalogue with one maker, whose push service has these names, address, signature and purpose.
struct Edition {
    names: &'static [&'static str],
    address: bool,
    signature: bool,
    second_package: bool,
    does: &'static str,
}

const FIRST: Edition = Edition {
    names: &[r#"exact = "a.example.net""#, r#"suffix = "b.example.net""#],
    address: false,
    signature: false,
    second_package: false,
    does: "Brings notifications.",
};

impl Edition {
    fn catalogue(&self) -> Catalogue {
        let fact = r#"certainty = "confirmed", sources = ["GEN"]"#;
        let names: Vec<String> =
            self.names.iter().map(|name| format!("    {{ {name}, {fact} }},\n")).collect();
        let address = if self.address {
            format!(
                "addresses = [{{ address = \"192.0.2.7\", transport = \"tcp\", port = 443, purpose = \"Push\", {fact} }}]\n"
            )
        } else {
            String::new()
        };
        let signature = if self.signature {
            format!("signatures = [{{ transport = \"tcp\", hex = \"C2FE0005\", {fact} }}]\n")
        } else {
            String::new()
        };
        let second = if self.second_package {
            format!("{{ name = \"com.maker.ads\", dedicated = true, {fact} }},")
        } else {
            String::new()
        };
        let text = format!(
            "format = 1\nvendor = \"Maker\"\n[sources]\nGEN = \"Made for a test\"\n\
             [[service]]\nid = \"maker.push\"\nname = \"Push\"\nshort_name = \"Push\"\ncategory = \"push\"\ndoes = \"{}\"\n\
             breaks = \"Notifications.\"\nbreaks_short = \"Stops: it\"\ndefault = \"needs_consent\"\ndns_answer = \"sinkhole\"\n\
             sources = [\"GEN\"]\nnames = [\n{}]\n{address}{signature}\
             packages = [{{ name = \"com.maker.push\", dedicated = true, {fact} }},{second}]\n\
             [[service]]\nid = \"maker.unlisted\"\nname = \"Rest\"\nshort_name = \"Rest\"\ncategory = \"analytics\"\ndoes = \"Anything else.\"\n\
             breaks = \"Nothing.\"\nbreaks_short = \"Nothing visible\"\ndefault = \"needs_consent\"\ndns_answer = \"sinkhole\"\nsources = [\"GEN\"]\n",
            self.does,
            names.concat(),
        );
        Catalogue::parse([("maker.toml", text.as_str())]).unwrap()
    }
}

/// The consents after a grant under the first edition.
fn granted(service: &str, scope: Scope) -> Consents {
    let mut consents = Consents::new();
    let change =
        consents.grant(&FIRST.catalogue(), service, scope, Term::Forever, Via::Screen, &now()).unwrap();
    consents.apply(&change);
    consents
}

fn asks(catalogue: &Catalogue, consents: &Consents, name: &str) -> bool {
    judge_question(catalogue, &Policy::new(catalogue, consents, &now()), name).allow
}

#[test]
fn the_same_catalogue_is_covered_and_nothing_is_noted() {
    let catalogue = FIRST.catalogue();
    let consents = granted(SERVICE, Scope::AllApps);
    assert!(consents.outgrown(&catalogue, &now()).is_empty());
    for name in ["a.example.net", "b.example.net", "x.B.example.net."] {
        assert!(asks(&catalogue, &consents, name), "{name}");
    }
}

#[test]
fn a_new_host_is_not_covered_and_the_old_ones_are() {
    let edition = Edition {
        names: &[r#"exact = "a.example.net""#, r#"suffix = "b.example.net""#, r#"exact = "new.example.net""#],
        ..FIRST
    };
    let catalogue = edition.catalogue();
    let mut consents = granted(SERVICE, Scope::AllApps);
    assert!(asks(&catalogue, &consents, "a.example.net"));
    assert!(asks(&catalogue, &consents, "x.b.example.net"));
    let verdict = judge_question(&catalogue, &Policy::new(&catalogue, &consents, &now()), "new.example.net");
    assert_eq!((verdict.allow, verdict.rule), (false, Rule::NotCovered));
    assert!(verdict.reason(&catalogue).contains("before this was part of it"));

    let noted = consents.outgrown(&catalogue, &later(1));
    assert_eq!(noted.iter().map(Change::name).collect::<Vec<_>>(), ["service_changed"]);
    assert_eq!(noted[0].via, Via::Catalogue);
    consents.apply(&noted[0]);
    assert!(consents.outgrown(&catalogue, &later(2)).is_empty(), "it is noted once");
    assert!(asks(&catalogue, &consents, "a.example.net"), "a note ends nothing");
    let grant = consents.grants().next().unwrap();
    let meaning = grant.outgrown_by(&catalogue).unwrap();
    assert_eq!(
        grant.covers.as_ref().unwrap().missing_names(&meaning).collect::<Vec<_>>(),
        ["new.example.net"]
    );

    // The owner agrees.
    let change =
        consents.grant(&catalogue, SERVICE, Scope::AllApps, Term::Forever, Via::Screen, &later(3)).unwrap();
    consents.apply(&change);
    assert!(asks(&catalogue, &consents, "new.example.net"));
    assert!(consents.outgrown(&catalogue, &later(4)).is_empty());
    // And may have to again.
    let wider = Edition { names: &[r#"suffix = "example.net""#], ..FIRST }.catalogue();
    assert_eq!(consents.outgrown(&wider, &later(5)).len(), 1);
}

#[test]
fn a_wider_pattern_covers_only_what_was_agreed_to() {
    let catalogue = Edition { names: &[r#"suffix = "example.net""#], ..FIRST }.catalogue();
    let consents = granted(SERVICE, Scope::AllApps);
    assert!(asks(&catalogue, &consents, "a.example.net"));
    assert!(asks(&catalogue, &consents, "deep.b.example.net"));
    for name in ["c.example.net", "example.net", "sub.a.example.net", "notb.example.net"] {
        assert!(!asks(&catalogue, &consents, name), "{name}");
    }
}

#[test]
fn a_narrower_catalogue_is_covered() {
    let catalogue = Edition { names: &[r#"exact = "x.b.example.net""#], ..FIRST }.catalogue();
    let consents = granted(SERVICE, Scope::AllApps);
    assert!(asks(&catalogue, &consents, "x.b.example.net"));
    assert!(consents.outgrown(&catalogue, &now()).is_empty());
}

#[test]
fn a_service_that_does_something_else_is_covered_nowhere() {
    let catalogue = Edition { does: "Brings notifications and sells them.", ..FIRST }.catalogue();
    let consents = granted(SERVICE, Scope::AllApps);
    assert!(!asks(&catalogue, &consents, "a.example.net"));
    assert_eq!(consents.outgrown(&catalogue, &now()).len(), 1);
}

fn flow_is_allowed(
    catalogue: &Catalogue,
    consents: &Consents,
    address: &str,
    owner: &Owner,
    signed: bool,
) -> bool {
    let signature = signed.then(|| catalogue.find(SERVICE).unwrap());
    let facts = Facts {
        transport: Transport::Tcp,
        address: address.parse().unwrap(),
        port: 443,
        owner,
        sinkhole: None,
        unmapped_sinkhole: false,
        names: &[],
        stated: None,
        signature,
        first_bytes_seen: true,
    };
    judge(catalogue, &Policy::new(catalogue, consents, &now()), &facts).allow
}

#[test]
fn a_new_address_signature_or_package_is_not_covered() {
    let consents = granted(SERVICE, Scope::AllApps);
    let reader = app("org.example.reader");
    let with_address = Edition { address: true, ..FIRST }.catalogue();
    assert!(!flow_is_allowed(&with_address, &consents, "192.0.2.7", &reader, false));
    assert!(asks(&with_address, &consents, "a.example.net"));
    let with_signature = Edition { signature: true, ..FIRST }.catalogue();
    assert!(!flow_is_allowed(&with_signature, &consents, "192.0.2.9", &reader, true));

    let rest = granted("maker.unlisted", Scope::AllApps);
    let wider = Edition { second_package: true, ..FIRST }.catalogue();
    assert!(flow_is_allowed(&FIRST.catalogue(), &rest, "192.0.2.9", &app("com.maker.push"), false));
    assert!(!flow_is_allowed(&wider, &rest, "192.0.2.9", &app("com.maker.ads"), false));
}

#[test]
fn a_grant_to_one_app_is_held_to_the_same() {
    let wider = Edition { address: true, ..FIRST }.catalogue();
    let consents = granted(SERVICE, Scope::App("org.example.reader".to_owned()));
    assert!(!flow_is_allowed(&wider, &consents, "192.0.2.7", &app("org.example.reader"), false));
    assert_eq!(consents.outgrown(&wider, &now()).len(), 1);
}

#[test]
fn a_grant_of_nobody_knows_what_covers_nothing() {
    let catalogue = FIRST.catalogue();
    let consents = granted(SERVICE, Scope::AllApps);
    let mut bare = Consents::new();
    let grant = consents.grants().next().unwrap().clone();
    bare.apply(&Change {
        clock: grant.given,
        via: grant.via,
        wording: None,
        kind: ChangeKind::Grant { service: grant.service, scope: grant.scope, end: grant.end, covers: None },
    });
    assert!(!asks(&catalogue, &bare, "a.example.net"));
    assert_eq!(bare.outgrown(&catalogue, &now()).len(), 1);
}
