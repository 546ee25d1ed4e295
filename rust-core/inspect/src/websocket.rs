//! What a client says over WebSocket without TLS (RFC 6455 §5): frames, masked with a key that stands before them.

/// Opcodes of frames that carry a message, or go on with one (RFC 6455 §5.2).
const MESSAGE_OPCODES: [u8; 3] = [0, 1, 2];

/// Takes the masks off a client's frames. Keeps at most 14 bytes; how they are split changes nothing.
#[derive(Debug, Default)]
pub struct ClientFrames {
    header: Vec<u8>,
    /// Key, and how many bytes of it are used up.
    key: [u8; 4],
    turn: usize,
    /// Contents to go of the current frame.
    left: u64,
    /// Whether they are part of a message that can be read.
    readable: bool,
    broken: bool,
}

impl ClientFrames {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream, and appends to `messages` what they say. Control frames and compressed messages are
    /// passed over; nothing is read behind a frame that no client sends.
    pub fn push(&mut self, mut bytes: &[u8], messages: &mut Vec<u8>) {
        while !bytes.is_empty() && !self.broken {
            if self.left == 0 {
                self.header.push(bytes[0]);
                bytes = &bytes[1..];
                self.read_header();
                continue;
            }
            let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            if self.readable {
                let unmasked = bytes[..step].iter().enumerate();
                messages.extend(unmasked.map(|(at, byte)| byte ^ self.key[(self.turn + at) % 4]));
            }
            self.turn = (self.turn + step) % 4;
            self.left -= step as u64;
            bytes = &bytes[step..];
        }
    }

    /// Reads a frame's header once it is complete.
    fn read_header(&mut self) {
        let [first, second, rest @ ..] = &self.header[..] else { return };
        // Clients mask every frame (§5.1); bits 5 and 6 are reserved, bit 7 marks compression (RFC 7692).
        if second & 0x80 == 0 || first & 0x30 != 0 {
            self.broken = true;
            return;
        }
        let length_bytes = match second & 0x7F {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some((length, key)) = rest.split_at_checked(length_bytes) else { return };
        let Ok(key) = <[u8; 4]>::try_from(key) else { return };
        self.left = match length_bytes {
            0 => u64::from(second & 0x7F),
            _ => length.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
        };
        self.readable = MESSAGE_OPCODES.contains(&(first & 0x0F)) && first & 0x40 == 0;
        self.key = key;
        self.turn = 0;
        self.header.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A masked frame (RFC 6455 §5.2, §5.3).
    fn frame(first: u8, contents: &[u8]) -> Vec<u8> {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        let length = match contents.len() {
            short @ ..=125 => vec![0x80 | short as u8],
            long => [&[0xFE][..], &(long as u16).to_be_bytes()].concat(),
        };
        let masked: Vec<u8> = contents.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
        [&[first][..], &length, &key, &masked].concat()
    }

    fn read(bytes: &[u8], cut: usize) -> Vec<u8> {
        let mut frames = ClientFrames::new();
        let mut messages = Vec::new();
        for piece in bytes.chunks(cut) {
            frames.push(piece, &mut messages);
        }
        messages
    }

    /// RFC 6455 §5.7: a masked "Hello".
    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(read(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58], 99), b"Hello");
    }

    #[test]
    fn messages_are_read_and_nothing_else() {
        let long = vec![b'x'; 300];
        let said = [
            frame(0x01, b"{\"imei\":"),
            frame(0x89, b"ping"),
            frame(0x80, b"1}"),
            frame(0xC1, b"compressed"),
            frame(0x82, &long),
        ]
        .concat();
        assert_eq!(read(&said, 1000), [&b"{\"imei\":1}"[..], &long].concat());
        assert_eq!(read(&[0x81, 0x05, b'H', b'e', b'l', b'l', b'o'], 99), b"", "a server's frame");
    }

    proptest! {
        #[test]
        fn how_it_is_split_changes_nothing(cut in 1_usize..30, bytes: Vec<u8>) {
            let said = [frame(0x81, &bytes), bytes].concat();
            prop_assert_eq!(read(&said, cut), read(&said, 1000));
        }
    }
}
