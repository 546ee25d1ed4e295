//! The witness: tcpdump on the outward link, and what it saw.
use super::{
    addresses::INTERNET_V4,
    error::{LabError, Result},
    namespace::Namespace,
};
use std::{
    io::{BufRead, BufReader, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// A running capture. It sees every packet between [`Capture::start`] and [`Capture::finish`], none is missed at either
/// end: the start waits for tcpdump to say that it listens, the end for a marker packet to come out.
#[derive(Debug)]
pub struct Capture {
    tcpdump: Child,
    packets: mpsc::Receiver<Packet>,
    gateway: Namespace,
    seen: Vec<Packet>,
    markers: u64,
}

/// One captured packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// The IP protocol number (of the first header after IPv6's own).
    pub protocol: u8,
    /// Everything after the IP header.
    pub payload: Vec<u8>,
}

/// Does tcpdump's work where tcpdump will not: a classic pcap file on standard output.
const STAND_IN: &str = "
import socket, struct, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
link.bind((sys.argv[1], 3))
out = sys.stdout.buffer
ethernet = link.getsockname()[3] == 1
out.write(struct.pack('=IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1 if ethernet else 101))
print('listening on', sys.argv[1], file=sys.stderr, flush=True)
while True:
    frame = link.recv(262144)
    out.write(struct.pack('=IIII', 0, 0, len(frame), len(frame)) + frame)
    out.flush()
";

/// The discard port (RFC 863): nobody else sends there.
const MARKER_PORT: u16 = 9;

impl Capture {
    /// Starts watching `device` in `gateway`.
    pub(super) fn start(gateway: &Namespace, device: &str) -> Result<Self> {
        let mut tcpdump = gateway.command("tcpdump");
        tcpdump.args(["-i", device, "-w", "-", "-U", "--immediate-mode", "-B", "16384", "-Z", "root"]);
        tcpdump.arg("ip or ip6");
        match Self::listen(gateway, tcpdump) {
            // As root tcpdump insists on changing its groups, which an unprivileged user namespace does not allow.
            Err(LabError::Unexpected(said)) if said.contains("Couldn't change") => {
                let mut python = gateway.command("python3");
                python.args(["-c", STAND_IN, device]);
                Self::listen(gateway, python)
            }
            other => other,
        }
    }

    fn listen(gateway: &Namespace, mut command: Command) -> Result<Self> {
        let mut tcpdump = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(LabError::io("starting a capture"))?;
        let stderr = tcpdump.stderr.take().expect("stderr is piped");
        let stdout = tcpdump.stdout.take().expect("stdout is piped");
        let mut stderr = BufReader::new(stderr);
        let mut said = String::new();
        while !said.contains("listening on") {
            if stderr.read_line(&mut said).map_err(LabError::io("reading from tcpdump"))? == 0 {
                // It has closed its output, so it is ending.
                let _ = tcpdump.wait();
                return Err(LabError::Unexpected(format!("the capture did not start: {}", said.trim())));
            }
        }
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let (sender, packets) = mpsc::channel();
        std::thread::spawn(move || read_pcap(BufReader::new(stdout), &sender));
        Ok(Self { tcpdump, packets, gateway: gateway.clone(), seen: Vec::new(), markers: 0 })
    }

    /// What passed since the last call (or the start): every packet sent before this call is in it.
    pub fn so_far(&mut self) -> Result<Vec<Packet>> {
        self.markers += 1;
        let marker = format!("consentry lab marker {}", self.markers).into_bytes();
        let text = marker.clone();
        self.gateway
            .enter(move || UdpSocket::bind(("0.0.0.0", 0))?.send_to(&text, (INTERNET_V4, MARKER_PORT)))?
            .map_err(LabError::io("sending a marker"))?;
        let within = Duration::from_secs(20);
        let mut passed = Vec::new();
        loop {
            let packet = self.packets.recv_timeout(within).map_err(|_| LabError::TimedOut {
                what: "the capture's marker packet".into(),
                within,
                detail: String::new(),
            })?;
            if packet.udp_payload_to(MARKER_PORT) == Some(&marker[..]) {
                self.seen.extend_from_slice(&passed);
                return Ok(passed);
            }
            passed.push(packet);
        }
    }

    /// Stops, and returns all packets since the start.
    pub fn finish(mut self) -> Result<Vec<Packet>> {
        self.so_far()?;
        Ok(std::mem::take(&mut self.seen))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Already gone is as good as stopped.
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

impl Packet {
    /// Whether either end is `address`.
    pub fn touches(&self, is: impl Fn(IpAddr) -> bool) -> bool {
        is(self.source) || is(self.destination)
    }

    /// Whether it speaks of `name` anywhere: as text (SNI, Host) or as DNS labels, in any case of letters.
    pub fn mentions(&self, name: &str) -> bool {
        let contains = |needle: &[u8]| {
            self.payload.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
        };
        let mut labels = Vec::new();
        for label in name.split('.') {
            labels.push(label.len() as u8);
            labels.extend_from_slice(label.as_bytes());
        }
        contains(name.as_bytes()) || contains(&labels)
    }

    /// One line for a person: who spoke to whom, and the beginning of what.
    pub fn line(&self) -> String {
        let kind = match self.protocol {
            1 => "ICMP",
            6 => "TCP",
            17 => "UDP",
            58 => "ICMPv6",
            _ => "IP",
        };
        let ports = match (self.protocol, self.payload.get(..4)) {
            (6 | 17, Some(ports)) => {
                format!(
                    "{} -> {}",
                    u16::from_be_bytes([ports[0], ports[1]]),
                    u16::from_be_bytes([ports[2], ports[3]])
                )
            }
            _ => String::new(),
        };
        let text: String = self.payload.iter().skip(8).take(60).map(|byte| printable(*byte)).collect();
        format!("{kind} {} -> {} {ports} {text}", self.source, self.destination)
    }

    fn udp_payload_to(&self, port: u16) -> Option<&[u8]> {
        let to = self.payload.get(2..4)?;
        (self.protocol == 17 && to == port.to_be_bytes()).then(|| self.payload.get(8..)).flatten()
    }

    /// From an Ethernet frame or a bare IP packet; `None` for anything else.
    fn from_frame(frame: &[u8], link_type: u32) -> Option<Self> {
        let ip = match link_type {
            1 => frame.get(14..)?,
            // DLT_RAW, as a TUN device gives it.
            12 | 101 => frame,
            _ => return None,
        };
        match ip.first()? >> 4 {
            4 => {
                let header = usize::from(ip[0] & 0xf) * 4;
                let total = usize::from(u16::from_be_bytes(ip.get(2..4)?.try_into().ok()?));
                let address =
                    |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
                Some(Self {
                    source: address(12)?.into(),
                    destination: address(16)?.into(),
                    protocol: *ip.get(9)?,
                    // A zero length stands for a segment that the kernel leaves to the hardware to cut.
                    payload: ip
                        .get(header..if total == 0 { ip.len() } else { total.min(ip.len()) })?
                        .to_vec(),
                })
            }
            6 => {
                let address =
                    |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
                Some(Self {
                    source: address(8)?.into(),
                    destination: address(24)?.into(),
                    protocol: *ip.get(6)?,
                    payload: ip.get(40..)?.to_vec(),
                })
            }
            _ => None,
        }
    }
}

fn printable(byte: u8) -> char {
    if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' }
}

/// Reads the classic pcap format until tcpdump ends.
fn read_pcap(mut from: BufReader<ChildStdout>, to: &mpsc::Sender<Packet>) {
    let mut header = [0; 24];
    if from.read_exact(&mut header).is_err() {
        return;
    }
    let word = |bytes: &[u8]| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let link_type = word(&header[20..]);
    let mut record = [0; 16];
    while from.read_exact(&mut record).is_ok() {
        let mut frame = vec![0; word(&record[8..]) as usize];
        if from.read_exact(&mut frame).is_err() {
            return;
        }
        let Some(packet) = Packet::from_frame(&frame, link_type) else { continue };
        if to.send(packet).is_err() {
            return;
        }
    }
}
