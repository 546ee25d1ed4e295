//! IP packets: from a TUN device, and from capture files.

use super::{Dice, messages};
use consentry_engine::packet::build::{self, Fragmenter};
use consentry_engine::packet::{Checksums, Datagram, Demultiplexer, Drop, Segment, is_unicast};
use consentry_inspect::capture::{
    CaptureError, Direction, Endpoints, Flows, Interest, LinkType, Observer, Piece, Reader, Timestamp,
};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Bytes of fragments that wait, at most.
const MOST_WAITING: usize = 1 << 20;
/// Datagrams whose fragments wait, at most.
const MOST_INCOMPLETE: usize = 64;

/// Each packet has its length in front, in two bytes.
pub(super) fn ip_packet(bytes: &[u8]) {
    let mut dice = Dice::of(bytes);
    let mut now = start();
    let mut all = Demultiplexer::new(Checksums::Trust);
    for packet in messages(bytes) {
        now += Duration::from_millis(dice.below(4000) as u64);
        if let Ok(Some(datagram)) = all.take(now, packet) {
            check_datagram(&datagram);
        }
        assert!(all.reassembler().held_bytes() <= MOST_WAITING);
        assert!(all.reassembler().len() <= MOST_INCOMPLETE);
        check_alone(now, packet);
    }
    all.handle_timeout(now + Duration::from_hours(1));
    assert!(all.reassembler().is_empty() && all.reassembler().held_bytes() == 0);
    sent_and_taken(now, bytes, &mut dice);
}

/// A moment that is the same for the whole process: an [`Instant`] cannot be made up.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn check_alone(now: Instant, packet: &[u8]) {
    let (mut trusting, mut verifying) =
        (Demultiplexer::new(Checksums::Trust), Demultiplexer::new(Checksums::Verify));
    let trusted = trusting.take(now, packet);
    if let verified @ Ok(_) = verifying.take(now, packet) {
        assert_eq!(verified, trusted, "what adds up is taken unchecked, too");
    }
    let padded = [packet, &[0xa5; 7]].concat();
    if trusted.is_ok() {
        let mut other = Demultiplexer::new(Checksums::Trust);
        assert_eq!(other.take(now, &padded), trusted, "bytes behind the packet's end are ignored");
    }
    let mut error = Vec::new();
    if let Ok(Some(datagram)) = &trusted
        && build::port_unreachable(datagram.packet, &mut error)
    {
        let mut apps = Demultiplexer::new(Checksums::Verify);
        let answer = match apps.take(now, &error) {
            // Some destinations cannot be a source, so that nobody can answer for them.
            Err(Drop::SourceReserved | Drop::SourceMapped) => return,
            answer => answer.expect("what is written can be read").expect("it is whole"),
        };
        let Segment::IcmpError { about: Some(quoted), .. } = answer.transport else {
            panic!("an error about the packet, not {:?}", answer.transport);
        };
        assert_eq!((quoted.src.ip(), quoted.dst.ip()), (datagram.src, datagram.dst));
    }
}

fn check_datagram(datagram: &Datagram<'_>) {
    assert!(is_unicast(datagram.src));
    assert_eq!(datagram.src.is_ipv4(), datagram.dst.is_ipv4());
    let length = datagram.packet.len();
    match datagram.transport {
        Segment::Tcp { src_port, dst_port, syn, fin, rst, payload, ip, .. } => {
            assert!(src_port != 0 && dst_port != 0 && is_unicast(datagram.dst));
            assert!(!(syn && (fin || rst)));
            assert!(payload.len() < ip.len() && ip.len() <= length);
            assert!(ip.ends_with(payload));
        }
        Segment::Udp { src_port, dst_port, payload } => {
            assert!(src_port != 0 && dst_port != 0);
            assert!(payload.len() < length);
        }
        Segment::Echo { message, .. } => assert!(datagram.packet.ends_with(message)),
        Segment::IcmpError { .. } | Segment::Other(_) => {}
    }
}

