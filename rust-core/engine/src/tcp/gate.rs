//! The gate between what an app says on a TCP connection and the network: bytes are held until they have been judged, and the
//! bytes that were judged are the bytes that are let through.
use consentry_inspect::first_bytes::{Facts, FirstBytes};
use consentry_inspect::http1::{Piece, Request, RequestFramer};
use consentry_inspect::http2;
use consentry_inspect::socks::{self, RequestReader};
use consentry_inspect::starttls;

/// Most bytes held back of one stream: a hello or a head of 64 KiB with what frames it.
const HELD_MAX: usize = 66 * 1024;

/// Something an app said that wants a verdict before anything more is let through.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The first bytes of the stream (or of a stream inside a tunnel) are known for what they are. HTTP, SOCKS and dialogues never
    /// show here: what they say follows piece by piece.
    First(Facts),
    /// One whole head of an HTTP request.
    Request(Box<Request>),
    /// What a client says before it asks a SOCKS proxy for a tunnel, or a server for TLS.
    Greeting,
    /// The domain that an XMPP client wants to reach.
    StreamTo(String),
    /// A SOCKS client asks for a tunnel.
    SocksRequest(socks::Target),
    /// Nobody can tell what the server would make of the bytes: HTTP whose framing is ambiguous, SOCKS that cannot be followed.
    Ambiguous,
}

/// What [`Gate::offer`] made of the bytes offered.
#[derive(Debug)]
pub(crate) enum Offer {
    /// This many bytes were taken in.
    Taken(usize),
    /// This many bytes need no judging and may go straight to the server; report with [`Gate::passed`] how many went.
    Pass(usize),
}

enum Stage {
    /// It is not known yet what the app speaks.
    First(Box<FirstBytes>),
    /// HTTP/1: heads are held, bodies pass.
    Requests(Box<RequestFramer>),
    /// HTTP/2: headers are held, other frames pass once there was a request.
    Http2(Box<http2::RequestFramer>),
    /// A dialogue that may turn into TLS: its lines are held one by one.
    Dialogue(starttls::Reader),
    /// SOCKS: its messages are held one by one.
    Socks(Box<RequestReader>),
    /// Nothing more to judge.
    Open,
}

/// What one step over some bytes used.
enum Step {
    /// So many bytes were taken in; what they said, if anything, is in `heard`.
    Taken(usize),
    /// So many bytes are an HTTP body.
    Body(usize),
}

/// See the module's text. At most 64 KiB are held back: a hello or a head that is longer counts as not understood.
pub(crate) struct Gate {
    stage: Stage,
    /// Bytes taken in that have yet to go through the framer (the first ones, once they turn out to be HTTP).
    backlog: Vec<u8>,
    /// Bytes whose verdict is awaited.
    held: Vec<u8>,
    /// What the held bytes said.
    heard: Option<Heard>,
    /// How many of the held bytes have been let through already, being no more than part of a word.
    early: usize,
    /// Bytes let through that wait for the server.
    outbox: Vec<u8>,
    /// How many bytes of the outbox the server has taken.
    outbox_sent: usize,
    /// Body bytes the framer has covered that have yet to be passed.
    body_left: usize,
    /// Whether an HTTP/1 request asked for another protocol: what follows goes to the same server.
    upgraded: bool,
}

impl Gate {
    /// A gate in front of a stream nothing is known of.
    pub(crate) fn new() -> Self {
        Self {
            stage: Stage::First(Box::default()),
            backlog: Vec::new(),
            held: Vec::new(),
            heard: None,
            early: 0,
            outbox: Vec::new(),
            outbox_sent: 0,
            body_left: 0,
            upgraded: false,
        }
    }

    /// Bytes let through that the server has not taken yet.
    pub(crate) fn outbox(&self) -> &[u8] {
        &self.outbox[self.outbox_sent..]
    }

    /// The server took `count` bytes of the outbox.
    pub(crate) fn outbox_taken(&mut self, count: usize) {
        self.outbox_sent += count;
        if self.outbox_sent == self.outbox.len() {
            // Seldom needed twice: give the memory back.
            self.outbox = Vec::new();
            self.outbox_sent = 0;
        }
    }

