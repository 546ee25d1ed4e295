//! Whatever comes in: no panic, no lost consent, no open door.
#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in any of its functions too")]

use consentry_tests::lab::{
    Between, Lab,
    addresses::{MI_PUSH, WEB_V4},
    capture::Packet,
    firewall::{DEVICE, command_on, run_command},
    internet::Bytes,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::Write,
    net::IpAddr,
    path::Path,
    process::{Output, Stdio},
};

/// Puts packets on the phone's device exactly as they are: length, then bytes, from standard input.
const INJECTOR: &str = "
import socket, struct, sys
device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
device.bind((sys.argv[1], 0x0800))
source = sys.stdin.buffer
while len(head := source.read(2)) == 2:
    packet = source.read(struct.unpack('>H', head)[0])
    try:
        device.send(packet)
    except OSError:
        pass
";

#[test]
fn no_packet_brings_the_engine_down_or_gets_through() {
    let mut lab = Lab::new(Between::Consentry).unwrap();
    let mut capture = lab.capture().unwrap();
    let mut dice = Bytes::new(1981);
    let mut packets = Vec::new();
    for _ in 0..20_000 {
        packets.push(mangled(&mut dice));
    }
    inject(&lab, &packets);
    let said = lab.curl(&["http://www.example.com/"]).unwrap();
    assert!(said.ok(), "after 20,000 bad packets: {}; {}", said.err, lab.firewall().log_text());
    let literal = IpAddr::from(MI_PUSH);
    let seen: Vec<String> = capture
        .so_far()
        .unwrap()
        .iter()
        .filter(|packet| packet.touches(|address| address == literal))
        .map(Packet::line)
        .collect();
    assert_eq!(seen, Vec::<String>::new());
    lab.restart_firewall().unwrap();
}

/// A packet that is nearly right: random bytes, or a sound IPv4, IPv6, TCP, UDP, DNS or QUIC packet with some bytes changed
/// and the end cut off. All go to a literal of the catalogue, so that none may leave.
fn mangled(dice: &mut Bytes) -> Vec<u8> {
    let kind = dice.next_u64() % 6;
    let mut packet = match kind {
        0 => {
            let len = (dice.next_u64() % 1500) as usize;
            return dice.take(len);
        }
        1 => ipv4(17, &udp(53, b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x07account\x06xiaomi\x03com\x00\x00\x01\x00\x01")),
        2 => ipv4(6, &tcp(0x02)),
        3 => ipv4(6, &tcp((dice.next_u64() & 0x3f) as u8)),
        4 => ipv4(17, &udp(443, &[&[0xc0, 0, 0, 0, 1, 8], &dice.take(1180)[..]].concat())),
        _ => ipv4(1, &dice.take(64)),
    };
    for _ in 0..dice.next_u64() % 4 {
        let at = (dice.next_u64() as usize) % packet.len();
        // Addresses stay: what the capture is searched for must not become something else by chance.
        if !(12..20).contains(&at) {
            packet[at] = dice.next_u64() as u8;
        }
    }
    let len = 1 + (dice.next_u64() as usize) % packet.len();
    if dice.next_u64().is_multiple_of(3) {
        packet.truncate(len);
    }
    packet
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut packet = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 111, 0, 2];
    packet.extend(MI_PUSH.octets());
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    let sum = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    let folded = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&folded.to_be_bytes());
    packet.extend_from_slice(payload);
    packet
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0x30, 0x39];
    datagram.extend(port.to_be_bytes());
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend_from_slice(payload);
    datagram
}

fn tcp(flags: u8) -> Vec<u8> {
    vec![0x30, 0x39, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]
}

fn inject(lab: &Lab, packets: &[Vec<u8>]) {
    let mut python = lab
        .phone
        .command("python3")
        .args(["-c", INJECTOR, DEVICE])
        .stdin(Stdio::piped())
        .spawn()
        .expect("xtask installs python3");
    let mut stdin = python.stdin.take().expect("stdin is piped");
    for packet in packets {
        stdin.write_all(&(packet.len() as u16).to_be_bytes()).expect("python reads until the end");
        stdin.write_all(packet).expect("python reads until the end");
    }
    drop(stdin);
    assert!(python.wait().expect("python ends with its input").success());
}

#[test]
fn a_second_run_on_the_same_state_is_refused() {
    let lab = Lab::new(Between::Consentry).unwrap();
    // In a namespace of its own making a device of the same name is no obstacle: only the state is.
    let output = run_command(&lab.outside, lab.firewall().state()).unwrap().output().unwrap();
    assert_refused(&output);
    assert!(lab.curl(&["http://www.example.com/"]).unwrap().ok(), "the first run goes on");
}

#[test]
fn a_corrupt_state_folder_is_refused_and_left_alone() {
    let mut lab = Lab::new(Between::Consentry).unwrap();
    lab.firewall().grant("xiaomi.push").unwrap();
    let state = lab.firewall().state().to_owned();
    lab.stop_firewall();
    let mut spoilt = 0;
    for entry in std::fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        let len = std::fs::metadata(&path).unwrap().len();
        if path.is_file() && len > 0 {
            std::fs::write(&path, Bytes::new(5).take(len as usize)).unwrap();
            spoilt += 1;
        }
    }
    assert!(spoilt > 0, "nothing in {}", state.display());
    let before = contents(&state);
    assert_refused(&run_command(&lab.gateway, &state).unwrap().output().unwrap());
    let said = command_on(&state, &["consent", "list"]).unwrap();
    assert_eq!(said.status, 2, "{said:?}");
    assert_eq!(said.err.trim().lines().count(), 1, "{}", said.err);
    // Nothing was thrown away: the files are as the accident left them.
    assert_eq!(contents(&state), before);
}

/// Every file with something in it, by name, but for the lock: it says which process tried last.
fn contents(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.path().is_file() && entry.file_name() != "state.lock");
    files
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap()))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
}

#[test]
fn a_state_folder_nobody_may_write_is_refused() {
    let lab = Lab::new(Between::Consentry).unwrap();
    let blocked = lab.folder().join("a-file-where-a-folder-should-be");
    std::fs::write(&blocked, "not a folder").unwrap();
    assert_refused(&run_command(&lab.outside, &blocked.join("state")).unwrap().output().unwrap());
}

#[test]
fn a_killed_firewall_leaves_no_open_door() {
    let mut lab = Lab::new(Between::Consentry).unwrap();
    let mut capture = lab.capture().unwrap();
    lab.stop_firewall();
    assert!(!lab.curl(&["-m", "2", &format!("http://{WEB_V4}/")]).unwrap().ok());
    let mut left = capture.so_far().unwrap();
    // The machines at the two ends of the link announce their multicast groups to each other whenever they like.
    left.retain(|packet| !packet.destination.is_multicast());
    assert_eq!(left, Vec::new());
}

/// Exit status 2 and one clear line on standard error.
fn assert_refused(output: &Output) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    assert!(!text.contains("panicked"), "{text}");
}
