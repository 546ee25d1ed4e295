use crate::{Clock, Consents};
use consentry_catalogue::Catalogue;

/// The owner's choices compiled for speed: an immutable snapshot for [`judge`](crate::judge()).
#[derive(Clone, Debug)]
pub struct Policy {}

impl Policy {
    /// Compiles what is in force at `now`. Grants of services that the catalogue does not know have no effect.
    pub fn new(_catalogue: &Catalogue, _consents: &Consents, _now: &Clock) -> Self {
        unimplemented!()
    }

    /// Switches every rule off. Only for the test that shows that the other tests can fail, and for benchmarks.
    pub fn everything_allowed() -> Self {
        unimplemented!()
    }
}
