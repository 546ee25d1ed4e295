//! A whole firewall on a socket pair in place of a TUN device, with a resolver on the loopback interface.
use crate::access::{AccessError, State};
use crate::firewall::OWN_DNS;
use crate::store::LogQuery;
use crate::{Firewall, Handle, Options, RunError, StartError, TunSource};
use consentry_consent::{Scope, Term, Via};
use consentry_engine::Network;
use consentry_engine::io::{FlowId, FlowKey, OwnerAnswer, Owners};
use consentry_engine::packet::build;
use consentry_inspect::dns;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::ControlFlow;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const LONGEST_WAIT: Duration = Duration::from_secs(20);
const SERVICE: &str = "xiaomi.push";
/// One of its host names.
const NAME: &str = "app.chat.xiaomi.net";
/// What our resolver answers to everything.
const ANSWER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);

struct Lab {
    folder: tempfile::TempDir,
    apps: UnixDatagram,
    handle: Handle,
    thread: JoinHandle<Result<(), RunError>>,
    next_id: u16,
}

impl Lab {
    fn start() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ours, apps) = UnixDatagram::pair().unwrap();
        apps.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
        let mut options = options(TunSource::Descriptor(ours.into()), folder.path());
        options.network = Some(Network { resolvers: vec![resolver()], ipv4: true, ipv6: true });
        change(&mut options);
        let firewall = Firewall::start(options).unwrap();
        let handle = firewall.handle();
        let thread = std::thread::spawn(move || firewall.run());
        Self { folder, apps, handle, thread, next_id: 1 }
    }

    fn state(&self) -> State {
        State::open(self.folder.path()).unwrap()
    }

    fn send_question(&mut self) -> u16 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let question = dns::query(id, &NAME.parse().unwrap(), dns::A);
        let mut packet = Vec::new();
        let app: SocketAddr = "10.0.0.2:40000".parse().unwrap();
        build::udp(app, SocketAddr::new(OWN_DNS[0], 53), &question, &mut packet).unwrap();
        self.apps.send(&packet).unwrap();
        id
    }

    /// Asks for the name's address, as an app would.
    fn ask(&mut self) -> Ipv4Addr {
        let id = self.send_question();
        let mut packet = [0; 2000];
        loop {
            let len = self.apps.recv(&mut packet).unwrap();
            // IPv4 and UDP headers without options.
            let message = dns::parse(&packet[28..len]).unwrap();
            if message.id != id {
                continue;
            }
            assert!(message.response);
            return message
                .answers
                .iter()
                .find_map(|record| match record.data {
                    dns::Data::A(address) => Some(address),
                    _ => None,
                })
                .unwrap();
        }
    }

    fn stop(self) -> Result<(), RunError> {
        self.handle.stop();
        self.thread.join().unwrap()
    }
}

fn options(tun: TunSource, folder: &Path) -> Options {
    let mut options = Options::new(tun, folder.to_owned());
    options.mtu = Some(1500);
    options.stop_on_signals = false;
    options
}

/// A resolver that answers every question for an address with [`ANSWER`]. It ends with the test's process.
fn resolver() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let Ok(query) = dns::parse(&buffer[..len]) else { continue };
            let Some(question) = query.questions.first() else { continue };
            let record = dns::Record {
                name: question.name.clone(),
                rtype: dns::A,
                class: question.class,
                ttl: 60,
                data: dns::Data::A(ANSWER),
            };
            let _ = socket.send_to(&dns::reply(&query, 0, &[record]), from);
        }
    });
    address
}

fn is_sinkhole(address: Ipv4Addr) -> bool {
    address.octets()[0] == 198 && address.octets()[1] & 0xfe == 18
}

#[test]
fn a_grant_opens_at_once_and_a_revoke_closes_at_once() {
    let mut lab = Lab::start();
    assert!(is_sinkhole(lab.ask()));
    lab.state().grant(SERVICE, Scope::AllApps, Term::Forever, Via::Command).unwrap();
    assert_eq!(lab.ask(), ANSWER);
    lab.state().revoke(SERVICE, Scope::AllApps, Via::Command).unwrap();
    assert!(is_sinkhole(lab.ask()));
    lab.stop().unwrap();
}

