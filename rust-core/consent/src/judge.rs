use crate::{Facts, Policy, Verdict};
use consentry_catalogue::Catalogue;

/// Judges a flow.
pub fn judge(_catalogue: &Catalogue, _policy: &Policy, _facts: &Facts<'_>) -> Verdict {
    unimplemented!()
}

/// Judges a name in the DNS: a question, the target of a CNAME or SVCB record, or the name behind a reverse look-up.
/// Only grants to all apps count, because resolvers cache across apps.
pub fn judge_question(_catalogue: &Catalogue, _policy: &Policy, _name: &str) -> Verdict {
    unimplemented!()
}
