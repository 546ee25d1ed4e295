//! The Huffman code of HPACK (RFC 7541 §5.2 and appendix B).

/// Length of each byte's code in bits. The code is canonical: codes of one length are numbered in the order of their bytes, and
/// shorter ones come first, so the lengths say all of it. The code of 30 ones stands for the end, which is never sent.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26,
];
/// Longest code, in bits.
const LONGEST: usize = 30;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Group {
    /// The first of them.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where in [`Table::bytes`] theirs begin.
    start: usize,
}

struct Table {
    groups: [Group; LONGEST + 1],
    /// All bytes, in the order of their codes.
    bytes: [u8; 256],
}

static TABLE: Table = table();

const fn table() -> Table {
    let mut groups = [Group { first: 0, count: 0, start: 0 }; LONGEST + 1];
    let mut bytes = [0; 256];
    let mut used = 0;
    let mut code: u32 = 0;
    let mut length = 1;
    while length <= LONGEST {
        code <<= 1;
        groups[length] = Group { first: code, count: 0, start: used };
        let mut byte = 0;
        while byte < 256 {
            if LENGTHS[byte] as usize == length {
                bytes[used] = byte as u8;
                used += 1;
                code += 1;
                groups[length].count += 1;
            }
            byte += 1;
        }
        length += 1;
    }
    Table { groups, bytes }
}

/// Undoes the code; `None` for the code that stands for the end, more than seven bits of padding, or padding other than ones.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    // Five bits are the shortest code.
    let mut decoded = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut code, mut length) = (0_u32, 0);
    for byte in coded {
        for place in (0..8).rev() {
            code = code << 1 | u32::from(byte >> place & 1);
            length += 1;
            let group = TABLE.groups.get(length)?;
            if let Some(at) = code.checked_sub(group.first).filter(|at| *at < group.count) {
                decoded.push(TABLE.bytes[group.start + at as usize]);
                (code, length) = (0, 0);
            }
        }
    }
    (length < 8 && code == (1 << length) - 1).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    /// RFC 7541 §C.4 and §C.6.
    #[test]
    fn the_examples_of_the_rfc() {
        for (coded, text) in [
            ("f1e3 c2e5 f23a 6ba0 ab90 f4ff", "www.example.com"),
            ("a8eb 1064 9cbf", "no-cache"),
            ("25a8 49e9 5ba9 7d7f", "custom-key"),
            ("25a8 49e9 5bb8 e8b4 bf", "custom-value"),
            ("aec3 771a 4b", "private"),
            ("d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"),
        ] {
            assert_eq!(decode(&bytes(coded)).as_deref(), Some(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn every_byte_has_a_code_and_the_code_is_full() {
        let mut sorted = TABLE.bytes;
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(place, byte)| place == usize::from(*byte)));
        // Kraft's sum, with the code for the end: nothing is left over.
        let sum: u64 = LENGTHS.iter().chain(&[30]).map(|length| 1_u64 << (LONGEST as u8 - length)).sum();
        assert_eq!(sum, 1 << LONGEST);
    }

    #[test]
    fn wrong_padding_is_refused() {
        assert_eq!(decode(&[0x1F]).as_deref(), Some(&b"a"[..]), "00011 and three ones");
        assert_eq!(decode(&[0x18]), None, "padding of noughts");
        assert_eq!(decode(&[0x1F, 0xFF]), None, "a whole byte of padding");
        assert_eq!(decode(&[0xFF; 4]), None, "the code for the end");
        assert_eq!(decode(&[]).as_deref(), Some(&[][..]));
    }
}
