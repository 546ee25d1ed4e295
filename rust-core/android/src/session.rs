//! An open state folder, and the engine that runs on it or does not. One store for the life of the session: what is decided
//! and read is the same with the engine and without.
use crate::error::{Code, EngineError};
use crate::events::{Events, State};
use crate::host::Host;
use crate::owners::{AskingOwners, Numbers, Questions};
use crate::requests::{Desk, EngineStatus};
use crate::settings::{self, Settings};
use crate::tunnel;
use consentry_catalogue::Catalogue;
use consentry_runtime::tun::TunError;
use consentry_runtime::{Firewall, Handle, OpenState, Options, RunError, StartError, TunSource};
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// What the app opens.
pub(crate) struct Session {
    host: Arc<dyn Host>,
    events: Arc<Events>,
    numbers: Arc<Numbers>,
    /// `None` once closed.
    state: Mutex<Option<Arc<OpenState>>>,
    /// One start or stop at a time.
    engine: Mutex<Option<Engine>>,
    /// The way to the engine for everybody else, who shall not wait for a start or stop.
    reach: Mutex<Option<Reach>>,
    #[cfg(debug_assertions)]
    faults: Arc<crate::faults::Faults>,
}

struct Engine {
    reach: Reach,
    thread: JoinHandle<()>,
}

#[derive(Clone)]
struct Reach {
    handle: Handle,
    questions: Arc<Questions>,
    /// Why it failed.
    failure: Arc<Mutex<Option<String>>>,
}

thread_local! {
    /// Whether this is an engine's packet thread, from which the app may be called and call back.
    static IS_PACKET_THREAD: Cell<bool> = const { Cell::new(false) };
}

impl Session {
    /// Opens a state folder, which is created when it is absent. The engine does not run yet.
    pub(crate) fn open(folder: &str, host: Arc<dyn Host>) -> Result<Self, EngineError> {
        let path = Path::new(folder);
        if !path.is_absolute() {
            return Err(EngineError::new(Code::BadRequest, "the state folder must be an absolute path"));
        }
        let events = Events::start(host.clone()).map_err(|error| system("start a thread", &error))?;
        match OpenState::open_or_begin_anew(path, Catalogue::builtin(), Some(events.clone())) {
            Ok(state) => Ok(Self {
                host,
                events,
                numbers: Arc::default(),
                state: Mutex::new(Some(Arc::new(state))),
                engine: Mutex::default(),
                reach: Mutex::default(),
                #[cfg(debug_assertions)]
                faults: Arc::default(),
            }),
            Err(error) => {
                events.close();
                Err(error.into())
            }
        }
    }

    /// Starts the engine on a duplicate of a TUN descriptor. One that has failed is ended first.
    pub(crate) fn start(&self, tun: RawFd, settings: &str) -> Result<(), EngineError> {
        if IS_PACKET_THREAD.get() {
            return Err(EngineError::new(Code::BadRequest, "an engine cannot start the next one"));
        }
        let settings: Settings = settings::read("the settings", settings)?;
        let mut engine = lock(&self.engine);
        let state = self.state()?;
        if engine.as_ref().is_some_and(Engine::is_well) {
            return Err(EngineError::new(Code::BadRequest, "the engine is running already: stop it first"));
        }
        let tun = tunnel::duplicate(tun)?;
        self.end(engine.take());

        let questions = Arc::<Questions>::default();
        let failure = Arc::<Mutex<Option<String>>>::default();
        let owners = AskingOwners::start(self.host.clone(), questions.clone(), self.numbers.clone())
            .map_err(|error| system("start a thread", &error))?;
        #[cfg(debug_assertions)]
        let owners = owners.with_faults(self.faults.clone());
        let mut options = Options::new(TunSource::Descriptor(tun), state);
        options.mtu = Some(settings.mtu);
        options.network = Some(settings.network);
        options.control = false;
        options.stop_on_signals = false;
        options.owners = Box::new(owners);
        options.protect = Some(Box::new({
            let host = self.host.clone();
            move |socket| host.protect(socket)
        }));
        let told = Told { events: self.events.clone(), failure: failure.clone() };
        options.on_failure = Some(Box::new({
            let told = told.clone();
            move |reason| told.failed(reason)
        }));
        let firewall = Firewall::start(options).map_err(|error| match error {
            StartError::Tun(TunError::Mtu(_)) => EngineError::new(Code::BadRequest, error.to_string()),
            error => error.into(),
        })?;
        let reach = Reach { handle: firewall.handle(), questions, failure };
        self.events.state(State::RUNNING);
        let thread = std::thread::Builder::new()
            .name("consentry-packets".to_owned())
            .spawn(move || run(firewall, &told))
            .map_err(|error| {
                self.events.state(State::STOPPED);
                system("start a thread", &error)
            })?;
        *lock(&self.reach) = Some(reach.clone());
        *engine = Some(Engine { reach, thread });
        log::info!("the engine runs");
        Ok(())
    }

