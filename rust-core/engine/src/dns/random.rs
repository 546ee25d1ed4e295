//! Query ids that nobody outside can guess.
use ring::hmac;
use std::net::SocketAddr;

/// A keyed generator: HMAC-SHA256 over a counter, under a key that each question from an app is folded into.
///
/// The engine has no source of randomness of its own. Its secret is kept with the state and would give the same ids after each
/// restart; folding in the app's own id and port, which the phone's kernel chose and nobody outside sees, makes every run differ.
pub(super) struct QueryIds {
    key: hmac::Key,
    counter: u64,
}

impl QueryIds {
    /// A generator under `secret`.
    pub(super) fn new(secret: &[u8; 16]) -> Self {
        Self { key: derive(secret, b"consentry dns query ids"), counter: 0 }
    }

    /// Folds in who asked and what, so that the ids to come depend on it.
    pub(super) fn fold_in(&mut self, app: SocketAddr, message: &[u8]) {
        let mut context = self.next_context();
        context.update(app.to_string().as_bytes());
        context.update(message);
        self.key = hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref());
    }

    /// The next id.
    pub(super) fn next_id(&mut self) -> u16 {
        let tag = self.next_context().sign();
        let bytes = tag.as_ref();
        u16::from_be_bytes([bytes[0], bytes[1]])
    }

    fn next_context(&mut self) -> hmac::Context {
        self.counter += 1;
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.counter.to_be_bytes());
        context
    }
}

/// A key of its own for each use of the engine's secret.
pub(super) fn derive(secret: &[u8; 16], purpose: &[u8]) -> hmac::Key {
    let master = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, purpose).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn ids(generator: &mut QueryIds) -> Vec<u16> {
        (0..64).map(|_| generator.next_id()).collect()
    }

    #[test]
    fn ids_spread_and_follow_the_secret() {
        let first = ids(&mut QueryIds::new(&[1; 16]));
        assert_eq!(first, ids(&mut QueryIds::new(&[1; 16])));
        assert_ne!(first, ids(&mut QueryIds::new(&[2; 16])));
        assert!(first.iter().collect::<BTreeSet<_>>().len() > 60);
    }

    #[test]
    fn a_question_changes_all_ids_that_follow() {
        let mut generator = QueryIds::new(&[1; 16]);
        generator.fold_in("10.0.0.2:40000".parse().unwrap(), b"question");
        let mut other = QueryIds::new(&[1; 16]);
        other.fold_in("10.0.0.2:40001".parse().unwrap(), b"question");
        assert_ne!(ids(&mut generator), ids(&mut other));
    }
}
