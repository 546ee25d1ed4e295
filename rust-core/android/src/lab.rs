//! What tests of sessions share: an app's side that only takes notes, and packets as apps send them.
use crate::host::Host;
use crate::session::Session;
use consentry_engine::packet::build;
use consentry_inspect::dns;
use consentry_runtime::firewall::OWN_DNS;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A service, and one of its names.
pub(crate) const SERVICE: &str = "xiaomi.push";
pub(crate) const NAME: &str = "app.chat.xiaomi.net";
/// Generous: only a test that fails waits that long.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A question about an owner: number, protocol, ends.
pub(crate) type Question = (i64, i32, String, String);

/// The app's side.
pub(crate) struct Notes {
    events: Mutex<Sender<String>>,
    questions: Mutex<Sender<Question>>,
    protects: bool,
}

impl Host for Notes {
    fn protect(&self, _: RawFd) -> bool {
        self.protects
    }

    fn owner(&self, question: i64, transport: i32, app: &str, remote: &str) {
        let question = (question, transport, app.to_owned(), remote.to_owned());
        let _ = self.questions.lock().unwrap().send(question);
    }

    fn event(&self, event: &str) {
        let _ = self.events.lock().unwrap().send(event.to_owned());
    }
}

/// A session with its app's side. The folder goes with it.
pub(crate) struct Lab {
    pub(crate) session: Session,
    pub(crate) folder: tempfile::TempDir,
    events: Receiver<String>,
    questions: Receiver<Question>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::on(tempfile::tempdir().unwrap())
    }

    /// On a folder that holds something already.
    pub(crate) fn on(folder: tempfile::TempDir) -> Self {
        let (events, told) = channel();
        let (questions, asked) = channel();
        let host = Notes { events: Mutex::new(events), questions: Mutex::new(questions), protects: true };
        let session = Session::open(folder.path().to_str().unwrap(), Arc::new(host)).unwrap();
        Self { session, folder, events: told, questions: asked }
    }

    /// The answer to a request that is good.
    pub(crate) fn ask(&self, request: &Value) -> Value {
        serde_json::from_str(&self.session.request(&request.to_string()).unwrap()).unwrap()
    }

    /// A service as the app sees it.
    pub(crate) fn service(&self, id: &str) -> Value {
        let answer = self.ask(&json!({"do": "services"}));
        let services = answer["services"].as_array().unwrap();
        services.iter().find(|service| service["id"] == id).unwrap().clone()
    }

    /// The next event of a kind. Others on the way are passed over.
    pub(crate) fn event(&self, kind: &str) -> Value {
        loop {
            let event: Value =
                serde_json::from_str(&self.events.recv_timeout(LONGEST_WAIT).unwrap()).unwrap();
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// The next question about an owner.
    pub(crate) fn question(&self) -> Question {
        self.questions.recv_timeout(LONGEST_WAIT).unwrap()
    }

    /// Starts the engine on a socket pair; returns the apps' end.
    pub(crate) fn start(&self) -> UnixDatagram {
        let (ours, apps) = UnixDatagram::pair().unwrap();
        apps.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
        self.session.start(ours.as_raw_fd(), &settings()).unwrap();
        apps
    }
}

pub(crate) fn settings() -> String {
    json!({"mtu": 1500, "network": {"resolvers": [], "ipv4": true, "ipv6": true}}).to_string()
}

/// A packet that asks our own resolver for the service's name.
pub(crate) fn look_up() -> Vec<u8> {
    let question = dns::query(7, &NAME.parse().unwrap(), dns::A);
    datagram(SocketAddr::new(OWN_DNS[0], 53), &question)
}

/// A packet with a datagram to somewhere.
pub(crate) fn datagram(to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    build::udp("10.0.0.2:40000".parse().unwrap(), to, payload, &mut packet).unwrap();
    packet
}
