//! `consentry receipts`: signed copies of the consent ledger.

use crate::arguments::{self, Export, Verify};
use crate::failure::Failure;
use crate::output::stdout;
use crate::state;
use consentry_consent::receipt::{self, ReceiptError};
use consentry_consent::rfc3339;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// A receipt longer than this is none: a ledger of a million changes is shorter. In bytes.
const LONGEST: u64 = 1 << 30;

/// Runs the command.
pub(crate) fn receipts(command: arguments::Receipts) -> Result<(), Failure> {
    match command {
        arguments::Receipts::Export(arguments) => export(arguments),
        arguments::Receipts::Verify(arguments) => verify(&arguments),
    }
}

fn export(arguments: Export) -> Result<(), Failure> {
    let text = state::open(arguments.state.folder)?
        .receipts(arguments.service.as_deref())
        .map_err(Failure::bad_input)?;
    let mut output = stdout();
    if arguments.file == Path::new("-") {
        writeln!(output, "{text}")?;
        return Ok(output.flush()?);
    }
    write_whole(&arguments.file, &text).map_err(|error| Failure::file("write", &arguments.file, &error))?;
    // Read back what was written: the receipt is worth nothing if it does not verify.
    let verified = receipt::verify(&text, None).map_err(Failure::bad_input)?;
    let fingerprint = verified.receipts.fingerprint;
    writeln!(
        output,
        "{} written: {}, signed by key\n{fingerprint}",
        arguments.file.display(),
        changes(verified.changes.len()),
    )?;
    Ok(output.flush()?)
}

/// Writes a file so that an earlier one is replaced only by a complete one.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn verify(arguments: &Verify) -> Result<(), Failure> {
    let text = read(&arguments.file)?;
    let name = arguments.file.display();
    let verified = receipt::verify(&text, arguments.fingerprint.as_ref()).map_err(|error| match error {
        ReceiptError::Unreadable(_) | ReceiptError::OtherFormat { .. } => {
            Failure::BadInput(format!("{name}: {error}"))
        }
        error => Failure::NotSo(format!("{name}: {error}")),
    })?;
    let mut output = stdout();
    writeln!(
        output,
        "The receipt holds: {}, exported {}, signed by key\n{}",
        changes(verified.changes.len()),
        rfc3339::format(verified.receipts.exported),
        verified.receipts.fingerprint,
    )?;
    if arguments.fingerprint.is_none() {
        writeln!(
            output,
            "Whose key that is, the receipt cannot tell: compare it with the one you were given, or pass it with --fingerprint."
        )?;
    }
    Ok(output.flush()?)
}

fn read(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::file("read", path, &error);
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path).map_err(unreadable)?)
    };
    let mut text = String::new();
    let read = input.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if read as u64 > LONGEST {
        return Err(Failure::BadInput(format!("{} is too long for a receipt", path.display())));
    }
    Ok(text)
}

fn changes(number: usize) -> String {
    if number == 1 { "1 change of consent".to_owned() } else { format!("{number} changes of consent") }
}
