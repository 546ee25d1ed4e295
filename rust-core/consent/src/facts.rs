use crate::Owner;
use consentry_catalogue::{ServiceIndex, Transport};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What recognised the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The name in a DNS question.
    DnsQuestion,
    /// The server name in a TLS `ClientHello`.
    TlsSni,
    /// The server name in a QUIC Initial.
    QuicSni,
    /// The host (and path) of an HTTP request in clear text.
    HttpHost,
    /// A name that a DNS answer gave for the address, or whose sinkhole address it is.
    DnsAnswer,
    /// The first bytes of a protocol that only this service speaks.
    Signature,
    /// An address that clients carry in their code.
    Address,
    /// The app that owns the flow.
    App,
}

impl Signal {
    /// The name used in logs, for example `tls_sni`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsQuestion => "dns_question",
            Self::TlsSni => "tls_sni",
            Self::QuicSni => "quic_sni",
            Self::HttpHost => "http_host",
            Self::DnsAnswer => "dns_answer",
            Self::Signature => "signature",
            Self::Address => "address",
            Self::App => "app",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that the flow itself states.
#[derive(Clone, Copy, Debug)]
pub struct Stated<'a> {
    /// Where it was stated: [`Signal::TlsSni`], [`Signal::QuicSni`] or [`Signal::HttpHost`].
    pub signal: Signal,
    /// The name as stated: any case, a trailing dot, an address literal, or empty when a request names no host.
    pub host: &'a str,
    /// Method, and path with query, of an HTTP request.
    pub request: Option<(&'a str, &'a str)>,
    /// Whether the hello carries an encrypted inner hello. Browsers send it always, so it is no evidence.
    pub ech: bool,
}

/// Everything known about a flow when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// TCP, UDP or ICMP.
    pub transport: Transport,
    /// Where the flow goes. [`judge`](crate::judge()) takes the canonical form of it; only the network's own NAT64 prefix has to be
    /// removed before (see [`canonical_address_with`](crate::canonical_address_with)).
    pub address: IpAddr,
    /// The remote port; 0 for ICMP.
    pub port: u16,
    /// The name whose sinkhole address this is.
    pub sinkhole: Option<&'a str>,
    /// The address lies in the sinkhole pool and stands for no name.
    pub unmapped_sinkhole: bool,
    /// The names that our own DNS answers gave for the address.
    pub names: &'a [Arc<str>],
    /// Who owns the flow.
    pub owner: &'a Owner,
    /// What the flow says about itself.
    pub stated: Option<Stated<'a>>,
    /// The service whose byte signature the first bytes carry.
    pub signature: Option<ServiceIndex>,
    /// `false`: nothing was read yet (judged at the SYN). `true`: the flow has said all that it will say.
    pub first_bytes_seen: bool,
}
