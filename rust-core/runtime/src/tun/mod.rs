//! The TUN device: whole IP packets in and out of one descriptor.
mod link;
mod packet_log;

pub use link::TunError;
pub use packet_log::PacketLog;

use consentry_engine::io::Tun;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The MTU of a device that we create, unless told otherwise. TCP ends at this machine, so the size never reaches the
/// network, and large packets are what makes a TUN device without offloads cheap.
pub const DEFAULT_MTU: usize = 65_535;
/// The largest IP packet there is (RFC 791 section 3.1), and so the size of a read buffer.
pub const LARGEST_PACKET: usize = 65_535;
/// The smallest MTU that carries both families (RFC 8200 section 5).
pub const SMALLEST_MTU: usize = 1280;
/// Packets kept while the device takes none. The engine stops producing as soon as one waits; only the answers it owes to
/// packets already read (at most a batch of them) arrive after that.
const MOST_WAITING: usize = 1024;

/// Where the TUN device comes from.
#[derive(Debug)]
pub enum TunSource {
    /// An interface of this name, created when there is none.
    Name(String),
    /// A descriptor made by somebody else (`VpnService` on Android).
    Descriptor(OwnedFd),
}

/// An open TUN device. Reading and writing never block.
#[derive(Debug)]
pub struct TunDevice {
    descriptor: OwnedFd,
    name: Option<String>,
    mtu: usize,
    waiting: VecDeque<Box<[u8]>>,
    dropped: u64,
    log: Option<PacketLog>,
}

impl TunDevice {
    /// Opens the device.
    ///
    /// An interface that we create is given the MTU (`None`: [`DEFAULT_MTU`]) and brought up; it disappears when the device is
    /// closed. One that was there is changed only if an MTU is asked for. A descriptor carries no MTU: `None` means
    /// [`DEFAULT_MTU`].
    ///
    /// # Errors
    /// [`TunError`] says what was refused and what to do about it.
    pub fn open(source: TunSource, mtu: Option<usize>) -> Result<Self, TunError> {
        if let Some(mtu) = mtu
            && !(SMALLEST_MTU..=LARGEST_PACKET).contains(&mtu)
        {
            return Err(TunError::Mtu(mtu));
        }
        let (descriptor, name, mtu) = match source {
            TunSource::Name(name) => {
                let (descriptor, mtu) = link::open(&name, mtu)?;
                (descriptor, Some(name), mtu)
            }
            TunSource::Descriptor(descriptor) => {
                link::set_non_blocking(&descriptor)?;
                (descriptor, None, mtu.unwrap_or(DEFAULT_MTU))
            }
        };
        Ok(Self { descriptor, name, mtu, waiting: VecDeque::new(), dropped: 0, log: None })
    }

    /// Writes every packet that passes, both ways, to a capture file as well.
    #[must_use]
    pub fn with_packet_log(mut self, log: PacketLog) -> Self {
        self.log = Some(log);
        self
    }

    /// The interface's name, if it was opened by name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Reads one packet; `Ok(None)` when there is none just now.
    ///
    /// # Errors
    /// Those of read(2) other than "try again".
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::io::read(&self.descriptor, &mut *buffer) {
                Ok(len) => {
                    if let Some(log) = &mut self.log {
                        log.write(&buffer[..len]);
                    }
                    return Ok(Some(len));
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether packets wait for the device to become writable.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes the packets that wait, oldest first, as far as the device takes them.
    pub fn write_waiting(&mut self) {
        while let Some(packet) = self.waiting.pop_front() {
            if !self.write(&packet) {
                self.waiting.push_front(packet);
                return;
            }
        }
    }

    /// Packets that the device refused or that did not fit the queue, so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Hands what the packet log holds to the system. Called before the loop goes to sleep.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }

    /// Writes one packet; false when it has to wait.
    fn write(&mut self, packet: &[u8]) -> bool {
        loop {
            match rustix::io::write(&self.descriptor, packet) {
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::NOBUFS) => return false,
                Err(error) => {
                    // A device that is down (EIO) or a packet the kernel finds malformed (EINVAL): as on any link, it is lost.
                    log::trace!("the TUN device refused a packet of {} bytes: {error}", packet.len());
                    self.dropped += 1;
                    return true;
                }
            }
        }
    }
}

impl AsRawFd for TunDevice {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

impl Tun for TunDevice {
    fn has_room(&self) -> bool {
        self.waiting.is_empty()
    }

