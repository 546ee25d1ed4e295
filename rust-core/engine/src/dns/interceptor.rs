//! The interceptor's face.
use super::{Asker, DnsConfig, DnsCounters, Intake, NameMap, Output, QueryId, SinkholePool};
use crate::config::Network;
use crate::io::FlowId;
use consentry_catalogue::Catalogue;
use consentry_consent::{Owner, Policy};
use std::net::SocketAddr;
use std::time::Instant;

/// The DNS interceptor. See the [module](super) for how to drive it.
pub struct Interceptor {
    names: NameMap,
    pool: SinkholePool,
    counters: DnsCounters,
}

#[allow(unused_variables, clippy::unimplemented)]
impl Interceptor {
    /// An interceptor with nothing pending.
    pub fn new(config: DnsConfig) -> Self {
        unimplemented!()
    }
    /// Takes a message that an app sent to port 53 (without the length that goes before it on TCP).
    pub fn question(&mut self, now: Instant, asker: Asker, owner: &Owner, message: &[u8], catalogue: &Catalogue, policy: &Policy) -> Intake {
        unimplemented!()
    }
    /// Looks up the addresses of a name for a flow.
    pub fn resolve(&mut self, now: Instant, flow: FlowId, name: &str) {
        unimplemented!()
    }
    /// Forgets what is pending for a flow that is gone: its own questions on TCP and its look-ups.
    pub fn cancel_flow(&mut self, flow: FlowId) {
        unimplemented!()
    }
    /// Takes a datagram that arrived on a query's UDP socket.
    pub fn udp_answer(&mut self, now: Instant, query: QueryId, from: SocketAddr, message: &[u8], catalogue: &Catalogue, policy: &Policy) {
        unimplemented!()
    }
    /// A query's TCP connection is established.
    pub fn tcp_connected(&mut self, query: QueryId) {
        unimplemented!()
    }
    /// Takes bytes that arrived on a query's TCP connection.
    pub fn tcp_bytes(&mut self, now: Instant, query: QueryId, bytes: &[u8], catalogue: &Catalogue, policy: &Policy) {
        unimplemented!()
    }
    /// A query's socket could not be opened, failed, or was closed by the other end.
    pub fn failed(&mut self, now: Instant, query: QueryId) {
        unimplemented!()
    }
    /// A new policy is in force: pending questions that it denies are answered from inside and not asked again.
    pub fn policy_changed(&mut self, catalogue: &Catalogue, policy: &Policy) {
        unimplemented!()
    }
    /// The network changed: names learnt are forgotten, pending questions are asked anew through it.
    pub fn network_changed(&mut self, now: Instant, network: Network) {
        unimplemented!()
    }
    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Instant) {
        unimplemented!()
    }
    /// When [`Self::handle_timeout`] is wanted; `None`: nothing is pending.
    pub fn poll_at(&self) -> Option<Instant> {
        unimplemented!()
    }
    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        unimplemented!()
    }
    /// Restores a stored sinkhole mapping; returns whether it is in force. Call before the first question.
    pub fn restore(&mut self, name: &str, index: u32) -> bool {
        self.pool.restore(name, index)
    }
    /// The names learnt from answers.
    pub fn names(&self) -> &NameMap {
        &self.names
    }
    /// The sinkhole addresses given so far.
    pub fn pool(&self) -> &SinkholePool {
        &self.pool
    }
    /// Totals so far.
    pub fn counters(&self) -> DnsCounters {
        self.counters
    }
}
