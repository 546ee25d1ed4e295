//! The page's sections, in the order they stand in.

use super::super::flow_table::summary;
use super::super::record::{Decision, Record};
use super::markup::{TABLE_END, bytes, count, table};
use super::tally::{Contact, Counts, OTHERS, Tally, Words};
use super::{Subject, escaped};
use crate::time::readable;
use consentry_catalogue::Catalogue;
use consentry_inspect::identifiers::Kind;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
/// Contacts shown in the timeline and the chart.
const MOST_ROWS: usize = 40;
/// Hosts outside the catalogue that are listed.
const MOST_HOSTS: usize = 100;

/// Everything above the rows of the last table.
pub(super) fn before_rows(subject: &Subject<'_>, tally: &Tally, most_listed: u64) -> String {
    let mut page = opening(subject, tally);
    if tally.records > 0 {
        page.push_str(&timeline(tally));
        page.push_str(&services(tally));
        page.push_str(&hosts(tally));
        page.push_str(&identifiers(subject, tally));
        page.push_str(&bytes_by_contact(tally));
        page.push_str(&records_opening(tally, most_listed));
    }
    page
}

fn opening(subject: &Subject<'_>, tally: &Tally) -> String {
    let name = escaped(subject.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Consentry report: {name}</title>\n<style>{STYLE}</style>\n\
         <a class=skip href=#content>Skip to the report</a>\n<header><h1>What {name} told whom</h1>\n<p>{}\n",
        escaped(&summary(subject.totals)),
    );
    if let Some((first, last)) = tally.axis.ends() {
        let _ = writeln!(
            page,
            "<p><small>From <time>{}</time> to <time>{}</time> (UTC)</small>",
            readable(first.0 / 1_000_000),
            readable(last.0 / 1_000_000)
        );
    }
    if let Some(fault) = &subject.fault {
        let what = if subject.totals.frames == 0 {
            "The capture could not be read"
        } else {
            "The capture could not be read to its end"
        };
        let _ = writeln!(
            page,
            "<p class=note role=note><strong>{what}:</strong> {}. What follows is about the part before that.",
            escaped(fault)
        );
    }
    if tally.records == 0 {
        page.push_str(
            "<p class=note role=note><strong>Nothing to report.</strong> The capture holds no TCP connection, UDP exchange or ping that could be \
             read, so nothing can be said about who was contacted.\n</header>\n<main id=content>\n",
        );
        return page;
    }
    page.push_str(
        "<nav aria-label=Sections><ul><li><a href=#when>When</a><li><a href=#services>Services</a><li><a href=#hosts>Other hosts</a>\
         <li><a href=#identifiers>Identifiers</a><li><a href=#bytes>Bytes</a><li><a href=#records>Every record</a><li><a href=#method>Method and limits</a></ul></nav>\n\
         </header>\n<main id=content>\n",
    );
    let services = tally.contacts.keys().filter(|contact| matches!(contact, Contact::Service(_))).count();
    let mut kinds: Vec<_> = tally.identifiers.keys().map(|shown| shown.kind).collect();
    kinds.dedup();
    let fact = |number: String, what: &str| format!("<li><b>{number}</b>{what}");
    let facts = [
        fact(subject.totals.flows.to_string(), "flows"),
        fact(tally.denied.to_string(), "records held back"),
        fact((tally.records - tally.denied).to_string(), "records allowed"),
        fact(services.to_string(), "services of the catalogue"),
        fact(kinds.len().to_string(), "kinds of identifier in clear text"),
        fact(bytes(subject.totals.bytes_out), "sent"),
        fact(bytes(subject.totals.bytes_in), "received"),
    ];
    let _ = writeln!(page, "<ul class=facts>{}</ul>", facts.concat());
    page
}

/// A contact's name for people.
fn title(contact: &Contact) -> String {
    match contact {
        Contact::Service(id) => Catalogue::builtin()
            .find(id)
            .map_or_else(|| escaped(id), |index| escaped(&Catalogue::builtin().service(index).name)),
        Contact::Host(host) if host == OTHERS => "all other hosts".to_owned(),
        Contact::Host(host) => escaped(host),
    }
}

/// Contacts in the order of what was counted, the services first.
fn ranked(tally: &Tally, rank: impl Fn(&Counts) -> u64) -> Vec<(&Contact, &Counts)> {
    let mut contacts: Vec<_> = tally.contacts.iter().collect();
    contacts.sort_by_key(|(contact, counts)| {
        (matches!(contact, Contact::Host(_)), std::cmp::Reverse(rank(counts)))
    });
    contacts
}

