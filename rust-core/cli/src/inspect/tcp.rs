//! What a TCP connection says: first bytes, HTTP requests one by one, where a SOCKS tunnel leads, a dialogue up to its TLS, DNS
//! messages.

use super::flow::{About, Shared};
use super::questions::Questions;
use consentry_catalogue::{SignatureMatch, Transport};
use consentry_consent::Signal;
use consentry_engine::dns::MessageReader;
use consentry_inspect::capture::{Direction, Interest, Piece};
use consentry_inspect::first_bytes::{Facts, FirstBytes};
use consentry_inspect::http1::{self, RequestFramer};
use consentry_inspect::socks::{self, RequestReader};
use consentry_inspect::websocket::ClientFrames;
use consentry_inspect::{http2, mi_push, starttls};

/// Signatures of the catalogue are no longer than this.
const LONGEST_SIGNATURE: usize = 32;
/// Missing body bytes that are stepped over by counting; beyond this a new request is awaited instead.
const LONGEST_STEP: u32 = 64 << 20;
const ZEROES: [u8; 4096] = [0; 4096];

enum Stage {
    /// It is not known yet what is spoken.
    First(Box<FirstBytes>),
    /// Nothing known but perhaps a signature of the catalogue that is not complete.
    Signature,
    /// HTTP/1.
    Requests { framer: Box<RequestFramer>, in_body: bool },
    /// HTTP/2 without TLS.
    Http2(Box<http2::RequestFramer>),
    /// Messages over WebSocket, which count for the request that asked for it.
    WebSocket(ClientFrames),
    /// A dialogue, up to the word that starts TLS.
    Dialogue(starttls::Reader),
    /// SOCKS, up to the request for a tunnel.
    Socks(Box<RequestReader>),
    /// Bytes were lost: where the next request begins shows only at the start of a segment.
    Lost,
    /// DNS over TCP (RFC 7766), both directions.
    Dns { out: MessageReader, back: MessageReader, questions: Questions },
    /// Nothing that follows can tell more.
    Over,
}

/// See the module's text.
pub(super) struct Tcp {
    stage: Stage,
    /// What the client said while it was not known what it speaks.
    backlog: Vec<u8>,
    /// The client's first bytes.
    out_start: Vec<u8>,
    /// The server's first bytes.
    in_start: Vec<u8>,
    /// Bytes held, as counted in [`Shared::held`].
    held: usize,
    /// Whether what is spoken now is spoken inside a tunnel (CONNECT or SOCKS), an upgrade or a dialogue.
    inner: bool,
}

impl Tcp {
    pub(super) fn new(port: u16) -> Self {
        let stage = if port == 53 {
            Stage::Dns {
                out: MessageReader::new(),
                back: MessageReader::new(),
                questions: Questions::default(),
            }
        } else {
            Stage::First(Box::default())
        };
        Self {
            stage,
            backlog: Vec::new(),
            out_start: Vec::new(),
            in_start: Vec::new(),
            held: 0,
            inner: false,
        }
    }

    /// Takes the next piece of one direction.
    pub(super) fn stream(
        &mut self,
        about: &mut About,
        direction: Direction,
        piece: Piece<'_>,
        shared: &mut Shared<'_>,
    ) -> Interest {
        about.heard.spoken = true;
        match (direction, piece) {
            (Direction::Out, Piece::Bytes(bytes)) => self.client_said(about, bytes, shared),
            (Direction::Out, Piece::Gap(missing)) => self.client_lost(about, missing, shared),
            (Direction::In, Piece::Bytes(bytes)) => return self.server_said(about, bytes, shared),
            (Direction::In, Piece::Gap(_)) => {
                if let Stage::Dns { back, .. } = &mut self.stage {
                    *back = MessageReader::new();
                } else {
                    return Interest::Enough;
                }
            }
        }
        if matches!(self.stage, Stage::Over) { Interest::Enough } else { Interest::More }
    }

    /// The flow is over: what was not decided is now.
    pub(super) fn end(mut self, mut about: About, shared: &mut Shared<'_>) {
        about.settle();
        if matches!(self.stage, Stage::First(_)) && !self.backlog.is_empty() {
            self.decide(&mut about, Facts::Unknown, shared);
        }
        self.let_go(shared);
        if about.heard.protocol == "unknown" {
            about.heard.protocol = self.by_start();
        }
        if about.heard.signature.is_none()
            && let SignatureMatch::Service(service) =
                shared.rules.catalogue.match_signature(Transport::Tcp, &self.in_start)
        {
            // One side is enough: both begin alike.
            about.heard.signature = Some(service);
        }
        match self.stage {
            Stage::Dns { questions, .. } => questions.end(about, shared),
            _ => about.end(shared),
        }
    }

