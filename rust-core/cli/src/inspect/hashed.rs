//! The input, with its hash taken on the way where a report asks for it.

use ring::digest::{Context, SHA256};
use std::io::{self, Read};

/// An input whose bytes are counted and hashed as they are read.
pub(super) struct Hashed<R> {
    input: R,
    hash: Option<Context>,
    length: u64,
}

impl<R: Read> Hashed<R> {
    /// Hashes only if `wanted`: it takes time.
    pub(super) fn new(input: R, wanted: bool) -> Self {
        Self { input, hash: wanted.then(|| Context::new(&SHA256)), length: 0 }
    }

    /// Reads what is left, and gives the length and hash of the whole. What cannot be read is left out.
    pub(super) fn finish(mut self) -> (u64, String) {
        let _ = io::copy(&mut self, &mut io::sink());
        let hash = self.hash.map(|hash| hex(hash.finish().as_ref()));
        (self.length, hash.unwrap_or_default())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.length += read as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..read]);
        }
        Ok(read)
    }
}

/// The SHA-256 of a text.
pub(super) fn of_text(text: &str) -> String {
    hex(ring::digest::digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}
