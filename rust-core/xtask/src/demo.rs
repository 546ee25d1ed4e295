//! `cargo xtask demo`.
use crate::{
    TaskError,
    cargo::{built, command, succeeds},
    isolation::Isolation,
    tools,
};
use std::process::{Command, Stdio};

/// Builds what is needed and plays the demonstration.
pub(crate) fn run(interactive: bool) -> Result<bool, TaskError> {
    println!("building; the first time takes a few minutes");
    let packages = ["build", "--package", "consentry", "--package", "consentry-tests", "--bins"];
    if !succeeds(command(&packages))? {
        return Err(TaskError::Failed("the build".into()));
    }
    tools::ensure()?;
    let isolation = Isolation::find();
    if let Isolation::Impossible(why) = &isolation {
        return Err(TaskError::Missing(why.clone()));
    }
    let mut demo = Command::new(built("consentry-demo"));
    demo.env("CONSENTRY_BIN", built("consentry"));
    if interactive {
        demo.arg("--interactive");
    }
    let mut demo = isolation.wrap(demo);
    demo.stdin(if interactive { Stdio::inherit() } else { Stdio::null() });
    succeeds(demo)
}
