use super::*;
use crate::decisions::{Decisions, Enforcing};
use crate::recorder::Recorder;
use crate::store::faulty::FaultyDisk;
use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::Consents;
use consentry_consent::attempt::Attempt;
use proptest::prelude::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const SERVICE: &str = "xiaomi.push";

/// A control server without a firewall behind it.
struct Lab {
    folder: PathBuf,
    disk: FaultyDisk,
    /// What the firewall would enforce now.
    enforced: Arc<Mutex<Consents>>,
    stopped: Arc<Mutex<bool>>,
    decisions: Arc<Decisions>,
    recorder: Recorder,
    server: Server,
    _enforcing: Enforcing,
    _parent: tempfile::TempDir,
}

impl Lab {
    fn in_folder(name: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let disk = FaultyDisk::default();
        let store = disk.store();
        let enforced = Arc::<Mutex<Consents>>::default();
        let enforce = {
            let enforced = enforced.clone();
            move |consents| *enforced.lock().unwrap() = consents
        };
        let decisions = Arc::new(Decisions::open(store.clone(), Catalogue::builtin(), None).unwrap());
        let (enforcing, _) = decisions.enforce_with(Box::new(enforce)).unwrap();
        let recorder = Recorder::start(store.clone(), decisions.clone(), None).unwrap();
        let stopped = Arc::<Mutex<bool>>::default();
        let reach = Reach {
            store,
            decisions: decisions.clone(),
            recorder: recorder.handle(),
            status: Box::new(|| None),
            stop: Box::new({
                let stopped = stopped.clone();
                move || *stopped.lock().unwrap() = true
            }),
        };
        let server = Server::start(&folder, reach).unwrap();
        Self {
            folder,
            disk,
            enforced,
            stopped,
            decisions,
            recorder,
            server,
            _enforcing: enforcing,
            _parent: parent,
        }
    }

    fn new() -> Self {
        Self::in_folder("state")
    }

    fn client(&self) -> Client {
        Client::connect(&self.folder).unwrap()
    }

    fn raw(&self) -> UnixStream {
        UnixStream::connect(self.folder.join("control.sock")).unwrap()
    }

    fn granted(&self) -> usize {
        self.enforced.lock().unwrap().grants().count()
    }
}

fn ask(client: &mut Client, request: &Request) -> Result<Vec<Response>, ClientError> {
    let mut lines = Vec::new();
    client.ask(request, &mut |line| {
        lines.push(line);
        ControlFlow::Continue(())
    })?;
    Ok(lines)
}

fn grant() -> Request {
    Request::Grant {
        service: SERVICE.to_owned(),
        scope: Scope::AllApps,
        term: Term::Forever,
        via: Via::Command,
        wording: None,
    }
}

fn revoke() -> Request {
    Request::Revoke { service: SERVICE.to_owned(), scope: Scope::AllApps, via: Via::Command, wording: None }
}

fn attempt(host: &str) -> Attempt {
    Attempt {
        app: None,
        service: Some(SERVICE.to_owned()),
        host: Some(host.to_owned()),
        signal: None,
        address: None,
        port: None,
        transport: Transport::Udp,
        certainty: None,
        reason: "no consent".to_owned(),
        identifiers: Vec::new(),
        path: None,
        bytes_held: 0,
    }
}

#[test]
fn a_change_is_enforced_stored_and_listed() {
    let lab = Lab::new();
    let mut client = lab.client();
    let made = ask(&mut client, &grant()).unwrap();
    assert_eq!(lab.granted(), 1);
    assert!(matches!(&made[..], [Response::Change { change }] if change.service() == Some(SERVICE)));
    ask(&mut client, &revoke()).unwrap();
    assert_eq!(lab.granted(), 0);
    let history = ask(&mut client, &Request::History).unwrap();
    let names: Vec<_> = history
        .iter()
        .map(|line| match line {
            Response::Change { change } => change.name(),
            _ => "something else",
        })
        .collect();
    assert_eq!(names, ["grant", "revoke"]);
    // As a process would find it that starts now.
    let after = Decisions::open(lab.disk.store(), Catalogue::builtin(), None).unwrap();
    assert_eq!(after.history().unwrap().len(), 2);
}

