//! Notices changes of the machine's network: which families lead anywhere, the default routes, the resolvers.
//!
//! The kernel announces changes on a netlink socket (rtnetlink(7)); what they come to is then read from `/proc/net`.
#![allow(unsafe_code, reason = "the groups of a netlink socket are joined with bind(2)")]
use crate::resolvers;
use consentry_engine::Network;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

// Flags of a route (linux/route.h, linux/ipv6_route.h).
const RTF_UP: u32 = 0x0001;
const RTF_REJECT: u32 = 0x0200;

// Groups of announcements (linux/rtnetlink.h); libc does not name them for Android.
const RTMGRP_LINK: u32 = 0x1;
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const RTMGRP_IPV4_ROUTE: u32 = 0x40;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;
const RTMGRP_IPV6_ROUTE: u32 = 0x400;

/// Announcements taken in at once. Those left over do no harm: the next one wakes us again.
const MOST_ANNOUNCEMENTS: usize = 1024;

/// The network as it matters to flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) network: Network,
    /// Interface and gateway of each default route: a change means that flows begun before are dead.
    default_routes: BTreeSet<String>,
}

/// Watches for changes.
#[derive(Debug)]
pub(crate) struct Watch {
    announcements: OwnedFd,
    /// Resolvers named by the owner; when empty, those of the system are used.
    resolvers: Vec<SocketAddr>,
    /// Our own interface leads nowhere.
    tun: Option<String>,
    state: State,
}

impl Watch {
    /// Starts to watch.
    pub(crate) fn start(resolvers: Vec<SocketAddr>, tun: Option<String>) -> io::Result<Self> {
        let announcements = announcements()?;
        let state = State::read(&resolvers, tun.as_deref());
        Ok(Self { announcements, resolvers, tun, state })
    }

    /// The network as last seen.
    pub(crate) fn network(&self) -> &Network {
        &self.state.network
    }

    /// Takes in what was announced. Returns the network if it has changed in a way that matters.
    pub(crate) fn changed(&mut self) -> Option<Network> {
        let mut buffer = [0; 8192];
        // What they say is not looked at: only that there was something, or that something was lost (ENOBUFS).
        for _ in 0..MOST_ANNOUNCEMENTS {
            match rustix::io::read(&self.announcements, &mut buffer) {
                Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let state = State::read(&self.resolvers, self.tun.as_deref());
        if state == self.state {
            return None;
        }
        self.state = state;
        Some(self.state.network.clone())
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.announcements.as_raw_fd()
    }
}

impl State {
    fn read(named: &[SocketAddr], tun: Option<&str>) -> Self {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        let v4 = routes_v4(&text("/proc/net/route"), tun);
        let v6 = routes_v6(&text("/proc/net/ipv6_route"), tun);
        let resolvers = if named.is_empty() { resolvers::system() } else { named.to_vec() };
        // Resolvers on this machine (systemd-resolved on 127.0.0.53) are reached whatever the routes are.
        let network = Network { resolvers, ipv4: v4.leads_anywhere, ipv6: v6.leads_anywhere };
        Self { network, default_routes: v4.defaults.into_iter().chain(v6.defaults).collect() }
    }
}

/// What a routing table comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Routes {
    leads_anywhere: bool,
    /// Interface and gateway of each default route.
    defaults: Vec<String>,
}

/// Reads `/proc/net/route`: interface, destination, gateway, flags, …, mask; numbers in hexadecimal.
fn routes_v4(table: &str, tun: Option<&str>) -> Routes {
    let mut routes = Routes::default();
    for line in table.lines().skip(1) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [interface, destination, gateway, flags, _, _, _, mask, ..] = words[..] else { continue };
        if !is_outside(interface, flags, tun) {
            continue;
        }
        routes.leads_anywhere = true;
        if destination == "00000000" && mask == "00000000" {
            routes.defaults.push(format!("{interface} {gateway}"));
        }
    }
    routes
}

/// Reads `/proc/net/ipv6_route`: destination and its length, source and its length, next hop, metric, two counters, flags,
/// interface; numbers in hexadecimal.
fn routes_v6(table: &str, tun: Option<&str>) -> Routes {
    let mut routes = Routes::default();
    for line in table.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [destination, length, _, _, next_hop, _, _, _, flags, interface, ..] = words[..] else {
            continue;
        };
        // Link-local and multicast routes are there wherever IPv6 is switched on, with or without a network.
        let stays_on_link = destination.starts_with("fe80") || destination.starts_with("ff");
        if stays_on_link || !is_outside(interface, flags, tun) {
            continue;
        }
        routes.leads_anywhere = true;
        if length == "00" {
            routes.defaults.push(format!("{interface} {next_hop}"));
        }
    }
    routes
}

