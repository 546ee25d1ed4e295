//! Rows of the attempt log as text for other programs: CSV that is safe to open in a spreadsheet, and JSON lines.
use crate::attempt::AttemptRow;
use crate::{Signal, rfc3339};
use consentry_catalogue::{Certainty, Transport};
use consentry_inspect::identifiers::{Form, Identifier, Kind};
use serde::{Serialize, Serializer};
use std::net::IpAddr;

/// The head line of the CSV form, without its end.
pub const CSV_HEAD: &str =
    "first,last,count,app,service,host,signal,address,port,proto,certainty,reason,identifiers,bytes_held";

/// A row as one line of CSV (RFC 4180), without its end.
pub fn csv_line(row: &AttemptRow) -> String {
    let attempt = &row.attempt;
    let text = |text: Option<&str>| csv_field(text.unwrap_or_default());
    let found: Vec<String> = attempt
        .identifiers
        .iter()
        .map(|found| format!("{} ({}) in {}", found.kind, found.form, found.place))
        .collect();
    [
        rfc3339::format(row.first_ms),
        rfc3339::format(row.last_ms),
        row.count.to_string(),
        text(attempt.app.as_deref()),
        text(attempt.service.as_deref()),
        text(attempt.host.as_deref()),
        text(attempt.signal.map(Signal::as_str)),
        attempt.address.map(|address| address.to_string()).unwrap_or_default(),
        attempt.port.map(|port| port.to_string()).unwrap_or_default(),
        attempt.transport.to_string(),
        attempt.certainty.map(|certainty| certainty.to_string()).unwrap_or_default(),
        csv_field(&attempt.reason),
        csv_field(&found.join("; ")),
        attempt.bytes_held.to_string(),
    ]
    .join(",")
}

/// A row as one JSON object, without the end of the line.
pub fn json_line(row: &AttemptRow) -> String {
    serde_json::to_string(&AttemptLine::new(row)).expect("a row holds nothing that JSON cannot express")
}

/// A row with the keys of the JSON lines format.
#[derive(Debug, Serialize)]
pub struct AttemptLine<'a> {
    #[serde(with = "rfc3339")]
    first: i64,
    #[serde(with = "rfc3339")]
    last: i64,
    count: u64,
    app: Option<&'a str>,
    service: Option<&'a str>,
    host: Option<&'a str>,
    signal: Option<Signal>,
    address: Option<IpAddr>,
    port: Option<u16>,
    proto: Transport,
    certainty: Option<Certainty>,
    reason: &'a str,
    #[serde(serialize_with = "identifiers")]
    identifiers: &'a [Identifier],
    bytes_held: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

impl<'a> AttemptLine<'a> {
    /// Of this row.
    pub fn new(row: &'a AttemptRow) -> Self {
        let attempt = &row.attempt;
        Self {
            first: row.first_ms,
            last: row.last_ms,
            count: row.count,
            app: attempt.app.as_deref(),
            service: attempt.service.as_deref(),
            host: attempt.host.as_deref(),
            signal: attempt.signal,
            address: attempt.address,
            port: attempt.port,
            proto: attempt.transport,
            certainty: attempt.certainty,
            reason: &attempt.reason,
            identifiers: &attempt.identifiers,
            bytes_held: attempt.bytes_held,
            path: attempt.path.as_deref(),
        }
    }
}

/// An identifier as the output has it.
#[derive(Serialize)]
struct Seen<'a> {
    kind: Kind,
    form: Form,
    #[serde(rename = "where")]
    place: &'a str,
}

/// Writes identifiers as `{"kind", "form", "where"}`, for serde's `serialize_with`.
///
/// # Errors
/// Those of the serialiser.
pub fn identifiers<S: Serializer>(found: &[Identifier], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(found.iter().map(|found| Seen {
        kind: found.kind,
        form: found.form,
        place: &found.place,
    }))
}

/// Text from the network or a file, safe to show on a terminal: control characters (escape sequences among them) and the
/// marks that turn the direction of text become a replacement character.
pub fn printable(text: &str) -> String {
    let unsafe_to_show = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if unsafe_to_show(c) { '\u{fffd}' } else { c }).collect()
}

/// One field of a CSV line (RFC 4180), safe to open in a spreadsheet: text that a spreadsheet would take for a formula
/// gets an apostrophe in front.
fn csv_field(text: &str) -> String {
    let mut field: String = printable(text);
    if field.trim_start().starts_with(['=', '+', '-', '@']) {
        field.insert(0, '\'');
    }
    if field.contains([',', '"', ';']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(printable("große Äpfel 苹果"), "große Äpfel 苹果");
    }

    #[test]
    fn a_spreadsheet_sees_no_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", " =1", "\u{a0}=1"] {
            assert!(csv_field(text).trim_matches('"').starts_with('\''), "{text}");
        }
        // A tab or a carriage return in front does not hide one.
        assert!(!csv_field("\t=1").starts_with(['\t', '=']));
    }

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        assert_eq!(csv_field(r#"a, "b""#), r#""a, ""b""""#);
        assert_eq!(csv_field("plain"), "plain");
    }
}
