//! Domain names, between their text and their wire form.

use super::{DnsError, HEADER};
use std::{fmt, str::FromStr};

/// Longest label, in bytes (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;
/// Longest name on the wire, with all length bytes and the closing zero (RFC 1035 §2.3.4).
const MAX_WIRE: usize = 255;
/// Compression pointers followed in one name. A name has at most 127 labels, and a pointer that leads only to another
/// pointer says nothing, so an honest message needs no more.
const MAX_POINTERS: usize = 127;

/// A domain name as text: lower-case, without a trailing dot; the root is the empty text.
///
/// Letters, digits, `-` and `_` stand for themselves; any other byte of a label, a dot included, is written as `\DDD`
/// (three decimal digits, RFC 1035 §5.1). Two names are equal exactly when DNS treats them as equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(String);

/// Why a text is not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Two dots follow each other, or a dot stands first.
    #[error("a domain name has an empty label: remove the extra dot")]
    EmptyLabel,
    /// A label is longer than 63 bytes.
    #[error("a domain name has a label longer than 63 bytes")]
    LabelTooLong,
    /// The name is longer than 255 bytes on the wire.
    #[error("a domain name is longer than 255 bytes")]
    NameTooLong,
    /// A character outside ASCII; international names go in their `xn--` form.
    #[error("a domain name has a character outside ASCII: write it in its xn-- form")]
    NotAscii,
    /// A backslash that is not followed by a character or by three digits up to 255.
    #[error("a domain name has an unfinished \\ escape")]
    BadEscape,
}

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root, the empty name.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the name that starts at `at` of `message`, following compression pointers (RFC 1035 §4.1.4). Returns
    /// where the bytes after it start, and whether it was compressed.
    pub(super) fn read(message: &[u8], at: usize) -> Result<(Self, usize, bool), DnsError> {
        let mut text = String::new();
        let mut position = at;
        let mut part_start = at;
        let mut after = None;
        let mut wire = 1;
        let mut pointers = 0;
        loop {
            let length = *message.get(position).ok_or(DnsError::Truncated)?;
            match length {
                0 => break,
                1..=63 => {
                    let start = position + 1;
                    let end = start + usize::from(length);
                    let label = message.get(start..end).ok_or(DnsError::Truncated)?;
                    wire += 1 + label.len();
                    if wire > MAX_WIRE {
                        return Err(DnsError::NameTooLong);
                    }
                    push_label(&mut text, label);
                    position = end;
                }
                192.. => {
                    let low = *message.get(position + 1).ok_or(DnsError::Truncated)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3F, low]));
                    pointers += 1;
                    // A pointer refers to an earlier place; insisting on it also rules out loops. A name that stood in the
                    // header would change with the id that a forwarder gives the message.
                    if target >= part_start || target < HEADER || pointers > MAX_POINTERS {
                        return Err(DnsError::BadPointer);
                    }
                    after.get_or_insert(position + 2);
                    position = target;
                    part_start = target;
                }
                _ => return Err(DnsError::BadLabel),
            }
        }
        let compressed = after.is_some();
        Ok((Self(text), after.unwrap_or(position + 1), compressed))
    }

    /// Appends the wire form, uncompressed.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut length_at = out.len();
        out.push(0);
        if self.is_root() {
            return;
        }
        let mut bytes = self.0.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'.' => {
                    length_at = out.len();
                    out.push(0);
                    continue;
                }
                b'\\' => {
                    let value = bytes
                        .by_ref()
                        .take(3)
                        .fold(0_u8, |v, d| v.wrapping_mul(10).wrapping_add(d.wrapping_sub(b'0')));
                    out.push(value);
                }
                other => out.push(other),
            }
            out[length_at] += 1;
        }
        out.push(0);
    }
}

/// Whether a byte of a label stands for itself in the text.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn push_label(text: &mut String, label: &[u8]) {
    if !text.is_empty() {
        text.push('.');
    }
    for byte in label.iter().map(u8::to_ascii_lowercase) {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push('\\');
            for divisor in [100, 10, 1] {
                text.push(char::from(b'0' + byte / divisor % 10));
            }
        }
    }
}

impl fmt::Display for Name {
    /// The text; the root is shown as a single dot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads a name in any case, with or without a trailing dot. `""` and `"."` are the root. `\DDD` and `\X` are
    /// understood as in RFC 1035 §5.1.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if !text.is_ascii() {
            return Err(NameError::NotAscii);
        }
        if text.is_empty() || text == "." {
            return Ok(Self::default());
        }
        let mut name = String::with_capacity(text.len());
        let mut label = Vec::new();
        let mut wire = 1;
        let mut ended_with_dot = false;
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            ended_with_dot = byte == b'.';
            match byte {
                b'.' => close_label(&mut name, &mut label, &mut wire)?,
                b'\\' => label.push(unescape(&mut bytes)?),
                other => label.push(other),
            }
        }
        if !ended_with_dot {
            close_label(&mut name, &mut label, &mut wire)?;
        }
        Ok(Self(name))
    }
}

fn close_label(name: &mut String, label: &mut Vec<u8>, wire: &mut usize) -> Result<(), NameError> {
    if label.is_empty() {
        return Err(NameError::EmptyLabel);
    }
    if label.len() > MAX_LABEL {
        return Err(NameError::LabelTooLong);
    }
    *wire += 1 + label.len();
    if *wire > MAX_WIRE {
        return Err(NameError::NameTooLong);
    }
    push_label(name, label);
    label.clear();
    Ok(())
}

/// The byte that an escape stands for; the backslash itself has been read.
fn unescape(bytes: &mut std::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = bytes.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}
