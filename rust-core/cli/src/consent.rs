//! `consentry consent`: shows and changes what may pass.

use crate::arguments::{self, ConsentView, Format};
use crate::failure::Failure;
use crate::output::{json_line, stdout};
use crate::state;
use crate::table::{columns, table};
use crate::time::{end_in_words, readable};
use consentry_catalogue::{Catalogue, Service, ServiceIndex};
use consentry_consent::{Change, ChangeKind, End, How, Scope, Term, Via, rfc3339};
use serde::Serialize;
use std::io::Write;

/// Runs the command.
pub(crate) fn consent(command: arguments::Consent) -> Result<(), Failure> {
    match command {
        arguments::Consent::List(view) => list(view),
        arguments::Consent::Grant(grant) => self::grant(grant),
        arguments::Consent::Revoke(revoke) => self::revoke(revoke),
        arguments::Consent::History(view) => history(view),
    }
}

/// One line of `consent list --format jsonl`.
#[derive(Serialize)]
struct GrantLine<'a> {
    service: &'a str,
    name: &'a str,
    scope: String,
    end: String,
    given: String,
    via: Via,
}

/// One line of `consent history --format jsonl`.
#[derive(Serialize)]
struct ChangeLine<'a> {
    time: String,
    change: &'a str,
    service: Option<&'a str>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    via: Via,
    #[serde(skip_serializing_if = "Option::is_none")]
    wording: Option<&'a str>,
    /// Why an earlier ledger was set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
}

/// What the owner was shown: the words of this version of the command.
fn how() -> How {
    How { via: Via::Command, wording: Some(concat!(env!("CARGO_PKG_VERSION"), " en").to_owned()) }
}

fn list(view: ConsentView) -> Result<(), Failure> {
    let mut state = state::open(view.state.folder)?;
    let grants = state.grants().map_err(Failure::bad_input)?;
    let mut output = stdout();
    if view.format == Format::Jsonl {
        for grant in &grants {
            let line = GrantLine {
                service: &grant.service,
                name: name_of(&grant.service),
                scope: grant.scope.to_string(),
                end: end_for_programs(&grant.end),
                given: rfc3339::format(grant.given.wall_ms),
                via: grant.via,
            };
            json_line(&mut output, &line)?;
        }
        return Ok(output.flush()?);
    }
    if grants.is_empty() {
        writeln!(output, "Nothing is granted. 'consentry catalogue list' shows what can be.")?;
    } else {
        let mut rows = table(&["Service", "Name", "For", "Ends (UTC)"]);
        for grant in &grants {
            let (scope, end) = (grant.scope.to_string(), end_in_words(&grant.end));
            rows.add([&grant.service, name_of(&grant.service), &scope, &end]);
        }
        write!(output, "{}", rows.into_text())?;
    }
    let consents = state.consents().map_err(Failure::bad_input)?;
    for service in Catalogue::builtin().services() {
        if is_essential(service) && consents.is_switched_off(&service.id) {
            writeln!(output, "{} ({}) is essential, and switched off.", service.name, service.id)?;
        }
    }
    for app in consents.strict_apps() {
        writeln!(output, "{app} is in strict mode: it reaches only what is listed and allowed.")?;
    }
    Ok(output.flush()?)
}

fn grant(arguments: arguments::Grant) -> Result<(), Failure> {
    let mut state = state::open(arguments.state.folder)?;
    let scope = arguments.app.map_or(Scope::AllApps, Scope::App);
    let term = arguments.term.unwrap_or(Term::Forever);
    let change = state.grant(&arguments.service, scope, term, how()).map_err(Failure::bad_input)?;
    let mut output = stdout();
    let name = name_of(&arguments.service);
    writeln!(output, "Granted: {}, {name}, {}.", arguments.service, granted_words(&change))?;

    let catalogue = Catalogue::builtin();
    if let Some(index) = catalogue.find(&arguments.service) {
        let grants = state.grants().map_err(Failure::bad_input)?;
        for other in catalogue.shared_with(index) {
            let other = catalogue.service(other);
            if !grants.iter().any(|grant| grant.service == other.id) {
                let hosts = shared_hosts(catalogue.service(index), other);
                writeln!(
                    output,
                    "Note: {} ({}) uses the same host{hosts}. It is not granted, but where the bytes cannot tell the two \
                     apart (TLS), its traffic passes as well.",
                    other.name, other.id
                )?;
            }
        }
    }
    Ok(output.flush()?)
}

