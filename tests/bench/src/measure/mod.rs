//! What is measured. Each measure puts load on the phone's side and reads what the engine spent.
mod bulk;
mod connections;
mod datagrams;
mod flows;
mod latencies;
mod rest;

use crate::{
    course::{Course, Link},
    engine::{Kind, Programs, Runner, Running},
    servers::{ECHO, NAMES},
};
use consentry_tests::lab::Result;
use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// Figures by their name; the names say the unit.
pub(crate) type Figures = BTreeMap<String, f64>;

/// One measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Measure {
    /// TCP, one and eight streams, both ways.
    Bulk,
    /// The same with 1 % of the packets lost and 20 ms of delay each way.
    Lossy,
    /// Short connections, fifty at once, then one after the other.
    Connections,
    /// Questions and answers over UDP: 32 flows, then a flow for each.
    Datagrams,
    /// DNS questions.
    Names,
    /// Memory with idle flows, and a download beside them.
    Flows,
    /// Nothing to do; then fifty connections that say a word now and then beside an app that is held and tries again.
    Rest,
}

/// All of them.
pub(crate) const MEASURES: [Measure; 7] = [
    Measure::Bulk,
    Measure::Connections,
    Measure::Datagrams,
    Measure::Names,
    Measure::Flows,
    Measure::Rest,
    Measure::Lossy,
];

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bulk => "bulk",
            Self::Lossy => "lossy",
            Self::Connections => "connections",
            Self::Datagrams => "datagrams",
            Self::Names => "names",
            Self::Flows => "flows",
            Self::Rest => "rest",
        })
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        MEASURES
            .into_iter()
            .find(|measure| measure.to_string() == text)
            .ok_or_else(|| format!("there are {}", MEASURES.map(|measure| measure.to_string()).join(", ")))
    }
}

impl Measure {
    /// Whether it says anything about this engine.
    fn concerns(self, kind: Kind) -> bool {
        match self {
            // The kernel's and the copy's memory is not theirs; nor do they hold anything.
            Self::Flows | Self::Rest => {
                !matches!(kind, Kind::Kernel | Kind::KernelWithoutOffloads | Kind::Copy)
            }
            // Its packets would not fit the lossy wire.
            Self::Lossy => kind != Kind::Kernel,
            _ => true,
        }
    }
}

/// Takes these measures of one engine, each on a course of its own.
pub(crate) fn take(
    runner: Runner,
    programs: &Programs,
    measures: &[Measure],
    seconds: u64,
    mut note: impl FnMut(Measure, Result<Figures>),
) -> Result<()> {
    let load = Duration::from_secs(seconds);
    let concerning = measures.iter().copied().filter(|measure| measure.concerns(runner.kind));
    let plain = if runner.kind == Kind::Kernel { Link::Fast } else { Link::WithoutOffloads };
    // An engine's sockets are the kernel's: it may use the offloads of the link they go out by.
    let link =
        if matches!(runner.kind, Kind::KernelWithoutOffloads | Kind::Copy) { plain } else { Link::Fast };
    for measure in concerning {
        // A new engine for each: what one load leaves behind in memory is not the next one's.
        let course = Course::new(if measure == Measure::Lossy { Link::Lossy } else { link })?;
        let running = match Running::start(&course, runner, programs) {
            Ok(running) => running,
            Err(error) => {
                note(measure, Err(error));
                continue;
            }
        };
        let figures = match measure {
            Measure::Bulk => bulk::measure(&course, &running, load),
            Measure::Lossy => bulk::measure_down(&course, &running, load),
            Measure::Connections => connections::measure(&course, &running, load),
            Measure::Datagrams => datagrams::measure(&course, &running, ECHO, load),
            Measure::Names => datagrams::measure_names(&course, &running, NAMES, load),
            Measure::Flows => flows::measure(&course, &running, load),
            Measure::Rest => rest::measure(&course, &running, runner.kind),
        };
        note(measure, figures);
    }
    Ok(())
}