    fn client_said(&mut self, about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) {
        let wanted = LONGEST_SIGNATURE - self.out_start.len();
        self.out_start.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
        match &mut self.stage {
            Stage::First(first) => {
                let facts = first.push(bytes);
                self.backlog.extend_from_slice(bytes);
                self.hold(bytes.len(), shared);
                match facts {
                    Some(facts) => self.decide(about, facts, shared),
                    None if !shared.has_room(self.held) => self.decide(about, Facts::Unknown, shared),
                    None => {}
                }
            }
            Stage::Signature => self.match_signature(about, shared),
            Stage::Requests { .. } => self.requests(about, bytes, shared),
            Stage::Http2(_) => self.http2(about, bytes, shared),
            Stage::WebSocket(_) => self.websocket(about, bytes, shared),
            Stage::Dialogue(_) => self.dialogue(about, bytes, shared),
            Stage::Socks(_) => self.socks(about, bytes, shared),
            Stage::Lost if begins_like_request(bytes) => {
                self.stage = Stage::Requests { framer: Box::default(), in_body: false };
                self.requests(about, bytes, shared);
            }
            Stage::Dns { out, questions, .. } => {
                let mut rest = bytes;
                while let Some(message) = out.next(&mut rest) {
                    questions.message(about, Direction::Out, &message, shared);
                }
            }
            Stage::Lost | Stage::Over => {}
        }
    }

    fn server_said(&mut self, about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) -> Interest {
        let wanted = LONGEST_SIGNATURE - self.in_start.len();
        self.in_start.extend_from_slice(&bytes[..wanted.min(bytes.len())]);
        if let Stage::Dns { back, questions, .. } = &mut self.stage {
            let mut rest = bytes;
            while let Some(message) = back.next(&mut rest) {
                questions.message(about, Direction::In, &message, shared);
            }
            return Interest::More;
        }
        if self.in_start.len() < LONGEST_SIGNATURE { Interest::More } else { Interest::Enough }
    }

    fn client_lost(&mut self, about: &mut About, missing: u32, shared: &mut Shared<'_>) {
        match &mut self.stage {
            Stage::First(_) => {
                self.decide(about, Facts::Unknown, shared);
                self.stage = Stage::Lost;
            }
            Stage::Requests { in_body: true, .. } if missing <= LONGEST_STEP => {
                // Where the body ends is known: its bytes do not matter.
                let mut left = missing as usize;
                while left > 0 && matches!(self.stage, Stage::Requests { in_body: true, .. }) {
                    let step = left.min(ZEROES.len());
                    self.requests(about, &ZEROES[..step], shared);
                    left -= step;
                }
                if left > 0 || !matches!(self.stage, Stage::Requests { in_body: true, .. }) {
                    self.lost(shared);
                }
            }
            Stage::Requests { .. } => self.lost(shared),
            Stage::Dns { out, .. } => *out = MessageReader::new(),
            Stage::Http2(_) | Stage::WebSocket(_) => {
                self.let_go(shared);
                self.stage = Stage::Over;
            }
            Stage::Signature | Stage::Socks(_) | Stage::Dialogue(_) => self.stage = Stage::Over,
            Stage::Lost | Stage::Over => {}
        }
    }

    fn lost(&mut self, shared: &mut Shared<'_>) {
        self.stage = Stage::Lost;
        self.let_go(shared);
    }

