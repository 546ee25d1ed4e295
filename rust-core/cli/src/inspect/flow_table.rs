//! The records of a capture as a table for people.

use super::Totals;
use super::record::Record;
use crate::failure::Failure;
use crate::output::{Output, stdout};
use crate::table::{Rows, ruled};
use crate::time::readable;
use consentry_consent::export::printable;
use std::io::Write;

/// Rows that are laid out together: memory does not grow with the capture.
const ROWS_AT_ONCE: usize = 200;
const HEADS: [&str; 4] = ["Flow", "Verdict", "Who", "Why"];
/// Widths of the columns but the last.
const WIDTHS: [u16; 3] = [6, 9, 32];

/// Lays out records some at a time.
pub(super) struct FlowTable {
    output: Output,
    rows: Rows,
    is_first: bool,
}

impl FlowTable {
    pub(super) fn new() -> Self {
        Self { output: stdout(), rows: ruled(&HEADS, &WIDTHS), is_first: true }
    }

    pub(super) fn add(&mut self, record: &Record) -> Result<(), Failure> {
        self.rows.add([&record.flow.to_string(), record.verdict.as_str(), &who(record), &why(record)]);
        if self.rows.len() == ROWS_AT_ONCE { self.print() } else { Ok(()) }
    }

    pub(super) fn finish(mut self, totals: &Totals) -> Result<(), Failure> {
        self.print()?;
        if !self.is_first {
            writeln!(self.output)?;
        }
        writeln!(self.output, "{}", summary(totals))?;
        Ok(self.output.flush()?)
    }

    fn print(&mut self) -> Result<(), Failure> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        // The heads stand once, above the first rows.
        let rows = std::mem::replace(&mut self.rows, ruled(&[], &WIDTHS));
        write!(self.output, "{}", rows.into_text())?;
        self.is_first = false;
        Ok(())
    }
}

fn who(record: &Record) -> String {
    let host = record.host.as_deref().map(|host| format!("{}\n", printable(host))).unwrap_or_default();
    let app = record.app.as_deref().map(|app| format!("app: {}\n", printable(app))).unwrap_or_default();
    format!(
        "{host}{app}{} over {}\nto {}\nfrom {}\n{}",
        record.protocol,
        record.transport,
        record.destination,
        record.source,
        readable(record.time.0 / 1_000_000)
    )
}

fn why(record: &Record) -> String {
    let mut why = printable(&record.reason);
    if let Some(service) = &record.service {
        why.push_str("\nservice: ");
        why.push_str(service);
    }
    let kinds = record.identifier_kinds();
    if !kinds.is_empty() {
        why.push_str("\ncarries: ");
        why.push_str(&kinds.join(", "));
    }
    let bytes = format!("\n{} bytes out, {} in", record.bytes_out, record.bytes_in);
    why + &bytes
}

/// The capture in a sentence or two.
pub(super) fn summary(totals: &Totals) -> String {
    let denied: Vec<&str> = totals.denied_services.iter().map(String::as_str).collect();
    let verdicts = match (totals.denied, denied.as_slice()) {
        (0, _) => "nothing denied".to_owned(),
        (number, []) => format!("{number} denied"),
        (number, services) => format!("{number} denied: {}", services.join(", ")),
    };
    let flows = match totals.flows {
        0 => "No flows: the capture holds no TCP, UDP or ping packets.".to_owned(),
        1 => format!("1 flow, {verdicts}."),
        number => format!("{number} flows, {verdicts}."),
    };
    match totals.unreadable {
        0 => flows,
        1 => format!("{flows} 1 packet could not be read."),
        number => format!("{flows} {number} packets could not be read."),
    }
}
