//! One open state under firewalls that come and go.
use super::*;
use crate::firewall::OWN_DNS;
use crate::store::LogQuery;
use crate::{Firewall, Handle, Options, RunError, TunSource};
use consentry_consent::Via;
use consentry_engine::Network;
use consentry_engine::io::{FlowId, FlowKey, OwnerAnswer, Owners};
use consentry_engine::packet::build;
use consentry_inspect::dns;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;
use std::thread::JoinHandle;

const SERVICE: &str = "xiaomi.push";
const NAME: &str = "app.chat.xiaomi.net";
/// Generous: only a test that fails waits that long.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Counts what it is told.
#[derive(Default)]
struct Seen {
    rows: Mutex<Vec<Logged>>,
    changes: Mutex<usize>,
}

impl Observer for Seen {
    fn logged(&self, rows: &[Logged]) {
        self.rows.lock().unwrap().extend_from_slice(rows);
    }

    fn consents_changed(&self) {
        *self.changes.lock().unwrap() += 1;
    }
}

/// A firewall on a socket pair, and the apps' end of that.
struct Running {
    apps: UnixDatagram,
    handle: Handle,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Running {
    fn start(state: &Arc<OpenState>, adjust: impl FnOnce(&mut Options)) -> Self {
        let (ours, apps) = UnixDatagram::pair().unwrap();
        apps.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
        let mut options = options(state, ours);
        adjust(&mut options);
        let firewall = Firewall::start(options).unwrap();
        let handle = firewall.handle();
        Self { apps, handle, thread: std::thread::spawn(move || firewall.run()) }
    }

    /// Asks for the service's name, and waits until that was answered.
    fn ask(&self) {
        let question = dns::query(7, &NAME.parse().unwrap(), dns::A);
        let mut packet = Vec::new();
        let app: SocketAddr = "10.0.0.2:40000".parse().unwrap();
        build::udp(app, SocketAddr::new(OWN_DNS[0], 53), &question, &mut packet).unwrap();
        self.apps.send(&packet).unwrap();
        assert!(self.apps.recv(&mut [0; 2000]).unwrap() > 28);
    }

    fn stop(self) -> Result<(), RunError> {
        self.handle.stop();
        self.thread.join().unwrap()
    }
}

fn options(state: &Arc<OpenState>, tun: UnixDatagram) -> Options {
    let mut options = Options::new(TunSource::Descriptor(tun.into()), state.clone());
    options.control = false;
    options.stop_on_signals = false;
    options.network = Some(Network { resolvers: Vec::new(), ipv4: true, ipv6: true });
    options
}

fn open(folder: &Path, observer: &Arc<Seen>) -> Arc<OpenState> {
    Arc::new(OpenState::open(folder, Catalogue::builtin(), Some(observer.clone())).unwrap())
}

#[test]
fn it_outlives_firewalls_and_has_their_log_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::<Seen>::default();
    let state = open(folder.path(), &seen);
    for round in 1..=2 {
        let firewall = Running::start(&state, |_| {});
        firewall.ask();
        firewall.stop().unwrap();
        let rows = state.store().attempts(&LogQuery::default()).unwrap().rows;
        assert_eq!((rows.len(), rows[0].count), (1, round));
        assert!(!folder.path().join("control.sock").exists());
    }
    let rows = seen.rows.lock().unwrap();
    assert_eq!(rows.iter().map(|logged| logged.first_of_service).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn changes_count_with_a_firewall_and_without() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::<Seen>::default();
    let state = open(folder.path(), &seen);
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    let firewall = Running::start(&state, |_| {});
    // Changed while it runs: judged by it from the next packet on.
    state.revoke(SERVICE, Scope::AllApps, Via::Screen).unwrap();
    firewall.ask();
    assert_eq!(firewall.handle.status().unwrap().counters.denied, 1);
    firewall.stop().unwrap();
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    assert_eq!(state.history().unwrap().len(), 3);
    assert_eq!(*seen.changes.lock().unwrap(), 3);
    drop(state);
    assert_eq!(open(folder.path(), &seen).consents().grants().count(), 1);
}

#[test]
fn it_has_one_firewall_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path(), &Arc::default());
    let first = Running::start(&state, |_| {});
    let (ours, _apps) = UnixDatagram::pair().unwrap();
    let error = Firewall::start(options(&state, ours)).err().unwrap();
    assert!(matches!(error, StartError::AlreadyRunning { .. }), "{error}");
    first.stop().unwrap();
    // One that is never run leaves its place as well.
    let (ours, _apps) = UnixDatagram::pair().unwrap();
    drop(Firewall::start(options(&state, ours)).unwrap());
    Running::start(&state, |_| {}).stop().unwrap();
}

