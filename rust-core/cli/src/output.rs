//! What goes to stdout.

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