fn timeline(tally: &Tally) -> String {
    let mut section = String::from(
        "<h2 id=when>Who was contacted when</h2>\n<p class=key><span><svg viewBox=\"0 0 10 10\" aria-hidden=true><rect width=10 height=10 class=held></rect></svg>something held back</span> \
         <span><svg viewBox=\"0 0 10 10\" aria-hidden=true><rect y=5 width=10 height=5 class=passed></rect></svg>all allowed</span>\n<div class=chart>",
    );
    let contacts = ranked(tally, Counts::records);
    for (contact, counts) in contacts.iter().take(MOST_ROWS) {
        let _ = writeln!(
            section,
            "<div class=row><span>{}</span>{}<span class=n>{}</span></div>",
            title(contact),
            counts.row.picture(&tally.axis),
            count(counts.records(), "record", "records"),
        );
    }
    if let Some((first, last)) = tally.axis.ends() {
        let _ = writeln!(
            section,
            "<div class=row><span></span><div class=axis><span>{}</span><span>{} (UTC)</span></div><span></span></div>",
            readable(first.0 / 1_000_000),
            readable(last.0 / 1_000_000)
        );
    }
    section.push_str("</div>\n");
    section.push_str(&left_out(contacts.len(), MOST_ROWS, "contacts"));
    section
}

fn left_out(all: usize, shown: usize, what: &str) -> String {
    if all > shown {
        format!("<p><small>{} more {what} are not shown here.</small>\n", all - shown)
    } else {
        String::new()
    }
}

fn services(tally: &Tally) -> String {
    let mut section = String::from("<h2 id=services>Services of the catalogue</h2>\n");
    let contacts: Vec<_> = ranked(tally, |counts| counts.denied)
        .into_iter()
        .filter_map(|(contact, counts)| match contact {
            Contact::Service(id) => Some((id, counts)),
            Contact::Host(_) => None,
        })
        .collect();
    if contacts.is_empty() {
        return section + "<p>Nothing in the capture belongs to a service of the catalogue.\n";
    }
    section.push_str(&table(
        "services-caption",
        "Each service with its verdicts and their reasons",
        &["Service", "Verdicts", "Why", "Names", "Sent", "Received"],
    ));
    for (id, counts) in contacts {
        let entry = Catalogue::builtin().find(id).map(|index| Catalogue::builtin().service(index));
        let does = entry.map_or("", |entry| entry.does.as_str());
        let _ = writeln!(
            section,
            "<tr><th scope=row>{}<br><small>{}</small><br><small>{}</small><td data-l=Verdicts>{}<td class=wide data-l=Why>{}<td class=wide data-l=Names>{}<td class=n data-l=Sent>{}<td class=n data-l=Received>{}",
            title(&Contact::Service(id.clone())),
            escaped(id),
            escaped(does),
            verdicts(counts),
            list(&counts.reasons),
            list(&counts.hosts),
            bytes(counts.bytes_out),
            bytes(counts.bytes_in),
        );
    }
    section + TABLE_END
}

fn verdicts(counts: &Counts) -> String {
    let word = |number: u64, class: &str, word: &str| {
        if number == 0 { String::new() } else { format!("<li class={class}>{number} {word}") }
    };
    format!(
        "<ul>{}{}</ul>",
        word(counts.denied, "deny", "held back"),
        word(counts.allowed, "allow", "allowed")
    )
}

/// Words with how often each was said, the most frequent first.
fn list(words: &Words) -> String {
    let mut known: Vec<_> = words.known.iter().collect();
    known.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
    let mut list = String::new();
    for (word, times) in known {
        let times = if *times > 1 { format!(" <small>({times} times)</small>") } else { String::new() };
        let _ = write!(list, "<li>{}{times}", escaped(word));
    }
    if words.left_out > 0 {
        let _ = write!(list, "<li><small>and {} more</small>", words.left_out);
    }
    if list.is_empty() { list } else { format!("<ul>{list}</ul>") }
}

