//! Debian's compilers: Rust with its library's source, clang and lld, and nothing of Google's.
use super::{
    super::{files, program, versions::Versions},
    Toolchain,
    abi::Abi,
    cargo_of_its_own, cargo_setting, for_target, stand_ins,
    symbols::SystemSymbols,
    unwinder,
};
use crate::{TaskError, tools::ensure_each};
use std::{path::Path, process::Command};

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LIBRARY_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// Android 15's pages may be 16 KiB; a library linked for less does not load there. Every Android since 6 reads GNU's hash
/// table and packed relocations, which save 70 KB.
const LINKER_RULES: &str =
    "-Wl,-z,max-page-size=16384,--no-undefined,--hash-style=gnu,--icf=all,--pack-dyn-relocs=android";

/// LLVM's programs and how they are told what to build for.
pub(super) struct Tools {
    pub(super) clang: String,
    pub(super) linker: String,
    pub(super) archiver: String,
    api: String,
}

impl Tools {
    /// clang's word for the processor and the lowest Android.
    pub(super) fn target(&self, abi: &Abi) -> String {
        format!("--target={}{}", abi.clang, self.api)
    }
}

/// Makes everything ready.
pub(super) fn prepare(versions: &Versions, abi: &Abi) -> Result<Toolchain, TaskError> {
    let llvm = versions.get("llvm")?;
    let tools = Tools {
        clang: format!("/usr/bin/clang-{llvm}"),
        linker: format!("-fuse-ld=lld-{llvm}"),
        archiver: format!("/usr/bin/llvm-ar-{llvm}"),
        api: versions.get("min-sdk")?.to_owned(),
    };
    ensure_each(&[
        (RUSTC, "rustc-web"),
        (CARGO, "cargo-web"),
        (LIBRARY_SOURCE, "rust-web-src"),
        (&tools.clang, &format!("clang-{llvm}")),
        (&format!("/usr/bin/ld.lld-{llvm}"), &format!("lld-{llvm}")),
        (&tools.archiver, &format!("llvm-{llvm}")),
    ])?;
    one_version()?;

    let cache = files::cache()?.join("debian");
    let source = unwinder::source(versions)?;
    let symbols = SystemSymbols::read()?;
    let mut cargo = cargo_of_its_own(CARGO);
    cargo
        .env("RUSTC", RUSTC)
        // Rust's library is built along, which a released compiler does only when asked like this.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", cache.join("target"))
        .arg("-Zbuild-std=std,panic_unwind")
        // Without what would turn traces into names, of which a stripped library has none.
        .arg("-Zbuild-std-features=panic-unwind,optimize_for_size")
        // No path of this machine in the library, so that it is the same wherever it is built.
        .args(["-Ztrim-paths", "--config", "profile.release.trim-paths=\"all\""]);
    // The path is part of cargo's fingerprint, so it stays while its contents change.
    let folder = cache.join("libraries").join(abi.name);
    libraries(&tools, abi, &symbols, &source, &folder)?;
    let target = tools.target(abi);
    let arguments = [&target, &tools.linker, "-nostdlib", &format!("-L{}", folder.display()), LINKER_RULES]
        .map(|argument| format!("-Clink-arg={argument}"));
    cargo
        .env(cargo_setting(abi, "LINKER"), &tools.clang)
        .env(cargo_setting(abi, "RUSTFLAGS"), arguments.join(" "))
        .env(for_target("CC", abi), &tools.clang)
        .env(for_target("AR", abi), &tools.archiver)
        // ring's C code needs no C library, and says so when told.
        .env(
            for_target("CFLAGS", abi),
            format!("{target} -ffreestanding -nostdlibinc -DRING_CORE_NOSTDLIBINC"),
        );
    Ok(Toolchain { cargo, target_folder: cache.join("target"), listed_symbols: true })
}

/// The system libraries' stand-ins and the unwinder, made again when what they are made from changed.
fn libraries(
    tools: &Tools,
    abi: &Abi,
    symbols: &SystemSymbols,
    source: &Path,
    folder: &Path,
) -> Result<(), TaskError> {
    let mut recipe = format!("{} {} {}\n", tools.clang, tools.target(abi), source.display());
    for (library, names) in symbols.libraries() {
        recipe.extend([library].into_iter().chain(names).flat_map(|word| [word, "\n"]));
    }
    let stamp = folder.join("made-from.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == recipe) {
        return Ok(());
    }
    files::create_empty_folder(folder)?;
    stand_ins::make(tools, abi, symbols, folder)?;
    unwinder::make(tools, abi, source, folder)?;
    files::write(&stamp, recipe)
}

/// Compiler, cargo and the library's source have to be of one version: Debian updates them together.
fn one_version() -> Result<(), TaskError> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Version}\n", "rustc-web", "cargo-web", "rust-web-src"]);
    let text = program::output(query)?;
    let mut versions: Vec<&str> = text.lines().collect();
    versions.dedup();
    if versions.len() == 1 {
        return Ok(());
    }
    Err(TaskError::Refused(format!(
        "rustc-web, cargo-web and rust-web-src are of different versions ({}): apt-get install --only-upgrade them",
        versions.join(", ")
    )))
}
