//! Hears the flows of a capture, and judges each.

use super::flow::{Flow, Shared, Talk};
use super::heard::Rules;
use super::order::{Order, Sink};
use crate::failure::Failure;
use consentry_engine::dns::NameMap;
use consentry_inspect::capture::{Direction, Endpoints, Interest, Observer, Piece, Timestamp};

/// Judges every flow by the rules of the engine, and hands on a record for each.
///
/// A flow is judged once, with all that it said: that is what the engine would have judged it by, had it been between the
/// phone and the network.
pub(super) struct Examination<'a> {
    shared: Shared<'a>,
}

impl<'a> Examination<'a> {
    pub(super) fn new(rules: Rules<'a>, sink: Sink<'a>) -> Self {
        Self { shared: Shared { rules, names: NameMap::new(), order: Order::new(sink), held: 0, app: None } }
    }

    /// A frame begins; the capture says that it belongs to this app.
    pub(super) fn begin_frame(&mut self, app: Option<String>) {
        self.shared.app = app;
    }

    /// Whether records can no longer be handed on.
    pub(super) fn has_failed(&self) -> bool {
        self.shared.order.has_failed()
    }

    /// Hands on what is left.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.shared.order.finish()
    }
}

impl Observer for Examination<'_> {
    type State = Flow;

    fn opened(&mut self, flow: u64, endpoints: &Endpoints, time: Timestamp) -> Flow {
        Flow::new(flow, endpoints, time, &self.shared)
    }

    fn packet(&mut self, flow: &mut Flow, direction: Direction, payload: u64, time: Timestamp) {
        flow.about.packet(direction, payload, time);
    }

    fn stream(&mut self, flow: &mut Flow, direction: Direction, piece: Piece<'_>) -> Interest {
        match &mut flow.talk {
            Talk::Tcp(tcp) => tcp.stream(&mut flow.about, direction, piece, &mut self.shared),
            Talk::Udp(_) | Talk::Echo => Interest::Enough,
        }
    }

    fn datagram(&mut self, flow: &mut Flow, direction: Direction, bytes: &[u8], missing: u32) {
        if let Talk::Udp(udp) = &mut flow.talk {
            udp.datagram(&mut flow.about, direction, bytes, missing, &mut self.shared);
        }
    }

    fn closed(&mut self, flow: Flow) {
        match flow.talk {
            Talk::Tcp(tcp) => tcp.end(flow.about, &mut self.shared),
            Talk::Udp(udp) => udp.end(flow.about, &mut self.shared),
            Talk::Echo => flow.about.end(&mut self.shared),
        }
    }
}
