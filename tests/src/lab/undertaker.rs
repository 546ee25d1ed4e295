//! Takes the lab down, whatever happens to the process that built it.
use super::error::{LabError, Result};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// A small shell process that waits for its standard input to close. That happens when the lab is dropped, when the
/// process panics, and when it is killed: in every case the namespaces, the programs inside them and the lab's folder go.
#[derive(Debug)]
pub struct Undertaker {
    shell: Child,
}

/// Kills only what runs inside the lab's own namespaces.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r _
folder=$1; shift
for name in "$@"; do
    for process in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$process" 2>/dev/null; done
done
for name in "$@"; do ip netns del "$name" 2>/dev/null; done
rm -rf "$folder"
"#;

impl Undertaker {
    /// Starts waiting, before the first namespace is made.
    pub fn wait_for_the_end(folder: &Path, namespaces: &[String]) -> Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "undertaker"])
            .arg(folder)
            .args(namespaces)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(LabError::io("starting the lab's undertaker"))?;
        Ok(Self { shell })
    }
}

impl Drop for Undertaker {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing can be done about a failure here, and the namespaces' names are never used again.
        let _ = self.shell.wait();
    }
}
