//! A running firewall: everything put together.
use crate::control::{Reach, Server, Status};
use crate::decisions::Enforcing;
use crate::enforcement::Enforcement;
use crate::event_loop::{Command, EventLoop, Outside, WAKER};
pub use crate::event_loop::{NobodyKnows, RunError};
use crate::limits;
use crate::network::{self, Watch};
use crate::open_state::OpenState;
use crate::protection::Cause;
use crate::signals::StopSignals;
use crate::slab::{DEFAULT_BUFFER_SIZE, Slab};
use crate::sockets::{OutsideSockets, Protect, ping_is_allowed};
use crate::store::StoreError;
use crate::tun::{PacketLog, TunDevice, TunError, TunSource};
use crate::{clock, resolvers};
use consentry_catalogue::Catalogue;
use consentry_consent::{Consents, Owner};
use consentry_engine::io::{Family, FlowId, Owners, Tun};
use consentry_engine::{Config, Engine, Network};
use mio::{Poll, Waker};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Our own DNS addresses inside the tunnel: a question put to them goes to the network's resolvers. Both lie in ranges that
/// are never used on a network (RFC 6890; RFC 3849), and apps treat them as ordinary addresses.
pub const OWN_DNS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 53)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xc05e, 0, 0, 0, 0, 0x53)),
];

/// Most TCP flows at one time, unless descriptors or memory allow fewer.
#[cfg(target_pointer_width = "64")]
const MAX_FLOWS: usize = 16_384;
/// Most TCP flows at one time: address space is scarce with 32 bits.
#[cfg(not(target_pointer_width = "64"))]
const MAX_FLOWS: usize = 2_048;
/// Most UDP mappings at one time, unless descriptors allow fewer.
const MAX_UDP_MAPPINGS: usize = 4_096;
/// Fewer buffer pairs than this are of no use.
const FEWEST_FLOWS: usize = 16;
/// Commands that wait for the packet thread; it takes them at every turn.
const MOST_COMMANDS: usize = 1024;
/// How long other threads wait for an answer of the packet thread.
const PATIENCE: Duration = Duration::from_secs(5);

/// Told once, on the packet thread, that the engine has failed and why: from then on nothing passes.
pub type FailureListener = Box<dyn FnOnce(&str) + Send>;

/// Where a firewall finds consents and keeps its log.
#[derive(Debug)]
pub enum StateSource {
    /// A folder, opened by the firewall and closed when it ends.
    Folder(PathBuf),
    /// One that is open already, and stays so.
    Open(Arc<OpenState>),
}

impl From<PathBuf> for StateSource {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<Arc<OpenState>> for StateSource {
    fn from(state: Arc<OpenState>) -> Self {
        Self::Open(state)
    }
}

/// What a firewall is started with.
pub struct Options {
    /// Where the TUN device comes from.
    pub tun: TunSource,
    /// Its MTU, in bytes; see [`TunDevice::open`] for what `None` means.
    pub mtu: Option<usize>,
    /// Consents and log.
    pub state: StateSource,
    /// Whether commands can reach it, through a control socket in the state folder.
    pub control: bool,
    /// Resolvers to ask; when empty, those of `/etc/resolv.conf`.
    pub resolvers: Vec<SocketAddr>,
    /// Where to write every packet that passes the TUN device (pcap).
    pub packet_log: Option<PathBuf>,
    /// The services to recognise, unless the state is open already: that brings its own.
    pub catalogue: &'static Catalogue,
    /// Our own DNS addresses inside the tunnel.
    pub own_dns: Vec<IpAddr>,
    /// The network behind the tunnel, where somebody else watches it ([`Handle::network_changed`]). `None`: it is read from the
    /// system and watched.
    pub network: Option<Network>,
    /// Most TCP flows at one time. At the limit the oldest idle ones are reset to make room.
    pub max_flows: usize,
    /// Keeps outside sockets out of the tunnel, where routes alone do not.
    pub protect: Option<Protect>,
    /// Knows which app owns a flow.
    pub owners: Box<dyn Owners + Send>,
    /// Whether SIGINT, SIGTERM and SIGHUP end the firewall in good order. They are then blocked in the thread that starts it
    /// and in all threads started afterwards.
    pub stop_on_signals: bool,
    /// Who wants to know at once when the engine fails.
    pub on_failure: Option<FailureListener>,
    /// Allows everything. Only for the test that shows that the tests can fail, and for benchmarks.
    pub rules_off: bool,
}

impl Options {
    /// The usual options for a TUN device and a state, open or by the path of its folder.
    pub fn new(tun: TunSource, state: impl Into<StateSource>) -> Self {
        Self {
            tun,
            mtu: None,
            state: state.into(),
            control: true,
            resolvers: Vec::new(),
            packet_log: None,
            catalogue: Catalogue::builtin(),
            own_dns: OWN_DNS.to_vec(),
            network: None,
            max_flows: MAX_FLOWS,
            protect: None,
            owners: Box::new(NobodyKnows),
            stop_on_signals: true,
            on_failure: None,
            rules_off: false,
        }
    }
}

/// Why a firewall could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// One is running on this state folder.
    #[error("a firewall is already running on {folder}{}; stop that one first, or choose another folder with --state",
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    AlreadyRunning {
        /// The state folder.
        folder: PathBuf,
        /// The process that runs it.
        pid: Option<u32>,
    },
    /// The state folder or the store in it cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The TUN device cannot be used.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// The packet log cannot be written.
    #[error("cannot write the packet log {path}: {error}")]
    PacketLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The control socket cannot be made.
    #[error("cannot listen for commands in {folder}: {error}")]
    Control {
        /// The state folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The system refused something else.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

/// A firewall that is ready to run.
pub struct Firewall {
    event_loop: EventLoop,
    handle: Handle,
    // Dropped in this order: no more commands, then nobody enforces, then the rest is written.
    server: Option<Server>,
    enforcing: Enforcing,
    state: Arc<OpenState>,
}

/// Reaches a running firewall from other threads of its process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
}

impl Firewall {
    /// Prepares everything; nothing passes before [`Self::run`].
    ///
    /// # Errors
    /// [`StartError`] says what is in the way. Nothing is left behind but the state folder.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let system = |what| move |error| StartError::System { what, error };
        let signals = options.stop_on_signals.then(StopSignals::take_over).transpose();
        let signals = signals.map_err(system("take signals over"))?;
        let descriptors = usize::try_from(limits::raise_descriptor_limit()).unwrap_or(usize::MAX);

