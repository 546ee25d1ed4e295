//! Memory with idle connections, and what a download costs beside them.
use super::{Figures, bulk};
use crate::{
    course::Course,
    engine::Running,
    meter::memory,
    servers::{GREETING_LENGTH, KEEPER},
};
use consentry_tests::lab::Result;
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// How many stand idle, one measurement after the other: both ends of the most fit the usual limit of 20,000 descriptors.
const COUNTS: [usize; 2] = [1_000, 9_500];

/// For how long they say nothing before memory is read.
const IDLE: Duration = Duration::from_secs(15);

/// Memory at rest and with idle flows in KiB; for each count the processor time of a download beside them.
pub(super) fn measure(course: &Course, running: &Running, load: Duration) -> Result<Figures> {
    let mut figures = Figures::new();
    let kib = || running.process().and_then(memory).unwrap_or(0) as f64;
    figures.insert("rest KiB".into(), kib());
    let mut idle: Vec<TcpStream> = Vec::new();
    for count in COUNTS {
        let more = course.phone.enter(|| open(count - idle.len()))?;
        match more {
            Ok(more) => idle.extend(more),
            Err(error) => {
                figures.insert(format!("open of {count}"), idle.len() as f64);
                eprintln!("    {count} idle flows: {error}");
                break;
            }
        }
        std::thread::sleep(IDLE);
        figures.insert(format!("{count} idle KiB"), kib());
        let down = bulk::measure_down(course, running, load.min(Duration::from_secs(3)))?;
        figures.extend(down.into_iter().map(|(name, value)| (format!("{count} idle {name}"), value)));
    }
    Ok(figures)
}

/// Connections that have each said and heard something, so that they exist on both sides.
fn open(count: usize) -> io::Result<Vec<TcpStream>> {
    let connect = |_| {
        let mut stream = TcpStream::connect_timeout(&KEEPER.into(), Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        // A line, as a client of a protocol of lines would say it.
        let mut greeting = *b"hello over there";
        greeting[GREETING_LENGTH - 1] = b'\n';
        stream.write_all(&greeting)?;
        stream.read_exact(&mut greeting)?;
        Ok(stream)
    };
    (0..count).map(connect).collect()
}
