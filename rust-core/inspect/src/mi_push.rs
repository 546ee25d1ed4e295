//! Mi Push.
use crate::Progress;

/// First four bytes of every Mi Push blob.
pub const MAGIC: [u8; 4] = [0xC2, 0xFE, 0x00, 0x05];

/// What the first blob of a Mi Push connection says in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The command, `CONN` in the first blob of either side.
    pub command: String,
    /// Whether the client sent it (the server's answer has another body).
    pub from_client: bool,
    /// Phone model.
    pub model: Option<String>,
    /// System build.
    pub build: Option<String>,
    /// Whether a device identifier is present (its value is not kept).
    pub device_id: bool,
    /// The server the client means to reach, without a port.
    pub host: Option<String>,
    /// The port stated with the host.
    pub port: Option<u16>,
    /// The kind of network the phone is on.
    pub network: Option<String>,
    /// The phone's locale.
    pub locale: Option<String>,
}

/// Reads the first blob.
#[derive(Debug, Default)]
pub struct HelloReader;
impl HelloReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self
    }
    /// Takes the next bytes.
    pub fn push(&mut self, _bytes: &[u8]) -> Progress<Hello> {
        unimplemented!()
    }
}