        let state = match options.state {
            StateSource::Folder(folder) => Arc::new(OpenState::open(&folder, options.catalogue, None)?),
            StateSource::Open(state) => state,
        };
        let (catalogue, decisions, recorder) = (state.catalogue, &state.decisions, state.recorder.handle());
        let poll = Poll::new().map_err(system("open an event queue"))?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(system("open an event queue"))?;
        let (commands, receiver) = sync_channel(MOST_COMMANDS);
        let handle = Handle { commands, waker: Arc::new(waker) };
        let enforce = {
            let handle = handle.clone();
            move |consents: Consents| {
                let (reply, answer) = sync_channel(1);
                handle.send(Command::Consents(consents, reply));
                // Without an answer nothing passes any more: the firewall has ended, or its engine has failed.
                let _ = answer.recv_timeout(PATIENCE);
            }
        };
        let (enforcing, consents) = decisions.enforce_with(Box::new(enforce)).ok_or_else(|| {
            StartError::AlreadyRunning { folder: state.folder().to_owned(), pid: Some(std::process::id()) }
        })?;

        let tun = open_tun(options.tun, options.mtu, options.packet_log.as_deref())?;
        let (watch, network) = watch_network(options.network, options.resolvers, tun.name())?;
        let max_udp_mappings = MAX_UDP_MAPPINGS.min(descriptors / 4);
        // Questions to resolvers take descriptors too: a quarter of those for UDP is more than enough.
        let max_flows =
            options.max_flows.min(descriptors - max_udp_mappings - max_udp_mappings / 4).max(FEWEST_FLOWS);
        let (buffers, max_tcp_flows) =
            reserve_buffers(max_flows).map_err(system("reserve memory for flows"))?;
        warn_if_ping_is_forbidden(&network);
        let registry = poll.registry().try_clone().map_err(system("open an event queue"))?;
        let sockets = OutsideSockets::new(registry, descriptors, options.protect);

        let now = Instant::now();
        let (enforcement, policy) =
            Enforcement::new(catalogue, consents, options.rules_off, &clock::now(), now);
        let config = Config {
            own_dns: options.own_dns,
            network: network.clone(),
            secret: state.store.secret()?,
            max_tcp_flows,
            max_udp_mappings,
            verify_checksums: false,
        };
        let mut engine = Engine::new(config, catalogue, policy, tun.mtu(), now);
        for (name, index) in state.store.sinkholes()? {
            if !engine.restore_sinkhole(&name, index) {
                log::debug!("a stored sinkhole mapping has no place in the pool any more");
            }
        }

        let server = options.control.then(|| start_server(&state, &handle)).transpose()?;
        let event_loop = EventLoop {
            poll,
            engine,
            outside: Outside { tun, sockets, buffers, owners: options.owners },
            enforcement,
            commands: receiver,
            recorder,
            watch,
            signals,
            network,
            started: now,
            on_failure: options.on_failure,
        };
        Ok(Self { event_loop, handle, server, enforcing, state })
    }

    /// Reaches the firewall from other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The TUN interface's name, if it was opened by name.
    pub fn tun_name(&self) -> Option<&str> {
        self.event_loop.outside.tun.name()
    }

