//! What PCAPdroid, a capture app for Android, adds to its frames if asked to: which app each belongs to.
//!
//! The frame is that of Ethernet with addresses of zeros; behind the packet stand a magic number, the app's user id, up to 20 bytes
//! of its name and a checksum, big-endian.

/// Bytes of the trailer.
const TRAILER: usize = 32;
const MAGIC: [u8; 4] = [0x01, 0x07, 0x20, 0x21];
/// User id of packets that belong to no app.
const NOBODY: i32 = -1;

/// The app that a frame belongs to: its name, or its user id if it has none.
pub(super) fn app(frame: &[u8]) -> Option<String> {
    let trailer = frame.get(frame.len().checked_sub(TRAILER)?..)?;
    if frame.get(..12)? != [0; 12] || !trailer.starts_with(&MAGIC) {
        return None;
    }
    let uid = i32::from_be_bytes(*trailer[4..].first_chunk()?);
    let name = trailer[8..28].split(|byte| *byte == 0).next().unwrap_or_default();
    // A name that was cut within a letter loses that letter.
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .filter(|c| !c.is_control() && *c != char::REPLACEMENT_CHARACTER)
        .collect();
    match (name.trim(), uid) {
        ("", NOBODY) => None,
        ("", uid) => Some(format!("uid {uid}")),
        (name, _) => Some(name.to_owned()),
    }
}
