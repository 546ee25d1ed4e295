//! The packet thread: waits for the TUN device, the outside sockets, timers and commands, and lets the engine work.
use crate::clock;
use crate::control::Status;
use crate::enforcement::Enforcement;
use crate::firewall::FailureListener;
use crate::network::Watch;
use crate::recorder::RecorderHandle;
use crate::signals::StopSignals;
use crate::slab::Slab;
use crate::sockets::{OutsideSockets, readiness};
use crate::tun::{LARGEST_PACKET, TunDevice};
use consentry_consent::{Consents, Owner};
use consentry_engine::io::{FlowId, Io, Owners, Tun};
use consentry_engine::{Engine, Event, Network};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::any::Any;
use std::io;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

// Tokens above those that sockets use (see `sockets::token`).
pub(crate) const WAKER: Token = Token(usize::MAX);
const TUN: Token = Token(usize::MAX - 1);
const SIGNALS: Token = Token(usize::MAX - 2);
const NETWORK: Token = Token(usize::MAX - 3);

/// Packets read from the TUN device before sockets and timers are served again.
const BATCH: usize = 64;
/// The store learns this often that the firewall is alive, as long as it has something to do: no timer wakes it for that.
const PULSE: Duration = Duration::from_mins(3);
/// Events taken from the system at once.
const MOST_EVENTS: usize = 1024;

/// What other threads ask of the packet thread.
#[derive(Debug)]
pub(crate) enum Command {
    /// Consent has changed; answered once that is in force.
    Consents(Consents, SyncSender<()>),
    /// The owner of a flow is known now.
    Owner(FlowId, Owner),
    /// The network has changed (where the system does not say so itself).
    Network(Network),
    /// It is the same network, but what it offers has changed.
    NetworkAmended(Network),
    /// Says how it is doing.
    Status(SyncSender<Status>),
    /// Ends.
    Stop,
}

/// Why the packet thread ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The TUN device is gone or does not work.
    #[error("the TUN device is gone: {0}")]
    Tun(io::Error),
    /// The system's event queue failed.
    #[error("waiting for events failed: {0}")]
    Poll(io::Error),
    /// The engine failed; the tunnel was kept closed until the stop.
    #[error("the engine failed ({0}); nothing could pass since then. Please report this")]
    Engine(String),
}

/// What the engine works with.
pub(crate) struct Outside {
    pub(crate) tun: TunDevice,
    pub(crate) sockets: OutsideSockets,
    pub(crate) buffers: Slab,
    pub(crate) owners: Box<dyn Owners + Send>,
}

impl Outside {
    fn io(&mut self) -> Io<'_> {
        Io {
            tun: &mut self.tun,
            sockets: &mut self.sockets,
            buffers: &mut self.buffers,
            owners: self.owners.as_mut(),
        }
    }
}

/// The packet thread's state.
pub(crate) struct EventLoop {
    pub(crate) poll: Poll,
    pub(crate) engine: Engine,
    pub(crate) outside: Outside,
    pub(crate) enforcement: Enforcement,
    pub(crate) commands: Receiver<Command>,
    pub(crate) recorder: RecorderHandle,
    pub(crate) watch: Option<Watch>,
    pub(crate) signals: Option<StopSignals>,
    pub(crate) network: Network,
    pub(crate) started: Instant,
    pub(crate) on_failure: Option<FailureListener>,
}

/// What one turn of the loop carries over to the next.
#[derive(Debug, Default)]
struct Carried {
    /// The TUN device may hold more packets than the last batch took.
    tun_readable: bool,
    /// Its registration asks for room to write too.
    awaits_room: bool,
    /// When the store was last told that the firewall is alive.
    pulsed: Option<Instant>,
    stop: bool,
    /// Why the engine is not used any more.
    failure: Option<String>,
}