    /// Ends the engine, if it runs; its duplicate of the descriptor is closed when this returns.
    pub(crate) fn stop(&self) {
        if IS_PACKET_THREAD.get() {
            // Called by the app in the midst of our own call to it: the thread cannot wait for itself.
            let reach = lock(&self.reach).clone();
            if let Some(reach) = reach {
                reach.handle.stop();
            }
            return;
        }
        let mut engine = lock(&self.engine);
        self.end(engine.take());
    }

    /// The network behind the tunnel has changed.
    pub(crate) fn network(&self, network: &str) -> Result<(), EngineError> {
        let change = settings::read_network(network)?;
        self.state()?;
        let reach = lock(&self.reach).clone();
        if let Some(Reach { handle, .. }) = reach {
            if change.keeps_flows {
                handle.network_amended(change.network);
            } else {
                handle.network_changed(change.network);
            }
        }
        Ok(())
    }

    /// Takes the answer to a question of [`Host::owner`]. One that comes too late is nobody's.
    pub(crate) fn owner(&self, question: i64, owner: &str) -> Result<(), EngineError> {
        let owner = settings::read_owner(owner)?;
        self.state()?;
        let reach = lock(&self.reach).clone();
        if let Some(Reach { handle, questions, .. }) = reach {
            for flow in questions.answer(question, &owner, Instant::now()) {
                handle.owner_known(flow, owner.clone());
            }
        }
        Ok(())
    }

    /// Answers a request.
    pub(crate) fn request(&self, request: &str) -> Result<String, EngineError> {
        let state = self.state()?;
        let engine = || {
            let reach = lock(&self.reach).clone()?;
            let failure = lock(&reach.failure).clone();
            // Where there is no engine any more there is nobody to ask.
            let details = if failure.is_none() { reach.handle.status() } else { None };
            Some(EngineStatus { failure, details })
        };
        let desk = Desk {
            state: &state,
            engine: &engine,
            observer: &*self.events,
            #[cfg(debug_assertions)]
            faults: &self.faults,
        };
        desk.answer(request)
    }

    /// Ends everything. The store is closed once the last request under way has been answered.
    pub(crate) fn close(&self) {
        // First, so that nothing starts any more.
        let state = lock(&self.state).take();
        self.stop();
        self.events.close();
        drop(state);
    }

    fn state(&self) -> Result<Arc<OpenState>, EngineError> {
        lock(&self.state).clone().ok_or_else(EngineError::closed)
    }

    fn end(&self, engine: Option<Engine>) {
        let Some(Engine { reach, thread }) = engine else { return };
        lock(&self.reach).take();
        reach.handle.stop();
        // A panic in there was caught, and told.
        let _ = thread.join();
        self.events.state(State::STOPPED);
        log::info!("the engine has ended");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

impl Engine {
    fn is_well(&self) -> bool {
        !self.thread.is_finished() && lock(&self.reach.failure).is_none()
    }
}

/// Who is told about a failure.
#[derive(Clone)]
struct Told {
    events: Arc<Events>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Told {
    fn failed(&self, reason: &str) {
        *lock(&self.failure) = Some(reason.to_owned());
        self.events.state(State::failed(reason));
    }
}

/// The packet thread, from beginning to end.
fn run(firewall: Firewall, told: &Told) {
    IS_PACKET_THREAD.set(true);
    match catch_unwind(AssertUnwindSafe(|| firewall.run())) {
        // A failed engine was told when it failed.
        Ok(Ok(()) | Err(RunError::Engine(_))) => {}
        Ok(Err(error)) => told.failed(&error.to_string()),
        Err(panic) => told.failed(words_of(panic.as_ref())),
    }
}

/// What a panic says.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

fn system(what: &str, error: &std::io::Error) -> EngineError {
    EngineError::new(Code::Internal, format!("cannot {what}: {error}"))
}

/// No code that holds these locks leaves the data half-changed when it panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
