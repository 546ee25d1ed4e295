//! A JVM that makes the calls it is told, in a process of its own.
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// Generous: only a test that fails waits that long.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What the engine called.
#[derive(Debug, PartialEq)]
pub(crate) enum Note {
    Event(Value),
    Owner { flow: i64, transport: i32, app: String, remote: String },
    Protect,
}

/// An exception: its code and message.
#[derive(Debug, PartialEq)]
pub(crate) struct Thrown {
    pub(crate) code: String,
    pub(crate) message: String,
}

pub(crate) struct Remote {
    process: Child,
    calls: Option<ChildStdin>,
    results: Receiver<Result<String, Thrown>>,
    notes: Receiver<Note>,
    complaints: Receiver<String>,
}

/// Whether this machine has a JDK.
pub(crate) fn has_jdk() -> bool {
    let there = Command::new("javac").arg("-version").output().is_ok();
    if !there {
        println!("left out: there is no JDK (javac) on this machine");
    }
    there
}

impl Remote {
    /// Starts a JVM that inherits a descriptor under its number.
    pub(crate) fn start(tun: &OwnedFd) -> Self {
        let mut java = Command::new("java");
        java.arg("-Xcheck:jni")
            .arg(format!("-Djava.library.path={}", library_folder().display()))
            .arg("-cp")
            .arg(classes())
            .arg("org.consentry.engine.Remote")
            // Panics are part of the tests: a line for each is enough.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = inheriting(tun, || java.spawn().unwrap());
        let calls = process.stdin.take();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ((result, results), (note, notes), (complaint, complaints)) = (channel(), channel(), channel());
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // Whoever waits for it has given up, or it is of no interest.
                let _ = match line.split_once([' ', '\t']) {
                    Some(("=", value)) => result.send(Ok(value.to_owned())).is_ok(),
                    Some(("!", thrown)) => {
                        let (code, message) = thrown.split_once(' ').unwrap_or((thrown, ""));
                        let thrown = Thrown { code: code.to_owned(), message: message.to_owned() };
                        result.send(Err(thrown)).is_ok()
                    }
                    Some(("event", event)) => {
                        note.send(Note::Event(serde_json::from_str(event).unwrap())).is_ok()
                    }
                    Some(("owner", question)) => note.send(owner(question)).is_ok(),
                    _ if line == "protect" => note.send(Note::Protect).is_ok(),
                    _ => complaint.send(line).is_ok(),
                };
            }
        });
        Self { process, calls, results, notes, complaints }
    }

    /// Makes a call: its name and what goes with it.
    pub(crate) fn call(&mut self, words: &[&str]) -> Result<String, Thrown> {
        writeln!(self.calls.as_mut().unwrap(), "{}", words.join("\t")).unwrap();
        self.results.recv_timeout(LONGEST_WAIT).unwrap_or_else(|error| {
            panic!(
                "{words:?} is not answered ({error}): {:?}",
                self.complaints.try_iter().collect::<Vec<_>>()
            )
        })
    }

    /// Opens a session in a folder.
    pub(crate) fn open(&mut self, folder: &Path) -> String {
        self.call(&["open", folder.to_str().unwrap()]).unwrap()
    }

    /// The answer to a request that is good.
    pub(crate) fn ask(&mut self, handle: &str, request: &Value) -> Value {
        let answer = self.call(&["request", handle, &request.to_string()]).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    /// The next thing that the engine called and that is wanted; others are passed over.
    pub(crate) fn note<T>(&self, wanted: impl Fn(Note) -> Option<T>) -> T {
        loop {
            match self.notes.recv_timeout(LONGEST_WAIT) {
                Ok(note) => {
                    if let Some(found) = wanted(note) {
                        return found;
                    }
                }
                Err(error) => panic!("the engine does not call ({error})"),
            }
        }
    }

    /// The next event of a kind.
    pub(crate) fn event(&self, kind: &str) -> Value {
        self.note(|note| match note {
            Note::Event(event) if event["event"] == kind => Some(event),
            _ => None,
        })
    }

    /// Lets the JVM end, and makes sure that it did so in good order and never complained about how it was used.
    pub(crate) fn end(mut self) {
        drop(self.calls.take());
        assert!(self.process.wait().unwrap().success());
        let mut all = String::new();
        loop {
            match self.complaints.recv_timeout(LONGEST_WAIT) {
                Ok(complaint) => writeln!(all, "{complaint}").unwrap(),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("its output does not end"),
            }
        }
        assert_eq!(all, "", "the JVM complains");
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // After a test that failed; otherwise it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn owner(question: &str) -> Note {
    let words: Vec<_> = question.split('\t').collect();
    let [flow, transport, app, remote] = words[..] else { panic!("no question: {question}") };
    Note::Owner {
        flow: flow.parse().unwrap(),
        transport: transport.parse().unwrap(),
        app: app.to_owned(),
        remote: remote.to_owned(),
    }
}

/// Starts a process that inherits a descriptor, and no process of another test does.
fn inheriting(descriptor: &OwnedFd, start: impl FnOnce() -> Child) -> Child {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty()).unwrap();
    let process = start();
    rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC).unwrap();
    process
}

/// Where Cargo has put the library that was built for these tests: beside them.
fn library_folder() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    assert!(folder.join("libconsentry.so").exists(), "there is no libconsentry.so in {}", folder.display());
    folder
}

/// Where a test that runs itself again names the classes that it has compiled.
const CLASSES: &str = "CONSENTRY_TEST_CLASSES";

/// The Java classes, compiled once.
fn classes() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        if let Some(folder) = std::env::var_os(CLASSES) {
            return folder.into();
        }
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/org/consentry/engine");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("classes");
        let files = std::fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path());
        let status = Command::new("javac").arg("-d").arg(&folder).args(files).status().unwrap();
        assert!(status.success());
        folder
    })
}

/// Lets a command that runs these tests again use the same classes.
pub(crate) fn with_classes(command: &mut Command) -> &mut Command {
    command.env(CLASSES, classes())
}
