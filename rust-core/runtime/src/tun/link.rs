//! The system calls that open a TUN interface and set it up.
#![allow(unsafe_code, reason = "interfaces are set up with ioctl(2), which takes a raw pointer")]
#![allow(clippy::unnecessary_cast, reason = "the types of these constants differ between C libraries")]
use super::DEFAULT_MTU;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Why a TUN device could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TunError {
    /// The MTU is outside what both address families need and the device carries.
    #[error("an MTU of {0} is not possible: choose one from 1280 to 65535")]
    Mtu(usize),
    /// Not a name that an interface can have.
    #[error("{0:?} cannot be the name of a network interface: use 1 to 15 letters, digits, '-', '_' or '.'")]
    Name(String),
    /// The clone device could not be opened.
    #[error(
        "cannot open /dev/net/tun: {0}; load the kernel's tun module, and run as root or with CAP_NET_ADMIN"
    )]
    CloneDevice(io::Error),
    /// The interface could not be created or attached to.
    #[error("cannot attach to the TUN device {name}: {error}{advice}")]
    Attach {
        /// The interface's name.
        name: String,
        /// What the system said.
        error: io::Error,
        /// What may help, beginning with "; ", or nothing.
        advice: &'static str,
    },
    /// The interface could not be brought up, or its MTU not be set or read.
    #[error("cannot {what} of the TUN device {name}: {error}")]
    SetUp {
        /// Which step failed.
        what: &'static str,
        /// The interface's name.
        name: String,
        /// What the system said.
        error: io::Error,
    },
    /// A descriptor could not be made non-blocking.
    #[error("cannot use the TUN descriptor: {0}")]
    Descriptor(io::Error),
}

/// Opens or creates the interface; returns its descriptor and its MTU.
pub(super) fn open(name: &str, mtu: Option<usize>) -> Result<(OwnedFd, usize), TunError> {
    let mut request = request(name)?;
    let existed = Path::new("/sys/class/net").join(name).exists();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let descriptor = rustix::fs::open("/dev/net/tun", flags, rustix::fs::Mode::empty())
        .map_err(|error| TunError::CloneDevice(error.into()))?;
    // The two flags are small constants: they fit the field, which the kernel declares as short.
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    ioctl(&descriptor, libc::TUNSETIFF as u64, &mut request).map_err(|error| {
        let advice = match error.raw_os_error() {
            Some(libc::EPERM) => "; run as root or with CAP_NET_ADMIN",
            Some(libc::EBUSY) => "; another process has it open",
            Some(libc::EINVAL) => "; an interface of that name exists and is not a TUN device",
            _ => "",
        };
        TunError::Attach { name: name.to_owned(), error, advice }
    })?;

    let failed = |what| move |error| TunError::SetUp { what, name: name.to_owned(), error };
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|error| failed("open a control socket")(error.into()))?;
    if !existed || mtu.is_some() {
        let mtu = mtu.unwrap_or(DEFAULT_MTU);
        request.ifr_ifru.ifru_mtu = mtu as libc::c_int;
        ioctl(&socket, libc::SIOCSIFMTU as u64, &mut request).map_err(failed("set the MTU"))?;
    }
    if !existed {
        ioctl(&socket, libc::SIOCGIFFLAGS as u64, &mut request).map_err(failed("read the flags"))?;
        // SAFETY: SIOCGIFFLAGS has just filled this member of the union, and any bits make a valid short.
        let flags = unsafe { request.ifr_ifru.ifru_flags };
        request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
        ioctl(&socket, libc::SIOCSIFFLAGS as u64, &mut request).map_err(failed("change the flags"))?;
    }
    ioctl(&socket, libc::SIOCGIFMTU as u64, &mut request).map_err(failed("read the MTU"))?;
    // SAFETY: SIOCGIFMTU has just filled this member of the union, and any bits make a valid int.
    let mtu = unsafe { request.ifr_ifru.ifru_mtu };
    Ok((descriptor, usize::try_from(mtu).unwrap_or(DEFAULT_MTU).clamp(68, super::LARGEST_PACKET)))
}

/// Makes a descriptor that somebody else opened non-blocking.
pub(super) fn set_non_blocking(descriptor: &OwnedFd) -> Result<(), TunError> {
    rustix::io::ioctl_fionbio(descriptor, true).map_err(|error| TunError::Descriptor(error.into()))
}

/// A request that names the interface.
fn request(name: &str) -> Result<libc::ifreq, TunError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    // A name of dots would be a path in /sys; "%d" would ask the kernel to pick a number.
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.starts_with('.') || !name.bytes().all(allowed)
    {
        return Err(TunError::Name(name.to_owned()));
    }
    // SAFETY: ifreq is plain data of integers, arrays and raw pointers, for all of which zero bytes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

fn ioctl(descriptor: &OwnedFd, code: u64, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the codes used here all take a pointer to an ifreq, which the kernel reads and writes within its bounds; the
    // reference is valid and exclusive for the call, and the descriptor is open.
    let result = unsafe { libc::ioctl(descriptor.as_raw_fd(), code as _, std::ptr::from_mut(request)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
