//! What is known about one flow, and the verdict that follows from it.
use crate::core::Core;
use crate::dns::PoolAddress;
use crate::io::FlowKey;
use consentry_catalogue::ServiceIndex;
use consentry_consent::{Facts, Owner, Signal, Stated, Verdict, canonical_address, canonical_address_with, judge};
use std::net::IpAddr;

/// A name the phone stated on the flow itself.
#[derive(Clone, Debug)]
pub(crate) struct StatedName {
    pub(crate) signal: Signal,
    pub(crate) host: String,
    /// Method, and path with query, where the name came with an HTTP request.
    pub(crate) request: Option<(String, String)>,
    /// Whether the hello carried an encrypted one inside.
    pub(crate) ech: bool,
}

/// Everything a flow can be judged by, kept for as long as it lives: a consent change judges it again.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) key: FlowKey,
    /// The remote address with any IPv4 address inside unwrapped.
    pub(crate) address: IpAddr,
    pub(crate) owner: Owner,
    pub(crate) stated: Option<Box<StatedName>>,
    pub(crate) signature: Option<ServiceIndex>,
    /// Whether the flow has said all that it will say about itself.
    pub(crate) first_bytes_seen: bool,
}

impl About {
    /// What is known when a flow's first packet arrives.
    pub(crate) fn new(key: FlowKey) -> Self {
        Self {
            key,
            address: canonical_address(key.remote.ip()),
            owner: Owner::Unknown,
            stated: None,
            signature: None,
            first_bytes_seen: false,
        }
    }

    /// Judges the flow by all that is known now.
    pub(crate) fn judge(&self, core: &Core) -> Verdict {
        self.judge_at(core, self.key.remote.ip())
    }

    /// Judges the flow as if it led to `address`: what a dial may try for the same name.
    pub(crate) fn judge_at(&self, core: &Core, address: IpAddr) -> Verdict {
        let address = canonical_address_with(address, core.dns.nat64_prefixes());
        let facts = Facts {
            transport: self.key.transport,
            address,
            port: self.key.remote.port(),
            sinkhole: core.sinkhole_name(address),
            unmapped_sinkhole: core.dns.pool().name_of(address) == PoolAddress::Unmapped,
            names: core.dns.names().names(address),
            owner: &self.owner,
            stated: self.stated.as_ref().map(|stated| Stated {
                signal: stated.signal,
                host: &stated.host,
                request: stated.request.as_ref().map(|(method, path)| (method.as_str(), path.as_str())),
                ech: stated.ech,
            }),
            signature: self.signature,
            first_bytes_seen: self.first_bytes_seen,
        };
        judge(core.catalogue, &core.policy, &facts)
    }
}
