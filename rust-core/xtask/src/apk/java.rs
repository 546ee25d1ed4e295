//! The Java Development Kit: Kotlin's compiler, R8 and the app's tests run on it.
use super::{files, program};
use crate::{TaskError, tools};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// What Robolectric needs for Android 15.
const LOWEST: u32 = 17;

/// A JDK.
pub(crate) struct Java {
    home: PathBuf,
}

impl Java {
    /// The one `JAVA_HOME` names, else the one whose `javac` is found, else one that is installed now.
    pub(crate) fn find() -> Result<Self, TaskError> {
        let java = Self::any()?;
        let release = files::read_text(&java.home.join("release")).unwrap_or_default();
        match version(&release) {
            Some(version) if version < LOWEST => Err(TaskError::Missing(format!(
                "{} is a JDK {version}: JDK {LOWEST} or later is needed, set JAVA_HOME",
                java.home.display()
            ))),
            _ => Ok(java),
        }
    }

    fn any() -> Result<Self, TaskError> {
        if let Some(home) = std::env::var_os("JAVA_HOME").map(PathBuf::from)
            && home.join("bin/javac").is_file()
        {
            return Ok(Self { home });
        }
        tools::ensure_each(&[("javac", "openjdk-17-jdk-headless")])?;
        let mut find = Command::new("sh");
        find.args(["-c", "readlink -f \"$(command -v javac)\""]);
        let javac = PathBuf::from(program::output(find)?.trim());
        let home = javac.ancestors().nth(2).filter(|home| home.join("bin/java").is_file());
        home.map(|home| Self { home: home.to_owned() }).ok_or_else(|| {
            TaskError::Missing(format!("{} belongs to no JDK: set JAVA_HOME", javac.display()))
        })
    }

    /// Where it is installed.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// One of its programs, such as "javac".
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.home.join("bin").join(name))
    }

    /// A Java program with this class path, which may use so much memory ("1g"); its main class is still to be named.
    pub(crate) fn command(&self, class_path: &[PathBuf], memory: &str) -> Command {
        let mut command = self.program("java");
        command.arg(format!("-Xmx{memory}")).arg("-cp").arg(joined(class_path));
        command
    }
}

/// The version in a JDK's file `release`: 17 for `JAVA_VERSION="17.0.15"`, 1 for the old "1.8.0".
fn version(release: &str) -> Option<u32> {
    let value = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
    value.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A class path as Java's programs take it.
pub(crate) fn joined(class_path: &[PathBuf]) -> OsString {
    class_path.iter().map(|path| path.as_os_str()).collect::<Vec<_>>().join(std::ffi::OsStr::new(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jdk_says_its_version() {
        assert_eq!(version("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.15\"\n"), Some(17));
        assert_eq!(version("JAVA_VERSION=\"21\""), Some(21));
        assert_eq!(version("JAVA_VERSION=\"1.8.0_402\""), Some(1));
        assert_eq!(version(""), None);
    }
}