    fn send(&mut self, packet: &[u8]) {
        if let Some(log) = &mut self.log {
            log.write(packet);
        }
        if self.waiting.is_empty() && self.write(packet) {
            return;
        }
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back(packet.into());
        } else {
            self.dropped += 1;
        }
    }

    fn mtu(&self) -> usize {
        self.mtu
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    /// A datagram socket keeps packet bounds and fills up, as a TUN device does.
    fn twin() -> (TunDevice, UnixDatagram) {
        let (ours, apps) = UnixDatagram::pair().unwrap();
        apps.set_nonblocking(true).unwrap();
        (TunDevice::open(TunSource::Descriptor(ours.into()), Some(1500)).unwrap(), apps)
    }

    #[test]
    fn packets_keep_their_bounds_both_ways() {
        let (mut tun, apps) = twin();
        let mut buffer = [0; 2000];
        assert_eq!(tun.read(&mut buffer).unwrap(), None);
        apps.send(b"one").unwrap();
        apps.send(b"three").unwrap();
        assert_eq!(tun.read(&mut buffer).unwrap(), Some(3));
        assert_eq!(tun.read(&mut buffer).unwrap(), Some(5));
        assert_eq!(&buffer[..5], b"three");
        tun.send(b"answer");
        assert_eq!(apps.recv(&mut buffer).unwrap(), 6);
        assert_eq!(tun.mtu(), 1500);
    }

    #[test]
    fn a_full_device_makes_packets_wait_and_keeps_their_order() {
        let (mut tun, apps) = twin();
        let mut sent = 0u32;
        while tun.has_room() {
            tun.send(&sent.to_be_bytes());
            sent += 1;
        }
        // What comes after the device is full waits behind what came before.
        tun.send(&sent.to_be_bytes());
        sent += 1;
        assert!(tun.is_waiting());
        let mut buffer = [0; 8];
        let mut received = 0u32;
        while received < sent {
            match apps.recv(&mut buffer) {
                Ok(len) => {
                    assert_eq!(buffer[..len], received.to_be_bytes());
                    received += 1;
                }
                Err(_) => tun.write_waiting(),
            }
        }
        assert!(tun.has_room());
        assert_eq!(tun.dropped(), 0);
    }

    #[test]
    fn the_queue_is_bounded_and_losses_are_counted() {
        let (mut tun, _apps) = twin();
        while tun.has_room() {
            tun.send(b"x");
        }
        for _ in 0..MOST_WAITING + 10 {
            tun.send(b"y");
        }
        // One packet was waiting already.
        assert_eq!(tun.dropped(), 11);
    }

    #[test]
    fn an_impossible_mtu_is_refused() {
        let (ours, _apps) = UnixDatagram::pair().unwrap();
        let error = TunDevice::open(TunSource::Descriptor(ours.into()), Some(1279)).unwrap_err();
        assert!(error.to_string().contains("1279"));
    }

    #[test]
    fn a_name_that_cannot_be_an_interface_is_refused() {
        for name in ["", "a-name-that-is-too-long", "sla/sh", "spa ce", "nul\0"] {
            let error = TunDevice::open(TunSource::Name(name.to_owned()), None).unwrap_err();
            assert!(matches!(error, TunError::Name(_)), "{name:?}: {error}");
        }
    }

    #[test]
    fn the_log_holds_both_directions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packets.pcap");
        let (ours, apps) = UnixDatagram::pair().unwrap();
        let tun = TunDevice::open(TunSource::Descriptor(ours.into()), None).unwrap();
        let mut tun = tun.with_packet_log(PacketLog::create(&path).unwrap());
        apps.send(&[0x45, 1]).unwrap();
        tun.read(&mut [0; 64]).unwrap();
        tun.send(&[0x60, 2, 3]);
        tun.flush_log();
        let bytes = std::fs::read(&path).unwrap();
        // File header, then a record header and the packet, twice.
        assert_eq!(bytes.len(), 24 + (16 + 2) + (16 + 3));
        assert!(bytes.ends_with(&[0x60, 2, 3]));
    }
}
