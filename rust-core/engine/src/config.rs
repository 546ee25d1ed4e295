//! What the engine is told when it starts and when the network changes.
use std::net::{IpAddr, SocketAddr};

/// The network behind the tunnel, as far as the engine needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Resolvers for questions put to our own DNS address, in order of preference.
    pub resolvers: Vec<SocketAddr>,
    /// Whether IPv4 leads anywhere.
    pub ipv4: bool,
    /// Whether IPv6 leads anywhere.
    pub ipv6: bool,
}

/// Settings that hold for the life of an engine.
#[derive(Clone, Debug)]
pub struct Config {
    /// Our own DNS addresses inside the tunnel: what the phone is told to use as its resolver.
    pub own_dns: Vec<IpAddr>,
    /// The network to start with.
    pub network: Network,
    /// Keys the sinkhole pool, query ids and sequence numbers. Random, kept with the state.
    pub secret: [u8; 16],
    /// Most TCP flows at one time; at the limit the oldest idle ones are reset to make room.
    pub max_tcp_flows: usize,
    /// Most UDP mappings (one per app endpoint) at one time, oldest out.
    pub max_udp_mappings: usize,
    /// Whether checksums of packets from the TUN device are verified. The kernel completes them before a read, so a real
    /// device needs no check; a test that injects packets wants one.
    pub verify_checksums: bool,
}
