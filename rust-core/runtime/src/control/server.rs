//! The firewall's side of the control socket: one thread that accepts, and one for each connection. None of them ever
//! waits for the packet thread longer than a moment, and the packet thread never waits for them.
use super::{Request, Response, Status, lines};
use crate::decisions::{DecisionError, Decisions};
use crate::recorder::RecorderHandle;
use crate::store::{LogQuery, Store, StoreError, control_socket};
use consentry_consent::{Change, How};
use rustix::net::Shutdown;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{self, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections at one time. A command needs one; followers keep theirs.
const MOST_CONNECTIONS: usize = 32;
/// A client that reads nothing for this long is cut off.
const LONGEST_WRITE: Duration = Duration::from_secs(10);
/// How often a follower's thread looks whether its client is still there, while nothing is logged.
const FOLLOWER_CHECK: Duration = Duration::from_mins(1);
/// Bytes of a long text sent in one line; as JSON it may be six times as long.
const LONGEST_PART: usize = super::LONGEST_LINE / 8;
/// The longest path that fits a socket address (unix(7)), with its terminating zero.
const LONGEST_SOCKET_PATH: usize = 107;

/// What requests can reach.
pub(crate) struct Reach {
    pub(crate) store: Arc<Store>,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) recorder: RecorderHandle,
    /// How the firewall is doing; `None` when the packet thread does not say so in time.
    pub(crate) status: Box<dyn Fn() -> Option<Status> + Send + Sync>,
    /// Ends the firewall.
    pub(crate) stop: Box<dyn Fn() + Send + Sync>,
}

/// The running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    listener: Arc<UnixListener>,
    connections: Arc<Connections>,
    thread: Option<JoinHandle<()>>,
}

/// The connections that are open, by number.
#[derive(Debug, Default)]
struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    streams: BTreeMap<u64, UnixStream>,
    next: u64,
    closed: bool,
}

