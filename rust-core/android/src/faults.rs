//! Faults made on purpose, so that tests can see what becomes of a real one. Not part of a release.
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the engine of a session shall fail.
#[derive(Debug, Default)]
pub(crate) struct Faults(AtomicBool);

impl Faults {
    /// The engine fails at the next occasion.
    pub(crate) fn prepare(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// An occasion.
    pub(crate) fn strike(&self) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "a fault made for a test");
    }
}
