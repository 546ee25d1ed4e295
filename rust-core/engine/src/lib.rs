//! Packets to flows and back: the part of Consentry that decides, packet by packet, what may leave the phone.
//!
//! The engine does no I/O and reads no clock. Time comes as an argument, and the outside world — the TUN device, the
//! sockets, the buffers, the owners of flows — is reached through the traits of [`io`].
#![forbid(unsafe_code)]

mod about;
pub mod config;
mod core;
pub mod counters;
pub mod dns;
mod echo;
mod engine;
pub mod io;
pub mod packet;
mod queries;
mod refusals;
mod tcp;
mod timers;
mod udp;

pub use config::{Config, Network};
pub use counters::Counters;
pub use engine::{Engine, Event};
