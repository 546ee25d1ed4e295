//! Programs that end-to-end tests and the demonstration run, and how a fresh Debian machine gets them.
use crate::TaskError;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

/// Each program and the Debian package that holds it.
const TOOLS: &[(&str, &str)] = &[
    ("bash", "bash"),
    ("curl", "curl"),
    ("dig", "bind9-dnsutils"),
    ("dnsmasq", "dnsmasq-base"),
    ("ip", "iproute2"),
    ("nginx", "nginx"),
    ("nsenter", "util-linux"),
    ("openssl", "openssl"),
    ("ping", "iputils-ping"),
    ("python3", "python3"),
    ("sha256sum", "coreutils"),
    ("sysctl", "procps"),
    ("tcpdump", "tcpdump"),
    ("unshare", "util-linux"),
];

/// Folders that hold programs even where a plain user's PATH leaves them out.
const MORE_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Package managers ask this script before they start a service (Debian policy, invoke-rc.d): nginx and dnsmasq are
/// wanted as programs only.
const START_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Makes sure that every tool of the end-to-end tests is there, with apt-get where it can.
pub(crate) fn ensure() -> Result<(), TaskError> {
    ensure_each(TOOLS)
}

/// Makes sure that each of these programs (or, with an absolute path, files) is there; the other half of each pair is the
/// Debian package that holds it.
pub(crate) fn ensure_each(tools: &[(&str, &str)]) -> Result<(), TaskError> {
    let missing: Vec<_> = tools.iter().filter(|(program, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: BTreeSet<&str> = missing.iter().map(|(_, package)| *package).collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    let list = packages.join(" ");
    if !rustix::process::geteuid().is_root() {
        return Err(TaskError::Missing(format!("these packages are missing: sudo apt-get install {list}")));
    }
    if !is_there("apt-get") {
        return Err(TaskError::Missing(format!("these packages (Debian's names) are missing: {list}")));
    }
    println!("installing with apt-get: {list}");
    let policy = Policy::services_stay_off();
    apt_get(&["update"])?;
    let mut words = vec!["install", "--yes", "--no-install-recommends"];
    words.extend(&packages);
    apt_get(&words)?;
    drop(policy);
    match tools.iter().find(|(program, _)| !is_there(program)) {
        None => Ok(()),
        Some((program, package)) => {
            Err(TaskError::Missing(format!("{program} is still missing after installing {package}")))
        }
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(MORE_FOLDERS.map(Into::into));
    folders.into_iter().any(|folder| {
        fs::metadata(folder.join(program)).is_ok_and(|file| {
            file.is_file() && (program.starts_with('/') || file.permissions().mode() & 0o111 != 0)
        })
    })
}

fn apt_get(words: &[&str]) -> Result<(), TaskError> {
    let output = Command::new("apt-get")
        .arg("-qq")
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| TaskError::Start { program: "apt-get".into(), source })?;
    if output.status.success() {
        return Ok(());
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Err(TaskError::Failed(format!("apt-get {}", words.join(" "))))
}

/// Keeps freshly installed services from being started, for as long as it lives.
struct Policy {
    ours: bool,
}

impl Policy {
    fn services_stay_off() -> Self {
        let path = Path::new(START_POLICY);
        let ours = !path.exists()
            && fs::write(path, "#!/bin/sh\nexit 101\n").is_ok()
            && fs::set_permissions(path, fs::Permissions::from_mode(0o755)).is_ok();
        Self { ours }
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            // Gone already is as good.
            let _ = fs::remove_file(START_POLICY);
        }
    }
}
