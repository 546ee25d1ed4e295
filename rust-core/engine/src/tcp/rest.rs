//! Flows that are quiet give the memory of their empty buffers back: a page each way for every flow would be most of what ten
//! thousand of them cost.
use super::flow::Flow;
use crate::io::Buffers;
use std::time::{Duration, Instant};

/// How long a flow has to be quiet. Those that say a word now and then keep their pages: to fetch one anew costs more than a packet.
const QUIET: Duration = Duration::from_secs(10);

/// When the flows are gone through next. One look at all of them some seconds after something happened, and none while nothing
/// does, costs less than a timer for each.
#[derive(Debug, Default)]
pub(super) struct Rest {
    look_at: Option<Instant>,
}

impl Rest {
    /// Some flow moved.
    pub(super) fn disturbed(&mut self, now: Instant) {
        self.look_at.get_or_insert(now + QUIET);
    }

    /// When [`Rest::handle_timeout`] is wanted.
    pub(super) fn poll_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Lets the quiet ones rest, if it is time to look.
    pub(super) fn handle_timeout<'a>(
        &mut self,
        flows: impl Iterator<Item = &'a mut Box<Flow>>,
        buffers: &mut dyn Buffers,
        now: Instant,
    ) {
        if self.look_at.is_none_or(|at| now < at) {
            return;
        }
        let mut restless = false;
        for flow in flows.filter(|flow| !flow.at_rest) {
            if now < flow.last + QUIET {
                restless = true;
            } else if let Some(connection) = &flow.connection {
                // One with bytes in its buffers moves again when they go on, and is looked at after that.
                connection.rest(buffers);
                flow.at_rest = true;
            }
        }
        self.look_at = restless.then_some(now + QUIET);
    }
}
