//! TCP streams, by iperf3.
use super::Figures;
use crate::{
    course::{BULK_PORT, Course, SERVER},
    engine::Running,
    meter::Meter,
};
use consentry_tests::lab::{LabError, Result};
use serde::Deserialize;
use std::time::Duration;

/// How often a busy server is asked again, and after how long.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Report {
    end: Option<End>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct End {
    sum_received: Option<Sum>,
}

#[derive(Deserialize)]
struct Sum {
    bytes: f64,
    bits_per_second: f64,
}

/// One and eight streams, down and up: Mbit/s, and processor seconds of the engine for each gigabyte.
pub(super) fn measure(course: &Course, running: &Running, load: Duration) -> Result<Figures> {
    let mut figures = Figures::new();
    for (name, streams, down) in
        [("down1", 1, true), ("up1", 1, false), ("down8", 8, true), ("up8", 8, false)]
    {
        stream(course, running, load, name, streams, down, &mut figures)?;
    }
    Ok(figures)
}

/// One stream down.
pub(super) fn measure_down(course: &Course, running: &Running, load: Duration) -> Result<Figures> {
    let mut figures = Figures::new();
    stream(course, running, load, "down1", 1, true, &mut figures)?;
    Ok(figures)
}

fn stream(
    course: &Course,
    running: &Running,
    load: Duration,
    name: &str,
    streams: u32,
    down: bool,
    figures: &mut Figures,
) -> Result<()> {
    let mut command = course.phone.command("iperf3");
    command.args(["--client", &SERVER.to_string(), "--port", &BULK_PORT.to_string(), "--json"]);
    command.args(["--time", &load.as_secs().to_string(), "--parallel", &streams.to_string()]);
    command.args(["--connect-timeout", "5000"]);
    if down {
        command.arg("--reverse");
    }
    let broken = |what: String| LabError::Unexpected(format!("iperf3, {name}: {what}"));
    let mut tries = 0;
    let (report, spent) = loop {
        let meter = Meter::start(running.process());
        let output = command.output().map_err(LabError::io("starting iperf3"))?;
        let spent = meter.spent();
        let report: Report =
            serde_json::from_slice(&output.stdout).map_err(|error| broken(error.to_string()))?;
        match report.error {
            None => break (report, spent),
            // Its server serves one client, and notices late when an engine has not closed the connections of the last.
            Some(error) if error.contains("busy") && tries < BUSY_TRIES => {
                tries += 1;
                std::thread::sleep(BUSY_PAUSE);
            }
            Some(error) => return Err(broken(error)),
        }
    };
    let sum = report.end.and_then(|end| end.sum_received).filter(|sum| sum.bytes > 0.0);
    let sum = sum.ok_or_else(|| broken("nothing was carried".into()))?;
    figures.insert(format!("{name} Mbit/s"), sum.bits_per_second / 1e6);
    if let Some(processor) = spent.processor {
        figures.insert(format!("{name} CPU-s/GB"), processor / (sum.bytes / 1e9));
    }
    Ok(())
}
