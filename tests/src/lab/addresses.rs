//! Who lives where in the lab. Every address is from a documentation range, except well-known resolvers and the literals of
//! the catalogue, which the lab's internet answers for as well (it answers for every address there is).
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The phone's own addresses on the TUN device.
pub const PHONE_V4: Ipv4Addr = Ipv4Addr::new(10, 111, 0, 2);
/// IPv6 twin of [`PHONE_V4`]. Not a ULA: an app would prefer IPv4 then.
pub const PHONE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x111, 0, 0, 0, 0, 2);
/// The gateway's outward addresses.
pub const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
/// IPv6 twin of [`GATEWAY_V4`].
pub const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 2);
/// The internet's end of the link.
pub const INTERNET_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// IPv6 twin of [`INTERNET_V4`].
pub const INTERNET_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 1);
/// The network's resolver (dnsmasq).
pub const RESOLVER_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
/// IPv6 twin of [`RESOLVER_V4`].
pub const RESOLVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x53, 0, 0, 0, 0, 0x53);
/// A public resolver that apps have hard-coded.
pub const PUBLIC_RESOLVER_V4: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
/// IPv6 twin of [`PUBLIC_RESOLVER_V4`].
pub const PUBLIC_RESOLVER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888);
/// `www.example.com` and other servers nobody needs to ask consent for.
pub const WEB_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// IPv6 twin of [`WEB_V4`].
pub const WEB_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x10);
/// The address of `half.example.com` whose packets vanish.
pub const BROKEN_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xdead, 0, 0, 0, 0, 1);
/// A Mi Push literal of the catalogue: TCP 443, no name, no TLS.
pub const MI_PUSH: Ipv4Addr = Ipv4Addr::new(111, 13, 141, 211);
/// [`MI_PUSH`] as a phone on an IPv6-only network reaches it (RFC 6052).
pub const MI_PUSH_NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0x6f0d, 0x8dd3);

/// Where the names of held services point: `203.0.113.192/26`.
pub const fn held_v4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, 192 + n % 64)
}

/// Where the names of held services point: `2001:db8:bad::/48`.
pub const fn held_v6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, n as u16)
}

/// Whether nothing may ever be sent to an address while nothing is granted: the range that the lab's DNS gives to services
/// that need consent (and to any name it does not know).
pub fn is_held(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[..3] == [203, 0, 113] && v4.octets()[3] >= 192,
        IpAddr::V6(v6) => v6.segments()[..3] == [0x2001, 0xdb8, 0xbad],
    }
}

/// Names that live at an address of their own, and whose service needs no consent.
pub const ORDINARY: &[(&str, Ipv4Addr, Ipv6Addr)] = &[
    ("www.example.com", WEB_V4, WEB_V6),
    ("files.example.com", WEB_V4, WEB_V6),
    (
        "mms.operator.example",
        Ipv4Addr::new(203, 0, 113, 11),
        Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x11),
    ),
    (
        "connect.rom.miui.com",
        Ipv4Addr::new(203, 0, 113, 20),
        Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x20),
    ),
    ("update.miui.com", Ipv4Addr::new(203, 0, 113, 21), Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x21)),
    ("pool.ntp.org", Ipv4Addr::new(203, 0, 113, 22), Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x22)),
    ("half.example.com", Ipv4Addr::new(203, 0, 113, 12), BROKEN_V6),
];

/// Names of services that need consent, with the last number of their held addresses.
pub const HELD: &[(&str, u8)] = &[
    ("api.account.xiaomi.com", 1),
    ("account.xiaomi.com", 2),
    ("metok.sys.miui.com", 3),
    ("resolver.gslb.mi-idc.com", 4),
    ("resolver.msg.xiaomi.net", 5),
    ("app.chat.xiaomi.net", 6),
    ("tracking.miui.com", 7),
    ("api.ad.xiaomi.com", 8),
];

/// Innocent-looking names that are aliases of held ones.
pub const ALIASES: &[(&str, &str)] =
    &[("cdn.example.com", "api.account.xiaomi.com"), ("shop.example.com", "cdn.example.com")];
