//! Putting the package together.
use super::{
    archive::{self, Archive, Method},
    files,
    native::{LIBRARY, Library},
};
use crate::TaskError;
use std::path::{Path, PathBuf};

/// The resource table and pictures are mapped straight out of the package, at multiples of so many bytes.
pub(super) const WORD: u16 = 4;

/// Manifest, resources, bytecode and libraries in one file, in an order that does not depend on anything.
///
/// The libraries are compressed, and the phone unpacks the one for its processor when it installs: with three of them in one
/// package that takes half the download, and less room on the phone, than mapping one out of three that lie there as they are.
pub(super) fn pack(
    resources: &Path,
    bytecode: &[PathBuf],
    libraries: &[Library],
) -> Result<Vec<u8>, TaskError> {
    let mut entries = Vec::new();
    archive::read_each(
        resources,
        |_| true,
        |entry| {
            let method = if entry.stored { Method::Stored { align: WORD } } else { Method::Compressed };
            entries.push((entry.name, entry.contents, method));
            Ok(())
        },
    )?;
    for file in bytecode {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries.push((name, files::read(file)?, Method::Compressed));
    }
    for library in libraries {
        let name = format!("lib/{}/{LIBRARY}", library.abi.name);
        entries.push((name, files::read(&library.path)?, Method::Compressed));
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let mut archive = Archive::default();
    for (name, contents, method) in entries {
        archive.add(&name, &contents, method)?;
    }
    archive.finish()
}
