//! What a phone at rest costs: the battery's share.
use super::Figures;
use crate::{
    course::Course,
    engine::{Kind, Running},
    meter::Meter,
    servers::{GREETING_LENGTH, KEEPER},
};
use consentry_tests::lab::{LabError, Result};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    process::Child,
    time::{Duration, Instant},
};

/// With nothing to do, and with little to do.
const QUIET: Duration = Duration::from_secs(5);
const LITTLE: Duration = Duration::from_secs(20);
/// Connections that stay open, and how often one of them says a word.
const KEPT: usize = 50;
const WORD_EVERY: Duration = Duration::from_millis(600);
/// How often the app that is held tries again.
const TRY_EVERY: Duration = Duration::from_secs(2);
/// An address literal of the catalogue (Mi Push), which needs consent.
const HELD: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(111, 13, 141, 211), 443);

/// Wake-ups a minute with no traffic; wake-ups and system calls a minute with fifty connections that each say a word twice a
/// minute, beside an app that is held and tries again thirty times a minute.
pub(super) fn measure(course: &Course, running: &Running, kind: Kind) -> Result<Figures> {
    let mut figures = Figures::new();
    let mut note = |name: &str, count: Option<u64>, time: Duration| {
        if let Some(count) = count {
            figures.insert(format!("{name}/min"), count as f64 * 60.0 / time.as_secs_f64());
        }
    };
    // What starting up left to do is done by then.
    std::thread::sleep(QUIET);
    let meter = Meter::start(running.process());
    std::thread::sleep(QUIET);
    note("quiet wakeups", meter.spent().wakeups, QUIET);

    let held = kind == Kind::Consentry;
    let mut kept = course.phone.enter(open)?.map_err(LabError::io("opening connections"))?;
    let mut live = || {
        let lived = course.phone.enter(|| live_quietly(&mut kept, held))?;
        lived.map_err(LabError::io("living quietly"))
    };
    let meter = Meter::start(running.process());
    live()?;
    note("little wakeups", meter.spent().wakeups, LITTLE);
    // Once more: being watched call by call wakes a process too.
    let calls = SystemCalls::count(running.process());
    live()?;
    note("little system calls", calls.and_then(SystemCalls::end), LITTLE);
    Ok(figures)
}

fn open() -> io::Result<Vec<TcpStream>> {
    let open = |_| {
        let mut stream = TcpStream::connect(KEEPER)?;
        let mut greeting = *b"hello over there";
        greeting[GREETING_LENGTH - 1] = b'\n';
        stream.write_all(&greeting)?;
        stream.read_exact(&mut greeting).map(|()| stream)
    };
    (0..KEPT).map(open).collect()
}

fn live_quietly(kept: &mut [TcpStream], held: bool) -> io::Result<()> {
    let began = Instant::now();
    let (mut next_word, mut next_try, mut turn) = (began, began, 0);
    while began.elapsed() < LITTLE {
        let now = Instant::now();
        if now >= next_word {
            kept[turn % KEPT].write_all(b".\n")?;
            turn += 1;
            next_word += WORD_EVERY;
        }
        if held && now >= next_try {
            // It is refused, which is what is measured.
            let _ = TcpStream::connect_timeout(&HELD.into(), Duration::from_millis(200));
            next_try += TRY_EVERY;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// strace counting what one process calls.
struct SystemCalls {
    strace: Child,
}

impl SystemCalls {
    /// Begins, where strace is installed.
    fn count(process: Option<&Child>) -> Option<Self> {
        let process = process?.id().to_string();
        let mut strace = std::process::Command::new("strace");
        strace.args(["--summary-only", "--follow-forks", "--attach", &process]);
        let strace = strace.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn();
        strace.ok().map(|strace| Self { strace })
    }

    /// Ends, and reads the sum.
    fn end(mut self) -> Option<u64> {
        let process = rustix::process::Pid::from_child(&self.strace);
        rustix::process::kill_process(process, rustix::process::Signal::INT).ok()?;
        let mut text = String::new();
        self.strace.stderr.take()?.read_to_string(&mut text).ok()?;
        self.strace.wait().ok()?;
        total(&text)
    }
}

/// The number of calls in strace's last line: "100.00  0.001234  2  617  3 total".
fn total(summary: &str) -> Option<u64> {
    let line = summary.lines().rev().find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_system_calls_is_read() {
        let summary = "% time     seconds  usecs/call     calls    errors syscall\n\
                       ------ ----------- ----------- --------- --------- ------\n\
                       90.00    0.001111           2       600           read\n\
                       100.00    0.001234           2       617         3 total\n";
        assert_eq!(total(summary), Some(617));
        assert_eq!(total("strace: attach: No such process\n"), None);
    }
}