impl EventLoop {
    /// Runs until told to stop, or until the TUN device is gone.
    pub(crate) fn run(mut self) -> Result<(), RunError> {
        let tun = self.outside.tun.as_raw_fd();
        self.register(tun, TUN, Interest::READABLE)?;
        if let Some(signals) = self.signals.as_ref().map(AsRawFd::as_raw_fd) {
            self.register(signals, SIGNALS, Interest::READABLE)?;
        }
        if let Some(watch) = self.watch.as_ref().map(AsRawFd::as_raw_fd) {
            self.register(watch, NETWORK, Interest::READABLE)?;
        }
        let mut events = Events::with_capacity(MOST_EVENTS);
        let mut packet = vec![0; LARGEST_PACKET];
        let mut carried = Carried::default();
        while !carried.stop {
            let timeout = self.timeout(&carried);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(RunError::Poll(error));
                }
                _ => {}
            }
            if carried.failure.is_some() {
                self.stay_closed(&events, &mut carried);
                continue;
            }
            let work = AssertUnwindSafe(|| self.turn(&events, &mut packet, &mut carried));
            match catch_unwind(work) {
                Ok(result) => result?,
                Err(panic) => self.close_door(panic.as_ref(), &mut carried),
            }
        }
        self.outside.sockets.abort_all();
        // The engine is the only one that held buffers: with it gone, all of them are free, and the slab can be unmapped.
        drop(self.engine);
        self.outside.buffers.take_back_all();
        match carried.failure {
            None => Ok(()),
            Some(failure) => Err(RunError::Engine(failure)),
        }
    }

    /// How long the loop may sleep: for ever, when nothing is due.
    fn timeout(&mut self, carried: &Carried) -> Option<Duration> {
        if carried.failure.is_some() {
            return None;
        }
        if carried.tun_readable {
            return Some(Duration::ZERO);
        }
        self.outside.tun.flush_log();
        let due = [self.engine.poll_at(), self.enforcement.due()].into_iter().flatten().min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// One batch of work.
    fn turn(&mut self, events: &Events, packet: &mut [u8], carried: &mut Carried) -> Result<(), RunError> {
        let now = Instant::now();
        let Self { engine, outside, .. } = self;
        let mut others = false;
        for event in events {
            match event.token() {
                TUN => {
                    // An error shows when reading: the device is gone.
                    carried.tun_readable |= event.is_readable() || event.is_error();
                    if event.is_writable() && outside.tun.is_waiting() {
                        outside.tun.write_waiting();
                        if outside.tun.has_room() {
                            engine.tun_writable(now, &mut outside.io());
                        }
                    }
                }
                WAKER | SIGNALS | NETWORK => others = true,
                token => {
                    // A socket closed earlier in this turn has no events any more.
                    if let Some(id) = outside.sockets.id_of(token) {
                        engine.socket_event(now, &mut outside.io(), id, readiness(event));
                    }
                }
            }
        }
        if others {
            self.serve_others(events, now, carried);
        }
        if let Some(policy) = self.enforcement.check(now, clock::now) {
            self.engine.set_policy(now, &mut self.outside.io(), policy);
            self.recorder.catch_up();
        }
        if carried.tun_readable {
            carried.tun_readable = self.read_packets(now, packet)?;
        }
        if self.engine.poll_at().is_some_and(|due| due <= now) {
            self.engine.handle_timeout(now, &mut self.outside.io());
        }
        self.engine.flush(now, &mut self.outside.io());
        self.collect_events();
        if now.duration_since(carried.pulsed.unwrap_or(self.started)) >= PULSE {
            carried.pulsed = Some(now);
            self.recorder.pulse();
        }
        self.await_room(carried)
    }

    /// Reads a batch of packets. Returns whether there may be more.
    fn read_packets(&mut self, now: Instant, packet: &mut [u8]) -> Result<bool, RunError> {
        for _ in 0..BATCH {
            match self.outside.tun.read(packet).map_err(RunError::Tun)? {
                Some(len) => self.engine.handle_packet(now, &mut self.outside.io(), &packet[..len]),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Commands, signals and changes of the network.
    fn serve_others(&mut self, events: &Events, now: Instant, carried: &mut Carried) {
        for event in events {
            match event.token() {
                SIGNALS => carried.stop |= self.signals.as_ref().is_some_and(StopSignals::arrived),
                NETWORK => {
                    if let Some(network) = self.watch.as_mut().and_then(Watch::changed) {
                        self.network_changed(now, network);
                    }
                }
                WAKER => {
                    while let Ok(command) = self.commands.try_recv() {
                        self.obey(command, now, carried);
                    }
                }
                _ => {}
            }
        }
    }

    fn obey(&mut self, command: Command, now: Instant, carried: &mut Carried) {
        match command {
            Command::Consents(consents, reply) => {
                let policy = self.enforcement.replace(consents, &clock::now(), now);
                self.engine.set_policy(now, &mut self.outside.io(), policy);
                let _ = reply.try_send(());
            }
            Command::Owner(flow, owner) => {
                self.engine.owner_known(now, &mut self.outside.io(), flow, owner);
            }
            Command::Network(network) => self.network_changed(now, network),
            Command::NetworkAmended(network) => {
                self.network = network.clone();
                self.engine.network_amended(now, &mut self.outside.io(), network);
            }
            Command::Status(reply) => {
                // Whoever asked may have given up waiting.
                let _ = reply.try_send(self.status(carried));
            }
            Command::Stop => carried.stop = true,
        }
    }

    fn network_changed(&mut self, now: Instant, network: Network) {
        log::info!(
            "the network has changed: IPv4 {}, IPv6 {}, {} resolvers",
            if network.ipv4 { "leads out" } else { "leads nowhere" },
            if network.ipv6 { "leads out" } else { "leads nowhere" },
            network.resolvers.len()
        );
        self.network = network.clone();
        self.recorder.pulse();
        self.engine.network_changed(now, &mut self.outside.io(), network);
    }

    /// Takes what the engine reports to the store thread.
    fn collect_events(&mut self) {
        let mut now_ms = None;
        while let Some(event) = self.engine.poll_event() {
            match event {
                Event::Attempt(attempt) => {
                    self.recorder.attempt(*attempt, *now_ms.get_or_insert_with(clock::wall_ms));
                }
                Event::SinkholeAssigned { name, index } => self.recorder.sinkhole(name, index),
            }
        }
    }

    /// Asks for an event once the TUN device takes packets again, as long as some wait.
    fn await_room(&mut self, carried: &mut Carried) -> Result<(), RunError> {
        let waits = self.outside.tun.is_waiting();
        if waits != carried.awaits_room {
            carried.awaits_room = waits;
            let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let raw = self.outside.tun.as_raw_fd();
            self.poll.registry().reregister(&mut SourceFd(&raw), TUN, interest).map_err(RunError::Poll)?;
            // Registering anew reports what is readable once more.
        }
        Ok(())
    }

    /// The engine has failed. What it was in the midst of cannot be known, so it is not used any more: every outside socket is
    /// closed, and the TUN device stays open and unread, so that nothing passes.
    fn close_door(&mut self, panic: &(dyn Any + Send), carried: &mut Carried) {
        let failure = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".to_owned());
        log::error!(
            "the engine failed ({failure}): from now on nothing passes. Stop and start the firewall, and report this"
        );
        self.outside.sockets.abort_all();
        let raw = self.outside.tun.as_raw_fd();
        if let Err(error) = self.poll.registry().deregister(&mut SourceFd(&raw)) {
            log::error!("the TUN device still reports events: {error}");
        }
        if let Some(tell) = self.on_failure.take() {
            tell(&failure);
        }
        carried.failure = Some(failure);
    }

    /// One turn without an engine: only status and stop are answered.
    fn stay_closed(&mut self, events: &Events, carried: &mut Carried) {
        if events.iter().any(|event| event.token() == SIGNALS) {
            carried.stop |= self.signals.as_ref().is_some_and(StopSignals::arrived);
        }
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Stop => carried.stop = true,
                Command::Status(reply) => {
                    let _ = reply.try_send(self.status(carried));
                }
                Command::Consents(..)
                | Command::Owner(..)
                | Command::Network(_)
                | Command::NetworkAmended(_) => {}
            }
        }
    }

    fn status(&self, carried: &Carried) -> Status {
        let health = self.recorder.health();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_s: self.started.elapsed().as_secs(),
            failure: carried.failure.clone(),
            tun: self.outside.tun.name().map(str::to_owned),
            mtu: self.outside.tun.mtu(),
            ipv4: self.network.ipv4,
            ipv6: self.network.ipv6,
            resolvers: self.network.resolvers.clone(),
            counters: self.engine.counters(),
            drops: self
                .engine
                .drops()
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(name, count)| (name.to_owned(), count))
                .collect(),
            sockets: self.outside.sockets.len() as u64,
            tun_dropped: self.outside.tun.dropped(),
            store_error: health.error,
            attempts_lost: health.attempts_lost,
            unsaved_changes: 0,
        }
    }

    fn register(&self, raw: i32, token: Token, interest: Interest) -> Result<(), RunError> {
        self.poll.registry().register(&mut SourceFd(&raw), token, interest).map_err(RunError::Poll)
    }
}

/// Answers for a system that cannot tell which app owns a flow.
#[derive(Clone, Copy, Debug, Default)]
pub struct NobodyKnows;

impl Owners for NobodyKnows {
    fn owner(&mut self, _: FlowId, _: &consentry_engine::io::FlowKey) -> consentry_engine::io::OwnerAnswer {
        consentry_engine::io::OwnerAnswer::Known(Owner::Unknown)
    }
}
