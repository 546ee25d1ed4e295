//! Captures made in code: synthetic twins of what phones send. Addresses are of RFC 5737, RFC 3849 and RFC 1918,
//! identifiers are reserved test values.

use ring::{aead, hkdf};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The phone.
pub(crate) const PHONE: &str = "10.0.0.2";
/// A resolver.
pub(crate) const RESOLVER: &str = "192.0.2.53:53";

/// A capture that is being made: raw IP packets, a millisecond apart.
pub(crate) struct Capture {
    packets: Vec<Vec<u8>>,
    next_port: u16,
}

/// One TCP connection of the phone.
pub(crate) struct Connection {
    phone: SocketAddr,
    server: SocketAddr,
    out: u32,
    back: u32,
}

impl Connection {
    /// So many bytes that the phone says are lost to the capture.
    pub(crate) fn lose(&mut self, length: u32) {
        self.out += length;
    }
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;

impl Capture {
    pub(crate) fn new() -> Self {
        Self { packets: Vec::new(), next_port: 40_000 }
    }

    /// The pcap file, with raw IP packets.
    pub(crate) fn pcap(&self) -> Vec<u8> {
        self.pcap_with(101, &[])
    }

    /// The pcap file with another link type, whose header is put in front of every packet.
    pub(crate) fn pcap_with(&self, link: u32, header: &[u8]) -> Vec<u8> {
        let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
        file.extend(link.to_le_bytes());
        for (millisecond, packet) in (0_u32..).zip(&self.packets) {
            let length = ((header.len() + packet.len()) as u32).to_le_bytes();
            // 7 August 2014, 08:30 UTC
            file.extend((1_407_400_200 + millisecond / 1000).to_le_bytes());
            file.extend((millisecond % 1000 * 1000).to_le_bytes());
            file.extend([length, length].concat());
            file.extend(header);
            file.extend(packet);
        }
        file
    }

    /// The packets, to be changed.
    pub(crate) fn packets(&mut self) -> &mut Vec<Vec<u8>> {
        &mut self.packets
    }

    /// Opens a connection.
    pub(crate) fn connect(&mut self, server: &str) -> Connection {
        let server: SocketAddr = server.parse().unwrap();
        let phone = self.phone(server.ip());
        let mut connection = Connection { phone, server, out: 1000, back: 9000 };
        self.packets.push(segment(phone, server, 1000, 0, SYN, b""));
        self.packets.push(segment(server, phone, 9000, 1001, SYN | ACK, b""));
        connection.out += 1;
        connection.back += 1;
        connection
    }

    /// The phone says something, in one segment.
    pub(crate) fn say(&mut self, connection: &mut Connection, bytes: &[u8]) {
        self.packets.push(segment(
            connection.phone,
            connection.server,
            connection.out,
            connection.back,
            ACK,
            bytes,
        ));
        connection.out += bytes.len() as u32;
    }

    /// The server says something.
    pub(crate) fn answer(&mut self, connection: &mut Connection, bytes: &[u8]) {
        self.packets.push(segment(
            connection.server,
            connection.phone,
            connection.back,
            connection.out,
            ACK,
            bytes,
        ));
        connection.back += bytes.len() as u32;
    }

    /// Both sides close.
    pub(crate) fn close(&mut self, connection: &Connection) {
        let Connection { phone, server, out, back } = *connection;
        self.packets.push(segment(phone, server, out, back, FIN | ACK, b""));
        self.packets.push(segment(server, phone, back, out + 1, FIN | ACK, b""));
        self.packets.push(segment(phone, server, out + 1, back + 1, ACK, b""));
    }

    /// A whole connection on which only the phone speaks.
    pub(crate) fn stream(&mut self, server: &str, bytes: &[u8]) {
        let mut connection = self.connect(server);
        self.say(&mut connection, bytes);
        self.close(&connection);
    }

    /// Opens a UDP exchange: returns the phone's end and the server's.
    pub(crate) fn exchange(&mut self, server: &str) -> (SocketAddr, SocketAddr) {
        let server: SocketAddr = server.parse().unwrap();
        (self.phone(server.ip()), server)
    }