    /// The bytes held back whose verdict is awaited.
    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Whether anything is held back that has not been let through.
    pub(crate) fn holds_back(&self) -> bool {
        self.held.len() > self.early
    }

    /// What the app said that now wants a verdict. Works on bytes taken in earlier; call it before [`Gate::offer`] and after
    /// each [`Gate::release`] until it is `None`.
    pub(crate) fn next_heard(&mut self) -> Option<Heard> {
        while self.heard.is_none() && !self.backlog.is_empty() {
            let backlog = std::mem::take(&mut self.backlog);
            let used = match self.step(&backlog) {
                Step::Taken(used) => used,
                Step::Body(used) => {
                    self.outbox.extend_from_slice(&backlog[..used]);
                    used
                }
            };
            if self.backlog.is_empty() {
                self.backlog = backlog;
                self.backlog.drain(..used);
            }
        }
        self.heard.take()
    }

    /// Offers the next bytes from the app. Only when [`Gate::next_heard`] has nothing more and the outbox is empty.
    pub(crate) fn offer(&mut self, bytes: &[u8]) -> Offer {
        if self.body_left > 0 {
            return Offer::Pass(self.body_left.min(bytes.len()));
        }
        if matches!(self.stage, Stage::Open) {
            return Offer::Pass(bytes.len());
        }
        match self.step(bytes) {
            Step::Taken(used) => Offer::Taken(used),
            Step::Body(covered) => {
                self.body_left = covered;
                Offer::Pass(covered)
            }
        }
    }

    /// What the bytes held back are, now that the app will not say more.
    pub(crate) fn finish(&self) -> Heard {
        match &self.stage {
            Stage::First(first) => match first.finish() {
                // Part of a request line.
                Facts::Http => Heard::Ambiguous,
                facts => Heard::First(facts),
            },
            // Frames without a request.
            Stage::Http2(_) => Heard::Ambiguous,
            Stage::Requests(_) | Stage::Dialogue(_) | Stage::Socks(_) | Stage::Open => {
                Heard::First(Facts::Unknown)
            }
        }
    }

    /// Takes in bytes that were read before the gate had its place, whatever they are.
    pub(crate) fn take_in(&mut self, bytes: Vec<u8>) {
        self.backlog = bytes;
    }

    /// The server took `count` of the bytes that [`Offer::Pass`] named.
    pub(crate) fn passed(&mut self, count: usize) {
        self.body_left = self.body_left.saturating_sub(count);
    }

    /// What was heard last is allowed: it moves to the outbox, and what follows is judged in its turn.
    pub(crate) fn release(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        held.drain(..self.early.min(held.len()));
        self.early = 0;
        if self.outbox.is_empty() {
            self.outbox = held;
        } else {
            self.outbox.extend_from_slice(&held);
        }
    }

    /// Lets through what says nothing yet, being part of a single word, and goes on listening: otherwise a client that says one
    /// word and waits for an answer would wait for ever. Only towards a server that is connected already.
    pub(crate) fn release_bare_word(&mut self) {
        if let Stage::First(first) = &self.stage
            && first.is_bare_word()
        {
            self.outbox.extend_from_slice(&self.held[self.early..]);
            self.early = self.held.len();
        }
    }

    /// What was heard last is allowed and nothing that follows needs judging.
    pub(crate) fn open(&mut self) {
        self.release();
        let backlog = std::mem::take(&mut self.backlog);
        self.outbox.extend_from_slice(&backlog);
        self.stage = Stage::Open;
    }

    /// Everything the app said that was not let through, as evidence.
    pub(crate) fn take_held(&mut self) -> Vec<u8> {
        let mut held = std::mem::take(&mut self.held);
        held.drain(..std::mem::take(&mut self.early).min(held.len()));
        held.append(&mut self.backlog);
        held
    }

