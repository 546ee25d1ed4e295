use crate::Verdict;
use consentry_catalogue::Catalogue;

impl Verdict {
    /// The chain of reasons in plain words.
    pub fn reason(&self, _catalogue: &Catalogue) -> String {
        unimplemented!()
    }
}
