//! `consentry log`: what was held back, and why.

use crate::arguments::{self, LogFormat};
use crate::failure::Failure;
use crate::inspect::record::identifier_kinds;
use crate::output::{Output, stdout};
use crate::state;
use crate::table::{Rows, ruled};
use crate::time::{parse_since, readable};
use consentry_consent::attempt::{AttemptRow, CoalesceKey};
use consentry_consent::export::{self, printable};
use consentry_runtime::access::{AccessError, State};
use consentry_runtime::clock;
use consentry_runtime::store::LogQuery;
use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

const HEADS: [&str; 4] = ["Last (UTC)", "Times", "What", "Why"];
/// Widths of the columns but the last.
const WIDTHS: [u16; 3] = [12, 7, 30];
/// Rows that are laid out together: memory does not grow with the log.
const ROWS_AT_ONCE: usize = 200;

/// Runs the command.
pub(crate) fn log(arguments: arguments::Log) -> Result<(), Failure> {
    let since_ms = arguments.since.as_deref().map(|since| parse_since(since, &clock::now())).transpose()?;
    let query = LogQuery {
        services: arguments.service,
        apps: arguments.app,
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
                write!(output, "{}\r\n", export::CSV_HEAD)?;
                Form::Csv
            }
            LogFormat::Jsonl => Form::Jsonl,
            LogFormat::Table => Form::Table { rows: Box::new(ruled(&HEADS, &WIDTHS)), any: false },
        };
        Ok(Self { output, form })
    }

    fn print(&mut self, row: &AttemptRow) -> Result<(), Failure> {
        match &mut self.form {
            Form::Csv => write!(self.output, "{}\r\n", export::csv_line(row))?,
            Form::Jsonl => writeln!(self.output, "{}", export::json_line(row))?,
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