/// The bytes as the payload of a datagram that is written, cut into fragments, and read again.
fn sent_and_taken(now: Instant, payload: &[u8], dice: &mut Dice) {
    let ports = (1 + dice.below(0xffff) as u16, 1 + dice.below(0xffff) as u16);
    let ends: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into()),
        (
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into(),
        ),
    ];
    for (src, dst) in ends {
        let (src, dst) = (SocketAddr::new(src, ports.0), SocketAddr::new(dst, ports.1));
        let mut packet = Vec::new();
        if build::udp(src, dst, payload, &mut packet).is_err() {
            assert!(payload.len() > 65_507, "the payload fits");
            continue;
        }
        let mut fragments = Vec::new();
        let mtu = 56 + dice.below(2000);
        let mut fragmenter = Fragmenter::new(dice.below(1 << 20) as u32);
        fragmenter
            .send(&packet, mtu, |fragment| fragments.push(fragment.to_vec()))
            .expect("the MTU has room for a few bytes");
        assert!(fragments.iter().all(|fragment| fragment.len() <= mtu));
        dice.shuffle(&mut fragments);
        let mut demultiplexer = Demultiplexer::new(Checksums::Verify);
        let last = fragments.pop().expect("at least the packet itself");
        for fragment in &fragments {
            assert_eq!(demultiplexer.take(now, fragment), Ok(None), "others are missing");
        }
        let whole = demultiplexer.take(now, &last).expect("a sound packet").expect("nothing is missing");
        assert_eq!((whole.src, whole.dst), (src.ip(), dst.ip()));
        let expected = Segment::Udp { src_port: src.port(), dst_port: dst.port(), payload };
        assert_eq!(whole.transport, expected);
    }
}

pub(super) fn capture_file(bytes: &[u8]) {
    let (frames, end) = read_capture(bytes);
    let (slowly, slow_end) = read_capture(Dribble { bytes, dice: Dice::of(bytes) });
    // gzip, and zstd with and without a frame to be skipped in front.
    let is_compressed = matches!(
        bytes,
        [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..]
    );
    if is_compressed && end.is_some() {
        // How much is undone before a break depends on how much is undone at a time.
        assert!(slowly.starts_with(&frames) || frames.starts_with(&slowly), "in small reads");
        assert!(slow_end.is_some());
    } else {
        assert_eq!((&slowly, slow_end), (&frames, end), "in small reads");
    }
    let length: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
    assert!(is_compressed || length <= bytes.len());
    let heard = hear(&frames);
    // The IP packets of the capture, written as another capture, tell the same.
    let Some((written, raw)) = write_capture(&frames) else { return };
    let (read, _) = read_capture(written.as_slice());
    assert_eq!(read, raw, "written and read again");
    assert_eq!(hear(&read), heard);
}

/// One frame of a capture, with its bytes.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    time: Timestamp,
    link: LinkType,
    bytes: Vec<u8>,
    original_len: u32,
}

/// All frames of a capture, and how it ended.
fn read_capture(input: impl Read) -> (Vec<Kept>, Option<String>) {
    let read_all = |frames: &mut Vec<Kept>| -> Result<(), CaptureError> {
        let mut reader = Reader::new(input)?;
        let mut last = 0;
        loop {
            let frame = match reader.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(error) => {
                    assert!(matches!(reader.next_frame(), Ok(None)), "nothing follows an error");
                    return Err(error);
                }
            };
            assert!(frame.original_len as usize >= frame.bytes.len());
            assert!(frame.offset > last, "records follow one another");
            last = frame.offset;
            let (time, link, original_len) = (frame.time, frame.link, frame.original_len);
            frames.push(Kept { time, link, bytes: frame.bytes.to_vec(), original_len });
        }
    };
    let mut frames = Vec::new();
    let end = read_all(&mut frames).err().map(|error| error.to_string());
    (frames, end)
}

