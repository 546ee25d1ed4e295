//! `--report`: one self-contained page about a capture, made to be read, printed and handed on. It needs no network and runs no
//! script.

mod markup;
mod page;
mod tally;
mod timeline;

use super::Totals;
use super::record::Record;
use crate::failure::Failure;
use consentry_inspect::capture::Remark;
use markup::escaped;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use tally::Tally;
use tempfile::NamedTempFile;

/// Most records that are listed one by one: a browser lays out no more in a tolerable time.
const MOST_LISTED: u64 = 10_000;

/// What the report is about, besides the records.
pub(super) struct Subject<'s> {
    /// The capture's name.
    pub(super) name: &'s str,
    pub(super) totals: &'s Totals,
    /// Why the capture could not be read to its end, or at all.
    pub(super) fault: Option<String>,
    /// Length and SHA-256 of the capture file.
    pub(super) length: u64,
    pub(super) capture_hash: String,
    /// SHA-256 of the catalogue's files.
    pub(super) catalogue_hash: String,
    /// Comments that stand in the capture.
    pub(super) remarks: &'s [Remark],
    /// Whose consent the verdicts rest on.
    pub(super) consent: &'s str,
    /// Whether the owner's own values were looked for.
    pub(super) own_values: bool,
}

/// Gathers what the page will say while the capture is read, and puts it together at its end.
pub(super) struct Report {
    path: PathBuf,
    /// The rows, on disk: a long capture has many.
    rows: BufWriter<File>,
    tally: Tally,
}

impl Report {
    /// Begins a report that is to be written to `path`.
    pub(super) fn begin(path: &Path) -> Result<Self, Failure> {
        let rows =
            tempfile::tempfile().map_err(|error| Failure::file("write", &std::env::temp_dir(), &error))?;
        Ok(Self { path: path.to_owned(), rows: BufWriter::new(rows), tally: Tally::default() })
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: &Record) -> Result<(), Failure> {
        self.tally.count(record);
        if self.tally.records > MOST_LISTED {
            return Ok(());
        }
        self.rows
            .write_all(page::row(record).as_bytes())
            .map_err(|error| Failure::file("write", &self.path, &error))
    }

    /// Writes the page. It replaces an earlier one only once it is complete.
    pub(super) fn finish(mut self, subject: &Subject<'_>) -> Result<(), Failure> {
        let path = self.path.clone();
        self.write(subject).map_err(|error| Failure::file("write", &path, &error))
    }

    fn write(&mut self, subject: &Subject<'_>) -> io::Result<()> {
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let page = NamedTempFile::new_in(folder)?;
        let mut output = BufWriter::new(page.as_file());
        output.write_all(page::before_rows(subject, &self.tally, MOST_LISTED).as_bytes())?;
        if self.tally.records > 0 {
            self.rows.flush()?;
            let rows = self.rows.get_mut();
            rows.rewind()?;
            io::copy(rows, &mut output)?;
            output.write_all(markup::TABLE_END.as_bytes())?;
        }
        output.write_all(page::behind_rows(subject).as_bytes())?;
        output.flush()?;
        drop(output);
        page.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}
