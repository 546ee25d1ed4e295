//! The course every engine runs over: phone, gateway and server, each a network namespace.
//!
//! ```text
//!   phone ---- the engine's TUN, or a veth ---- gateway ---- veth, or a wire that loses packets ---- server
//! ```
use crate::servers::Servers;
use consentry_tests::lab::{
    LabError, Namespace, Result, raise_descriptor_limit, undertaker::Undertaker, wait_until, wire::Wire,
};
use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

/// Where every server is.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The gateway's outer side.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The phone.
const PHONE: &str = "10.88.0.2";
/// The gateway's inner side, where there is no engine.
const INNER: &str = "10.88.0.1";
/// nginx, with one file of a kibibyte.
pub(crate) const WEB: SocketAddrV4 = SocketAddrV4::new(SERVER, 8080);
/// iperf3.
pub(crate) const BULK_PORT: u16 = 5201;
/// The phone's device.
pub(crate) const DEVICE: &str = "tun0";
/// The other device of the plain copy.
pub(crate) const SECOND_DEVICE: &str = "tun1";

/// What the link between gateway and server is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// A veth pair with the kernel's offloads.
    Fast,
    /// A veth pair without them, as real network cards have none across a TUN device.
    WithoutOffloads,
    /// 1 % of the packets lost and 20 ms of delay each way.
    Lossy,
}

/// The namespaces with their servers. Fields are dropped from the top.
#[derive(Debug)]
pub(crate) struct Course {
    servers: Servers,
    daemons: Vec<Child>,
    _wire: Option<Wire>,
    /// Where the load comes from.
    pub(crate) phone: Namespace,
    /// Where the engine runs.
    pub(crate) gateway: Namespace,
    server: Namespace,
    /// For files that last as long as the course.
    pub(crate) folder: PathBuf,
    _undertaker: Undertaker,
}

impl Course {
    /// Builds it; every server answers when this returns.
    pub(crate) fn new(link: Link) -> Result<Self> {
        raise_descriptor_limit();
        let id = format!("csb{}", std::process::id());
        let names = ["phone", "gateway", "server"].map(|role| format!("{id}-{role}"));
        let folder = std::env::temp_dir().join(format!("{id}-course"));
        std::fs::create_dir_all(&folder).map_err(LabError::io("making the course's folder"))?;
        let undertaker = Undertaker::wait_for_the_end(&folder, &names)?;
        let [phone, gateway, server] = &names;
        let (phone, gateway, server) =
            (Namespace::create(phone)?, Namespace::create(gateway)?, Namespace::create(server)?);
        for namespace in [&phone, &gateway, &server] {
            namespace.sysctl(&[
                "net.ipv4.ip_local_port_range=1024 65000",
                "net.ipv4.tcp_tw_reuse=1",
                "net.ipv4.tcp_max_syn_backlog=8192",
                "net.core.somaxconn=8192",
                "net.ipv4.ip_forward=1",
                "net.ipv4.conf.all.rp_filter=0",
                "net.ipv4.conf.default.rp_filter=0",
            ])?;
        }
        let wire = if link == Link::Lossy {
            Some(Wire::between(&gateway, "gw0", &server, "srv0")?)
        } else {
            gateway.ip(&format!("link add gw0 type veth peer name srv0 netns {}", server.name()))?;
            None
        };
        for (namespace, device, address) in [(&gateway, "gw0", GATEWAY), (&server, "srv0", SERVER)] {
            namespace.ip(&format!("addr add {address}/24 dev {device}"))?;
            namespace.ip(&format!("link set {device} up"))?;
        }
        gateway.ip(&format!("route add default via {SERVER} dev gw0"))?;
        server.ip(&format!("route add 10.88.0.0/24 via {GATEWAY} dev srv0"))?;
        if link == Link::WithoutOffloads {
            offloads_off(&gateway, "gw0")?;
            offloads_off(&server, "srv0")?;
        }
        let daemons = daemons(&server, &folder)?;
        let servers = Servers::start(&server)?;
        let answers = || server.enter(|| TcpStream::connect(WEB).is_ok()).unwrap_or(false);
        wait_until("nginx answering", Duration::from_secs(10), answers)?;
        Ok(Self { servers, daemons, _wire: wire, phone, gateway, server, folder, _undertaker: undertaker })
    }

