//! The records of a capture as a table for people.

use super::Totals;
use super::record::Record;
use crate::failure::Failure;
use crate::output::{Output, printable, stdout};
use crate::table;
use comfy_table::Table;
use std::io::Write;

/// Rows that are laid out together: memory does not grow with the capture.
const ROWS_AT_ONCE: usize = 200;
const HEADS: [&str; 4] = ["Flow", "Verdict", "Who", "Why"];
/// Widths of the columns, in parts of a hundred.
const PARTS: [u16; 4] = [8, 10, 35, 46];

/// Lays out records some at a time.
pub(super) struct FlowTable {
    output: Output,
    rows: Table,
    is_first: bool,
}

impl FlowTable {
    pub(super) fn new() -> Self {
        Self { output: stdout(), rows: table::ruled(&HEADS, &PARTS), is_first: true }
    }

    pub(super) fn add(&mut self, record: &Record) -> Result<(), Failure> {
        self.rows.add_row([
            record.flow.to_string(),
            record.verdict.as_str().to_owned(),
            who(record),
            why(record),
        ]);
        if self.rows.row_count() == ROWS_AT_ONCE { self.print() } else { Ok(()) }
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
        if self.rows.is_empty() {
            return Ok(());
        }
        // The heads stand once, above the first rows.
        let rows = std::mem::replace(&mut self.rows, table::ruled(&[], &PARTS));
        for line in rows.lines() {
            writeln!(self.output, "{}", line.trim_end())?;
        }
        self.is_first = false;
        Ok(())
    }
}

fn who(record: &Record) -> String {
    let host = record.host.as_deref().map(|host| format!("{}\n", printable(host))).unwrap_or_default();
    format!(
        "{host}{} over {}\nto {}\nfrom {}\n{}",
        record.protocol,
        record.transport,
        record.destination,
        record.source,
        record.time_text()
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
    why.push_str(&format!("\n{} bytes out, {} in", record.bytes_out, record.bytes_in));
    why
}

/// The capture in a sentence or two.
pub(super) fn summary(totals: &Totals) -> String {
    let mut text = match totals.flows {
        0 => "No flows: the capture holds no TCP, UDP or ping packets.".to_owned(),
        1 => "1 flow".to_owned(),
        flows => format!("{flows} flows"),
    };
    if totals.flows > 0 {
        match totals.denied {
            0 => text.push_str(", nothing denied."),
            denied => {
                let services: Vec<&str> = totals
                    .services
                    .iter()
                    .filter(|(_, service)| service.denied > 0)
                    .map(|(id, _)| id.as_str())
                    .collect();
                text.push_str(&format!(", {denied} denied"));
                if services.is_empty() {
                    text.push('.');
                } else {
                    text.push_str(&format!(": {}.", services.join(", ")));
                }
            }
        }
    }
    if totals.unreadable > 0 {
        text.push_str(&format!(" {} packets could not be read.", totals.unreadable));
    }
    text
}
