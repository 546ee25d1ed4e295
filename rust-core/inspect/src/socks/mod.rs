//! What a SOCKS client says before its tunnel begins: version 4 with the 4A extension, and version 5 (RFC 1928) with or
//! without a user name and password (RFC 1929).
//!
//! Only the client's side is read. What it says depends on the method that the server picks; with the methods understood here
//! the client's next byte tells which that was.

use crate::cursor::Cursor;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest user name or host that is read in version 4, where only a zero byte ends them.
const MAX_TEXT: usize = 255;
/// Methods of version 5: none, GSSAPI (RFC 1961), and user name with password.
const NO_AUTHENTICATION: u8 = 0;
const GSSAPI: u8 = 1;
const PASSWORD: u8 = 2;
/// Type of the first message of GSSAPI, which has the same version in front as a password (RFC 1961 §3.2).
const GSSAPI_FIRST: u8 = 1;
/// The command that opens a tunnel. The others wait for connections or relay datagrams.
const CONNECT: u8 = 1;

/// Where a client wants its tunnel to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name in lower case without the dot that may end it, or an address (IPv6 without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What one step of [`RequestReader::next`] covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// All bytes were taken in; they belong to a message that is not complete.
    NeedMore,
    /// The covered bytes complete a message that says nothing about where the tunnel leads.
    Greeting,
    /// The covered bytes complete the request. What follows is the tunnel's, and starts anew.
    Request(Target),
}

/// Why a SOCKS client cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SocksError {
    /// A message that breaks the rules of its version, or follows where it may not.
    #[error("a SOCKS message does not have the form of its version")]
    Malformed,
    /// A command other than CONNECT.
    #[error("the SOCKS client asks for something other than a tunnel")]
    Command,
    /// A host that is no name in printable ASCII, or one with an empty label.
    #[error("the host in the SOCKS request is not a name in printable ASCII")]
    BadHost,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Start,
    /// The greeting of version 5 has been said; `password` if it offered one, `gssapi` if it offered that.
    Greeted {
        password: bool,
        gssapi: bool,
    },
    /// The password has been said.
    Authenticated,
    Finished,
    Failed(SocksError),
}

/// Reads what a client says up to its request. At most 523 bytes are kept; how they are split changes nothing.
#[derive(Debug, Default)]
pub struct RequestReader {
    state: State,
    message: Vec<u8>,
    complete: Vec<u8>,
}

/// What a message says that is complete, and what is expected after it.
type Message = (Piece, State);

/// A text, and the bytes behind its end.
type Text<'a> = (&'a [u8], &'a [u8]);

impl RequestReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the stream. Returns how many of them this step covers, and what they are.
    ///
    /// # Errors
    /// When the client cannot be followed; every later call gives the same error.
    #[allow(clippy::should_implement_trait, reason = "it takes bytes, so it is no iterator")]
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, Piece), SocksError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        for (at, byte) in bytes.iter().enumerate() {
            self.message.push(*byte);
            match self.read() {
                Ok(None) => {}
                Ok(Some((piece, next))) => {
                    self.state = next;
                    self.complete = std::mem::take(&mut self.message);
                    return Ok((at + 1, piece));
                }
                Err(error) => {
                    *self = Self { state: State::Failed(error), ..Self::default() };
                    return Err(error);
                }
            }
        }
        Ok((bytes.len(), Piece::NeedMore))
    }

    /// The raw bytes of the last complete message; empty if they were taken before.
    pub fn take_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.complete)
    }

    /// What the message says if it is complete.
    fn read(&self) -> Result<Option<Message>, SocksError> {
        match (self.state, self.message.first()) {
            (State::Failed(error), _) => Err(error),
            (_, None) => Ok(None),
            (State::Start, Some(4)) => version_4(&self.message),
            (State::Start, Some(5)) => greeting(&self.message),
            // What GSSAPI goes on with is encrypted. A password behind a user name of one letter begins alike.
            (State::Greeted { gssapi: true, .. }, Some(1)) if self.message.get(1) == Some(&GSSAPI_FIRST) => {
                Err(SocksError::Malformed)
            }
            (State::Greeted { password: true, .. }, Some(1)) => Ok(password(&self.message)),
            (State::Greeted { .. } | State::Authenticated, Some(5)) => request(&self.message),
            _ => Err(SocksError::Malformed),
        }
    }
}

