//! Servers that iperf3 and nginx are not: echoes, and a DNS server that knows every name.
use crate::course::SERVER;
use consentry_tests::lab::{LabError, Namespace, Result};
use std::{
    io::{Read, Write},
    net::{SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// UDP: sends every datagram back.
pub(crate) const ECHO: SocketAddrV4 = SocketAddrV4::new(SERVER, 7007);
/// UDP: answers every question with an address.
pub(crate) const NAMES: SocketAddrV4 = SocketAddrV4::new(SERVER, 53);
/// TCP: sends [`GREETING_LENGTH`] bytes back, once, and keeps the connection.
pub(crate) const KEEPER: SocketAddrV4 = SocketAddrV4::new(SERVER, 7002);
/// What a connection says and hears before it falls idle, in bytes.
pub(crate) const GREETING_LENGTH: usize = 16;

/// How often a server looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(200);

/// Threads of this process, whose sockets live in the server's namespace.
#[derive(Debug)]
pub(crate) struct Servers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Servers {
    pub(crate) fn start(server: &Namespace) -> Result<Self> {
        let mut servers = Self { stop: Arc::default(), threads: Vec::new() };
        servers.answer(server, ECHO, |_| true)?;
        servers.answer(server, NAMES, make_dns_answer)?;
        servers.keep(server)?;
        Ok(servers)
    }

    /// Ends all threads.
    pub(crate) fn stop(&mut self, server: &Namespace) {
        self.stop.store(true, Ordering::Relaxed);
        // The keeper waits for a connection: give it one. A failure means that it has ended already.
        let _ = server.enter(|| TcpStream::connect(KEEPER));
        for thread in self.threads.drain(..) {
            // A server that panicked has said so.
            let _ = thread.join();
        }
    }

    /// Answers datagrams with what `make` turns them into; those it says no to get no answer.
    fn answer(
        &mut self,
        server: &Namespace,
        address: SocketAddrV4,
        make: fn(&mut Vec<u8>) -> bool,
    ) -> Result<()> {
        let what = || LabError::io(format!("listening on UDP {address}"));
        let socket = server.enter(|| UdpSocket::bind(address))?.map_err(what())?;
        socket.set_read_timeout(Some(LOOK)).map_err(what())?;
        socket2::SockRef::from(&socket).set_recv_buffer_size(4 << 20).map_err(what())?;
        let stop = Arc::clone(&self.stop);
        self.threads.push(std::thread::spawn(move || {
            let mut message = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                message.resize(2048, 0);
                if let Ok((length, client)) = socket.recv_from(&mut message) {
                    message.truncate(length);
                    if make(&mut message) {
                        // A full queue loses it, as a network would.
                        let _ = socket.send_to(&message, client);
                    }
                }
            }
        }));
        Ok(())
    }

    fn keep(&mut self, server: &Namespace) -> Result<()> {
        let what = || LabError::io(format!("listening on TCP {KEEPER}"));
        let listener = server.enter(|| TcpListener::bind(KEEPER))?.map_err(what())?;
        let stop = Arc::clone(&self.stop);
        self.threads.push(std::thread::spawn(move || {
            let mut kept: Vec<TcpStream> = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // Those of the measurement before have ended.
                if kept.len() % 1_000 == 999 {
                    kept.retain(is_open);
                }
                let mut greeting = [0; GREETING_LENGTH];
                let heard = stream.set_read_timeout(Some(Duration::from_secs(2)));
                if heard.and_then(|()| stream.read_exact(&mut greeting)).is_ok()
                    && stream.write_all(&greeting).is_ok()
                {
                    kept.push(stream);
                }
            }
        }));
        Ok(())
    }
}

fn is_open(stream: &TcpStream) -> bool {
    let mut byte = [0];
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut byte));
    // Idle connections have nothing to read; ended ones have their end to read.
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Turns a question into an answer with the address 192.0.2.1 (RFC 1035 §4.1).
fn make_dns_answer(message: &mut Vec<u8>) -> bool {
    if message.len() < 12 {
        return false;
    }
    // Only the question stays: what follows it (EDNS) is not answered.
    let Some(root) = message[12..].iter().position(|byte| *byte == 0) else {
        return false;
    };
    let end = 12 + root + 5;
    if message.len() < end {
        return false;
    }
    message.truncate(end);
    message[2] |= 0x80;
    message[3] = 0x80;
    message[4..12].copy_from_slice(&[0, 1, 0, 1, 0, 0, 0, 0]);
    // The question's name, type A, class IN, 60 seconds, four bytes of address.
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    true
}
