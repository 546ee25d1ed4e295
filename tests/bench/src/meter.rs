//! What a process used, read from /proc.
use std::{
    path::{Path, PathBuf},
    process::Child,
    time::Instant,
};

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Used {
    /// Processor time of all its threads, user and system, in seconds.
    processor: f64,
    /// How often a thread of it had slept and ran again.
    wakeups: u64,
}

/// Measures one process from now on.
pub(crate) struct Meter {
    process: Option<PathBuf>,
    before: Used,
    began: Instant,
}

/// What was used meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Processor time in seconds; nothing is known of an engine that is the kernel.
    pub(crate) processor: Option<f64>,
    /// Wake-ups.
    pub(crate) wakeups: Option<u64>,
    /// Wall-clock seconds.
    pub(crate) wall: f64,
}

impl Meter {
    /// Starts measuring; the kernel is no process.
    pub(crate) fn start(process: Option<&Child>) -> Self {
        let process = process.map(folder);
        let before = process.as_deref().map(used).unwrap_or_default();
        Self { process, before, began: Instant::now() }
    }

    /// What was used since the start.
    pub(crate) fn spent(&self) -> Spent {
        let now = self.process.as_deref().map(used);
        Spent {
            processor: now.map(|now| now.processor - self.before.processor),
            wakeups: now.map(|now| now.wakeups - self.before.wakeups),
            wall: self.began.elapsed().as_secs_f64(),
        }
    }
}

/// Resident memory of a process in KiB.
pub(crate) fn memory(process: &Child) -> Option<u64> {
    field(&std::fs::read_to_string(folder(process).join("status")).ok()?, "VmRSS:")
}

fn folder(process: &Child) -> PathBuf {
    Path::new("/proc").join(process.id().to_string())
}

fn used(process: &Path) -> Used {
    let mut sum = Used::default();
    let threads = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    for thread in threads {
        let read = |name: &str| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        // proc(5): the first number is time on a processor in nanoseconds.
        let nanoseconds: f64 =
            read("schedstat").split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
        sum.processor += nanoseconds / 1e9;
        sum.wakeups += field(&read("status"), "voluntary_ctxt_switches:").unwrap_or(0);
    }
    sum
}

/// The number after this word at the beginning of a line.
fn field(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_computes_is_seen_to() {
        let mut busy = std::process::Command::new("sh");
        let mut child = busy.args(["-c", "while :; do :; done"]).spawn().unwrap();
        let meter = Meter::start(Some(&child));
        while meter.spent().processor.unwrap() < 0.02 {
            std::thread::yield_now();
        }
        assert!(memory(&child).unwrap() > 0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Meter::start(None).spent().processor.is_none());
    }

    #[test]
    fn fields_are_found_by_their_word() {
        let text = "VmRSS:\t    812 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!((field(text, "VmRSS:"), field(text, "voluntary_ctxt_switches:")), (Some(812), Some(7)));
        assert_eq!(field(text, "VmSize:"), None);
    }
}
