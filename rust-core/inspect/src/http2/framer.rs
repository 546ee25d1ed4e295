//! Cutting the client's side of a connection into frames, and blocks of headers into requests.

use super::hpack::{Decoder, Field};
use super::{Http2Error, MAX_HELD, PREFACE};
use crate::http1::{MAX_HEADERS, Request, authority};

/// Bytes of a frame's header (RFC 9113 §4.1).
const FRAME_HEADER: usize = 9;
/// Frame types.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
/// Frame flags.
const END_STREAM: u8 = 0x01;
const END_HEADERS: u8 = 0x04;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;

/// What one step of [`RequestFramer::next`] covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// All bytes were taken in; they belong to something that is not complete, or that waits for the first request.
    NeedMore,
    /// The covered bytes complete something that says nothing about where the connection leads: a frame's header, trailers.
    /// [`RequestFramer::take_message`] gives all of its raw bytes.
    Plain,
    /// The covered bytes complete a request's headers. [`RequestFramer::take_message`] gives their raw bytes and all held before.
    Request(Box<Request>),
    /// The covered bytes are the contents of frames that need no judging: relay them as they are.
    Contents,
}

/// The stream that a request was made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its number.
    pub number: u32,
    /// Whether no body follows.
    pub ended: bool,
}

/// Frames the client's side of an HTTP/2 connection. Holds at most 64 KiB and twice that of headers; how the bytes are split
/// changes nothing.
#[derive(Debug)]
pub struct RequestFramer {
    state: State,
    /// Raw bytes taken in that were not given out.
    message: Vec<u8>,
    complete: Vec<u8>,
    /// Where in `message` the frame that is being read begins.
    frame_at: usize,
    /// Whether everything is held until a request was made.
    holding: bool,
    decoder: Decoder,
    /// The block of headers that is being put together, without its frames' own headers.
    block: Vec<u8>,
    /// Stream and first flags of that block.
    block_of: Option<(u32, u8)>,
    /// The latest stream that was begun.
    latest: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Preface,
    /// In a frame's header.
    Header,
    /// In a frame that belongs to a block of headers, as long as this.
    Headers(Frame),
    /// In a frame whose contents do not matter: this many bytes to go.
    Contents(usize),
    Failed(Http2Error),
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn read(header: &[u8]) -> Self {
        let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        Self {
            length: number(&header[..3]) as usize,
            kind: header[3],
            flags: header[4],
            stream: number(&header[5..9]) & 0x7FFF_FFFF,
        }
    }
}

impl RequestFramer {
    /// A framer at the start of a connection. `holding`: nothing is given out before the first request, as nothing may be sent before
    /// it is known whom it is for. After an upgrade that is known already, and the client may wait for the server.
    pub fn new(holding: bool) -> Self {
        Self {
            state: State::Preface,
            message: Vec::new(),
            complete: Vec::new(),
            frame_at: 0,
            holding,
            decoder: Decoder::default(),
            block: Vec::new(),
            block_of: None,
            // The request that was upgraded is stream 1 (RFC 9113 §3.2).
            latest: u32::from(!holding),
        }
    }