    /// It is known what the client speaks.
    fn decide(&mut self, about: &mut About, facts: Facts, shared: &mut Shared<'_>) {
        // The hello behind a dialogue counts for the dialogue, unless that named its server as well.
        let alone = about.heard.behind_starttls && !about.heard.has_told();
        if self.inner && facts != Facts::Unknown && !alone {
            about.begin_further("unknown", shared);
        }
        self.stage = Stage::Over;
        match facts {
            Facts::Tls(hello) => {
                if !alone {
                    about.heard.protocol = "tls";
                }
                about.heard.hello(Signal::TlsSni, hello);
            }
            Facts::BrokenTls => {
                about.heard.protocol = "tls";
                about
                    .heard
                    .refused("it begins as TLS and then breaks its rules: nobody can tell whom it is for");
            }
            Facts::Http => {
                let backlog = std::mem::take(&mut self.backlog);
                self.stage = Stage::Requests { framer: Box::default(), in_body: false };
                self.requests(about, &backlog, shared);
                return;
            }
            Facts::Http2PriorKnowledge => {
                let backlog = std::mem::take(&mut self.backlog);
                about.heard.protocol = "http2";
                self.stage = Stage::Http2(Box::new(http2::RequestFramer::new(true)));
                return self.http2(about, &backlog, shared);
            }
            Facts::Dialogue => {
                let backlog = std::mem::take(&mut self.backlog);
                self.let_go(shared);
                self.stage = Stage::Dialogue(starttls::Reader::new());
                return self.dialogue(about, &backlog, shared);
            }
            Facts::Mqtt(connect) => {
                about.heard.protocol = "mqtt";
                about.heard.mqtt(&connect, &shared.rules);
            }
            Facts::MiPush(hello) => {
                about.heard.protocol = "mi_push";
                about.heard.mi_push(hello);
            }
            Facts::Socks => {
                let backlog = std::mem::take(&mut self.backlog);
                self.let_go(shared);
                about.heard.protocol = "socks";
                self.stage = Stage::Socks(Box::default());
                return self.socks(about, &backlog, shared);
            }
            // Inside a tunnel or upgrade the record is that of the request.
            Facts::Unknown if self.inner => {}
            Facts::Unknown => about.heard.clear_text(&self.backlog, &shared.rules),
        }
        self.let_go(shared);
        if !self.inner {
            self.match_signature(about, shared);
        }
    }

    fn match_signature(&mut self, about: &mut About, shared: &Shared<'_>) {
        self.stage = Stage::Over;
        match shared.rules.catalogue.match_signature(Transport::Tcp, &self.out_start) {
            SignatureMatch::Service(service) => about.heard.signature = Some(service),
            SignatureMatch::NeedMore if !about.heard.has_told() => self.stage = Stage::Signature,
            SignatureMatch::NeedMore | SignatureMatch::No => {}
        }
    }

    /// Cuts the stream into requests, each of which is a record.
    fn requests(&mut self, about: &mut About, mut bytes: &[u8], shared: &mut Shared<'_>) {
        while !bytes.is_empty() {
            let Stage::Requests { framer, in_body } = &mut self.stage else { return };
            match framer.next(bytes) {
                Ok((covered, http1::Piece::NeedMore)) => {
                    *in_body = false;
                    self.hold(covered, shared);
                    if !shared.has_room(self.held) {
                        self.lost(shared);
                    }
                    return;
                }
                Ok((covered, http1::Piece::Head(request))) => {
                    *in_body = true;
                    framer.take_head();
                    self.let_go(shared);
                    if about.heard.has_told() {
                        about.begin_further("http", shared);
                    }
                    about.heard.protocol = "http";
                    about.heard.spoken = true;
                    about.heard.request(request);
                    bytes = &bytes[covered..];
                }
                Ok((covered, http1::Piece::Body)) => {
                    *in_body = true;
                    self.keep_body(about, &bytes[..covered], shared);
                    bytes = &bytes[covered..];
                }
                Ok((_, http1::Piece::Opaque)) => return self.begin_inside(about, bytes, shared),
                Err(_) => {
                    if about.heard.has_told() {
                        about.begin_further("http", shared);
                    }
                    about.heard.protocol = "http";
                    about.heard.spoken = true;
                    about.heard.refused("an HTTP request that can be read in more than one way: nobody can tell whom it is for");
                    self.stage = Stage::Over;
                    return self.let_go(shared);
                }
            }
        }
    }

    /// The same for HTTP/2.
    fn http2(&mut self, about: &mut About, mut bytes: &[u8], shared: &mut Shared<'_>) {
        while !bytes.is_empty() {
            let Stage::Http2(framer) = &mut self.stage else { return };
            let covered = match framer.next(bytes) {
                Ok((covered, http2::Piece::NeedMore)) => covered,
                Ok((covered, http2::Piece::Request(request))) => {
                    framer.take_message();
                    self.let_go(shared);
                    if about.heard.has_told() {
                        about.begin_further("http2", shared);
                    }
                    about.heard.protocol = "http2";
                    about.heard.spoken = true;
                    about.heard.request(request);
                    covered
                }
                // Frames are kept as they are: the request's own are picked out when it is searched.
                Ok((covered, http2::Piece::Plain)) => {
                    let message = framer.take_message();
                    self.keep_body(about, &message, shared);
                    covered
                }
                Ok((covered, http2::Piece::Contents)) => {
                    self.keep_body(about, &bytes[..covered], shared);
                    covered
                }
                Err(_) => {
                    if about.heard.has_told() {
                        about.begin_further("http2", shared);
                    }
                    about.heard.protocol = "http2";
                    about.heard.spoken = true;
                    about.heard.refused("HTTP/2 that cannot be followed: nobody can tell whom it is for");
                    self.stage = Stage::Over;
                    return self.let_go(shared);
                }
            };
            bytes = &bytes[covered..];
        }
    }