#[test]
fn a_senseless_change_is_refused_in_plain_words() {
    let lab = Lab::new();
    let request = Request::Grant {
        service: "xiaomi.pusk".to_owned(),
        scope: Scope::AllApps,
        term: Term::Forever,
        via: Via::Command,
        wording: None,
    };
    let error = ask(&mut lab.client(), &request).unwrap_err();
    assert!(error.to_string().contains(SERVICE), "{error}");
    assert_eq!(lab.granted(), 0);
}

#[test]
fn on_a_full_disk_a_grant_is_refused_and_a_withdrawal_is_obeyed() {
    let lab = Lab::new();
    let mut client = lab.client();
    ask(&mut client, &grant()).unwrap();
    lab.disk.set_full(true);
    let other = Request::Grant {
        service: "xiaomi.cloud_messaging".to_owned(),
        scope: Scope::AllApps,
        term: Term::Forever,
        via: Via::Command,
        wording: None,
    };
    let error = ask(&mut client, &other).unwrap_err();
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert_eq!(lab.granted(), 1, "what is not on disk must not be in force");

    let error = ask(&mut client, &revoke()).unwrap_err();
    assert!(error.to_string().contains("denies it from now on"), "{error}");
    assert_eq!(lab.granted(), 0);
    assert_eq!(lab.decisions.unsaved(), 1);

    lab.disk.set_full(false);
    assert!(lab.decisions.catch_up());
    assert_eq!(lab.decisions.unsaved(), 0);
    let after = Decisions::open(lab.disk.store(), Catalogue::builtin(), None).unwrap();
    assert_eq!(after.consents().grants().count(), 0);
}

#[test]
fn a_withdrawal_reaches_the_disk_by_itself_once_there_is_room() {
    let lab = Lab::new();
    let mut client = lab.client();
    ask(&mut client, &grant()).unwrap();
    lab.disk.set_full(true);
    ask(&mut client, &revoke()).unwrap_err();
    lab.disk.set_full(false);
    let start = std::time::Instant::now();
    while lab.decisions.unsaved() > 0 {
        assert!(start.elapsed().as_secs() < 20, "the store thread did not try again");
        std::thread::yield_now();
    }
}

#[test]
fn attempts_are_logged_while_the_disk_is_full_and_written_afterwards() {
    let lab = Lab::new();
    lab.disk.set_full(true);
    lab.recorder.handle().attempt(attempt("a.example"), 1_700_000_000_000);
    let start = std::time::Instant::now();
    while lab.recorder.handle().health().error.is_none() {
        assert!(start.elapsed().as_secs() < 20, "the failure is not reported");
        std::thread::yield_now();
    }
    let rows = lab.recorder.handle().follow(LogQuery::default());
    lab.disk.set_full(false);
    let followed = rows.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!((followed.row.attempt.host.as_deref(), followed.row.count), (Some("a.example"), 1));
    assert_eq!(lab.recorder.handle().health().error, None);
}

#[test]
fn followers_get_what_they_asked_for_and_nothing_else() {
    let lab = Lab::new();
    let mut client = lab.client();
    let query = LogQuery { search: Some("wanted".to_owned()), ..LogQuery::default() };
    // The log is followed once the server has read the request; until then attempts are repeated.
    let recorder = lab.recorder.handle();
    let done = Arc::new(Mutex::new(false));
    let feeder = {
        let done = done.clone();
        std::thread::spawn(move || {
            while !*done.lock().unwrap() {
                recorder.attempt(attempt("other.example"), 1_700_000_000_000);
                recorder.attempt(attempt("wanted.example"), 1_700_000_000_000);
                std::thread::yield_now();
            }
        })
    };
    let mut seen = None;
    client
        .ask(&Request::Follow { query }, &mut |line| {
            seen = Some(line);
            ControlFlow::Break(())
        })
        .unwrap();
    *done.lock().unwrap() = true;
    feeder.join().unwrap();
    assert!(
        matches!(&seen, Some(Response::Row { row }) if row.attempt.host.as_deref() == Some("wanted.example")),
        "{seen:?}"
    );
}

#[test]
fn receipts_come_whole_and_can_be_verified() {
    let lab = Lab::new();
    let mut client = lab.client();
    for _ in 0..60 {
        ask(&mut client, &grant()).unwrap();
        ask(&mut client, &revoke()).unwrap();
    }
    let lines = ask(&mut client, &Request::Receipts { service: None }).unwrap();
    assert!(lines.len() > 1, "the text is too short to show that parts are put together");
    let text: String = lines
        .into_iter()
        .map(|line| match line {
            Response::Text { part } => part,
            other => panic!("{other:?}"),
        })
        .collect();
    consentry_consent::receipt::verify(&text, None).unwrap();
}

