//! The engine's own duplicate of the app's TUN descriptor.
#![allow(unsafe_code, reason = "the app gives a descriptor as a bare number")]
use crate::error::{Code, EngineError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// The device number of the TUN clone device: misc character device, minor `TUN_MINOR` (linux/miscdevice.h).
const TUN_DEVICE: (u32, u32) = (10, 200);

/// Duplicates a TUN descriptor, after making sure that it is one: anything else is refused rather than read and written as
/// if it were.
///
/// A local datagram socket is taken too: like a TUN device it keeps the bounds of packets, and tests put it in its place.
pub(crate) fn duplicate(descriptor: RawFd) -> Result<OwnedFd, EngineError> {
    let refused = |why: &str| {
        EngineError::new(Code::Tun, format!("descriptor {descriptor} cannot be used as the tunnel: {why}"))
    };
    if descriptor < 0 {
        return Err(refused("it is no descriptor"));
    }
    // SAFETY: not -1, and used for one system call only, which reports a descriptor that is not open as an error; whatever the
    // number stands for, it is duplicated and not touched.
    let theirs = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let ours = rustix::io::fcntl_dupfd_cloexec(theirs, 0).map_err(|error| refused(&error.to_string()))?;
    if !is_tun(&ours).map_err(|error| refused(&error.to_string()))? && !is_datagram_socket(&ours) {
        return Err(refused("it is not a TUN device"));
    }
    if is_gone(&ours).map_err(|error| refused(&error.to_string()))? {
        return Err(refused("its network interface is gone"));
    }
    Ok(ours)
}

fn is_tun(descriptor: &OwnedFd) -> rustix::io::Result<bool> {
    let stat = rustix::fs::fstat(descriptor)?;
    let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && device == TUN_DEVICE)
}

fn is_datagram_socket(descriptor: &OwnedFd) -> bool {
    sockopt::socket_type(descriptor) == Ok(SocketType::DGRAM)
        && sockopt::socket_domain(descriptor) == Ok(AddressFamily::UNIX)
}

/// Whether the device has no interface: never had one, or lost it.
fn is_gone(descriptor: &OwnedFd) -> rustix::io::Result<bool> {
    let mut polled = [PollFd::new(descriptor, PollFlags::empty())];
    poll(&mut polled, Some(&Timespec::default()))?;
    Ok(polled[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::{AsRawFd, FromRawFd};
    use std::os::unix::net::{UnixDatagram, UnixStream};

    #[test]
    fn the_duplicate_lives_on_without_the_original() {
        let (theirs, other) = UnixDatagram::pair().unwrap();
        let ours = duplicate(theirs.as_raw_fd()).unwrap();
        drop(theirs);
        other.send(b"packet").unwrap();
        let mut buffer = [0; 10];
        assert_eq!(rustix::io::read(&ours, &mut buffer).unwrap(), 6);
        assert!(rustix::io::fcntl_getfd(&ours).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }

    #[test]
    fn what_is_no_tunnel_is_refused_and_left_open() {
        let file = tempfile::tempfile().unwrap();
        let folder = File::open("/").unwrap();
        let null = File::open("/dev/null").unwrap();
        let (stream, _other) = UnixStream::pair().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let foreign: [&dyn AsRawFd; 6] = [&file, &folder, &null, &stream, &udp, &tcp];
        for descriptor in foreign.map(AsRawFd::as_raw_fd) {
            assert_eq!(duplicate(descriptor).unwrap_err().code, Code::Tun);
            // SAFETY: each of them is open to the end of the test.
            assert!(rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(descriptor) }).is_ok());
        }
    }

    #[test]
    fn a_closed_descriptor_is_refused() {
        for descriptor in [-1, i32::MIN, 1_000_000, i32::MAX] {
            assert_eq!(duplicate(descriptor).unwrap_err().code, Code::Tun);
        }
    }

    #[test]
    fn a_clone_device_without_an_interface_is_refused() {
        // Only where this process may open it at all.
        let Ok(device) = File::options().read(true).write(true).open("/dev/net/tun") else { return };
        let error = duplicate(device.as_raw_fd()).unwrap_err();
        assert_eq!(error.code, Code::Tun);
        assert!(error.message.contains("gone"), "{error}");
    }

    #[test]
    fn the_number_of_a_descriptor_closed_before_is_refused() {
        let (theirs, _other) = UnixDatagram::pair().unwrap();
        let number = theirs.as_raw_fd();
        // A high number, which no other test of this process takes in the meantime.
        // SAFETY: the number is not in use; what is made of it is closed right away.
        let high = unsafe { OwnedFd::from_raw_fd(libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 900)) };
        let number = high.as_raw_fd();
        drop(high);
        assert_eq!(duplicate(number).unwrap_err().code, Code::Tun);
    }
}
