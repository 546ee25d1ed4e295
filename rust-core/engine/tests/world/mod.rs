//! A phone and an internet in memory around a real engine: the phone is a smoltcp stack, the internet is scripted, time moves
//! only when a test says so.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each test file uses its own part of the world"
)]
mod internet;
mod phone;
mod speech;

pub use internet::{Internet, Manner, address_record};
pub use phone::Phone;
pub use speech::{client_hello, get};

use consentry_catalogue::Catalogue;
use consentry_consent::attempt::Attempt;
use consentry_consent::{Clock, Consents, Owner, Policy, Scope, Term, Via};
use consentry_engine::io::{BufferId, BufferPair, Buffers, FlowId, FlowKey, Io, OwnerAnswer, Owners, Tun};
use consentry_engine::{Config, Engine, Event, Network};
use consentry_inspect::dns;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const MTU: usize = 1500;
pub const OWN_DNS: &str = "10.111.222.3";
pub const RESOLVER: &str = "192.0.2.53:53";

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address literal in a test")
}

pub fn socket(text: &str) -> SocketAddr {
    text.parse().expect("a socket address literal in a test")
}

/// Packets on their way to the phone.
#[derive(Default)]
pub struct MemoryTun {
    pub packets: VecDeque<Vec<u8>>,
}

impl Tun for MemoryTun {
    fn has_room(&self) -> bool {
        self.packets.len() < 500
    }
    fn send(&mut self, packet: &[u8]) {
        assert!(packet.len() <= MTU, "a packet of {} bytes exceeds the MTU", packet.len());
        self.packets.push_back(packet.to_vec());
    }
    fn mtu(&self) -> usize {
        MTU
    }
}

/// Buffers that are simply made, and counted.
#[derive(Default)]
pub struct MemoryBuffers {
    pub lent: usize,
    /// Pairs whose holder needs nothing of what is in them, as often as that was said.
    pub rested: Vec<u32>,
    next: u32,
}

impl Buffers for MemoryBuffers {
    fn take(&mut self) -> Option<BufferPair> {
        self.lent += 1;
        self.next += 1;
        let make = || Box::leak(vec![0_u8; 16 * 1024].into_boxed_slice());
        Some(BufferPair { id: BufferId(self.next), receive: make(), send: make() })
    }
    fn give_back(&mut self, _: BufferId) {
        self.lent -= 1;
    }
    fn rest(&mut self, id: &BufferId) {
        self.rested.push(id.0);
    }
}

/// Answers every question about owners alike.
pub struct OneOwner {
    pub answer: OwnerAnswer,
    pub asked: Vec<FlowId>,
}

impl Owners for OneOwner {
    fn owner(&mut self, flow: FlowId, _: &FlowKey) -> OwnerAnswer {
        self.asked.push(flow);
        self.answer.clone()
    }
}

pub struct World {
    pub engine: Engine,
    pub tun: MemoryTun,
    pub internet: Internet,
    pub buffers: MemoryBuffers,
    pub owners: OneOwner,
    pub phone: Phone,
    pub now: Instant,
    pub attempts: Vec<Attempt>,
    consents: Consents,
}

fn clock() -> Clock {
    Clock { wall_ms: 1_700_000_000_000, boot_ms: 1_000_000, boot_id: [7; 16] }
}

impl World {
    pub fn new() -> Self {
        Self::with_limits(1024, true)
    }

    pub fn with_limits(max_tcp_flows: usize, ipv6: bool) -> Self {
        let now = Instant::now();
        let consents = Consents::new();
        let policy = Policy::new(Catalogue::builtin(), &consents, &clock());
        let config = Config {
            own_dns: vec![ip(OWN_DNS)],
            network: Network { resolvers: vec![socket(RESOLVER)], ipv4: true, ipv6 },
            secret: [9; 16],
            max_tcp_flows,
            max_udp_mappings: 64,
            verify_checksums: true,
        };
        Self {
            engine: Engine::new(config, Catalogue::builtin(), Arc::new(policy), MTU, now),
            tun: MemoryTun::default(),
            internet: Internet::default(),
            buffers: MemoryBuffers::default(),
            owners: OneOwner { answer: OwnerAnswer::Known(Owner::Unknown), asked: Vec::new() },
            phone: Phone::new(now),
            now,
            attempts: Vec::new(),
            consents,
        }
    }

    /// Lends the engine to `act` with the outside world around it.
    pub fn with<R>(&mut self, act: impl FnOnce(&mut Engine, Instant, &mut Io<'_>) -> R) -> R {
        let mut io = Io {
            tun: &mut self.tun,
            sockets: &mut self.internet,
            buffers: &mut self.buffers,
            owners: &mut self.owners,
        };
        act(&mut self.engine, self.now, &mut io)
    }

    /// Lets packets and events go round until nothing moves any more. Time stands still.
    pub fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut moved = false;
            for packet in self.phone.poll(self.now) {
                moved = true;
                self.with(|engine, now, io| engine.handle_packet(now, io, &packet));
            }
            for (id, readiness) in self.internet.take_events() {
                moved = true;
                self.with(|engine, now, io| engine.socket_event(now, io, id, readiness));
            }
            self.with(Engine::flush);
            while let Some(packet) = self.tun.packets.pop_front() {
                moved = true;
                self.phone.receive(packet);
            }
            if self.engine.poll_at().is_some_and(|at| at <= self.now) {
                self.with(Engine::handle_timeout);
            }
            while let Some(event) = self.engine.poll_event() {
                if let Event::Attempt(attempt) = event {
                    self.attempts.push(*attempt);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Moves time on in small steps, doing what becomes due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + Duration::from_millis(5));
            self.settle();
        }
    }

    pub fn grant(&mut self, service: &str) {
        let change = self
            .consents
            .grant(Catalogue::builtin(), service, Scope::AllApps, Term::Forever, Via::Command, &clock())
            .expect("a service of the catalogue can be granted");
        self.consents.apply(&change);
        self.enforce();
    }

    pub fn revoke(&mut self, service: &str) {
        let change = self
            .consents
            .revoke(Catalogue::builtin(), service, Scope::AllApps, Via::Command, &clock())
            .expect("a granted service can be revoked");
        self.consents.apply(&change);
        self.enforce();
    }

    fn enforce(&mut self) {
        let policy = Arc::new(Policy::new(Catalogue::builtin(), &self.consents, &clock()));
        self.with(|engine, now, io| engine.set_policy(now, io, policy));
        self.settle();
    }

    /// Asks our DNS for a name's address, as an app does, and returns the first answer.
    pub fn resolve(&mut self, name: &str) -> Option<IpAddr> {
        let name = name.parse().expect("a name in a test");
        let reply = self.phone.ask(socket(&format!("{OWN_DNS}:53")), &dns::query(77, &name, dns::A));
        self.settle();
        let message = dns::parse(&self.phone.reply_to(reply)?).expect("a reply that can be read");
        message.answers.iter().find_map(|record| match record.data {
            dns::Data::A(address) => Some(IpAddr::V4(address)),
            _ => None,
        })
    }
}
