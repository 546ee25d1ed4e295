//! The catalogue files that are part of the program, packed by the build script.

/// What they may unpack to, in bytes.
const LARGEST: usize = 4 << 20;

/// The text of all of them.
pub(crate) struct Builtin {
    /// Names and texts in turn, each ended by a zero byte.
    block: String,
}

impl Builtin {
    /// Unpacks them.
    pub(crate) fn unpack() -> Self {
        let packed = include_bytes!(concat!(env!("OUT_DIR"), "/services.zz"));
        let block = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, LARGEST)
            .expect("the build script packed it");
        Self { block: String::from_utf8(block).expect("a test parses what is packed") }
    }

    /// File name and text of each file.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.block.split_terminator('\0');
        std::iter::from_fn(move || parts.next().zip(parts.next()))
    }
}
