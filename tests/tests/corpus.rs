//! Every parser on its corpus, and on what comes of it by small changes.

use consentry_tests::parsers::{self, PARSERS};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Changed copies of one file that are fed to its parser, at most: of longer files not every byte has its turn.
const MOST_COPIES: usize = 600;
/// Longest time that any one input may take, however slow the machine. Most take far less than a millisecond.
const LONGEST: Duration = Duration::from_secs(2);
/// All of the corpus together is no larger, in bytes.
const LARGEST_CORPUS: u64 = 300 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The files of one parser, in the order of their names.
fn files(parser: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join(parser)).expect("every parser has a corpus");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(&path).expect("the file can be read"))).collect()
}

/// The bytes themselves, then copies that are cut short, and copies with one byte changed: to a close one, and to one that
/// differs in every bit.
fn copies(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let step = (3 * bytes.len()).div_ceil(MOST_COPIES).max(1);
    let changed = (0..bytes.len()).step_by(step).flat_map(|place| {
        let with = |change: u8| {
            let mut copy = bytes.to_vec();
            copy[place] ^= change;
            copy
        };
        [bytes[..place].to_vec(), with(1 << (place % 8)), with(0xff)]
    });
    std::iter::once(bytes.to_vec()).chain(changed)
}

#[test]
fn every_parser_keeps_its_promises_on_its_corpus_and_close_to_it() {
    for (name, parser) in PARSERS {
        for (path, bytes) in files(name) {
            for copy in copies(&bytes) {
                let start = Instant::now();
                let kept = catch_unwind(AssertUnwindSafe(|| parser(&copy))).is_ok();
                assert!(kept, "{name} on a copy of {}: {}", path.display(), copy.escape_ascii());
                let took = start.elapsed();
                assert!(took < LONGEST, "{name} took {took:?} for a copy of {}", path.display());
            }
        }
    }
}

#[test]
fn every_parser_takes_no_bytes_and_many_equal_ones() {
    for (name, _) in PARSERS {
        parsers::feed(name, b"");
        for byte in [0, 1, b'\n', b'a', 0x16, 0xff] {
            parsers::feed(name, &[byte; 3000]);
        }
    }
}

#[test]
fn every_parser_has_a_small_corpus_and_a_fuzz_target() {
    let names: BTreeSet<String> = PARSERS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), PARSERS.len(), "each name once");
    let entries = fs::read_dir(folder()).expect("the corpus is part of the project");
    let folders: BTreeSet<String> = entries
        .map(|entry| entry.expect("the folder can be read"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("names are plain"))
        .collect();
    assert_eq!(folders, names);
    let targets = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml"));
    let targets = targets.expect("the fuzz targets are part of the project");
    let (_, targets) = targets.split_once("[[bin]]").expect("there are targets");
    let targets: BTreeSet<String> = targets
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .collect();
    assert_eq!(targets, names);
    let size: u64 = names.iter().flat_map(|name| files(name)).map(|(_, bytes)| bytes.len() as u64).sum();
    assert!(size <= LARGEST_CORPUS, "{size} bytes");
    assert!(names.iter().all(|name| !files(name).is_empty()));
}