    /// Waits for the engine's device and gives it to the phone.
    pub(crate) fn attach_phone(&self, mtu: u32) -> Result<()> {
        let appeared = || self.gateway.enter(consentry_tests::lab::firewall::device_exists).unwrap_or(false);
        wait_until("the engine making its device", Duration::from_secs(20), appeared)?;
        self.gateway.ip(&format!("link set {DEVICE} netns {}", self.phone.name()))?;
        self.phone.ip(&format!("addr add {PHONE}/24 dev {DEVICE}"))?;
        self.phone.ip(&format!("link set {DEVICE} mtu {mtu} up"))?;
        self.phone.ip(&format!("route add default dev {DEVICE}"))
    }

    /// Joins phone and gateway with no engine between them.
    pub(crate) fn join_phone(&self, mtu: u32, offloads: bool) -> Result<()> {
        self.phone.ip(&format!("link add ph0 type veth peer name gw1 netns {}", self.gateway.name()))?;
        for (namespace, device, address) in [(&self.phone, "ph0", PHONE), (&self.gateway, "gw1", INNER)] {
            namespace.ip(&format!("addr add {address}/24 dev {device}"))?;
            namespace.ip(&format!("link set {device} mtu {mtu} up"))?;
            if !offloads {
                offloads_off(namespace, device)?;
            }
        }
        self.phone.ip(&format!("route add default via {INNER}"))
    }

    /// Lets the gateway's kernel forward what comes out of the copy's second device.
    pub(crate) fn attach_second_device(&self, mtu: u32) -> Result<()> {
        self.gateway.ip(&format!("link set {SECOND_DEVICE} mtu {mtu} up"))?;
        self.gateway.ip(&format!("route add 10.88.0.0/24 dev {SECOND_DEVICE}"))
    }

    /// Waits until the phone reaches the server.
    pub(crate) fn wait_until_through(&self) -> Result<()> {
        let through = || {
            let connected = self
                .phone
                .enter(|| TcpStream::connect_timeout(&WEB.into(), Duration::from_millis(500)).is_ok());
            connected.unwrap_or(false)
        };
        wait_until("a connection through the engine", Duration::from_secs(15), through)
    }
}

impl Drop for Course {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            // Already gone is as good as stopped.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        self.servers.stop(&self.server);
    }
}

/// nginx and iperf3.
fn daemons(server: &Namespace, folder: &Path) -> Result<Vec<Child>> {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).map_err(LabError::io(format!("writing {name}")))
    };
    write("kibibyte", &"x".repeat(1024))?;
    let at = folder.display();
    write(
        "nginx.conf",
        &format!(
            "user root; worker_processes 1; daemon off; pid {at}/nginx.pid; error_log {at}/nginx.log;\n\
             worker_rlimit_nofile 20000; events {{ worker_connections 8192; }}\n\
             http {{ access_log off; client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at};\n\
             uwsgi_temp_path {at}; scgi_temp_path {at}; keepalive_timeout 0;\n\
             server {{ listen {WEB} backlog=4096; root {at}; }} }}\n"
        ),
    )?;
    let configuration = folder.join("nginx.conf");
    let log = folder.join("nginx.log").display().to_string();
    let mut nginx = server.command("nginx");
    nginx.args(["-e", &log, "-c"]).arg(configuration);
    let mut bulk = server.command("iperf3");
    bulk.args(["--server", "--port", &BULK_PORT.to_string()]);
    [nginx, bulk]
        .into_iter()
        .map(|mut daemon| {
            let spawned = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            spawned.map_err(LabError::io("starting nginx or iperf3"))
        })
        .collect()
}

fn offloads_off(namespace: &Namespace, device: &str) -> Result<()> {
    let words = ["-K", device, "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"];
    let output =
        namespace.command("ethtool").args(words).output().map_err(LabError::io("starting ethtool"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(LabError::Unexpected(format!("ethtool {device}: {}", said.trim())))
}
