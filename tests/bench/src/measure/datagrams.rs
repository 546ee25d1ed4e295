//! Questions and answers over UDP.
use super::{Figures, latencies::Latencies};
use crate::{course::Course, engine::Running, meter::Meter};
use consentry_tests::lab::{LabError, Result};
use mio::{Events, Interest, Poll, Token, net::UdpSocket};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::{Duration, Instant},
};

/// Sockets that each wait for one answer.
const AT_ONCE: usize = 32;
/// An answer that takes longer was lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// Flows that a run with a new one for each question makes at most.
const MOST_FLOWS: usize = 4_000;

/// Whether each question comes from a socket of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sockets {
    Kept,
    Fresh,
}

/// What was heard.
struct Heard {
    answers: Latencies,
    lost: u64,
    wall: Duration,
}

/// 32 flows that ask again and again; then a new flow for each question.
pub(super) fn measure(
    course: &Course,
    running: &Running,
    server: SocketAddrV4,
    load: Duration,
) -> Result<Figures> {
    let mut figures = Figures::new();
    for (name, sockets) in [("kept", Sockets::Kept), ("fresh", Sockets::Fresh)] {
        let message = |_, bytes: &mut Vec<u8>| bytes.resize(64, 0x55);
        ask(course, running, server, load, name, sockets, message, &mut figures)?;
    }
    Ok(figures)
}

/// DNS questions, each for another name and from another port, as phones ask.
pub(super) fn measure_names(
    course: &Course,
    running: &Running,
    server: SocketAddrV4,
    load: Duration,
) -> Result<Figures> {
    let mut figures = Figures::new();
    ask(course, running, server, load, "questions", Sockets::Fresh, question, &mut figures)?;
    Ok(figures)
}

/// For the address of a name that nobody has asked for yet (RFC 1035 §4.1).
fn question(number: usize, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(number as u16).to_be_bytes());
    bytes.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in [format!("n{number}").as_str(), "example", "net"] {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
}

#[allow(clippy::too_many_arguments, reason = "each says what is measured, and there is one caller for each")]
fn ask(
    course: &Course,
    running: &Running,
    server: SocketAddrV4,
    load: Duration,
    name: &str,
    sockets: Sockets,
    message: fn(usize, &mut Vec<u8>),
    figures: &mut Figures,
) -> Result<()> {
    let meter = Meter::start(running.process());
    let heard = course.phone.enter(|| ask_again_and_again(server.into(), load, sockets, message))?;
    let heard = heard.map_err(LabError::io("asking over UDP"))?;
    let answers = heard.answers.count().max(1) as f64;
    figures.insert(format!("{name} answers/s"), answers / heard.wall.as_secs_f64());
    figures.insert(format!("{name} lost"), heard.lost as f64);
    if let Some(processor) = meter.spent().processor {
        figures.insert(format!("{name} CPU us/answer"), processor * 1e6 / answers);
    }
    heard.answers.sum_up(name, figures);
    Ok(())
}

fn ask_again_and_again(
    server: SocketAddr,
    load: Duration,
    sockets: Sockets,
    message: fn(usize, &mut Vec<u8>),
) -> io::Result<Heard> {
    let mut poll = Poll::new()?;
    let mut number = 0;
    let mut send = |socket: &UdpSocket| {
        let mut bytes = Vec::with_capacity(64);
        message(number, &mut bytes);
        number += 1;
        let sent = Instant::now();
        // A full queue loses it; patience runs out then.
        let _ = socket.send(&bytes);
        sent
    };
    let open = |poll: &Poll, index: usize| -> io::Result<UdpSocket> {
        let mut socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        socket.connect(server)?;
        poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
        Ok(socket)
    };
    let mut waiting = (0..AT_ONCE)
        .map(|index| open(&poll, index).map(|socket| (send(&socket), socket)))
        .collect::<io::Result<Vec<_>>>()?;
    let mut events = Events::with_capacity(64);
    let mut buffer = [0; 2048];
    let (mut answers, mut lost) = (Latencies::default(), 0);
    let began = Instant::now();
    while began.elapsed() < load && (sockets == Sockets::Kept || answers.count() < MOST_FLOWS) {
        poll.poll(&mut events, Some(Duration::from_millis(50)))?;
        for event in &events {
            let index = event.token().0;
            while waiting[index].1.recv(&mut buffer).is_ok() {
                answers.note(waiting[index].0.elapsed());
                if sockets == Sockets::Fresh {
                    waiting[index].1 = open(&poll, index)?;
                }
                waiting[index].0 = send(&waiting[index].1);
            }
        }
        for (index, (since, socket)) in waiting.iter_mut().enumerate() {
            if since.elapsed() > PATIENCE {
                lost += 1;
                *socket = open(&poll, index)?;
                *since = send(socket);
            }
        }
    }
    Ok(Heard { answers, lost, wall: began.elapsed() })
}
