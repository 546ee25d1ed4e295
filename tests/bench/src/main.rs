//! `cargo xtask bench` runs this: our engine beside the kernel and beside other engines, each in turn, again and again, so that
//! what the machine does meanwhile falls on all of them alike.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod copy;
mod course;
mod engine;
mod measure;
mod meter;
mod plot;
mod results;
mod servers;
mod table;

use clap::{Parser, Subcommand};
use consentry_bench::paths::{self, PATHS, Step};
use engine::{KINDS, Kind, Programs, Runner};
use measure::{MEASURES, Measure};
use results::{Results, Sample};
use std::{error::Error, path::PathBuf, process::ExitCode};

/// The size of packets on most networks.
const ETHERNET: u32 = 1500;
/// The sizes besides that phones are given, ours the last.
const LARGER: [u32; 2] = [9000, 65_535];

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Measure the engine beside the kernel and other engines")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure
    Run(Options),
    /// Copy packets from one TUN device to another, and back
    Copy {
        /// One device
        left: String,
        /// The other
        right: String,
    },
    /// Take a hot path so many times, to count instructions; without a name, list them all
    Path {
        /// Its name
        name: Option<String>,
        /// How many times
        #[arg(default_value_t = 20)]
        times: u32,
    },
    /// Write the table and the plot of results once more
    Report {
        /// The folder with results.jsonl
        folder: PathBuf,
    },
}

#[derive(clap::Args)]
struct Options {
    /// The program that is measured
    #[arg(long, value_name = "PROGRAM")]
    consentry: PathBuf,
    /// The relay made of the crate ipstack
    #[arg(long, value_name = "PROGRAM")]
    ipstack: Option<PathBuf>,
    /// sing-box
    #[arg(long, value_name = "PROGRAM")]
    sing_box: Option<PathBuf>,
    /// Where results.jsonl, table.md and plot.svg go
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Measure these only; repeatable
    #[arg(long = "engine", value_name = "NAME")]
    engines: Vec<Kind>,
    /// Take these measures only; repeatable
    #[arg(long = "measure", value_name = "NAME")]
    measures: Vec<Measure>,
    /// Packet sizes, in bytes; repeatable [default: 1500, and for some engines larger ones]
    #[arg(long = "mtu", value_name = "N")]
    mtus: Vec<u32>,
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_name = "N")]
    repetitions: u32,
    /// How long each load lasts
    #[arg(long, default_value_t = 4, value_name = "N")]
    seconds: u64,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Run(options) => run(&options),
        Task::Copy { left, right } => copy::run(&left, &right),
        Task::Path { name, times } => take_path(name.as_deref(), times),
        Task::Report { folder } => report(&Results::in_folder(&folder)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn take_path(name: Option<&str>, times: u32) -> Result<(), Box<dyn Error>> {
    let Some(name) = name else {
        for path in PATHS {
            println!("{}", path.name);
        }
        return Ok(());
    };
    let path = paths::find(name).ok_or_else(|| format!("there is no path {name}"))?;
    let mut step = (path.prepare)();
    // The first time fills what later ones find filled.
    step();
    take_steps(&mut step, times);
    Ok(())
}

/// Its name is what a profiler is told to count in.
#[inline(never)]
fn take_steps(step: &mut Step, times: u32) {
    for _ in 0..times {
        step();
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let programs = Programs {
        consentry: options.consentry.clone(),
        ipstack: options.ipstack.clone(),
        sing_box: options.sing_box.clone(),
    };
    let engines = if options.engines.is_empty() { KINDS.to_vec() } else { options.engines.clone() };
    let measures = if options.measures.is_empty() { MEASURES.to_vec() } else { options.measures.clone() };
    let runners: Vec<Runner> = engines
        .into_iter()
        .filter(|kind| programs.has(*kind))
        .flat_map(|kind| mtus(kind, &options.mtus).into_iter().map(move |mtu| Runner { kind, mtu }))
        .collect();
    let results = Results::in_folder(&options.out);
    results.begin()?;
    for repetition in 1..=options.repetitions {
        for runner in &runners {
            println!("[{repetition}/{}] {} at {}", options.repetitions, runner.kind, runner.mtu);
            // Larger packets change the cost of bytes, not of connections.
            let measures: Vec<Measure> = measures
                .iter()
                .copied()
                .filter(|measure| {
                    runner.mtu == ETHERNET || *measure == Measure::Bulk || !options.mtus.is_empty()
                })
                .collect();
            let note = |measure, figures| match figures {
                Ok(figures) => {
                    let sample = Sample::new(*runner, repetition, measure, figures);
                    if let Err(error) = results.add(&sample) {
                        eprintln!("    {error}");
                    }
                }
                Err(error) => eprintln!("    {measure}: {error}"),
            };
            // An engine that fails is said to fail; the others are measured still.
            if let Err(error) = measure::take(*runner, &programs, &measures, options.seconds, note) {
                eprintln!("    {error}");
            }
        }
    }
    report(&results)
}

/// Whose cost changes with the size of packets is measured at several.
fn mtus(kind: Kind, wanted: &[u32]) -> Vec<u32> {
    if !wanted.is_empty() {
        return wanted.to_vec();
    }
    let mut mtus = vec![ETHERNET];
    if matches!(kind, Kind::Consentry | Kind::Ipstack | Kind::SingBox) {
        mtus.extend(LARGER);
    }
    mtus
}

fn report(results: &Results) -> Result<(), Box<dyn Error>> {
    let samples = results.read()?;
    let table = table::write(&samples);
    println!("\n{table}");
    results.write("table.md", &table)?;
    results.write("plot.svg", &plot::draw(&samples))?;
    Ok(())
}
