//! Google's NDK with rustup's targets: what an Android developer has.
use super::{super::versions::Versions, Toolchain, abi::Abi, cargo_of_its_own, cargo_setting, for_target};
use crate::{TaskError, cargo::root};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Makes everything ready.
pub(super) fn prepare(versions: &Versions, abis: &[Abi], ndk: &Path) -> Result<Toolchain, TaskError> {
    let tools = programs(ndk)?;
    let api = versions.get("min-sdk")?;
    targets_are_there(abis)?;
    let target_folder = super::super::files::cache()?.join("ndk/target");
    let mut cargo = cargo_of_its_own("cargo");
    cargo.env("CARGO_TARGET_DIR", &target_folder);
    for abi in abis {
        let clang = tools.join(format!("{}{api}-clang", abi.clang));
        if !clang.is_file() {
            return Err(TaskError::Missing(format!(
                "{} is missing: ANDROID_NDK_HOME has to name an NDK with API {api}",
                clang.display()
            )));
        }
        let flags = [
            "-Clink-arg=-Wl,-z,max-page-size=16384".to_owned(),
            format!("--remap-path-prefix={}=/consentry", root().display()),
        ];
        cargo
            .env(cargo_setting(abi, "LINKER"), &clang)
            .env(cargo_setting(abi, "RUSTFLAGS"), flags.join(" "))
            .env(for_target("CC", abi), &clang)
            .env(for_target("AR", abi), tools.join("llvm-ar"));
    }
    Ok(Toolchain { cargo, target_folder, listed_symbols: false })
}

/// The folder of the NDK's programs for this machine.
fn programs(ndk: &Path) -> Result<PathBuf, TaskError> {
    let folder = ndk.join("toolchains/llvm/prebuilt");
    let missing = || {
        TaskError::Missing(format!(
            "ANDROID_NDK_HOME={} is no NDK: it has no {}",
            ndk.display(),
            folder.display()
        ))
    };
    let mut hosts = std::fs::read_dir(&folder).map_err(|_| missing())?;
    hosts.find_map(|host| Some(host.ok()?.path().join("bin")).filter(|bin| bin.is_dir())).ok_or_else(missing)
}

/// rustup's libraries for the targets, which rustc looks for in its own folder.
fn targets_are_there(abis: &[Abi]) -> Result<(), TaskError> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(root());
    let sysroot = PathBuf::from(super::super::program::output(rustc)?.trim());
    let missing: Vec<&str> = abis
        .iter()
        .map(|abi| abi.rust)
        .filter(|target| !sysroot.join("lib/rustlib").join(target).is_dir())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(TaskError::Missing(format!("Rust's targets are missing: rustup target add {}", missing.join(" "))))
}
