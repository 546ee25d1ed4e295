//! Zip files: reading them, and writing one so that the same contents always give the same bytes.
use super::files;
use crate::TaskError;
use flate2::{Compression, Crc, write::DeflateEncoder};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
};

/// Extra field of a local header that says how its data is aligned; apksigner keeps such alignment when it rewrites.
const ALIGNMENT_FIELD: u16 = 0xd935;
/// Bytes of a local header before the name (APPNOTE 4.3.7).
const LOCAL_HEADER: usize = 30;
/// 1 January 1980, the first day zip knows: there are no times in what we write.
const FIRST_DAY: u16 = 0x21;
/// Names are UTF-8 (general purpose bit 11).
const UTF8: u16 = 0x800;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Reads every file of an archive, in its order; `take` sees name and contents.
pub(crate) fn read_each(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(Entry) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    let unreadable = |error: zip::result::ZipError| files::failure("unpacking", path, error.into());
    let file = File::open(path).map_err(|source| files::failure("reading", path, source))?;
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(file)).map_err(unreadable)?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).map_err(unreadable)?;
        let name = file.name().map_err(unreadable)?.into_owned();
        if file.is_dir() || !wanted(&name) {
            continue;
        }
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).map_err(|source| files::failure("unpacking", path, source))?;
        take(Entry {
            name,
            stored: file.compression() == zip::CompressionMethod::Stored,
            data_start: file.data_start().unwrap_or_default(),
            contents,
        })?;
    }
    Ok(())
}

/// Reads one file of an archive.
pub(crate) fn read_one(path: &Path, name: &str) -> Result<Vec<u8>, TaskError> {
    let mut found = None;
    read_each(
        path,
        |candidate| candidate == name,
        |entry| {
            found = Some(entry.contents);
            Ok(())
        },
    )?;
    found.ok_or_else(|| TaskError::Refused(format!("{} has no {name} in it", path.display())))
}

/// One file of an archive that was read.
pub(crate) struct Entry {
    /// Its path in the archive.
    pub(crate) name: String,
    /// Whether it lies there uncompressed.
    pub(crate) stored: bool,
    /// Where its bytes begin.
    pub(crate) data_start: u64,
    /// What is in it.
    pub(crate) contents: Vec<u8>,
}

/// How a file is put into an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// As small as it gets.
    Compressed,
    /// As it is, beginning at a multiple of so many bytes, so that it can be mapped into memory.
    Stored {
        /// A power of two.
        align: u16,
    },
}

/// An archive that is being written, in memory.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Archive {
    /// Adds a file.
    pub(crate) fn add(&mut self, name: &str, contents: &[u8], method: Method) -> Result<(), TaskError> {
        let too_big = || TaskError::Refused(format!("{name} does not fit into a zip file"));
        let offset = u32::try_from(self.bytes.len()).map_err(|_| too_big())?;
        let size = u32::try_from(contents.len()).map_err(|_| too_big())?;
        let name_length = u16::try_from(name.len()).map_err(|_| too_big())?;
        self.count = self.count.checked_add(1).ok_or_else(too_big)?;

        let compressed;
        let (code, body, extra) = match method {
            Method::Compressed => {
                compressed = deflate(contents);
                (DEFLATED, compressed.as_slice(), Vec::new())
            }
            Method::Stored { align } => {
                (STORED, contents, alignment(self.bytes.len() + LOCAL_HEADER + name.len(), align))
            }
        };
        let mut crc = Crc::new();
        crc.update(contents);

        // What local header and directory have in common (APPNOTE 4.3.7 and 4.3.12).
        let mut header = Vec::new();
        for field in [20, UTF8, code, 0, FIRST_DAY] {
            header.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), body.len() as u32, size] {
            header.extend(field.to_le_bytes());
        }
        header.extend(name_length.to_le_bytes());

        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&header);
        self.bytes.extend((extra.len() as u16).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(&extra);
        self.bytes.extend(body);

        self.directory.extend(b"PK\x01\x02");
        self.directory.extend(20_u16.to_le_bytes());
        self.directory.extend(&header);
        // No extra field, no comment, first disk, no attributes.
        self.directory.extend([0; 12]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        Ok(())
    }

    /// The whole archive.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, TaskError> {
        let offset = u32::try_from(self.bytes.len())
            .map_err(|_| TaskError::Refused("the archive is larger than zip allows".into()))?;
        let size = self.directory.len() as u32;
        self.bytes.append(&mut self.directory);
        // End of the directory (APPNOTE 4.3.16): one disk, no comment.
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(size.to_le_bytes());
        self.bytes.extend(offset.to_le_bytes());
        self.bytes.extend(0_u16.to_le_bytes());
        Ok(self.bytes)
    }
}

/// The extra field that moves data, which would begin right after it, to a multiple of `align`.
fn alignment(start: usize, align: u16) -> Vec<u8> {
    const FIELD: usize = 6;
    let padding = (start + FIELD).next_multiple_of(align.into()) - (start + FIELD);
    let mut extra = Vec::with_capacity(FIELD + padding);
    extra.extend(ALIGNMENT_FIELD.to_le_bytes());
    extra.extend((2 + padding as u16).to_le_bytes());
    extra.extend(align.to_le_bytes());
    extra.resize(FIELD + padding, 0);
    extra
}

fn deflate(contents: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).expect("memory takes all that is written");
    encoder.finish().expect("memory takes all that is written")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &[u8], Method); 4] = [
        ("a/first.txt", b"hello hello hello hello", Method::Compressed),
        ("empty", b"", Method::Compressed),
        ("lib/x86_64/libx.so", b"\x7fELF not really", Method::Stored { align: 16384 }),
        ("resources.arsc", b"table", Method::Stored { align: 4 }),
    ];

    fn archive() -> Vec<u8> {
        let mut archive = Archive::default();
        for (name, contents, method) in FILES {
            archive.add(name, contents, method).unwrap();
        }
        archive.finish().unwrap()
    }

    #[test]
    fn another_reader_finds_what_was_written_where_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        files::write(&path, archive()).unwrap();
        let mut read = Vec::new();
        read_each(
            &path,
            |_| true,
            |entry| {
                read.push(entry);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(read.len(), FILES.len());
        for (entry, (name, contents, method)) in read.iter().zip(FILES) {
            assert_eq!((entry.name.as_str(), entry.contents.as_slice()), (name, contents));
            let align = match method {
                Method::Compressed => None,
                Method::Stored { align } => Some(u64::from(align)),
            };
            assert_eq!(entry.stored, align.is_some(), "{name}");
            assert!(entry.data_start.is_multiple_of(align.unwrap_or(1)), "{name}");
        }
        assert!(read_one(&path, "missing").unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn the_same_contents_give_the_same_bytes() {
        assert_eq!(archive(), archive());
    }

    #[test]
    fn padding_is_there_for_every_start() {
        for start in 0..200 {
            let extra = alignment(start, 64);
            assert!((start + extra.len()).is_multiple_of(64));
            assert_eq!(usize::from(u16::from_le_bytes([extra[2], extra[3]])), extra.len() - 4);
        }
    }
}
