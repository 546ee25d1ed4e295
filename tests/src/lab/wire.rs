//! A wire in user space that loses and delays packets: this kernel may have no netem, and a test wants the same losses
//! every time.
use super::{
    error::{LabError, Result},
    internet::Bytes,
    namespace::Namespace,
};
use consentry_engine::io::Tun;
use consentry_runtime::{TunSource, tun::TunDevice};
use mio::{Events, Interest, Poll, Token, Waker, unix::SourceFd};
use std::{
    collections::VecDeque,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long each packet is under way.
pub const DELAY: Duration = Duration::from_millis(20);
/// One packet in this many is lost, each way.
pub const LOSS_ONE_IN: u64 = 100;
/// Packets under way at one time, each way; more are lost, as at any full queue.
const ROOM: usize = 4096;

/// Two TUN devices, one in each namespace, and the thread that carries packets between them.
#[derive(Debug)]
pub struct Wire {
    thread: Option<JoinHandle<()>>,
    waker: Waker,
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
}

struct End {
    device: TunDevice,
    /// What travels towards this end, and when it arrives.
    arriving: VecDeque<(Instant, Vec<u8>)>,
    dice: Bytes,
}

const STOP: Token = Token(2);

impl Wire {
    /// Makes both devices, with the names given, and starts carrying packets.
    pub fn between(left: &Namespace, left_name: &str, right: &Namespace, right_name: &str) -> Result<Self> {
        let open = |namespace: &Namespace, name: &str| {
            let device =
                namespace.enter(|| TunDevice::open(TunSource::Name(name.to_owned()), Some(super::MTU)))?;
            device.map_err(|error| LabError::Unexpected(format!("making a wire: {error}")))
        };
        let ends = [(open(left, left_name)?, 1), (open(right, right_name)?, 2)];
        let ends =
            ends.map(|(device, seed)| End { device, arriving: VecDeque::new(), dice: Bytes::new(seed) });
        let poll = Poll::new().map_err(LabError::io("making a wire"))?;
        for (index, end) in ends.iter().enumerate() {
            let descriptor = end.device.as_raw_fd();
            poll.registry()
                .register(&mut SourceFd(&descriptor), Token(index), Interest::READABLE)
                .map_err(LabError::io("making a wire"))?;
        }
        let waker = Waker::new(poll.registry(), STOP).map_err(LabError::io("making a wire"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicU64::new(0));
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&lost));
        let thread = std::thread::spawn(move || carry(poll, ends, &stopped, &count));
        Ok(Self { thread: Some(thread), waker, stop, lost })
    }

    /// Packets lost so far, both ways.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Waking fails only if the thread is gone already.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn carry(mut poll: Poll, mut ends: [End; 2], stop: &AtomicBool, lost: &AtomicU64) {
    let mut events = Events::with_capacity(4);
    let mut buffer = vec![0; consentry_runtime::tun::LARGEST_PACKET];
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        let next = ends.iter().filter_map(|end| end.arriving.front()).map(|(due, _)| *due).min();
        let timeout = next.map(|due| due.saturating_duration_since(now));
        match poll.poll(&mut events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => panic!("the wire cannot wait for packets: {error}"),
        }
        let now = Instant::now();
        let [left, right] = &mut ends;
        pass(left, right, now, &mut buffer, lost);
        pass(right, left, now, &mut buffer, lost);
    }
}

/// Takes what `from` has sent, and delivers to `to` what has arrived by `now`.
fn pass(from: &mut End, to: &mut End, now: Instant, buffer: &mut [u8], lost: &AtomicU64) {
    while let Ok(Some(len)) = from.device.read(buffer) {
        if from.dice.next_u64().is_multiple_of(LOSS_ONE_IN) || to.arriving.len() >= ROOM {
            lost.fetch_add(1, Ordering::Relaxed);
        } else {
            to.arriving.push_back((now + DELAY, buffer[..len].to_vec()));
        }
    }
    while to.arriving.front().is_some_and(|(due, _)| *due <= now) {
        let (_, packet) = to.arriving.pop_front().expect("the queue has a front");
        to.device.send(&packet);
    }
    to.device.write_waiting();
}