    /// The bytes that came with what was heard last, but after it.
    pub(crate) fn take_backlog(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.backlog)
    }

    fn step(&mut self, bytes: &[u8]) -> Step {
        match &mut self.stage {
            Stage::Open => Step::Body(bytes.len()),
            Stage::First(first) => {
                self.held.extend_from_slice(bytes);
                match first.push(bytes) {
                    // A hello cut into very many records: no client does that, and its frames would add up.
                    None if self.held.len() > HELD_MAX => self.heard = Some(Heard::Ambiguous),
                    None => {}
                    Some(Facts::Http) => {
                        // All of it goes through the framer, from the first byte on.
                        self.backlog = std::mem::take(&mut self.held);
                        self.stage = Stage::Requests(Box::default());
                    }
                    Some(Facts::Socks) => {
                        self.backlog = std::mem::take(&mut self.held);
                        self.stage = Stage::Socks(Box::default());
                    }
                    Some(Facts::Http2PriorKnowledge) => {
                        self.backlog = std::mem::take(&mut self.held);
                        self.stage = Stage::Http2(Box::new(http2::RequestFramer::new(!self.upgraded)));
                    }
                    Some(Facts::Dialogue) => {
                        self.backlog = std::mem::take(&mut self.held);
                        self.stage = Stage::Dialogue(starttls::Reader::new());
                    }
                    Some(facts) => self.heard = Some(Heard::First(facts)),
                }
                Step::Taken(bytes.len())
            }
            Stage::Socks(reader) => match reader.next(bytes) {
                Err(reason) => {
                    log::debug!("SOCKS refused: {reason}");
                    self.heard = Some(Heard::Ambiguous);
                    Step::Taken(bytes.len())
                }
                Ok((covered, socks::Piece::NeedMore)) => Step::Taken(covered),
                Ok((covered, socks::Piece::Greeting)) => {
                    self.held = reader.take_message();
                    self.heard = Some(Heard::Greeting);
                    Step::Taken(covered)
                }
                Ok((covered, socks::Piece::Request(target))) => {
                    self.held = reader.take_message();
                    self.heard = Some(Heard::SocksRequest(target));
                    // What follows is a stream of its own.
                    self.stage = Stage::First(Box::default());
                    Step::Taken(covered)
                }
            },
            Stage::Dialogue(reader) => {
                let (covered, piece) = reader.next(bytes);
                self.held = reader.take_message();
                match piece {
                    starttls::Piece::NeedMore => {}
                    starttls::Piece::Line => self.heard = Some(Heard::Greeting),
                    starttls::Piece::StreamTo(domain) => self.heard = Some(Heard::StreamTo(domain)),
                    starttls::Piece::StartTls => {
                        self.heard = Some(Heard::Greeting);
                        self.stage = Stage::First(Box::default());
                    }
                    starttls::Piece::Over => self.heard = Some(Heard::First(Facts::Unknown)),
                }
                Step::Taken(covered)
            }
            Stage::Http2(framer) => match framer.next(bytes) {
                Err(reason) => {
                    log::debug!("HTTP/2 refused: {reason}");
                    self.heard = Some(Heard::Ambiguous);
                    Step::Taken(bytes.len())
                }
                Ok((covered, http2::Piece::NeedMore)) => Step::Taken(covered),
                Ok((covered, http2::Piece::Plain)) => {
                    let message = framer.take_message();
                    self.outbox.extend_from_slice(&message[self.early.min(message.len())..]);
                    self.early = 0;
                    Step::Taken(covered)
                }
                Ok((covered, http2::Piece::Contents)) => Step::Body(covered),
                Ok((covered, http2::Piece::Request(request))) => {
                    self.held = framer.take_message();
                    self.heard = Some(Heard::Request(request));
                    Step::Taken(covered)
                }
            },
            Stage::Requests(framer) => match framer.next(bytes) {
                Err(reason) => {
                    log::debug!("HTTP framing refused: {reason}");
                    self.heard = Some(Heard::Ambiguous);
                    Step::Taken(bytes.len())
                }
                Ok((covered, Piece::NeedMore)) => Step::Taken(covered),
                Ok((covered, Piece::Body)) => Step::Body(covered),
                Ok((covered, Piece::Head(request))) => {
                    self.held = framer.take_head();
                    self.heard = Some(Heard::Request(request));
                    Step::Taken(covered)
                }
                Ok((_, Piece::Opaque)) => {
                    self.upgraded = framer.upgraded();
                    self.stage = Stage::First(Box::default());
                    Step::Taken(0)
                }
            },
        }
    }
}
