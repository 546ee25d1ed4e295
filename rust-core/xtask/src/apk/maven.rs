//! Fetching libraries with Maven, from the repositories its settings name.
use super::{
    files,
    versions::{Library, Versions},
};
use crate::{TaskError, tools};
use std::{
    fmt::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// A library to fetch.
pub(crate) struct Wanted {
    library: Library,
    kind: &'static str,
    alone: bool,
    without: Vec<Library>,
}

impl Wanted {
    /// The library and all it depends on.
    pub(crate) fn whole(library: Library) -> Self {
        Self { library, kind: "jar", alone: false, without: Vec::new() }
    }

    /// The library's own file only; `kind` is "jar" or "aar".
    pub(crate) fn alone(library: Library, kind: &'static str) -> Self {
        Self { library, kind, alone: true, without: Vec::new() }
    }

    /// Leaves some of what it depends on out.
    pub(crate) fn without(mut self, libraries: Vec<Library>) -> Self {
        self.without = libraries;
        self
    }
}

/// Fetches these into a folder of the cache, named after them; gives the folder, which is complete if it is there.
pub(crate) fn fetch(versions: &Versions, name: &str, wanted: &[Wanted]) -> Result<PathBuf, TaskError> {
    let plugin = versions.get("maven-dependency-plugin")?;
    let project = project(name, wanted);
    let key = &files::sha256(format!("{plugin}\n{project}").as_bytes())[..12];
    let folder = files::cache()?.join("maven").join(format!("{name}-{key}"));
    files::once(&folder, |unfinished| {
        println!("fetching with Maven: {name}");
        tools::ensure_each(&[("mvn", "maven")])?;
        let description = unfinished.with_extension("pom.xml");
        files::write(&description, &project)?;
        let mut maven = Command::new("mvn");
        maven
            .args(["--quiet", "--batch-mode", "--strict-checksums", "--file"])
            .arg(&description)
            .arg(format!("org.apache.maven.plugins:maven-dependency-plugin:{plugin}:copy-dependencies"))
            .arg(format!("-DoutputDirectory={}", unfinished.display()));
        let output = maven
            .stdin(Stdio::null())
            .output()
            .map_err(|source| TaskError::Start { program: "mvn".into(), source })?;
        if output.status.success() { Ok(()) } else { Err(explain(&String::from_utf8_lossy(&output.stdout))) }
    })?;
    Ok(folder)
}

/// The project file that makes Maven copy them.
fn project(name: &str, wanted: &[Wanted]) -> String {
    let mut text = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n\
         <groupId>org.consentry</groupId><artifactId>{name}</artifactId><version>1</version>\
         <packaging>pom</packaging>\n<dependencies>\n"
    );
    let exclusion = |group: &str, artifact: &str| {
        format!("<exclusion><groupId>{group}</groupId><artifactId>{artifact}</artifactId></exclusion>")
    };
    for Wanted { library: Library { group, artifact, version }, kind, alone, without } in wanted {
        let _infallible = write!(
            text,
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version><type>{kind}</type>"
        );
        let excluded: String = if *alone {
            exclusion("*", "*")
        } else {
            without.iter().map(|library| exclusion(&library.group, &library.artifact)).collect()
        };
        if !excluded.is_empty() {
            let _infallible = write!(text, "<exclusions>{excluded}</exclusions>");
        }
        text.push_str("</dependency>\n");
    }
    text.push_str("</dependencies></project>\n");
    text
}

/// Says in one sentence why Maven could not fetch something.
fn explain(said: &str) -> TaskError {
    let missing = ["Could not find artifact ", "Failure to find ", "Missing: "]
        .iter()
        .find_map(|words| said.split(words).nth(1)?.split_whitespace().next());
    if let Some(artifact) = missing {
        let google = ["com.android.", "androidx.", "com.google.android"]
            .iter()
            .any(|group| artifact.starts_with(group));
        return TaskError::Missing(if google {
            format!(
                "Maven does not find {artifact}, which Google publishes: add the repository \
                 https://maven.google.com to ~/.m2/settings.xml"
            )
        } else {
            format!("Maven does not find {artifact} in the repositories that its settings name")
        });
    }
    eprint!("{said}");
    TaskError::Failed("fetching with Maven".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(group: &str) -> Library {
        Library { group: group.into(), artifact: "robot".into(), version: "1".into() }
    }

    #[test]
    fn the_repository_to_add_is_named_for_what_google_publishes() {
        let said = "[ERROR] Could not find artifact com.android.tools:r8:jar:8.13.19 in central (https://x)";
        let text = explain(said).to_string();
        assert!(
            text.contains("com.android.tools:r8:jar:8.13.19") && text.contains("https://maven.google.com")
        );
        assert!(!text.contains('\n'));
        let other = explain("Could not find artifact org.robot:robot:jar:1 in central").to_string();
        assert!(other.contains("org.robot:robot") && !other.contains("google"), "{other}");
    }

    #[test]
    fn what_is_left_out_is_in_the_project() {
        let whole = project("x", &[Wanted::whole(library("a")).without(vec![library("b")])]);
        assert!(whole.contains("<exclusion><groupId>b</groupId>"), "{whole}");
        let alone = project("x", &[Wanted::alone(library("a"), "aar")]);
        assert!(alone.contains("<groupId>*</groupId>") && alone.contains("<type>aar</type>"), "{alone}");
        assert!(!project("x", &[Wanted::whole(library("a"))]).contains("exclusion"));
    }
}
