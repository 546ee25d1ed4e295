//! The build and test commands: `cargo xtask test` and `cargo xtask demo`. Each does all of its own set-up.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod cargo;
mod demo;
mod isolation;
mod steps;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build and test Consentry")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything that is tested: format, lints, unit tests, end-to-end tests in network namespaces
    Test {
        /// Fail where end-to-end tests cannot run, instead of saying so and going on
        #[arg(long)]
        require_lab: bool,
    },
    /// Watch a phone be held back, opted in, let through and cut again
    Demo {
        /// Leave everything running, with a shell on the phone
        #[arg(long)]
        interactive: bool,
    },
}

/// Why a task could not be carried out.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    /// A program could not be started at all.
    #[error("{program} could not be started: {source}")]
    Start {
        /// Which one.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ended with an error, which it has printed itself.
    #[error("{0} failed")]
    Failed(String),
    /// Something is missing on this machine; the text says what to do.
    #[error("{0}")]
    Missing(String),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Test { require_lab } => test::run(require_lab),
        Task::Demo { interactive } => demo::run(interactive),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}
