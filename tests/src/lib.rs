//! End-to-end tests: a phone, a gateway that runs Consentry, and an internet, each in a network namespace of its own, with
//! real servers and real clients.
//!
//! [`lab`] builds the three namespaces, [`scenario`] is the 2014 test as a list of steps, [`demo`] plays it for people to
//! watch. The tests themselves are in `tests/tests`, one file for each theme.
#![forbid(unsafe_code)]
#![allow(
    clippy::missing_errors_doc,
    reason = "everything here fails as LabError says, for the reasons it lists"
)]

pub mod demo;
pub mod lab;
pub mod parsers;
pub mod scenario;
