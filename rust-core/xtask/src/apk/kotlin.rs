//! Kotlin's compiler.
use super::{
    files,
    java::{Java, joined},
    maven::{self, Wanted},
    program,
    versions::Versions,
};
use crate::TaskError;
use std::path::{Path, PathBuf};

/// The compiler and the library its programs need.
pub(crate) struct Kotlin {
    class_path: Vec<PathBuf>,
    /// Kotlin's own library.
    pub(crate) library: PathBuf,
}

/// What is compiled, and against what.
pub(crate) struct Module<'a> {
    /// A name for it.
    pub(crate) name: &'a str,
    /// Folder of its sources.
    pub(crate) source: &'a Path,
    /// What it may use, besides Kotlin's library.
    pub(crate) class_path: &'a [PathBuf],
    /// Classes whose `internal` parts it may use: tests see what they test.
    pub(crate) friend: Option<&'a Path>,
    /// Whether only what Java 8 has may be used, as on Android.
    pub(crate) java_8_only: bool,
}

impl Kotlin {
    /// Fetches it.
    pub(crate) fn fetch(versions: &Versions) -> Result<Self, TaskError> {
        let compiler = versions.library("kotlin-compiler")?;
        let folder = maven::fetch(versions, "kotlin", &[Wanted::whole(compiler)])?;
        let library = folder.join(versions.library("kotlin-stdlib")?.file_name("jar"));
        Ok(Self { class_path: files::files_below(&folder)?, library })
    }

    /// Compiles a module into the folder; a warning is an error.
    pub(crate) fn compile(&self, java: &Java, module: &Module<'_>, folder: &Path) -> Result<(), TaskError> {
        let mut class_path = module.class_path.to_vec();
        class_path.push(self.library.clone());
        let mut command = java.command(&self.class_path, "1g");
        command
            .arg("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler")
            .args(["-no-stdlib", "-no-reflect", "-Werror", "-jvm-target", "1.8"])
            // The platform's own annotations say less than is so.
            .arg("-Xnullability-annotations=@android.annotation:ignore")
            .args(["-module-name", module.name])
            .arg("-cp")
            .arg(joined(&class_path))
            .arg("-d")
            .arg(folder);
        if module.java_8_only {
            command.arg("-Xjdk-release=1.8");
        }
        if let Some(friend) = module.friend {
            command.arg(format!("-Xfriend-paths={}", friend.display()));
        }
        command.arg(module.source);
        files::create_folder(folder)?;
        program::run(command)
    }
}
