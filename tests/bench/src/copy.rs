//! The plain copy: packets from one TUN device to another, a thread each way.
use consentry_engine::io::Tun as _;
use consentry_runtime::{
    TunSource,
    tun::{LARGEST_PACKET, TunDevice},
};
use mio::{Events, Interest, Poll, Token, unix::SourceFd};
use std::{error::Error, os::fd::AsRawFd};

/// Copies until it is killed.
pub(crate) fn run(left: &str, right: &str) -> Result<(), Box<dyn Error>> {
    let open = |name: &str| TunDevice::open(TunSource::Name(name.to_owned()), None);
    // Who waits for the left one may use both when it is there.
    let right = open(right)?;
    let mut devices = [open(left)?, right];
    let mut poll = Poll::new()?;
    for (index, device) in devices.iter().enumerate() {
        poll.registry().register(&mut SourceFd(&device.as_raw_fd()), Token(index), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(2);
    let mut packet = vec![0; LARGEST_PACKET];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let from = event.token().0;
            while let Some(length) = devices[from].read(&mut packet)? {
                devices[1 - from].send(&packet[..length]);
            }
        }
    }
}
