//! What a name in the DNS stands for, and whether it may be asked about.
use super::names::NameMap;
use super::sinkhole::{PoolAddress, SinkholePool};
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::{
    Facts, Nat64Prefix, Owner, Policy, Verdict, canonical_address_with, judge, judge_question,
};
use consentry_inspect::dns::{Name, reverse_address};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What to do with a name.
#[derive(Debug)]
pub(super) enum Judged {
    /// It may be asked about.
    Pass,
    /// It belongs to a service without consent.
    Name {
        verdict: Verdict,
        /// The host it stands for: the name whose sinkhole address is given.
        host: String,
    },
    /// It stands for an address of a service without consent.
    Address { verdict: Verdict, address: IpAddr },
    /// A reverse look-up of a sinkhole address, and the name behind it.
    Pool(Option<Arc<str>>),
}

/// Everything that names and addresses are judged by.
pub(super) struct Judging<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) policy: &'a Policy,
    pub(super) names: &'a NameMap,
    pub(super) pool: &'a SinkholePool,
    pub(super) nat64: &'a [Nat64Prefix],
}

impl Judging<'_> {
    /// Judges a name: as itself and as what it stands for.
    pub(super) fn name(&self, name: &Name) -> Judged {
        let verdict = judge_question(self.catalogue, self.policy, name.as_str());
        if !verdict.allow {
            return Judged::Name { verdict, host: bare_host(self.catalogue, name.as_str()).to_owned() };
        }
        if let Some(address) = reversed_address(name.as_str()) {
            let address = canonical_address_with(address, self.nat64);
            match self.pool.name_of(address) {
                PoolAddress::Mapped(name) => return Judged::Pool(Some(Arc::clone(name))),
                PoolAddress::Unmapped => return Judged::Pool(None),
                PoolAddress::Outside => return self.name_of_address(address),
            }
        }
        leading_address(name.as_str()).map_or(Judged::Pass, |address| self.name_of_address(address))
    }

    /// Judges the server that an app chose to ask.
    pub(super) fn server(&self, transport: Transport, server: SocketAddr, owner: &Owner) -> Verdict {
        let address = canonical_address_with(server.ip(), self.nat64);
        let (sinkhole, unmapped_sinkhole) = match self.pool.name_of(address) {
            PoolAddress::Mapped(name) => (Some(&**name), false),
            PoolAddress::Unmapped => (None, true),
            PoolAddress::Outside => (None, false),
        };
        let facts = Facts {
            transport,
            address,
            port: server.port(),
            sinkhole,
            unmapped_sinkhole,
            names: self.names.names(address),
            owner,
            stated: None,
            signature: None,
            first_bytes_seen: true,
        };
        judge(self.catalogue, self.policy, &facts)
    }

    fn name_of_address(&self, address: IpAddr) -> Judged {
        // The transport and port of a later connection are not known; an address literal counts with any.
        let verdict = judge(
            self.catalogue,
            self.policy,
            &Facts {
                transport: Transport::Tcp,
                address,
                port: 0,
                sinkhole: None,
                unmapped_sinkhole: false,
                names: self.names.names(address),
                owner: &Owner::Unknown,
                stated: None,
                signature: None,
                first_bytes_seen: false,
            },
        );
        if verdict.allow { Judged::Pass } else { Judged::Address { verdict, address } }
    }
}

/// The host that a name stands for: without leading `_port._proto` labels (RFC 8552) and without a search suffix.
pub(super) fn bare_host<'n>(catalogue: &Catalogue, name: &'n str) -> &'n str {
    let whole = without_service_labels(name);
    let mut host = whole;
    loop {
        if catalogue.match_name(host).is_some() {
            return host;
        }
        match host.rfind('.') {
            Some(dot) => host = &host[..dot],
            None => return whole,
        }
    }
}

/// A name without the labels at its front that begin with an underscore.
pub(super) fn without_service_labels(name: &str) -> &str {
    let mut host = name;
    while host.starts_with('_')
        && let Some((_, rest)) = host.split_once('.')
    {
        host = rest;
    }
    host
}

/// The address that a reverse look-up asks about (RFC 1035 section 3.5, RFC 3596 section 2.5), also with labels before it
/// (DNS service discovery asks `lb._dns-sd._udp.` and the address, RFC 6763 section 11) or a search suffix after it.
fn reversed_address(name: &str) -> Option<IpAddr> {
    [(".in-addr.arpa", 4), (".ip6.arpa", 32)].into_iter().find_map(|(zone, labels)| {
        name.match_indices(zone).find_map(|(at, _)| {
            let end = at + zone.len();
            if !matches!(name.as_bytes().get(end), None | Some(b'.')) {
                return None;
            }
            let start = name[..at].rmatch_indices('.').nth(labels - 1).map_or(0, |(dot, _)| dot + 1);
            reverse_address(&name[start..end].parse().ok()?)
        })
    })
}

/// The IPv4 address that a name begins with: an address literal handed to a resolver, with or without a search suffix, or a
/// name of one of the services that turn such names into the address.
fn leading_address(name: &str) -> Option<IpAddr> {
    let end = name.match_indices('.').nth(3).map_or(name.len(), |(dot, _)| dot);
    name[..end].parse().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_names_lead_to_their_address() {
        let v4: Option<IpAddr> = Some("111.13.141.211".parse().unwrap());
        for name in [
            "211.141.13.111.in-addr.arpa",
            "lb._dns-sd._udp.211.141.13.111.in-addr.arpa",
            "211.141.13.111.in-addr.arpa.lan",
        ] {
            assert_eq!(reversed_address(name), v4, "{name}");
        }
        let nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reversed_address(nibbles), Some("2001:db8::1".parse().unwrap()));
        for name in
            ["in-addr.arpa", "13.111.in-addr.arpa", "a.211.in-addr.arpax", "300.141.13.111.in-addr.arpa", ""]
        {
            assert_eq!(reversed_address(name), None, "{name}");
        }
    }

    #[test]
    fn literals_are_seen_at_the_front() {
        let address: Option<IpAddr> = Some("111.13.141.211".parse().unwrap());
        assert_eq!(leading_address("111.13.141.211"), address);
        assert_eq!(leading_address("111.13.141.211.lan"), address);
        assert_eq!(leading_address("a.111.13.141.211"), None);
        assert_eq!(leading_address("111.13.141"), None);
        assert_eq!(leading_address("www.example"), None);
    }

    #[test]
    fn service_labels_are_taken_off_the_front_only() {
        assert_eq!(without_service_labels("_443._tcp.a.example"), "a.example");
        assert_eq!(without_service_labels("a._tcp.example"), "a._tcp.example");
        assert_eq!(without_service_labels("_only"), "_only");
    }
}
