//! `cargo xtask bench`: the engine beside others.
use crate::{
    TaskError,
    apk::files,
    cargo::{command, root, succeeds, target_folder},
    isolation::Isolation,
    tools,
};
use std::{path::PathBuf, process::Command};

/// What the load needs besides the tools of the tests.
const TOOLS: [(&str, &str); 4] =
    [("iperf3", "iperf3"), ("ethtool", "ethtool"), ("nginx", "nginx"), ("strace", "strace")];
/// The engine in Go that its module proxy serves, and how it is built.
const SING_BOX: &str = "github.com/sagernet/sing-box/cmd/sing-box@v1.14.1";
const SING_BOX_TAGS: &str = "with_gvisor";

/// Builds everything for speed and measures it. `words` go to the measuring program.
pub(crate) fn run(words: &[String]) -> Result<bool, TaskError> {
    tools::ensure()?;
    tools::ensure_each(&TOOLS)?;
    println!("building for speed; the first time takes a few minutes");
    let packages =
        ["build", "--release", "--quiet", "--package", "consentry", "--package", "consentry-bench"];
    if !succeeds(command(&packages))? {
        return Err(TaskError::Failed("the build".into()));
    }
    let isolation = Isolation::find();
    if let Isolation::Impossible(why) = &isolation {
        return Err(TaskError::Missing(why.clone()));
    }
    let folder = target_folder().join("release");
    let mut bench = Command::new(folder.join("consentry-bench"));
    bench.arg("run").arg("--consentry").arg(folder.join("consentry"));
    for (option, program) in [("--ipstack", ipstack()), ("--sing-box", sing_box())] {
        match program {
            Ok(program) => drop(bench.arg(option).arg(program)),
            Err(error) => println!("not measured: {error}"),
        }
    }
    if !words.iter().any(|word| word == "--out") {
        bench.arg("--out").arg(root().join("build/bench"));
    }
    bench.args(words);
    succeeds(isolation.wrap(bench))
}

/// Builds the relay made of the crate ipstack.
fn ipstack() -> Result<PathBuf, TaskError> {
    let target = files::cache()?.with_file_name("peers");
    let mut cargo = command(&["build", "--release", "--quiet", "--locked"]);
    cargo.current_dir(root().join("tests/bench/peers/ipstack")).env("CARGO_TARGET_DIR", &target);
    if succeeds(cargo)? { Ok(target.join("release/ipstack-relay")) } else { Err(failed("ipstack-relay")) }
}

/// Fetches and builds sing-box, where Go is installed.
fn sing_box() -> Result<PathBuf, TaskError> {
    let folder = files::cache()?.with_file_name("peers").join("go");
    let program = folder.join("sing-box");
    if program.is_file() {
        return Ok(program);
    }
    let mut go = Command::new("go");
    go.args(["install", "-tags", SING_BOX_TAGS, SING_BOX]).env("GOBIN", &folder);
    go.current_dir(std::env::temp_dir());
    if succeeds(go)? { Ok(program) } else { Err(failed("sing-box")) }
}

fn failed(what: &str) -> TaskError {
    TaskError::Failed(format!("building {what}"))
}
