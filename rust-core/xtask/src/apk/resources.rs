//! Manifest and resources, with aapt2.
use super::{
    APPLICATION, archive, files,
    java::Java,
    maven::{self, Wanted},
    platform, program,
    versions::Versions,
};
use crate::{TaskError, cargo::root};
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Resources that were linked.
pub(crate) struct Resources {
    /// A zip with the binary manifest, the resource table and the files it names.
    pub(crate) package: PathBuf,
    /// The manifest as text, with the application's name in it.
    pub(crate) manifest: PathBuf,
    /// Compiled `R` classes.
    pub(crate) classes: PathBuf,
    /// R8's rules for what manifest and layouts name.
    pub(crate) rules: PathBuf,
}

/// Compiles and links them into the folder.
pub(crate) fn link(versions: &Versions, java: &Java, folder: &Path) -> Result<Resources, TaskError> {
    let source = root().join("android-app/src/main");
    let aapt2 = aapt2(versions)?;
    let resources = Resources {
        package: folder.join("resources.apk"),
        manifest: folder.join("AndroidManifest.xml"),
        classes: folder.join("r-classes"),
        rules: folder.join("resources.pro"),
    };
    let manifest_source = source.join("AndroidManifest.xml");
    let manifest = with_package(&files::read_text(&manifest_source)?)
        .map_err(|reason| TaskError::Refused(format!("{}: {reason}", manifest_source.display())))?;
    files::write(&resources.manifest, manifest)?;

    let compiled = folder.join("resources.zip");
    let mut compile = Command::new(&aapt2);
    compile.arg("compile").arg("--dir").arg(source.join("res")).arg("-o").arg(&compiled);
    program::run(compile)?;

    let java_source = folder.join("r-source");
    files::create_folder(&java_source)?;
    let mut link = Command::new(&aapt2);
    link.arg("link")
        .arg("-o")
        .arg(&resources.package)
        .arg("-I")
        .arg(platform::slim(versions)?)
        .arg("--manifest")
        .arg(&resources.manifest)
        .arg("--java")
        .arg(&java_source)
        .arg("--proguard")
        .arg(&resources.rules)
        .args(["--min-sdk-version", versions.get("min-sdk")?])
        .args(["--target-sdk-version", versions.get("target-sdk")?])
        .args(["--version-code", versions.get("app-code")?])
        .args(["--version-name", versions.get("app-name")?])
        .arg("--auto-add-overlay")
        .arg(&compiled);
    program::run(link)?;

    files::create_folder(&resources.classes)?;
    let mut javac = java.program("javac");
    javac.args(["-nowarn", "-Xlint:-options", "--release", "8", "-d"]).arg(&resources.classes);
    javac.args(files::ending(&files::files_below(&java_source)?, ".java"));
    program::run(javac)?;
    Ok(resources)
}

/// aapt2, which apktool carries along.
pub(crate) fn aapt2(versions: &Versions) -> Result<PathBuf, TaskError> {
    let apktool = versions.library("apktool")?;
    let program = files::cache()?.join(format!("aapt2-{}", apktool.version));
    files::once(&program, |unfinished| {
        let jar = apktool.file_name("jar");
        let jar = maven::fetch(versions, "aapt2", &[Wanted::alone(apktool, "jar")])?.join(jar);
        files::write(unfinished, archive::read_one(&jar, "prebuilt/linux/aapt2_64")?)?;
        std::fs::set_permissions(unfinished, std::fs::Permissions::from_mode(0o755))
            .map_err(|source| files::failure("marking as a program", unfinished, source))
    })?;
    Ok(program)
}

/// Gradle wants a manifest without the application's name, aapt2 wants it there.
fn with_package(manifest: &str) -> Result<String, &'static str> {
    let start = manifest.find("<manifest").ok_or("there is no <manifest>")? + "<manifest".len();
    let (before, after) = manifest.split_at(start);
    let tag = after.split('>').next().unwrap_or_default();
    if tag.contains("package=") {
        return Err("leave package= out: Gradle names the application in build.gradle.kts");
    }
    Ok(format!("{before} package=\"{APPLICATION}\"{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_named_once() {
        let named =
            with_package("<?xml version=\"1.0\"?>\n<manifest xmlns:android=\"a\">\n</manifest>").unwrap();
        assert!(named.contains("<manifest package=\"org.consentry\" xmlns:android=\"a\">"), "{named}");
        assert!(with_package(&named).unwrap_err().contains("package="));
        assert!(with_package("<resources/>").is_err());
    }
}