impl Server {
    /// Starts to listen in a state folder whose lock is held, so that a socket found there is a leftover.
    pub(crate) fn start(folder: &Path, reach: Reach) -> io::Result<Self> {
        let path = control_socket(folder);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = Arc::new(with_short_path(&path, |path| UnixListener::bind(path))?);
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let connections = Arc::<Connections>::default();
        let accept = {
            let (listener, connections, reach) = (listener.clone(), connections.clone(), Arc::new(reach));
            move || accept(&listener, &connections, &reach)
        };
        let thread = std::thread::Builder::new().name("consentry-control".to_owned()).spawn(accept)?;
        Ok(Self { path, listener, connections, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        self.connections.close();
        // Wakes the thread out of accept(2).
        let _ = rustix::net::shutdown(&*self.listener, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

impl Connections {
    /// Takes note of a connection, so that it can be cut; `None` at the limit.
    fn add(&self, stream: &UnixStream) -> Option<u64> {
        let mut open = self.lock();
        if open.closed || open.streams.len() >= MOST_CONNECTIONS {
            return None;
        }
        let number = open.next;
        open.next += 1;
        open.streams.insert(number, stream.try_clone().ok()?);
        Some(number)
    }

    fn remove(&self, number: u64) {
        self.lock().streams.remove(&number);
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn close(&self) {
        let mut open = self.lock();
        open.closed = true;
        for stream in open.streams.values() {
            // Only reading ends: an answer on its way is still delivered.
            let _ = stream.shutdown(std::net::Shutdown::Read);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &UnixListener, connections: &Arc<Connections>, reach: &Arc<Reach>) {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(_) if connections.is_closed() => return,
            // Out of descriptors, most likely: wait until some are free.
            Err(error) => {
                log::warn!("a command could not be answered: {error}");
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
        };
        if connections.is_closed() {
            return;
        }
        let Some(number) = connections.add(&stream) else {
            refuse(stream, "too many commands talk to this firewall at once");
            continue;
        };
        let serve_one = {
            let (connections, reach) = (connections.clone(), reach.clone());
            move || {
                serve(stream, &reach, &connections);
                connections.remove(number);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("consentry-command".to_owned()).spawn(serve_one)
        {
            log::warn!("a command could not be answered: {error}");
            connections.remove(number);
        }
    }
}

fn refuse(mut stream: UnixStream, why: &str) {
    // Nothing more can be done for a client that is not there to hear it.
    let _ = stream.set_write_timeout(Some(LONGEST_WRITE));
    let _ = lines::write(&mut stream, &Response::Error { message: why.to_owned() });
}

/// Whether the process at the other end may decide for this firewall's owner.
fn is_allowed(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    super::peer::of(stream).is_ok_and(|peer| peer.uid == own || peer.uid == 0)
}

/// Answers one connection until it ends.
fn serve(stream: UnixStream, reach: &Reach, connections: &Connections) {
    if !is_allowed(&stream) {
        refuse(stream, "this firewall belongs to another user");
        return;
    }
    if stream.set_write_timeout(Some(LONGEST_WRITE)).is_err() {
        return;
    }
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    loop {
        let request = match lines::read(&mut reader) {
            Ok(lines::Line::Whole(line)) => serde_json::from_slice::<Request>(&line),
            Ok(lines::Line::TooLong) => return refuse(writer, "the request is too long"),
            Ok(lines::Line::End) | Err(_) => return,
        };
        let mut send = |response: Response| lines::write(&mut writer, &response);
        let answered = match request {
            Ok(Request::Follow { query }) => {
                return follow(query, reach, connections, reader.get_ref(), &mut send);
            }
            Ok(request) => answer(request, reach, &mut send),
            Err(error) => {
                send(Response::Error { message: format!("the request cannot be understood: {error}") })
            }
        };
        if answered.is_err() {
            return;
        }
    }
}

type Say<'a> = &'a mut dyn FnMut(Response) -> io::Result<()>;

fn answer(request: Request, reach: &Reach, send: Say<'_>) -> io::Result<()> {
    let decisions = &reach.decisions;
    match request {
        Request::Grant { service, scope, term, via, wording } => {
            send_change(decisions.grant(&service, scope, term, How { via, wording }), reach, send)
        }
        Request::Revoke { service, scope, via, wording } => {
            send_change(decisions.revoke(&service, scope, How { via, wording }), reach, send)
        }
        Request::Strict { app, on, via, wording } => {
            send_change(decisions.set_strict(&app, on, How { via, wording }), reach, send)
        }
        Request::History => send_all(decisions.history(), |change| Response::Change { change }, send),
        Request::Receipts { service } => match decisions.receipts(service.as_deref()) {
            Ok(text) => {
                let mut rest = text.as_str();
                while !rest.is_empty() {
                    let (part, after) = rest.split_at(rest.floor_char_boundary(LONGEST_PART));
                    send(Response::Text { part: part.to_owned() })?;
                    rest = after;
                }
                send(Response::Done { next: None })
            }
            Err(error) => send_error(&error, send),
        },
        Request::Log { query } => {
            // Whoever asks for the log means to see what has just happened, too.
            reach.recorder.flush();
            match reach.store.attempts(&query) {
                Ok(page) => {
                    for row in page.rows {
                        send(Response::Row { row: Box::new(row) })?;
                    }
                    send(Response::Done { next: page.next })
                }
                Err(error) => send_error(&error, send),
            }
        }
        Request::Status => match (reach.status)() {
            Some(status) => {
                send(Response::Status { status: Box::new(status) })?;
                send(Response::Done { next: None })
            }
            None => send(Response::Error { message: "the packet thread does not answer".to_owned() }),
        },
        Request::Stop => {
            let result = send(Response::Done { next: None });
            (reach.stop)();
            result
        }
        // Answered by `serve`, as it needs the connection.
        Request::Follow { .. } => Ok(()),
    }
}

fn send_change(result: Result<Change, DecisionError>, reach: &Reach, send: Say<'_>) -> io::Result<()> {
    match result {
        Ok(change) => {
            send(Response::Change { change })?;
            send(Response::Done { next: None })
        }
        Err(error) => {
            if matches!(error, DecisionError::NotYetStored(_)) {
                reach.recorder.catch_up();
            }
            send_error(&error, send)
        }
    }
}

fn send_all<T>(result: Result<Vec<T>, StoreError>, wrap: fn(T) -> Response, send: Say<'_>) -> io::Result<()> {
    match result {
        Ok(items) => {
            for item in items {
                send(wrap(item))?;
            }
            send(Response::Done { next: None })
        }
        Err(error) => send_error(&error, send),
    }
}

fn send_error(error: &dyn std::error::Error, send: Say<'_>) -> io::Result<()> {
    send(Response::Error { message: error.to_string() })
}

/// Sends rows as they are logged, until the client is gone or the firewall ends.
fn follow(query: LogQuery, reach: &Reach, connections: &Connections, stream: &UnixStream, send: Say<'_>) {
    let rows = reach.recorder.follow(query);
    loop {
        let result = match rows.recv_timeout(FOLLOWER_CHECK) {
            Ok(followed) => {
                let missed = match followed.missed {
                    0 => Ok(()),
                    rows => send(Response::Missed { rows }),
                };
                missed.and_then(|()| send(Response::Row { row: Box::new(followed.row) }))
            }
            Err(RecvTimeoutError::Timeout) if is_gone(stream) => return,
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                let _ = send(Response::Done { next: None });
                return;
            }
        };
        if result.is_err() || connections.is_closed() {
            return;
        }
    }
}

/// Whether the client has closed its end: a follower sends nothing more, so that anything to read is the end.
fn is_gone(stream: &UnixStream) -> bool {
    let mut poll = [rustix::event::PollFd::new(stream, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut poll, Some(&rustix::event::Timespec::default())).is_ok_and(|ready| ready > 0)
}

/// Calls with a path to the same file that fits a socket address, however long the folder's own path is.
pub(super) fn with_short_path<T>(path: &Path, call: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return call(path);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = std::fs::File::open(folder)?;
    call(&Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name))
}
