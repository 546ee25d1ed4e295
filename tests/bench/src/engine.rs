//! What stands between phone and server while it is measured.
use crate::course::{Course, DEVICE, SECOND_DEVICE, SERVER};
use consentry_tests::lab::{LabError, Result};
use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
};

/// The kinds there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Our own, with every rule and inspector on.
    Consentry,
    /// The kernel forwards; its network cards' offloads are on: what no VPN app can reach.
    Kernel,
    /// The kernel forwards packet by packet: the limit for whoever reads packets.
    KernelWithoutOffloads,
    /// Packets are copied from one TUN device to another: what reading and writing them costs.
    Copy,
    /// The Rust crate ipstack with a relay of a few lines.
    Ipstack,
    /// sing-box with gVisor's stack.
    SingBox,
}

/// All of them, ours first.
pub(crate) const KINDS: [Kind; 6] =
    [Kind::Consentry, Kind::KernelWithoutOffloads, Kind::Kernel, Kind::Copy, Kind::Ipstack, Kind::SingBox];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Consentry => "consentry",
            Self::Kernel => "kernel",
            Self::KernelWithoutOffloads => "kernel-packets",
            Self::Copy => "copy",
            Self::Ipstack => "ipstack",
            Self::SingBox => "sing-box",
        })
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        KINDS
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or_else(|| format!("there are {}", KINDS.map(|kind| kind.to_string()).join(", ")))
    }
}

/// One engine at one size of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Runner {
    pub(crate) kind: Kind,
    /// Largest packet between phone and engine, in bytes.
    pub(crate) mtu: u32,
}

/// Where programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) consentry: PathBuf,
    pub(crate) ipstack: Option<PathBuf>,
    pub(crate) sing_box: Option<PathBuf>,
}

impl Programs {
    /// Whether this machine has it.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Ipstack => self.ipstack.is_some(),
            Kind::SingBox => self.sing_box.is_some(),
            _ => true,
        }
    }
}

/// An engine that runs.
pub(crate) struct Running {
    process: Option<Child>,
}

impl Running {
    /// Starts it on the course, and waits until packets pass.
    pub(crate) fn start(course: &Course, runner: Runner, programs: &Programs) -> Result<Self> {
        let Runner { kind, mtu } = runner;
        let process = match kind {
            Kind::Kernel | Kind::KernelWithoutOffloads => {
                course.join_phone(mtu, kind == Kind::Kernel)?;
                None
            }
            _ => {
                let mut command = command(course, runner, programs)?;
                let log = File::create(course.folder.join("engine.log"));
                let log = log.map_err(LabError::io("making the engine's log"))?;
                let error_log = log.try_clone().map_err(LabError::io("making the engine's log"))?;
                let child = command.stdout(log).stderr(error_log).stdin(Stdio::null()).spawn();
                Some(child.map_err(LabError::io(format!("starting {kind}")))?)
            }
        };
        let running = Self { process };
        if running.process.is_some() {
            course.attach_phone(mtu)?;
        }
        if kind == Kind::Copy {
            course.attach_second_device(mtu)?;
        }
        course.wait_until_through().map_err(|error| {
            let log = std::fs::read_to_string(course.folder.join("engine.log")).unwrap_or_default();
            LabError::Unexpected(format!("{kind}: {error}; it said: {}", log.trim()))
        })?;
        Ok(running)
    }

    /// Its process, unless it is the kernel.
    pub(crate) fn process(&self) -> Option<&Child> {
        self.process.as_ref()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Already gone is as good as stopped.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn command(course: &Course, runner: Runner, programs: &Programs) -> Result<Command> {
    let Runner { kind, mtu } = runner;
    let missing = || LabError::Unexpected(format!("there is no program for {kind}"));
    Ok(match kind {
        Kind::Consentry => {
            let mut command = course.gateway.command(&programs.consentry);
            command.args(["run", "--tun", DEVICE, "--mtu", &mtu.to_string(), "--state"]);
            command.arg(course.folder.join("state")).args(["--dns", &SERVER.to_string()]);
            command
        }
        Kind::Ipstack => {
            let mut command = course.gateway.command(programs.ipstack.as_ref().ok_or_else(missing)?);
            command.args([DEVICE, &mtu.to_string()]);
            command
        }
        Kind::SingBox => {
            let configuration = course.folder.join("sing-box.json");
            write_sing_box(&configuration, mtu)?;
            let mut command = course.gateway.command(programs.sing_box.as_ref().ok_or_else(missing)?);
            command.args(["run", "-c"]).arg(configuration);
            command
        }
        Kind::Copy => {
            let program = std::env::current_exe().map_err(LabError::io("finding this program"))?;
            let mut command = course.gateway.command(program);
            command.args(["copy", DEVICE, SECOND_DEVICE]);
            command
        }
        Kind::Kernel | Kind::KernelWithoutOffloads => return Err(missing()),
    })
}

/// A tunnel whose connections go out directly. The addresses are its own and never used: the phone has others.
fn write_sing_box(path: &Path, mtu: u32) -> Result<()> {
    let configuration = serde_json::json!({
        "log": { "level": "error" },
        "inbounds": [{
            "type": "tun", "interface_name": DEVICE, "mtu": mtu, "address": ["10.88.9.1/30"],
            "auto_route": false, "stack": "gvisor"
        }],
        "outbounds": [{ "type": "direct" }]
    });
    std::fs::write(path, configuration.to_string()).map_err(LabError::io("writing sing-box's settings"))
}
