//! `cargo xtask apk`: from sources to a signed Android package that has been checked.
pub(crate) mod archive;
mod bytecode;
mod dex;
pub(crate) mod files;
pub(crate) mod java;
pub(crate) mod kotlin;
pub(crate) mod maven;
mod native;
mod package;
pub(crate) mod platform;
pub(crate) mod program;
pub(crate) mod resources;
mod sign;
mod verify;
pub(crate) mod versions;

use crate::{TaskError, cargo::root};
use java::Java;
use kotlin::{Kotlin, Module};
use native::abi::{ABIS, Abi};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Instant,
};
use versions::Versions;

/// The application's name, which is also the package of its classes.
pub(crate) const APPLICATION: &str = "org.consentry";

/// What `cargo xtask apk` can be asked for.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build twice, compiling our own crates again, and compare the two packages byte by byte
    #[arg(long)]
    twice: bool,
    /// Build for this processor only, by Android's name, such as arm64-v8a; can be given several times
    #[arg(long = "abi", value_name = "NAME")]
    abis: Vec<String>,
    /// Build the native libraries only, and put them into this folder (for Gradle)
    #[arg(long, value_name = "FOLDER", conflicts_with = "twice")]
    libraries_only: Option<PathBuf>,
}

/// Builds the package and says where it is.
pub(crate) fn run(options: &Options) -> Result<bool, TaskError> {
    let abis = chosen(&options.abis)?;
    let versions = Versions::read()?;
    if let Some(folder) = &options.libraries_only {
        native::build(&versions, &abis, false, folder)?;
        return Ok(true);
    }
    let folder = root().join("build");
    let package = folder.join("consentry.apk");
    let hash = build(&versions, &abis, false, &folder.join("apk"), &package)?;
    if options.twice {
        println!("once more, to compare");
        let again = folder.join("again/consentry.apk");
        if build(&versions, &abis, true, &folder.join("again"), &again)? != hash {
            return Err(TaskError::Refused(format!(
                "{} and {} differ: the build is not reproducible",
                package.display(),
                again.display()
            )));
        }
        println!("both packages are the same, byte by byte");
    }
    Ok(true)
}

/// Builds one package; gives its SHA-256.
fn build(
    versions: &Versions,
    abis: &[Abi],
    afresh: bool,
    folder: &Path,
    package: &Path,
) -> Result<String, TaskError> {
    let began = Instant::now();
    let step = |what: &str| println!("[{:>3} s] {what}", began.elapsed().as_secs());
    files::create_empty_folder(folder)?;

    step("native libraries");
    let libraries = native::build(versions, abis, afresh, &folder.join("libraries"))?;
    for library in &libraries {
        let size = files::read(&library.path)?.len();
        println!("        {}: {size} bytes", library.abi.name);
    }

    step("resources");
    let java = Java::find()?;
    let resources = resources::link(versions, &java, folder)?;

    step("Kotlin");
    let kotlin = Kotlin::fetch(versions)?;
    let classes = folder.join("classes");
    let module = Module {
        name: "app",
        source: &root().join("android-app/src/main/kotlin"),
        class_path: &[platform::slim(versions)?, resources.classes.clone()],
        friend: None,
        java_8_only: true,
    };
    kotlin.compile(&java, &module, &classes)?;

    step("bytecode");
    let all = [classes.as_path(), &resources.classes];
    let bytecode = dex::make(versions, &java, &all, &kotlin.library, &resources.rules, folder)?;

    step("package");
    let unsigned = folder.join("unsigned.apk");
    files::write(&unsigned, package::pack(&resources.package, &bytecode, &libraries)?)?;
    let key = sign::Key::find(&java)?;
    sign::sign(&key, &unsigned, package)?;

    step("checks");
    verify::check(versions, package, abis, &resources.rules)?;

    let bytes = files::read(package)?;
    let hash = files::sha256(&bytes);
    let key = if key.debug { "a debug key of this machine" } else { "the key the environment names" };
    step("done");
    println!("{}\n{} bytes, signed with {key}\nSHA-256 {hash}", package.display(), bytes.len());
    Ok(hash)
}

/// The processors with these names; all if there is none.
fn chosen(names: &[String]) -> Result<Vec<Abi>, TaskError> {
    if names.is_empty() {
        return Ok(ABIS.to_vec());
    }
    if let Some(name) = names.iter().find(|name| !ABIS.iter().any(|abi| abi.name == **name)) {
        let known: Vec<&str> = ABIS.iter().map(|abi| abi.name).collect();
        return Err(TaskError::Refused(format!("--abi {name}: there are {}", known.join(", "))));
    }
    Ok(ABIS.into_iter().filter(|abi| names.iter().any(|name| name == abi.name)).collect())
}

/// The names of these.
fn abi_names(abis: &[Abi]) -> BTreeSet<&'static str> {
    abis.iter().map(|abi| abi.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_chosen_by_androids_names() {
        assert_eq!(abi_names(&chosen(&[]).unwrap()), ["arm64-v8a", "armeabi-v7a", "x86_64"].into());
        assert_eq!(abi_names(&chosen(&["x86_64".to_owned()]).unwrap()), ["x86_64"].into());
        let error = chosen(&["mips".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("mips") && error.contains("arm64-v8a"), "{error}");
    }
}
