//! Mi Push: the first blob of a connection, which is readable.
//!
//! Every blob is `C2FE 0005`, the payload's length (32 bits), the payload, and the Adler-32 sum (RFC 1950 §8.2) of all
//! before it; numbers are big-endian. A payload is a 16-bit 2, a 16-bit header length, a 32-bit body length, header
//! and body, both in protobuf wire format. The first blob each way has the command `CONN` and is in the clear, later
//! ones are encrypted: they are recognised by [`MAGIC`], but say nothing.

use crate::{Progress, cursor::Cursor};

/// The first four bytes of every Mi Push blob, in both directions.
pub const MAGIC: [u8; 4] = [0xC2, 0xFE, 0x00, 0x05];

/// Longest payload that is read; real hellos stay below 300 bytes.
const MAX_PAYLOAD: usize = 16 * 1024;
/// Bytes before the payload.
const BLOB_HEADER: usize = 8;
/// Bytes behind the payload: its checksum.
const CHECKSUM: usize = 4;
/// Longest text that is kept of one field, in characters.
const MAX_TEXT: usize = 200;

/// What the first blob of a Mi Push connection says in the clear. The device id itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The command: `CONN`, in the client's hello as in the server's answer to it.
    pub command: String,
    /// Whether the client sent it. The server's answer has other fields, none of them about the phone.
    pub from_client: bool,
    /// The phone's model, such as `Redmi Note 9S`.
    pub model: Option<String>,
    /// The system's build, such as `V12.5.2.0.RJWMIXM`.
    pub build: Option<String>,
    /// Whether a device id is sent along.
    pub device_id: bool,
    /// The server that the client means to reach, a name or an address, lower-case, without port.
    pub host: Option<String>,
    /// The port stated with the host.
    pub port: Option<u16>,
    /// The kind of network the phone is on, such as `wifi` or `mobile-lte-` and the operator's access point.
    pub network: Option<String>,
    /// The phone's language and region, such as `en_US`.
    pub locale: Option<String>,
}

/// Reads the first blob of one direction. Keeps at most 16 KiB; time is linear in the bytes fed.
#[derive(Debug, Default)]
pub struct HelloReader {
    blob: Vec<u8>,
    finished: bool,
}

impl HelloReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream. [`Progress::Not`] means that this is no Mi Push blob, or none that is
    /// complete, sound and readable; [`has_magic`](Self::has_magic) tells the two apart.
    pub fn push(&mut self, bytes: &[u8]) -> Progress<Hello> {
        if self.finished {
            return Progress::Not;
        }
        let progress = self.read(bytes);
        self.finished = progress != Progress::NeedMore;
        progress
    }

    /// Whether the bytes so far begin with [`MAGIC`].
    pub fn has_magic(&self) -> bool {
        self.blob.starts_with(&MAGIC)
    }

    fn read(&mut self, bytes: &[u8]) -> Progress<Hello> {
        let (header, rest) = bytes.split_at(BLOB_HEADER.saturating_sub(self.blob.len()).min(bytes.len()));
        self.blob.extend(header);
        let comparable = self.blob.len().min(MAGIC.len());
        if self.blob[..comparable] != MAGIC[..comparable] {
            return Progress::Not;
        }
        let Some(&[_, _, _, _, a, b, c, d]) = self.blob.first_chunk() else { return Progress::NeedMore };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > MAX_PAYLOAD {
            return Progress::Not;
        }
        let whole = BLOB_HEADER + length + CHECKSUM;
        self.blob.extend(&rest[..rest.len().min(whole - self.blob.len())]);
        if self.blob.len() < whole {
            return Progress::NeedMore;
        }
        let (summed, checksum) = self.blob.split_at(BLOB_HEADER + length);
        if adler32(summed).to_be_bytes() != checksum {
            return Progress::Not;
        }
        parse_payload(&summed[BLOB_HEADER..]).map_or(Progress::Not, Progress::Done)
    }
}

/// The Adler-32 sum (RFC 1950 §8.2). Both sums stay below 2^32 without reduction for 5,552 bytes.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut a, mut b) = (1_u32, 0_u32);
    for run in bytes.chunks(5552) {
        for byte in run {
            a += u32::from(*byte);
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    b << 16 | a
}

fn parse_payload(payload: &[u8]) -> Option<Hello> {
    let mut fields = Cursor::new(payload);
    let kind = fields.u16()?;
    let header_length = fields.u16()?;
    let body_length = fields.u32()?;
    if kind != 2 {
        return None;
    }
    let header = fields.take(header_length.into())?;
    let body = fields.take(body_length as usize)?;

    let mut hello = Hello::default();
    for_each_field(header, |number, value| {
        if let (5, Value::Bytes(command)) = (number, value) {
            hello.command = text(command);
        }
    })?;
    if hello.command != "CONN" || !fields.is_empty() {
        return None;
    }
    let mut texts: [Option<String>; 9] = Default::default();
    for_each_field(body, |number, value| match (number, value) {
        // The client's first field is a number, the server's is a text.
        (1, Value::Number) => hello.from_client = true,
        (2..=8, Value::Bytes(bytes)) if !bytes.is_empty() => texts[number as usize] = Some(text(bytes)),
        _ => {}
    })?;
    if hello.from_client {
        let [_, _, model, build, device_id, _, network, server, locale] = texts;
        hello.model = model;
        hello.build = build;
        hello.device_id = device_id.is_some();
        hello.network = network;
        hello.locale = locale;
        (hello.host, hello.port) = server.map_or((None, None), |server| split_port(&server));
    }
    Some(hello)
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Number,
    Bytes(&'a [u8]),
}

/// Calls `visit` with the number and value of each protobuf field; `None` if the bytes are not protobuf.
fn for_each_field<'a>(message: &'a [u8], mut visit: impl FnMut(u64, Value<'a>)) -> Option<()> {
    let mut rest = Cursor::new(message);
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let value = match key & 7 {
            0 => varint(&mut rest).map(|_| Value::Number)?,
            1 => rest.take(8).map(Value::Bytes)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest.take(length).map(Value::Bytes)?
            }
            5 => rest.take(4).map(Value::Bytes)?,
            _ => return None,
        };
        visit(key >> 3, value);
    }
    Some(())
}

/// A protobuf variable-length number: seven bits a byte, lowest first, at most ten bytes.
fn varint(bytes: &mut Cursor<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let byte = bytes.u8()?;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A field as text that is safe to show: valid, bounded, without control characters.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

fn split_port(server: &str) -> (Option<String>, Option<u16>) {
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()),
        _ => (server, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
    ((!host.is_empty()).then_some(host), port)
}

#[cfg(test)]
mod tests;
