//! `consentry catalogue`: the services a person can decide about.

use crate::arguments::{self, Check, Format, Show};
use crate::failure::Failure;
use crate::output::{json_line, stdout};
use crate::table::table;
use consentry_catalogue::{Catalogue, NameKind, Service, Standing};
use consentry_consent::export::printable;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;

/// Runs the command.
pub(crate) fn catalogue(command: arguments::Catalogue) -> Result<(), Failure> {
    match command {
        arguments::Catalogue::List(view) => list(view.format),
        arguments::Catalogue::Show(arguments) => show(&arguments),
        arguments::Catalogue::Check(arguments) => check(&arguments),
    }
}

fn list(format: Format) -> Result<(), Failure> {
    let services = Catalogue::builtin().services();
    let mut output = stdout();
    if format == Format::Jsonl {
        for service in services {
            json_line(&mut output, service)?;
        }
        return Ok(output.flush()?);
    }
    let mut rows = table(&["Service", "Name", "Vendor", "Default"]);
    for service in services {
        rows.add([&service.id, &service.short_name, &service.vendor, standing_in_a_word(service.standing)]);
    }
    write!(output, "{}", rows.into_text())?;
    writeln!(
        output,
        "\n{} services; 'consentry catalogue show SERVICE' tells more about one.",
        services.len()
    )?;
    Ok(output.flush()?)
}

fn standing_in_a_word(standing: Standing) -> &'static str {
    match standing {
        Standing::NeedsConsent => "held back",
        Standing::Essential => "essential",
        Standing::DeniedToDedicated => "by app",
    }
}

fn standing_in_words(standing: Standing) -> &'static str {
    match standing {
        Standing::NeedsConsent => "held back until you grant it",
        Standing::Essential => "essential: passes unless you switch it off",
        Standing::DeniedToDedicated => {
            "denied to apps that serve only their maker's own services, allowed to all others"
        }
    }
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let catalogue = Catalogue::builtin();
    let Some(index) = catalogue.find(&arguments.service) else {
        return Err(Failure::BadInput(format!(
            "there is no service '{}' in the catalogue; 'consentry catalogue list' shows them",
            printable(&arguments.service)
        )));
    };
    let service = catalogue.service(index);
    let mut output = stdout();
    match arguments.format {
        Format::Jsonl => json_line(&mut output, service)?,
        Format::Table => write!(output, "{}", page(service))?,
    }
    Ok(output.flush()?)
}

/// All that is known about a service, for people.
fn page(service: &Service) -> String {
    let mut facts = table(&[]);
    facts.add(["Vendor", &service.vendor]);
    facts.add(["Kind", service.category.label()]);
    facts.add(["Default", standing_in_words(service.standing)]);
    facts.add(["What it does", &service.does]);
    facts.add(["Without it", &service.breaks]);
    if let Some(notes) = &service.notes {
        facts.add(["Notes", notes]);
    }
    let mut page = format!("{}\n{}\n\n{}", service.name, service.id, facts.into_text());

    let mut rules = table(&["Recognised by", "", "Certainty", "Source"]);
    let sources = |keys: &[String]| keys.join(", ");
    for rule in &service.names {
        let below = if rule.kind == NameKind::Suffix { " and all below" } else { "" };
        let shared = if rule.shared_with.is_empty() {
            String::new()
        } else {
            format!(", shared with {}", rule.shared_with.join(", "))
        };
        let name = format!("{}{below}{shared}", rule.pattern);
        rules.add(["name", &name, &rule.certainty.to_string(), &sources(&rule.sources)]);
    }
    for rule in &service.addresses {
        let address = format!("{} ({} {})", rule.address, rule.transport, rule.port);
        rules.add(["address", &address, &rule.certainty.to_string(), &sources(&rule.sources)]);
    }
    for rule in &service.signatures {
        let bytes: String = rule.bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        });
        let bytes = format!("{bytes} ({})", rule.transport);
        rules.add(["first bytes", &bytes, &rule.certainty.to_string(), &sources(&rule.sources)]);
    }
    for rule in &service.paths {
        let query = rule.query.as_deref().map(|query| format!("?{query}")).unwrap_or_default();
        let request = format!("{} {}{query}", rule.methods.join("/"), rule.path);
        rules.add(["request", &request, &rule.certainty.to_string(), &sources(&rule.sources)]);
    }
    for rule in &service.packages {
        let package = if rule.dedicated { format!("{} (dedicated)", rule.name) } else { rule.name.clone() };
        rules.add(["app", &package, &rule.certainty.to_string(), &sources(&rule.sources)]);
    }
    for rule in &service.ports {
        let port = format!("{} {}", rule.transport, rule.port);
        rules.add(["port", &port, &rule.certainty.to_string(), &sources(&rule.sources)]);
    }
    if rules.len() > 0 {
        let _ = write!(page, "\n{}", rules.into_text());
    }
    if !service.sources.is_empty() {
        let mut sources = table(&["Source", ""]);
        for source in &service.sources {
            sources.add([&source.key, &source.reference]);
        }
        let _ = write!(page, "\n{}", sources.into_text());
    }
    page
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let bytes = fs::read(&arguments.file).map_err(|error| Failure::file("read", &arguments.file, &error))?;
    let name = arguments.file.display().to_string();
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::NotSo(format!("{name}: not UTF-8 text at byte {}", error.utf8_error().valid_up_to()))
    })?;
    let catalogue = Catalogue::parse([(name.as_str(), text.as_str())]).map_err(|error| {
        let lines: Vec<String> = error.to_string().split_whitespace().map(str::to_owned).collect();
        Failure::NotSo(lines.join(" "))
    })?;
    let mut output = stdout();
    match catalogue.services().len() {
        1 => writeln!(output, "{name} is fine: 1 service.")?,
        number => writeln!(output, "{name} is fine: {number} services.")?,
    }
    Ok(output.flush()?)
}