    /// Looks at the next bytes of the connection. Returns how many of `bytes` this step covers, and what they are.
    ///
    /// # Errors
    /// When the connection cannot be followed; every later call gives the same error.
    #[allow(clippy::should_implement_trait, reason = "it takes bytes, so it is no iterator")]
    pub fn next(&mut self, bytes: &[u8]) -> Result<(usize, Piece), Http2Error> {
        let mut covered = 0;
        let step = loop {
            if let State::Failed(error) = self.state {
                return Err(error);
            }
            if covered == bytes.len() {
                break Ok(Piece::NeedMore);
            }
            match self.step(&bytes[covered..]) {
                Ok((taken, piece)) => {
                    covered += taken;
                    if let Some(piece) = piece {
                        break Ok(piece);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        match step {
            Ok(piece) => Ok((covered, piece)),
            Err(error) => {
                *self = Self { state: State::Failed(error), ..Self::new(true) };
                Err(error)
            }
        }
    }

    /// The raw bytes of the last [`Piece::Plain`] or [`Piece::Request`]; empty if they were taken before.
    pub fn take_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.complete)
    }

    /// Takes the bytes that the current state can use.
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, Option<Piece>), Http2Error> {
        let wanted = match self.state {
            State::Preface => PREFACE.len(),
            State::Header => self.frame_at + FRAME_HEADER,
            State::Headers(frame) => self.frame_at + FRAME_HEADER + frame.length,
            State::Contents(left) if !self.holding => {
                let covered = left.min(bytes.len());
                self.state = if left == covered { State::Header } else { State::Contents(left - covered) };
                return Ok((covered, Some(Piece::Contents)));
            }
            State::Contents(left) => self.message.len() + left,
            State::Failed(error) => return Err(error),
        };
        if wanted > MAX_HELD {
            return Err(Http2Error::TooLong);
        }
        let taken = (wanted - self.message.len()).min(bytes.len());
        self.message.extend(&bytes[..taken]);
        if let State::Contents(left) = self.state {
            self.state = State::Contents(left - taken);
        }
        if matches!(self.state, State::Preface) && !PREFACE.starts_with(&self.message) {
            return Err(Http2Error::NoPreface);
        }
        if self.message.len() < wanted {
            return Ok((taken, None));
        }
        let piece = match self.state {
            State::Preface => self.plain(),
            State::Header => self.begin_frame()?,
            State::Headers(frame) => self.headers(frame)?,
            State::Contents(_) => {
                self.state = State::Header;
                self.frame_at = self.message.len();
                None
            }
            State::Failed(error) => return Err(error),
        };
        Ok((taken, piece))
    }

    /// What was taken in last says nothing: it is given out, unless a request is waited for.
    fn plain(&mut self) -> Option<Piece> {
        self.state = State::Header;
        self.frame_at = self.message.len();
        (!self.holding).then(|| {
            self.give_out();
            Piece::Plain
        })
    }

    fn give_out(&mut self) {
        self.complete = std::mem::take(&mut self.message);
        self.frame_at = 0;
    }

    fn begin_frame(&mut self) -> Result<Option<Piece>, Http2Error> {
        let frame = Frame::read(&self.message[self.frame_at..]);
        match (frame.kind, self.block_of) {
            (CONTINUATION, Some((stream, _))) if stream == frame.stream => self.state = State::Headers(frame),
            // Nothing may come between the frames of a block (§6.10).
            (_, Some(_)) | (CONTINUATION | PUSH_PROMISE, None) => return Err(Http2Error::BadFrame),
            (HEADERS, None) => {
                self.block_of = Some((frame.stream, frame.flags));
                self.state = State::Headers(frame);
            }
            _ => {
                let piece = self.plain();
                if frame.length > 0 {
                    self.state = State::Contents(frame.length);
                }
                return Ok(piece);
            }
        }
        // A frame without contents is complete with its header.
        if frame.length == 0 { self.headers(frame) } else { Ok(None) }
    }

    /// A frame of a block of headers is complete.
    fn headers(&mut self, frame: Frame) -> Result<Option<Piece>, Http2Error> {
        let contents = &self.message[self.frame_at + FRAME_HEADER..];
        let part = if frame.kind == HEADERS {
            without_padding(contents, frame.flags).ok_or(Http2Error::BadFrame)?
        } else {
            contents
        };
        self.block.extend(part);
        if frame.flags & END_HEADERS == 0 {
            self.state = State::Header;
            self.frame_at = self.message.len();
            return Ok(None);
        }
        let (stream, flags) = self.block_of.take().unwrap_or_default();
        let fields = self.decoder.read(&std::mem::take(&mut self.block))?;
        let trailers = stream <= self.latest;
        if trailers {
            if fields.iter().any(|(name, _)| name.starts_with(b":")) {
                return Err(Http2Error::BadRequest);
            }
            return Ok(self.plain());
        }
        if stream % 2 == 0 {
            return Err(Http2Error::BadFrame);
        }
        self.latest = stream;
        let mut request = request(&fields).ok_or(Http2Error::BadRequest)?;
        request.http2 = Some(Stream { number: stream, ended: flags & END_STREAM != 0 });
        request.head_len = self.message.len();
        self.state = State::Header;
        self.holding = false;
        self.give_out();
        Ok(Some(Piece::Request(Box::new(request))))
    }
}

/// The contents of a frame of type HEADERS or DATA without padding and priority (RFC 9113 §6.1, §6.2).
fn without_padding(contents: &[u8], flags: u8) -> Option<&[u8]> {
    let mut rest = contents;
    let mut padding = 0;
    if flags & PADDED != 0 {
        let (length, after) = rest.split_first()?;
        padding = usize::from(*length);
        rest = after;
    }
    if flags & PRIORITY != 0 {
        rest = rest.get(5..)?;
    }
    rest.get(..rest.len().checked_sub(padding)?)
}

/// The contents of a stream's DATA frames, as far as they go: the body of a request as it was sent, other frames and all.
pub fn data_of(frames: &[u8], stream: u32) -> Vec<u8> {
    let mut data = Vec::new();
    let mut rest = frames;
    while let Some((header, after)) = rest.split_at_checked(FRAME_HEADER) {
        let frame = Frame::read(header);
        let (contents, after) = after.split_at(frame.length.min(after.len()));
        if frame.kind == DATA && frame.stream == stream {
            // A frame that is cut short has its padding behind the cut.
            let whole = contents.len() == frame.length;
            let flags = if whole { frame.flags & PADDED } else { 0 };
            let skipped = usize::from(!whole && frame.flags & PADDED != 0).min(contents.len());
            data.extend(without_padding(&contents[skipped..], flags).unwrap_or_default());
        }
        rest = after;
    }
    data
}

/// The request that a block of headers makes (RFC 9113 §8.3).
fn request(fields: &[Field]) -> Option<Request> {
    if fields.len() > MAX_HEADERS {
        return None;
    }
    let mut pseudo: [Option<String>; 5] = Default::default();
    let mut headers = Vec::new();
    for (name, value) in fields {
        let sound = |byte: &u8| !matches!(*byte, 0 | b'\r' | b'\n');
        if !value.iter().all(sound) {
            return None;
        }
        if name.starts_with(b":") {
            let names: [&[u8]; 5] = [b":method", b":scheme", b":authority", b":path", b":protocol"];
            let place = names.iter().position(|known| known == name)?;
            let value = String::from_utf8(value.clone()).ok()?;
            // Pseudo headers come first, and each once.
            if !headers.is_empty() || pseudo[place].replace(value).is_some() {
                return None;
            }
        } else {
            let name = str::from_utf8(name).ok()?;
            let lower = name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b':');
            if name.is_empty() || !lower {
                return None;
            }
            headers.push((name.to_owned(), value.trim_ascii().to_vec()));
        }
    }
    let [method, scheme, stated, path, protocol] = pseudo;
    let method = method.filter(|method| !method.is_empty())?;
    // A tunnel has neither scheme nor path, unless it says what it carries (RFC 9113 §8.5, RFC 8441 §4).
    let tunnel = method == "CONNECT" && protocol.is_none();
    if tunnel != (scheme.is_none() && path.is_none()) || scheme.is_none() != path.is_none() {
        return None;
    }
    let mut request = Request {
        target: path.clone().unwrap_or_else(|| stated.clone().unwrap_or_default()),
        method,
        host: None,
        port: None,
        path: path.unwrap_or_default(),
        connect: false,
        upgrade: protocol,
        headers,
        head_len: 0,
        http2: None,
    };
    let mut known = None;
    for host in stated.iter().map(String::as_bytes).chain(request.header("host")) {
        let host = authority(str::from_utf8(host).ok()?).ok()?;
        if known.get_or_insert_with(|| host.clone()) != &host {
            return None;
        }
    }
    if let Some((host, port)) = known {
        request.host = Some(host);
        request.port = port;
    }
    if tunnel && request.host.is_none() {
        return None;
    }
    Some(request)
}
