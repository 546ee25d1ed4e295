//! Receipts: a signed copy of the ledger that a third party can verify.