    /// Runs on this thread until stopped: by [`Handle::stop`], a command, or a signal. What was logged is on disk afterwards.
    ///
    /// # Errors
    /// The TUN device is gone, or the engine has failed. A failed engine does not end the run: the tunnel is kept closed until
    /// the stop.
    pub fn run(self) -> Result<(), RunError> {
        let Self { event_loop, server, enforcing, state, .. } = self;
        if let Err(error) = state.store.run_began(&clock::now()) {
            log::error!("the start of protection is not noted yet: {error}");
        }
        let result = event_loop.run();
        let cause = match result {
            // A failed engine kept the tunnel closed until it was stopped.
            Ok(()) | Err(RunError::Engine(_)) => Cause::TurnedOff,
            Err(RunError::Tun(_) | RunError::Poll(_)) => Cause::Unknown,
        };
        if let Err(error) = state.store.run_ended(&clock::now(), cause) {
            log::error!("the end of protection is not noted: {error}");
        }
        drop(server);
        drop(enforcing);
        state.recorder.flush();
        result
    }
}

impl Handle {
    /// Ends the firewall.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    /// Brings the owner of a flow that [`Owners::owner`] was asked for and answered `Later`.
    pub fn owner_known(&self, flow: FlowId, owner: Owner) {
        self.send(Command::Owner(flow, owner));
    }

    /// The network behind the tunnel has changed.
    pub fn network_changed(&self, network: Network) {
        self.send(Command::Network(network));
    }

    /// The network behind the tunnel is the same, but its resolvers or the families that lead out are not: flows go on.
    pub fn network_amended(&self, network: Network) {
        self.send(Command::NetworkAmended(network));
    }

    /// How the firewall is doing; `None` when it has ended or does not answer.
    pub fn status(&self) -> Option<Status> {
        let (reply, answer) = sync_channel(1);
        self.send(Command::Status(reply));
        answer.recv_timeout(PATIENCE).ok()
    }

    fn send(&self, command: Command) {
        // After the end of the firewall nobody listens, and nothing is left to be told.
        if self.commands.send(command).is_ok()
            && let Err(error) = self.waker.wake()
        {
            log::error!("the packet thread could not be woken: {error}");
        }
    }
}

/// Lets commands reach the firewall.
fn start_server(state: &OpenState, handle: &Handle) -> Result<Server, StartError> {
    let reach = Reach {
        store: state.store.clone(),
        decisions: state.decisions.clone(),
        recorder: state.recorder.handle(),
        status: Box::new({
            let (handle, decisions) = (handle.clone(), state.decisions.clone());
            move || {
                let mut status = handle.status()?;
                status.unsaved_changes = decisions.unsaved() as u64;
                Some(status)
            }
        }),
        stop: Box::new({
            let handle = handle.clone();
            move || handle.stop()
        }),
    };
    Server::start(state.folder(), reach)
        .map_err(|error| StartError::Control { folder: state.folder().to_owned(), error })
}

fn open_tun(
    source: TunSource,
    mtu: Option<usize>,
    packet_log: Option<&Path>,
) -> Result<TunDevice, StartError> {
    let tun = TunDevice::open(source, mtu)?;
    let Some(path) = packet_log else { return Ok(tun) };
    let log =
        PacketLog::create(path).map_err(|error| StartError::PacketLog { path: path.to_owned(), error })?;
    Ok(tun.with_packet_log(log))
}

fn watch_network(
    given: Option<Network>,
    resolvers: Vec<SocketAddr>,
    tun: Option<&str>,
) -> Result<(Option<Watch>, Network), StartError> {
    if let Some(network) = given {
        return Ok((None, network));
    }
    let watch = Watch::start(resolvers, tun.map(str::to_owned))
        .map_err(|error| StartError::System { what: "watch the network", error })?;
    let network = watch.network().clone();
    if !network::has_resolver(&network) {
        log::warn!("there is no resolver to ask: name one with --dns, or in {}", resolvers::SYSTEM_FILE);
    }
    Ok((Some(watch), network))
}

/// Pings are a small thing to start without, and a puzzle to whoever misses them.
fn warn_if_ping_is_forbidden(network: &Network) {
    let wanted = [(network.ipv4, Family::V4), (network.ipv6, Family::V6)];
    if wanted.into_iter().any(|(leads_out, family)| leads_out && !ping_is_allowed(family)) {
        log::warn!(
            "pings will not be relayed: the system forbids it. Allow it with: sysctl -w net.ipv4.ping_group_range='0 2147483647'"
        );
    }
}

/// Reserves buffers for so many flows, or for half as many as long as the system refuses.
fn reserve_buffers(flows: usize) -> io::Result<(Slab, usize)> {
    let mut flows = flows;
    loop {
        match Slab::new(u32::try_from(flows).unwrap_or(u32::MAX), DEFAULT_BUFFER_SIZE) {
            Ok(slab) => return Ok((slab, flows)),
            Err(error) if flows <= FEWEST_FLOWS => return Err(error),
            Err(_) => flows /= 2,
        }
    }
}

#[cfg(test)]
mod tests;