    /// A datagram.
    pub(crate) fn datagram(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let mut datagram = Vec::new();
        datagram.extend(from.port().to_be_bytes());
        datagram.extend(to.port().to_be_bytes());
        datagram.extend((8 + payload.len() as u16).to_be_bytes());
        datagram.extend([0, 0]);
        datagram.extend(payload);
        self.packets.push(ip(from.ip(), to.ip(), 17, &datagram));
    }

    /// A DNS question and its answer, each over UDP.
    pub(crate) fn look_up(&mut self, name: &str, aliases: &[&str], addresses: &[Ipv4Addr]) {
        let (phone, resolver) = self.exchange(RESOLVER);
        self.datagram(phone, resolver, &question(7, name));
        self.datagram(resolver, phone, &answer(7, name, aliases, addresses));
    }

    fn phone(&mut self, server: IpAddr) -> SocketAddr {
        self.next_port += 1;
        let address = if server.is_ipv4() { PHONE.parse().unwrap() } else { "2001:db8::2".parse().unwrap() };
        SocketAddr::new(address, self.next_port)
    }
}

/// An IP packet.
fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            packet.extend([0x45, 0]);
            packet.extend((20 + payload.len() as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(source.octets());
            packet.extend(destination.octets());
        }
        mixed => panic!("{mixed:?}"),
    }
    packet.extend(payload);
    packet
}

fn segment(
    from: SocketAddr,
    to: SocketAddr,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from.port().to_be_bytes());
    segment.extend(to.port().to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledgement.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    ip(from.ip(), to.ip(), 6, &segment)
}

fn dns_name(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// A DNS question for an A record.
pub(crate) fn question(id: u16, name: &str) -> Vec<u8> {
    [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &dns_name(name), &[0, 1, 0, 1]].concat()
}

/// Its answer: a chain of aliases, then addresses.
pub(crate) fn answer(id: u16, name: &str, aliases: &[&str], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let count = (aliases.len() + addresses.len()) as u8;
    let mut message = [&id.to_be_bytes()[..], &[0x81, 0x80, 0, 1, 0, count, 0, 0, 0, 0]].concat();
    message.extend(dns_name(name));
    message.extend([0, 1, 0, 1]);
    let mut owner = name;
    for alias in aliases {
        let target = dns_name(alias);
        message.extend(dns_name(owner));
        message.extend([0, 5, 0, 1, 0, 0, 0, 60, 0, target.len() as u8]);
        message.extend(target);
        owner = alias;
    }
    for address in addresses {
        message.extend(dns_name(owner));
        message.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(address.octets());
    }
    message
}

/// The same over TCP (RFC 1035 §4.2.2).
pub(crate) fn over_tcp(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// A `ClientHello` message with a server name (RFC 8446 §4.1.2, RFC 6066 §3).
fn hello_message(name: &str) -> Vec<u8> {
    let length = |value: usize| (value as u16).to_be_bytes();
    let entry = [&[0], &length(name.len())[..], name.as_bytes()].concat();
    let list = [&length(entry.len())[..], &entry].concat();
    let extension = [&[0, 0], &length(list.len())[..], &list].concat();
    let body =
        [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0], &length(extension.len()), &extension].concat();
    [&[1, 0], &length(body.len())[..], &body].concat()
}

/// A `ClientHello` in one TLS record.
pub(crate) fn client_hello(name: &str) -> Vec<u8> {
    let message = hello_message(name);
    [&[0x16, 3, 1], &(message.len() as u16).to_be_bytes()[..], &message].concat()
}

/// A DTLS hello in one datagram: the hello of TLS with a cookie behind the session id (RFC 6347 §4.2.1, §4.2.2).
pub(crate) fn dtls_hello(name: &str, cookie: &[u8], number: u8) -> Vec<u8> {
    let message = hello_message(name);
    let (fixed, rest) = message[4..].split_at(2 + 32 + 1);
    let body = [fixed, &[cookie.len() as u8], cookie, rest].concat();
    let length = [0, (body.len() >> 8) as u8, body.len() as u8];
    let head = [&[1][..], &length, &[0, number], &[0, 0, 0], &length].concat();
    let size = (head.len() + body.len()) as u16;
    [&[22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, number][..], &size.to_be_bytes(), &head, &body].concat()
}

/// A POST on a stream of an HTTP/2 connection: headers as plain literals, then one frame of data (RFC 9113 §6, RFC 7541 §6.2.2).
pub(crate) fn http2_post(stream: u8, host: &str, path: &str, body: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8][..], text.as_bytes()].concat();
    let fields = [(":method", "POST"), (":scheme", "http"), (":authority", host), (":path", path)];
    let block: Vec<u8> =
        fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect();
    let frame = |kind: u8, flags: u8, contents: &[u8]| {
        [&[0, 0, contents.len() as u8, kind, flags, 0, 0, 0, stream][..], contents].concat()
    };
    [frame(1, 4, &block), frame(0, 1, body.as_bytes())].concat()
}

