//! The owner's own values, read from a file: one a line, its kind before it.

use crate::failure::Failure;
use consentry_inspect::identifiers::{Kind, OwnValues};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs;
use std::path::Path;

/// Reads the file, if there is one. Only keyed hashes are kept, under a key that lives as long as the command.
pub(super) fn read(path: Option<&Path>) -> Result<Option<OwnValues>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let text = fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    let mut key = [0; 32];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| Failure::BadInput("the system gives no random numbers".to_owned()))?;
    let mut values = OwnValues::new(&key);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            add(&mut values, line)
                .map_err(|why| Failure::BadInput(format!("{}, line {number}: {why}", path.display())))?;
        }
    }
    Ok(Some(values))
}

/// Takes one line. The value itself is never repeated in an error.
fn add(values: &mut OwnValues, line: &str) -> Result<(), String> {
    let expected = "expected a kind and a value, for example: imei 490154203237518";
    let (kind, value) = line.split_once(char::is_whitespace).ok_or(expected)?;
    let kind = Kind::named(kind).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
        format!("unknown kind; known are {}", known.join(", "))
    })?;
    values.add(kind, value).map_err(|error| error.to_string())
}
