//! Opening sockets and setting their options.
#![allow(unsafe_code, reason = "some options have no safe wrapper and go through setsockopt(2)")]
use super::net_error;
use consentry_engine::io::{Family, NetError};
use rustix::net::sockopt;
use rustix::net::{AddressFamily, Protocol, SocketFlags, SocketType, ipproto};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// A silent server is probed after this time, so that a dead one is noticed (RFC 9293 section 3.8.4 leaves it to us).
const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(30);
/// Time between probes, and how many go unanswered before the connection counts as dead: 90 s after the last sign of life.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEP_ALIVE_PROBES: u32 = 4;

fn socket(family: Family, kind: SocketType, protocol: Option<Protocol>) -> Result<OwnedFd, NetError> {
    let family = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    rustix::net::socket_with(family, kind, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, protocol)
        .map_err(net_error)
}

/// A TCP socket, not yet connected.
pub(super) fn tcp(family: Family) -> Result<OwnedFd, NetError> {
    let descriptor = socket(family, SocketType::STREAM, Some(ipproto::TCP))?;
    // None of these can fail on an open TCP socket, and the connection would work without them.
    let set = sockopt::set_tcp_nodelay(&descriptor, true)
        .and_then(|()| sockopt::set_tcp_keepidle(&descriptor, KEEP_ALIVE_IDLE))
        .and_then(|()| sockopt::set_tcp_keepintvl(&descriptor, KEEP_ALIVE_INTERVAL))
        .and_then(|()| sockopt::set_tcp_keepcnt(&descriptor, KEEP_ALIVE_PROBES))
        .and_then(|()| sockopt::set_socket_keepalive(&descriptor, true));
    if let Err(error) = set {
        log::debug!("a TCP option was refused: {error}");
    }
    Ok(descriptor)
}

/// A UDP socket on a random port, whose errors are queued with their destination (ip(7), `IP_RECVERR`).
pub(super) fn udp(family: Family) -> Result<OwnedFd, NetError> {
    let descriptor = socket(family, SocketType::DGRAM, Some(ipproto::UDP))?;
    match family {
        Family::V4 => set_option(&descriptor, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?,
        Family::V6 => {
            sockopt::set_ipv6_v6only(&descriptor, true).map_err(net_error)?;
            set_option(&descriptor, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
        }
    }
    Ok(descriptor)
}

/// A ping socket: echo requests without privileges, where `net.ipv4.ping_group_range` lets this process.
pub(super) fn ping(family: Family) -> Result<OwnedFd, NetError> {
    let protocol = match family {
        Family::V4 => ipproto::ICMP,
        Family::V6 => ipproto::ICMPV6,
    };
    socket(family, SocketType::DGRAM, Some(protocol))
}

/// Whether this process may open ping sockets of a family.
pub(crate) fn ping_is_allowed(family: Family) -> bool {
    ping(family).is_ok()
}

/// Whether datagrams go out with "don't fragment" set and are refused when the path is known to be narrower, or are
/// fragmented by the system (ip(7), `IP_MTU_DISCOVER`; ipv6(7), `IPV6_MTU_DISCOVER`).
pub(super) fn set_dont_fragment(descriptor: &OwnedFd, family: Family, on: bool) -> Result<(), NetError> {
    let (level, name, value) = match (family, on) {
        (Family::V4, true) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO),
        (Family::V4, false) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        (Family::V6, true) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO),
        (Family::V6, false) => (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
    };
    set_option(descriptor, level, name, value)
}

/// Makes the close that follows discard what is queued and reset the connection.
pub(super) fn discard_on_close(descriptor: &OwnedFd) {
    // It cannot fail on an open socket.
    let _ = sockopt::set_socket_linger(descriptor, Some(Duration::ZERO));
}

fn set_option(
    descriptor: &OwnedFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> Result<(), NetError> {
    // SAFETY: the descriptor is open; the value is one int, alive for the call, and its size is given with it.
    let result = unsafe {
        libc::setsockopt(
            descriptor.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(super::failure(&io::Error::last_os_error())) } else { Ok(()) }
}
