//! One network namespace and how programs and threads get into it.
use super::error::{LabError, Result};
use std::{
    fs::File,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A network namespace, created by [`Namespace::create`] and deleted by the lab's undertaker.
#[derive(Clone, Debug)]
pub struct Namespace {
    name: String,
    /// Files laid over the system's while a command runs: (ours, theirs).
    overlays: Vec<(PathBuf, PathBuf)>,
}

impl Namespace {
    /// Makes a namespace with its loopback device up.
    pub fn create(name: &str) -> Result<Self> {
        run("ip", &["netns", "add", name])?;
        run("ip", &["-n", name, "link", "set", "lo", "up"])?;
        Ok(Self { name: name.to_owned(), overlays: Vec::new() })
    }

    /// Shows `file` in place of `system_file` to every command started in the namespace from now on.
    pub fn overlay(&mut self, file: PathBuf, system_file: &str) {
        self.overlays.push((file, system_file.into()));
    }

    /// Its name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run inside the namespace.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.env("PATH", search_path());
        command.arg(format!("--net={}", self.path().display()));
        if !self.overlays.is_empty() {
            // Each overlay is a bind mount that only this command sees. A dangling link (systemd's resolv.conf inside a
            // user namespace) is given a target first.
            command.args(["unshare", "--mount", "--propagation", "private", "sh", "-c"]);
            let mut script = String::new();
            for (ours, theirs) in &self.overlays {
                let line = format!(
                    "t=$(readlink -m {theirs}); [ -e $t ] || {{ mkdir -p ${{t%/*}}; : > $t; }}; mount --bind {ours} $t; ",
                    theirs = theirs.display(),
                    ours = ours.display()
                );
                script.push_str(&line);
            }
            script.push_str("exec \"$@\"");
            command.arg(format!("set -e; {script}")).arg("sh");
        }
        command.arg(program).stdin(Stdio::null());
        command
    }

    /// Runs `ip` with the given words inside the namespace.
    pub fn ip(&self, words: &str) -> Result<()> {
        let mut arguments = vec!["-n", &self.name];
        arguments.extend(words.split_whitespace());
        run("ip", &arguments)
    }

    /// Sets kernel settings of the namespace, `name=value`. Those that this kernel does not have, or does not show to an
    /// unprivileged user namespace, are left alone.
    pub fn sysctl(&self, settings: &[&str]) -> Result<()> {
        let output = self.command("sysctl").arg("-eqw").args(settings).output();
        checked("sysctl", output.map_err(LabError::io("sysctl"))?)
    }

    /// Runs `work` in a thread that lives in the namespace. Sockets it makes stay in the namespace for good, so they can
    /// be returned and used anywhere.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let door = File::open(self.path()).map_err(LabError::io("opening a namespace"))?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                rustix::thread::move_into_link_name_space(
                    door.as_fd(),
                    Some(rustix::thread::LinkNameSpaceType::Network),
                )
                .map_err(|errno| LabError::io("entering a namespace")(errno.into()))?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }
}

/// Where programs are looked for: a plain user's PATH often leaves out the folders that hold most of ours.
fn search_path() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Runs a program to its end; anything but success is an error that carries what it printed.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output =
        Command::new(program).args(arguments).env("PATH", search_path()).stdin(Stdio::null()).output();
    let shown = format!("{program} {}", arguments.join(" "));
    checked(&shown, output.map_err(LabError::io(shown.clone()))?)
}

fn checked(command: &str, output: std::process::Output) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(LabError::Command {
        command: command.to_owned(),
        status: output.status.to_string(),
        output: String::from_utf8_lossy(&text).trim().to_owned(),
    })
}
