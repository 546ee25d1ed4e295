//! Dalvik bytecode, made by R8.
use super::{
    archive::{Archive, Method},
    files,
    java::Java,
    maven::{self, Wanted},
    platform, program,
    versions::Versions,
};
use crate::{TaskError, cargo::root};
use std::path::{Path, PathBuf};

/// Shrinks the classes in these folders and translates them; gives the .dex files.
pub(crate) fn make(
    versions: &Versions,
    java: &Java,
    classes: &[&Path],
    library: &Path,
    resource_rules: &Path,
    folder: &Path,
) -> Result<Vec<PathBuf>, TaskError> {
    let r8 = versions.library("r8")?;
    let jar = r8.file_name("jar");
    let r8 = maven::fetch(versions, "r8", &[Wanted::alone(r8, "jar")])?.join(jar);
    let program_classes = folder.join("classes.jar");
    files::write(&program_classes, jar_of(classes)?)?;
    let output = folder.join("dex");
    files::create_empty_folder(&output)?;
    let mut command = java.command(&[r8], "2g");
    command
        .arg("com.android.tools.r8.R8")
        .args(["--release", "--min-api", versions.get("min-sdk")?])
        .arg("--lib")
        .arg(platform::slim(versions)?)
        .arg("--lib")
        .arg(java.home())
        .arg("--pg-conf")
        .arg(root().join("gradle/rules.pro"))
        .arg("--pg-conf")
        .arg(resource_rules)
        .arg("--output")
        .arg(&output)
        .arg(&program_classes)
        .arg(library);
    program::run(command)?;
    Ok(files::ending(&files::files_below(&output)?, ".dex"))
}

/// All classes in these folders as one jar.
fn jar_of(folders: &[&Path]) -> Result<Vec<u8>, TaskError> {
    let mut archive = Archive::default();
    for folder in folders {
        for file in files::ending(&files::files_below(folder)?, platform::CLASS) {
            let name = file.strip_prefix(folder).expect("it lies in the folder").to_string_lossy();
            archive.add(&name, &files::read(&file)?, Method::Compressed)?;
        }
    }
    archive.finish()
}
