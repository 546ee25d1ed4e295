//! Android's classes and resources, to compile against.
use super::{
    archive::{self, Archive, Method},
    files,
    maven::{self, Wanted},
    versions::Versions,
};
use crate::TaskError;
use std::path::PathBuf;

/// What an app may see. Java's own classes, which android-all has too, come from the JDK.
const PACKAGES: [&str; 6] =
    ["android/", "com/android/internal/", "dalvik/", "org/apache/http/", "org/json/", "org/xmlpull/"];

/// What the name of a compiled class ends with.
pub(super) const CLASS: &str = ".class";

/// The platform's whole jar, with the classes that are not for apps.
pub(crate) fn whole(versions: &Versions) -> Result<PathBuf, TaskError> {
    let library = versions.library("android-all")?;
    let file = library.file_name("jar");
    Ok(maven::fetch(versions, "platform", &[Wanted::alone(library, "jar")])?.join(file))
}

/// The part of it that apps are compiled against.
pub(crate) fn slim(versions: &Versions) -> Result<PathBuf, TaskError> {
    let whole = whole(versions)?;
    let slim = files::cache()?.join(format!("platform-{}.jar", versions.get("android-all")?));
    files::once(&slim, |unfinished| {
        let mut archive = Archive::default();
        let wanted = |name: &str| {
            let class = name.ends_with(CLASS) && PACKAGES.iter().any(|package| name.starts_with(package));
            class || name == "AndroidManifest.xml" || name == "resources.arsc"
        };
        archive::read_each(&whole, wanted, |entry| {
            archive.add(&entry.name, &entry.contents, Method::Stored { align: 4 })
        })?;
        files::write(unfinished, archive.finish()?)
    })?;
    Ok(slim)
}
