//! The boundary between the Android app and the engine: `libconsentry.so`.
//!
//! The app has one class with native methods, `org.consentry.engine.NativeEngine`; [`jni`] is their other end, and does
//! nothing but convert. What they do is in [`session`], which knows no JVM and is tested without one:
//! - [`handles`]: the numbers that the app holds instead of pointers.
//! - [`session`]: an open state folder, and the engine that runs on it or does not.
//! - [`requests`]: questions and answers as JSON. Everything that screens show goes through here; `REQUESTS.md` has their
//!   shapes.
//! - [`events`]: what the app is told of its own accord, at a pace that a screen can follow.
//! - [`owners`]: asks the app which app a flow belongs to, away from the packet thread.
//!
//! # Errors
//! Every failure is an [`error::EngineError`]: a code that the app knows, and a sentence for a report. A panic is one of
//! them. A panic on the packet thread is no error of any call: it is told as an event, and the tunnel stays closed.

#[cfg(panic = "abort")]
compile_error!(
    "a panic must unwind, so that it can become a Java exception and leave a closed tunnel: set panic = \"unwind\""
);

mod answers;
mod days;
mod error;
mod events;
#[cfg(debug_assertions)]
mod faults;
mod handles;
mod host;
mod jni;
#[cfg(test)]
mod lab;
mod log_requests;
mod owners;
mod requests;
mod services;
mod session;
mod settings;
mod tunnel;
