//! From a client's datagrams to its ClientHello.

use super::crypto_stream::CryptoStream;
use super::header::{LongHeader, PacketKind};
use super::keys::{ClientKeys, Version};
use super::{Datagram, classify, varint};
use crate::tls::ClientHello;
use crate::{Progress, cursor::Cursor};
use std::fmt;

/// Connections followed at once. A client that is told to retry begins a second one (RFC 9000 §17.2.5.2).
const MAX_CONNECTIONS: usize = 4;
/// Packets looked at in one datagram. Clients coalesce two or three.
const MAX_PACKETS: usize = 16;

/// Frame types that Initial packets may have (RFC 9000 §12.4).
const PADDING: u8 = 0x00;
const PING: u8 = 0x01;
const ACK: u8 = 0x02;
const ACK_ECN: u8 = 0x03;
const CRYPTO: u8 = 0x06;
const CONNECTION_CLOSE: u8 = 0x1C;

/// Reads the ClientHello out of the datagrams that a client sends to one server.
///
/// CRYPTO frames may arrive in any order, overlap and spread over many datagrams; packets may be coalesced; the keys
/// are those of the connection ID in the client's first packet, whatever ID later ones carry. Packets that cannot be
/// opened are passed over, as a server does. Memory stays below 1 MiB, time per datagram is linear in its length.
///
/// [`Progress::Not`] means that the first datagram is not QUIC of a known version, or that an Initial packet broke
/// the rules. A datagram that begins with 0-RTT may come before the Initial, one with a short header may not.
#[derive(Default)]
pub struct InitialReader {
    connections: Vec<Connection>,
    finished: bool,
}

/// A connection that is known by the packet that opened with its keys.
struct Connection {
    /// The destination connection ID of the client's first packet.
    first_destination: Vec<u8>,
    version: u32,
    keys: ClientKeys,
    largest: u64,
    stream: CryptoStream,
}

impl fmt::Debug for InitialReader {
    /// Keys and contents stay out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitialReader")
            .field("connections", &self.connections.len())
            .field("finished", &self.finished)
            .finish()
    }
}

impl InitialReader {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether any Initial packet could be opened so far: the beginning of a connection has been seen.
    pub fn has_opened(&self) -> bool {
        !self.connections.is_empty()
    }

    /// Takes the next datagram that the client sent.
    pub fn push(&mut self, datagram: &[u8]) -> Progress<ClientHello> {
        if self.finished {
            return Progress::Not;
        }
        let progress = match classify(datagram) {
            Datagram::Initial { .. } | Datagram::OtherLong => self.read(datagram, true).1,
            _ if self.connections.is_empty() => Progress::Not,
            _ => Progress::NeedMore,
        };
        self.finished = progress != Progress::NeedMore;
        progress
    }

    /// Whether a datagram that came after the ClientHello was read says the same as before. `None`: it has nothing to do
    /// with the connections read so far. `Some(false)`: it belongs to one of them and contradicts it, so that a server which
    /// missed what was read would see another hello.
    pub fn repeats(&mut self, datagram: &[u8]) -> Option<bool> {
        let (opened, progress) = self.read(datagram, false);
        match progress {
            Progress::Not => Some(false),
            _ => opened.then_some(true),
        }
    }

    /// Reads all packets of a datagram. Returns whether any could be opened, and what the CRYPTO frames add up to.
    fn read(&mut self, datagram: &[u8], may_begin: bool) -> (bool, Progress<ClientHello>) {
        let mut start = 0;
        let mut opened = false;
        let mut found = Progress::NeedMore;
        let mut destination = None;
        for _ in 0..MAX_PACKETS {
            let Some(header) = LongHeader::parse(&datagram[start..]) else { break };
            // Packets of two connections in one datagram are forbidden (RFC 9000 §12.2); some server may read both.
            if *destination.get_or_insert(header.destination) != header.destination {
                return (opened, Progress::Not);
            }
            let Some(version) = Version::of(header.version) else { break };
            let kind = header.kind(&version);
            let Some(extent) = header.extent(kind) else { break };
            if kind == PacketKind::Initial
                && let Some((connection, frames)) =
                    self.open(&header, &version, may_begin, |keys, largest| {
                        keys.open(datagram, start, extent, largest)
                    })
            {
                opened = true;
                match read_frames(&frames, &mut connection.stream) {
                    Progress::NeedMore => {}
                    Progress::Not => return (opened, Progress::Not),
                    done @ Progress::Done(_) => found = done,
                }
            }
            start += extent.end;
        }
        (opened, found)
    }

