//! The Java Development Kit: Kotlin's compiler, R8 and the app's tests run on it.
use super::program;
use crate::{TaskError, tools};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// A JDK.
pub(crate) struct Java {
    home: PathBuf,
}

impl Java {
    /// The one `JAVA_HOME` names, else the one whose `javac` is found, else one that is installed now.
    pub(crate) fn find() -> Result<Self, TaskError> {
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

/// A class path as Java's programs take it.
pub(crate) fn joined(class_path: &[PathBuf]) -> OsString {
    class_path.iter().map(|path| path.as_os_str()).collect::<Vec<_>>().join(std::ffi::OsStr::new(":"))
}
