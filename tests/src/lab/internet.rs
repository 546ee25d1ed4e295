//! The internet: one namespace that answers for every address, with nginx, dnsmasq and small servers of our own.
use super::{
    addresses::{
        ALIASES, BROKEN_V6, HELD, MI_PUSH, MI_PUSH_NAT64, ORDINARY, PUBLIC_RESOLVER_V4, PUBLIC_RESOLVER_V6,
        RESOLVER_V4, RESOLVER_V6, WEB_V4, WEB_V6, held_v4, held_v6,
    },
    error::{LabError, Result},
    namespace::{Namespace, run},
    quic::QuicServer,
    servers::Servers,
    wait_until, write,
};
use ring::digest::{Context, SHA256};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

/// Everything that answers.
#[derive(Debug)]
pub struct Internet {
    /// Servers of our own: echo, banner, endless source, time.
    pub servers: Servers,
    _quic: QuicServer,
    daemons: Vec<Child>,
    folder: PathBuf,
}

impl Internet {
    /// Starts every server and waits until each one answers.
    pub(super) fn open(namespace: &Namespace, folder: &Path) -> Result<Self> {
        // Every address that has no better route is local: whatever leaks is answered, as the real internet would.
        // On the link's own device and not on lo: UDP servers answer through the device that a datagram came to.
        namespace.ip("route add local 0.0.0.0/0 dev in0 table main")?;
        namespace.ip("-6 route add local ::/0 dev in0 table main")?;
        namespace.sysctl(&["net.ipv6.ip_nonlocal_bind=1"])?;
        namespace.ip(&format!("-6 route add blackhole {BROKEN_V6}"))?;
        // dnsmasq takes TCP queries, and QUIC answers over IPv6, only at addresses that a device really has.
        let resolvers = [
            IpAddr::from(RESOLVER_V4),
            PUBLIC_RESOLVER_V4.into(),
            RESOLVER_V6.into(),
            PUBLIC_RESOLVER_V6.into(),
        ];
        let web = ORDINARY.iter().map(|(_, _, v6)| *v6).filter(|v6| *v6 != BROKEN_V6);
        let held = HELD.iter().map(|(_, n)| held_v6(*n)).chain([held_v6(63)]);
        let real: BTreeSet<IpAddr> = resolvers.into_iter().chain(web.chain(held).map(IpAddr::from)).collect();
        for address in real {
            namespace.ip(&format!(
                "addr add {address} dev in0{}",
                if address.is_ipv6() { " nodad" } else { "" }
            ))?;
        }
        make_certificates(folder)?;
        std::fs::create_dir_all(folder.join("www/upload")).map_err(LabError::io("making the web folder"))?;
        write(&folder.join("nginx.conf"), &nginx_configuration(folder))?;
        write(&folder.join("dnsmasq.conf"), &dnsmasq_configuration())?;
        let daemons = vec![
            daemon(namespace, folder, "nginx", &["-p", ".", "-c", "nginx.conf"])?,
            // --no-daemon also keeps dnsmasq from changing its user, which an unprivileged user namespace cannot do.
            daemon(namespace, folder, "dnsmasq", &["--no-daemon", "-C", "dnsmasq.conf", "--pid-file="])?,
        ];
        let push = [IpAddr::from(MI_PUSH), held_v4(6).into(), held_v6(6).into(), MI_PUSH_NAT64.into()];
        let servers = Servers::start(namespace, &push, &[WEB_V4.into(), WEB_V6.into()])?;
        let quic = QuicServer::start(namespace, folder)?;
        let internet = Self { servers, _quic: quic, daemons, folder: folder.to_owned() };
        for address in [SocketAddr::from((WEB_V4, 443)), (WEB_V6, 443).into(), (RESOLVER_V4, 53).into()] {
            let open = || namespace.enter(|| TcpStream::connect(address).is_ok()).unwrap_or(false);
            wait_until(&format!("a server answering at {address}"), Duration::from_secs(10), open)?;
        }
        Ok(internet)
    }

    /// Puts a file of `len` reproducible bytes on the web server, as `/NAME`; returns its SHA-256.
    pub fn publish(&self, name: &str, len: usize) -> Result<String> {
        let path = self.folder.join("www").join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(LabError::io("making a web folder"))?;
        }
        make_file(&path, len)
    }

    /// Makes a file of `len` reproducible bytes for the phone to send; returns where it is and its SHA-256.
    pub fn file_to_send(&self, name: &str, len: usize) -> Result<(PathBuf, String)> {
        let path = self.folder.join(name);
        let hash = make_file(&path, len)?;
        Ok((path, hash))
    }

    /// SHA-256 of what was uploaded (HTTP PUT) to `/upload/NAME`.
    pub fn hash_of_upload(&self, name: &str) -> Result<String> {
        hash_of_file(&self.folder.join("www/upload").join(name))
    }

    /// Every line of the web server's log that names `host`: "HOST METHOD URI STATUS".
    pub fn requests_to(&self, host: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.join("access.log")).unwrap_or_default();
        let start = format!("{host} ");
        log.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            // Already gone is as good as stopped.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// Reproducible bytes that do not repeat in any short period (xorshift64*).
