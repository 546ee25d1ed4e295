//! Three network namespaces: phone, gateway and internet.
//!
//! ```text
//!   phone ---- TUN made by `consentry run`, ---- gateway ---- gw0 (captured) ---- internet
//!              moved here by the lab                                              answers for every address
//! ```
//! A lab has names of its own, so that many can exist at once, and is taken down when dropped, on panic, on ctrl-C and
//! on kill.
pub mod addresses;
pub mod capture;
pub mod client;
mod error;
pub mod firewall;
pub mod internet;
mod namespace;
pub mod quic;
pub mod servers;
pub mod undertaker;
mod unruled;
pub mod wire;

pub use error::{LabError, Result};
pub use namespace::Namespace;

use addresses::{
    GATEWAY_V4, GATEWAY_V6, INTERNET_V4, INTERNET_V6, PHONE_V4, PHONE_V6, RESOLVER_V4, RESOLVER_V6,
};
use capture::Capture;
use consentry_runtime::firewall::OWN_DNS;
use firewall::Firewall;
use internet::Internet;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use undertaker::Undertaker;
use unruled::Unruled;
use wire::Wire;

/// MTU of the phone's device, in bytes.
pub const MTU: usize = 1500;

/// What stands between the phone and the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// `consentry run`, with nothing granted.
    Consentry,
    /// The same engine with its rules switched off: shows that a test can fail.
    RulesOff,
    /// Plain kernel forwarding: what a phone without a firewall does. Shows that the lab works.
    Nothing,
}

/// What the gateway's link to the internet is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A veth pair.
    Clean,
    /// 1 % of the packets lost and 20 ms delay each way ([`wire`]).
    Lossy,
}

/// The three namespaces with everything that runs inside them.
///
/// Fields are dropped from the top, so that servers end before their namespaces do.
#[derive(Debug)]
pub struct Lab {
    firewall: Option<Firewall>,
    unruled: Option<Unruled>,
    internet: Internet,
    wire: Option<Wire>,
    /// Where apps and their owner are.
    pub phone: Namespace,
    /// Where `consentry run` has its outward sockets.
    pub gateway: Namespace,
    /// Where every server is.
    pub outside: Namespace,
    folder: PathBuf,
    _undertaker: Undertaker,
}

impl Lab {
    /// Builds a lab with a clean link; everything is up and reachable when this returns.
    pub fn new(between: Between) -> Result<Self> {
        Self::with_link(between, Link::Clean)
    }

    /// Builds a lab.
    pub fn with_link(between: Between, link: Link) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("cst{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let names = ["phone", "gateway", "internet"].map(|role| format!("{id}-{role}"));
        let folder = std::env::temp_dir().join(format!("{id}-lab"));
        std::fs::create_dir_all(&folder).map_err(LabError::io("making the lab's folder"))?;
        let undertaker = Undertaker::wait_for_the_end(&folder, &names)?;
        raise_descriptor_limit();

        let [phone, gateway, outside] = &names;
        let mut phone = Namespace::create(phone)?;
        let gateway = Namespace::create(gateway)?;
        let outside = Namespace::create(outside)?;
        for namespace in [&phone, &gateway, &outside] {
            namespace.sysctl(&[
                "net.ipv6.conf.all.disable_ipv6=0",
                // Duplicate address detection would keep new devices silent for a second or two.
                "net.ipv6.conf.default.accept_dad=0",
                "net.ipv6.conf.default.dad_transmits=0",
                "net.ipv6.conf.default.router_solicitations=0",
                "net.ipv4.conf.all.rp_filter=0",
                "net.ipv4.ip_local_port_range=1024 65000",
                "net.ipv4.tcp_max_syn_backlog=8192",
                "net.core.somaxconn=8192",
                // Group 0 is the only one that exists in an unprivileged user namespace.
                "net.ipv4.ping_group_range=0 0",
            ])?;
        }
        let wire = match link {
            Link::Clean => {
                let peer = format!("peer name in0 netns {}", outside.name());
                gateway.ip(&format!("link add gw0 type veth {peer}"))?;
                None
            }
            Link::Lossy => Some(Wire::between(&gateway, "gw0", &outside, "in0")?),
        };
        for (namespace, device, v4, v6) in
            [(&gateway, "gw0", GATEWAY_V4, GATEWAY_V6), (&outside, "in0", INTERNET_V4, INTERNET_V6)]
        {
            namespace.ip(&format!("link set {device} up"))?;
            namespace.ip(&format!("addr add {v4}/24 dev {device}"))?;
            namespace.ip(&format!("addr add {v6}/64 dev {device} nodad"))?;
        }
        gateway.ip(&format!("route add default via {INTERNET_V4} dev gw0"))?;
        gateway.ip(&format!("-6 route add default via {INTERNET_V6} dev gw0"))?;
        let internet = Internet::open(&outside, &folder)?;

        let dns: Vec<IpAddr> = match between {
            Between::Consentry | Between::RulesOff => OWN_DNS.to_vec(),
            Between::Nothing => vec![RESOLVER_V4.into(), RESOLVER_V6.into()],
        };
        let mut lines: Vec<String> = dns.iter().map(|address| format!("nameserver {address}")).collect();
        lines.push("options timeout:2 attempts:2\n".into());
        let resolv = folder.join("resolv.conf");
        write(&resolv, &lines.join("\n"))?;
        phone.overlay(resolv, "/etc/resolv.conf");
        // Keeps a resolver daemon of the host out of the phone's look-ups.
        let switch = folder.join("nsswitch.conf");
        write(&switch, "passwd: files\ngroup: files\nhosts: files dns\n")?;
        phone.overlay(switch, "/etc/nsswitch.conf");

        let mut lab = Self {
            firewall: None,
            unruled: None,
            internet,
            wire,
            phone,
            gateway,
            outside,
            folder,
            _undertaker: undertaker,
        };
        match between {
            Between::Consentry => {
                let firewall =
                    Firewall::start(&lab.gateway, &lab.phone, &lab.folder.join("state"), "consentry")?;
                lab.firewall = Some(firewall);
            }
            Between::RulesOff => {
                lab.unruled = Some(Unruled::start(&lab.gateway, lab.folder.join("unruled"))?);
                firewall::attach_phone(&lab.gateway, &lab.phone)?;
            }
            Between::Nothing => lab.forward_without_firewall()?,
        }
        Ok(lab)
    }