/// A client's first Mi Push blob, or with no phone facts the kind that a server answers.
pub(crate) fn mi_push_hello(from_phone: bool) -> Vec<u8> {
    let field = |number: u8, value: &[u8]| [&[number << 3 | 2, value.len() as u8], value].concat();
    let header = [&[0x08, 0][..], &field(3, b"xiaomi.com"), &field(5, b"CONN"), &[0x48, 0]].concat();
    let body = if from_phone {
        [
            &[0x08, 106][..],
            &field(2, b"Test Phone 1"),
            &field(3, b"V1.2.3.0.TEST"),
            &field(4, b"a-0123456789ABCDEF0123456789ABCDEF01234567"),
            &field(6, b"mobile-lte-test"),
            &field(7, b"192.0.2.9:5222"),
            &field(8, b"en_GB"),
        ]
        .concat()
    } else {
        field(1, b"0123456789")
    };
    let payload = [
        &[0, 2][..],
        &(header.len() as u16).to_be_bytes(),
        &(body.len() as u32).to_be_bytes(),
        &header,
        &body,
    ]
    .concat();
    let mut blob = [&[0xc2, 0xfe, 0, 5][..], &(payload.len() as u32).to_be_bytes(), &payload].concat();
    // Adler-32 (RFC 1950 §8.2)
    let (a, b) = blob.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    blob.extend((b as u16).to_be_bytes());
    blob.extend((a as u16).to_be_bytes());
    blob
}

/// An HTTP/1.1 GET request.
pub(crate) fn get(host: &str, target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Dalvik/2.1.0\r\n\r\n").into_bytes()
}

/// A QUIC version 1 Initial with a hello for this name, as a client sends it (RFC 9001 §5).
pub(crate) fn quic_initial(name: &str) -> Vec<u8> {
    const SALT: [u8; 20] = [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
        0xbb, 0x7f, 0x0a,
    ];
    let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
    let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &SALT).extract(&id);
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand(&initial, "client in", 32));
    let (key, nonce, mask_key) =
        (expand(&secret, "quic key", 16), expand(&secret, "quic iv", 12), expand(&secret, "quic hp", 16));

    let message = hello_message(name);
    let mut frames = [&[6, 0], &(0x4000 | message.len() as u16).to_be_bytes()[..], &message].concat();
    frames.resize(1165, 0);
    // packet number 0 in one byte; length: number, frames and tag
    let length = 0x4000 | (1 + frames.len() + 16) as u16;
    let mut header = vec![0xc0, 0, 0, 0, 1, 8];
    header.extend(id);
    header.extend([0, 0]);
    header.extend(length.to_be_bytes());
    header.push(0);

    let sealing = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
    let nonce = aead::Nonce::assume_unique_for_key(nonce.try_into().unwrap());
    sealing.seal_in_place_append_tag(nonce, aead::Aad::from(&header), &mut frames).unwrap();
    // RFC 9001 §5.4: the sample starts four bytes behind the start of the packet number
    let mask = aead::quic::HeaderProtectionKey::new(&aead::quic::AES_128, &mask_key).unwrap();
    let mask = mask.new_mask(&frames[3..19]).unwrap();
    header[0] ^= mask[0] & 0x0f;
    *header.last_mut().unwrap() ^= mask[1];
    [header, frames].concat()
}

/// HKDF-Expand-Label (RFC 8446 §7.1) without context.
fn expand(secret: &hkdf::Prk, label: &str, length: usize) -> Vec<u8> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let label = format!("tls13 {label}");
    let info = [&[0, length as u8, label.len() as u8], label.as_bytes(), &[0]].concat();
    let info = [info.as_slice()];
    let mut expanded = vec![0; length];
    secret.expand(&info, Length(length)).unwrap().fill(&mut expanded).unwrap();
    expanded
}