#[derive(Clone, Debug)]
pub struct Bytes(u64);

impl Bytes {
    /// A stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Fills a slice.
    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// `len` bytes.
    pub fn take(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.fill(&mut out);
        out
    }
}

/// SHA-256 of a file, in hexadecimal.
pub fn hash_of_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(LabError::io(format!("opening {}", path.display())))?;
    let mut hash = Hasher(Context::new(&SHA256));
    std::io::copy(&mut file, &mut hash).map_err(LabError::io(format!("reading {}", path.display())))?;
    Ok(hex(hash.0.finish().as_ref()))
}

fn make_file(path: &Path, len: usize) -> Result<String> {
    let file = File::create(path).map_err(LabError::io(format!("making {}", path.display())))?;
    let mut file = BufWriter::new(file);
    let mut hash = Context::new(&SHA256);
    let mut bytes = Bytes::new(len as u64);
    let mut left = len;
    let mut block = vec![0; 64 * 1024];
    while left > 0 {
        let part = left.min(block.len());
        bytes.fill(&mut block[..part]);
        hash.update(&block[..part]);
        file.write_all(&block[..part]).map_err(LabError::io("writing a test file"))?;
        left -= part;
    }
    file.flush().map_err(LabError::io("writing a test file"))?;
    Ok(hex(hash.finish().as_ref()))
}

struct Hasher(Context);

impl std::io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

fn daemon(namespace: &Namespace, folder: &Path, program: &str, arguments: &[&str]) -> Result<Child> {
    let what = format!("starting {program}");
    let log = File::create(folder.join(format!("{program}.log"))).map_err(LabError::io(what.clone()))?;
    let errors = log.try_clone().map_err(LabError::io(what.clone()))?;
    namespace
        .command(program)
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::from(log))
        .stderr(Stdio::from(errors))
        .spawn()
        .map_err(LabError::io(what))
}

/// A certificate authority that lives as long as the lab, and one certificate for every name in it.
fn make_certificates(folder: &Path) -> Result<()> {
    let names = ORDINARY.iter().map(|(name, ..)| *name).chain(HELD.iter().map(|(name, _)| *name));
    let names: Vec<String> =
        names.chain(ALIASES.iter().map(|(name, _)| *name)).map(|name| format!("DNS:{name}")).collect();
    write(&folder.join("names.ext"), &format!("subjectAltName={}\n", names.join(",")))?;
    let at = |file: &str| folder.join(file).display().to_string();
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let (key, certificate) = (at("authority.key"), at("authority.pem"));
    let mut words =
        vec!["req", "-x509", "-days", "2", "-subj", "/CN=lab", "-keyout", &key, "-out", &certificate];
    words.extend(new_key);
    run("openssl", &words)?;
    let (server_key, request) = (at("server.key"), at("server.csr"));
    let mut words = vec!["req", "-new", "-subj", "/CN=lab server", "-keyout", &server_key, "-out", &request];
    words.extend(new_key);
    run("openssl", &words)?;
    let (extensions, server) = (at("names.ext"), at("server.pem"));
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            &request,
            "-CA",
            &certificate,
            "-CAkey",
            &key,
            "-set_serial",
            "2",
            "-extfile",
            &extensions,
            "-out",
            &server,
        ],
    )
}

/// HTTP on 80 and 8080, HTTPS on 443; any path is answered, files of `www` are served, PUT to /upload is kept. `reuseport`
/// lets our own servers take single addresses on the same port. `user`: root is the only user there is in an unprivileged user
/// namespace.
fn nginx_configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"user root root;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 30000;
events {{ worker_connections 16000; }}
http {{
    log_format line '$host $request_method $request_uri $status';
    access_log {folder}/access.log line;
    client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on;
    keepalive_timeout 60;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    server {{
        listen 80 reuseport; listen [::]:80 ipv6only=on reuseport;
        listen 8080 reuseport; listen [::]:8080 ipv6only=on reuseport;
        listen 443 ssl http2 reuseport; listen [::]:443 ssl http2 ipv6only=on reuseport;
        root {folder}/www;
        location = /generate_204 {{ return 204; }}
        location /upload/ {{ dav_methods PUT; }}
        location / {{ try_files $uri @any; }}
        location @any {{ default_type text/plain; return 200 "$scheme $host $request_uri\n"; }}
    }}
}}
"#
    )
}

/// Every name resolves: those nobody listed to a held address, so that a leak shows.
fn dnsmasq_configuration() -> String {
    let mut text = String::from("no-resolv\nno-hosts\nlocal=/example.com/\nlocal-ttl=60\n");
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("address=/#/{}", held_v4(63)));
    line(format!("address=/#/{}", held_v6(63)));
    for (name, v4, v6) in ORDINARY {
        line(format!("host-record={name},{v4},{v6}"));
    }
    for (name, n) in HELD {
        line(format!("host-record={name},{},{}", held_v4(*n), held_v6(*n)));
    }
    for (alias, name) in ALIASES {
        line(format!("cname={alias},{name}"));
    }
    text
}
