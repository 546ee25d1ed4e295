//! Google's NDK with rustup's targets: what an Android developer has.
use super::{
    super::{files, program, versions::Versions},
    Toolchain,
    abi::Abi,
    cargo_of_its_own, cargo_setting, for_target,
};
use crate::{TaskError, cargo::root};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Makes everything ready.
pub(super) fn prepare(versions: &Versions, abi: &Abi, ndk: &Path) -> Result<Toolchain, TaskError> {
    let tools = programs(ndk)?;
    let api = versions.get("min-sdk")?;
    target_is_there(abi)?;
    let target_folder = files::cache()?.join("ndk/target");
    let mut cargo = cargo_of_its_own("cargo");
    cargo.env("CARGO_TARGET_DIR", &target_folder);
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

/// rustup's library for the target, which rustc looks for in its own folder.
fn target_is_there(abi: &Abi) -> Result<(), TaskError> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(root());
    let sysroot = PathBuf::from(program::output(rustc)?.trim());
    if sysroot.join("lib/rustlib").join(abi.rust).is_dir() {
        return Ok(());
    }
    Err(TaskError::Missing(format!("Rust's library for {} is missing: rustup target add {0}", abi.rust)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_ndk_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let error = programs(folder.path()).unwrap_err().to_string();
        assert!(error.contains("ANDROID_NDK_HOME"), "{error}");
        let programs_folder = folder.path().join("toolchains/llvm/prebuilt/linux-x86_64/bin");
        files::create_folder(&programs_folder).unwrap();
        assert_eq!(programs(folder.path()).unwrap(), programs_folder);
    }
}
