//! Packets as apps send them, into a socket pair in place of a TUN device.
use consentry_engine::packet::build;
use consentry_inspect::dns;
use consentry_runtime::firewall::OWN_DNS;
use serde_json::json;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A service, and one of its names.
pub(crate) const SERVICE: &str = "xiaomi.push";
pub(crate) const NAME: &str = "app.chat.xiaomi.net";
/// Generous: only a test that fails waits that long.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The apps' end and the engine's.
pub(crate) fn apps_and_tun() -> (UnixDatagram, OwnedFd) {
    let (apps, tun) = UnixDatagram::pair().unwrap();
    apps.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
    (apps, tun.into())
}

pub(crate) fn settings(resolvers: &[SocketAddr]) -> String {
    json!({"mtu": 1500, "network": {"resolvers": resolvers, "ipv4": true, "ipv6": true}}).to_string()
}

/// A packet that asks our own resolver for a name.
pub(crate) fn look_up(name: &str) -> Vec<u8> {
    datagram(&SocketAddr::new(OWN_DNS[0], 53).to_string(), &dns::query(7, &name.parse().unwrap(), dns::A))
}

/// A packet with a datagram to somewhere.
pub(crate) fn datagram(to: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    build::udp("10.0.0.2:40000".parse().unwrap(), to.parse().unwrap(), payload, &mut packet).unwrap();
    packet
}

/// Whether nobody holds the other end any more. Fills it up otherwise.
pub(crate) fn is_closed(apps: &UnixDatagram) -> bool {
    apps.set_nonblocking(true).unwrap();
    loop {
        match apps.send(&look_up(NAME)) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
}
