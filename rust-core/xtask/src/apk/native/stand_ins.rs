//! Stand-ins for Android's system libraries: the linker wants to know which library has which symbol, and no more.
use super::{super::files, abi::Abi, debian::Tools, symbols::SystemSymbols};
use crate::TaskError;
use std::{fmt::Write as _, path::Path, process::Command};

/// Links one empty library for each list into the folder.
pub(super) fn make(
    tools: &Tools,
    abi: &Abi,
    symbols: &SystemSymbols,
    folder: &Path,
) -> Result<(), TaskError> {
    for (library, names) in symbols.libraries() {
        let mut assembly = String::from(".text\n");
        for name in names {
            let _infallible = writeln!(assembly, ".globl {name}\n.type {name},%function\n{name}:");
        }
        let source = folder.join(library).with_extension("s");
        files::write(&source, assembly)?;
        let mut link = Command::new(&tools.clang);
        link.arg(tools.target(abi))
            .args(["-nostdlib", "-shared"])
            .arg(&tools.linker)
            .arg(format!("-Wl,-soname,{library}.so"))
            .arg(&source)
            .arg("-o")
            .arg(folder.join(library).with_extension("so"));
        super::super::program::run(link)?;
    }
    Ok(())
}
