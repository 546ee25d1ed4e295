//! The numbers that the app holds instead of pointers: a wrong one finds nothing.
use crate::error::EngineError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Open things by number. A number is given out once.
#[derive(Debug)]
pub(crate) struct Handles<T>(Mutex<Open<T>>);

#[derive(Debug)]
struct Open<T> {
    last: i64,
    by_number: BTreeMap<i64, Arc<T>>,
}

impl<T> Handles<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Open { last: 0, by_number: BTreeMap::new() }))
    }

    /// Gives out a number.
    pub(crate) fn add(&self, thing: T) -> i64 {
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        open.by_number.insert(number, Arc::new(thing));
        number
    }

    /// What a number stands for.
    pub(crate) fn get(&self, number: i64) -> Result<Arc<T>, EngineError> {
        self.lock().by_number.get(&number).cloned().ok_or_else(EngineError::closed)
    }

    /// Takes a number back.
    pub(crate) fn remove(&self, number: i64) -> Result<Arc<T>, EngineError> {
        self.lock().by_number.remove(&number).ok_or_else(EngineError::closed)
    }

    fn lock(&self) -> MutexGuard<'_, Open<T>> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_number_finds_its_thing_until_it_is_taken_back_and_never_another() {
        let handles = Handles::new();
        let first = handles.add("first");
        assert_eq!(*handles.get(first).unwrap(), "first");
        assert_eq!(*handles.remove(first).unwrap(), "first");
        let second = handles.add("second");
        assert_ne!(first, second);
        for dead in [first, 0, -1, i64::MAX, i64::MIN] {
            assert_eq!(handles.get(dead).unwrap_err().code, Code::Closed);
            assert_eq!(handles.remove(dead).unwrap_err().code, Code::Closed);
        }
        assert_eq!(*handles.get(second).unwrap(), "second");
    }
}
