//! `consentry log`: what was held back, and why.

use crate::arguments::{self, LogFormat};
use crate::failure::Failure;
use crate::inspect::record::{identifier_kinds, identifiers};
use crate::output::{Output, csv_field, json_line, printable, stdout};
use crate::state;
use crate::table::{Rows, ruled};
use crate::time::{parse_since, readable};
use consentry_catalogue::{Certainty, Transport};
use consentry_consent::attempt::{AttemptRow, CoalesceKey};
use consentry_consent::{Signal, rfc3339};
use consentry_inspect::identifiers::Identifier;
use consentry_runtime::access::{AccessError, State};
use consentry_runtime::clock;
use consentry_runtime::store::LogQuery;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// The head line of the CSV form.
const CSV_HEAD: &str =
    "first,last,count,app,service,host,signal,address,port,proto,certainty,reason,identifiers,bytes_held";
const HEADS: [&str; 4] = ["Last (UTC)", "Times", "What", "Why"];
/// Widths of the columns but the last.
const WIDTHS: [u16; 3] = [12, 7, 30];
/// Rows that are laid out together: memory does not grow with the log.
const ROWS_AT_ONCE: usize = 200;

/// One line of the JSON form.
#[derive(Serialize)]
struct Line<'a> {
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

impl<'a> Line<'a> {
    fn new(row: &'a AttemptRow) -> Self {
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

/// Runs the command.
pub(crate) fn log(arguments: arguments::Log) -> Result<(), Failure> {
    let since_ms = arguments.since.as_deref().map(|since| parse_since(since, &clock::now())).transpose()?;
    let query = LogQuery {
        service: arguments.service,
        app: arguments.app,
        since_ms,
        search: arguments.search,
        ..LogQuery::default()
    };
    let folder = state::folder(arguments.state.folder)?;
    let mut state = state::open_folder(&folder)?;
    let mut printer = Printer::new(arguments.format)?;
    if arguments.follow {
        return follow(&mut state, &folder, &query, &mut printer);
    }
    print_stored(&mut state, &query, &mut printer, &mut |_| {})?;
    printer.finish()
}

/// Prints the rows that are stored, and shows each to `seen`.
fn print_stored(
    state: &mut State,
    query: &LogQuery,
    printer: &mut Printer,
    seen: &mut dyn FnMut(&AttemptRow),
) -> Result<(), Failure> {
    let mut result = Ok(());
    let read = state.attempts(query, &mut |row| {
        seen(&row);
        result = printer.print(&row);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    result?;
    read.map_err(Failure::bad_input)
}

/// Prints the rows that are stored, then each as it is logged.
///
/// Listening begins before the stored rows are read, so that none falls in between; one that comes both ways is printed once.
fn follow(state: &mut State, folder: &Path, query: &LogQuery, printer: &mut Printer) -> Result<(), Failure> {
    let (sender, receiver) = mpsc::channel();
    let listening = {
        let mut state = state::open_folder(folder)?;
        let query = query.clone();
        thread::spawn(move || -> Result<(), AccessError> {
            state.follow(&query, &mut |row| match sender.send(row) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        })
    };
    let mut stored: BTreeSet<(CoalesceKey, i64, u64)> = BTreeSet::new();
    let start_ms = clock::wall_ms();
    print_stored(state, query, printer, &mut |row| {
        // Only what was logged just now can come again.
        if row.last_ms > start_ms - JUST_NOW_MS {
            stored.insert((row.key(), row.first_ms, row.count));
        }
    })?;
    printer.flush()?;
    for row in receiver {
        if !stored.remove(&(row.key(), row.first_ms, row.count)) {
            printer.print(&row)?;
            printer.flush()?;
        }
    }
    match listening.join() {
        Ok(ended) => ended.map_err(Failure::bad_input),
        Err(_) => Err(Failure::BadInput("following the log ended unexpectedly".to_owned())),
    }
}

/// The store writes attempts once a second; a minute is ample.
const JUST_NOW_MS: i64 = 60_000;

/// Prints rows in the form asked for.
struct Printer {
    output: Output,
    form: Form,
}

enum Form {
    Csv,
    Jsonl,
    Table { rows: Box<Rows>, any: bool },
}

impl Printer {
    fn new(format: LogFormat) -> Result<Self, Failure> {
        let mut output = stdout();
        let form = match format {
            LogFormat::Csv => {
                // RFC 4180 ends lines with CR LF.
                write!(output, "{CSV_HEAD}\r\n")?;
                Form::Csv
            }
            LogFormat::Jsonl => Form::Jsonl,
            LogFormat::Table => Form::Table { rows: Box::new(ruled(&HEADS, &WIDTHS)), any: false },
        };
        Ok(Self { output, form })
    }

    fn print(&mut self, row: &AttemptRow) -> Result<(), Failure> {
        match &mut self.form {
            Form::Csv => write!(self.output, "{}\r\n", csv_line(row))?,
            Form::Jsonl => json_line(&mut self.output, &Line::new(row))?,
            Form::Table { rows, any } => {
                *any = true;
                rows.add([
                    &readable(row.last_ms).replacen(' ', "\n", 1),
                    &row.count.to_string(),
                    &what(row),
                    &why(row),
                ]);
                if rows.len() == ROWS_AT_ONCE {
                    self.print_rows()?;
                }
            }
        }
        Ok(())
    }

    /// Prints what has gathered.
    fn flush(&mut self) -> Result<(), Failure> {
        self.print_rows()?;
        Ok(self.output.flush()?)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.print_rows()?;
        if matches!(self.form, Form::Table { any: false, .. }) {
            writeln!(self.output, "Nothing was held back.")?;
        }
        Ok(self.output.flush()?)
    }

    fn print_rows(&mut self) -> Result<(), Failure> {
        if let Form::Table { rows, .. } = &mut self.form
            && rows.len() > 0
        {
            let full = std::mem::replace(&mut **rows, ruled(&[], &WIDTHS));
            write!(self.output, "{}", full.into_text())?;
        }
        Ok(())
    }
}

fn what(row: &AttemptRow) -> String {
    let attempt = &row.attempt;
    let mut lines = Vec::new();
    lines.extend(attempt.service.clone());
    lines.extend(attempt.host.as_deref().map(printable));
    lines.extend(attempt.address.map(|address| match attempt.port {
        Some(port) => format!("{} over {}", std::net::SocketAddr::new(address, port), attempt.transport),
        None => format!("{address} over {}", attempt.transport),
    }));
    lines.extend(attempt.app.as_deref().map(|app| format!("by {}", printable(app))));
    lines.join("\n")
}

fn why(row: &AttemptRow) -> String {
    let attempt = &row.attempt;
    let mut lines = vec![printable(&attempt.reason)];
    lines.extend(attempt.path.as_deref().map(|path| format!("path: {}", printable(path))));
    let kinds = identifier_kinds(&attempt.identifiers);
    if !kinds.is_empty() {
        lines.push(format!("carries: {}", kinds.join(", ")));
    }
    if attempt.bytes_held > 0 {
        lines.push(format!("{} bytes held", attempt.bytes_held));
    }
    lines.join("\n")
}

fn csv_line(row: &AttemptRow) -> String {
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