#[test]
fn a_grant_for_a_time_ends_by_itself_and_the_ledger_says_so() {
    let mut lab = Lab::start();
    let mut state = lab.state();
    state.grant(SERVICE, Scope::AllApps, Term::For(Duration::from_secs(1)), Via::Command).unwrap();
    assert_eq!(lab.ask(), ANSWER);
    let start = Instant::now();
    while !is_sinkhole(lab.ask()) {
        assert!(start.elapsed() < LONGEST_WAIT, "the grant did not end");
    }
    while state.history().unwrap().len() < 2 {
        assert!(start.elapsed() < LONGEST_WAIT, "the ledger does not say that it ended");
    }
    assert_eq!(state.history().unwrap()[1].name(), "expire");
    assert!(state.grants().unwrap().is_empty());
    lab.stop().unwrap();
}

#[test]
fn what_was_held_back_is_logged_and_survives_the_firewall() {
    let mut lab = Lab::start();
    lab.ask();
    lab.ask();
    let mut state = lab.state();
    let folder = lab.folder.path().to_owned();
    let keep = std::mem::replace(&mut lab.folder, tempfile::tempdir().unwrap());
    lab.stop().unwrap();
    assert!(!state.is_running());
    let mut rows = Vec::new();
    let query = LogQuery { services: vec![SERVICE.to_owned()], ..LogQuery::default() };
    state
        .attempts(&query, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].count, rows[0].attempt.host.as_deref()), (2, Some(NAME)));

    // A name keeps its sinkhole address over a restart.
    let store = crate::store::Store::open(&folder).unwrap();
    assert_eq!(store.sinkholes().unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), [NAME]);
    drop(keep);
}

#[test]
fn the_log_can_be_followed() {
    let mut lab = Lab::start();
    let mut state = lab.state();
    let follower = std::thread::spawn(move || {
        let mut host = None;
        state
            .follow(&LogQuery::default(), &mut |row| {
                host = row.attempt.host;
                ControlFlow::Break(())
            })
            .map(|()| host)
    });
    while !follower.is_finished() {
        lab.ask();
    }
    assert_eq!(follower.join().unwrap().unwrap().as_deref(), Some(NAME));
    lab.stop().unwrap();
}

#[test]
fn status_tells_what_happened() {
    let mut lab = Lab::start();
    lab.ask();
    let status = lab.state().status().unwrap().unwrap();
    assert_eq!((status.pid, status.mtu, status.failure), (std::process::id(), 1500, None));
    assert_eq!((status.counters.packets_in, status.counters.packets_out), (1, 1));
    lab.stop().unwrap();
}

#[test]
fn a_command_ends_the_firewall() {
    let lab = Lab::start();
    let mut state = lab.state();
    assert!(state.stop().unwrap());
    lab.thread.join().unwrap().unwrap();
    assert!(!state.stop().unwrap());
    assert_eq!(state.status().unwrap(), None);
    assert!(matches!(
        state.follow(&LogQuery::default(), &mut |_| ControlFlow::Break(())),
        Err(AccessError::NotRunning(_))
    ));
}

#[test]
fn a_second_firewall_is_refused() {
    let lab = Lab::start();
    let (ours, _apps) = UnixDatagram::pair().unwrap();
    let error =
        Firewall::start(options(TunSource::Descriptor(ours.into()), lab.folder.path())).err().unwrap();
    assert!(
        matches!(error, StartError::AlreadyRunning { pid: Some(pid), .. } if pid == std::process::id()),
        "{error}"
    );
    lab.stop().unwrap();
}

