//! Cutting a stream of requests into heads and bodies.

use super::chunked::Chunked;
use super::head::{BodyFraming, Request, parse_head};
use super::{FramingError, MAX_HEAD};

/// What one step of [`RequestFramer::next`] covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// All bytes were taken in; they belong to a head that is not complete.
    NeedMore,
    /// The covered bytes complete a head. [`RequestFramer::take_head`] gives all of its raw bytes, those taken in by
    /// earlier steps included.
    Head(Box<Request>),
    /// The covered bytes are body (chunk framing included): relay them as they are.
    Body,
    /// The last head was a CONNECT or an upgrade: framing ends, nothing is covered, and what follows starts anew, as
    /// the first bytes of a stream. (If the server refuses the upgrade, that is another request.)
    Opaque,
}

/// Frames the client-to-server direction of an HTTP/1 connection.
///
/// Call [`next`](Self::next) with the bytes not yet covered until they are used up or it asks for more. How the bytes
/// are split never changes what is framed. Memory stays below 2 × [`MAX_HEAD`]; time is linear in the bytes fed.
#[derive(Debug, Default)]
pub struct RequestFramer {
    state: State,
    /// The head that is being read.
    head: Vec<u8>,
    lines: Lines,
    /// The last complete head.
    complete_head: Vec<u8>,
    /// Whether the last head was a CONNECT or an upgrade.
    opaque_after_body: bool,
    /// Whether it was an upgrade.
    upgraded: bool,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    /// In a head, or before one.
    #[default]
    Head,
    /// In a body of known length: this many bytes to go.
    Length(u64),
    Chunked(Chunked),
    Opaque,
    Failed(FramingError),
}

impl RequestFramer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the stream. Returns how many bytes of `bytes` this step covers, and what they are.
    ///
    /// # Errors
    /// When the stream cannot be framed safely; every later call gives the same error.
    #[allow(clippy::should_implement_trait, reason = "it takes bytes, so it is no iterator")]
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, Piece), FramingError> {
        let step = match self.state {
            State::Failed(error) => Err(error),
            State::Opaque => Ok((0, Piece::Opaque)),
            _ if bytes.is_empty() => Ok((0, Piece::NeedMore)),
            State::Head => self.read_head(bytes),
            State::Length(left) => {
                let covered = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let left = left - covered as u64;
                self.state = if left == 0 { self.after_body() } else { State::Length(left) };
                Ok((covered, Piece::Body))
            }
            State::Chunked(mut chunked) => chunked.advance(bytes).map(|(covered, finished)| {
                self.state = if finished { self.after_body() } else { State::Chunked(chunked) };
                (covered, Piece::Body)
            }),
        };
        if let Err(error) = step {
            *self = Self { state: State::Failed(error), ..Self::default() };
        }
        step
    }

    /// The raw bytes of the last complete head; empty if they were taken before or no head was complete yet.
    pub fn take_head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.complete_head)
    }

    /// Whether [`Piece::Opaque`] came of an upgrade: what follows goes to the server that the request went to.
    pub fn upgraded(&self) -> bool {
        self.upgraded
    }

    fn read_head(&mut self, bytes: &[u8]) -> Result<(usize, Piece), FramingError> {
        let room = MAX_HEAD - self.head.len();
        let seen = &bytes[..bytes.len().min(room)];
        let Some(covered) = self.lines.end_of_head(seen)? else {
            if bytes.len() > room {
                return Err(FramingError::HeadTooLong);
            }
            self.head.extend(bytes);
            return Ok((bytes.len(), Piece::NeedMore));
        };
        self.head.extend(&bytes[..covered]);
        self.lines = Lines::default();
        let (request, framing) = parse_head(&self.head)?;
        self.complete_head = std::mem::take(&mut self.head);
        self.upgraded = request.upgrade.is_some() && !request.connect;
        self.opaque_after_body = request.connect || self.upgraded;
        self.state = match framing {
            BodyFraming::Length(0) => self.after_body(),
            BodyFraming::Length(length) => State::Length(length),
            BodyFraming::Chunked => State::Chunked(Chunked::default()),
        };
        Ok((covered, Piece::Head(Box::new(request))))
    }

    fn after_body(&self) -> State {
        if self.opaque_after_body { State::Opaque } else { State::Head }
    }
}

/// Finds the end of a head line by line, looking at each byte once.
#[derive(Debug, Default)]
struct Lines {
    ending: Option<Ending>,
    after_cr: bool,
    in_line: bool,
    /// Whether a line that is not empty has been seen: empty ones before it do not end the head.
    started: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    CrLf,
    Lf,
}

impl Lines {
    /// Takes the next bytes of a head; gives how many of them belong to it if it ends among them.
    fn end_of_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, FramingError> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => {
                    let ending = if self.after_cr { Ending::CrLf } else { Ending::Lf };
                    if *self.ending.get_or_insert(ending) != ending {
                        return Err(FramingError::LineEnding);
                    }
                    if self.started && !self.in_line {
                        return Ok(Some(at + 1));
                    }
                    self.started |= self.in_line;
                    self.in_line = false;
                    self.after_cr = false;
                }
                _ if self.after_cr => return Err(FramingError::LineEnding),
                b'\r' => self.after_cr = true,
                _ => self.in_line = true,
            }
        }
        Ok(None)
    }
}
