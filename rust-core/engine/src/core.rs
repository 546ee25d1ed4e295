//! What the TCP, UDP, ping and DNS parts of the engine share.
use crate::about::About;
use crate::config::Config;
use crate::counters::Counters;
use crate::dns::{Interceptor, PoolAddress};
use crate::engine::Event;
use crate::io::Io;
use crate::packet::build::Fragmenter;
use crate::refusals::Refusals;
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::attempt::{Attempt, path_template};
use consentry_consent::{Owner, Policy, Verdict};
use consentry_inspect::identifiers::Identifier;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Events kept for the caller; it collects them after every batch, so this is never reached in good order.
const EVENTS_MAX: usize = 16 * 1024;

/// Shared state. Its parts are public to the engine because each of them is borrowed on its own.
pub(crate) struct Core {
    pub(crate) catalogue: &'static Catalogue,
    pub(crate) policy: Arc<Policy>,
    pub(crate) config: Config,
    pub(crate) dns: Interceptor,
    pub(crate) counters: Counters,
    pub(crate) refusals: Refusals,
    pub(crate) events: VecDeque<Event>,
    /// Where packets are built.
    pub(crate) packet: Vec<u8>,
    /// Cuts packets that exceed the TUN device's MTU.
    pub(crate) fragmenter: Fragmenter,
}

/// What a denied flow was about to say.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) identifiers: Vec<Identifier>,
    /// Path and query of the request, values and all; the attempt keeps a template of it only.
    pub(crate) path: Option<String>,
    /// The name asked for over `HttpDNS`.
    pub(crate) asked_name: Option<String>,
    /// Bytes the app said that were not let through.
    pub(crate) bytes_held: u64,
}

impl Core {
    pub(crate) fn new(
        catalogue: &'static Catalogue,
        policy: Arc<Policy>,
        config: Config,
        dns: Interceptor,
    ) -> Self {
        let [.., third, fourth, fifth, sixth] = config.secret;
        Self {
            catalogue,
            policy,
            config,
            dns,
            counters: Counters::default(),
            refusals: Refusals::default(),
            events: VecDeque::new(),
            packet: Vec::new(),
            fragmenter: Fragmenter::new(u32::from_le_bytes([third, fourth, fifth, sixth])),
        }
    }

    /// Sends the packet that was just built to the app, in fragments if it is larger than the TUN device carries.
    pub(crate) fn send_packet(&mut self, io: &mut Io<'_>) {
        let tun = &mut *io.tun;
        let mtu = tun.mtu();
        let count = &mut self.counters.packets_out;
        let send = |packet: &[u8]| {
            *count += 1;
            tun.send(packet);
        };
        // Only a packet this engine did not build could fail, or an MTU below any that the protocols allow.
        if self.fragmenter.send(&self.packet, mtu, send).is_err() {
            self.counters.packets_dropped += 1;
        }
    }

    /// The name whose sinkhole address this is.
    pub(crate) fn sinkhole_name(&self, address: IpAddr) -> Option<&str> {
        match self.dns.pool().name_of(address) {
            PoolAddress::Mapped(name) => Some(name),
            PoolAddress::Unmapped | PoolAddress::Outside => None,
        }
    }

    /// Whether packets to `address` have somewhere to go.
    pub(crate) fn has_upstream(&self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.config.network.ipv4 } else { self.config.network.ipv6 }
    }

    /// Whether the address is one of our own resolvers inside the tunnel.
    pub(crate) fn is_own_dns(&self, address: IpAddr) -> bool {
        self.config.own_dns.contains(&address)
    }

    /// Reports a denied flow.
    pub(crate) fn attempt(&mut self, about: &About, verdict: &Verdict, evidence: Evidence) {
        let mut attempt = Attempt::new(self.catalogue, verdict, about.key.transport, &about.owner);
        attempt.address = Some(about.key.remote.ip());
        attempt.port = (about.key.transport != Transport::Icmp).then(|| about.key.remote.port());
        attempt.identifiers = evidence.identifiers;
        attempt.path = evidence.path.as_deref().map(path_template);
        attempt.bytes_held = evidence.bytes_held;
        if let Some(name) = evidence.asked_name {
            attempt.reason = format!("{}; it asked for the address of {name}", attempt.reason);
        }
        self.push(attempt);
    }

    /// Reports an attempt made up elsewhere (the DNS interceptor).
    pub(crate) fn push(&mut self, attempt: Attempt) {
        self.counters.denied += 1;
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(Event::Attempt(Box::new(attempt)));
        } else {
            self.counters.attempts_lost += 1;
        }
    }

    /// Whether a refusal should be answered, or the app be left in silence because it retries in a loop.
    pub(crate) fn answers_refusal(&mut self, remote: SocketAddr, now: std::time::Instant) -> bool {
        let answered = self.refusals.answers(remote, now);
        if !answered {
            self.counters.silenced += 1;
        }
        answered
    }

    /// Whether the catalogue knows the owner's package: then all its flows are read before they are dialled.
    pub(crate) fn is_catalogued_app(&self, owner: &Owner) -> bool {
        match owner {
            Owner::App { packages, .. } => {
                packages.iter().any(|package| self.catalogue.match_package(package).is_some())
            }
            Owner::Unknown | Owner::Shared { .. } => false,
        }
    }

    /// Whether clients on this port speak first, so that a flow can be accepted locally and dialled late.
    pub(crate) fn speaks_first(&self, transport: Transport, port: u16) -> bool {
        matches!(port, 80 | 443 | 8080 | 8443) || self.catalogue.is_catalogue_port(transport, port)
    }
}
