//! What a TCP client says first: which protocol it speaks, and the name it states if that can be read at once.

use crate::{Progress, mi_push, mqtt, starttls, tls};

/// Most bytes of a request line, and of empty lines before it, that are waited for.
const MAX_LINE: usize = 64 * 1024;
/// Longest method that is taken for one; the longest registered one has 17 letters.
const MAX_METHOD: usize = 32;
/// What XMPP begins with (RFC 6120 §4.2); other things that begin like XML end here.
const XMPP_STARTS: [&[u8]; 2] = [b"<?xml ", b"<stream:stream"];
/// Length of the longer one.
const LONGEST_XML_START: usize = 14;
/// How an HTTP/2 client begins without TLS, up to where no HTTP/1 request can be meant (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
/// Methods whose request line needs no second look when a path follows (RFC 9110 §9.3, RFC 5789).
const COMMON_METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// What the first bytes of a client are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// A complete ClientHello.
    Tls(tls::ClientHello),
    /// It began as TLS, then broke the rules of a ClientHello.
    BrokenTls,
    /// An HTTP/1 request: feed everything, from byte 0, to [`crate::http1::RequestFramer`].
    Http,
    /// HTTP/2 without TLS: feed everything, from byte 0, to [`crate::http2::RequestFramer`].
    Http2PriorKnowledge,
    /// A mail, news, chat or file transfer dialogue in clear text that may turn into TLS: feed everything, from byte 0, to
    /// [`crate::starttls::Reader`].
    Dialogue,
    /// MQTT's CONNECT.
    Mqtt(mqtt::Connect),
    /// The Mi Push signature; `None` if the blob behind it is not a readable hello.
    MiPush(Option<mi_push::Hello>),
    /// A SOCKS 4 request or a SOCKS 5 greeting: feed everything, from byte 0, to [`crate::socks::RequestReader`].
    Socks,
    /// None of these.
    Unknown,
}

/// Finds out what a TCP client says first.
///
/// It keeps at most about 64 KiB and decides after that much at the latest; after that it repeats its answer. Time is
/// linear in the bytes fed, however they are split. The bytes themselves stay with the caller.
#[derive(Debug, Default)]
pub struct FirstBytes {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Start,
    Tls(Box<TlsStart>),
    MiPush(mi_push::HelloReader),
    Mqtt(mqtt::ConnectReader),
    Text(RequestLine),
    /// Up to the point where XMPP can be told.
    Xml(Vec<u8>),
    Socks(Vec<u8>),
    Decided(Facts),
}

impl FirstBytes {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether all that was said so far is the beginning of one word: too little to tell what it is, and too little to say
    /// anything. Some protocols say no more before the other end answers.
    pub fn is_bare_word(&self) -> bool {
        matches!(&self.state, State::Text(line) if line.method.is_none())
    }

    /// What a stream is that ends here, before it could be told. A hello that breaks off is a broken one: it states its name
    /// all the same.
    pub fn finish(&self) -> Facts {
        match &self.state {
            State::Tls(start) if start.start == [0x16, 3] => Facts::BrokenTls,
            State::MiPush(reader) if reader.has_magic() => Facts::MiPush(None),
            // What is not a whole line is no dialogue yet.
            State::Text(line) => match line.at_line_end() {
                Facts::Dialogue => Facts::Unknown,
                facts => facts,
            },
            State::Decided(facts) => facts.clone(),
            State::Start
            | State::Tls(_)
            | State::MiPush(_)
            | State::Mqtt(_)
            | State::Xml(_)
            | State::Socks(_) => Facts::Unknown,
        }
    }

    /// Takes the next bytes of the stream; `None` asks for more.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Facts> {
        let first = *bytes.first()?;
        if matches!(self.state, State::Start) {
            self.state = State::for_first_byte(first);
        }
        let decided = match &mut self.state {
            State::Start => None,
            State::Tls(start) => start.push(bytes),
            State::MiPush(reader) => match reader.push(bytes) {
                Progress::NeedMore => None,
                Progress::Done(hello) => Some(Facts::MiPush(Some(hello))),
                Progress::Not if reader.has_magic() => Some(Facts::MiPush(None)),
                Progress::Not => Some(Facts::Unknown),
            },
            State::Mqtt(reader) => match reader.push(bytes) {
                Progress::NeedMore => None,
                Progress::Done(connect) => Some(Facts::Mqtt(connect)),
                Progress::Not => Some(Facts::Unknown),
            },
            State::Text(line) => line.push(bytes),
            State::Xml(start) => {
                start.extend(&bytes[..bytes.len().min(LONGEST_XML_START - start.len())]);
                xml(start)
            }
            State::Socks(greeting) => {
                // Both versions are decided within 263 bytes, so what a long push brings beyond that does not matter.
                greeting.extend(&bytes[..bytes.len().min(512)]);
                socks(greeting)
            }
            State::Decided(facts) => Some(facts.clone()),
        };
        if let Some(facts) = &decided {
            self.state = State::Decided(facts.clone());
        }
        decided
    }
}

impl State {
    fn for_first_byte(byte: u8) -> Self {
        match byte {
            0x16 => Self::Tls(Box::default()),
            _ if byte == mi_push::MAGIC[0] => Self::MiPush(mi_push::HelloReader::new()),
            mqtt::CONNECT => Self::Mqtt(mqtt::ConnectReader::new()),
            b'<' => Self::Xml(Vec::new()),
            4 | 5 => Self::Socks(Vec::new()),
            b'\r' | b'\n' => Self::Text(RequestLine::default()),
            _ if is_token(byte) => Self::Text(RequestLine::default()),
            _ => Self::Decided(Facts::Unknown),
        }
    }
}

