//! The program's own log: lines on stderr. No host name or address is logged above DEBUG.

use crate::failure::Failure;
use log::{LevelFilter, Log, Metadata, Record};
use std::env;
use std::io::Write;

const VARIABLE: &str = "CONSENTRY_LOG";

struct StderrLog;

static LOG: StderrLog = StderrLog;

/// Starts logging at INFO, or at the level that `CONSENTRY_LOG` names.
pub(crate) fn start() -> Result<(), Failure> {
    let level = match env::var(VARIABLE) {
        Ok(level) => level.parse().map_err(|_| {
            Failure::BadInput(format!("{VARIABLE} is '{level}': use off, error, warn, info, debug or trace"))
        })?,
        Err(_) => LevelFilter::Info,
    };
    // Fails only where a logger was set before, and this is the only one.
    if log::set_logger(&LOG).is_ok() {
        log::set_max_level(level);
    }
    Ok(())
}

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One write per line, so that lines of several threads do not mix. A closed stderr is no reason to stop.
            let line = format!("{}: {}\n", record.level().as_str().to_ascii_lowercase(), record.args());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}