#[test]
fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path(), &Arc::default());
    let error = OpenState::open(folder.path(), Catalogue::builtin(), None).unwrap_err();
    assert!(matches!(error, StartError::Store(StoreError::Locked { .. })), "{error}");
    drop(state);
    OpenState::open(folder.path(), Catalogue::builtin(), None).unwrap();
}

/// Stands for a fault in the engine.
struct Fault;

impl Owners for Fault {
    fn owner(&mut self, _: FlowId, _: &FlowKey) -> OwnerAnswer {
        panic!("a fault made for a test")
    }
}

#[test]
fn a_failure_is_told_at_once_and_the_next_firewall_works() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path(), &Arc::default());
    let (tell, told) = std::sync::mpsc::channel();
    let firewall = Running::start(&state, |options| {
        options.owners = Box::new(Fault);
        options.on_failure = Some(Box::new(move |failure| tell.send(failure.to_owned()).unwrap()));
    });
    let mut packet = Vec::new();
    let app: SocketAddr = "10.0.0.2:40000".parse().unwrap();
    build::udp(app, "203.0.113.9:9999".parse().unwrap(), b"hello", &mut packet).unwrap();
    firewall.apps.send(&packet).unwrap();
    assert!(told.recv_timeout(LONGEST_WAIT).unwrap().contains("a fault made for a test"));
    // Changes are still taken, and nobody waits for the engine that is gone.
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    assert!(matches!(firewall.stop(), Err(RunError::Engine(_))));
    let firewall = Running::start(&state, |_| {});
    state.revoke(SERVICE, Scope::AllApps, Via::Screen).unwrap();
    firewall.ask();
    firewall.stop().unwrap();
}

#[test]
fn grants_that_ended_are_written_down_without_a_firewall_too() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::<Seen>::default();
    let state = open(folder.path(), &seen);
    state.grant(SERVICE, Scope::AllApps, Term::For(Duration::from_millis(1)), Via::Screen).unwrap();
    let start = Instant::now();
    while state.history().unwrap().len() < 2 {
        assert!(start.elapsed() < LONGEST_WAIT, "the end is not written down");
        state.catch_up();
        std::thread::yield_now();
    }
    assert_eq!(state.history().unwrap()[1].name(), "expire");
}

#[test]
fn a_denial_is_a_decision_even_if_nothing_was_granted() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Arc::<Seen>::default();
    let state = open(folder.path(), &seen);
    assert_eq!(state.deny(SERVICE, Via::Notification).unwrap().unwrap().name(), "revoke");
    assert!(state.consents().is_switched_off(SERVICE));
    // Once is enough.
    assert_eq!(state.deny(SERVICE, Via::Notification).unwrap(), None);
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    assert!(state.deny(SERVICE, Via::Screen).unwrap().is_some());
    assert_eq!(
        state.history().unwrap().iter().map(Change::name).collect::<Vec<_>>(),
        ["revoke", "grant", "revoke"]
    );
    assert!(matches!(state.deny("no.such", Via::Screen), Err(DecisionError::Consent(_))));
}

#[test]
fn between_two_firewalls_there_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path(), &Arc::default());
    let protection = || state.store().protection(0, &crate::clock::now()).unwrap();
    assert_eq!(protection().protected_percent, None);
    let firewall = Running::start(&state, |_| {});
    firewall.ask();
    assert_eq!(protection().protected_percent, Some(100));
    firewall.stop().unwrap();
    let gaps = protection().gaps;
    assert_eq!((gaps.len(), gaps[0].until_ms, gaps[0].certain_from), (1, None, true));
    assert_eq!(gaps[0].cause, crate::protection::Cause::TurnedOff);
    // Started again at once: the tunnel only changed over.
    let firewall = Running::start(&state, |_| {});
    firewall.ask();
    assert_eq!(protection().gaps, []);
    firewall.stop().unwrap();
}

/// Edits the first entry of a folder's ledger as somebody would who has the file and not the key.
fn tamper(folder: &Path) {
    use redb::ReadableDatabase;
    let database = redb::Database::open(folder.join("consentry.redb")).unwrap();
    let ledger = redb::TableDefinition::<u64, &[u8]>::new("ledger");
    let entry = database.begin_read().unwrap().open_table(ledger).unwrap().get(0).unwrap();
    let entry = String::from_utf8(entry.unwrap().value().to_vec()).unwrap();
    let transaction = database.begin_write().unwrap();
    let edited = entry.replace("forever", "for ever").replace("xiaomi.push", "xiaomi.puss");
    assert_ne!(edited, entry);
    transaction.open_table(ledger).unwrap().insert(0, edited.as_bytes()).unwrap();
    transaction.commit().unwrap();
}

fn begin_anew(folder: &Path) -> Arc<OpenState> {
    Arc::new(OpenState::open_or_begin_anew(folder, Catalogue::builtin(), None).unwrap())
}