fn is_outside(interface: &str, flags: &str, tun: Option<&str>) -> bool {
    let flags = u32::from_str_radix(flags, 16).unwrap_or(0);
    interface != "lo" && Some(interface) != tun && flags & RTF_UP != 0 && flags & RTF_REJECT == 0
}

/// Whether any resolver can be asked: one on this machine, or one of a family that leads somewhere.
pub(crate) fn has_resolver(network: &Network) -> bool {
    network.resolvers.iter().any(|resolver| match resolver.ip() {
        ip if ip.is_loopback() => true,
        IpAddr::V4(_) => network.ipv4,
        IpAddr::V6(_) => network.ipv6,
    })
}

/// A netlink socket on which changes of links, addresses and routes are announced.
fn announcements() -> io::Result<OwnedFd> {
    // SAFETY: socket(2) takes no pointers.
    let raw = unsafe {
        libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC,
            libc::NETLINK_ROUTE,
        )
    };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    // SAFETY: sockaddr_nl is plain data of integers: zero bytes are a valid value.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address.nl_groups =
        RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
    // SAFETY: the address is a valid sockaddr_nl, alive for the call, and its size is given with it.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            size_of::<libc::sockaddr_nl>() as libc::socklen_t,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V4_HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn v4(line: &str) -> Routes {
        routes_v4(&format!("{V4_HEAD}{line}\n"), Some("tun0"))
    }

    fn v6(destination: &str, length: &str, flags: &str, interface: &str) -> Routes {
        let zero = "0".repeat(32);
        let line = format!(
            "{destination:0<32} {length} {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 {flags} {interface}\n"
        );
        routes_v6(&line, Some("tun0"))
    }

    #[test]
    fn a_default_route_leads_somewhere_and_is_told_from_others() {
        let wifi = v4("wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0");
        let mobile = v4("rmnet0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0");
        assert!(wifi.leads_anywhere && mobile.leads_anywhere);
        assert_ne!(wifi.defaults, mobile.defaults);
    }

    #[test]
    fn a_network_without_a_default_route_leads_somewhere_too() {
        let routes = v4("eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0");
        assert_eq!(routes, Routes { leads_anywhere: true, defaults: Vec::new() });
    }

    #[test]
    fn our_own_interface_the_loopback_and_rejected_routes_lead_nowhere() {
        for line in [
            "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0",
            "lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0",
            "eth0\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0",
        ] {
            assert_eq!(v4(line), Routes::default(), "{line}");
        }
        assert_eq!(v6("", "00", "00200200", "lo"), Routes::default());
        assert_eq!(v6("", "00", "00000001", "tun0"), Routes::default());
    }

    #[test]
    fn link_local_and_multicast_routes_are_no_ipv6_network() {
        assert_eq!(v6("fe80", "40", "00000001", "eth0"), Routes::default());
        assert_eq!(v6("ff", "08", "00000001", "eth0"), Routes::default());
        assert!(v6("20010db8", "40", "00000001", "eth0").leads_anywhere);
        assert_eq!(v6("", "00", "00450003", "eth0").defaults.len(), 1);
    }

    #[test]
    fn no_announcement_and_no_difference_mean_no_change() {
        let mut watch = Watch::start(vec!["192.0.2.1:53".parse().unwrap()], None).unwrap();
        assert_eq!(watch.network().resolvers.len(), 1);
        assert_eq!(watch.changed(), None);
    }

    #[test]
    fn a_resolver_counts_only_where_it_can_be_reached() {
        let network =
            |resolver: &str, ipv4, ipv6| Network { resolvers: vec![resolver.parse().unwrap()], ipv4, ipv6 };
        assert!(has_resolver(&network("127.0.0.53:53", false, false)));
        assert!(has_resolver(&network("192.0.2.1:53", true, false)));
        assert!(!has_resolver(&network("[2001:db8::1]:53", true, false)));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,400}(\n\\PC{0,400}){0,5}") {
            routes_v4(&text, Some("tun0"));
            routes_v6(&text, None);
        }
    }
}
