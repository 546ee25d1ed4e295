//! Who is at the other end of a Unix socket (unix(7), `SO_PEERCRED`).
#![allow(
    unsafe_code,
    reason = "rustix reads a peer outside our PID namespace, whose process id is 0, into a type that excludes 0"
)]
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// The process at the other end, as it was when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Its process id; `None` when it lives outside our PID namespace.
    pub(super) pid: Option<u32>,
    /// Its user.
    pub(super) uid: u32,
}

/// Asks the system who is at the other end.
pub(super) fn of(stream: &UnixStream) -> io::Result<Peer> {
    let mut credentials = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open; the pointer leads to a ucred of the length given, which the kernel fills at most.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            std::ptr::from_mut(&mut credentials).cast(),
            &raw mut len,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let pid = u32::try_from(credentials.pid).ok().filter(|pid| *pid != 0);
    Ok(Peer { pid, uid: credentials.uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(of(&ours).unwrap(), Peer { pid: Some(std::process::id()), uid });
    }
}
