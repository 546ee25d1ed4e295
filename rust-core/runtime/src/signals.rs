//! Signals as an event among others.
#![allow(unsafe_code, reason = "signals are turned into a descriptor with signalfd(2)")]
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Reads the signals that ask a process to end: SIGINT, SIGTERM and SIGHUP.
#[derive(Debug)]
pub(crate) struct StopSignals {
    descriptor: OwnedFd,
}

impl StopSignals {
    /// Takes these signals over, for this thread and those that it starts from now on.
    pub(crate) fn take_over() -> io::Result<Self> {
        // SAFETY: sigset_t is plain data that sigemptyset initialises; every pointer is to this one set, alive for the calls.
        let raw = unsafe {
            let mut signals: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut signals);
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                libc::sigaddset(&raw mut signals, signal);
            }
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            libc::signalfd(-1, &raw const signals, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC)
        };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just opened and belongs to nobody else.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(raw) } })
    }

    /// Whether one has arrived since the last call.
    pub(crate) fn arrived(&self) -> bool {
        let mut signal = [0; size_of::<libc::signalfd_siginfo>()];
        matches!(rustix::io::read(&self.descriptor, &mut signal), Ok(len) if len > 0)
    }
}

impl AsRawFd for StopSignals {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}
