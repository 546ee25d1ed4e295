//! Packets to flows and back: the part of Consentry that decides, packet by packet, what may leave the phone.
//!
//! The engine does no I/O and reads no clock. Time comes as an argument, and the outside world — the TUN device, the
//! sockets, the buffers, the owners of flows — is reached through the traits of [`io`].
#![forbid(unsafe_code)]

pub mod config;
pub mod counters;
pub mod dns;
mod engine;
pub mod io;
pub mod packet;

pub use config::{Config, Network};
pub use counters::Counters;
pub use engine::{Engine, Event};