#[test]
fn stop_is_answered_and_obeyed() {
    let lab = Lab::new();
    ask(&mut lab.client(), &Request::Stop).unwrap();
    let start = std::time::Instant::now();
    while !*lab.stopped.lock().unwrap() {
        assert!(start.elapsed().as_secs() < 10);
        std::thread::yield_now();
    }
}

#[test]
fn a_silent_packet_thread_is_reported() {
    let lab = Lab::new();
    let error = ask(&mut lab.client(), &Request::Status).unwrap_err();
    assert!(error.to_string().contains("packet thread"), "{error}");
}

#[test]
fn lines_that_make_no_sense_get_an_error_line_and_the_connection_goes_on() {
    let lab = Lab::new();
    let mut stream = lab.raw();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    for line in [
        &b"\n"[..],
        b"{}\n",
        b"null\n",
        b"\xff\xfe\x00\n",
        b"{\"do\":\"grant\"}\n",
        b"{\"do\":\"fly\"}\n",
        b"{\"do\":\"status\",\"extra\":1}\n",
        b"{\"do\":\"log\",\"query\":{\"limit\":-1}}\n",
    ] {
        stream.write_all(line).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        let answer: Response = serde_json::from_str(&answer).unwrap();
        assert!(matches!(answer, Response::Error { .. }), "{line:?}: {answer:?}");
    }
    // A flood of open brackets does not exhaust the stack.
    stream.write_all(&[b"[".repeat(100_000), b"\n".to_vec()].concat()).unwrap();
    let mut answer = String::new();
    answers.read_line(&mut answer).unwrap();
    assert!(answer.contains("error"));
    assert_eq!(ask(&mut lab.client(), &grant()).unwrap().len(), 1);
}

#[test]
fn a_line_without_end_is_cut_off() {
    let lab = Lab::new();
    let mut stream = lab.raw();
    // The server may hang up before all of it is written.
    let _ = stream.write_all(&vec![b'x'; LONGEST_LINE + 1]);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.contains("too long"), "{answer}");
    ask(&mut lab.client(), &grant()).unwrap();
}

#[test]
fn a_request_cut_off_in_the_middle_is_not_carried_out() {
    let lab = Lab::new();
    let mut stream = lab.raw();
    let line = serde_json::to_vec(&grant()).unwrap();
    stream.write_all(&line).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
    assert_eq!(lab.granted(), 0);
}

#[test]
fn too_many_connections_are_refused_and_come_free_again() {
    let lab = Lab::new();
    let mut open: Vec<Client> = (0..32).map(|_| lab.client()).collect();
    for client in &mut open {
        ask(client, &Request::History).unwrap();
    }
    assert!(ask(&mut lab.client(), &Request::History).is_err());
    drop(open);
    let start = std::time::Instant::now();
    while ask(&mut lab.client(), &Request::History).is_err() {
        assert!(start.elapsed().as_secs() < 10, "no connection came free");
    }
}

#[test]
fn the_socket_is_for_its_owner_only_and_goes_with_the_server() {
    let lab = Lab::new();
    let path = lab.folder.join("control.sock");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = lab.folder.clone();
    let Lab { server, _parent, .. } = lab;
    drop(server);
    assert!(!path.exists());
    assert!(Client::connect(&folder).is_none());
}

#[test]
fn a_folder_with_a_long_path_works_too() {
    let name = Path::new("long").join("x".repeat(100)).join("y".repeat(100));
    let lab = Lab::in_folder(name.to_str().unwrap());
    ask(&mut lab.client(), &grant()).unwrap();
    assert_eq!(lab.granted(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whole lines come out as they went in, however long within the bound; a line over it is told from one cut off.
    #[test]
    fn lines_are_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..2000), tail in 0usize..3) {
        let mut input: &[u8] = &bytes;
        let mut whole = Vec::new();
        while let lines::Line::Whole(line) = lines::read(&mut input).unwrap() {
            whole.push(line);
        }
        let mut expected: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        expected.pop();
        prop_assert_eq!(whole, expected);

        let long = vec![b'x'; LONGEST_LINE - 1 + tail];
        let read = lines::read(&mut &long[..]).unwrap();
        prop_assert_eq!(read, if long.len() > LONGEST_LINE { lines::Line::TooLong } else { lines::Line::End });
    }
}
