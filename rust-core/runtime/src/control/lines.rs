//! Lines of bounded length.
use super::LONGEST_LINE;
use serde::Serialize;
use std::io::{self, BufRead, Read, Write};

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// More than [`LONGEST_LINE`] bytes without an end.
    TooLong,
    /// Nothing more will come.
    End,
}

/// Reads the next line. A last line without an end counts as cut off, and is not given out.
pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    reader.take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
    Ok(match line.pop() {
        Some(b'\n') => Line::Whole(line),
        Some(_) if line.len() >= LONGEST_LINE => Line::TooLong,
        _ => Line::End,
    })
}

/// Writes one value as a line, in one call.
pub(super) fn write(writer: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    writer.write_all(&line)
}
