//! What happened so far, in numbers.

/// Totals since the engine started. They only grow, except the three that say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counters {
    /// Packets taken from the TUN device.
    pub packets_in: u64,
    /// Packets handed to the TUN device.
    pub packets_out: u64,
    /// Packets dropped because they were malformed or of no use (see the log at TRACE for each reason).
    pub packets_dropped: u64,
    /// TCP flows accepted or held so far.
    pub tcp_flows: u64,
    /// TCP flows alive now.
    pub tcp_alive: u64,
    /// UDP mappings opened so far.
    pub udp_mappings: u64,
    /// UDP mappings alive now.
    pub udp_alive: u64,
    /// Echo requests relayed.
    pub echo_requests: u64,
    /// DNS questions asked by apps.
    pub dns_questions: u64,
    /// Flows and questions denied.
    pub denied: u64,
    /// Flows refused because nobody can tell what they say: a broken hello, ambiguous HTTP framing, unknown QUIC.
    pub ambiguous: u64,
    /// Flows cut because consent was withdrawn.
    pub cut: u64,
    /// Refusals left unanswered because the app retried in a loop.
    pub silenced: u64,
    /// Idle flows reset to make room for new ones.
    pub evicted: u64,
    /// Flows that could not be opened: no buffer, no descriptor.
    pub exhausted: u64,
    /// Attempts dropped because nobody collected them.
    pub attempts_lost: u64,
    /// Bytes from apps to the network.
    pub bytes_out: u64,
    /// Bytes from the network to apps.
    pub bytes_in: u64,
}
