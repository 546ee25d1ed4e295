//! One flow of the capture while it is open: what it said so far, and whose record is being filled.

use super::heard::{Heard, Rules};
use super::order::Order;
use super::record::Record;
use super::tcp::Tcp;
use super::udp::Udp;
use consentry_engine::dns::NameMap;
use consentry_inspect::capture::{Direction, Endpoints, Timestamp, Transport};
use std::sync::Arc;

/// What all flows share.
pub(super) struct Shared<'a> {
    pub(super) rules: Rules<'a>,
    /// Names learnt from the DNS answers of the capture.
    pub(super) names: NameMap,
    pub(super) order: Order<'a>,
    /// Bytes held by all flows that have yet to say whom they are for.
    pub(super) held: usize,
    /// The app that the current frame belongs to, where the capture says so.
    pub(super) app: Option<String>,
}

/// Bytes held by all flows together before flows that are slow to say whom they are for are given up.
const MOST_HELD: usize = 64 << 20;
/// A flow may always hold this much.
const ALWAYS_HELD: usize = 8 * 1024;

impl Shared<'_> {
    /// Whether a flow that holds so many bytes may hold more.
    pub(super) fn has_room(&self, held: usize) -> bool {
        self.held <= MOST_HELD || held <= ALWAYS_HELD
    }
}

/// One flow.
pub(crate) struct Flow {
    pub(super) about: About,
    pub(super) talk: Talk,
}

/// What the flow speaks.
pub(super) enum Talk {
    Tcp(Box<Tcp>),
    Udp(Box<Udp>),
    Echo,
}

/// A flow's ends and the record that is being filled.
pub(super) struct About {
    number: u64,
    pub(super) endpoints: Endpoints,
    /// The app it belongs to, where the capture says so.
    app: Option<Arc<str>>,
    /// What DNS had called the server by the time the flow began.
    names: Vec<Arc<str>>,
    pub(super) heard: Heard,
    /// When its last packet came.
    pub(super) now: Timestamp,
    /// Payload of that packet, which counts for the record that is current once it has been understood.
    out: u64,
    back: u64,
}

impl Flow {
    pub(super) fn new(number: u64, endpoints: &Endpoints, time: Timestamp, shared: &Shared<'_>) -> Self {
        let talk = match endpoints.transport {
            Transport::Tcp => Talk::Tcp(Box::new(Tcp::new(endpoints.server.port()))),
            Transport::Udp => Talk::Udp(Box::new(Udp::new(endpoints.server.port()))),
            Transport::Icmp => Talk::Echo,
        };
        let protocol = if matches!(talk, Talk::Echo) { "icmp" } else { "unknown" };
        let about = About {
            number,
            endpoints: *endpoints,
            app: shared.app.as_deref().map(Arc::from),
            names: shared.names.names(endpoints.server.ip()).to_vec(),
            heard: Heard::new(protocol, time),
            now: time,
            out: 0,
            back: 0,
        };
        Self { about, talk }
    }
}

impl About {
    /// Counts a packet's payload.
    pub(super) fn packet(&mut self, direction: Direction, payload: u64, time: Timestamp) {
        self.settle();
        self.now = time;
        match direction {
            Direction::Out => self.out = payload,
            Direction::In => self.back = payload,
        }
    }

    /// Puts the last packet's payload down to the current record.
    pub(super) fn settle(&mut self) {
        self.heard.bytes_out += std::mem::take(&mut self.out);
        self.heard.bytes_in += std::mem::take(&mut self.back);
    }

    /// Puts the last packet's payload down to something else.
    pub(super) fn settle_on(&mut self, heard: &mut Heard) {
        heard.bytes_out += std::mem::take(&mut self.out);
        heard.bytes_in += std::mem::take(&mut self.back);
    }

    /// Ends the current record and begins a further one.
    pub(super) fn begin_further(&mut self, protocol: &'static str, shared: &mut Shared<'_>) {
        let further = Heard::new(protocol, self.now);
        let heard = std::mem::replace(&mut self.heard, further);
        shared.order.push(self.judge(heard, shared));
    }

    /// Judges what was heard.
    pub(super) fn judge(&self, heard: Heard, shared: &Shared<'_>) -> Record {
        let record = heard.record(self.number, &self.endpoints, &self.names, &shared.rules);
        Record { app: self.app.clone(), ..record }
    }

    /// Ends the current record and the flow.
    pub(super) fn end(mut self, shared: &mut Shared<'_>) {
        self.settle();
        let heard = std::mem::replace(&mut self.heard, Heard::new("unknown", self.now));
        shared.order.push(self.judge(heard, shared));
        shared.order.over(self.number);
    }

    /// Ends the flow without a record of its own.
    pub(super) fn end_silently(self, shared: &mut Shared<'_>) {
        shared.order.over(self.number);
    }
}