/// A stream that may be TLS.
#[derive(Debug, Default)]
struct TlsStart {
    /// Up to two bytes: record type and major version.
    start: Vec<u8>,
    reader: tls::ClientHelloReader,
}

impl TlsStart {
    fn push(&mut self, bytes: &[u8]) -> Option<Facts> {
        self.start.extend(bytes.iter().take(2 - self.start.len()));
        match self.reader.push(bytes) {
            Progress::NeedMore => None,
            Progress::Done(hello) => Some(Facts::Tls(hello)),
            Progress::Not if self.start == [0x16, 3] => Some(Facts::BrokenTls),
            Progress::Not => Some(Facts::Unknown),
        }
    }
}

/// A stream that may begin with an HTTP request line.
///
/// Other protocols begin with a word and a blank too (`SSH-2.0-… Debian`, `USER name`, `OPTIONS sip:…`). So only a
/// common method in front of a path decides at once; else the line's end must be seen, and `HTTP/` in its last word.
#[derive(Debug, Default)]
struct RequestLine {
    line: Vec<u8>,
    /// Bytes of empty lines before it.
    empty_lines: usize,
    /// Length of the method, once the blank behind it has been seen.
    method: Option<usize>,
    /// A carriage return stands behind the first and only word.
    ends: bool,
}

impl RequestLine {
    fn push(&mut self, bytes: &[u8]) -> Option<Facts> {
        bytes.iter().find_map(|byte| self.take(*byte))
    }

    fn take(&mut self, byte: u8) -> Option<Facts> {
        if self.empty_lines + self.line.len() == MAX_LINE {
            // Servers skip any number of empty lines, and some take longer request lines: that is for the framer to refuse.
            let may_be_request = self.line.is_empty() || self.has_common_method();
            return Some(if may_be_request { Facts::Http } else { Facts::Unknown });
        }
        if self.line.is_empty() && matches!(byte, b'\r' | b'\n') {
            self.empty_lines += 1;
            return None;
        }
        if byte == b'\n' {
            return Some(self.at_line_end());
        }
        if self.ends {
            return Some(Facts::Unknown);
        }
        self.line.push(byte);
        match self.method {
            None if byte == b'\r' => {
                self.ends = true;
                None
            }
            None if is_blank(byte) => {
                self.method = Some(self.line.len() - 1);
                (self.line.len() == 1).then_some(Facts::Unknown)
            }
            None => (!is_token(byte) || self.line.len() > MAX_METHOD).then_some(Facts::Unknown),
            Some(method) if self.line.len() == method + 2 => {
                (byte == b'/' && self.has_common_method()).then_some(Facts::Http)
            }
            Some(_) => {
                (byte.is_ascii_control() && byte != b'\r' && !is_blank(byte)).then_some(Facts::Unknown)
            }
        }
    }

    fn has_common_method(&self) -> bool {
        self.method.is_some_and(|method| {
            COMMON_METHODS.iter().any(|common| self.line[..method].eq_ignore_ascii_case(common.as_bytes()))
        })
    }

    /// Whether a common method stands before a whole address: a request even without a version behind it (HTTP/0.9).
    fn asks_for_an_address(&self) -> bool {
        let target = self.method.map(|method| self.line[method..].trim_ascii_start()).unwrap_or_default();
        self.has_common_method()
            && target.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"http://"))
    }

    fn at_line_end(&self) -> Facts {
        if self.empty_lines == 0 && self.line == HTTP2_PREFACE[..HTTP2_PREFACE.len() - 1] {
            return Facts::Http2PriorKnowledge;
        }
        let line = self.line.trim_ascii_end();
        let last_word = line.rsplit(|b| is_blank(*b)).next().unwrap_or_default();
        let is_http = last_word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"HTTP/"));
        let is_request = (is_http && self.method.is_some()) || self.asks_for_an_address();
        if is_request {
            Facts::Http
        } else if self.empty_lines == 0 && starttls::begins_with(line) {
            Facts::Dialogue
        } else {
            Facts::Unknown
        }
    }
}

/// Whether some server takes a byte for the blank between the words of a request line (RFC 9112 §3).
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0B | 0x0C)
}

/// Whether a byte may stand in a method (`token` of RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Tells XMPP from other things that begin with the same character.
fn xml(start: &[u8]) -> Option<Facts> {
    if XMPP_STARTS.iter().any(|known| start.starts_with(known)) {
        return Some(Facts::Dialogue);
    }
    let may_be = XMPP_STARTS.iter().any(|known| known.starts_with(start));
    (!may_be).then_some(Facts::Unknown)
}

/// Tells a SOCKS greeting (RFC 1928 §3; SOCKS 4 by its own note) from bytes that merely begin like one.
fn socks(bytes: &[u8]) -> Option<Facts> {
    let fits = match *bytes {
        [4 | 5] => return None,
        [5, count, ref methods @ ..] => {
            // Methods: 0 to 9 are assigned, 128 to 254 private, 255 means refusal.
            let known = |method: &u8| *method <= 9 || (128..255).contains(method);
            let offered = &methods[..methods.len().min(count.into())];
            if count > 0 && offered.iter().all(known) && offered.len() < count.into() {
                return None;
            }
            count > 0 && offered.iter().all(known)
        }
        // Command, port and address, then a user name that ends in a zero byte.
        [4, 1 | 2, ref rest @ ..] => {
            let user = rest.get(6..).unwrap_or_default();
            let end = user.iter().position(|b| *b == 0);
            let shown = &user[..end.unwrap_or(user.len())];
            if shown.len() <= 255 && shown.iter().all(u8::is_ascii_graphic) {
                end?;
                true
            } else {
                false
            }
        }
        _ => false,
    };
    Some(if fits { Facts::Socks } else { Facts::Unknown })
}

#[cfg(test)]
mod tests;