fn hosts(tally: &Tally) -> String {
    let mut section = String::from("<h2 id=hosts>Hosts outside the catalogue</h2>\n");
    let contacts: Vec<_> = ranked(tally, |counts| counts.bytes_out + counts.bytes_in)
        .into_iter()
        .filter(|(contact, _)| matches!(contact, Contact::Host(_)))
        .collect();
    if contacts.is_empty() {
        return section + "<p>There are none.\n";
    }
    section.push_str(&table(
        "hosts-caption",
        "Names, or addresses where no name was stated, by bytes",
        &["Host", "Verdicts", "Protocols", "Why", "Sent", "Received"],
    ));
    for (contact, counts) in contacts.iter().take(MOST_HOSTS) {
        let _ = writeln!(
            section,
            "<tr><th scope=row>{}<td data-l=Verdicts>{}<td data-l=Protocols>{}<td class=wide data-l=Why>{}<td class=n data-l=Sent>{}<td class=n data-l=Received>{}",
            title(contact),
            verdicts(counts),
            list(&counts.protocols),
            list(&counts.reasons),
            bytes(counts.bytes_out),
            bytes(counts.bytes_in),
        );
    }
    section.push_str(TABLE_END);
    section.push_str(&left_out(contacts.len(), MOST_HOSTS, "hosts"));
    section
}

fn identifiers(subject: &Subject<'_>, tally: &Tally) -> String {
    let mut section = String::from("<h2 id=identifiers>Identifiers in clear text</h2>\n");
    section.push_str(if subject.own_values {
        "<p>Named by kind, form and place, never by value. The owner’s own values were looked for as well.\n"
    } else {
        "<p>Named by kind, form and place, never by value.\n"
    });
    if tally.identifiers.is_empty() {
        return section + "<p>None was found in what could be read.\n";
    }
    section.push_str(&table(
        "identifiers-caption",
        "What stood in clear text, for whom, and where",
        &["Kind", "Form", "To", "Where", "Verdict", "Times"],
    ));
    for (shown, times) in &tally.identifiers {
        let kind = in_words(shown.kind);
        let (class, verdict) = if shown.denied { ("deny", "held back") } else { ("allow", "allowed") };
        let _ = writeln!(
            section,
            "<tr><th scope=row>{kind}<td data-l=Form>{}<td data-l=To>{}<td data-l=Where>{}<td class={class} data-l=Verdict>{verdict}<td class=n data-l=Times>{times}",
            shown.form,
            title(&shown.contact),
            escaped(&shown.place),
        );
    }
    section.push_str(TABLE_END);
    if tally.identifiers_left_out > 0 {
        let _ =
            writeln!(section, "<p><small>{} more are not shown here.</small>", tally.identifiers_left_out);
    }
    section
}

/// A kind's name for people.
fn in_words(kind: Kind) -> String {
    kind.as_str().replace('_', " ")
}

fn bytes_by_contact(tally: &Tally) -> String {
    let mut section = String::from(
        "<h2 id=bytes>Bytes</h2>\n<p class=key><span><svg viewBox=\"0 0 10 10\" aria-hidden=true><rect width=10 height=5 class=held></rect></svg>sent</span> \
         <span><svg viewBox=\"0 0 10 10\" aria-hidden=true><rect y=5 width=10 height=5 class=passed></rect></svg>received</span>\n<div class=chart>",
    );
    let mut contacts: Vec<_> = tally.contacts.iter().collect();
    contacts.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.bytes_out.max(counts.bytes_in)));
    let most = contacts.first().map_or(1, |(_, counts)| counts.bytes_out.max(counts.bytes_in)).max(1) as f64;
    for (contact, counts) in contacts.iter().take(MOST_ROWS) {
        // What is there at all is seen: a thousandth of the width at the least.
        let width = |bytes: u64| if bytes == 0 { 0.0 } else { (bytes as f64 / most * 1000.0).max(1.0) };
        let _ = writeln!(
            section,
            "<div class=row><span>{}</span><svg viewBox=\"0 0 1000 10\" preserveAspectRatio=none aria-hidden=true focusable=false>\
             <rect width={:.1} height=5 class=held></rect><rect y=5 width={:.1} height=5 class=passed></rect></svg><span class=n>{} / {}</span></div>",
            title(contact),
            width(counts.bytes_out),
            width(counts.bytes_in),
            bytes(counts.bytes_out),
            bytes(counts.bytes_in),
        );
    }
    section.push_str("</div>\n");
    section.push_str(&left_out(contacts.len(), MOST_ROWS, "contacts"));
    section
}

