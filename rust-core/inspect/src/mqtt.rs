//! MQTT's first packet, CONNECT (MQTT 3.1, 3.1.1 and 5.0, each §3.1): client id and user name in the clear.
//!
//! It names no server. What it says about the phone or its owner is for [`crate::identifiers::in_mqtt`].

use crate::Progress;
use crate::cursor::Cursor;

/// First byte of a CONNECT packet: type 1, no flags.
pub const CONNECT: u8 = 0x10;
/// Longest CONNECT that is read, in bytes. The standard allows 256 MB; real ones carry a few short texts.
const MAX_PACKET: usize = 16 * 1024;
/// Shortest CONNECT behind its length: protocol name, version, flags, keep-alive and an empty client id (§3.1).
const MIN_PACKET: usize = 12;
/// Bytes of the remaining length at the most (§2.2.3).
const MAX_LENGTH_BYTES: usize = 4;

/// What a CONNECT packet says.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Connect {
    /// 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0.
    pub version: u8,
    /// The client id; may be empty.
    pub client_id: String,
    /// The user name.
    pub user_name: Option<String>,
}

impl std::fmt::Debug for Connect {
    /// Identifiers stay out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Reads a CONNECT packet from the first bytes of a stream. Keeps at most 16 KiB.
#[derive(Debug, Default)]
pub struct ConnectReader {
    packet: Vec<u8>,
    finished: bool,
}

impl ConnectReader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream. [`Progress::Not`]: this is no MQTT CONNECT, or none that follows the rules.
    pub fn push(&mut self, bytes: &[u8]) -> Progress<Connect> {
        if self.finished {
            return Progress::Not;
        }
        let room = MAX_PACKET + 1 + MAX_LENGTH_BYTES - self.packet.len();
        self.packet.extend(&bytes[..bytes.len().min(room)]);
        let progress = read(&self.packet);
        if progress != Progress::NeedMore {
            *self = Self { packet: Vec::new(), finished: true };
        }
        progress
    }
}

fn read(packet: &[u8]) -> Progress<Connect> {
    if packet.first().is_some_and(|first| *first != CONNECT) {
        return Progress::Not;
    }
    let mut length = 0;
    let mut at = 1;
    loop {
        let Some(byte) = packet.get(at) else { return Progress::NeedMore };
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if at > MAX_LENGTH_BYTES {
            return Progress::Not;
        }
    }
    let body = &packet[at..];
    // Told apart as soon as a byte differs, so that another protocol is not waited for.
    let differs = |name: &[u8]| body.iter().zip(name).any(|(byte, expected)| byte != expected);
    if !(MIN_PACKET..=MAX_PACKET).contains(&length) || (differs(b"\0\x04MQTT") && differs(b"\0\x06MQIsdp")) {
        return Progress::Not;
    }
    match body.get(..length) {
        None => Progress::NeedMore,
        Some(body) => parse(body).map_or(Progress::Not, Progress::Done),
    }
}

fn parse(body: &[u8]) -> Option<Connect> {
    let mut fields = Cursor::new(body);
    let protocol = fields.vector16()?;
    let version = fields.u8()?;
    if !matches!((protocol, version), (b"MQTT", 4 | 5) | (b"MQIsdp", 3)) {
        return None;
    }
    let flags = fields.u8()?;
    let _keep_alive = fields.u16()?;
    if version == 5 {
        properties(&mut fields)?;
    }
    let client_id = text(fields.vector16()?)?;
    if flags & 0x04 != 0 {
        if version == 5 {
            properties(&mut fields)?;
        }
        let _will_topic = fields.vector16()?;
        let _will_message = fields.vector16()?;
    }
    let user_name = if flags & 0x80 != 0 { Some(text(fields.vector16()?)?) } else { None };
    if flags & 0x40 != 0 {
        fields.vector16()?;
    }
    fields.is_empty().then_some(Connect { version, client_id, user_name })
}

/// Steps over the properties of MQTT 5 (§2.2.2).
fn properties(fields: &mut Cursor<'_>) -> Option<()> {
    let mut length = 0;
    for place in 0..MAX_LENGTH_BYTES {
        let byte = fields.u8()?;
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return fields.take(length).map(|_| ());
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<String> {
    str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(text: &str) -> Vec<u8> {
        [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
    }

    /// A CONNECT after §3.1, with its remaining length in front.
    fn connect(version: u8, client_id: &str, user_name: Option<&str>) -> Vec<u8> {
        let name = if version == 3 { "MQIsdp" } else { "MQTT" };
        let flags = if user_name.is_some() { 0xC2 } else { 0x02 };
        let properties: &[u8] = if version == 5 { &[5, 0x11, 0, 0, 0, 60] } else { &[] };
        let mut body = [&field(name)[..], &[version, flags, 0, 60], properties, &field(client_id)].concat();
        if let Some(user_name) = user_name {
            body.extend([field(user_name), field("secret")].concat());
        }
        assert!(body.len() < 128, "one length byte is enough");
        [&[CONNECT, body.len() as u8], &body[..]].concat()
    }

    #[test]
    fn every_version_gives_client_id_and_user_name() {
        for version in [3, 4, 5] {
            let packet = connect(version, "android-490154203237518", Some("me@example.org"));
            let expected = Connect {
                version,
                client_id: "android-490154203237518".into(),
                user_name: Some("me@example.org".into()),
            };
            assert_eq!(ConnectReader::new().push(&packet), Progress::Done(expected.clone()));
            assert_eq!(ConnectReader::new().push(&[&packet[..], b"more"].concat()), Progress::Done(expected));
        }
        let without = connect(4, "", None);
        assert!(matches!(ConnectReader::new().push(&without), Progress::Done(c) if c.user_name.is_none()));
    }

    #[test]
    fn a_debug_line_shows_no_identifier() {
        let shown = format!("{:?}", Connect { client_id: "490154203237518".into(), ..Connect::default() });
        assert!(!shown.contains("4901"), "{shown}");
    }

    #[test]
    fn other_bytes_are_told_apart_at_once() {
        for other in
            [&[0x20, 2, 0, 0][..], &[0x10, 12, 0, 5], b"\x10\x0c\0\x04HTTP", &[0x10, 255, 255, 255, 255]]
        {
            assert_eq!(ConnectReader::new().push(other), Progress::Not, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn how_it_is_split_changes_nothing(cut in 1_usize..40, tail in any::<Vec<u8>>()) {
            let packet = [connect(5, "abc", Some("user")), tail].concat();
            let whole = ConnectReader::new().push(&packet);
            let mut reader = ConnectReader::new();
            let split = packet.chunks(cut).map(|piece| reader.push(piece)).find(|p| *p != Progress::NeedMore);
            prop_assert_eq!(split, Some(whole));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let _ = ConnectReader::new().push(&[&[CONNECT][..], &bytes].concat());
        }
    }
}
