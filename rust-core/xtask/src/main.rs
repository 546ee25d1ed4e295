//! The build and test commands: `cargo xtask test`, `cargo xtask demo` and `cargo xtask apk`. Each does all of its own set-up.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod apk;
mod app_tests;
mod bench;
mod cargo;
mod demo;
mod instructions;
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
    /// Run the Android app's tests only
    AppTests {
        /// Run only classes whose whole name, such as org.consentry.ui.LookTest, fits this regular expression
        #[arg(long, value_name = "PATTERN")]
        class: Option<String>,
    },
    /// Measure the engine beside the kernel and other engines; takes a quiet machine and half an hour
    Bench {
        /// For the measuring program; `--help` names its options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Count the instructions of the hot paths, and compare them with tests/bench/instructions.toml
    Instructions {
        /// Write the counts to that file instead
        #[arg(long)]
        accept: bool,
    },
    /// Build the Android package, sign it and check it
    Apk(apk::Options),
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
    /// A file could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done: "reading", "writing".
        doing: &'static str,
        /// To which file or folder.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that was built or fetched breaks a rule; the text says which.
    #[error("{0}")]
    Refused(String),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Task::Test { require_lab } => test::run(require_lab),
        Task::Demo { interactive } => demo::run(interactive),
        Task::AppTests { class } => app_tests::run(&isolation::Isolation::find(), class.as_deref()),
        Task::Bench { words } => bench::run(&words),
        Task::Instructions { accept } => instructions::run(accept),
        Task::Apk(options) => apk::run(&options),
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
