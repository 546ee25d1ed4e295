//! The program under test: `consentry run` in the gateway, and the other commands against the same state folder.
use super::{
    MTU,
    addresses::{PHONE_V4, PHONE_V6, RESOLVER_V4, RESOLVER_V6},
    client::Said,
    error::{LabError, Result},
    namespace::Namespace,
    wait_until,
};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The phone's device.
pub const DEVICE: &str = "tun0";
const START_WITHIN: Duration = Duration::from_secs(20);

/// A running `consentry run`.
#[derive(Debug)]
pub struct Firewall {
    process: Child,
    state: PathBuf,
    log: PathBuf,
}

impl Firewall {
    /// Starts the program in the gateway, moves its device to the phone, and gives the phone addresses and routes.
    pub(super) fn start(gateway: &Namespace, phone: &Namespace, state: &Path, log: &str) -> Result<Self> {
        let log = state.with_file_name(format!("{log}.log"));
        let process = run_command(gateway, state)?
            .stdout(Stdio::from(File::create(&log).map_err(LabError::io("making a log file"))?))
            .stderr(Stdio::from(
                File::options().append(true).open(&log).map_err(LabError::io("opening a log file"))?,
            ))
            .spawn()
            .map_err(LabError::io("starting consentry run"))?;
        let mut firewall = Self { process, state: state.to_owned(), log };
        let appeared = wait_until("consentry run making its device", START_WITHIN, || {
            firewall.ended() || gateway.enter(device_exists).unwrap_or(false)
        });
        if firewall.ended() {
            return Err(LabError::FirewallEnded(firewall.log_text()));
        }
        appeared?;
        attach_phone(gateway, phone)?;
        wait_until("consentry run answering commands", START_WITHIN, || {
            firewall.command(&["status"]).is_ok_and(|said| said.ok())
        })
        .map_err(|error| match error {
            LabError::TimedOut { what, within, .. } => {
                LabError::TimedOut { what, within, detail: format!("; it said: {}", firewall.log_text()) }
            }
            other => other,
        })?;
        Ok(firewall)
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Runs `consentry WORDS --state FOLDER` to its end.
    pub fn command(&self, words: &[&str]) -> Result<Said> {
        command_on(&self.state, words)
    }

    /// Grants a service for all apps.
    pub fn grant(&self, service: &str) -> Result<()> {
        self.succeed(&["consent", "grant", service])
    }

    /// Revokes what was granted for all apps.
    pub fn revoke(&self, service: &str) -> Result<()> {
        self.succeed(&["consent", "revoke", service])
    }

    /// Logged attempts, one JSON object each.
    pub fn attempts(&self) -> Result<Vec<serde_json::Value>> {
        let said = self.command(&["log", "--format", "jsonl"])?;
        if !said.ok() {
            return Err(LabError::Unexpected(format!("consentry log failed: {}", said.err.trim())));
        }
        let parse = |line: &str| {
            serde_json::from_str(line)
                .map_err(|error| LabError::Unexpected(format!("consentry log printed {line:?}: {error}")))
        };
        said.out.lines().map(parse).collect()
    }

    /// Memory in use, in bytes (`VmRSS`).
    pub fn memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(&path).map_err(LabError::io(format!("reading {path}")))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| LabError::Unexpected(format!("{path} names no VmRSS")))
    }

    /// Whether the program has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// What the program has printed, the last 2,000 characters.
    pub fn log_text(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let start = text.char_indices().rev().nth(2_000).map_or(0, |(at, _)| at);
        text[start..].trim().to_owned()
    }

    fn succeed(&self, words: &[&str]) -> Result<()> {
        let said = self.command(words)?;
        if said.ok() {
            return Ok(());
        }
        Err(LabError::Command {
            command: format!("consentry {}", words.join(" ")),
            status: said.status.to_string(),
            output: said.err,
        })
    }
}

impl Drop for Firewall {
    fn drop(&mut self) {
        // Already gone is as good as stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Moves the device from the gateway to the phone, and gives the phone addresses and routes.
pub(super) fn attach_phone(gateway: &Namespace, phone: &Namespace) -> Result<()> {
    gateway.ip(&format!("link set {DEVICE} netns {}", phone.name()))?;
    phone.ip(&format!("link set {DEVICE} mtu {MTU} up"))?;
    phone.ip(&format!("addr add {PHONE_V4}/32 dev {DEVICE}"))?;
    phone.ip(&format!("addr add {PHONE_V6}/128 dev {DEVICE} nodad"))?;
    phone.ip(&format!("route add default dev {DEVICE}"))?;
    phone.ip(&format!("-6 route add default dev {DEVICE}"))
}

/// Whether the namespace of the calling thread has [`DEVICE`].
pub fn device_exists() -> bool {
    let devices = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    devices.lines().any(|line| line.trim_start().starts_with(&format!("{DEVICE}:")))
}

/// `consentry run` on `state`, to be started in the gateway; prints to nowhere unless told otherwise.
pub fn run_command(gateway: &Namespace, state: &Path) -> Result<Command> {
    let mut command = gateway.command(program()?);
    command.args(["run", "--tun", DEVICE, "--mtu", &MTU.to_string(), "--state"]).arg(state).args([
        "--dns",
        &RESOLVER_V4.to_string(),
        "--dns",
        &RESOLVER_V6.to_string(),
    ]);
    Ok(command)
}

/// Runs `consentry WORDS --state STATE` to its end.
pub fn command_on(state: &Path, words: &[&str]) -> Result<Said> {
    let output = Command::new(program()?).args(words).arg("--state").arg(state).stdin(Stdio::null()).output();
    Ok(output.map_err(LabError::io("running consentry"))?.into())
}

/// The program under test: `CONSENTRY_BIN`, or the one that cargo put next to the running test.
pub fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CONSENTRY_BIN") {
        return Ok(path.into());
    }
    let here = std::env::current_exe().map_err(LabError::io("finding the running program"))?;
    let folder = here.parent().map_or(Path::new(""), |folder| {
        if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }
    });
    let path = folder.join("consentry");
    if path.is_file() { Ok(path) } else { Err(LabError::NoProgram(path)) }
}
