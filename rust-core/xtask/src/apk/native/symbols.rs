//! What the library may ask of Android's system libraries, as lists kept in the project.
use super::super::files;
use crate::{TaskError, cargo::root};
use std::collections::BTreeMap;

/// The libraries every Android has.
pub(super) const SYSTEM_LIBRARIES: [&str; 4] = ["libc", "libm", "libdl", "liblog"];

/// How a symbol may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Every Android we run on has it.
    Any,
    /// Later ones only: the code looks whether it is there (a weak reference).
    Weak,
}

/// The lists.
pub(super) struct SystemSymbols {
    libraries: BTreeMap<&'static str, BTreeMap<String, Use>>,
}

impl SystemSymbols {
    /// Reads them from the project.
    pub(super) fn read() -> Result<Self, TaskError> {
        let folder = root().join("rust-core/android/system-symbols");
        let mut libraries = BTreeMap::new();
        for library in SYSTEM_LIBRARIES {
            let path = folder.join(library).with_extension("txt");
            let list = parse(&files::read_text(&path)?).map_err(|line| {
                TaskError::Refused(format!("{}, line {line}: not \"NAME\" or \"NAME weak\"", path.display()))
            })?;
            libraries.insert(library, list);
        }
        Ok(Self { libraries })
    }

    #[cfg(test)]
    pub(super) fn of_libc(names: &[(&str, Use)]) -> Self {
        let list = names.iter().map(|(name, how)| ((*name).to_owned(), *how)).collect();
        Self { libraries: BTreeMap::from([("libc", list)]) }
    }

    /// How this one may be asked for; None: not at all.
    pub(super) fn get(&self, name: &str) -> Option<Use> {
        self.libraries.values().find_map(|list| list.get(name)).copied()
    }

    /// Each library's names.
    pub(super) fn libraries(&self) -> impl Iterator<Item = (&'static str, impl Iterator<Item = &str>)> {
        self.libraries.iter().map(|(library, list)| (*library, list.keys().map(String::as_str)))
    }
}

/// One name a line, comments after `#`; the error is the number of the line that is neither.
fn parse(text: &str) -> Result<BTreeMap<String, Use>, usize> {
    let mut list = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [] => None,
            [name] => list.insert(name.to_owned(), Use::Any),
            [name, "weak"] => list.insert(name.to_owned(), Use::Weak),
            _ => return Err(number + 1),
        };
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_names_and_comments() {
        let list = parse("# files\nopen\n\nclose # why\ngetrandom weak\n").unwrap();
        let expected = [("open", Use::Any), ("close", Use::Any), ("getrandom", Use::Weak)];
        assert_eq!(list, expected.map(|(name, how)| (name.to_owned(), how)).into());
        assert_eq!(parse("open\nopen close\n"), Err(2));
    }
}