/// For whom and until when.
fn granted_words(change: &Change) -> String {
    let scope = match change.scope() {
        Scope::AllApps => "for all apps".to_owned(),
        Scope::App(app) => format!("for {app} only"),
    };
    match change.end() {
        End::Never => format!("{scope}, until you revoke it"),
        End::Restart => format!("{scope}, until the next restart"),
        End::At { wall_ms, .. } => format!("{scope}, until {} UTC", readable(wall_ms)),
    }
}

/// The hosts that two services share, in brackets.
fn shared_hosts(service: &Service, other: &Service) -> String {
    let hosts: Vec<&str> = service
        .names
        .iter()
        .filter(|rule| rule.shared_with.contains(&other.id))
        .map(|rule| rule.pattern.as_str())
        .collect();
    if hosts.is_empty() { String::new() } else { format!(" ({})", hosts.join(", ")) }
}

fn revoke(arguments: arguments::Revoke) -> Result<(), Failure> {
    let mut state = state::open(arguments.state.folder)?;
    let scope = arguments.app.map_or(Scope::AllApps, Scope::App);
    let change = state.revoke(&arguments.service, scope, how()).map_err(Failure::bad_input)?;
    let mut output = stdout();
    let scope = match change.scope() {
        Scope::AllApps => "for all apps".to_owned(),
        Scope::App(app) => format!("for {app}"),
    };
    writeln!(output, "Revoked: {}, {}, {scope}.", arguments.service, name_of(&arguments.service))?;

    // A host that others share stays open while one of them is granted.
    let catalogue = Catalogue::builtin();
    if let Some(index) = catalogue.find(&arguments.service) {
        let grants = state.grants().map_err(Failure::bad_input)?;
        let still_granted =
            |other: &ServiceIndex| grants.iter().any(|grant| grant.service == catalogue.service(*other).id);
        for other in catalogue.shared_with(index).into_iter().filter(still_granted) {
            let other = catalogue.service(other);
            let hosts = shared_hosts(catalogue.service(index), other);
            writeln!(
                output,
                "Note: {} ({}) uses the same host{hosts} and is granted, so that host stays open where the bytes cannot \
                 tell the two apart (TLS).",
                other.name, other.id
            )?;
        }
    }
    Ok(output.flush()?)
}

fn history(view: ConsentView) -> Result<(), Failure> {
    let mut state = state::open(view.state.folder)?;
    let changes = state.history().map_err(Failure::bad_input)?;
    let mut output = stdout();
    if view.format == Format::Jsonl {
        for change in &changes {
            let is_grant = matches!(change.kind, ChangeKind::Grant { .. });
            let line = ChangeLine {
                time: rfc3339::format(change.time_ms()),
                change: change.name(),
                service: change.service(),
                scope: change.scope().to_string(),
                end: is_grant.then(|| end_for_programs(&change.end())),
                via: change.via,
                wording: change.wording.as_deref(),
                why: match &change.kind {
                    ChangeKind::Reset { why } => Some(why),
                    _ => None,
                },
            };
            json_line(&mut output, &line)?;
        }
    } else if changes.is_empty() {
        writeln!(output, "No change of consent yet.")?;
    } else {
        let mut rows = columns(&["Time", "Change", "Service", "For", "How", "Ends"]);
        for change in &changes {
            let end = match change.kind {
                ChangeKind::Grant { end, .. } => end_in_words(&end),
                _ => String::new(),
            };
            rows.add([
                &rfc3339::format(change.time_ms()),
                change.name(),
                change.service().unwrap_or("-"),
                &change.scope().to_string(),
                &change.via.to_string(),
                &end,
            ]);
        }
        write!(output, "{}", rows.into_text())?;
    }
    Ok(output.flush()?)
}

/// `never`, `restart`, or a time.
fn end_for_programs(end: &End) -> String {
    match end {
        End::Never => "never".to_owned(),
        End::Restart => "restart".to_owned(),
        End::At { wall_ms, .. } => rfc3339::format(*wall_ms),
    }
}

/// The service's name, or its id if it has left the catalogue.
fn name_of(id: &str) -> &str {
    let catalogue = Catalogue::builtin();
    catalogue.find(id).map_or(id, |index| catalogue.service(index).name.as_str())
}

fn is_essential(service: &Service) -> bool {
    service.standing == consentry_catalogue::Standing::Essential
}
