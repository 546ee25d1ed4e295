//! Namespaces: as root directly, else inside a user namespace in which we are root.
use std::{
    fs::OpenOptions,
    process::{Command, Stdio},
};

/// How commands that make network namespaces are run on this machine.
pub(crate) enum Isolation {
    /// As they are: we are root.
    Root,
    /// Inside a user namespace of their own.
    UserNamespace,
    /// Not at all, and why.
    Impossible(String),
}

/// Gives a user namespace a private /run, where `ip netns` keeps its doors, then becomes the command.
const PRIVATE_RUN: &str = r#"mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@""#;
const UNSHARE: &[&str] = &["--user", "--map-root-user", "--mount", "--net", "sh", "-c", PRIVATE_RUN, "sh"];

impl Isolation {
    /// Finds out by trying.
    pub(crate) fn find() -> Self {
        if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
            return Self::Impossible(format!(
                "/dev/net/tun cannot be opened ({error}): run as root, or chmod 666 it"
            ));
        }
        if rustix::process::geteuid().is_root() {
            if quiet(Command::new("unshare").args(["--mount", "--net", "true"])) {
                return Self::Root;
            }
            return Self::Impossible(
                "this machine lets nobody make network namespaces (a container?)".into(),
            );
        }
        if quiet(Command::new("unshare").args(UNSHARE).arg("true")) {
            Self::UserNamespace
        } else {
            Self::Impossible(
                "this machine does not let users make namespaces: run as root, or allow it \
                 (sysctl kernel.unprivileged_userns_clone=1; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)"
                    .into(),
            )
        }
    }

    /// The command as it has to be run.
    pub(crate) fn wrap(&self, command: Command) -> Command {
        if !matches!(self, Self::UserNamespace) {
            return command;
        }
        let mut wrapped = Command::new("unshare");
        wrapped.args(UNSHARE).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            wrapped.current_dir(folder);
        }
        wrapped
    }
}

fn quiet(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
