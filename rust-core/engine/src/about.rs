//! What is known about one flow, and the verdict that follows from it.
use crate::core::Core;
use crate::dns::PoolAddress;
use crate::io::FlowKey;
use consentry_catalogue::ServiceIndex;
use consentry_consent::{
    Facts, Owner, Signal, Stated, Verdict, canonical_address, canonical_address_with, judge,
};
use std::net::IpAddr;

/// Most tunnels inside each other that are followed.
const TUNNELS_MAX: usize = 4;

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
    /// Where the tunnels lead that the flow opened through a proxy, outermost first.
    pub(crate) tunnels: Vec<StatedName>,
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
            tunnels: Vec::new(),
            signature: None,
            first_bytes_seen: false,
        }
    }

    /// Judges the flow by all that is known now.
    pub(crate) fn judge(&self, core: &Core) -> Verdict {
        self.judge_at(core, self.key.remote.ip())
    }

    /// A tunnel begins inside the flow: where it leads counts for as long as the flow lives, and what is said inside counts
    /// besides. `false`: there are too many inside each other.
    pub(crate) fn enter_tunnel(&mut self) -> bool {
        self.first_bytes_seen = false;
        let Some(stated) = self.stated.take() else { return true };
        // A proxy that asks for a password is asked for the same tunnel again.
        if self.tunnels.last().is_none_or(|last| last.host != stated.host) {
            self.tunnels.push(*stated);
        }
        self.tunnels.len() <= TUNNELS_MAX
    }

    /// Judges the flow as if it led to `address`: what a dial may try for the same name.
    pub(crate) fn judge_at(&self, core: &Core, address: IpAddr) -> Verdict {
        let address = canonical_address_with(address, core.dns.nat64_prefixes());
        let mut tunnels =
            self.tunnels.iter().map(|tunnel| self.judge_stated(core, address, Some(tunnel), true));
        let inside = || self.judge_stated(core, address, self.stated.as_deref(), self.first_bytes_seen);
        tunnels.find(|verdict| !verdict.allow).unwrap_or_else(inside)
    }

    fn judge_stated(
        &self,
        core: &Core,
        address: IpAddr,
        stated: Option<&StatedName>,
        first_bytes_seen: bool,
    ) -> Verdict {
        let facts = Facts {
            transport: self.key.transport,
            address,
            port: self.key.remote.port(),
            sinkhole: core.sinkhole_name(address),
            unmapped_sinkhole: core.dns.pool().name_of(address) == PoolAddress::Unmapped,
            names: core.dns.names().names(address),
            owner: &self.owner,
            stated: stated.map(|stated| Stated {
                signal: stated.signal,
                host: &stated.host,
                request: stated.request.as_ref().map(|(method, path)| (method.as_str(), path.as_str())),
                ech: stated.ech,
            }),
            signature: self.signature,
            first_bytes_seen,
        };
        judge(core.catalogue, &core.policy, &facts)
    }
}
