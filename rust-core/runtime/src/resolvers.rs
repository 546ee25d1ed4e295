//! The system's resolvers, from `/etc/resolv.conf` (resolv.conf(5)).
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

/// Where the system names its resolvers.
pub(crate) const SYSTEM_FILE: &str = "/etc/resolv.conf";
/// The port that resolvers answer on (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;
/// glibc uses three resolvers; a few more cost nothing, a list without end would.
const MOST_RESOLVERS: usize = 8;
/// Larger files are cut off here: resolv.conf is a handful of lines.
const MOST_BYTES: usize = 64 * 1024;

/// The resolvers named in the system's `/etc/resolv.conf`; empty when there is no such file.
pub fn system() -> Vec<SocketAddr> {
    read(Path::new(SYSTEM_FILE))
}

/// The resolvers named in a file of resolv.conf's form; empty when it cannot be read.
pub fn read(path: &Path) -> Vec<SocketAddr> {
    use std::io::Read;
    let mut bytes = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES as u64).read_to_end(&mut bytes)) {
        Ok(_) => parse(&bytes),
        Err(_) => Vec::new(),
    }
}

/// Reads `nameserver` lines; everything else is passed over, whatever it holds.
///
/// An IPv6 address may carry a zone (`fe80::1%eth0` or `fe80::1%2`); a zone that names no interface of this machine makes
/// the line unusable.
pub fn parse(bytes: &[u8]) -> Vec<SocketAddr> {
    let mut resolvers = Vec::new();
    for line in bytes[..bytes.len().min(MOST_BYTES)].split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let Some(resolver) = words.next().and_then(address) else { continue };
        if !resolvers.contains(&resolver) {
            resolvers.push(resolver);
        }
        if resolvers.len() == MOST_RESOLVERS {
            break;
        }
    }
    resolvers
}

fn address(word: &str) -> Option<SocketAddr> {
    let Some((address, zone)) = word.split_once('%') else {
        return word.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, DNS_PORT));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = zone.parse().ok().or_else(|| interface_index(zone))?;
    Some(SocketAddrV6::new(address, DNS_PORT, 0, scope).into())
}

fn interface_index(name: &str) -> Option<u32> {
    if name.is_empty() || name.len() > 15 || name.contains(['/', '.']) {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Vec<String> {
        parse(text.as_bytes()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn takes_nameserver_lines_in_order_and_nothing_else() {
        let text = "# made by hand\nsearch lan\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1   ; why not\n\
                    options edns0\nnameserver not-an-address\nnameserver\n;nameserver 192.0.2.9\nnameserver 192.0.2.1\n";
        assert_eq!(parsed(text), ["192.0.2.1:53", "[2001:db8::1]:53"]);
    }

    #[test]
    fn understands_windows_line_ends_and_a_missing_last_one() {
        assert_eq!(parsed("nameserver 192.0.2.1\r\nnameserver 192.0.2.2"), ["192.0.2.1:53", "192.0.2.2:53"]);
    }

    #[test]
    fn keeps_the_zone_of_a_link_local_resolver() {
        assert_eq!(parsed("nameserver fe80::1%7"), ["[fe80::1%7]:53"]);
        assert_eq!(parsed("nameserver fe80::1%no-such-link"), [] as [&str; 0]);
        assert_eq!(parsed("nameserver fe80::1%../../x"), [] as [&str; 0]);
    }

    #[test]
    fn bytes_that_are_not_text_spoil_only_their_line() {
        assert_eq!(parse(b"nameserver \xff\xfe\nnameserver 192.0.2.1\n").len(), 1);
    }

    #[test]
    fn a_missing_file_means_no_resolvers() {
        assert!(read(Path::new("/nowhere/resolv.conf")).is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_bounded_list(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert!(parse(&bytes).len() <= MOST_RESOLVERS);
        }

        #[test]
        fn every_address_written_is_read_back(addresses in proptest::collection::vec(any::<IpAddr>(), 0..MOST_RESOLVERS)) {
            let lines: Vec<String> = addresses.iter().map(|address| format!("nameserver {address}")).collect();
            let mut expected = addresses;
            let mut seen = std::collections::BTreeSet::new();
            expected.retain(|address| seen.insert(*address));
            let read: Vec<IpAddr> = parse(lines.join("\n").as_bytes()).iter().map(SocketAddr::ip).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
