//! `consentry inspect`: judges every flow of a capture file.

mod examination;
mod flow;
mod flow_table;
mod hashed;
mod heard;
mod order;
mod own_values;
mod questions;
pub(crate) mod record;
mod report;
mod tcp;
mod udp;

use crate::arguments::{self, Format};
use crate::failure::Failure;
use crate::output::{json_line, stdout};
use crate::state;
use consentry_catalogue::Catalogue;
use consentry_consent::{Consents, Policy};
use consentry_inspect::capture::{CaptureError, Flows, Reader};
use consentry_runtime::clock;
use examination::Examination;
use flow_table::FlowTable;
use hashed::Hashed;
use heard::Rules;
use indicatif::{ProgressBar, ProgressStyle};
use record::{Decision, Record};
use report::{Report, Subject};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::path::Path;

/// A capture smaller than this is read before a progress bar could be looked at, in bytes.
const WORTH_A_BAR: u64 = 32 << 20;
/// Bytes of the capture read at a time.
const INPUT_BUFFER: usize = 256 * 1024;
/// How often the progress bar is moved, in frames.
const FRAMES_PER_TICK: u64 = 16_384;

/// How many flows and records a capture made, and how many frames could not be read.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    flows: u64,
    denied: u64,
    frames: u64,
    /// Frames that carry no IP packet (ARP and the like), or of an unsupported link type.
    not_ip: u64,
    /// IP packets that could not be read.
    unreadable: u64,
    bytes_out: u64,
    bytes_in: u64,
    last_flow: u64,
    /// Services of which something was denied.
    denied_services: BTreeSet<String>,
}

impl Totals {
    fn count(&mut self, record: &Record) {
        // Records of one flow follow each other, but for flows that stay open for very long.
        if record.flow != self.last_flow {
            self.last_flow = record.flow;
            self.flows = self.flows.max(record.flow);
        }
        let denied = u64::from(record.verdict == Decision::Deny);
        self.denied += denied;
        self.bytes_out += record.bytes_out;
        self.bytes_in += record.bytes_in;
        if let Some(service) = &record.service
            && denied > 0
            && !self.denied_services.contains(service)
        {
            self.denied_services.insert(service.clone());
        }
    }
}

/// Runs the command.
pub(crate) fn inspect(arguments: &arguments::Inspect) -> Result<(), Failure> {
    let path = arguments.capture.as_path();
    let (input, length) = open(path)?;
    let catalogue = Catalogue::builtin();
    let rules = Rules {
        catalogue,
        policy: policy(arguments, catalogue)?,
        own: own_values::read(arguments.own.as_deref())?,
    };
    let own_values = rules.own.is_some();
    let mut report = arguments.report.as_deref().map(Report::begin).transpose()?;
    let input = Hashed::new(input, report.is_some());
    let mut input = BufReader::with_capacity(INPUT_BUFFER, input);

    let totals = RefCell::new(Totals::default());
    let mut printer = Printer::new(arguments.format);
    let mut remarks = Vec::new();
    // What was readable before a fault is judged and shown; the fault is told last.
    let fault = match Reader::new(&mut input) {
        Err(error) => Some(error),
        Ok(mut reader) => {
            let sink = |record: Record| {
                totals.borrow_mut().count(&record);
                if let Some(report) = &mut report {
                    report.add(&record)?;
                }
                printer.print(&record)
            };
            let mut flows = Flows::new(Examination::new(rules, Box::new(sink)));
            let length = length.filter(|_| !reader.is_compressed());
            let fault = read(&mut reader, &mut flows, &totals, length);
            flows.finish().finish()?;
            remarks = reader.remarks().to_vec();
            fault
        }
    };
    let totals = totals.into_inner();
    let unread = fault.is_some() && totals.frames == 0;
    if !unread {
        printer.finish(&totals)?;
    }
    let without_ip = (totals.frames > 0 && totals.not_ip == totals.frames)
        .then(|| format!("none of its {} frames carries IP", totals.frames));
    let fault = fault.as_ref().map(ToString::to_string).or(without_ip);
    if let Some(report) = report {
        let (length, capture_hash) = input.into_inner().finish();
        let file_name = path.file_name().filter(|_| path != Path::new("-"));
        let name = file_name.map_or_else(|| name(path), |name| name.to_string_lossy().into());
        report.finish(&Subject {
            name: &name,
            totals: &totals,
            fault: fault.clone(),
            length,
            capture_hash,
            catalogue_hash: hashed::of_text(&Catalogue::builtin_text()),
            remarks: &remarks,
            consent: if arguments.state.is_some() {
                "that of the state folder given"
            } else {
                "none given: every service that needs it counts as not granted"
            },
            own_values,
        })?;
    }
    match fault {
        Some(fault) => Err(Failure::BadInput(format!("{}: {fault}", name(path)))),
        None => Ok(()),
    }
}