fn put_aside_files(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains(".damaged-")).count()
}

#[test]
fn a_ledger_that_was_edited_grants_nothing_and_is_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path(), &Arc::default());
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    state.grant("google.fcm", Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    state.store().set_preference("app/theme", Some("dark")).unwrap();
    drop(state);
    tamper(folder.path());
    // A command says so and changes nothing.
    let mut command = crate::access::State::open(folder.path());
    let error = command.as_mut().err().map(|error| error.to_string()).unwrap();
    assert!(error.contains("entry 1 of the ledger does not follow"), "{error}");
    assert_eq!(put_aside_files(folder.path()), 0);

    let refused = OpenState::open(folder.path(), Catalogue::builtin(), None).unwrap_err();
    assert!(refused.to_string().contains("nothing counts as granted"), "{refused}");
    assert_eq!(put_aside_files(folder.path()), 0);

    let state = begin_anew(folder.path());
    assert_eq!(state.consents().grants().count(), 0);
    assert!(state.consents().reset().unwrap().1.contains("entry 1 of the ledger does not follow"));
    assert_eq!(state.history().unwrap().iter().map(Change::name).collect::<Vec<_>>(), ["reset"]);
    assert_eq!(state.store().preferences("app/").unwrap().len(), 1, "the settings are sound");
    assert_eq!(put_aside_files(folder.path()), 1);
    let firewall = Running::start(&state, |_| {});
    firewall.ask();
    assert_eq!(firewall.handle.status().unwrap().counters.denied, 1);
    firewall.stop().unwrap();
    // From here on it is an ordinary ledger.
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    drop(state);
    let state = begin_anew(folder.path());
    assert_eq!(state.consents().grants().count(), 1);
    assert_eq!(put_aside_files(folder.path()), 1);
}

#[test]
fn damaged_files_are_kept_aside_a_few_of_them() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5u8 {
        std::fs::write(folder.path().join("consentry.redb"), vec![round; 5_000]).unwrap();
        let state = begin_anew(folder.path());
        assert!(state.consents().reset().is_some());
        // Names differ by the millisecond.
        let before = crate::clock::wall_ms();
        while crate::clock::wall_ms() == before {
            std::thread::yield_now();
        }
    }
    assert_eq!(put_aside_files(folder.path()), 3);
}

#[test]
fn what_the_catalogue_changed_is_noted_once_and_asked_about_again() {
    const EDITIONS: [&str; 2] = ["a.example.net", "b.example.net"];
    let editions = EDITIONS.map(|host| {
        let text = format!(
            "format = 1\nvendor = \"Maker\"\n[sources]\nGEN = \"Made for a test\"\n[[service]]\nid = \"maker.push\"\n\
             name = \"Push\"\nshort_name = \"Push\"\ncategory = \"push\"\ndoes = \"Brings it.\"\nbreaks = \"It.\"\n\
             breaks_short = \"Stops: it\"\ndefault = \"needs_consent\"\ndns_answer = \"sinkhole\"\nsources = [\"GEN\"]\n\
             names = [{{ exact = \"{host}\", certainty = \"confirmed\", sources = [\"GEN\"] }}]\n"
        );
        &*Box::leak(Box::new(Catalogue::parse([("maker.toml", text.as_str())]).unwrap()))
    });
    let folder = tempfile::tempdir().unwrap();
    let open = |edition: &'static Catalogue| OpenState::open(folder.path(), edition, None).unwrap();
    let names = |state: &OpenState| {
        state.history().unwrap().iter().map(|change| change.name().to_owned()).collect::<Vec<_>>()
    };
    let state = open(editions[0]);
    state.grant("maker.push", Scope::AllApps, Term::Forever, Via::Screen).unwrap();
    let attempt = consentry_consent::attempt::Attempt {
        app: None,
        service: Some("maker.push".to_owned()),
        host: Some("b.example.net".to_owned()),
        signal: None,
        address: None,
        port: None,
        transport: consentry_catalogue::Transport::Udp,
        certainty: None,
        reason: String::new(),
        identifiers: Vec::new(),
        path: None,
        bytes_held: 0,
    };
    let first = |state: &OpenState| {
        let row = consentry_consent::attempt::AttemptRow::new(attempt.clone(), crate::clock::wall_ms());
        let batch = crate::store::Batch { attempts: vec![row], ..Default::default() };
        state.store().record(&batch, crate::clock::wall_ms()).unwrap()[0].first_of_service
    };
    assert!(first(&state));
    assert!(!first(&state));
    drop(state);
    assert_eq!(names(&open(editions[0])), ["grant"]);
    for _ in 0..2 {
        assert_eq!(names(&open(editions[1])), ["grant", "service_changed"]);
    }
    let state = open(editions[1]);
    assert!(first(&state), "the owner is asked about it again");
    assert!(!first(&state));
}
