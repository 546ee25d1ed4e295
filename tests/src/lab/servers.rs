//! Small servers of our own, for what nginx and dnsmasq do not speak. Each runs in threads of the test process; only its
//! sockets live in the internet's namespace.
use super::{
    error::{LabError, Result},
    internet::Bytes,
    namespace::Namespace,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

/// TCP: sends everything back. Not a port of the catalogue, so the firewall holds the SYN there.
pub const ECHO_PORT: u16 = 7000;
/// TCP: greets before the client says a word, as SMTP does.
pub const GREETING_PORT: u16 = 2525;
/// TCP: sends [`Bytes`] of seed [`SOURCE_SEED`] until the client goes or 256 MiB are sent.
pub const SOURCE_PORT: u16 = 7001;
/// TCP: keeps every connection, echoes 16 bytes at a time in the order of arrival.
pub const KEEPING_PORT: u16 = 7002;
/// UDP: sends every datagram back.
pub const UDP_ECHO_PORT: u16 = 7007;
/// No server listens here.
pub const CLOSED_PORT: u16 = 7999;
/// The seed of what [`SOURCE_PORT`] sends.
pub const SOURCE_SEED: u64 = 2014;
/// What [`GREETING_PORT`] says first.
pub const GREETING: &str = "220 mail.example.com ESMTP ready\r\n";

/// How long the source waits for room before it says that it stalled.
const STALLED_AFTER: Duration = Duration::from_millis(700);

/// The servers; dropping them closes their sockets.
#[derive(Debug)]
pub struct Servers {
    stop: Arc<AtomicBool>,
    listeners: Vec<TcpListener>,
    threads: Vec<JoinHandle<()>>,
    stalls: Mutex<mpsc::Receiver<u64>>,
}

impl Servers {
    /// Starts all of them; `push` are the addresses where Mi Push answers on 443 and 5222 (echo), `web` where the UDP
    /// servers are.
    pub(super) fn start(namespace: &Namespace, push: &[IpAddr], web: &[IpAddr]) -> Result<Self> {
        let (stalled, stalls) = mpsc::channel();
        let mut servers = Self {
            stop: Arc::default(),
            listeners: Vec::new(),
            threads: Vec::new(),
            stalls: Mutex::new(stalls),
        };
        let any = IpAddr::from(Ipv6Addr::UNSPECIFIED);
        for address in push {
            servers.listen(namespace, (*address, 443).into(), echo)?;
            servers.listen(namespace, (*address, 5222).into(), echo)?;
        }
        servers.listen(namespace, (any, ECHO_PORT).into(), echo)?;
        servers.listen(namespace, (any, GREETING_PORT).into(), greet)?;
        servers.listen(namespace, (any, SOURCE_PORT).into(), move |stream| pour(stream, &stalled))?;
        servers.keep_all(namespace, (any, KEEPING_PORT).into())?;
        for address in web {
            servers.answer_udp(namespace, (*address, UDP_ECHO_PORT).into(), <[u8]>::to_vec)?;
        }
        for (name, v4, v6) in super::addresses::ORDINARY {
            if *name == "pool.ntp.org" {
                servers.answer_udp(namespace, (*v4, 123).into(), time_answer)?;
                servers.answer_udp(namespace, (*v6, 123).into(), time_answer)?;
            }
        }
        Ok(servers)
    }

    /// Waits until the source of [`SOURCE_PORT`] has found no room for a while; returns how many bytes it had sent.
    pub fn source_stalled(&self, within: Duration) -> Result<u64> {
        let stalls = self.stalls.lock().expect("no thread panics while it holds this lock");
        let timed_out = |_| LabError::TimedOut {
            what: "the sender being held up by a slow reader".into(),
            within,
            detail: String::new(),
        };
        stalls.recv_timeout(within).map_err(timed_out)
    }

    fn listen(
        &mut self,
        namespace: &Namespace,
        address: SocketAddr,
        serve: impl Fn(TcpStream) + Clone + Send + 'static,
    ) -> Result<()> {
        let listener = self.listener(namespace, address)?;
        self.threads.push(std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        }));
        Ok(())
    }

    /// One thread for any number of connections: in the order they came, each is sent back 16 bytes, round after round.
    fn keep_all(&mut self, namespace: &Namespace, address: SocketAddr) -> Result<()> {
        let listener = self.listener(namespace, address)?;
        self.threads.push(std::thread::spawn(move || {
            let mut kept = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut block = [0; 16];
                // An all-zero block closes the round: everything kept so far is echoed once more.
                if stream.read_exact(&mut block).is_err() {
                    continue;
                }
                if block == [0; 16] {
                    kept.retain_mut(|stream: &mut TcpStream| {
                        stream.read_exact(&mut block).and_then(|()| stream.write_all(&block)).is_ok()
                    });
                    // The client reads the count as the sign that the round is over.
                    let _ = stream.write_all(&(kept.len() as u64).to_be_bytes());
                } else if stream.write_all(&block).is_ok() {
                    kept.push(stream);
                }
            }
        }));
        Ok(())
    }

    fn answer_udp(
        &mut self,
        namespace: &Namespace,
        address: SocketAddr,
        answer: fn(&[u8]) -> Vec<u8>,
    ) -> Result<()> {
        let what = format!("listening on UDP {address}");
        let socket = namespace.enter(|| UdpSocket::bind(address))?.map_err(LabError::io(what.clone()))?;
        socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(LabError::io(what))?;
        let stop = Arc::clone(&self.stop);
        self.threads.push(std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((len, from)) = socket.recv_from(&mut buffer) {
                    // A client that has gone is no concern of an echo server.
                    let _ = socket.send_to(&answer(&buffer[..len]), from);
                }
            }
        }));
        Ok(())
    }

    fn listener(&mut self, namespace: &Namespace, address: SocketAddr) -> Result<TcpListener> {
        let listener = namespace
            .enter(|| {
                let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
                socket.set_reuse_address(true)?;
                socket.set_reuse_port(true)?;
                if address.is_ipv6() {
                    socket.set_only_v6(!address.ip().is_unspecified())?;
                }
                socket.bind(&address.into())?;
                socket.listen(8192)?;
                Ok(TcpListener::from(socket))
            })?
            .map_err(LabError::io(format!("listening on TCP {address}")))?;
        self.listeners.push(listener.try_clone().map_err(LabError::io("keeping a listener"))?);
        Ok(listener)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for listener in &self.listeners {
            // Wakes the thread that waits in accept(); one that already ended needs no waking.
            let _ = SockRef::from(listener).shutdown(std::net::Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            // A server thread that panicked has already said so on stderr.
            let _ = thread.join();
        }
    }
}

fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len) = stream.read(&mut buffer) {
        if len == 0 || stream.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
}

fn greet(mut stream: TcpStream) {
    if stream.write_all(GREETING.as_bytes()).is_ok() {
        echo(stream);
    }
}

fn pour(mut stream: TcpStream, stalled: &mpsc::Sender<u64>) {
    let mut bytes = Bytes::new(SOURCE_SEED);
    let mut sent = 0u64;
    if stream.set_write_timeout(Some(STALLED_AFTER)).is_err() {
        return;
    }
    while sent < 256 << 20 {
        let block = bytes.take(64 * 1024);
        let mut rest = &block[..];
        while !rest.is_empty() {
            match stream.write(rest) {
                Ok(len) => {
                    sent += len as u64;
                    rest = &rest[len..];
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    // Nobody listens once the test that wanted to know is over.
                    let _ = stalled.send(sent);
                }
                Err(_) => return,
            }
        }
    }
}

/// The least an SNTP client accepts (RFC 4330): mode 4, stratum 1, the client's transmit time as origin.
fn time_answer(question: &[u8]) -> Vec<u8> {
    let mut answer = vec![0; 48];
    answer[0] = 0x24;
    answer[1] = 1;
    if let Some(sent) = question.get(40..48) {
        answer[24..32].copy_from_slice(sent);
        answer[40..48].copy_from_slice(sent);
    }
    answer
}
