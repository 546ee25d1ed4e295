//! The `consentry` command: runs the firewall, reads captures, and shows and changes what the owner consented to.
//!
//! Exit status: 0 fine; 1 the thing asked about is not so; 2 bad usage or unreadable input, with one line on stderr.
#![forbid(unsafe_code)]

mod arguments;
mod catalogue;
mod consent;
mod failure;
mod inspect;
mod log;
mod output;
mod receipts;
mod run;
mod state;
mod status;
mod stderr_log;
mod table;
mod time;

use arguments::{Arguments, Command};
use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match execute(arguments.command) {
        // Whoever read our output has seen enough (`consentry log | head`).
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("consentry: {failure}");
            ExitCode::from(failure.exit_status())
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::Consent(command) => consent::consent(command),
        Command::Log(arguments) => log::log(arguments),
        Command::Receipts(command) => receipts::receipts(command),
        Command::Status(arguments) => status::status(&arguments),
        Command::Catalogue(command) => catalogue::catalogue(command),
    }
}

/// Help and version go to stdout; a usage error is one line on stderr, and says where help is.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody is left to tell if this cannot be written.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let message = error.to_string();
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|mark| message.find(mark)).min();
    let reason = &message[..end.unwrap_or(message.len())];
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    // clap shows the whole help when a command is missing.
    let reason = if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing"
    } else {
        reason
    };
    let line: Vec<&str> = reason.split_whitespace().collect();
    eprintln!("consentry: {} (see 'consentry --help')", line.join(" "));
    ExitCode::from(failure::BAD_INPUT)
}
