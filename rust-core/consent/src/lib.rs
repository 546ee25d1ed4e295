//! What the owner of the phone has consented to, and the verdict that follows for a flow or a DNS question.
//!
//! - [`Consents`] is the owner's current choices: the fold of all [`Change`]s so far.
//! - [`Policy`] is those choices compiled against the catalogue, for [`judge`] and [`judge_question`].
//! - [`ledger`] keeps every change in a signed chain, [`receipt`] exports a signed copy of it.
//! - [`attempt`] is what is logged about a denied flow or question.
//!
//! Nothing here does I/O or reads a clock: time comes in as a [`Clock`], storage is the trait [`ConsentStore`].
#![forbid(unsafe_code)]

mod address;
pub mod attempt;
pub mod backup;
mod canonical;
mod change;
mod clock;
mod consents;
pub mod export;
mod facts;
mod hex;
mod judge;
pub mod ledger;
mod meaning;
mod owner;
mod path_template;
mod policy;
mod reason;
pub mod receipt;
pub mod rfc3339;
mod store;
mod verdict;

pub use address::{Nat64Prefix, canonical_address, canonical_address_with};
pub use change::{Change, ChangeKind, How, Via};
pub use clock::{Clock, End, Term, TermError};
pub use consents::{ConsentError, Consents, Grant};
pub use facts::{Facts, Signal, Stated};
pub use judge::{judge, judge_question};
pub use meaning::Meaning;
pub use owner::{Owner, Scope};
pub use policy::Policy;
pub use store::{ConsentStore, MemoryStore, OpenError, RecordError, StoredConsents};
pub use verdict::{Rule, Verdict};
