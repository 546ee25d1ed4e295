//! The error queue of a UDP socket: what ICMP reported about datagrams sent earlier, and to whom they went (recvmsg(2),
//! `MSG_ERRQUEUE`; ip(7), `IP_RECVERR`).
#![allow(unsafe_code, reason = "control messages are read with recvmsg(2) and its CMSG macros")]
#![allow(clippy::unnecessary_cast, reason = "the types of these fields differ between C libraries")]
#![allow(clippy::cast_ptr_alignment, reason = "what is read through such a pointer is read unaligned")]
use consentry_engine::io::{NetError, UdpError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

// ICMP types and codes of interest (RFC 792; RFC 4443).
const ICMP_UNREACHABLE: u8 = 3;
const ICMP_PORT_UNREACHABLE: u8 = 3;
const ICMP_FRAGMENTATION_NEEDED: u8 = 4;
const ICMPV6_UNREACHABLE: u8 = 1;
const ICMPV6_PACKET_TOO_BIG: u8 = 2;
const ICMPV6_PORT_UNREACHABLE: u8 = 4;

/// One entry of the queue.
pub(super) enum QueuedError {
    /// This machine refused to send; the call that tried has said so. The path's MTU, if that was why.
    Local { mtu: Option<u32> },
    /// The network reported it.
    Network(UdpError),
    /// Nothing that matters to the sender (a time stamp, an error without a destination).
    Other,
}

/// Room for the control messages of one error: the error and its origin's address, generously.
#[repr(align(8))]
struct Control([u8; 256]);

/// Takes the next entry; `None` when the queue is empty.
pub(super) fn next(descriptor: &OwnedFd) -> Option<QueuedError> {
    let mut control = Control([0; 256]);
    // SAFETY: sockaddr_storage and msghdr are plain data of integers and raw pointers: zero bytes are a valid value of both.
    let (mut name, mut message): (libc::sockaddr_storage, libc::msghdr) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    message.msg_name = std::ptr::from_mut(&mut name).cast();
    message.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: the descriptor is open, and every pointer in the message leads to a live buffer of the length given beside it.
    // No payload is wanted, so that there is no iovec.
    let result = unsafe {
        libc::recvmsg(descriptor.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    if result < 0 {
        return None;
    }
    let Some(error) = extended_error(&message) else { return Some(QueuedError::Other) };
    if error.ee_origin == libc::SO_EE_ORIGIN_LOCAL {
        let too_big = error.ee_errno == libc::EMSGSIZE as u32;
        return Some(QueuedError::Local { mtu: too_big.then_some(error.ee_info) });
    }
    let Some((meaning, to)) = meaning(&error).zip(destination(&name)) else {
        return Some(QueuedError::Other);
    };
    Some(QueuedError::Network(UdpError { to, error: meaning }))
}

/// The error among a message's control messages.
fn extended_error(message: &libc::msghdr) -> Option<libc::sock_extended_err> {
    // SAFETY: the kernel has filled the control buffer and its length; the CMSG macros stay within them. Headers are aligned,
    // as the buffer is; data is read unaligned, and only where the header says that there is enough of it.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(control) = header.as_ref() {
            let is_error = matches!(
                (control.cmsg_level, control.cmsg_type),
                (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            );
            let needed = libc::CMSG_LEN(size_of::<libc::sock_extended_err>() as u32) as usize;
            if is_error && control.cmsg_len as usize >= needed {
                let data = libc::CMSG_DATA(control).cast::<libc::sock_extended_err>();
                return Some(data.read_unaligned());
            }
            header = libc::CMSG_NXTHDR(message, control);
        }
    }
    None
}

fn meaning(error: &libc::sock_extended_err) -> Option<NetError> {
    match (error.ee_origin, error.ee_type, error.ee_code) {
        (libc::SO_EE_ORIGIN_ICMP, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED)
        | (libc::SO_EE_ORIGIN_ICMP6, ICMPV6_PACKET_TOO_BIG, _) => {
            Some(NetError::TooBig { mtu: error.ee_info })
        }
        (libc::SO_EE_ORIGIN_ICMP, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE)
        | (libc::SO_EE_ORIGIN_ICMP6, ICMPV6_UNREACHABLE, ICMPV6_PORT_UNREACHABLE) => Some(NetError::Refused),
        (libc::SO_EE_ORIGIN_ICMP, ICMP_UNREACHABLE, _)
        | (libc::SO_EE_ORIGIN_ICMP6, ICMPV6_UNREACHABLE, _) => Some(NetError::Unreachable),
        _ => None,
    }
}

/// Where the datagram was going.
fn destination(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let name = std::ptr::from_ref(name);
    // SAFETY: the storage is large enough and aligned for every address type, all of which are plain data; which one the
    // kernel has written is told by the family.
    unsafe {
        match i32::from((*name).ss_family) {
            libc::AF_INET => {
                let v4 = *name.cast::<libc::sockaddr_in>();
                let address = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                Some(SocketAddr::new(IpAddr::V4(address), u16::from_be(v4.sin_port)))
            }
            libc::AF_INET6 => {
                let v6 = *name.cast::<libc::sockaddr_in6>();
                let address = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                Some(SocketAddr::new(IpAddr::V6(address), u16::from_be(v6.sin6_port)))
            }
            _ => None,
        }
    }
}