#[test]
fn a_damaged_store_keeps_the_firewall_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("consentry.redb"), b"something else\n".repeat(1000)).unwrap();
    let (ours, _apps) = UnixDatagram::pair().unwrap();
    let error = Firewall::start(options(TunSource::Descriptor(ours.into()), folder.path())).err().unwrap();
    assert!(error.to_string().contains("consentry.redb"), "{error}");
}

#[test]
fn without_a_firewall_commands_reach_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = State::open(folder.path()).unwrap();
    state.grant(SERVICE, Scope::AllApps, Term::Forever, Via::Command).unwrap();
    state.set_strict("com.example.app", true, Via::Command).unwrap();
    assert_eq!(state.grants().unwrap()[0].service, SERVICE);
    assert_eq!(state.consents().unwrap().strict_apps().collect::<Vec<_>>(), ["com.example.app"]);
    assert!(consentry_consent::receipt::verify(&state.receipts(None).unwrap(), None).is_ok());
    assert!(matches!(
        state.revoke("xiaomi.cloud_messaging", Scope::AllApps, Via::Command),
        Err(AccessError::Consent(_))
    ));
    // And the next firewall starts with them.
    let (ours, apps) = UnixDatagram::pair().unwrap();
    apps.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
    let mut options = options(TunSource::Descriptor(ours.into()), folder.path());
    options.network = Some(Network { resolvers: vec![resolver()], ipv4: true, ipv6: true });
    let firewall = Firewall::start(options).unwrap();
    let handle = firewall.handle();
    let thread = std::thread::spawn(move || firewall.run());
    let mut lab = Lab { folder, apps, handle, thread, next_id: 1 };
    assert_eq!(lab.ask(), ANSWER);
    lab.stop().unwrap();
}

#[test]
fn packets_of_any_bytes_do_no_harm() {
    let mut lab = Lab::start();
    let mut byte = 1u8;
    for len in 1..400 {
        let packet: Vec<u8> = (0..len)
            .map(|i| {
                byte = byte.wrapping_mul(167).wrapping_add(13);
                // Most begin like an IP packet.
                if i == 0 && len % 3 > 0 { if len % 3 == 1 { 0x45 } else { 0x60 } } else { byte }
            })
            .collect();
        lab.apps.send(&packet).unwrap();
    }
    assert!(is_sinkhole(lab.ask()));
    assert!(lab.state().status().unwrap().unwrap().counters.packets_dropped > 0);
    lab.stop().unwrap();
}

#[test]
fn the_rules_can_be_switched_off_for_tests() {
    let mut lab = Lab::with(|options| options.rules_off = true);
    assert_eq!(lab.ask(), ANSWER);
    lab.stop().unwrap();
}

/// Stands for a fault in the engine.
struct Fault;

impl Owners for Fault {
    fn owner(&mut self, _: FlowId, _: &FlowKey) -> OwnerAnswer {
        panic!("a fault made for a test")
    }
}

#[test]
fn a_failed_engine_leaves_a_closed_door() {
    let lab = Lab::with(|options| options.owners = Box::new(Fault));
    let app: SocketAddr = "10.0.0.2:40000".parse().unwrap();
    let remote = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)), 9999);
    let mut packet = Vec::new();
    build::udp(app, remote, b"hello", &mut packet).unwrap();
    lab.apps.send(&packet).unwrap();
    let start = Instant::now();
    let failure = loop {
        assert!(start.elapsed() < LONGEST_WAIT, "the failure is not reported");
        if let Some(failure) = lab.state().status().unwrap().unwrap().failure {
            break failure;
        }
    };
    assert!(failure.contains("a fault made for a test"));
    // The device stays open and unread: it fills up instead of being closed.
    lab.apps.set_nonblocking(true).unwrap();
    let error = loop {
        if let Err(error) = lab.apps.send(&packet) {
            break error;
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    // Consent can still be changed, and is on disk afterwards.
    lab.state().grant(SERVICE, Scope::AllApps, Term::Forever, Via::Command).unwrap();
    assert!(
        matches!(lab.stop(), Err(RunError::Engine(reason)) if reason.contains("a fault made for a test"))
    );
}
