//! How much of what real clients say is recognised, and how much of what is recognised they said: recall and precision by
//! protocol, on captures made here. Clients that are not installed are left out. `--nocapture` prints the table of
//! docs/inspection.md.

use consentry_tests::lab::firewall::program;
use consentry_tests::lab::{Namespace, quic};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What each client asks for: some hosts of the catalogue, some that are nobody's business.
const HELD: [&str; 5] = [
    "api.ad.xiaomi.com",
    "metok.sys.miui.com",
    "data.mistat.xiaomi.com",
    "app-measurement.com",
    "mtalk.google.com",
];
const OTHERS: [&str; 5] =
    ["www.example.org", "mail.example.net", "a.b.c.example.com", "xn--bcher-kva.example", "host-1.example"];
/// A browser takes seconds to start: so many of each kind are enough for it.
const HOSTS_OF_A_BROWSER: usize = 2;
/// How long a scripted server waits for more.
const PATIENCE: Duration = Duration::from_millis(300);

/// One kind of client: how it is started, where it goes, and what its records are to say.
struct Client {
    name: &'static str,
    program: &'static str,
    port: u16,
    protocols: &'static [&'static str],
    /// Says something about this host and ends.
    run: fn(&Place, &str, u16),
}

/// Where clients and servers are.
struct Place {
    namespace: Namespace,
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let namespace = Namespace::create(&format!("cst{}-seen", std::process::id())).expect("a namespace");
        let place = Self { namespace, folder: TempDir::new().expect("a folder") };
        // A certificate of our own: nobody gets so far as to check it.
        let subject = ["-subj", "/CN=a.example", "-keyout", "key.pem", "-out", "cert.pem"];
        let words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        place.run("openssl", &[&words[..], &subject].concat());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.namespace.command(program);
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command
    }

    /// Runs a client to its end; most fail, since no server answers them in full.
    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program, arguments).output().expect("the program was there a moment ago")
    }

    fn spawn(&self, program: &str, arguments: &[&str]) -> Child {
        let mut command = self.command(program, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program was there")
    }

    fn openssl(&self, arguments: &[&str]) {
        self.run("timeout", &[&["5", "openssl", "s_client"], arguments].concat());
    }

    fn curl(&self, host: &str, port: u16, arguments: &[&str]) {
        let resolve = format!("{host}:{port}:127.0.0.1");
        self.run("curl", &[&["-sk", "--max-time", "2", "--resolve", &resolve], arguments].concat());
    }

    fn chromium(&self, arguments: &[&str]) {
        let profile = format!("--user-data-dir={}", self.path("profile").display());
        let words = ["30", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"];
        let rules = [
            "--host-resolver-rules=MAP * 127.0.0.1",
            "--ignore-certificate-errors",
            "--timeout=1500",
            &profile,
        ];
        self.run("timeout", &[&words[..], &rules, arguments].concat());
    }
}

impl Client {
    /// Hosts that it asks for, and whether each is held back.
    fn hosts(&self) -> Vec<(&'static str, bool)> {
        let most = if self.program == "chromium" { HOSTS_OF_A_BROWSER } else { HELD.len() };
        let held = HELD.into_iter().take(most).map(|host| (host, true));
        held.chain(OTHERS.into_iter().take(most).map(|host| (host, false))).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", self.namespace.name()]).output();
    }
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Every client. Each has a port of its own, by which its records are known.
fn clients() -> Vec<Client> {
    let client = |name, program, port, protocols, run| Client { name, program, port, protocols, run };
    vec![
        client("curl, HTTP/1.1", "curl", 8080, &["http"], |place, host, port| {
            place.curl(host, port, &[&format!("http://{host}:{port}/a?b=c")]);
        }),
        client("curl, HTTP/2 without TLS", "curl", 8081, &["http2"], |place, host, port| {
            place.curl(host, port, &["--http2-prior-knowledge", &format!("http://{host}:{port}/")]);
        }),
        client("curl, HTTP/2 by upgrade", "curl", 8082, &["http"], |place, host, port| {
            place.curl(host, port, &["--http2", &format!("http://{host}:{port}/")]);
        }),
        client("curl, TLS", "curl", 8443, &["tls"], |place, host, port| {
            place.curl(host, port, &[&format!("https://{host}:{port}/")]);
        }),
        client("curl, TLS through a CONNECT proxy", "curl", 3128, &["http", "tls"], |place, host, port| {
            place.curl(
                host,
                port,
                &["-x", &format!("http://{}", address(port)), &format!("https://{host}/")],
            );
        }),
        client("curl, TLS through SOCKS 5", "curl", 1080, &["socks", "tls"], |place, host, port| {
            place.curl(host, port, &["--socks5-hostname", &address(port), &format!("https://{host}/")]);
        }),
        client("openssl, TLS 1.2", "openssl", 8444, &["tls"], |place, host, port| {
            place.openssl(&["-tls1_2", "-servername", host, "-connect", &address(port)]);
        }),
        client("openssl, TLS 1.3", "openssl", 8445, &["tls"], |place, host, port| {
            place.openssl(&["-tls1_3", "-servername", host, "-connect", &address(port)]);
        }),
        client("openssl, SMTP with STARTTLS", "openssl", 2525, &["smtp"], |place, host, port| {
            place.openssl(&["-starttls", "smtp", "-servername", host, "-connect", &address(port)]);
        }),
        client("openssl, IMAP with STARTTLS", "openssl", 1143, &["imap"], |place, host, port| {
            place.openssl(&["-starttls", "imap", "-servername", host, "-connect", &address(port)]);
        }),
        client("openssl, POP3 with STLS", "openssl", 1110, &["pop3"], |place, host, port| {
            place.openssl(&["-starttls", "pop3", "-servername", host, "-connect", &address(port)]);
        }),
        client("openssl, XMPP with STARTTLS", "openssl", 5269, &["xmpp", "tls"], |place, host, port| {
            let connect = address(port);
            place.openssl(&[
                "-starttls",
                "xmpp",
                "-xmpphost",
                host,
                "-servername",
                host,
                "-connect",
                &connect,
            ]);
        }),
        client("openssl, DTLS 1.2 with a cookie", "openssl", 4433, &["dtls"], |place, host, port| {
            place.run(
                "timeout",
                &["1", "openssl", "s_client", "-dtls", "-servername", host, "-connect", &address(port)],
            );
        }),
        client("quinn, QUIC", "true", 4434, &["quic"], |place, host, port| {
            let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let certificate = place.path("cert.pem");
            let _ = quic::exchange(&place.namespace, &certificate, server, host, b"x", PATIENCE);
        }),
        client("dig, DNS over UDP", "dig", 53, &["dns"], |place, host, _| {
            place.run("dig", &["@127.0.0.1", "+tries=1", "+time=1", host]);
        }),
        client("mosquitto_pub, MQTT with TLS", "mosquitto_pub", 8883, &["tls"], |place, host, port| {
            let port = port.to_string();
            let words = ["2", "mosquitto_pub", "-h", host, "-p", &port, "-t", "t", "-m", "m", "--insecure"];
            place.run("timeout", &[&words[..], &["--cafile", "cert.pem"]].concat());
        }),
        client("Chromium, TLS", "chromium", 8446, &["tls"], |place, host, port| {
            place.chromium(&[&format!("https://{host}:{port}/")]);
        }),
        client("Chromium, QUIC", "chromium", 8447, &["quic"], |place, host, port| {
            let force = format!("--origin-to-force-quic-on={host}:{port}");
            place.chromium(&["--enable-quic", &force, &format!("https://{host}:{port}/")]);
        }),
    ]
}

/// Servers that say just enough for the client to go on.
fn serve(place: &Place) {
    for port in [8080, 8081, 8082, 8443, 3128, 1080, 8444, 8445, 2525, 1143, 1110, 5269, 8883, 8446] {
        let listener = place.namespace.enter(move || TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
        let listener = listener.expect("the namespace").expect("the port is free");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream, port));
            }
        });
    }
    for port in [4434, 8447, 53] {
        let socket = place.namespace.enter(move || UdpSocket::bind((Ipv4Addr::LOCALHOST, port)));
        let socket = socket.expect("the namespace").expect("the port is free");
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if port == 53 {
                    // The question itself, marked as an answer without records.
                    buffer[2] |= 0x80;
                    buffer[10..12].fill(0);
                    let _ = socket.send_to(&buffer[..length], from);
                }
            }
        });
    }
}

