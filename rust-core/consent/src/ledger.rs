//! The ledger: every consent change in a chain that shows where it was tampered with.