/// Reads the capture to its end, or to the first fault.
fn read<R: Read>(
    reader: &mut Reader<R>,
    flows: &mut Flows<Examination<'_>>,
    totals: &RefCell<Totals>,
    length: Option<u64>,
) -> Option<CaptureError> {
    let bar = length.filter(|length| *length >= WORTH_A_BAR && io::stderr().is_terminal()).map(progress_bar);
    let mut frames = 0;
    let (mut not_ip, mut unreadable) = (0, 0);
    let fault = loop {
        match reader.next_frame() {
            Ok(None) => break None,
            Err(error) => break Some(error),
            Ok(Some(frame)) => {
                frames += 1;
                flows.observer().begin_frame(frame.app());
                let mut any = false;
                for packet in frame.link.ip_packets(frame.bytes) {
                    any = true;
                    unreadable += u64::from(!flows.packet(frame.time, packet));
                }
                not_ip += u64::from(!any);
            }
        }
        if frames % FRAMES_PER_TICK == 0 {
            if let Some(bar) = &bar {
                bar.set_position(reader.offset());
            }
            if flows.observer().has_failed() {
                break None;
            }
        }
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let mut totals = totals.borrow_mut();
    totals.frames = frames;
    totals.not_ip = not_ip;
    totals.unreadable = unreadable;
    fault
}

fn progress_bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left")
        .expect("the template is a constant that a test renders");
    ProgressBar::new(length).with_style(style)
}

/// What the verdicts are based on: the consent in the state folder, or none.
fn policy(arguments: &arguments::Inspect, catalogue: &Catalogue) -> Result<Policy, Failure> {
    let consents = match &arguments.state {
        None => Consents::new(),
        Some(folder) if !folder.is_dir() => {
            return Err(Failure::BadInput(format!("there is no state folder {}", folder.display())));
        }
        Some(folder) => Consents::replay(&state::open_folder(folder)?.history().map_err(Failure::bad_input)?),
    };
    Ok(Policy::new(catalogue, &consents, &clock::now()))
}

/// Opens the capture; also tells how long it is, where that is known.
fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let metadata = file.metadata().map_err(|error| Failure::file("read", path, &error))?;
    if metadata.is_dir() {
        return Err(Failure::BadInput(format!("{} is a folder, not a capture file", path.display())));
    }
    let length = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(file), length))
}

fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Prints records as they come.
enum Printer {
    Lines(crate::output::Output),
    Table(Box<FlowTable>),
}

impl Printer {
    fn new(format: Format) -> Self {
        match format {
            Format::Jsonl => Self::Lines(stdout()),
            Format::Table => Self::Table(Box::new(FlowTable::new())),
        }
    }

    fn print(&mut self, record: &Record) -> Result<(), Failure> {
        match self {
            Self::Lines(output) => json_line(output, record),
            Self::Table(table) => table.add(record),
        }
    }

    fn finish(self, totals: &Totals) -> Result<(), Failure> {
        match self {
            Self::Lines(mut output) => Ok(output.flush()?),
            Self::Table(table) => table.finish(totals),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_progress_bar_has_a_valid_template() {
        super::progress_bar(1).finish_and_clear();
    }
}