/// Greets, and answers each thing the client says with the next line of the script; then waits for what follows.
fn answer(mut stream: TcpStream, port: u16) {
    let (greeting, script): (&[u8], &[&[u8]]) = match port {
        2525 => (b"220 ready\r\n", &[b"250-a.example\r\n250 STARTTLS\r\n", b"220 go on\r\n"]),
        1143 => (b"* OK ready\r\n", &[b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK\r\n", b". OK go on\r\n"]),
        1110 => (b"+OK ready\r\n", &[b"+OK go on\r\n"]),
        5269 => (b"", &[
            b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
            b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ]),
        3128 => (b"", &[b"HTTP/1.1 200 OK\r\n\r\n"]),
        1080 => (b"", &[b"\x05\x00", b"\x05\x00\x00\x01\0\0\0\0\0\0"]),
        _ => (b"", &[]),
    };
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.write_all(greeting);
    let mut buffer = [0; 8192];
    for line in script {
        if !matches!(stream.read(&mut buffer), Ok(1..)) || stream.write_all(line).is_err() {
            return;
        }
    }
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
    let _ = stream.shutdown(Shutdown::Both);
}

fn is_installed(program: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("PATH=$PATH:/usr/sbin:/sbin; command -v {program}")])
        .output();
    found.is_ok_and(|found| found.status.success())
}