fn records_opening(tally: &Tally, most_listed: u64) -> String {
    let mut section = String::from("<h2 id=records>Every record</h2>\n");
    if tally.records > most_listed {
        let _ = writeln!(
            section,
            "<p>The first {most_listed} of {} are listed. <code>consentry inspect --format jsonl</code> prints all of them.",
            tally.records
        );
    }
    section.push_str(&table(
        "records-caption",
        "One line for each flow, and one more for each further question or request inside it",
        &["Flow and time (UTC)", "Verdict", "Who", "Why", "Identifiers", "Sent", "Received"],
    ));
    section
}

/// One line of the last table.
pub(super) fn row(record: &Record) -> String {
    let verdict = record.verdict.as_str();
    let word = if record.verdict == Decision::Deny { "held back (deny)" } else { "allowed (allow)" };
    let host = record.host.as_deref().map(|host| format!("<b>{}</b><br>", escaped(host))).unwrap_or_default();
    let app = record.app.as_deref().map(|app| format!("app: {}<br>", escaped(app))).unwrap_or_default();
    let service =
        record.service.as_deref().map(|id| format!("<br><small>{}</small>", escaped(id))).unwrap_or_default();
    let mut found = String::new();
    for identifier in &record.identifiers {
        let place = escaped(&identifier.place);
        let _ = write!(found, "<li>{} ({}), {place}", in_words(identifier.kind), identifier.form);
    }
    let found = if found.is_empty() { found } else { format!("<ul>{found}</ul>") };
    format!(
        "<tr><th scope=row>{}<br><small><time>{}</time></small><td class={verdict} data-l=Verdict>{word}<td data-l=Who>{host}{app}{} over {}<br><small>{} → {}</small>\
         <td class=wide data-l=Why>{}{service}<td class=wide data-l=Identifiers>{found}<td class=n data-l=Sent>{}<td class=n data-l=Received>{}\n",
        record.flow,
        record.time_text(),
        record.protocol,
        record.transport,
        record.source,
        record.destination,
        escaped(&record.reason),
        bytes(record.bytes_out),
        bytes(record.bytes_in),
    )
}

/// Method, limits and what the report rests on.
pub(super) fn behind_rows(subject: &Subject<'_>) -> String {
    let totals = subject.totals;
    let mut section = String::from(
        "<h2 id=method>Method and limits</h2>\n\
         <p>Every flow was judged by the catalogue, inspectors and rules that the firewall itself uses, with all that it said. \
         “Held back” means that the firewall would have kept it from leaving; it does not mean that it was kept then.\n\
         <p>TCP is read in order, with lost and repeated segments accounted for; names come from DNS questions and answers, TLS, QUIC and DTLS hellos, \
         HTTP requests, proxies and STARTTLS. Identifiers are searched in clear text only, after chunking, compression (up to 1 MiB for each message), \
         percent-encoding, JSON escapes and base64 have been undone; a value counts only beside a key that names it and in the form that its kind has, or if \
         it is one of the owner’s own.\n\
         <p>What this cannot show: what is said inside TLS; the true name where the hello is encrypted (ECH); what passed outside the capture, or before it began; \
         which app sent a packet, unless the capture names it. A name that a host states proves nothing about who runs it. \
         No identifier found does not mean that none was sent.\n<dl>",
    );
    let mut entry = |name: &str, value: &str| {
        let _ = write!(section, "<dt>{name}<dd>{value}");
    };
    entry("Capture", &escaped(subject.name));
    entry("Length", &format!("{} ({} bytes)", bytes(subject.length), subject.length));
    entry("SHA-256 of the capture", &format!("<code>{}</code>", subject.capture_hash));
    entry(
        "Catalogue",
        &format!(
            "{}, SHA-256 <code>{}</code>",
            count(Catalogue::builtin().services().len() as u64, "service", "services"),
            subject.catalogue_hash
        ),
    );
    entry("Consent", &escaped(subject.consent));
    entry(
        "Frames",
        &format!(
            "{} read; {} carry no IP packet; {} could not be read",
            totals.frames, totals.not_ip, totals.unreadable
        ),
    );
    entry("Program", concat!("consentry ", env!("CARGO_PKG_VERSION")));
    section.push_str("</dl>\n");
    if !subject.remarks.is_empty() {
        section.push_str("<h2>Comments in the capture</h2>\n<ul>");
        for remark in subject.remarks {
            let _ = write!(section, "<li>{} <small>(byte {})</small>", escaped(&remark.text), remark.offset);
        }
        section.push_str("</ul>\n");
    }
    section + "</main>\n</html>\n"
}
