//! Puts records in the order of their flows' numbers, without waiting for ever.

use super::record::Record;
use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// Records held back for the sake of order. A capture with longer-lived flows than that comes out with some records late,
/// never with more memory.
const MOST_HELD: usize = 4096;

/// Where records go.
pub(super) type Sink<'a> = Box<dyn FnMut(Record) -> Result<(), Failure> + 'a>;

/// Holds records of flows until those of all earlier flows are out.
pub(super) struct Order<'a> {
    sink: Sink<'a>,
    /// The first flow that may still have more to say.
    next: u64,
    held: BTreeMap<u64, Vec<Record>>,
    held_records: usize,
    /// Flows behind `next` that are over.
    over: BTreeSet<u64>,
    /// The first failure of the sink: it gets nothing more.
    failure: Option<Failure>,
}

impl<'a> Order<'a> {
    pub(super) fn new(sink: Sink<'a>) -> Self {
        Self { sink, next: 1, held: BTreeMap::new(), held_records: 0, over: BTreeSet::new(), failure: None }
    }

    /// Takes a record.
    pub(super) fn push(&mut self, record: Record) {
        if record.flow <= self.next {
            self.pass_on(record);
            return;
        }
        self.held.entry(record.flow).or_default().push(record);
        self.held_records += 1;
        if self.held_records > MOST_HELD {
            self.release();
        }
    }

    /// A flow will say no more.
    pub(super) fn over(&mut self, flow: u64) {
        if flow < self.next {
            return;
        }
        self.over.insert(flow);
        while self.over.remove(&self.next) {
            self.next += 1;
            for record in self.held.remove(&self.next).unwrap_or_default() {
                self.held_records -= 1;
                self.pass_on(record);
            }
        }
        if self.over.len() > MOST_HELD {
            self.release();
        }
    }

    /// Whether the sink has failed, so that going on is no use.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Hands on what is left.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.release();
        self.failure.map_or(Ok(()), Err)
    }

    /// Hands on all that is held; what earlier flows have yet to say comes late.
    fn release(&mut self) {
        let newest = self.held.keys().chain(&self.over).max().copied();
        for record in std::mem::take(&mut self.held).into_values().flatten() {
            self.pass_on(record);
        }
        self.held_records = 0;
        self.over.clear();
        self.next = newest.map_or(self.next, |newest| self.next.max(newest));
    }

    fn pass_on(&mut self, record: Record) {
        if self.failure.is_none() {
            self.failure = (self.sink)(record).err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Record;
    use super::*;
    use consentry_inspect::capture::{Endpoints, Timestamp, Transport};
    use std::cell::RefCell;

    fn record(flow: u64) -> Record {
        let end = "192.0.2.1:1".parse().unwrap();
        let endpoints = Endpoints { transport: Transport::Tcp, client: end, server: end };
        Record::new(flow, &endpoints, Timestamp::default())
    }

    #[test]
    fn records_come_in_the_order_of_their_flows() {
        let seen = RefCell::new(Vec::new());
        let mut order = Order::new(Box::new(|record| {
            seen.borrow_mut().push(record.flow);
            Ok(())
        }));
        for flow in [3, 2, 1, 3, 1] {
            order.push(record(flow));
        }
        assert_eq!(*seen.borrow(), [1, 1]);
        order.over(2);
        order.over(1);
        assert_eq!(*seen.borrow(), [1, 1, 2, 3, 3]);
        order.push(record(4));
        order.finish().unwrap();
        assert_eq!(*seen.borrow(), [1, 1, 2, 3, 3, 4]);
    }

    #[test]
    fn a_flow_that_stays_open_does_not_hold_back_more_than_the_limit() {
        let seen = RefCell::new(0);
        let mut order = Order::new(Box::new(|_| {
            *seen.borrow_mut() += 1;
            Ok(())
        }));
        for flow in 2..=50_000 {
            order.push(record(flow));
            order.over(flow);
            assert!(flow - 1 - *seen.borrow() <= MOST_HELD as u64 + 1);
        }
        order.push(record(1));
        order.finish().unwrap();
        assert_eq!(*seen.borrow(), 50_000);
    }

    #[test]
    fn the_first_failure_of_the_sink_is_kept() {
        let mut order = Order::new(Box::new(|_| Err(Failure::ReaderGone)));
        order.push(record(1));
        assert!(order.has_failed());
        assert!(matches!(order.finish(), Err(Failure::ReaderGone)));
    }
}
