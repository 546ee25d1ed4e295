//! How long each hot path takes: `cargo bench --package consentry-bench`.
#![allow(missing_docs)]
use consentry_bench::paths::{self, PATHS};

fn main() {
    divan::main();
}

#[divan::bench(args = PATHS.map(|path| path.name))]
fn hot_path(bencher: divan::Bencher<'_, '_>, name: &str) {
    let mut step = (paths::find(name).expect("the name is one of them").prepare)();
    bencher.bench_local(&mut step);
}
