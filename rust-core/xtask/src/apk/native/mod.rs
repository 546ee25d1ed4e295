//! libconsentry.so for each kind of processor.
pub(crate) mod abi;
mod check;
mod debian;
mod ndk;
mod stand_ins;
mod symbols;
mod unwinder;

use super::{files, program, versions::Versions};
use crate::{TaskError, cargo::root};
use abi::Abi;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use symbols::SystemSymbols;

/// The crate, and the file name of what it builds.
const PACKAGE: &str = "consentry-android";
pub(crate) const LIBRARY: &str = "libconsentry.so";

/// How it is compiled: small, as the package holds it three times; fast where packets pass; everything
/// optimised together.
const PROFILE: [&str; 8] = [
    "codegen-units=1",
    "debug=false",
    "lto=\"fat\"",
    "opt-level=\"z\"",
    "package.consentry-engine.opt-level=2",
    "package.consentry-inspect.opt-level=2",
    "package.smoltcp.opt-level=2",
    "strip=true",
];

/// A library that was built and found fit for Android.
pub(crate) struct Library {
    /// For which processors.
    pub(crate) abi: Abi,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// A compiler set that is ready: a cargo command that builds for one kind of processor, and where it puts things.
struct Toolchain {
    cargo: Command,
    target_folder: PathBuf,
    /// Whether our lists answer for the system's symbols. The NDK brings libraries, and versions, of its own.
    listed_symbols: bool,
}

/// Builds the library for each of these, checks it and puts it into the folder, in one named after the processor. With
/// `afresh`, compiles our own crates again even if nothing changed.
pub(crate) fn build(
    versions: &Versions,
    abis: &[Abi],
    afresh: bool,
    folder: &Path,
) -> Result<Vec<Library>, TaskError> {
    let toolchain = |abi: &Abi| match std::env::var_os("ANDROID_NDK_HOME") {
        Some(ndk) => ndk::prepare(versions, abi, &PathBuf::from(ndk)),
        None => debian::prepare(versions, abi),
    };
    let symbols = SystemSymbols::read()?;
    let _lock = files::lock(&files::cache()?.join("libraries"))?;
    abis.iter()
        .map(|abi| {
            if afresh {
                let mut clean = toolchain(abi)?.cargo;
                clean.args(["clean", "--release", "--workspace", "--target", abi.rust]);
                program::run(clean)?;
            }
            let Toolchain { mut cargo, target_folder, listed_symbols } = toolchain(abi)?;
            // The crate is a Rust library too, for its tests; cargo would not optimise both as one.
            cargo.args(["rustc", "--locked", "--release", "--lib", "--crate-type", "cdylib"]);
            cargo.args(["--package", PACKAGE, "--target", abi.rust]);
            for setting in PROFILE {
                cargo.args(["--config", &format!("profile.release.{setting}")]);
            }
            let status = cargo
                .stdin(Stdio::null())
                .status()
                .map_err(|source| TaskError::Start { program: "cargo".into(), source })?;
            if !status.success() {
                return Err(TaskError::Failed(format!("building {LIBRARY} for {}", abi.name)));
            }
            let built = target_folder.join(abi.rust).join("release").join(LIBRARY);
            let allowed = listed_symbols.then_some(&symbols);
            check::fit_for_android(&files::read(&built)?, abi.machine, allowed).map_err(|reason| {
                TaskError::Refused(format!("Android would refuse {LIBRARY} for {}: {reason}", abi.name))
            })?;
            let path = folder.join(abi.name).join(LIBRARY);
            files::copy(&built, &path)?;
            Ok(Library { abi: *abi, path })
        })
        .collect()
}

/// A cargo, in the workspace's root, that is not the one that runs us, and builds nothing but what we say.
fn cargo_of_its_own(cargo: &str) -> Command {
    let mut command = Command::new(cargo);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(changes_what_is_built) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether an environment variable has a say in what cargo builds, rather than in where it finds things.
fn changes_what_is_built(name: &str) -> bool {
    const STARTS: [&str; 9] = [
        "CARGO_BUILD_RUST",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_",
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_",
        "CARGO_TARGET_",
        "RUSTC",
        "RUSTDOC",
        "RUSTFLAGS",
    ];
    name == "CARGO" || STARTS.iter().any(|start| name.starts_with(start))
}

/// The name of an environment variable that concerns one target only, such as "CC".
fn for_target(name: &str, abi: &Abi) -> String {
    format!("{name}_{}", abi.rust.replace('-', "_"))
}

/// The same for cargo's own, such as "LINKER".
fn cargo_setting(abi: &Abi, name: &str) -> String {
    format!("CARGO_TARGET_{}_{name}", abi.rust.replace('-', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_has_no_say_in_what_is_built() {
        for name in ["CARGO", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_TARGET_DIR", "CARGO_PROFILE_RELEASE_LTO"] {
            assert!(changes_what_is_built(name), "{name}");
        }
        for name in ["CARGO_HOME", "RUSTUP_HOME", "CARGO_BUILD_JOBS", "CARGO_HTTP_CAINFO", "PATH"] {
            assert!(!changes_what_is_built(name), "{name}");
        }
    }

    #[test]
    fn each_tool_gets_the_name_it_looks_for() {
        let arm = &abi::ABIS[1];
        assert_eq!(for_target("CC", arm), "CC_armv7_linux_androideabi");
        assert_eq!(cargo_setting(arm, "LINKER"), "CARGO_TARGET_ARMV7_LINUX_ANDROIDEABI_LINKER");
    }
}