    /// Opens an Initial packet with the keys of a connection already known, or of the one that it may begin.
    fn open(
        &mut self,
        header: &LongHeader<'_>,
        version: &Version,
        may_begin: bool,
        open: impl Fn(&ClientKeys, Option<u64>) -> Option<(u64, Vec<u8>)>,
    ) -> Option<(&mut Connection, Vec<u8>)> {
        let known = self.connections.iter().enumerate().find_map(|(at, connection)| {
            let largest = Some(connection.largest);
            let opened = if connection.version == header.version {
                open(&connection.keys, largest)
            } else {
                // The version may change within a handshake; the connection ID the keys come from does not (RFC 9368 §2.3).
                open(&ClientKeys::derive(version, &connection.first_destination), largest)
            };
            opened.map(|(number, frames)| (at, number, frames))
        });
        if let Some((at, number, frames)) = known {
            let connection = &mut self.connections[at];
            connection.largest = connection.largest.max(number);
            return Some((connection, frames));
        }
        if !may_begin || self.connections.len() == MAX_CONNECTIONS {
            return None;
        }
        let keys = ClientKeys::derive(version, header.destination);
        let (largest, frames) = open(&keys, None)?;
        self.connections.push(Connection {
            first_destination: header.destination.to_vec(),
            version: header.version,
            keys,
            largest,
            stream: CryptoStream::default(),
        });
        self.connections.last_mut().map(|connection| (connection, frames))
    }
}

/// Hands the CRYPTO frames of a packet to the stream, all of them: one behind the hello may contradict it.
/// [`Progress::Not`] if a frame is malformed or may not stand in an Initial packet.
fn read_frames(frames: &[u8], stream: &mut CryptoStream) -> Progress<ClientHello> {
    let mut rest = Cursor::new(frames);
    let mut found = Progress::NeedMore;
    while let Some(kind) = rest.u8() {
        let stepped = match kind {
            PADDING | PING => Some(()),
            ACK | ACK_ECN => skip_ack(&mut rest, kind == ACK_ECN),
            CONNECTION_CLOSE => skip_close(&mut rest),
            CRYPTO => {
                let Some((offset, data)) = crypto(&mut rest) else { return Progress::Not };
                match stream.insert(offset, data) {
                    Progress::NeedMore => {}
                    Progress::Not => return Progress::Not,
                    done @ Progress::Done(_) => found = done,
                }
                Some(())
            }
            _ => None,
        };
        if stepped.is_none() {
            return Progress::Not;
        }
    }
    found
}

fn crypto<'a>(rest: &mut Cursor<'a>) -> Option<(u64, &'a [u8])> {
    let offset = varint(rest)?;
    let length = usize::try_from(varint(rest)?).ok()?;
    Some((offset, rest.take(length)?))
}

/// RFC 9000 §19.3.
fn skip_ack(rest: &mut Cursor<'_>, ecn: bool) -> Option<()> {
    let _largest = varint(rest)?;
    let _delay = varint(rest)?;
    let ranges = varint(rest)?;
    let _first_range = varint(rest)?;
    for _ in 0..ranges {
        let _gap = varint(rest)?;
        let _length = varint(rest)?;
    }
    if ecn {
        for _ in 0..3 {
            varint(rest)?;
        }
    }
    Some(())
}

/// RFC 9000 §19.19.
fn skip_close(rest: &mut Cursor<'_>) -> Option<()> {
    let _error = varint(rest)?;
    let _frame_type = varint(rest)?;
    let reason = usize::try_from(varint(rest)?).ok()?;
    rest.take(reason).map(|_| ())
}
