//! What goes to stdout, and how untrusted text is made safe to show.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};

/// Buffered stdout. Call [`Write::flush`] at the end: what is lost on the way is an error, not silence.
pub(crate) type Output = BufWriter<StdoutLock<'static>>;

/// Stdout, for as long as the command runs.
pub(crate) fn stdout() -> Output {
    BufWriter::with_capacity(64 * 1024, io::stdout().lock())
}

/// Writes one JSON value on a line of its own.
pub(crate) fn json_line(output: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *output, value).map_err(io::Error::from)?;
    output.write_all(b"\n")?;
    Ok(())
}

/// Text from the network or a file, safe to show on a terminal: control characters (escape sequences among them) and the
/// marks that turn the direction of text become a replacement character.
pub(crate) fn printable(text: &str) -> String {
    let unsafe_to_show = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if unsafe_to_show(c) { '\u{fffd}' } else { c }).collect()
}

/// One field of a CSV line (RFC 4180), safe to open in a spreadsheet: text that a spreadsheet would take for a formula
/// gets an apostrophe in front.
pub(crate) fn csv_field(text: &str) -> String {
    let mut field: String = printable(text);
    if field.starts_with(['=', '+', '-', '@']) {
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
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"] {
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
