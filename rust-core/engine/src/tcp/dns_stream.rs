//! DNS over TCP towards the app: messages out of the stream, replies into it (RFC 7766).
use super::stack::Connection;
use crate::dns::{MessageReader, framed};
use consentry_inspect::dns::{DnsError, Name};
use std::time::{Duration, Instant};

/// How long an app may leave a DNS connection idle (RFC 7766 §6.2.3 leaves it to the server).
const IDLE: Duration = Duration::from_secs(30);

/// Most questions of one connection that may be unanswered at a time; more wait in the app's own buffers.
const UNANSWERED_MAX: usize = 64;

/// Most bytes of answers that may wait for the app.
const WAITING_MAX: usize = 256 * 1024;

/// The state of one connection.
pub(super) struct DnsStream {
    reader: MessageReader,
    /// Bytes of the first message, kept until it is known to be DNS.
    first: Vec<u8>,
    /// Bytes taken from the app that have not been read.
    unread: Vec<u8>,
    waiting: Vec<u8>,
    unanswered: usize,
    spoke_dns: bool,
    last: Instant,
}

impl DnsStream {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            reader: MessageReader::new(),
            first: Vec::new(),
            unread: Vec::new(),
            waiting: Vec::new(),
            unanswered: 0,
            spoke_dns: false,
            last: now,
        }
    }

    /// Takes bytes from the app, unless it has too many questions open or does not read the answers.
    pub(super) fn pump(&mut self, connection: &mut Connection, now: Instant) {
        if self.unanswered >= UNANSWERED_MAX || self.waiting.len() >= WAITING_MAX {
            return;
        }
        while connection.can_receive() && self.unread.len() < 64 * 1024 {
            connection.receive(|bytes| {
                self.unread.extend_from_slice(bytes);
                (bytes.len(), ())
            });
            self.last = now;
        }
    }

    /// The next whole message.
    pub(super) fn next_message(&mut self) -> Option<Vec<u8>> {
        if self.unanswered >= UNANSWERED_MAX {
            return None;
        }
        let mut rest = &self.unread[..];
        let message = self.reader.next(&mut rest);
        let used = self.unread.len() - rest.len();
        if !self.spoke_dns {
            self.first.extend_from_slice(&self.unread[..used]);
        }
        self.unread.drain(..used);
        message
    }

    /// A message was handed to the interceptor.
    pub(super) fn asked(&mut self) {
        self.spoke_dns = true;
        self.first = Vec::new();
        self.unanswered += 1;
    }

    /// Whether the bytes taken so far cannot begin a DNS question: a first message whose header, already here, is none.
    pub(super) fn cannot_be_dns(&self) -> bool {
        !self.spoke_dns
            && self.first.len() >= 2 + 12
            && !consentry_inspect::dns::looks_like_query(&self.first[2..])
    }

    /// The name that stands where a question's name would, in a first message that is no question by the rules: a lenient
    /// server might answer it all the same.
    pub(super) fn first_name(&self) -> Result<Name, DnsError> {
        let mut said = self.first.clone();
        said.extend_from_slice(&self.unread);
        consentry_inspect::dns::first_name(said.get(2..).unwrap_or_default())
    }

    /// An answer for the app.
    pub(super) fn reply(&mut self, message: &[u8]) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.waiting.extend_from_slice(&framed(message));
    }

    /// Moves answers to the app.
    pub(super) fn drain(&mut self, connection: &mut Connection, now: Instant) {
        while !self.waiting.is_empty() && connection.can_send() {
            let sent = connection
                .send(|room| {
                    let count = room.len().min(self.waiting.len());
                    room[..count].copy_from_slice(&self.waiting[..count]);
                    (count, count)
                })
                .unwrap_or(0);
            self.waiting.drain(..sent);
            self.last = now;
            if sent == 0 {
                break;
            }
        }
    }

    /// Whether every question has been answered.
    pub(super) fn is_idle(&self) -> bool {
        self.unanswered == 0 && self.waiting.is_empty()
    }

    /// When an idle connection is closed.
    pub(super) fn deadline(&self) -> Instant {
        self.last + IDLE
    }

    /// Everything the app has said on a connection that turned out not to speak DNS.
    pub(super) fn into_taken(mut self) -> Vec<u8> {
        self.first.append(&mut self.unread);
        self.first
    }
}
