//! Header compression of HTTP/2 (RFC 7541), reading only.

use super::{Http2Error, huffman};
use crate::cursor::Cursor;
use std::collections::VecDeque;

/// Largest dynamic table that a client may use, in bytes as RFC 7541 §4.1 counts them. Servers allow 4 KiB unless they say
/// otherwise; what they say is not seen here, so a client is believed up to this size.
const MAX_TABLE: usize = 64 * 1024;
/// Most bytes that one block of headers may become: a reference of one byte stands for an entry of any length.
const MAX_LIST: usize = 256 * 1024;
/// What each entry counts for besides its bytes (RFC 7541 §4.1).
const ENTRY_OVERHEAD: usize = 32;
/// The table's size until the client changes it (RFC 9113 §6.5.2).
const FIRST_SIZE: usize = 4096;

/// A header's name and value.
pub(super) type Field = (Vec<u8>, Vec<u8>);

/// RFC 7541 appendix A, from index 1.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Reads the blocks of headers of one connection, in order. Holds at most 64 KiB, as RFC 7541 counts them.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest entry first.
    entries: VecDeque<Field>,
    size: usize,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: FIRST_SIZE }
    }
}

impl Decoder {
    /// Reads one block.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<Vec<Field>, Http2Error> {
        self.try_read(block).ok_or(Http2Error::BadHeaders)
    }

    fn try_read(&mut self, block: &[u8]) -> Option<Vec<Field>> {
        let mut rest = Cursor::new(block);
        let mut fields: Vec<Field> = Vec::new();
        let mut length = 0;
        while !rest.is_empty() {
            let first = *rest.rest().first()?;
            let field = if first & 0x80 != 0 {
                self.entry(number(&mut rest, 7)?)?
            } else if first & 0xE0 == 0x20 {
                // Only before the first field (§4.2).
                let limit = number(&mut rest, 5)?;
                if !fields.is_empty() || limit > MAX_TABLE {
                    return None;
                }
                self.limit = limit;
                self.evict(0);
                continue;
            } else {
                let indexed = first & 0x40 != 0;
                let name = match number(&mut rest, if indexed { 6 } else { 4 })? {
                    0 => text(&mut rest)?,
                    index => self.entry(index)?.0,
                };
                let field = (name, text(&mut rest)?);
                if indexed {
                    self.insert(field.clone());
                }
                field
            };
            length += field.0.len() + field.1.len() + ENTRY_OVERHEAD;
            if length > MAX_LIST {
                return None;
            }
            fields.push(field);
        }
        Some(fields)
    }

    fn entry(&self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some((name.as_bytes().to_vec(), value.as_bytes().to_vec())),
            None => self.entries.get(index - STATIC.len()).cloned(),
        }
    }

    fn insert(&mut self, field: Field) {
        let size = field.0.len() + field.1.len() + ENTRY_OVERHEAD;
        self.evict(size);
        // One that is larger than the table empties it (§4.4).
        if size <= self.limit {
            self.size += size;
            self.entries.push_front(field);
        }
    }

    /// Drops the oldest entries until there is room for so many bytes.
    fn evict(&mut self, room: usize) {
        while self.size + room > self.limit {
            let Some((name, value)) = self.entries.pop_back() else { break };
            self.size -= name.len() + value.len() + ENTRY_OVERHEAD;
        }
    }
}

/// A number whose first bits stand in the rest of a byte (§5.1). Four more bytes are enough for anything that is allowed.
fn number(rest: &mut Cursor<'_>, prefix: u32) -> Option<usize> {
    let mask = (1_u8 << prefix) - 1;
    let mut value = usize::from(rest.u8()? & mask);
    if value < usize::from(mask) {
        return Some(value);
    }
    for shift in [0, 7, 14, 21] {
        let byte = rest.u8()?;
        value += usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A text, perhaps in Huffman's code (§5.2).
fn text(rest: &mut Cursor<'_>) -> Option<Vec<u8>> {
    let coded = rest.rest().first()? & 0x80 != 0;
    let length = number(rest, 7)?;
    let bytes = rest.take(length)?;
    if coded { huffman::decode(bytes) } else { Some(bytes.to_vec()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    fn read(decoder: &mut Decoder, hex: &str) -> Vec<String> {
        let fields = decoder.read(&bytes(hex)).expect("a sound block");
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        fields.iter().map(|(name, value)| format!("{}: {}", shown(name), shown(value))).collect()
    }

    /// RFC 7541 §C.3 and §C.4: the same three requests plain and in Huffman's code, on one connection each.
    #[test]
    fn the_examples_of_the_rfc() {
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        for blocks in [plain, coded] {
            let mut decoder = Decoder::default();
            assert_eq!(
                read(&mut decoder, blocks[0]),
                [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]
            );
            assert_eq!(
                read(&mut decoder, blocks[1])[3..],
                [":authority: www.example.com", "cache-control: no-cache"]
            );
            assert_eq!(
                read(&mut decoder, blocks[2]),
                [
                    ":method: GET",
                    ":scheme: https",
                    ":path: /index.html",
                    ":authority: www.example.com",
                    "custom-key: custom-value"
                ]
            );
            assert_eq!(decoder.size, 164, "§C.3.3");
        }
    }

    /// RFC 7541 §C.1: 10, 1337 and 42.
    #[test]
    fn numbers_continue_in_further_bytes() {
        let read = |bytes: &[u8], prefix| number(&mut Cursor::new(bytes), prefix);
        assert_eq!(read(&[0x0A], 5), Some(10));
        assert_eq!(read(&[0x1F, 0x9A, 0x0A], 5), Some(1337));
        assert_eq!(read(&[0x2A], 8 - 1), Some(42));
        assert_eq!(read(&[0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], 7), None);
    }

    #[test]
    fn the_table_shrinks_and_is_bounded() {
        let mut decoder = Decoder::default();
        read(&mut decoder, "400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65");
        assert_eq!(read(&mut decoder, "be"), ["custom-key: custom-value"]);
        read(&mut decoder, "20");
        assert_eq!(decoder.read(&bytes("be")), Err(Http2Error::BadHeaders), "emptied by a size of nought");
        assert_eq!(
            Decoder::default().read(&bytes("3fe2 ff07")),
            Err(Http2Error::BadHeaders),
            "too large a table"
        );
        assert_eq!(Decoder::default().read(&bytes("80")), Err(Http2Error::BadHeaders), "index nought");
    }

    #[test]
    fn a_few_bytes_do_not_become_many() {
        let mut decoder = Decoder::default();
        let entry = [&[0x40, 1, b'a', 0x7F, 0xA1, 0x1E][..], &[b'x'; 4000]].concat();
        assert_eq!(decoder.read(&entry).map(|fields| fields[0].1.len()), Ok(4000));
        assert_eq!(decoder.read(&[0xBE; 4096]), Err(Http2Error::BadHeaders));
    }
}