/// Gives few bytes with each read.
struct Dribble<'a> {
    bytes: &'a [u8],
    dice: Dice,
}

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let limit = (1 + self.dice.below(7)).min(into.len());
        self.bytes.read(&mut into[..limit])
    }
}

/// The IP packets of these frames as a pcap file of packets without link-layer headers, with nanoseconds, and the frames that
/// it should hold; `None` if that format cannot tell their times.
fn write_capture(frames: &[Kept]) -> Option<(Vec<u8>, Vec<Kept>)> {
    let mut file = [0xa1b2_3c4d_u32, 0x0002_0004, 0, 0, 262_144, 101].map(u32::to_be_bytes).concat();
    let mut kept = Vec::new();
    for frame in frames {
        let Some(ip) = frame.link.ip_packet(&frame.bytes) else { continue };
        let seconds = u32::try_from(frame.time.0.div_euclid(1_000_000_000)).ok()?;
        let nanoseconds = frame.time.0.rem_euclid(1_000_000_000) as u32;
        let length = ip.len() as u32;
        file.extend([seconds, nanoseconds, length, length].map(u32::to_be_bytes).concat());
        file.extend(ip);
        kept.push(Kept { time: frame.time, link: LinkType::RawIp, bytes: ip.to_vec(), original_len: length });
    }
    Some((file, kept))
}

/// What the flows of a capture said.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    flows: Vec<(Endpoints, Timestamp)>,
    /// By flow, from 1.
    said: Vec<(u64, Direction, Said)>,
    open: usize,
    bytes: usize,
}

#[derive(Debug, PartialEq)]
enum Said {
    Packet(u64),
    Bytes(Vec<u8>),
    Gap(u32),
    Datagram(Vec<u8>, u32),
    Closed,
}

impl Observer for Heard {
    type State = u64;

    fn opened(&mut self, flow: u64, endpoints: &Endpoints, time: Timestamp) -> u64 {
        self.flows.push((*endpoints, time));
        assert_eq!(flow, self.flows.len() as u64, "flows are numbered in order");
        self.open += 1;
        flow
    }

    fn packet(&mut self, flow: &mut u64, direction: Direction, payload: u64, _time: Timestamp) {
        self.said.push((*flow, direction, Said::Packet(payload)));
    }

    fn stream(&mut self, flow: &mut u64, direction: Direction, piece: Piece<'_>) -> Interest {
        let said = match piece {
            Piece::Bytes(bytes) => {
                assert!(!bytes.is_empty());
                self.bytes += bytes.len();
                Said::Bytes(bytes.to_vec())
            }
            Piece::Gap(missing) => {
                assert!(missing > 0);
                Said::Gap(missing)
            }
        };
        self.said.push((*flow, direction, said));
        Interest::More
    }

    fn datagram(&mut self, flow: &mut u64, direction: Direction, bytes: &[u8], missing: u32) {
        self.bytes += bytes.len();
        self.said.push((*flow, direction, Said::Datagram(bytes.to_vec(), missing)));
    }

    fn closed(&mut self, flow: u64) {
        self.open -= 1;
        self.said.push((flow, Direction::Out, Said::Closed));
    }
}

fn hear(frames: &[Kept]) -> Heard {
    let mut flows = Flows::new(Heard::default());
    for frame in frames {
        // The first of several is enough to compare by.
        if let Some(ip) = frame.link.ip_packet(&frame.bytes) {
            flows.packet(frame.time, ip);
        }
        assert!(frame.link.ip_packets(&frame.bytes).count() <= frame.bytes.len() / 14 + 1);
    }
    let heard = flows.finish();
    assert_eq!(heard.open, 0, "every flow that was opened is closed");
    assert!(heard.bytes <= frames.iter().map(|frame| frame.bytes.len()).sum(), "nothing is said twice");
    heard
}