/// Waits until the capture file has grown to something, and then until it grows no more.
fn settled(capture: &Path) {
    let size = || std::fs::metadata(capture).map_or(0, |file| file.len());
    let start = Instant::now();
    let mut last = (size(), Instant::now());
    while start.elapsed() < Duration::from_secs(10) && (last.0 == 0 || last.1.elapsed() < PATIENCE) {
        thread::yield_now();
        if size() != last.0 {
            last = (size(), Instant::now());
        }
    }
}

fn records(capture: &Path) -> Vec<Value> {
    let said = Command::new(program().expect("the program"))
        .arg("inspect")
        .arg(capture)
        .args(["--format", "jsonl"])
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
}

#[test]
fn what_real_clients_say_is_recognised() {
    if !["ip", "nsenter", "tcpdump", "openssl"].into_iter().all(is_installed) {
        return;
    }
    let mut place = Place::new();
    serve(&place);
    let file = place.path("seen.pcap");
    let capture = file.display().to_string();
    let mut tcpdump = place.spawn("tcpdump", &["-i", "lo", "-w", &capture, "-U", "-Z", "root"]);
    let mut dtls = place.spawn(
        "openssl",
        &[
            "s_server", "-dtls", "-listen", "-accept", "4433", "-cert", "cert.pem", "-key", "key.pem",
            "-quiet",
        ],
    );
    let hosts_file = place.path("hosts");
    let lines: String = HELD.iter().chain(&OTHERS).flat_map(|host| ["127.0.0.1 ", host, "\n"]).collect();
    std::fs::write(&hosts_file, lines).expect("written");
    // For the clients that cannot be told otherwise where a host is.
    place.namespace.overlay(hosts_file, "/etc/hosts");
    settled(&file);
    let clients: Vec<Client> = clients().into_iter().filter(|client| is_installed(client.program)).collect();
    for client in &clients {
        for (host, _) in client.hosts() {
            (client.run)(&place, host, client.port);
        }
    }
    settled(&file);
    let _ = (tcpdump.kill(), tcpdump.wait(), dtls.kill(), dtls.wait());

    let records = records(&file);
    println!(
        "| client | said | recognised | recall | precision | verdicts right |\n|---|---|---|---|---|---|"
    );
    let mut faults = Vec::new();
    for client in &clients {
        let of_client = |record: &&Value| {
            record["dst"].as_str().is_some_and(|end| end.ends_with(&format!(":{}", client.port)))
        };
        // What each record says: protocol, host, and whether it is held back.
        let found: BTreeSet<(String, String, bool)> = records
            .iter()
            .filter(of_client)
            .filter_map(|record| {
                let text = |field: &str| record[field].as_str().map(str::to_owned);
                Some((text("protocol")?, text("host")?, record["verdict"] == "deny"))
            })
            .collect();
        let mut said = BTreeSet::new();
        for protocol in client.protocols {
            let hosts = client.hosts().into_iter();
            said.extend(hosts.map(|(host, held)| ((*protocol).to_owned(), host.to_owned(), held)));
        }
        let names = |set: &BTreeSet<(String, String, bool)>| -> BTreeSet<(String, String)> {
            set.iter().map(|(protocol, host, _)| (protocol.clone(), host.clone())).collect()
        };
        let (said_names, found_names) = (names(&said), names(&found));
        let hits = said_names.intersection(&found_names).count();
        let right = said.intersection(&found).count();
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        println!(
            "| {} | {} | {hits} | {:.0} % | {:.0} % | {right} |",
            client.name,
            said.len(),
            percent(hits, said.len()),
            percent(hits, found_names.len()),
        );
        if right != said.len() || found_names.len() != hits {
            faults.push(format!(
                "{}: missed {:?}, made up {:?}",
                client.name,
                said.difference(&found).collect::<Vec<_>>(),
                found_names.difference(&said_names).collect::<Vec<_>>()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
