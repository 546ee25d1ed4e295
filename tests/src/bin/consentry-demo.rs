//! `cargo xtask demo` runs this, inside a user namespace of its own where it has to.
#![allow(clippy::print_stderr, reason = "it is a program")]
use consentry_tests::demo;
use std::process::ExitCode;

fn main() -> ExitCode {
    let interactive = std::env::args().any(|word| word == "--interactive");
    match demo::play(interactive) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::from(2)
        }
    }
}
