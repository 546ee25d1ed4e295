//! `--report`: one self-contained page about a capture.

use super::Totals;
use super::flow_table::summary;
use super::record::Record;
use crate::failure::Failure;
use consentry_catalogue::Catalogue;
use consentry_consent::export::printable;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{max-width:75rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2rem}\
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #8884;overflow-wrap:anywhere}\
th{white-space:nowrap}td.n{text-align:right;white-space:nowrap}\
.deny{font-weight:600;color:#b00020}.allow{color:#1b6e3c}\
small{opacity:.75}\
@media (prefers-color-scheme:dark){.deny{color:#ff8a80}.allow{color:#81c995}}\
@media print{body{max-width:none;margin:0}tr{break-inside:avoid}}";

/// Gathers the rows while the capture is read, and puts the page together at its end.
pub(super) struct Report {
    path: PathBuf,
    /// The rows, on disk: a long capture has many.
    rows: BufWriter<File>,
}

impl Report {
    /// Begins a report that is to be written to `path`.
    pub(super) fn begin(path: &Path) -> Result<Self, Failure> {
        let rows =
            tempfile::tempfile().map_err(|error| Failure::file("write", &std::env::temp_dir(), &error))?;
        Ok(Self { path: path.to_owned(), rows: BufWriter::new(rows) })
    }

    /// Adds a record.
    pub(super) fn add(&mut self, record: &Record) -> Result<(), Failure> {
        let verdict = record.verdict.as_str();
        let host =
            record.host.as_deref().map(|host| format!("<b>{}</b><br>", escaped(host))).unwrap_or_default();
        let service = record.service.as_deref().unwrap_or("–");
        let row = format!(
            "<tr><td class=n>{}<td><time>{}</time><td class={verdict}>{verdict}<td>{host}{} over {}<br><small>{} → {}</small>\
             <td>{}<td>{}<td>{}<td class=n>{}<td class=n>{}\n",
            record.flow,
            record.time_text(),
            record.protocol,
            record.transport,
            record.source,
            record.destination,
            escaped(service),
            escaped(&record.reason),
            escaped(&identifiers(record)),
            record.bytes_out,
            record.bytes_in,
        );
        self.rows.write_all(row.as_bytes()).map_err(|error| self.not_written(&error))
    }

    /// Writes the page. It replaces an earlier one only once it is complete.
    pub(super) fn finish(
        mut self,
        capture: &Path,
        totals: &Totals,
        fault: Option<&str>,
    ) -> Result<(), Failure> {
        let path = self.path.clone();
        self.write(capture, totals, fault).map_err(|error| Failure::file("write", &path, &error))
    }

    fn write(&mut self, capture: &Path, totals: &Totals, fault: Option<&str>) -> io::Result<()> {
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let page = NamedTempFile::new_in(folder)?;
        let mut output = BufWriter::new(page.as_file());
        output.write_all(head(capture, totals, fault).as_bytes())?;
        self.rows.flush()?;
        let rows = self.rows.get_mut();
        rows.rewind()?;
        io::copy(rows, &mut output)?;
        output.write_all(b"</tbody></table></div>\n</main>\n</html>\n")?;
        output.flush()?;
        drop(output);
        page.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn not_written(&self, error: &io::Error) -> Failure {
        Failure::file("write", &self.path, error)
    }
}

/// Everything above the rows.
fn head(capture: &Path, totals: &Totals, fault: Option<&str>) -> String {
    let name = capture
        .file_name()
        .map_or_else(|| capture.display().to_string(), |name| name.to_string_lossy().into());
    let name = escaped(&name);
    let mut page = format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width\">\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Consentry: {name}</title>\n<style>{STYLE}</style>\n<main>\n<h1>What {name} told whom</h1>\n<p>{}\n",
        escaped(&summary(totals)),
    );
    if let Some(fault) = fault {
        let _ = writeln!(
            page,
            "<p><strong>The capture could not be read to its end:</strong> {}.",
            escaped(fault)
        );
    }
    page.push_str("<h2>By service</h2>\n");
    if totals.services.is_empty() {
        page.push_str("<p>Nothing in the capture belongs to a service of the catalogue.\n");
    } else {
        page.push_str(
            "<div class=scroll><table><thead><tr><th>Service<th>What it does<th>Records<th>Denied<th>Bytes out<th>Identifiers in the clear</thead><tbody>\n",
        );
        for (id, service) in &totals.services {
            let entry = Catalogue::builtin().find(id).map(|index| Catalogue::builtin().service(index));
            let (title, does) =
                entry.map_or((id.as_str(), ""), |entry| (entry.name.as_str(), entry.does.as_str()));
            let _ = writeln!(
                page,
                "<tr><td><b>{}</b><br><small>{}</small><td>{}<td class=n>{}<td class=n>{}<td class=n>{}<td>{}",
                escaped(title),
                escaped(id),
                escaped(does),
                service.records,
                service.denied,
                service.bytes_out,
                escaped(&service.identifiers.join(", ")),
            );
        }
        page.push_str("</tbody></table></div>\n");
    }
    let _ = write!(
        page,
        "<h2>Totals</h2>\n<p>{} frames ({} without IP, {} unreadable); {} bytes out, {} bytes in.\n\
         <h2>Every flow</h2>\n<p>Verdicts are those the firewall would have given. Identifiers are named by kind, never by value. \
         Bytes are payload, as sent.\n\
         <div class=scroll><table><thead><tr><th>Flow<th>Time (UTC)<th>Verdict<th>Who<th>Service<th>Why<th>Identifiers<th>Out<th>In</thead><tbody>\n",
        totals.frames, totals.not_ip, totals.unreadable, totals.bytes_out, totals.bytes_in,
    );
    page
}

fn identifiers(record: &Record) -> String {
    let found: Vec<String> = record
        .identifiers
        .iter()
        .map(|found| format!("{} ({}), {}", found.kind, found.form, found.place))
        .collect();
    found.join("; ")
}

/// Text as HTML, whatever it holds: usable between tags.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_capture_becomes_markup() {
        assert_eq!(
            escaped("<script>alert('a & \"b\"')</script>\u{1b}"),
            "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;\u{fffd}"
        );
    }
}
