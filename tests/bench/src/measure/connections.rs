//! Short connections: connect, ask for a kibibyte, read it, close.
use super::{Figures, latencies::Latencies};
use crate::{
    course::{Course, WEB},
    engine::Running,
    meter::Meter,
};
use consentry_tests::lab::{LabError, Result};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

const AT_ONCE: usize = 50;
const REQUEST: &[u8] = b"GET /kibibyte HTTP/1.0\r\nHost: files.example.net\r\n\r\n";
const BODY: usize = 1024;
/// A connection that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);

/// One connection under way.
struct Attempt {
    stream: TcpStream,
    began: Instant,
    connected: Option<Duration>,
    heard: Vec<u8>,
}

/// How one round of reading ended.
enum Progress {
    Waiting,
    Done,
}

/// Fifty at once: connections a second, latency, processor time for each; then one at a time: the latency of one.
pub(super) fn measure(course: &Course, running: &Running, load: Duration) -> Result<Figures> {
    let mut figures = Figures::new();
    let meter = Meter::start(running.process());
    let (whole, _, failed) = run(course, AT_ONCE, load)?;
    let spent = meter.spent();
    let done = whole.count().max(1) as f64;
    figures.insert("conn/s".into(), done / spent.wall);
    figures.insert("failed".into(), failed as f64);
    if let Some(processor) = spent.processor {
        figures.insert("CPU ms/conn".into(), processor * 1e3 / done);
    }
    whole.sum_up("whole", &mut figures);
    let (alone, connect, _) = run(course, 1, load.min(Duration::from_secs(2)))?;
    alone.sum_up("alone", &mut figures);
    connect.sum_up("connect", &mut figures);
    Ok(figures)
}

fn run(course: &Course, at_once: usize, load: Duration) -> Result<(Latencies, Latencies, u64)> {
    let work = || connect_again_and_again(at_once, load);
    course.phone.enter(work)?.map_err(LabError::io("making connections"))
}

fn connect_again_and_again(at_once: usize, load: Duration) -> io::Result<(Latencies, Latencies, u64)> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(256);
    let mut attempts: Vec<Attempt> =
        (0..at_once).map(|index| Attempt::begin(&poll, index)).collect::<io::Result<_>>()?;
    let (mut whole, mut connect, mut failed) = (Latencies::default(), Latencies::default(), 0);
    let end = Instant::now() + load;
    while Instant::now() < end {
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        for event in &events {
            let attempt = &mut attempts[event.token().0];
            match attempt.go_on(event.is_writable()) {
                Ok(Progress::Waiting) => continue,
                Ok(Progress::Done) => {
                    whole.note(attempt.began.elapsed());
                    connect.note(attempt.connected.unwrap_or_default());
                }
                Err(_) => failed += 1,
            }
            *attempt = Attempt::begin(&poll, event.token().0)?;
        }
        for (index, attempt) in attempts.iter_mut().enumerate() {
            if attempt.began.elapsed() > PATIENCE {
                failed += 1;
                *attempt = Attempt::begin(&poll, index)?;
            }
        }
    }
    Ok((whole, connect, failed))
}

impl Attempt {
    fn begin(poll: &Poll, index: usize) -> io::Result<Self> {
        let began = Instant::now();
        let mut stream = TcpStream::connect(WEB.into())?;
        poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, began, connected: None, heard: Vec::with_capacity(2048) })
    }

    fn go_on(&mut self, writable: bool) -> io::Result<Progress> {
        if self.connected.is_none() {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            if !writable || self.stream.peer_addr().is_err() {
                return Ok(Progress::Waiting);
            }
            self.connected = Some(self.began.elapsed());
            self.stream.write_all(REQUEST)?;
        }
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) if self.is_whole() => return Ok(Progress::Done),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.heard.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(if self.is_whole() { Progress::Done } else { Progress::Waiting })
    }

    fn is_whole(&self) -> bool {
        let head = self.heard.windows(4).position(|four| four == b"\r\n\r\n");
        head.is_some_and(|head| self.heard.len() - head - 4 >= BODY)
    }
}
