//! Runs the real program, command by command.
#![allow(clippy::unwrap_used, reason = "everything here is part of a test")]

mod bad_captures;
mod catalogue;
mod consent;
mod inspect;
mod log;
mod program;
mod protocols;
mod receipts;
mod report;
mod run;
mod twins;
mod usage;