    fn keep_body(&mut self, about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) {
        if shared.has_room(self.held) {
            let kept = about.heard.body(bytes);
            self.hold(kept, shared);
        }
    }

    fn websocket(&mut self, about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) {
        let Stage::WebSocket(frames) = &mut self.stage else { return };
        let mut messages = Vec::new();
        frames.push(bytes, &mut messages);
        self.keep_body(about, &messages, shared);
    }

    /// Reads a dialogue up to the word that starts TLS.
    fn dialogue(&mut self, about: &mut About, mut bytes: &[u8], shared: &mut Shared<'_>) {
        while !bytes.is_empty() {
            let Stage::Dialogue(reader) = &mut self.stage else { return };
            let (covered, piece) = reader.next(bytes);
            reader.take_message();
            about.heard.protocol = reader.protocol().unwrap_or(about.heard.protocol);
            bytes = &bytes[covered..];
            match piece {
                starttls::Piece::NeedMore | starttls::Piece::Line => {}
                starttls::Piece::StreamTo(domain) => about.heard.tunnel(domain),
                starttls::Piece::StartTls => {
                    about.heard.behind_starttls = true;
                    return self.begin_inside(about, bytes, shared);
                }
                starttls::Piece::Over => self.stage = Stage::Over,
            }
        }
    }

    /// Reads up to the request of a SOCKS client, which names where its tunnel leads.
    fn socks(&mut self, about: &mut About, mut bytes: &[u8], shared: &mut Shared<'_>) {
        while !bytes.is_empty() {
            let Stage::Socks(reader) = &mut self.stage else { return };
            match reader.next(bytes) {
                Ok((covered, socks::Piece::NeedMore | socks::Piece::Greeting)) => bytes = &bytes[covered..],
                Ok((covered, socks::Piece::Request(target))) => {
                    about.heard.tunnel(target.host);
                    return self.begin_inside(about, &bytes[covered..], shared);
                }
                Err(_) => {
                    about.heard.refused(
                        "it begins as SOCKS and then breaks its rules: nobody can tell whom it is for",
                    );
                    self.stage = Stage::Over;
                }
            }
        }
    }

    /// What follows is said inside a tunnel or an upgrade, and begins like a stream of its own.
    fn begin_inside(&mut self, about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) {
        self.inner = true;
        let is_websocket = about.heard.upgrade().is_some_and(|upgrade| upgrade.contains("websocket"));
        self.stage = if is_websocket {
            about.heard.protocol = "websocket";
            Stage::WebSocket(ClientFrames::new())
        } else {
            Stage::First(Box::default())
        };
        self.backlog.clear();
        if !bytes.is_empty() {
            self.client_said(about, bytes, shared);
        }
    }

    /// What is spoken, as far as the first bytes of either side tell.
    fn by_start(&self) -> &'static str {
        // TLS records of type handshake or alert, major version 3 (RFC 8446 §5.1)
        let is_tls = |start: &[u8]| matches!(start, [0x15 | 0x16, 0x03, ..]);
        let is_mi_push = |start: &[u8]| start.starts_with(&mi_push::MAGIC);
        if is_tls(&self.out_start) || is_tls(&self.in_start) {
            "tls"
        } else if is_mi_push(&self.out_start) || is_mi_push(&self.in_start) {
            "mi_push"
        } else if self.in_start.starts_with(b"HTTP/1.") || begins_with_method(&self.out_start) {
            "http"
        } else if self.out_start.starts_with(b"SSH-") || self.in_start.starts_with(b"SSH-") {
            "ssh"
        } else {
            "unknown"
        }
    }

    fn hold(&mut self, bytes: usize, shared: &mut Shared<'_>) {
        self.held += bytes;
        shared.held += bytes;
    }

    fn let_go(&mut self, shared: &mut Shared<'_>) {
        self.backlog = Vec::new();
        shared.held -= self.held;
        self.held = 0;
    }
}

/// Whether a segment after lost ones begins with an HTTP/1 request line (RFC 9112 §3), as far as it shows.
fn begins_like_request(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    begins_with_method(bytes) && line.windows(7).any(|window| window == b"HTTP/1.")
}

/// Methods of RFC 9110 §9.3 and RFC 5789.
fn begins_with_method(bytes: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] =
        [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT ", b"TRACE "];
    METHODS.iter().any(|method| bytes.starts_with(method))
}
