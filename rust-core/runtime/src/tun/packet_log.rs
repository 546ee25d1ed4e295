//! A capture file of every packet that passes the TUN device.
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// pcap with microseconds, in this machine's byte order (draft-ietf-opsawg-pcap section 4).
const MAGIC: u32 = 0xA1B2_C3D4;
/// Raw IP packets; the first nibble tells the version (`LINKTYPE_RAW`).
const LINKTYPE_RAW: u32 = 101;
/// Longest packet kept; none is longer.
const SNAP_LENGTH: u32 = 65_535;

/// The longest capture, in bytes: what a person can still open, and no disk is filled by a capture that was forgotten.
const LONGEST: u64 = 1_000_000_000;

/// A pcap file that only its owner can read. When it has reached its longest or cannot be written any more (a full disk), it ends
/// there, and the firewall goes on.
#[derive(Debug)]
pub struct PacketLog {
    file: Option<BufWriter<File>>,
    /// Bytes that may still be written.
    left: u64,
}

impl PacketLog {
    /// Starts a new capture file; an existing file is replaced, and its mode set to 0600.
    ///
    /// # Errors
    /// Those of creating and writing a file.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        if file.metadata()?.is_file() {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        let mut file = BufWriter::with_capacity(128 * 1024, file);
        let mut header = Vec::with_capacity(24);
        header.extend(MAGIC.to_ne_bytes());
        header.extend(2u16.to_ne_bytes());
        header.extend(4u16.to_ne_bytes());
        header.extend([0; 8]);
        header.extend(SNAP_LENGTH.to_ne_bytes());
        header.extend(LINKTYPE_RAW.to_ne_bytes());
        file.write_all(&header)?;
        file.flush()?;
        Ok(Self { file: Some(file), left: LONGEST })
    }

    /// Adds one packet, stamped with the present time.
    pub fn write(&mut self, packet: &[u8]) {
        let size = 16 + packet.len() as u64;
        if self.left < size {
            self.end();
        }
        let Some(file) = &mut self.file else { return };
        self.left -= size;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let len = (packet.len() as u32).to_ne_bytes();
        let mut header = [0; 16];
        header[..4].copy_from_slice(&(time.as_secs() as u32).to_ne_bytes());
        header[4..8].copy_from_slice(&time.subsec_micros().to_ne_bytes());
        header[8..12].copy_from_slice(&len);
        header[12..].copy_from_slice(&len);
        let result = file.write_all(&header).and_then(|()| file.write_all(packet));
        self.end_on(result);
    }

    /// Hands what is buffered to the system.
    pub fn flush(&mut self) {
        let Some(file) = &mut self.file else { return };
        let result = file.flush();
        self.end_on(result);
    }

    /// It has reached its longest.
    fn end(&mut self) {
        self.flush();
        if self.file.take().is_some() {
            log::warn!("the packet log ends here: it has {LONGEST} bytes");
        }
    }

    fn end_on(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            log::warn!("the packet log ends here: {error}");
            if let Some(file) = self.file.take() {
                // Dropping the writer would try once more to write what just failed.
                drop(file.into_parts());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_can_read_it_even_if_it_was_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packets.pcap");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        drop(PacketLog::create(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap()[..4], MAGIC.to_ne_bytes());
    }

    #[test]
    fn it_ends_at_its_longest_with_a_whole_packet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packets.pcap");
        let mut log = PacketLog::create(&path).unwrap();
        log.left = 2 * 116 + 50;
        for _ in 0..3 {
            log.write(&[0x45; 100]);
        }
        log.flush();
        // A file header of 24 bytes, and 16 before each packet.
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 24 + 2 * 116);
    }

    #[test]
    fn a_full_disk_ends_the_log_without_harm() {
        let mut log = PacketLog {
            file: Some(BufWriter::new(File::options().write(true).open("/dev/full").unwrap())),
            left: LONGEST,
        };
        log.write(&[0x45; 100]);
        log.flush();
        assert!(log.file.is_none());
        log.write(&[0x45; 100]);
        log.flush();
    }
}