/// Command, port and address, a user name that ends in a zero byte, and in 4A a host that does, too.
fn version_4(message: &[u8]) -> Result<Option<Message>, SocksError> {
    let mut fields = Cursor::new(&message[1..]);
    let fixed = (fields.u8(), fields.u16(), fields.array::<4>());
    if fixed.0.is_some_and(|command| command != CONNECT) {
        return Err(SocksError::Command);
    }
    let (_, Some(port), Some(address)) = fixed else { return Ok(None) };
    let Some((_user, rest)) = text(fields.rest())? else { return Ok(None) };
    // An address of this form stands for "the name that follows".
    let host = if matches!(address, [0, 0, 0, last] if last != 0) {
        let Some((name, _)) = text(rest)? else { return Ok(None) };
        host(name)?
    } else {
        Ipv4Addr::from(address).to_string()
    };
    Ok(Some((Piece::Request(Target { host, port }), State::Finished)))
}

/// The text before the first zero byte, and what follows it.
fn text(bytes: &[u8]) -> Result<Option<Text<'_>>, SocksError> {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(end) if end <= MAX_TEXT => Ok(Some((&bytes[..end], &bytes[end + 1..]))),
        None if bytes.len() <= MAX_TEXT => Ok(None),
        _ => Err(SocksError::Malformed),
    }
}

/// RFC 1928 §3: the methods that the client offers.
fn greeting(message: &[u8]) -> Result<Option<Message>, SocksError> {
    let Some(methods) = Cursor::new(&message[1..]).vector8() else { return Ok(None) };
    // Under any other method what follows cannot be told from something else. GSSAPI is offered by clients that seldom use it.
    let known = |method: &u8| matches!(*method, NO_AUTHENTICATION | GSSAPI | PASSWORD);
    if !methods.iter().all(known) || methods.iter().all(|method| *method == GSSAPI) {
        return Err(SocksError::Malformed);
    }
    let (password, gssapi) = (methods.contains(&PASSWORD), methods.contains(&GSSAPI));
    Ok(Some((Piece::Greeting, State::Greeted { password, gssapi })))
}

/// RFC 1929 §2.
fn password(message: &[u8]) -> Option<Message> {
    let mut fields = Cursor::new(&message[1..]);
    let both = fields.vector8().is_some() && fields.vector8().is_some();
    both.then_some((Piece::Greeting, State::Authenticated))
}

/// RFC 1928 §4 and §5.
fn request(message: &[u8]) -> Result<Option<Message>, SocksError> {
    let mut fields = Cursor::new(&message[1..]);
    if fields.u8().is_some_and(|command| command != CONNECT) {
        return Err(SocksError::Command);
    }
    let _reserved = fields.u8();
    let host = match fields.u8() {
        None => return Ok(None),
        Some(1) => fields.array::<4>().map(|address| Ipv4Addr::from(address).to_string()),
        Some(3) => fields.vector8().map(host).transpose()?,
        Some(4) => fields.array::<16>().map(|address| Ipv6Addr::from(address).to_string()),
        Some(_) => return Err(SocksError::Malformed),
    };
    let (Some(host), Some(port)) = (host, fields.u16()) else { return Ok(None) };
    Ok(Some((Piece::Request(Target { host, port }), State::Finished)))
}

fn host(name: &[u8]) -> Result<String, SocksError> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let any_empty = name.split(|byte| *byte == b'.').any(<[u8]>::is_empty);
    if any_empty || !name.iter().all(u8::is_ascii_graphic) {
        return Err(SocksError::BadHost);
    }
    Ok(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

#[cfg(test)]
mod tests;
