//! The engine's face: packets, socket events, time and policy go in; packets, socket calls and events come out.
use crate::config::{Config, Network};
use crate::core::Core;
use crate::counters::Counters;
use crate::dns::{Asker, DnsConfig, Intake, Interceptor, PoolRange};
use crate::echo::{self, EchoFlows};
use crate::io::{FlowId, FlowKey, Io, OwnerAnswer, Readiness, SocketId};
use crate::packet::{Checksums, Datagram, Demultiplexer, Drops, Segment};
use crate::queries::Queries;
use crate::tcp::{self, TcpFlows};
use crate::udp::{self, FromApp, UdpFlows};
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::attempt::Attempt;
use consentry_consent::{Owner, Policy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// What the engine reports.
#[derive(Debug)]
pub enum Event {
    /// Something was held back.
    Attempt(Box<Attempt>),
    /// A name got a sinkhole address; to be stored, so that it keeps it.
    SinkholeAssigned {
        /// The name.
        name: String,
        /// Its place in the pool.
        index: u32,
    },
}

/// The consent firewall between the apps and the network.
///
/// Order of calls: [`Engine::handle_packet`] and [`Engine::socket_event`] for everything that came in one batch, then
/// [`Engine::flush`] once, then [`Engine::poll_event`] until it is `None`, then wait until [`Engine::poll_at`].
pub struct Engine {
    core: Core,
    demultiplexer: Demultiplexer,
    drops: Drops,
    tcp: TcpFlows,
    udp: UdpFlows,
    echo: EchoFlows,
    queries: Queries,
}

impl Engine {
    /// An engine with no flows. `tun_mtu` is the largest packet of the TUN device, in bytes.
    pub fn new(
        config: Config,
        catalogue: &'static Catalogue,
        policy: Arc<Policy>,
        tun_mtu: usize,
        now: Instant,
    ) -> Self {
        let checksums = if config.verify_checksums { Checksums::Verify } else { Checksums::Trust };
        let dns = Interceptor::new(DnsConfig {
            own_addresses: config.own_dns.clone(),
            network: config.network.clone(),
            pool: PoolRange::default(),
            secret: config.secret,
        });
        let [seed, _] = halves(config.secret);
        Self {
            core: Core::new(catalogue, policy, config, dns),
            demultiplexer: Demultiplexer::new(checksums),
            drops: Drops::default(),
            tcp: TcpFlows::new(seed, tun_mtu, now),
            udp: UdpFlows::new(),
            echo: EchoFlows::new(),
            queries: Queries::new(),
        }
    }

    /// Restores a stored sinkhole mapping. Call before the first packet. Returns whether it is in force.
    pub fn restore_sinkhole(&mut self, name: &str, index: u32) -> bool {
        self.core.dns.restore(name, index)
    }

    /// Takes one whole IP packet from an app.
    pub fn handle_packet(&mut self, now: Instant, io: &mut Io<'_>, packet: &[u8]) {
        self.core.counters.packets_in += 1;
        let Self { core, demultiplexer, drops, tcp, udp, echo, queries } = self;
        let datagram = match demultiplexer.take(now, packet) {
            Ok(Some(datagram)) => datagram,
            Ok(None) => return,
            Err(reason) => {
                log::trace!("packet dropped: {reason}");
                drops.add(reason);
                core.counters.packets_dropped += 1;
                return;
            }
        };
        let Datagram { src, dst, dont_fragment, packet, .. } = datagram;
        match datagram.transport {
            Segment::Tcp { src_port, dst_port, syn, ack, rst, ip, .. } => {
                let segment = tcp::Segment {
                    app: SocketAddr::new(src, src_port),
                    remote: SocketAddr::new(dst, dst_port),
                    opens: syn && !ack,
                    resets: rst,
                    packet: ip,
                };
                tcp.segment(core, io, now, &segment);
            }
            Segment::Udp { src_port, dst_port, payload } => {
                let app = SocketAddr::new(src, src_port);
                let remote = SocketAddr::new(dst, dst_port);
                if dst_port == 53 {
                    let asker = Asker::Udp { app, server: remote };
                    let owner = asking_owner(core, udp, io, app, remote);
                    let taken = core.dns.question(now, asker, &owner, payload, core.catalogue, &core.policy);
                    queries.carry_out(core, tcp, udp, io, now);
                    if taken == Intake::Taken {
                        return;
                    }
                }
                udp.datagram(core, io, now, &FromApp { app, remote, payload, dont_fragment });
            }
            Segment::Echo { ident, message, .. } => {
                echo.request(core, io, now, (src, dst), ident, message, packet);
            }
            Segment::IcmpError { .. } | Segment::Other(_) => core.counters.packets_dropped += 1,
        }
    }

    /// Takes a socket's event.
    pub fn socket_event(&mut self, now: Instant, io: &mut Io<'_>, id: SocketId, readiness: Readiness) {
        let Self { core, tcp, udp, echo, queries, .. } = self;
        match id.0 >> 60 << 60 {
            0 => tcp.socket_event(id, readiness),
            udp::SOCKET_KIND => udp.socket_event(core, io, now, id, readiness),
            echo::SOCKET_KIND => echo.socket_event(core, io, now, id),
            _ => queries.socket_event(core, tcp, udp, io, now, id, readiness),
        }
    }

    /// Brings the owner of a flow that was asked for.
    pub fn owner_known(&mut self, now: Instant, io: &mut Io<'_>, flow: FlowId, owner: Owner) {
        if flow.0 & udp::FLOW_KIND == 0 {
            self.tcp.owner_known(&mut self.core, io, now, flow, owner);
        } else {
            self.udp.owner_known(&mut self.core, io, now, flow, owner);
        }
    }

    /// Puts a new policy in force: every live flow is judged again at once.
    pub fn set_policy(&mut self, now: Instant, io: &mut Io<'_>, policy: Arc<Policy>) {
        self.core.policy = policy;
        self.core.refusals.clear();
        let core = &mut self.core;
        core.dns.policy_changed(core.catalogue, &core.policy);
        self.tcp.judge_again(core, io, now);
        self.udp.judge_again(core, now);
        self.flush(now, io);
    }

    /// The network behind the tunnel changed: flows are reset, names learnt are forgotten.
    pub fn network_changed(&mut self, now: Instant, io: &mut Io<'_>, network: Network) {
        self.core.config.network = network.clone();
        self.core.dns.network_changed(now, network);
        self.tcp.reset_all(&mut self.core, io, now);
        self.udp.reset_all(&mut self.core, io);
        self.echo.reset_all(io);
        self.flush(now, io);
    }

    /// The network behind the tunnel is the same, but its resolvers or the families that lead out are not: flows and the names
    /// learnt stay.
    pub fn network_amended(&mut self, now: Instant, io: &mut Io<'_>, network: Network) {
        self.core.config.network = network.clone();
        self.core.dns.network_amended(now, network);
        self.flush(now, io);
    }

    /// The TUN device has room again.
    pub fn tun_writable(&mut self, now: Instant, io: &mut Io<'_>) {
        self.tcp.tun_writable();
        self.flush(now, io);
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Instant, io: &mut Io<'_>) {
        self.core.dns.handle_timeout(now);
        self.tcp.handle_timeout(io, now);
        self.udp.handle_timeout(&mut self.core, io, now);
        self.echo.handle_timeout(io, now);
        self.flush(now, io);
    }

    /// Moves bytes for every flow touched since the last call. Call once after each batch of packets and socket events.
    pub fn flush(&mut self, now: Instant, io: &mut Io<'_>) {
        let Self { core, tcp, udp, queries, .. } = self;
        // Flows ask the interceptor, its answers touch flows: twice around settles both, and the rest comes with events.
        for _ in 0..2 {
            tcp.flush(core, io, now);
            queries.carry_out(core, tcp, udp, io, now);
        }
        tcp.flush(core, io, now);
        udp.flush(core, io, now);
    }

    /// When [`Engine::handle_timeout`] is wanted; `None`: nothing is pending.
    pub fn poll_at(&self) -> Option<Instant> {
        [self.core.dns.poll_at(), self.tcp.poll_at(), self.udp.poll_at(), self.echo.poll_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next event, if any.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// Totals so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.core.counters;
        counters.packets_out += self.tcp.packets_sent();
        counters.tcp_alive = self.tcp.len() as u64;
        counters.udp_alive = self.udp.len() as u64;
        counters.dns_questions = self.core.dns.counters().questions;
        counters
    }

    /// How many packets were dropped because they were malformed, by reason. Packets of no use for other reasons (a protocol that is
    /// not relayed, an address nobody can be at) are counted in [`Counters::packets_dropped`] only.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }
}

/// Who asks a question over UDP, where that is known at once. Questions to our own address come from the system's resolver,
/// which asks for everybody: there it is not even looked up.
fn asking_owner(
    core: &Core,
    udp: &mut UdpFlows,
    io: &mut Io<'_>,
    app: SocketAddr,
    server: SocketAddr,
) -> Owner {
    if core.is_own_dns(server.ip()) {
        return Owner::Unknown;
    }
    match io.owners.owner(udp.next_flow(), &FlowKey { transport: Transport::Udp, app, remote: server }) {
        OwnerAnswer::Known(owner) => owner,
        OwnerAnswer::Later => Owner::Unknown,
    }
}

/// The secret as two numbers.
fn halves(secret: [u8; 16]) -> [u64; 2] {
    let (first, second) = secret.split_at(8);
    [first, second].map(|half| u64::from_le_bytes(half.try_into().expect("half of sixteen bytes is eight")))
}
