//! Running the program.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Its output, once it is clear that all went well.
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Its one line on stderr, once it is clear that it ended with this status and said nothing else.
    pub(crate) fn failed(self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "one clear line: {self:?}");
        let line = self.err.trim_end().to_owned();
        assert!(line.starts_with("consentry: "), "{line}");
        line
    }
}

/// The program with these arguments, and nothing in the environment that could change what it does.
pub(crate) fn command<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consentry"));
    command.args(arguments).env_clear().env("TMPDIR", std::env::temp_dir());
    command
}

/// Runs the program to its end.
pub(crate) fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Said {
    said(&mut command(arguments))
}

/// Runs a prepared command to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().expect("the program was built");
    Said {
        status: output.status.code().expect("it was not killed"),
        out: String::from_utf8(output.stdout).expect("it prints UTF-8"),
        err: String::from_utf8(output.stderr).expect("it prints UTF-8"),
    }
}

/// Runs the program with this as standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &[u8]) -> Said {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut pipe = child.stdin.take().expect("stdin is piped");
    // A program that refuses its input early closes the pipe.
    let _ = pipe.write_all(input);
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    Said {
        status: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// One JSON object per line.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// A folder of its own for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The path of something in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a file into it.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs a command on the state folder inside it.
    pub(crate) fn on_state(&self, words: &[&str]) -> Said {
        let state = self.path("state");
        run(words.iter().map(OsStr::new).chain([OsStr::new("--state"), state.as_os_str()]))
    }
}

/// The records of a capture.
pub(crate) fn inspect(capture: &Path) -> Vec<Value> {
    let said = run([OsStr::new("inspect"), capture.as_os_str(), OsStr::new("--format"), OsStr::new("jsonl")]);
    json_lines(&said.fine())
}
