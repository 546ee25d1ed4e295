//! Everything of Consentry that touches the machine: the TUN device, the sockets, the event loop, the store on disk, and
//! the control socket through which the command line talks to a running firewall.
//!
//! [`Firewall`] runs the engine. [`access::State`] is what a command uses to read and change consent, whether a firewall
//! is running or not. [`OpenState`] is for a process that keeps a state folder open, with a firewall and without.
//!
//! # Threads
//! - The packet thread ([`Firewall::run`]) owns the TUN device, the outside sockets and the engine. It never waits for a disk
//!   or for another thread.
//! - The store thread gathers attempts and sinkhole mappings for a second and writes them in one transaction.
//! - Control threads answer commands. They store consent changes, and then hand the packet thread the new state.
#![deny(unsafe_op_in_unsafe_fn)]

pub mod access;
pub mod clock;
pub mod control;
mod decisions;
mod enforcement;
mod event_loop;
pub mod firewall;
pub mod limits;
mod network;
pub mod open_state;
pub mod protection;
mod recorder;
pub mod resolvers;
mod signals;
pub mod slab;
pub mod sockets;
pub mod store;
pub mod tun;

pub use firewall::{Firewall, Handle, Options, RunError, StartError, StateSource};
pub use open_state::OpenState;
pub use tun::TunSource;
