//! Versions, from gradle/libs.versions.toml and nowhere else.
use super::files;
use crate::{TaskError, cargo::root};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// Gradle's version catalogue.
#[derive(Debug, Deserialize)]
pub(crate) struct Versions {
    versions: BTreeMap<String, String>,
    libraries: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    module: String,
    version: Reference,
}

#[derive(Debug, Deserialize)]
struct Reference {
    r#ref: String,
}

/// A library as Maven names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Library {
    /// Who publishes it, such as "org.robolectric".
    pub(crate) group: String,
    /// Its name there.
    pub(crate) artifact: String,
    /// Its version.
    pub(crate) version: String,
}

impl Library {
    /// The name Maven gives its file.
    pub(crate) fn file_name(&self, kind: &str) -> String {
        format!("{}-{}.{kind}", self.artifact, self.version)
    }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

impl Versions {
    /// Where they are kept.
    pub(crate) fn path() -> PathBuf {
        root().join("gradle/libs.versions.toml")
    }

    /// Reads them.
    pub(crate) fn read() -> Result<Self, TaskError> {
        Self::parse(&files::read_text(&Self::path())?)
    }

    fn parse(text: &str) -> Result<Self, TaskError> {
        toml::from_str(text).map_err(|error| {
            TaskError::Refused(format!("gradle/libs.versions.toml: {}", error.to_string().trim_end()))
        })
    }

    /// The version with this name.
    pub(crate) fn get(&self, name: &str) -> Result<&str, TaskError> {
        self.versions.get(name).map(String::as_str).ok_or_else(|| {
            TaskError::Refused(format!("gradle/libs.versions.toml has no {name:?} under [versions]"))
        })
    }

    /// The library with this name.
    pub(crate) fn library(&self, name: &str) -> Result<Library, TaskError> {
        let entry = self.libraries.get(name).ok_or_else(|| {
            TaskError::Refused(format!("gradle/libs.versions.toml has no {name:?} under [libraries]"))
        })?;
        let (group, artifact) = entry.module.split_once(':').ok_or_else(|| {
            TaskError::Refused(format!("gradle/libs.versions.toml: {name}: a module is \"group:name\""))
        })?;
        Ok(Library {
            group: group.to_owned(),
            artifact: artifact.to_owned(),
            version: self.get(&entry.version.r#ref)?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const SMALL: &str = r#"
        [versions]
        robot = "4.16"
        [libraries]
        robot = { module = "org.robot:robot", version.ref = "robot" }
        lost = { module = "org.robot:lost", version.ref = "nowhere" }
        odd = { module = "robot", version.ref = "robot" }
    "#;

    #[test]
    fn a_library_has_the_version_it_refers_to() {
        let library = Versions::parse(SMALL).unwrap().library("robot").unwrap();
        assert_eq!(library.to_string(), "org.robot:robot:4.16");
        assert_eq!(library.file_name("aar"), "robot-4.16.aar");
    }

    #[test]
    fn what_is_missing_is_named() {
        let versions = Versions::parse(SMALL).unwrap();
        for (name, word) in [("lost", "nowhere"), ("odd", "group:name"), ("absent", "absent")] {
            let error = versions.library(name).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(
            Versions::parse("[versions]\nkotlin = 2").unwrap_err().to_string().contains("libs.versions.toml")
        );
    }

    #[test]
    fn the_app_has_the_workspaces_version() {
        assert_eq!(Versions::read().unwrap().get("app-name").unwrap(), env!("CARGO_PKG_VERSION"));
    }

    /// Gradle's build takes every version from the catalogue, and names only what the catalogue has.
    #[test]
    fn gradle_agrees() {
        let text = |path: &str| files::read_text(&root().join(path)).unwrap();
        let app = text("android-app/build.gradle.kts");
        let catalogue: toml::Table = toml::from_str(&text("gradle/libs.versions.toml")).unwrap();
        for (accessor, table) in
            [("libs.versions.", "versions"), ("libs.plugins.", "plugins"), ("libs.", "libraries")]
        {
            for used in app.split(accessor).skip(1) {
                let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '.').collect();
                let name = name.trim_end_matches(".get").replace('.', "-");
                if accessor == "libs." && (name.starts_with("versions-") || name.starts_with("plugins-")) {
                    continue;
                }
                assert!(catalogue[table].get(&name).is_some(), "{accessor}{name} is not in the catalogue");
            }
        }
        for word in ["min-sdk", "target-sdk", "compile-sdk", "app-name", "app-code"] {
            let accessor = format!("libs.versions.{}.get()", word.replace('-', "."));
            assert!(app.contains(&accessor), "build.gradle.kts does not use {accessor}");
        }
        let gradle = Versions::read().unwrap().get("gradle").unwrap().to_owned();
        assert!(
            text("gradle/wrapper/gradle-wrapper.properties").contains(&format!("/gradle-{gradle}-bin.zip"))
        );
        for path in ["settings.gradle.kts", "build.gradle.kts", "android-app/build.gradle.kts"] {
            let numbers = text(path).lines().any(|line| {
                line.contains('"')
                    && line.split('"').nth(1).is_some_and(|word| {
                        word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.')
                    })
            });
            assert!(!numbers, "{path} states a version of its own");
        }
        assert!(app.contains(&format!("namespace = \"{}\"", crate::apk::APPLICATION)));
        assert!(app.contains("gradle/rules.pro") && Path::new(&root().join("gradle/rules.pro")).exists());
    }
}