    /// The running firewall.
    ///
    /// # Panics
    /// In a lab that has none.
    pub fn firewall(&self) -> &Firewall {
        self.firewall.as_ref().expect("the lab was made with Between::Consentry")
    }

    /// Kills the firewall; its device goes with it.
    pub fn stop_firewall(&mut self) {
        self.firewall = None;
    }

    /// Ends the firewall and starts a new one with the same state.
    pub fn restart_firewall(&mut self) -> Result<()> {
        self.firewall = None;
        let state = self.folder.join("state");
        self.firewall = Some(Firewall::start(&self.gateway, &self.phone, &state, "again")?);
        Ok(())
    }

    /// The servers of the internet.
    pub fn internet(&self) -> &Internet {
        &self.internet
    }

    /// The lab's folder; it goes when the lab goes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The certificate that the lab's TLS servers are signed by (PEM).
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Watches the outward link from now on.
    pub fn capture(&self) -> Result<Capture> {
        Capture::start(&self.gateway, "gw0")
    }

    /// How many packets the wire has lost so far; 0 on a clean link.
    pub fn packets_lost(&self) -> u64 {
        self.wire.as_ref().map_or(0, Wire::lost)
    }

    fn forward_without_firewall(&self) -> Result<()> {
        self.phone
            .ip(&format!("link add ph0 mtu {MTU} type veth peer name gw1 netns {}", self.gateway.name()))?;
        for (namespace, device, v4, v6) in [
            (&self.phone, "ph0", PHONE_V4.to_string(), PHONE_V6.to_string()),
            (&self.gateway, "gw1", "10.111.0.1".to_owned(), "2001:db8:111::1".to_owned()),
        ] {
            namespace.ip(&format!("link set {device} up"))?;
            namespace.ip(&format!("addr add {v4}/24 dev {device}"))?;
            namespace.ip(&format!("addr add {v6}/64 dev {device} nodad"))?;
        }
        self.phone.ip("route add default via 10.111.0.1")?;
        self.phone.ip("-6 route add default via 2001:db8:111::1")?;
        self.gateway.sysctl(&["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])?;
        self.outside.ip(&format!("route add 10.111.0.0/24 via {GATEWAY_V4} dev in0"))?;
        self.outside.ip(&format!("-6 route add 2001:db8:111::/64 via {GATEWAY_V6} dev in0"))
    }
}

/// Asks `happened` again and again until it says yes. Only for what announces itself in no other way (a device that
/// appears, a port that opens).
pub fn wait_until(what: &str, within: Duration, mut happened: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + within;
    while !happened() {
        if Instant::now() >= deadline {
            return Err(LabError::TimedOut { what: what.to_owned(), within, detail: String::new() });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(LabError::io(format!("writing {}", path.display())))
}

/// Ten thousand flows need a descriptor at each end. Without root the hard limit is what it is.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wish = 65_536;
    let rlimit = getrlimit(Resource::Nofile);
    if rlimit.current.is_none_or(|current| current >= wish) {
        return;
    }
    let raised =
        Rlimit { current: Some(wish), maximum: Some(rlimit.maximum.map_or(wish, |hard| hard.max(wish))) };
    if setrlimit(Resource::Nofile, raised).is_err() {
        // Falling back to the hard limit always succeeds; a test that needs more says so.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: rlimit.maximum, maximum: rlimit.maximum });
    }
}
