//! What every flow, question and packet pays for, as single steps that can be timed and counted.
#![forbid(unsafe_code)]

pub mod paths;
