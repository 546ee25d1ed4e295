//! `cargo xtask instructions`: counts what the hot paths execute, and compares it with what they did.
//!
//! Instructions are counted, not seconds: the count is the same on a busy machine, so that a slow-down shows anywhere.
use crate::{
    TaskError,
    apk::{files, program},
    cargo::{command, root, succeeds, target_folder},
    tools,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, process::Command};

/// How often each path is taken.
const TIMES: u64 = 20;
/// A path may execute so many per cent more than it did. Hash tables are seeded anew each time, and vary by one or two.
const TOLERANCE: u64 = 5;

/// What was counted once.
#[derive(Debug, Serialize, Deserialize)]
struct Baseline {
    /// The compiler the counts hold for: another one makes other code.
    rustc: String,
    /// Instructions each time a path is taken, by its name.
    instructions: BTreeMap<String, u64>,
}

/// Counts, and compares with the file of counts or, with `accept`, writes it. False if a path has become slower.
pub(crate) fn run(accept: bool) -> Result<bool, TaskError> {
    tools::ensure_each(&[("valgrind", "valgrind")])?;
    let packages = ["build", "--release", "--quiet", "--package", "consentry-bench", "--bins"];
    if !succeeds(command(&packages))? {
        return Err(TaskError::Failed("the build".into()));
    }
    let bench = target_folder().join("release/consentry-bench");
    let mut list = Command::new(&bench);
    list.arg("path");
    let names = program::output(list)?;
    let instructions = names
        .lines()
        .map(|name| Ok((name.to_owned(), count(&bench, name)?)))
        .collect::<Result<BTreeMap<_, _>, TaskError>>()?;
    let now = Baseline { rustc: compiler()?, instructions };
    let path = root().join("tests/bench/instructions.toml");
    if accept {
        let text = toml::to_string(&now).map_err(|error| TaskError::Refused(error.to_string()))?;
        files::write(&path, text)?;
        println!("written to {}", path.display());
        return Ok(true);
    }
    let before = read(&path)?;
    Ok(compare(&before, &now))
}

/// Instructions each time the path is taken.
fn count(bench: &Path, name: &str) -> Result<u64, TaskError> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    valgrind.arg("--toggle-collect=*take_steps*").arg(bench).args(["path", name, &TIMES.to_string()]);
    let output =
        valgrind.output().map_err(|source| TaskError::Start { program: "valgrind".into(), source })?;
    let said = String::from_utf8_lossy(&output.stderr);
    let total = collected(&said).filter(|total| output.status.success() && *total > 0);
    total.map(|total| total / TIMES).ok_or_else(|| TaskError::Failed(format!("counting {name}: {said}")))
}

/// The total in callgrind's line "==123== Collected : 456".
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected"))?;
    line.split(':').nth(1)?.split_whitespace().next()?.parse().ok()
}

fn compiler() -> Result<String, TaskError> {
    let mut rustc = Command::new("rustc");
    rustc.arg("--version").current_dir(root());
    Ok(program::output(rustc)?.trim().to_owned())
}

fn read(path: &Path) -> Result<Baseline, TaskError> {
    toml::from_str(&files::read_text(path)?)
        .map_err(|error| TaskError::Refused(format!("{}: {error}", path.display())))
}

/// Prints every path's count beside the one before; says whether none has grown beyond the tolerance.
fn compare(before: &Baseline, now: &Baseline) -> bool {
    let same_compiler = before.rustc == now.rustc;
    let mut well = true;
    for (name, count) in &now.instructions {
        let Some(earlier) = before.instructions.get(name) else {
            println!("{name:<32} {count:>12}  NEW: cargo xtask instructions --accept");
            well = false;
            continue;
        };
        let change = (*count as f64 / *earlier as f64 - 1.0) * 100.0;
        let slower = count * 100 > earlier * (100 + TOLERANCE);
        let note = match (slower, count * 100 < earlier * (100 - TOLERANCE)) {
            (true, _) => "  SLOWER",
            (_, true) => "  faster: --accept keeps it so",
            _ => "",
        };
        println!("{name:<32} {count:>12}  {change:>+6.1} %{note}");
        well &= !slower;
    }
    if let Some(name) = before.instructions.keys().find(|name| !now.instructions.contains_key(*name)) {
        println!("{name} is counted no more: cargo xtask instructions --accept");
        well = false;
    }
    if !same_compiler {
        println!("counted with {}, compared with counts of {}: only shown", now.rustc, before.rustc);
    }
    well || !same_compiler
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rustc: &str, pairs: &[(&str, u64)]) -> Baseline {
        let instructions = pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Baseline { rustc: rustc.into(), instructions }
    }

    #[test]
    fn a_path_that_grew_is_refused() {
        let before = counts("1.95", &[("a", 1000), ("b", 1000)]);
        assert!(compare(&before, &counts("1.95", &[("a", 1050), ("b", 500)])));
        assert!(!compare(&before, &counts("1.95", &[("a", 1051), ("b", 1000)])));
        assert!(!compare(&before, &counts("1.95", &[("a", 1000)])), "one is missing");
        assert!(!compare(&before, &counts("1.95", &[("a", 1000), ("b", 1000), ("c", 1)])), "one is new");
        assert!(compare(&before, &counts("1.96", &[("a", 2000), ("b", 1000)])), "another compiler");
    }

    #[test]
    fn callgrinds_total_is_read() {
        let said = "==1== Callgrind\n==1== \n==1== Events    : Ir\n==1== Collected : 4242\n";
        assert_eq!(collected(said), Some(4242));
        assert_eq!(collected("valgrind: no such program\n"), None);
    }
}
