//! The DNS interceptor: every message to port 53, whichever server it is for, is answered from here.
//!
//! - A question for a service without consent is answered from inside, mostly with a sinkhole address ([`SinkholePool`]), and
//!   reported as an attempt. Nothing goes out.
//! - Any other is forwarded, over a fresh socket and with a fresh id for each try, to the server that was asked, or to the
//!   network's resolvers if it was for us. Every alias in the answer is judged like the question before the app sees it.
//! - Addresses in answers are remembered with the names they were given for ([`NameMap`]), so that a later connection to them is
//!   recognised.
//!
//! Like the rest of the engine it does no I/O. The caller reports what happened with the methods of [`Interceptor`] that take
//! `now`, and then carries out every [`Output`] that [`Interceptor::poll_output`] gives until there is none;
//! [`Interceptor::poll_at`] tells when [`Interceptor::handle_timeout`] is wanted next.
//!
//! A [`QueryId`] stands for one socket that is used for one try and one destination only: [`Output::SendUdp`] and
//! [`Output::ConnectTcp`] open it, [`Output::CloseSocket`] closes it. A socket that fails by itself is reported with
//! [`Interceptor::failed`] and is not closed again by an output.
use crate::config::Network;
use crate::io::FlowId;
use consentry_consent::attempt::Attempt;
use std::net::{IpAddr, SocketAddr};

mod answer;
mod inside;
mod interceptor;
mod judging;
mod lookup;
mod names;
mod nat64;
mod random;
mod resolver;
mod sinkhole;
mod stream;
#[cfg(test)]
mod tests;

pub use interceptor::Interceptor;
pub use names::NameMap;
pub use sinkhole::{Place, PoolAddress, PoolRange, SinkholePool};
pub use stream::{MessageReader, framed};

/// Settings of the interceptor.
#[derive(Clone, Debug)]
pub struct DnsConfig {
    /// Our own DNS addresses inside the tunnel. Questions to them go to the network's resolvers.
    pub own_addresses: Vec<IpAddr>,
    /// The network to start with: its resolvers in order of preference, and the families that lead anywhere.
    pub network: Network,
    /// Where sinkhole addresses come from.
    pub pool: PoolRange,
    /// Keys query ids and the places of names in the pool. May stay the same over restarts.
    pub secret: [u8; 16],
}

/// An app that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// By a datagram from `app` to `server`.
    Udp {
        /// The app's end.
        app: SocketAddr,
        /// The server it asked.
        server: SocketAddr,
    },
    /// Over a TCP flow.
    Tcp {
        /// The flow.
        flow: FlowId,
        /// The app's end.
        app: SocketAddr,
        /// The server it asked.
        server: SocketAddr,
    },
}

impl Asker {
    /// The app's end.
    pub fn app(&self) -> SocketAddr {
        match self {
            Self::Udp { app, .. } | Self::Tcp { app, .. } => *app,
        }
    }

    /// The server that was asked.
    pub fn server(&self) -> SocketAddr {
        match self {
            Self::Udp { server, .. } | Self::Tcp { server, .. } => *server,
        }
    }
}

/// Names one try at one server, and the socket used for it. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub u64);

/// Whether a message to port 53 was for the interceptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It was DNS, good or bad, and is dealt with.
    Taken,
    /// It is not DNS at all: to be judged as bytes of an unknown protocol. The interceptor kept nothing of it.
    NotDns,
}

/// What the caller has to do.
#[derive(Debug)]
pub enum Output {
    /// Give an app its answer: as a datagram, or over its flow with [`framed`].
    Reply {
        /// Who asked.
        asker: Asker,
        /// The DNS message, without a length in front.
        message: Vec<u8>,
    },
    /// Open a UDP socket on a random port for this query and send one datagram from it.
    SendUdp {
        /// The query, new.
        query: QueryId,
        /// The server.
        to: SocketAddr,
        /// The datagram's payload.
        message: Vec<u8>,
    },
    /// Start a TCP connection for this query.
    ConnectTcp {
        /// The query, new.
        query: QueryId,
        /// The server.
        to: SocketAddr,
    },
    /// Send these bytes, all of them, over the query's connection.
    SendTcp {
        /// The query.
        query: QueryId,
        /// The bytes, length in front.
        bytes: Vec<u8>,
    },
    /// Close the query's socket; nothing more about it is of interest.
    CloseSocket {
        /// The query.
        query: QueryId,
    },
    /// Something was held back.
    Attempt {
        /// Who asked.
        asker: Asker,
        /// What was held back and why.
        attempt: Box<Attempt>,
    },
    /// A name got a sinkhole address; to be stored, so that it keeps it ([`SinkholePool::restore`]).
    Assigned {
        /// The name.
        name: String,
        /// Its place in the pool.
        index: u32,
    },
    /// A look-up asked for with [`Interceptor::resolve`] has ended.
    Resolved {
        /// For which flow.
        flow: FlowId,
        /// The addresses that may be dialled, IPv6 first, each family in the server's order. Empty: there are none, or nobody answered.
        addresses: Vec<IpAddr>,
    },
}

/// What the interceptor did so far. The figures only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DnsCounters {
    /// Messages taken from apps.
    pub questions: u64,
    /// Questions answered from inside because they were denied.
    pub denied: u64,
    /// Questions forwarded.
    pub forwarded: u64,
    /// Questions that were asked again while the answer was pending; not forwarded twice.
    pub repeated: u64,
    /// Messages that claim to be DNS and break its rules; held back.
    pub malformed: u64,
    /// Messages that are not DNS.
    pub not_dns: u64,
    /// Answers ignored because id, question or sender did not match, or because they broke the rules.
    pub mismatched: u64,
    /// Answers that came when nobody waited for them any more.
    pub late: u64,
    /// Queries nobody answered in time, or that all servers refused.
    pub failed: u64,
    /// Queries given up because too many were pending.
    pub overflowed: u64,
}
