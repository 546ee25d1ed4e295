//! LLVM's unwinder, which carries a panic up to where it becomes a Java exception. Android's own lies in the NDK; its
//! source is in the wheel of the Zig compiler, which `PyPI` has.
use super::{
    super::{archive, files, program, versions::Versions},
    abi::Abi,
    debian::Tools,
};
use crate::{TaskError, tools::ensure_each};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const SOURCES: [&str; 6] = [
    "libunwind.cpp",
    "Unwind-EHABI.cpp",
    "UnwindLevel1.c",
    "UnwindLevel1-gcc-ext.c",
    "UnwindRegistersRestore.S",
    "UnwindRegistersSave.S",
];

/// Each file is one thread's business: the only lock would guard a cache of code loaded at run time, which we have not.
const FLAGS: &[&str] = &[
    "-Os",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-funwind-tables",
    "-fno-exceptions",
    "-DNDEBUG",
    "-D_LIBUNWIND_HIDE_SYMBOLS",
    "-D_LIBUNWIND_DISABLE_VISIBILITY_ANNOTATIONS",
    "-D_LIBUNWIND_HAS_NO_THREADS",
    "-D_LIBUNWIND_REMEMBER_STACK_ALLOC",
    "-nostdlibinc",
    "-w",
];

/// The folders of the wheel that hold the source, and the C headers it includes for their prototypes.
fn wanted(name: &str) -> bool {
    name.contains("/lib/libunwind/")
        || name.contains("/lib/libc/include/generic-musl/")
        || super::abi::ABIS.iter().any(|abi| name.contains(&format!("/lib/libc/include/{}/", abi.headers)))
}

/// The folder with the source, fetched if need be.
pub(super) fn source(versions: &Versions) -> Result<PathBuf, TaskError> {
    let (version, hash) = (versions.get("ziglang")?, versions.get("ziglang-sha256")?);
    let folder = files::cache()?.join(format!("unwinder-{version}-{}", &hash[..12.min(hash.len())]));
    files::once(&folder, |unfinished| {
        println!("fetching the unwinder's source with pip: ziglang {version}");
        ensure_each(&[("python3", "python3"), ("pip3", "python3-pip")])?;
        let requirements = unfinished.join("requirements.txt");
        files::write(&requirements, format!("ziglang=={version} --hash=sha256:{hash}\n"))?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"])
            .args(["--platform", "manylinux_2_12_x86_64", "--require-hashes", "--dest"])
            .arg(unfinished)
            .arg("--requirement")
            .arg(&requirements);
        program::run(pip)?;
        let wheel = files::ending(&files::files_below(unfinished)?, ".whl").pop();
        let wheel = wheel.ok_or_else(|| TaskError::Refused("pip downloaded no wheel of ziglang".into()))?;
        if files::sha256(&files::read(&wheel)?) != hash {
            return Err(TaskError::Refused(format!("{} is not the file that is pinned", wheel.display())));
        }
        archive::read_each(&wheel, wanted, |entry| {
            files::write(&unfinished.join(&entry.name), entry.contents)
        })?;
        std::fs::remove_file(&wheel).map_err(|source| files::failure("removing", &wheel, source))
    })?;
    Ok(folder.join("ziglang/lib"))
}

/// Compiles it into libunwind.a in the folder.
pub(super) fn make(tools: &Tools, abi: &Abi, source: &Path, folder: &Path) -> Result<(), TaskError> {
    let mut objects = Vec::new();
    for file in SOURCES {
        let object = folder.join(file).with_extension("o");
        let mut compile = Command::new(&tools.clang);
        compile.arg(tools.target(abi)).args(abi.flags).args(FLAGS);
        if Path::new(file).extension().is_some_and(|end| end == "cpp") {
            compile.args(["-std=c++17", "-fno-rtti"]);
        }
        compile.arg("-I").arg(source.join("libunwind/include"));
        for headers in [abi.headers, "generic-musl"] {
            compile.arg("-isystem").arg(source.join("libc/include").join(headers));
        }
        compile.arg("-c").arg(source.join("libunwind/src").join(file)).arg("-o").arg(&object);
        program::run(compile)?;
        objects.push(object);
    }
    let mut archive = Command::new(&tools.archiver);
    archive.arg("rcsD").arg(folder.join("libunwind.a")).args(objects);
    program::run(archive)
}
